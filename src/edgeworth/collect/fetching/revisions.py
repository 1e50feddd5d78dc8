"""Look for candle files that were revised after they were fetched: published checksums against the stored ones.

What is stored stands: a candle that a backtest has seen does not change under it. Where a revised file says otherwise,
its candles go to quarantine as `candle-revised`, and the new checksum is remembered.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from edgeworth.collect.fetching.candles import SOURCE, CandleTools, candle_frame, differences
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import Rejected
from edgeworth.store.market_db import ImportState
from edgeworth.venues.binance.bulk import BulkFile
from edgeworth.venues.binance.lineage import QUOTE

if TYPE_CHECKING:
    import polars as pl


class Published(Protocol):
    """Published files with their checksums (`venues.binance.bulk.Bulk`)."""

    async def checksum(self, symbol: str, interval: str, period: str) -> str:
        """Return the published SHA-256 of a month or day."""

    async def month(self, symbol: str, interval: str, month: date) -> BulkFile:
        """Return a month's candles."""

    async def day(self, symbol: str, interval: str, day: date) -> BulkFile:
        """Return a day's candles."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A file whose checksum changed, and how many of its candles differ from the stored ones."""

    pair: str
    interval: str
    period: str
    differing: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready facts."""
        return asdict(self)


async def find_revisions(tools: CandleTools, files: Published, pairs: tuple[str, ...] = ()) -> list[Revision]:
    """Compare every fetched file (of these pairs, or of all) with what is published now; raises VenueError."""
    states = [state for state in await _states(tools) if not pairs or state.key.split(":")[1] in pairs]
    tools.progress.start("checksums", len(states), "files")
    found = []
    for state in states:
        _, pair, interval, period = state.key.split(":")
        try:
            published = await files.checksum(pair, interval, period)
        except Refused as error:
            if error.code != "not-listed":
                raise
            published = str(state.extra["sha256"])  # taken down: nothing says that what we have is wrong
        if published != state.extra["sha256"]:
            found.append(await _revised(tools, files, state))
        tools.progress.advance(1)
    tools.progress.finish()
    return found


async def _states(tools: CandleTools) -> list[ImportState]:
    rows = await tools.store.rows("import_files")
    keys = sorted(row["key"] for row in rows if row["key"].startswith("candles:"))
    states = [await tools.store.import_state(key) for key in keys]
    return [state for state in states if state is not None and "sha256" in state.extra]


async def _revised(tools: CandleTools, files: Published, state: ImportState) -> Revision:
    _, pair, interval, period = state.key.split(":")
    whole = period.count("-") == 1
    day = date.fromisoformat(f"{period}-01" if whole else period)
    file = await (files.month if whole else files.day)(pair, interval, day)
    fresh = candle_frame(file.records)
    changed = differences(fresh, _stored(tools, pair, interval))
    if changed.height:
        raw, where = changed.head(20).write_json(), f"{file.name} was revised"
        refused = Rejected(
            source=SOURCE, kind="candle", reason="candle-revised", raw=raw, where=where, rows=changed.height
        )
        await tools.store.write([refused])
    await tools.store.set_import_state(replace(state, extra={**state.extra, "sha256": file.sha256, "bytes": file.size}))
    return Revision(pair, interval, period, changed.height)


def _stored(tools: CandleTools, pair: str, interval: str) -> "pl.DataFrame":
    return tools.lake.scan_candles([pair.removesuffix(QUOTE)], interval, sources=[SOURCE]).collect()
