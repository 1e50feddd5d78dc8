"""The account: orders, fills, settlements and marks as integer postings that always sum to zero. Compiled helpers."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s
from edgeworth.engine import layout as at
from edgeworth.engine.compiled import piece
from edgeworth.engine.exits import stop_bid_e4, take_bid_e4
from edgeworth.engine.fees import taker_fee_e6
from edgeworth.engine.gate import GateCode
from edgeworth.engine.layout import FillKind, Inputs, Limits, State, i64
from edgeworth.engine.sizing import probability_e6, ratio_ppm
from edgeworth.engine.types import LOT_E6

_ALLOWED: Final = int(GateCode.ALLOWED)
_AFTER_RESOLUTION: Final = int(GateCode.AFTER_RESOLUTION)
_ALREADY_HELD: Final = int(GateCode.ALREADY_HELD)
_ALREADY_TRADED: Final = int(GateCode.ALREADY_TRADED)
_NO_NEXT_PRICE: Final = int(GateCode.NO_NEXT_PRICE)
_MIN_SIZE: Final = int(GateCode.MIN_SIZE)
_TOO_LARGE: Final = int(GateCode.TOO_LARGE)
_PRICE_LIMIT: Final = int(GateCode.PRICE_LIMIT)
_ENTRY: Final = int(FillKind.ENTRY)
_RESOLUTION: Final = int(FillKind.RESOLUTION)
_VOID: Final = int(FillKind.VOID)
_OPEN: Final = int(FillKind.OPEN)
_UNPROVEN: Final = int(GateCode.UNPROVEN)
_MIN_EDGE: Final = int(GateCode.MIN_EDGE)
_NEVER: Final = int(NEVER)
_ALWAYS: Final = int(UNKNOWN_TIME)


@piece
def affordable_lots(budget_e6: int, price_e4: int, rate_e6: int, exponent: int) -> int:
    """Return the largest number of lots whose price plus fee does not exceed the budget (and at most `MAX_LOTS`)."""
    most = min(budget_e6 // price_e4, at.MAX_LOTS)
    if rate_e6 <= 0 or most <= 0:
        return max(most, 0)
    # a guess without rounding is off by a lot or two; the loops below make it exact
    variance, unit = price_e4 * (10_000 - price_e4), rate_e6 * 1e-2
    for _ in range(exponent):
        unit *= variance * 1e-8
    lots = min(most, i64(budget_e6 / (price_e4 + unit)))
    while lots > 0:
        fee = taker_fee_e6(lots * LOT_E6, price_e4, rate_e6, exponent)
        over = lots * price_e4 + fee - budget_e6
        if over <= 0:
            break
        lots -= max(1, over // (price_e4 + fee // lots + 1))
    while lots < most:
        more = lots + 1
        if more * price_e4 + taker_fee_e6(more * LOT_E6, price_e4, rate_e6, exponent) > budget_e6:
            break
        lots = more
    return max(lots, 0)


@piece
def equity(account: Int64s) -> int:
    """Return cash, reserved cash and positions at the executable bid."""
    return i64(account[at.CASH] + account[at.RESERVED] + account[at.VALUE])


@piece
def end_decline_of(account: Int64s, peak: int, trough: int) -> None:
    """Note a decline from `peak` to `trough` if it is the worst so far, in dollars or as a share."""
    drop = peak - trough
    account[at.WORST_DROP] = max(account[at.WORST_DROP], drop)
    # a float comparison with slack first: the exact ratio needs three divisions
    if drop * 1.000001e6 >= account[at.WORST_PPM] * float(peak):
        account[at.WORST_PPM] = max(account[at.WORST_PPM], ratio_ppm(drop, peak))


@piece
def note_equity(account: Int64s) -> None:
    """Update the highest equity and the lowest since."""
    now = equity(account)
    if now > account[at.PEAK]:
        if account[at.TROUGH] < account[at.PEAK]:
            end_decline_of(account, account[at.PEAK], account[at.TROUGH])
        account[at.PEAK] = now
        account[at.TROUGH] = now
    elif now < account[at.TROUGH]:
        account[at.TROUGH] = now


@piece
def sample_curve(account: Int64s, curve: Int64s, t: int) -> None:
    """Append a row of the equity curve, or replace the last one of the same instant; check the balance."""
    kept = account[at.CASH] + account[at.RESERVED] + account[at.POSITIONS] + account[at.FEES]
    if kept - account[at.CAPITAL] - account[at.GAINS] != 0:
        account[at.STATUS] = at.UNBALANCED
    row = account[at.CURVE_COUNT]
    if row > 0 and curve[row - 1, 0] == t:
        row -= 1
    if row >= len(curve):
        account[at.STATUS] = max(account[at.STATUS], at.FULL)
        return
    curve[row, 0] = t
    curve[row, 1] = equity(account)
    curve[row, 2] = account[at.CASH]
    curve[row, 3] = account[at.RESERVED]
    curve[row, 4] = account[at.RESERVED] + account[at.POSITIONS]
    account[at.CURVE_COUNT] = row + 1


@piece
def add_exposure(terms: Int64s, exposure: Int64s, market: int, amount: int) -> None:
    """Move the exposure of a market's event and category."""
    exposure[0, terms[market, at.EVENT]] += amount
    exposure[1, terms[market, at.CATEGORY]] += amount


@piece
def finish_opinion(account: Int64s, codes: npt.NDArray[np.int8], opinion: int, code: int) -> None:
    """Give an opinion its final code."""
    codes[opinion] = code
    account[at.COUNTS + code] += 1


@piece
def free(view: Inputs, state: State, market: int, code: int, point: int) -> None:
    """Leave a market without position or order; from `point` on its opinions get `code`, or are considered if 0."""
    hot, cold = state.hot, state.cold
    hot[market, at.LOTS] = 0
    hot[market, at.BASE] = 0
    hot[market, at.LOW] = 0
    hot[market, at.SPAN] = at.PRICES
    cold[market, at.FLAGS] = 0
    state.busy[market] = 0
    block(view, state, market, code, point)


@piece
def block(view: Inputs, state: State, market: int, code: int, point: int) -> None:
    """Give opinions before `point` the code that stood, and let `code` stand for those from there on (0 = none)."""
    cold = state.cold
    if cold[market, at.BLOCKED] != 0:
        judge_passed(view, state, market, point)
    cold[market, at.BLOCKED] = code
    if code == 0:
        call_at(state.due, next_hopeful(view, state, market))


@piece
def call_at(due: npt.NDArray[np.uint64], position: int) -> None:
    """Have the walk look at a tape position in full; a needless look changes nothing."""
    if position < at.NO_POINT:
        due[position >> 6] |= np.uint64(1) << np.uint64(position & 63)


@piece
def next_hopeful(view: Inputs, state: State, market: int) -> int:
    """Return where the market's next opinion with an edge stands, and give those before it their code.

    An edge depends on nothing that happens on the way, so the walk need not stop at opinions without one.
    """
    k, last = state.cold[market, at.NEXT], view.terms[market, at.OPINION_LAST]
    wake, end = i64(at.NO_POINT), view.terms[market, at.END]
    while k < last and view.opinion[k] < end:
        fair, cost, _ask = appraise(view, i64(view.opinion[k]), k)
        if fair >= 0 and fair - cost >= state.account[at.MIN_EDGE]:
            wake = i64(view.opinion[k])
            break
        finish_opinion(state.account, state.codes, k, i64(_UNPROVEN if fair < 0 else _MIN_EDGE))
        k += 1
    state.cold[market, at.NEXT] = k
    return wake


@piece
def appraise(view: Inputs, point: int, opinion: int) -> tuple[int, int, int]:
    """Return (fair value, all-in cost, ask) of one share; the fair value is -1 when the opinion is not usable."""
    market, se = market_at(view.word, point), view.se[opinion]
    fair = probability_e6(view.p[opinion])
    if not 0.0 <= se < np.inf:
        fair = -1
    quote = quote_index(view.terms, market, i64(view.side[opinion]), price_at(view.word, point))
    ask = i64(view.quotes[at.ASK_ROW, quote])
    rate, exponent = fee_terms(view, market, point)
    return fair, ask * 100 + taker_fee_e6(i64(1_000_000), ask, rate, exponent), ask


@piece
def judge_passed(view: Inputs, state: State, market: int, point: int) -> None:
    """Give the market's opinions before `point` the code that blocks it."""
    cold, codes, opinion = state.cold, state.codes, view.opinion
    code, first = cold[market, at.BLOCKED], cold[market, at.NEXT]
    k, last = first, view.terms[market, at.OPINION_LAST]
    while k < last and opinion[k] < point:
        codes[k] = code
        k += 1
    state.account[at.COUNTS + code] += k - first
    cold[market, at.NEXT] = k


@piece
def place(view: Inputs, state: State, point: int, opinion: int, terms: tuple[int, int]) -> None:
    """Reserve the budget of an order that waits for its market's next observation; `terms` = (budget, fair value)."""
    market, budget = market_at(view.word, point), terms[0]
    cold = state.cold
    cold[market, at.ORDER_T] = view.t[point]
    cold[market, at.BUDGET] = budget
    cold[market, at.FAIR] = terms[1]
    cold[market, at.OPINION] = opinion
    cold[market, at.SIDE] = view.side[opinion]
    state.account[at.CASH] -= budget
    state.account[at.RESERVED] += budget
    add_exposure(view.terms, state.exposure, market, budget)
    cold[market, at.FLAGS] = at.PENDING
    state.hot[market, at.SPAN] = 0
    state.busy[market] = 1
    cold[market, at.NEXT] = opinion + 1
    block(view, state, market, i64(_ALREADY_HELD), i64(point))


@piece
def cancel(view: Inputs, state: State, market: int, code: int, point: int) -> None:
    """Release a pending order's reserve; from `point` on the market may be tried again."""
    budget = state.cold[market, at.BUDGET]
    state.account[at.CASH] += budget
    state.account[at.RESERVED] -= budget
    add_exposure(view.terms, state.exposure, market, -budget)
    finish_opinion(state.account, state.codes, state.cold[market, at.OPINION], code)
    free(view, state, market, i64(0), point)


@piece
def fee_terms(view: Inputs, market: int, point: int) -> tuple[int, int]:
    """Return (rate, exponent) in force at a tape position; (0, 1) when free."""
    fees = view.fees
    rate, exponent = 0, 1
    for era in range(view.terms[market, at.FEE_FIRST], view.terms[market, at.FEE_LAST]):
        if fees[era, 0] == _ALWAYS or fees[era, 0] <= view.t[point]:  # most need no look at the time
            rate, exponent = i64(fees[era, 1]), i64(fees[era, 2])
    return rate, exponent


@piece
def market_at(word: npt.NDArray[Any], point: int) -> int:
    """Return the market of a tape position."""
    return i64(word[point] >> at.PRICE_BITS)


@piece
def price_at(word: npt.NDArray[Any], point: int) -> int:
    """Return the YES price of a tape position."""
    return i64(word[point] & at.PRICE_MASK)


@piece
def quote_index(terms: Int64s, market: int, side: int, price: int) -> int:
    """Return where the leg's mid stands in the quote tables."""
    return i64(terms[market, at.TABLE] + (price if side > 0 else 10_000 - price))


@piece
def enter(view: Inputs, limits: Limits, state: State, point: int) -> bool:
    """Fill the pending order at this observation and return True, or cancel it with a code and return False."""
    market, price, t = market_at(view.word, point), price_at(view.word, point), i64(view.t[point])
    cold, account = state.cold, state.account
    side, budget = i64(cold[market, at.SIDE]), i64(cold[market, at.BUDGET])
    quote = quote_index(view.terms, market, side, price)
    ask, mid = i64(view.quotes[at.ASK_ROW, quote]), i64(quote - view.terms[market, at.TABLE])
    rate, exponent = fee_terms(view, market, point)
    if ask * 100 + taker_fee_e6(i64(1_000_000), ask, rate, exponent) > cold[market, at.FAIR]:
        cancel(view, state, market, i64(_PRICE_LIMIT), i64(point))
        return False
    lots = affordable_lots(budget, ask, rate, exponent)
    if lots < view.terms[market, at.MIN_LOTS]:
        cancel(view, state, market, i64(_MIN_SIZE), i64(point))
        return False
    if account[at.TOTAL_LOTS] + lots > at.MAX_OUTSTANDING:
        cancel(view, state, market, i64(_TOO_LARGE), i64(point))
        return False
    cost, fee = lots * ask, taker_fee_e6(lots * LOT_E6, ask, rate, exponent)
    account[at.RESERVED] -= budget
    account[at.CASH] += budget - cost - fee
    account[at.POSITIONS] += cost
    account[at.FEES] += fee
    account[at.SPREAD] += lots * (ask - mid)
    account[at.TOTAL_LOTS] += lots
    account[at.VALUE] += lots * view.quotes[at.BID_ROW, quote]
    add_exposure(view.terms, state.exposure, market, cost - budget)
    _hold(view, limits, state, (market, i64(point), side), (ask, lots, i64(view.quotes[at.BID_ROW, quote])))
    trade = _open_trade(account, state.trades, cold, (market, t, side, mid), (ask, lots, cost, fee))
    _append_fill(
        account,
        state.fills,
        (t, market, side, i64(_ENTRY), trade, i64(point)),
        (ask, mid, lots, fee),
        (-cost - fee, i64(0)),
    )
    finish_opinion(account, state.codes, cold[market, at.OPINION], i64(_ALLOWED))
    return True


@piece
def _hold(view: Inputs, limits: Limits, state: State, what: tuple[int, int, int], bought: tuple[int, int, int]) -> None:
    """Set what marks and exits of the new position need: what = (market, point, side), bought = (ask, lots, bid).

    Exits become a window of YES prices and a tape position, which a mark compares without knowing why.
    """
    market, point, side = what
    ask, lots, bid = bought
    hot, cold = state.hot, state.cold
    hot[market, at.LOTS] = lots
    base = i64(2 * view.terms[market, at.TABLE] + (0 if side > 0 else at.PRICES))
    hot[market, at.BASE] = base
    hot[market, at.DIRECTION] = side
    hot[market, at.BID] = bid
    hot[market, at.PAID] = ask
    cold[market, at.STOP] = stop_bid_e4(limits, ask)
    take = take_bid_e4(limits, ask, i64(cold[market, at.FAIR]))
    cold[market, at.TAKE] = take
    low, high = i64(0), i64(at.PRICES)
    if view.terms[market, at.PLAIN] == 0:
        high = i64(0)  # no interval is safe: every point of the position is looked at in full
    elif cold[market, at.STOP] >= 0 or take < at.ALWAYS:
        low = first_bid_from(view.bids, base, side, cold[market, at.STOP] + 1)
        high = first_bid_from(view.bids, base, side, take)
        if side < 0:
            low, high = at.PRICES - high, at.PRICES - low
    hot[market, at.LOW] = low
    hot[market, at.SPAN] = max(high - low, 0)
    cold[market, at.DEADLINE] = _NEVER
    if limits.max_hold > 0:
        cold[market, at.DEADLINE] = view.t[point] + limits.max_hold
        call_at(state.due, first_point_from(view, market, i64(cold[market, at.DEADLINE])))
    cold[market, at.ENTRIES] += 1
    cold[market, at.FLAGS] = at.HELD


@piece
def first_bid_from(bids: npt.NDArray[np.int16], base: int, side: int, least: int) -> int:
    """Return the lowest mid of the leg whose bid is at least `least`, or `PRICES`; bids rise with the mid."""
    low, high = i64(0), i64(at.PRICES)
    while low < high:
        middle = (low + high) // 2
        if bids[base + (middle if side > 0 else at.PRICES - 1 - middle)] >= least:
            high = middle
        else:
            low = middle + 1
    return low


@piece
def first_point_from(view: Inputs, market: int, least: int) -> int:
    """Return the tape position of the market's first point at or after an instant, `NO_POINT` when there is none."""
    low, high = i64(view.terms[market, at.POINT_FIRST]), i64(view.terms[market, at.POINT_LAST])
    last = high
    while low < high:
        middle = (low + high) // 2
        if view.t[view.position[middle]] >= least:
            high = middle
        else:
            low = middle + 1
    return i64(view.position[low]) if low < last else i64(at.NO_POINT)


@piece
def _open_trade(
    account: Int64s, trades: Int64s, cold: Int64s, what: tuple[int, int, int, int], money: tuple[int, int, int, int]
) -> int:
    """Write one row of TRADE_COLUMNS: what = (market, t, side, mid), money = (ask, lots, cost, fee)."""
    market, t, side, mid = what
    row = account[at.TRADE_COUNT]
    cold[market, at.TRADE] = row
    if row >= len(trades):
        account[at.STATUS] = max(account[at.STATUS], at.FULL)
        return 0
    trades[row, at.T_MARKET] = market
    trades[row, at.T_SIDE] = side
    trades[row, at.T_OPINION] = cold[market, at.OPINION]
    trades[row, at.T_DECISION] = cold[market, at.ORDER_T]
    trades[row, at.T_OPEN] = t
    trades[row, at.T_CLOSE] = _NEVER
    trades[row, at.T_KIND] = _OPEN
    trades[row, at.T_MID] = mid
    trades[row, at.T_PRICE] = money[0]
    trades[row, at.T_LOTS] = money[1]
    trades[row, at.T_LEFT] = money[1]
    trades[row, at.T_COST] = money[2]
    trades[row, at.T_FEE] = money[3]
    trades[row, at.T_PROCEEDS] = 0
    trades[row, at.T_PNL] = -money[3]
    trades[row, at.T_BUDGET] = cold[market, at.BUDGET]
    account[at.TRADE_COUNT] = row + 1
    return i64(row)


@piece
def _append_fill(
    account: Int64s,
    fills: Int64s,
    what: tuple[int, int, int, int, int, int],
    size: tuple[int, int, int, int],
    money: tuple[int, int],
) -> None:
    """Write one row of FILL_COLUMNS: what = (t, market, side, kind, trade, point), money = (cash, gain)."""
    row = account[at.FILL_COUNT]
    if row >= len(fills):
        account[at.STATUS] = max(account[at.STATUS], at.FULL)
        return
    t, market, side, kind, trade, point = what
    price, mid, lots, fee = size
    fills[row, 0], fills[row, 1], fills[row, 2], fills[row, 3] = t, market, side, kind
    fills[row, 4], fills[row, 5], fills[row, 6], fills[row, 7] = price, mid, lots, fee
    fills[row, 8], fills[row, 9], fills[row, 10], fills[row, 11] = money[0], money[1], trade, point
    account[at.FILL_COUNT] = row + 1


@piece
def _release(
    view: Inputs, state: State, what: tuple[int, int, int, int], size: tuple[int, int, int, int], fee: int
) -> None:
    """Take lots out of a position: what = (t, market, kind, point), size = (price, mid, lots, proceeds)."""
    t, market, kind, point = what
    lots, proceeds = size[2], size[3]
    account, hot, trades = state.account, state.hot, state.trades
    cost = lots * i64(hot[market, at.PAID])
    account[at.CASH] += proceeds - fee
    account[at.POSITIONS] -= cost
    account[at.FEES] += fee
    account[at.GAINS] += proceeds - cost
    account[at.VALUE] -= lots * i64(hot[market, at.BID])
    account[at.TOTAL_LOTS] -= lots
    add_exposure(view.terms, state.exposure, market, -cost)
    hot[market, at.LOTS] -= lots
    trade, side = i64(state.cold[market, at.TRADE]), i64(hot[market, at.DIRECTION])
    if account[at.STATUS] == 0:
        trades[trade, at.T_LEFT] -= lots
        trades[trade, at.T_FEE] += fee
        trades[trade, at.T_PROCEEDS] += proceeds
        trades[trade, at.T_PNL] += proceeds - cost - fee
        if hot[market, at.LOTS] == 0:
            trades[trade, at.T_CLOSE] = t
            trades[trade, at.T_KIND] = kind
    _append_fill(
        account,
        state.fills,
        (t, market, side, kind, trade, point),
        (size[0], size[1], lots, fee),
        (proceeds - fee, proceeds - cost),
    )


@piece
def leave(view: Inputs, limits: Limits, state: State, point: int) -> bool:
    """Sell what the depth of this observation takes of a position whose exit was decided earlier; tell if anything."""
    market, price, t = market_at(view.word, point), price_at(view.word, point), i64(view.t[point])
    hot, cold = state.hot, state.cold
    mid = price if hot[market, at.DIRECTION] > 0 else 10_000 - price
    bid = i64(view.bids[hot[market, at.BASE] + price])
    if bid <= 0:
        return False
    lots = min(i64(hot[market, at.LOTS]), i64(limits.depth // bid))
    if lots <= 0:
        return False
    rate, exponent = fee_terms(view, market, point)
    proceeds = lots * bid
    fee = min(taker_fee_e6(lots * LOT_E6, bid, rate, exponent), proceeds)
    state.account[at.SPREAD] += lots * (mid - bid)
    _release(view, state, (t, market, i64(cold[market, at.REASON]), i64(point)), (bid, mid, lots, proceeds), fee)
    cold[market, at.ORDER_T] = t
    if hot[market, at.LOTS] == 0:
        again = cold[market, at.ENTRIES] < limits.max_entries
        free(view, state, market, i64(0 if again else _ALREADY_TRADED), i64(point))
    return True


@piece
def settle(view: Inputs, state: State, end: int) -> None:
    """Pay out a market whose resolution has become known; a void returns the price paid, never the fees."""
    market, t, point = (
        i64(view.ends[end, at.END_MARKET]),
        i64(view.ends[end, at.END_T]),
        i64(view.ends[end, at.END_POSITION]),
    )
    payout, flags = i64(view.ends[end, at.END_PAYOUT]), state.cold[market, at.FLAGS]
    if flags & at.PENDING:
        cancel(view, state, market, i64(_NO_NEXT_PRICE), point)
    elif flags & at.HELD:
        lots, side = i64(state.hot[market, at.LOTS]), i64(state.hot[market, at.DIRECTION])
        kind = _VOID if payout < 0 else _RESOLUTION
        price = i64(state.hot[market, at.PAID]) if payout < 0 else (payout if side > 0 else 10_000 - payout)
        _release(view, state, (t, market, kind, point), (price, price, lots, lots * price), i64(0))
        note_equity(state.account)
        sample_curve(state.account, state.curve, t)
    free(view, state, market, i64(_AFTER_RESOLUTION), point)
