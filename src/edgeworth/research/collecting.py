"""From firings to evidence: which points are decisions, what one share of each would have cost and paid."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.config import CostSettings
from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.flat import FlatStatus, FlatTrades, first_firings, flat_trades
from edgeworth.features.columns import owners
from edgeworth.forecasting.firing import Firings
from edgeworth.forecasting.learning import Opinions
from edgeworth.research.evidence import MULTIPLIERS, Evidence

if TYPE_CHECKING:
    import polars as pl

DECIDED_LOW, DECIDED_HIGH = 300, 9_700  # outside, the event counts as decided: no decision is taken there
_STATUS: Final = {
    FlatStatus.OPEN: "not resolved",
    FlatStatus.VOID: "voided",
    FlatStatus.NO_FILL: "no later price",
}


@dataclass(frozen=True, slots=True)
class Experiment:
    """What every strategy of a run shares: the data, the decision points, labels, costs.

    `rows`: admissible points, ascending. `from_t`: flat trades start here (the hold-out), learning may reach back.
    `category`: (M,) labels.
    """

    panel: Panel
    outcomes: Outcomes
    rows: Int64s
    from_t: int
    category: npt.NDArray[np.str_]
    costs: CostSettings
    fees: FeeTable


@dataclass(frozen=True, slots=True)
class Judged:
    """One strategy's flat trades with the evidence drawn from them; `settled` marks the trades of the evidence."""

    firings: Firings
    trades: FlatTrades
    evidence: Evidence
    settled: Int64s
    event_known_at: Int64s
    dropped: dict[str, int]


def decision_points(panel: Panel, outcomes: Outcomes, from_t: int, to_t: int) -> Int64s:
    """Return the points in [from_t, to_t) at which a rule may decide, ascending."""
    price = panel.price_e4
    inside = (price >= DECIDED_LOW) & (price <= DECIDED_HIGH)
    if from_t > UNKNOWN_TIME:
        inside &= panel.t >= from_t
    if to_t < NEVER:
        inside &= panel.t < to_t
    begin, stop = panel.offsets[:-1], panel.offsets[1:]
    some = np.flatnonzero(begin < stop)
    for market in some[panel.t[stop[some] - 1] >= outcomes.event_known_at[some]]:
        points = slice(begin[market], stop[market])
        inside[points] &= panel.t[points] < outcomes.event_known_at[market]
    return np.flatnonzero(inside).astype(np.int64, copy=False)


def _untouched(panel: Panel, row: Int64s, from_t: int) -> npt.NDArray[np.bool_]:
    """Tell which firings lie in the hold-out and in events where the rule had not fired before the hold-out."""
    late = panel.t[row] >= from_t
    event = panel.markets["event_no"].to_numpy()[owners(panel, row)]
    result: npt.NDArray[np.bool_] = late & ~np.isin(event, event[~late])
    return result


def collect(experiment: Experiment, firings: Firings, opinions: Opinions | None = None) -> Judged:
    """Buy one share at the first firing of every market, at 0, 1 and 2 times the stated costs."""
    panel, outcomes = experiment.panel, experiment.outcomes
    chosen = firings
    if experiment.from_t > UNKNOWN_TIME:
        chosen = firings.take(_untouched(panel, firings.row, experiment.from_t))
    first = first_firings(panel, chosen.row)
    row, side = chosen.row[first], chosen.side[first]
    priced = [
        flat_trades(panel, outcomes, row, side, experiment.category, experiment.costs, multiplier, experiment.fees)
        for multiplier in MULTIPLIERS
    ]
    trades = priced[1]
    done = np.flatnonzero(trades.status == FlatStatus.SETTLED)
    order = done[np.argsort(trades.t_decision[done], kind="stable")]
    market = trades.market[order].astype(np.int64)
    fair = np.full(len(order), np.nan)
    if opinions is not None and len(order):
        fair = opinions.p[np.searchsorted(opinions.row, trades.row[order])]
    evidence = Evidence(
        market=market,
        event=trades.event[order].astype(np.int64),
        exclusive=panel.markets["neg_risk"].to_numpy()[market].astype(bool),
        t=trades.t_decision[order],
        t_fill=trades.t_fill[order],
        side=trades.side[order].astype(np.int64),
        mid=trades.price_e4[order] / 10_000,
        cost=np.stack([part.cost_e6[order] / 1e6 for part in priced]),
        payout=trades.payout_e6[order] / 1e6,
        known_at=trades.known_at[order],
        fair=fair,
    )
    dropped = {name: int((trades.status == status).sum()) for status, name in _STATUS.items()}
    return Judged(chosen, trades, evidence, order, outcomes.event_known_at[market], dropped)


def reversed_firings(firings: Firings, name: str) -> Firings:
    """Return the same firings on the other side: the reverse control, without evaluating the rule again."""
    p = None if firings.p is None else 1.0 - firings.p
    return Firings(name, firings.row, -firings.side, firings.reason, firings.reasons, p, firings.se)


def trade_frame(experiment: Experiment, judged: Judged, kind: str, strategy: str) -> "pl.DataFrame":
    """Return all flat trades of one strategy for `trades.parquet`: one row per market that fired."""
    import polars as pl

    trades = judged.trades
    fair = np.full(len(trades), np.nan)
    fair[judged.settled] = judged.evidence.fair
    reasons = np.array([*judged.firings.reasons, ""])
    reason: list[str] = []
    if len(trades):
        reason = reasons[judged.firings.reason[np.searchsorted(judged.firings.row, trades.row)]].tolist()
    about = experiment.panel.markets.select("market_no", "market_id", "question")[trades.market]
    own = trades.to_frame().drop("row", "fill_row", "market")
    return pl.DataFrame(
        {
            "strategy": pl.Series([strategy], dtype=pl.String).new_from_index(0, len(trades)),
            "kind": pl.Series([kind], dtype=pl.String).new_from_index(0, len(trades)),
            **about.to_dict(),
            **own.with_columns(pl.col("category").cast(pl.String)).to_dict(),
            "fair": pl.Series(fair, nan_to_null=True),
            "reason": pl.Series(reason, dtype=pl.String),
        }
    )
