"""What the walk through time reads: a time-ordered tape, markets' terms, opinions and limits; struct of arrays."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.config import CostSettings, RiskSettings
from edgeworth.core.errors import ConfigError
from edgeworth.core.panel import NEVER, Floats, Int32s, Int64s, Outcomes, Panel
from edgeworth.core.units import DAY
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.layout import NO_POINT, PRICE_BITS, PRICE_MASK
from edgeworth.engine.merging import merge_markets
from edgeworth.engine.ordering import inverse, scatter, stable_time_order

Int16s = npt.NDArray[np.int16]
Int8s = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.unsignedinteger[Any]]

LOT_E6: Final = 10_000  # the venue trades hundredths of a share, so price x lots is exact in 1e-6 dollars
MAX_BANKROLL: Final = 100_000_000.0


@dataclass(frozen=True, slots=True)
class Tape:
    """All price points of a panel merged in time order (t, market, point), with the resolutions merged into it.

    `t` and `word` (slot of the market << 14 | YES price): shape (N,); `word` has 32 bits up to 262,144 markets. Slots
    number the markets by first appearance, so that those alive at a time lie together: `slot_market` (M,) panel index.
    `position`: tape index of each panel point, shape (N,). `offsets`: (M+1,) panel points by market.

    `end_market`, `end_t`, `end_position`, `end_payout_e4`: the resolved markets ordered by (`known_at`, market); a
    resolution comes before tape index `end_position`, so before prices of the same instant.
    """

    t: Int64s
    word: Words
    position: Int32s
    offsets: Int64s
    slot_market: Int32s
    end_market: Int32s = field(default_factory=lambda: np.empty(0, np.int32))
    end_t: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    end_position: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    end_payout_e4: Int32s = field(default_factory=lambda: np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.t)

    @property
    def market(self) -> Int32s:
        """Return the panel index of every point's market, in tape order."""
        slot: npt.NDArray[Any] = self.word >> PRICE_BITS
        market: Int32s = self.slot_market[slot]
        return market

    @property
    def price_e4(self) -> Int16s:
        """Return every point's YES price, in tape order."""
        return (self.word & PRICE_MASK).astype(np.int16)

    def with_outcomes(self, outcomes: Outcomes) -> "Tape":
        """Return the same prices with other resolutions; they enter when known (`outcomes.known_at`)."""
        known = np.asarray(outcomes.known_at, np.int64)
        payout = np.asarray(outcomes.payout_e4, np.int32)
        market = np.flatnonzero((known != NEVER) & (payout != -1)).astype(np.int32)
        market = market[np.argsort(known[market], kind="stable")]
        when = known[market]
        return replace(
            self,
            end_market=market,
            end_t=when,
            end_position=np.searchsorted(self.t, when, side="left").astype(np.int64),
            end_payout_e4=payout[market],
        )


def build_tape(panel: Panel, outcomes: Outcomes) -> Tape:
    """Merge points and outcomes in time order; ValueError beyond 2**31 - 2 points or for a price outside [0, 1]."""
    return order_points(panel).with_outcomes(outcomes)


def order_points(panel: Panel) -> Tape:
    """Merge the points in time order, without outcomes; raises as `build_tape`."""
    if panel.point_count >= NO_POINT:
        raise ValueError("a tape holds fewer than 2**31 - 1 points")
    if panel.point_count and not 0 <= panel.price_e4.min() <= panel.price_e4.max() <= 10_000:
        raise ValueError("a price lies outside [0, 1]")  # the walk looks quotes up by price
    offsets = np.asarray(panel.offsets, np.int64)
    t, price = _fixed(panel.t), _fixed(panel.price_e4)
    some = np.diff(offsets) > 0
    first = np.full(panel.market_count, NEVER, np.int64)  # markets without a point come last
    first[some] = t[offsets[:-1][some]]
    wide: Any = np.uint32 if panel.market_count <= 2 ** (32 - PRICE_BITS) else np.uint64
    merged = merge_markets(t, price, offsets, first) if wide is np.uint32 else None
    if merged is not None:
        when, word, position, slot_market = merged
        return Tape(when, word, position, offsets, slot_market)
    position = inverse(stable_time_order(t))
    first[some] = position[offsets[:-1][some]]
    slot_market = np.argsort(first, kind="stable").astype(np.int32)
    slot: npt.NDArray[Any] = np.empty(panel.market_count, wide)
    slot[slot_market] = np.arange(panel.market_count, dtype=wide)
    when, word = scatter(t, price, _fixed(offsets), position, slot << wide(PRICE_BITS))
    return Tape(when, word, position, offsets, slot_market)


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view, so that one compiled form serves arrays in memory and mapped ones."""
    view = np.ascontiguousarray(array).view(np.ndarray)[:]
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True)
class EngineMarkets:
    """The terms of each market, by panel index; all arrays (M,).

    `event` and `category` are dense codes from 0 (names in `event_no`, `categories`); `exclusive` says that at most one
    market of the event pays YES; `tick_e4` smallest price step; `min_lots` smallest order in hundredths of a share.
    """

    event: Int32s
    category: Int32s
    exclusive: Bools
    tick_e4: Int64s
    min_lots: Int64s
    fees: FeeTable
    event_no: Int64s
    categories: tuple[str, ...]

    @staticmethod
    def of_panel(panel: Panel, category: npt.NDArray[Any], fees: FeeTable | None = None) -> "EngineMarkets":
        """Take the terms from a panel; `category`: (M,) labels or codes; `fees` default to the panel's own, always."""
        markets = panel.markets
        event_no, event = np.unique(markets["event_no"].to_numpy(), return_inverse=True)
        names, codes = np.unique(np.asarray(category), return_inverse=True)
        return EngineMarkets(
            event=event.astype(np.int32),
            category=codes.astype(np.int32),
            exclusive=markets["neg_risk"].to_numpy().astype(bool),
            tick_e4=np.clip(markets["tick_e4"].to_numpy(), 1, 1_000).astype(np.int64),
            min_lots=np.maximum(-(-markets["min_size_e6"].to_numpy() // LOT_E6), 1).astype(np.int64),
            fees=fees or FeeTable.of_panel(panel),
            event_no=event_no.astype(np.int64),
            categories=tuple(str(name) for name in names),
        )


@dataclass(frozen=True, slots=True)
class EngineOpinions:
    """Opinions market by market, in time order within each, at most one per point.

    `position` tape index, `side` +1/-1, `p` and `se` of the side: (F,). `offsets`: (M+1,) opinions by market.
    """

    position: Int32s
    side: Int8s
    p: Floats
    se: Floats
    offsets: Int64s

    def __len__(self) -> int:
        return len(self.position)

    @staticmethod
    def on_tape(tape: Tape, row: Int64s, side: Int8s, p: Floats, se: Floats) -> "EngineOpinions":
        """Put opinions about panel points (`row`, any order) on the tape; raises ValueError for two on one point."""
        row, side = np.asarray(row, np.int64), np.asarray(side, np.int8)
        p, se = np.asarray(p, np.float64), np.asarray(se, np.float64)
        if len(row) > 1 and not bool((row[1:] > row[:-1]).all()):
            order = np.argsort(row, kind="stable")
            row, side, p, se = row[order], side[order], p[order], se[order]
            if bool((row[1:] == row[:-1]).any()):
                raise ValueError("two opinions about the same point")
        return EngineOpinions(tape.position[row], side, p, se, np.searchsorted(row, tape.offsets).astype(np.int64))


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Costs and limits as the walk uses them: integers, except the Kelly fraction.

    Dollars in 1e-6, shares of equity in millionths, half spread in 1e-8 dollars, `max_hold` in microseconds (0 = off).
    `max_entries`: how often one market may be entered (no scaling in; a new entry needs the old position closed).
    """

    bankroll_e6: int
    kelly: float
    min_edge_e6: int
    max_order_e6: int
    max_market: int
    max_event: int
    max_category: int
    max_total: int
    drawdown_start: int
    drawdown_stop: int
    stop_loss: int
    take_profit: int
    max_hold: int
    exit_on_edge_gone: bool
    half_e8: int
    spread_share: int
    depth_e6: int
    fee_multiplier: float
    max_entries: int = 1

    @staticmethod
    def of_settings(
        costs: CostSettings, risk: RiskSettings, multiplier: float = 1.0, max_entries: int = 1
    ) -> "EngineConfig":
        """Turn settings into integers; `multiplier` scales spread and fees on top of `costs.multiplier`.

        Raises ConfigError `config-bad-value` for a bankroll beyond 100 million or a drawdown stop not above its start.
        """
        if risk.bankroll > MAX_BANKROLL:
            raise ConfigError("config-bad-value", "'risk.bankroll': at most 100000000")
        if risk.drawdown_stop <= risk.drawdown_start:
            raise ConfigError("config-bad-value", "'risk.drawdown_stop': must lie above 'risk.drawdown_start'")
        scale = costs.multiplier * multiplier
        return EngineConfig(
            bankroll_e6=_e6(risk.bankroll),
            kelly=risk.kelly,
            min_edge_e6=_e6(risk.min_edge),
            max_order_e6=_e6(min(risk.max_order, MAX_BANKROLL)),
            max_market=_e6(risk.max_market),
            max_event=_e6(risk.max_event),
            max_category=_e6(risk.max_category),
            max_total=_e6(risk.max_total),
            drawdown_start=_e6(risk.drawdown_start),
            drawdown_stop=_e6(risk.drawdown_stop),
            stop_loss=_e6(risk.stop_loss),
            take_profit=_e6(min(risk.take_profit, 1e6)),
            max_hold=round(risk.max_hold_days * DAY),
            exit_on_edge_gone=risk.exit_on_edge_gone,
            half_e8=math.ceil(costs.half_spread * scale * 1e8 - 1e-6),
            spread_share=math.ceil(costs.spread_share * scale * 1e6 - 1e-6),
            depth_e6=_e6(min(costs.depth, MAX_BANKROLL)),
            fee_multiplier=scale if costs.use_fees else 0.0,
            max_entries=max_entries,
        )


def _e6(value: float) -> int:
    return round(value * 1_000_000)
