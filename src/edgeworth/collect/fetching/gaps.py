"""Back-fill slots the collector missed, from what the venue still has, and never pretend that it was seen live.

A back-filled snapshot has the slot it stands for, the source `backfill:polymarket-history`, a lagging mid in the place
of the last price, no book, quality 0, and `known_at` = now: whatever looks at what was known then does not see it.
The miss stays in the ledger of slots.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from edgeworth.collect.fetching.resolved import COARSE, FINE, Grain, whole_seconds
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress, Silent
from edgeworth.core.records import Ids, PriceBlock, Record
from edgeworth.core.units import Micros
from edgeworth.store.market_db import MarketStore
from edgeworth.store.missed import missed_slots
from edgeworth.store.snapshots import SnapshotRow
from edgeworth.store.wanted import DueMarket, named_markets

SOURCE: Final = "backfill:polymarket-history"
JOBS: Final = ("track", "snapshot")
_STALE: Final = 2  # buckets after which a point no longer stands for a slot


class History(Protocol):
    """Histories (`venues.polymarket.data_api.DataApi`)."""

    async def history(
        self, token: str, *, ids: Ids = (), span: tuple[Micros, Micros] | None = None, grain: int = 10_800
    ) -> list[Record]:
        """Return a token's points."""


@dataclass(frozen=True, slots=True)
class GapTools:
    """What the back-fill needs from outside."""

    store: MarketStore
    home: Home
    data: History
    clock: Clock
    progress: Progress = field(default_factory=Silent)


@dataclass(frozen=True, slots=True)
class GapRequest:
    """Slots in [start, end) microseconds of these jobs."""

    start: Micros
    end: Micros
    jobs: tuple[str, ...] = JOBS


@dataclass(slots=True)
class GapReport:
    """What became of the missed observations.

    `filled` now, `known` filled before, `nothing` the venue has no point near the slot, `refused` it would not say,
    `unnamed` whole slots of which it is not known which markets were due.
    """

    missed: int = 0
    filled: int = 0
    known: int = 0
    nothing: int = 0
    refused: int = 0
    unnamed: int = 0
    markets: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return JSON-ready facts."""
        return asdict(self)


async def fill_gaps(tools: GapTools, request: GapRequest) -> GapReport:
    """Back-fill missed slots and report; raises VenueError when the venue stays away, what came before is stored."""
    missed, unnamed = missed_slots(tools.home, request.jobs, (request.start, request.end), SOURCE)
    report = GapReport(unnamed=unnamed, markets=len(missed))
    report.missed = sum(len(slots) for slots in missed.values())
    markets = await tools.store.run(lambda connection: named_markets(connection, sorted(missed)))
    tools.progress.start("back-fill", len(markets), "markets")
    for market in markets:
        slots = missed[market.market_no]
        left = [slot for slot, there in slots.items() if not there]
        report.known += len(slots) - len(left)
        if left:
            await _market(tools, market, sorted(left), report)
        tools.progress.advance(1)
    tools.progress.finish()
    return report


async def _market(tools: GapTools, market: DueMarket, slots: Sequence[int], report: GapReport) -> None:
    now = tools.clock.now()
    rows: list[SnapshotRow] = []
    for grain, mine in _by_grain(slots, now).items():
        step = grain.lag
        span = whole_seconds(mine[0] - _STALE * step, min(mine[-1] + step, now))
        try:
            records = await tools.data.history(market.token, span=span, grain=grain.seconds) if market.token else []
        except Refused:
            report.refused += len(mine)
            continue
        t, price = _points(records)
        at = np.searchsorted(t, np.array(mine), side="right") - 1
        for slot, place in zip(mine, at.tolist(), strict=True):
            if place < 0 or slot - int(t[place]) > _STALE * step:
                report.nothing += 1
                continue
            known_at = tools.clock.now()
            event_time = int(t[place])
            rows.append(
                SnapshotRow(
                    slot, market.market_no, SOURCE, event_time, known_at, last_e4=int(price[place]), quality_e4=0
                )
            )
    report.filled += await tools.store.write_snapshots(rows)


def _by_grain(slots: Sequence[int], now: int) -> dict[Grain, list[int]]:
    """Group slots by the finest grain that the venue still keeps for them."""
    found: dict[Grain, list[int]] = {}
    for slot in slots:
        kept = [grain for grain in reversed(FINE) if grain.kept is not None and slot > now - grain.kept + grain.lag]
        found.setdefault(kept[0] if kept else COARSE, []).append(slot)
    return found


def _points(records: Sequence[Record]) -> tuple[Any, Any]:
    blocks = [record for record in records if isinstance(record, PriceBlock)]
    t = np.concatenate([np.zeros(0, np.int64), *(block.t for block in blocks)])
    price = np.concatenate([np.zeros(0, np.int32), *(block.price_e4 for block in blocks)])
    order = np.argsort(t, kind="stable")
    return t[order], price[order]
