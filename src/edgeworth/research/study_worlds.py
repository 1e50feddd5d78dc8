"""A simulated world as what the proof takes in, without files: the panel an importer would build, and its outcomes.

Metadata are those of the dump at the end of the world, so texts and schedules count as backdated, as in the demo.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.types import UNRESOLVED
from edgeworth.core.units import SECOND
from edgeworth.sandbox import identity
from edgeworth.sandbox.fees import fee_schedule
from edgeworth.sandbox.world import World
from edgeworth.store.panel_build import Series, choose_markets, decided_at
from edgeworth.strategies.base import Call, Row, no, strategy

if TYPE_CHECKING:
    import polars as pl

SOURCE = "simulated"


@strategy
@dataclass(frozen=True)
class FirstTeamsTooDear:
    """Take NO on basketball games whose YES trades between `low` and `high`: the one bias of the power world."""

    name, version, needs = "first-teams-too-dear", 1, ("price", "category")
    exhibit = False
    low: float = 0.20
    high: float = 0.80

    def opinions(self, row: Row) -> Call:
        """Name the side that the planted bias makes cheap."""
        inside = (row.price >= self.low) & (row.price <= self.high)
        return no(when=(row.category == "sports/nba") & inside, reason="first team too dear")


def world_data(world: World) -> tuple[Panel, Outcomes]:
    """Return panel and outcomes of a world: times to the second, events in listing order, as an import leaves them.

    Markets without a point are left out; `event_known_at` is derived from the prices, as for any import without
    recorded proposals.
    """
    order = _listing_order(world)
    arrays = world.arrays
    counts = np.diff(arrays.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = np.repeat(arrays.offsets[order] - offsets[:-1], counts) + np.arange(offsets[-1])
    numbers = np.arange(1, len(order) + 1, dtype=np.int64)
    whole = Series(numbers, offsets, arrays.t[rows] // SECOND * SECOND, arrays.price_e4[rows].astype(np.int32))
    filled = counts > 0
    series = choose_markets(whole, filled)
    order, numbers = order[filled], numbers[filled]
    outcomes = _outcomes(world, series, order)
    ends = arrays.scheduled_end[order]
    dated = ends != UNKNOWN_TIME
    created = arrays.created_at[order]
    panel = Panel(
        _markets(world, order, numbers),
        series.offsets,
        series.t,
        series.price_e4,
        np.concatenate([[0], np.cumsum(dated)]).astype(np.int64),
        created[dated],
        ends[dated],
        SOURCE,
        _fingerprint(world),
    )
    return panel, outcomes


def _listing_order(world: World) -> Int64s:
    ids = identity.Numbering(world)
    return np.array([market for event in ids.order for market in ids.markets(event)], dtype=np.int64)


def _outcomes(world: World, series: Series, order: Int64s) -> Outcomes:
    payout = world.arrays.payout_e4[order]
    known = payout != UNRESOLVED
    resolved = np.where(known, world.arrays.resolved_at[order] // SECOND * SECOND, NEVER)
    decided = np.where(known, decided_at(series, resolved), NEVER)
    return Outcomes(payout, resolved, resolved, decided)


def _fingerprint(world: World) -> str:
    text = f"{world.scenario!r}/{world.seed}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _markets(world: World, order: Int64s, numbers: Int64s) -> "pl.DataFrame":
    import polars as pl

    ids = identity.Numbering(world)
    place = {event: number for number, event in enumerate(ids.order, start=1)}
    first = np.concatenate([[0], np.cumsum(np.bincount(world.arrays.event))]).astype(int)
    events = world.arrays.event[order].tolist()
    texts = [world.texts[event] for event in events]
    kinds = [world.event_kind[event] for event in events]
    own = [text.markets[market - first[event]] for text, market, event in zip(texts, order, events, strict=True)]
    created = world.arrays.created_at[order]
    fees = [fee_schedule(kind.category, listed) for kind, listed in zip(kinds, created.tolist(), strict=True)]
    names = identity.conditions(world)
    rows = {
        "market_no": numbers.astype(np.int32),
        "market_id": [names[market] for market in order.tolist()],
        "event_no": np.array([place[event] for event in events], dtype=np.int32),
        "slug": [ids.market_slug(market) for market in order.tolist()],
        "question": [text.question for text in own],
        "event_title": [text.title for text in texts],
        "outcome0": [text.outcomes[0] for text in own],
        "outcome1": [text.outcomes[1] for text in own],
        "tags": pl.Series(
            [list(dict.fromkeys((*kind.tags, *text.tags))) for kind, text in zip(kinds, texts, strict=True)],
            dtype=pl.List(pl.String),
        ),
        "neg_risk": [kind.neg_risk for kind in kinds],
        "tick_e4": np.full(len(order), world.scenario.tick_e4, dtype=np.int32),
        "min_size_e6": np.full(len(order), 5_000_000, dtype=np.int64),
        "fee_rate_e6": np.array([fee.rate_e6 for fee in fees], dtype=np.int32),
        "fee_exponent": np.array([fee.exponent for fee in fees], dtype=np.int32),
        "created_at": created,
        "backdated": np.ones(len(order), dtype=bool),
    }
    return pl.DataFrame(rows)
