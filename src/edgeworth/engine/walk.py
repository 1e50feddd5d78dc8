"""The walk through time: every price point and resolution in order, one shared bankroll, integer money, no look-ahead.

At a point of a market: a waiting order is executed, the position is marked, exits are considered, then the opinion of
that point (if any) may place an order for the *next* point of the market. A resolution comes before the prices of the
instant at which it became known. What the engine assumes is written in `docs/explanation/assumptions.md`.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import NEVER, Int64s
from edgeworth.core.units import DAY
from edgeworth.engine import layout as at
from edgeworth.engine.account import (
    affordable_lots,
    cancel,
    end_decline_of,
    enter,
    equity,
    fee_terms,
    finish_opinion,
    leave,
    note_equity,
    place,
    quote_index,
    sample_curve,
    settle,
)
from edgeworth.engine.compiled import kernel
from edgeworth.engine.fees import taker_fee_e6
from edgeworth.engine.fills import ONE, quote_table
from edgeworth.engine.gate import GateCode, blocked, gate
from edgeworth.engine.layout import FillKind, Inputs, Limits, State, i64
from edgeworth.engine.result import EngineResult, make_result
from edgeworth.engine.sizing import decide, drawdown_scale_ppm, exclusive_stakes, kelly, part, probability_e6, ratio_ppm
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, Tape

_UNPROVEN: Final = int(GateCode.UNPROVEN)
_MIN_EDGE: Final = int(GateCode.MIN_EDGE)
_DRAWDOWN_STOP: Final = int(GateCode.DRAWDOWN_STOP)
_TOO_LARGE: Final = int(GateCode.TOO_LARGE)
_BETTER_SIBLING: Final = int(GateCode.BETTER_SIBLING)
_MIN_SIZE: Final = int(GateCode.MIN_SIZE)
_NO_NEXT_PRICE: Final = int(GateCode.NO_NEXT_PRICE)
_AFTER_RESOLUTION: Final = int(GateCode.AFTER_RESOLUTION)
_STOP_LOSS: Final = int(FillKind.STOP_LOSS)
_TAKE_PROFIT: Final = int(FillKind.TAKE_PROFIT)
_EDGE_GONE: Final = int(FillKind.EDGE_GONE)
_TIME: Final = int(FillKind.TIME)


@kernel
def walk(view: Inputs, limits: Limits, state: State) -> None:
    """Walk the whole tape; results are left in `state`, `account[STATUS]` says whether the buffers sufficed."""
    point, opinion, end, day = i64(0), i64(0), i64(0), i64(0)
    count = i64(len(view.t))
    account = state.account
    while account[at.STATUS] == 0:
        stop = count
        if end < len(view.ends):
            stop = min(stop, view.ends[end, at.END_POSITION])
        if day < len(view.days):
            stop = min(stop, view.days[day, 1])
        point, opinion = advance(view, limits, state, (point, opinion, stop))
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


@kernel
def _finish(view: Inputs, state: State) -> None:
    """Cancel what still waits, close the last decline and write the last row."""
    for market in range(i64(len(state.cold))):
        if state.cold[market, at.FLAGS] & at.PENDING:
            cancel(view, state, market, i64(_NO_NEXT_PRICE))
    account = state.account
    end_decline_of(account, account[at.PEAK], account[at.TROUGH])
    if len(view.t) > 0:
        last = view.t[-1]
        if len(view.ends) > 0:
            last = max(last, view.ends[-1, at.END_T])
        sample_curve(account, state.curve, last)


@kernel
def advance(view: Inputs, limits: Limits, state: State, where: tuple[int, int, int]) -> tuple[int, int]:
    """Walk points from `where` = (point, opinion, stop) and return the new (point, opinion)."""
    point, opinion, stop = where
    account = state.account
    while True:
        point, opinion = _glide(
            (view.market, view.price, view.t, view.quotes, view.opinion),
            (state.hot, state.cold, state.codes, account),
            (point, opinion, stop, limits.max_hold),
        )
        if point >= stop:
            return point, opinion
        observe(view, limits, state, point)
        if point == view.opinion[opinion]:
            consider(view, limits, state, point, opinion)
            opinion += 1
        point += 1
        if account[at.STATUS] != 0:
            return point, opinion


@kernel
def _glide(tape: Any, state: Any, where: Any) -> tuple[int, int]:
    """Pass over points at which nothing is decided and return the first (point, opinion) that needs more, or the stop.

    This is where the time goes, so it has no branch that is hard to predict: a market that is not held has zero lots
    and moves nothing; a waiting order sets its `STOP` so high that every point of the market needs more. An opinion on
    a market that is blocked gets its code at once.
    """
    market, price, t, quotes, opinions = tape
    hot, cold, codes, account = state
    bids = quotes[at.BID_ROW]
    point, opinion, stop, max_hold = where
    following = opinions[opinion]
    value, peak, trough = account[at.VALUE], account[at.PEAK], account[at.TROUGH]
    money = account[at.CASH] + account[at.RESERVED]
    while point < stop:
        m = np.uint32(market[point])
        bid = bids[np.uint64(hot[m, at.BASE] + hot[m, at.DIRECTION] * price[point])]
        if bid <= hot[m, at.STOP] or bid >= hot[m, at.TAKE]:
            break
        if max_hold > 0 and t[point] >= hot[m, at.DEADLINE]:
            break
        value += hot[m, at.LOTS] * (bid - hot[m, at.BID])
        hot[m, at.BID] = bid
        trough = min(trough, money + value)
        if money + value > peak:
            if trough < peak:
                end_decline_of(account, peak, trough)
            peak = money + value
            trough = peak
        if point == following:
            code = cold[m, at.BLOCKED]
            if code == 0:
                break
            codes[opinion] = code
            account[at.COUNTS + code] += 1
            opinion += 1
            following = opinions[opinion]
        point += 1
    account[at.VALUE], account[at.PEAK], account[at.TROUGH] = value, peak, trough
    return point, opinion


@kernel
def observe(view: Inputs, limits: Limits, state: State, point: int) -> None:
    """Handle one point of a market in full: execute a waiting order, mark the position, consider its exits."""
    market, t = i64(view.market[point]), i64(view.t[point])
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
        bid = view.quotes[at.BID_ROW, hot[market, at.BASE] + hot[market, at.DIRECTION] * i64(view.price[point])]
        account[at.VALUE] += hot[market, at.LOTS] * (bid - hot[market, at.BID])
        hot[market, at.BID] = bid
        if cold[market, at.FLAGS] == at.HELD and not filled:
            _consider_exit(limits, hot, cold, (market, t))
    note_equity(account)
    if filled:
        sample_curve(account, state.curve, t)


@kernel
def _consider_exit(limits: Limits, hot: Int64s, cold: Int64s, where: tuple[int, int]) -> None:
    """Decide to leave at the next observation: stop, then target, then edge gone, then time; where = (market, t)."""
    market, t = where
    bid, paid = hot[market, at.BID], hot[market, at.PAID]
    reason = 0
    if bid <= hot[market, at.STOP]:
        reason = _STOP_LOSS
    elif limits.take_profit > 0 and bid * 1_000_000 >= paid * (1_000_000 + limits.take_profit):
        reason = _TAKE_PROFIT
    elif bid >= hot[market, at.TAKE]:
        reason = _EDGE_GONE
    elif limits.max_hold > 0 and t >= hot[market, at.DEADLINE]:
        reason = _TIME
    if reason != 0:
        cold[market, at.REASON] = reason
        cold[market, at.ORDER_T] = t
        cold[market, at.FLAGS] = at.HELD | at.EXITING
        hot[market, at.STOP] = at.ALWAYS


@kernel
def consider(view: Inputs, limits: Limits, state: State, point: int, opinion: int) -> None:
    """Give the opinion of this point a gate code: an order that waits, or the reason why not."""
    market = i64(view.market[point])
    code = i64(state.cold[market, at.BLOCKED])
    if code == 0:
        fair, cost, ask = _appraise(view, point, opinion)
        if fair < 0:
            code = _UNPROVEN
        elif fair - cost < max(limits.min_edge, 1):
            code = _MIN_EDGE
        else:
            code = _try_order(view, limits, state, (point, opinion), (fair, cost, ask))
    if code != 0:
        finish_opinion(state.account, state.codes, opinion, code)


@kernel
def _appraise(view: Inputs, point: int, opinion: int) -> tuple[int, int, int]:
    """Return (fair value, all-in cost, ask) of one share; the fair value is -1 when the opinion is not usable."""
    market, t, se = i64(view.market[point]), i64(view.t[point]), view.belief[opinion, 1]
    fair = probability_e6(view.belief[opinion, 0])
    if not 0.0 <= se < np.inf:
        fair = -1
    ask = i64(view.quotes[at.ASK_ROW, quote_index(view.terms, market, i64(view.side[opinion]), i64(view.price[point]))])
    rate, exponent = fee_terms(view.terms, view.fees, market, t)
    return fair, ask * 100 + taker_fee_e6(i64(1_000_000), ask, rate, exponent), ask


@kernel
def _try_order(view: Inputs, limits: Limits, state: State, where: tuple[int, int], terms: tuple[int, int, int]) -> int:
    """Place the order and return 0, or return the code that denies it; terms = (fair value, cost, ask)."""
    (point, opinion), (fair, cost, ask) = where, terms
    market = i64(view.market[point])
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
    ppm = decide(share, fair - cost, view.belief[opinion, 1], limits.kelly)
    if ppm <= 0:
        return _UNPROVEN
    scale = drawdown_scale_ppm(drawdown, limits.drawdown_start, limits.drawdown_stop)
    stake, cap = gate(part(part(worth, ppm), scale), rooms)
    rate, exponent = fee_terms(view.terms, view.fees, market, i64(view.t[point]))
    if affordable_lots(stake, ask, rate, exponent) < view.terms[market, at.MIN_LOTS]:
        return cap if cap != 0 else _MIN_SIZE
    place(view, state, point, opinion, (stake, fair))
    account[at.SHRUNK + cap] += 1
    return 0


@kernel
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
    t, event = view.t[point], view.terms[view.market[point], at.EVENT]
    first, last, total = opinion, opinion + 1, len(view.side)
    while first > 0 and view.t[view.opinion[first - 1]] == t:
        first -= 1
    while last < total and view.t[view.opinion[last]] == t:
        last += 1
    p, c = np.empty(last - first, np.float64), np.empty(last - first, np.float64)
    count, mine = 0, 0
    for k in range(first, last):
        place_k = i64(view.opinion[k])
        market = i64(view.market[place_k])
        if (
            view.terms[market, at.EVENT] != event
            or view.side[k] < 0
            or state.cold[market, at.BLOCKED] == _AFTER_RESOLUTION
        ):
            continue
        fair, cost, _ask = _appraise(view, place_k, k)
        if fair < 0 or fair - cost < max(limits.min_edge, 1):
            continue
        if k == opinion:
            mine = count
        p[count], c[count] = fair / 1e6, cost / 1e6
        count += 1
    return float(exclusive_stakes(p[:count], c[:count])[mine])


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
            return make_result(state, config)
        capacity *= 4


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
    sentinel = np.append(opinions.position, np.int32(len(tape) + 1))
    terms = np.zeros((len(markets.event), 8), np.int64)
    terms[:, at.EVENT], terms[:, at.CATEGORY] = markets.event, markets.category
    terms[:, at.EXCLUSIVE], terms[:, at.MIN_LOTS] = markets.exclusive, markets.min_lots
    terms[:, at.TABLE] = tick_class * (ONE + 1)
    terms[:, at.FEE_FIRST], terms[:, at.FEE_LAST] = fees.offsets[:-1], fees.offsets[1:]
    quotes = [
        quote_table(ticks.astype(np.int64), config.half_e8, config.spread_share, buy).reshape(-1)
        for buy in (True, False)
    ]
    if not len(ticks):
        quotes = [np.zeros(1, np.int32)] * 2
    arrays = Inputs(
        t=tape.t,
        market=tape.market,
        price=tape.price_e4,
        opinion=sentinel.astype(np.int32),
        side=opinions.side,
        belief=np.column_stack([opinions.p, opinions.se]).astype(np.float64).reshape(-1, 2),
        terms=terms,
        fees=np.column_stack([fees.since, fees.rate_e6, fees.exponent]).astype(np.int64),
        ends=np.column_stack([tape.end_market, tape.end_t, tape.end_position, tape.end_payout_e4]).astype(np.int64),
        days=np.column_stack([day_t, np.searchsorted(tape.t, day_t, side="left")]).astype(np.int64),
        quotes=np.stack(quotes),
    )
    return Inputs(*(_frozen(array) for array in arrays))


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = np.ascontiguousarray(array).view(np.ndarray)[:]
    view.flags.writeable = False
    return view


def _days(tape: Tape) -> Int64s:
    if not len(tape):
        return np.empty(0, np.int64)
    first, last = int(tape.t[0]) // DAY + 1, int(tape.t[-1]) // DAY
    return np.arange(first, last + 1, dtype=np.int64) * DAY


def _idle_rows(count: int, bid: int) -> Int64s:
    """Return the marks of markets without a position, each row on its own cache line."""
    raw = np.empty(8 * count + 8, np.int64)
    skip = -raw.ctypes.data % 64 // 8
    rows = raw[skip : skip + 8 * count].reshape(count, 8)
    rows[:] = np.array([0, bid, 0, 0, -1, at.ALWAYS, 0, 0])
    rows[:, at.DEADLINE] = NEVER
    return rows


def new_state(view: Inputs, markets: EngineMarkets, config: EngineConfig, capacity: int) -> State:
    """Return the empty state of an account that holds the bankroll."""
    count = len(markets.event)
    groups = int(max(markets.event.max(initial=-1), markets.category.max(initial=-1))) + 1
    state = State(
        hot=_idle_rows(count, int(view.quotes[at.BID_ROW, 0])),
        cold=np.zeros((count, 10), np.int64),
        exposure=np.zeros((2, groups), np.int64),
        account=np.zeros(at.ACCOUNT_SLOTS, np.int64),
        codes=np.zeros(len(view.side), np.int8),
        fills=np.zeros((2 * capacity, len(at.FILL_COLUMNS)), np.int64),
        trades=np.zeros((capacity, len(at.TRADE_COLUMNS)), np.int64),
        curve=np.zeros((3 * capacity + len(view.days), len(at.CURVE_COLUMNS)), np.int64),
    )
    for slot in (at.CASH, at.CAPITAL, at.PEAK, at.TROUGH):
        state.account[slot] = config.bankroll_e6
    return state
