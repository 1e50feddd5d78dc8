"""The walk through time: every price point and resolution in order, one shared bankroll, integer money, no look-ahead.

At a point of a market: a waiting order is executed, the position is marked, exits are considered, then the opinion of
that point (if any) may place an order for the *next* point of the market. A resolution comes before the prices of the
instant at which it became known. What the engine assumes is written in `docs/explanation/assumptions.md`.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.config import CostSettings, RiskSettings
from edgeworth.core.panel import Int32s, Int64s
from edgeworth.core.units import DAY
from edgeworth.engine import layout as at
from edgeworth.engine.account import (
    affordable_lots,
    appraise,
    block,
    cancel,
    end_decline_of,
    enter,
    equity,
    fee_terms,
    finish_opinion,
    judge_passed,
    leave,
    market_at,
    note_equity,
    place,
    price_at,
    sample_curve,
    settle,
)
from edgeworth.engine.compiled import kernel, piece
from edgeworth.engine.exits import exit_reason
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.fills import quote_table
from edgeworth.engine.gate import GateCode, blocked, gate
from edgeworth.engine.layout import Inputs, Limits, State, i64
from edgeworth.engine.prefetch import soon
from edgeworth.engine.result import EngineResult, make_result
from edgeworth.engine.sizing import decide, drawdown_scale_ppm, exclusive_stakes, kelly, part, ratio_ppm
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, Tape

_UNPROVEN: Final = int(GateCode.UNPROVEN)
_MIN_EDGE: Final = int(GateCode.MIN_EDGE)
_DRAWDOWN_STOP: Final = int(GateCode.DRAWDOWN_STOP)
_TOO_LARGE: Final = int(GateCode.TOO_LARGE)
_BETTER_SIBLING: Final = int(GateCode.BETTER_SIBLING)
_MIN_SIZE: Final = int(GateCode.MIN_SIZE)
_NO_NEXT_PRICE: Final = int(GateCode.NO_NEXT_PRICE)
_AFTER_RESOLUTION: Final = int(GateCode.AFTER_RESOLUTION)
_BITS: Final = np.uint32(at.PRICE_BITS)
_MASK: Final = np.uint32(at.PRICE_MASK)
_WRAP: Final = 2**32 - 1
_ROW: Final = np.uint32(3)  # a market has 2**3 marks
_LOTS, _BID, _BASE, _LOW, _SPAN = (np.uint64(slot) for slot in (at.LOTS, at.BID, at.BASE, at.LOW, at.SPAN))


@kernel
def walk(view: Inputs, limits: Limits, state: State) -> None:
    """Walk the whole tape; results are left in `state`, `account[STATUS]` says whether the buffers sufficed."""
    _walk(view, limits, state)


@piece
def _walk(view: Inputs, limits: Limits, state: State) -> None:
    point, end, day = i64(0), i64(0), i64(0)
    count = i64(len(view.t))
    account = state.account
    while account[at.STATUS] == 0:
        stop = count
        if end < len(view.ends):
            stop = min(stop, view.ends[end, at.END_POSITION])
            _soon_market(view, state, view.ends[end, at.END_MARKET])
        if day < len(view.days):
            stop = min(stop, view.days[day, 1])
        point = advance(view, limits, state, point, stop)
        ends = end < len(view.ends) and view.ends[end, at.END_POSITION] == stop
        days = day < len(view.days) and view.days[day, 1] == stop
        if days and (not ends or view.days[day, 0] <= view.ends[end, at.END_T]):
            sample_curve(account, state.curve, view.days[day, 0])
            day += 1
        elif ends:
            settle(view, state, end)
            end += 1
        elif stop == count:
            break
    _finish(view, state)


@piece
def _finish(view: Inputs, state: State) -> None:
    """Cancel what still waits, give the last codes, close the last decline and write the last row."""
    for market in range(i64(len(state.cold))):
        if state.cold[market, at.FLAGS] & at.PENDING:
            cancel(view, state, market, i64(_NO_NEXT_PRICE), i64(at.NO_POINT))
        if state.cold[market, at.BLOCKED] != 0:
            judge_passed(view, state, market, i64(at.NO_POINT))
    account = state.account
    end_decline_of(account, account[at.PEAK], account[at.TROUGH])
    if len(view.t) > 0:
        last = view.t[-1]
        if len(view.ends) > 0:
            last = max(last, view.ends[-1, at.END_T])
        sample_curve(account, state.curve, last)


@piece
def advance(view: Inputs, limits: Limits, state: State, point: int, stop: int) -> int:
    """Walk the points from `point` up to `stop` and return where it stands: there, or where a buffer was full."""
    cold, account = state.cold, state.account
    while True:
        point = _glide(view, state, (point, stop))
        if point >= stop:
            return point
        observe(view, limits, state, point)
        market = market_at(view.word, point)
        opinion = cold[market, at.NEXT]
        if (
            cold[market, at.BLOCKED] == 0
            and opinion < view.terms[market, at.OPINION_LAST]
            and view.opinion[opinion] == point
        ):
            consider(view, limits, state, point, opinion)
        point += 1
        if account[at.STATUS] != 0:
            return point


@piece
def _glide(view: Inputs, state: State, where: tuple[int, int]) -> int:
    """Pass over points at which nothing is decided and return the first that needs more, or the stop.

    This is where the time goes, so it has no branch that is hard to predict. Who is busy changes only at points that
    need more; so the points of busy markets are first picked out of a stretch without such points, then marked.
    """
    point, stop = where
    while point < stop:
        limit = min(stop, point + at.WINDOW)
        last = _quiet_until(state.due, point, limit)
        if last < limit:
            soon(view.t, last)
            _soon_market(view, state, market_at(view.word, last))
        picked = _pick(view.word, state.busy, state.queue, (point, last))
        marked = _mark(view.word, view.bids, state, picked)
        if marked < picked:
            return i64(state.queue[marked])
        point = last
        if last < limit:
            break
    return point


@piece
def _soon_market(view: Inputs, state: State, market: int) -> None:
    """Have the rows of a market fetched that will be needed soon: two cache lines each, and its marks."""
    for line in (0, 8):
        soon(state.orders, at.COLD_COLUMNS * market + line)
        soon(view.facts, at.TERM_COLUMNS * market + line)
    soon(state.marks, 8 * market)


@piece
def _quiet_until(due: npt.NDArray[np.uint64], point: int, limit: int) -> int:
    """Return the first position from `point` on that must be looked at, or the limit."""
    place, skip = point >> 6, np.uint64(point & 63)
    bits = due[place] >> skip << skip
    while bits == 0:
        place += 1
        if place << 6 >= limit:
            return limit
        bits = due[place]
    position = place << 6
    for width in (np.uint64(32), np.uint64(16), np.uint64(8), np.uint64(4), np.uint64(2), np.uint64(1)):
        if bits & ((np.uint64(1) << width) - np.uint64(1)) == 0:
            bits >>= width
            position += i64(width)
    return min(position, limit)


@piece
def _pick(word: Any, busy: Any, queue: Any, span: tuple[int, int]) -> int:
    """Write down the points of busy markets and return how many there are."""
    count = np.uint64(0)
    for point in range(np.uint64(span[0]), np.uint64(span[1])):
        queue[count] = point
        count += np.uint64(busy[np.uint64(word[point] >> _BITS)])
    return i64(count)


@piece
def _mark(word: Any, bids: Any, state: State, count: int) -> int:
    """Mark the queued points and return how many: all, or those before the first price outside its window.

    A market with an order that waits has an empty window.
    """
    marks, queue, path, account = state.marks, state.queue, state.path, state.account
    value, done = account[at.VALUE], np.uint64(0)
    while done < np.uint64(count):
        packed = word[queue[done]]
        m, price = np.uint64((packed >> _BITS) << _ROW), i64(packed & _MASK)
        # one comparison for both ends of the window: below it the difference wraps around
        if ((price - marks[m | _LOW]) & _WRAP) >= marks[m | _SPAN]:
            break
        bid = i64(bids[np.uint64(marks[m | _BASE] + price)])
        value += marks[m | _LOTS] * (bid - marks[m | _BID])
        marks[m | _BID] = bid
        path[done] = value
        done += np.uint64(1)
    if done > np.uint64(0):
        account[at.VALUE] = value
        _note_path(account, path, i64(done))
    return i64(done)


@piece
def _note_path(account: Int64s, path: Int64s, count: int) -> None:
    """Update the highest equity and the lowest since with the values of a stretch in which only marks moved."""
    money = account[at.CASH] + account[at.RESERVED]
    peak, trough = account[at.PEAK] - money, account[at.TROUGH] - money
    low, high = path[0], path[0]
    for k in range(np.uint64(count)):
        low, high = min(low, path[k]), max(high, path[k])
    if high <= peak:
        account[at.TROUGH] = min(trough, low) + money
        return
    for k in range(np.uint64(count)):
        value = path[k]
        trough = min(trough, value)
        if value > peak:
            if trough < peak:
                end_decline_of(account, peak + money, trough + money)
            peak = value
            trough = value
    account[at.PEAK], account[at.TROUGH] = peak + money, trough + money


@piece
def observe(view: Inputs, limits: Limits, state: State, point: int) -> None:
    """Handle one point of a market in full: execute a waiting order, mark the position, consider its exits."""
    market, t = market_at(view.word, point), i64(view.t[point])
    cold, hot, account = state.cold, state.hot, state.account
    flag = cold[market, at.FLAGS]
    if flag == 0:
        return
    filled = False
    if flag & at.PENDING and t > cold[market, at.ORDER_T]:
        filled = enter(view, limits, state, point)
    elif flag & at.EXITING and t > cold[market, at.ORDER_T]:
        filled = leave(view, limits, state, point)
    if cold[market, at.FLAGS] & at.HELD:
        bid = i64(view.bids[hot[market, at.BASE] + price_at(view.word, point)])
        account[at.VALUE] += i64(hot[market, at.LOTS]) * (bid - i64(hot[market, at.BID]))
        hot[market, at.BID] = bid
        if cold[market, at.FLAGS] == at.HELD and not filled:
            _consider_exit(limits, hot, cold, market, t)
    note_equity(account)
    if filled:
        sample_curve(account, state.curve, t)


@piece
def _consider_exit(limits: Limits, hot: Int64s, cold: Int64s, market: int, t: int) -> None:
    """Decide to leave at the next observation: stop, then target, then edge gone, then time."""
    what = (i64(hot[market, at.BID]), i64(hot[market, at.PAID]), i64(cold[market, at.STOP]), i64(cold[market, at.TAKE]))
    reason = exit_reason(limits, what, t, i64(cold[market, at.DEADLINE]))
    if reason != 0:
        cold[market, at.REASON] = reason
        cold[market, at.ORDER_T] = t
        cold[market, at.FLAGS] = at.HELD | at.EXITING
        hot[market, at.SPAN] = 0


@piece
def consider(view: Inputs, limits: Limits, state: State, point: int, opinion: int) -> None:
    """Give the opinion of this point a gate code, or place an order that waits; its market is not blocked."""
    fair, cost, ask = appraise(view, point, opinion)
    if fair < 0:
        code = i64(_UNPROVEN)
    elif fair - cost < max(limits.min_edge, 1):
        code = i64(_MIN_EDGE)
    else:
        code = _try_order(view, limits, state, (point, opinion), (fair, cost, ask))
    if code != 0:
        finish_opinion(state.account, state.codes, opinion, code)
        market = market_at(view.word, point)
        state.cold[market, at.NEXT] = opinion + 1
        block(view, state, market, i64(0), point)


@piece
def _try_order(view: Inputs, limits: Limits, state: State, where: tuple[int, int], terms: tuple[int, int, int]) -> int:
    """Place the order and return 0, or return the code that denies it; terms = (fair value, cost, ask)."""
    (point, opinion), (fair, cost, ask) = where, terms
    market = market_at(view.word, point)
    account = state.account
    worth, peak = equity(account), i64(account[at.PEAK])
    drawdown = ratio_ppm(peak - worth, peak)
    if drawdown >= limits.drawdown_stop:
        return _DRAWDOWN_STOP
    if worth > at.MAX_EQUITY_E6:
        return _TOO_LARGE
    rooms = _rooms(view.terms, limits, state.exposure, account, market)
    code = blocked(rooms)
    if code != 0:
        return code
    share = kelly(fair / 1e6, cost / 1e6)
    if view.side[opinion] > 0 and view.terms[market, at.EXCLUSIVE]:
        share = _joint_share(view, limits, state, where)
        if share <= 0.0:
            return _BETTER_SIBLING
    ppm = decide(share, fair - cost, view.se[opinion], limits.kelly)
    if ppm <= 0:
        return _UNPROVEN
    scale = drawdown_scale_ppm(drawdown, limits.drawdown_start, limits.drawdown_stop)
    stake, cap = gate(part(part(worth, ppm), scale), rooms)
    rate, exponent = fee_terms(view, market, point)
    if affordable_lots(stake, ask, rate, exponent) < view.terms[market, at.MIN_LOTS]:
        return cap if cap != 0 else _MIN_SIZE
    place(view, state, point, opinion, (stake, fair))
    account[at.SHRUNK + cap] += 1
    return 0


@piece
def _rooms(
    terms: Int64s, limits: Limits, exposure: Int64s, account: Int64s, market: int
) -> tuple[int, int, int, int, int, int, int]:
    """Return the dollars left under each cap, in the order of `gate.CAPS`."""
    worth = equity(account)
    return (
        limits.max_order,
        limits.depth,
        part(worth, limits.max_market),
        part(worth, limits.max_event) - exposure[0, terms[market, at.EVENT]],
        part(worth, limits.max_category) - exposure[1, terms[market, at.CATEGORY]],
        part(worth, limits.max_total) - account[at.RESERVED] - account[at.POSITIONS],
        account[at.CASH],
    )


@kernel
def _joint_share(view: Inputs, limits: Limits, state: State, where: tuple[int, int]) -> float:
    """Return this leg's share among all YES opinions on its exclusive event at the same instant that have an edge."""
    point, opinion = where
    t, own = view.t[point], market_at(view.word, point)
    first, last = i64(view.terms[own, at.MEMBER_FIRST]), i64(view.terms[own, at.MEMBER_LAST])
    most = i64(0)
    for member in range(first, last):
        begin, end = _opinions_at(view, i64(view.members[member]), t)
        most += end - begin
    p, c = np.empty(most, np.float64), np.empty(most, np.float64)
    count, mine = 0, 0
    for member in range(first, last):
        market = i64(view.members[member])
        if state.cold[market, at.BLOCKED] == _AFTER_RESOLUTION:
            continue
        begin, end = _opinions_at(view, market, t)
        for k in range(begin, end):
            if view.side[k] < 0:
                continue
            fair, cost, _ask = appraise(view, i64(view.opinion[k]), k)
            if fair < 0 or fair - cost < max(limits.min_edge, 1):
                continue
            if k == opinion:
                mine = count
            p[count], c[count] = fair / 1e6, cost / 1e6
            count += 1
    return float(exclusive_stakes(p[:count], c[:count])[mine])


@piece
def _opinions_at(view: Inputs, market: int, t: int) -> tuple[int, int]:
    """Return the range of the market's opinions at the instant `t`."""
    low, high = i64(view.terms[market, at.OPINION_FIRST]), i64(view.terms[market, at.OPINION_LAST])
    last = high
    while low < high:
        middle = (low + high) // 2
        if view.t[view.opinion[middle]] >= t:
            high = middle
        else:
            low = middle + 1
    end = low
    while end < last and view.t[view.opinion[end]] == t:
        end += 1
    return low, end


def run(tape: Tape, markets: EngineMarkets, opinions: EngineOpinions, config: EngineConfig) -> EngineResult:
    """Walk one set of opinions over a tape with one bankroll; deterministic, no I/O, releases the GIL.

    Raises RuntimeError if the ledger does not balance, which no input can cause.
    """
    view, limits = make_inputs(tape, markets, opinions, config), make_limits(config)
    capacity = min(len(opinions), 4 * len(markets.event)) + 1_024
    while True:
        state = new_state(view, markets, config, capacity)
        walk(view, limits, state)
        status = np.int64(state.account[at.STATUS])
        if status == at.UNBALANCED:
            raise RuntimeError("the ledger does not balance")
        if status == 0:
            return make_result(state, config, tape.slot_market)
        capacity *= 4


def prepare() -> None:
    """Compile the walk where that was not done yet, by walking one point; it takes some twenty seconds.

    Every walk has the same compiled form, so a process may do this beside others that will need it.
    """
    zero, narrow, none = np.zeros(1, np.int64), np.zeros(1, np.int32), np.zeros(0, np.int64)
    tape = Tape(zero, np.full(1, 5_000, np.uint32), narrow, np.array([0, 1]), narrow)
    markets = EngineMarkets(
        event=narrow, category=narrow, exclusive=np.zeros(1, bool), tick_e4=zero + 100, min_lots=zero,
        fees=FeeTable(np.zeros(2, np.int64), none, none, none), event_no=zero, categories=("",),
    )  # fmt: skip
    silence = EngineOpinions.on_tape(tape, none, np.zeros(0, np.int8), np.zeros(0), np.zeros(0))
    run(tape, markets, silence, EngineConfig.of_settings(CostSettings(), RiskSettings()))


def make_limits(config: EngineConfig) -> Limits:
    """Return the configuration as the compiled walk reads it."""
    c = config
    return Limits(
        float(c.kelly), c.min_edge_e6, c.max_order_e6, c.depth_e6, c.max_market, c.max_event, c.max_category,
        c.max_total, c.drawdown_start, c.drawdown_stop, c.stop_loss, c.take_profit, c.max_hold,
        int(c.exit_on_edge_gone), c.max_entries,
    )  # fmt: skip


def make_inputs(tape: Tape, markets: EngineMarkets, opinions: EngineOpinions, config: EngineConfig) -> Inputs:
    """Gather what the compiled walk reads; all arrays become read-only views, so that one compiled form serves all."""
    ticks, tick_class = np.unique(markets.tick_e4, return_inverse=True)
    fees = markets.fees.scaled(config.fee_multiplier)
    day_t = _days(tape)
    quotes, bids = make_quotes(ticks.astype(np.int64), config)
    members = np.argsort(markets.event, kind="stable").astype(np.int32)
    ordered = markets.event[members]
    terms = np.zeros((len(markets.event), at.TERM_COLUMNS), np.int64)
    terms[:, at.EVENT], terms[:, at.CATEGORY] = markets.event, markets.category
    terms[:, at.EXCLUSIVE], terms[:, at.MIN_LOTS] = markets.exclusive, markets.min_lots
    terms[:, at.TABLE] = tick_class * at.PRICES
    terms[:, at.FEE_FIRST], terms[:, at.FEE_LAST] = fees.offsets[:-1], fees.offsets[1:]
    terms[:, at.OPINION_FIRST], terms[:, at.OPINION_LAST] = opinions.offsets[:-1], opinions.offsets[1:]
    order = tape.slot_market
    slot = np.empty_like(order)
    slot[order] = np.arange(len(order), dtype=np.int32)
    terms[:, at.MEMBER_FIRST] = np.searchsorted(ordered, markets.event, side="left")
    terms[:, at.MEMBER_LAST] = np.searchsorted(ordered, markets.event, side="right")
    terms[:, at.POINT_FIRST], terms[:, at.POINT_LAST] = tape.offsets[:-1], tape.offsets[1:]
    terms[:, at.END] = at.NO_POINT
    terms[tape.end_market, at.END] = tape.end_position
    terms[:, at.PLAIN] = bool((np.diff(quotes[at.BID_ROW].reshape(-1, at.PRICES)) >= 0).all()) if len(ticks) else 1
    by_slot = terms[order]
    arrays = Inputs(
        t=tape.t,
        word=tape.word,
        position=tape.position,
        opinion=opinions.position,
        side=opinions.side,
        p=opinions.p,
        se=opinions.se,
        terms=by_slot,
        facts=by_slot.reshape(-1),
        members=slot[members],
        fees=np.column_stack([fees.since, fees.rate_e6, fees.exponent]).astype(np.int64),
        ends=np.column_stack([slot[tape.end_market], tape.end_t, tape.end_position, tape.end_payout_e4]).astype(
            np.int64
        ),
        days=np.column_stack([day_t, np.searchsorted(tape.t, day_t, side="left")]).astype(np.int64),
        quotes=quotes,
        bids=bids,
    )
    return Inputs(*(_frozen(array) for array in arrays))


def make_quotes(ticks: Int64s, config: EngineConfig) -> tuple[Int32s, npt.NDArray[np.int16]]:
    """Return (asks and bids by mid of the leg, bids by YES price) as `Inputs` holds them."""
    if not len(ticks):
        return np.zeros((2, 1), np.int32), np.zeros(1, np.int16)
    tables = [quote_table(ticks, config.half_e8, config.spread_share, buy) for buy in (True, False)]
    legs = np.stack([tables[1], tables[1][:, ::-1]], axis=1)
    return np.stack([table.reshape(-1) for table in tables]), legs.reshape(-1).astype(np.int16)


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = np.ascontiguousarray(array).view(np.ndarray)[:]
    view.flags.writeable = False
    return view


def _days(tape: Tape) -> Int64s:
    if not len(tape):
        return np.empty(0, np.int64)
    first, last = int(tape.t[0]) // DAY + 1, int(tape.t[-1]) // DAY
    return np.arange(first, last + 1, dtype=np.int64) * DAY


def _idle_rows(view: Inputs) -> Int64s:
    """Return the marks of markets without a position, a cache line each."""
    count = len(view.terms)
    raw = np.empty(8 * count + 8, np.int64)
    skip = -raw.ctypes.data % 64 // 8
    rows = raw[skip : skip + 8 * count].reshape(count, 8)
    rows[:] = np.array([0, 0, 0, 0, at.PRICES, 0, 0, 0])
    return rows


def _first_calls(view: Inputs) -> npt.NDArray[np.uint64]:
    """Return a bit a point, set where a market has its first opinion."""
    due = np.zeros(len(view.word) // 64 + 2, np.uint64)
    first, last = view.terms[:, at.OPINION_FIRST], view.terms[:, at.OPINION_LAST]
    position = view.opinion[first[first < last]].astype(np.int64)
    np.bitwise_or.at(due, position >> 6, np.uint64(1) << (position & 63).astype(np.uint64))
    return due


def new_state(view: Inputs, markets: EngineMarkets, config: EngineConfig, capacity: int) -> State:
    """Return the empty state of an account that holds the bankroll."""
    count, hot = len(markets.event), _idle_rows(view)
    cold = np.zeros((count, at.COLD_COLUMNS), np.int64)
    groups = int(max(markets.event.max(initial=-1), markets.category.max(initial=-1))) + 1
    state = State(
        hot=hot,
        marks=hot.reshape(-1),
        busy=np.zeros(count, np.uint8),
        due=_first_calls(view),
        queue=np.zeros(at.WINDOW + 1, np.uint64),
        path=np.zeros(at.WINDOW, np.int64),
        cold=cold,
        orders=cold.reshape(-1),
        exposure=np.zeros((2, groups), np.int64),
        account=np.zeros(at.ACCOUNT_SLOTS, np.int64),
        codes=np.zeros(len(view.side), np.int8),
        fills=np.zeros((2 * capacity, len(at.FILL_COLUMNS)), np.int64),
        trades=np.zeros((capacity, len(at.TRADE_COLUMNS)), np.int64),
        curve=np.zeros((3 * capacity + len(view.days), len(at.CURVE_COLUMNS)), np.int64),
    )
    for slot in (at.CASH, at.CAPITAL, at.PEAK, at.TROUGH):
        state.account[slot] = config.bankroll_e6
    state.account[at.MIN_EDGE] = max(config.min_edge_e6, 1)
    state.cold[:, at.NEXT] = view.terms[:, at.OPINION_FIRST]
    return state
