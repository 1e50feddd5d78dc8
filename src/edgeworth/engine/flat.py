"""Flat one-share trades: the sample on which a verdict is computed, so that a rule too unproven to be sized gets one.

First firing per market, one share bought at the *next* observation's executable price plus fee, held to settlement. No
sizing, no bankroll, no limits: every trade stands alone.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.config import CostSettings
from edgeworth.core.panel import Int32s, Int64s, Outcomes, Panel
from edgeworth.engine.compiled import kernel
from edgeworth.engine.fees import FeeTable, fee_era, taker_fee_e6
from edgeworth.engine.fills import ask_e4, half_spread_e4, leg_price_e4

if TYPE_CHECKING:
    import polars as pl

Int8s = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]


class FlatStatus(IntEnum):
    """How a flat trade ended."""

    SETTLED = 0  # paid 0, 1/2 or 1
    OPEN = 1  # bought, not resolved
    VOID = 2  # price returned, fee kept
    NO_FILL = 3  # no later observation before the resolution was known


@dataclass(frozen=True, slots=True)
class FlatTrades:
    """One row per market that fired, ordered by market; all arrays have shape (K,).

    `market` index in the panel, `event` event_no, `category` as given, `row` the firing's point, `t_decision`, `t_fill`
    microseconds, `side` +1/-1, `price_e4` mid of the bought leg at the fill, `ask_e4` price paid per share, `fee_e6`,
    `cost_e6` all-in (ask + fee), `payout_e6` received, `pnl_e6` = payout - cost (0 while OPEN or NO_FILL), `known_at`
    of the resolution, `status` a `FlatStatus`, `after_event` True when the decision lies at or after `event_known_at`
    (a flag for study: leaving such rows out uses hindsight). `fill_row` is -1 for NO_FILL, whose money is all zero.
    """

    market: Int32s
    event: Int32s
    category: npt.NDArray[Any]
    row: Int64s
    fill_row: Int64s
    t_decision: Int64s
    t_fill: Int64s
    side: Int8s
    price_e4: Int32s
    ask_e4: Int32s
    fee_e6: Int64s
    cost_e6: Int64s
    payout_e6: Int64s
    pnl_e6: Int64s
    known_at: Int64s
    status: Int8s
    after_event: Bools

    def __len__(self) -> int:
        return len(self.market)

    @property
    def done(self) -> Bools:
        """Rows whose money is final: SETTLED or VOID."""
        return np.isin(self.status, (FlatStatus.SETTLED, FlatStatus.VOID))

    def to_frame(self) -> "pl.DataFrame":
        """Return a polars frame with one column per field; `status` as text."""
        import polars as pl

        names = [status.name.lower().replace("_", "-") for status in FlatStatus]
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return pl.DataFrame(columns).with_columns(
            pl.Series("status", np.asarray(names, dtype=object)[self.status].tolist(), dtype=pl.String)
        )


def flat_trades(  # noqa: PLR0913, PLR0917 (one call holds a whole experiment; each argument is a different noun)
    panel: Panel,
    outcomes: Outcomes,
    row: Int64s,
    side: Int8s,
    category: npt.NDArray[Any],
    costs: CostSettings,
    multiplier: float = 1.0,
    fees: FeeTable | None = None,
) -> FlatTrades:
    """Buy one share per market at the first firing's next observation; see `FlatTrades` for the columns.

    `row`: (F,) point indices of the panel, ascending; `side`: (F,) +1 YES or -1 NO; `category`: (M,) labels or codes
    per market. `multiplier` scales spread and fees on top of `costs.multiplier` (0 = trade at the mid, free). `fees`
    default to the panel's own schedules, always in force. The fill is the market's next point at a strictly later
    instant and before the resolution is known. Raises ValueError when `row` is not ascending or out of range.
    """
    row, side = np.asarray(row, np.int64), np.asarray(side, np.int8)
    _check(panel, row, side)
    first = first_firings(panel, row)
    row, side = row[first], side[first]
    market = (np.searchsorted(panel.offsets, row, side="right") - 1).astype(np.int32)
    fill = _next_row(panel, row, market, outcomes)
    bought = fill >= 0
    at = np.where(bought, fill, 0)
    scale = costs.multiplier * multiplier
    schedule = (fees or FeeTable.of_panel(panel)).scaled(scale if costs.use_fees else 0.0)
    half_e8 = int(np.ceil(costs.half_spread * scale * 1e8 - 1e-6))
    share_e6 = int(np.ceil(costs.spread_share * scale * 1e6 - 1e-6))
    tick = np.clip(panel.markets["tick_e4"].to_numpy(), 1, 1_000).astype(np.int64)
    point = panel.price_e4[at] if len(panel.price_e4) else np.zeros(len(at), np.int32)
    when = panel.t[at] if len(panel.t) else np.zeros(len(at), np.int64)
    eras = (schedule.offsets, schedule.since, schedule.rate_e6, schedule.exponent)
    mid, ask, fee = _buy_one((market, side, bought), (when, point, tick), (half_e8, share_e6), eras)
    cost = ask.astype(np.int64) * 100 + fee
    payout, status = _settle(outcomes.payout_e4[market], side, ask, bought)
    final = (status == FlatStatus.SETTLED) | (status == FlatStatus.VOID)
    return FlatTrades(
        market=market,
        event=panel.markets["event_no"].to_numpy()[market].astype(np.int32),
        category=np.asarray(category)[market],
        row=row,
        fill_row=fill,
        t_decision=panel.t[row],
        t_fill=np.where(bought, when, 0),
        side=side,
        price_e4=mid,
        ask_e4=ask,
        fee_e6=fee,
        cost_e6=cost,
        payout_e6=payout,
        pnl_e6=np.where(final, payout - cost, 0),
        known_at=outcomes.known_at[market],
        status=status,
        after_event=panel.t[row] >= outcomes.event_known_at[market],
    )


def first_firings(panel: Panel, row: Int64s) -> Int64s:
    """Return which of the ascending point indices `row` come first in their market, ascending positions."""
    bounds = np.searchsorted(row, panel.offsets)
    return bounds[:-1][bounds[1:] > bounds[:-1]]


def _check(panel: Panel, row: Int64s, side: Int8s) -> None:
    if len(row) != len(side):
        raise ValueError("row and side differ in length")
    if len(row) and (row[0] < 0 or row[-1] >= panel.point_count or bool((row[1:] < row[:-1]).any())):
        raise ValueError("rows must be ascending point indices of the panel")
    if not bool((np.abs(side) == 1).all()):
        raise ValueError("a side is +1 (YES) or -1 (NO)")


def _next_row(panel: Panel, row: Int64s, market: Int32s, outcomes: Outcomes) -> Int64s:
    """Return the first later point at a strictly later instant, before the resolution is known; -1 when none."""
    fill = row + 1
    end = panel.offsets[market + 1]
    while True:
        inside = fill < end
        stuck = inside & (panel.t[np.minimum(fill, panel.point_count - 1)] <= panel.t[row])
        if not stuck.any():
            break
        fill = fill + stuck
    known = outcomes.known_at[market]
    ok = inside & (panel.t[np.minimum(fill, panel.point_count - 1)] < known)
    return np.where(ok, fill, -1)


@kernel
def _buy_one(who: Any, what: Any, spread: Any, eras: Any) -> Any:
    market, side, bought = who
    when, point, tick = what
    count = len(market)
    mid, ask = np.zeros(count, np.int32), np.zeros(count, np.int32)
    fee = np.zeros(count, np.int64)
    for k in range(count):
        if not bought[k]:
            continue
        price = leg_price_e4(point[k], side[k])
        paid = ask_e4(price, half_spread_e4(price, spread[0], spread[1]), tick[market[k]])
        era = fee_era(eras[0], eras[1], market[k], when[k])
        if era >= 0:
            fee[k] = taker_fee_e6(1_000_000, paid, eras[2][era], eras[3][era])
        mid[k], ask[k] = price, paid
    return mid, ask, fee


def _settle(payout_e4: Int32s, side: Int8s, ask: Int32s, bought: Bools) -> tuple[Int64s, Int8s]:
    leg = np.where(side > 0, payout_e4, 10_000 - payout_e4).astype(np.int64) * 100
    status = np.full(len(side), FlatStatus.SETTLED, np.int8)
    status[payout_e4 == -1] = FlatStatus.OPEN
    status[payout_e4 == -2] = FlatStatus.VOID
    status[~bought] = FlatStatus.NO_FILL
    paid = np.where(status == FlatStatus.VOID, ask.astype(np.int64) * 100, leg)
    paid[(status == FlatStatus.OPEN) | (status == FlatStatus.NO_FILL)] = 0
    return paid, status
