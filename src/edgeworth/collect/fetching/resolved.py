"""Fetch resolved markets: the listing, how they ended, their price histories and trades; once, for many trainings.

The listing's cursor and every market that is still to be fetched are states in the store: a page's facts are written
first, then what is due, the cursor last. Stopped at any instant, the same command goes on; run again, it asks for
nothing that is there.

A history is told in buckets. Whether a bucket is stamped by its beginning or its end is not documented, so a point is
taken as known one bucket after its stamp: it may come late, it never looks ahead. Three-hour buckets are kept for ever;
finer ones only for recent markets, each grain a source of its own (`polymarket-3h`, `polymarket-30m`, ...).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import numpy as np

from edgeworth.core.clock import Clock
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.errors import UsageError
from edgeworth.core.progress import Progress, Silent
from edgeworth.core.records import Ids, MarketRecord, PriceBlock, Record, Rejected, ResolutionRecord, SnapshotRecord
from edgeworth.core.types import ResolutionState
from edgeworth.core.units import DAY, MINUTE, ONE_PRICE, SECOND, Micros
from edgeworth.store.lake import Lake
from edgeworth.store.lake_trades import TradeLake
from edgeworth.store.market_db import CoverageRow, ImportState, MarketStore
from edgeworth.store.wanted import DueMarket, add_due, due_markets
from edgeworth.venues.polymarket.data_api import CONDITIONS, DataPage
from edgeworth.venues.polymarket.data_rows import PublicTrade
from edgeworth.venues.polymarket.gamma import Filters, Page

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")
TRADES: Final = "polymarket-trades"
TRADE_LAG: Final = MINUTE  # the venue states that its trade feed may lag by one minute
TRADES_KEPT: Final = 3 * 365 * DAY
FIRST: Final = 1_593_561_600_000_000  # 2020-07-01: no market of the venue ended before
BATCH: Final = 200  # markets whose histories become one part
AT_ONCE: Final = 8  # requests under way: enough to fill the rate limit's budget over a slow line
ROWS: Final = 400_000  # trades held before they are stored


@dataclass(frozen=True, slots=True)
class Grain:
    """A bucket size of the venue's histories, what our source of it is called, and how long it is kept."""

    seconds: int
    source: str
    kept: int | None = None

    @property
    def lag(self) -> int:
        """Microseconds after its stamp at which a point counts as known."""
        return self.seconds * SECOND


COARSE: Final = Grain(10_800, "polymarket-3h")
FINE: Final = (
    Grain(1_800, "polymarket-30m", 90 * DAY),
    Grain(300, "polymarket-5m", 60 * DAY),
    Grain(60, "polymarket-1m", 7 * DAY),
)
GRAINS: Final = (COARSE, *FINE)


class Listing(Protocol):
    """Markets by pages (`venues.polymarket.gamma.Gamma` with backfill)."""

    def markets(self, filters: Filters = ..., cursor: str = "") -> AsyncIterator[Page]:
        """Yield pages."""

    async def market(self, market_id: str) -> Page | None:
        """Return one market, None when it is unknown."""


class History(Protocol):
    """Histories, trades and resolutions (`venues.polymarket.data_api.DataApi` with backfill)."""

    async def history(
        self, token: str, *, ids: Ids = (), span: tuple[Micros, Micros] | None = None, grain: int = 10_800
    ) -> list[Record]:
        """Return a token's points."""

    async def resolutions(self, conditions: Sequence[str]) -> list[ResolutionRecord | Rejected]:
        """Return what is said of the ends of markets."""

    def trades(self, *, conditions: Sequence[str] = ...) -> AsyncIterator[DataPage[PublicTrade]]:
        """Yield pages of trades."""


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """Markets whose scheduled end lies in [since, until); `until` None = now. Without bounds, those without an end too.

    `category` is a label of the taxonomy or its first level, `min_volume` dollars. `fine` also fetches the grains that
    the venue keeps only for a while; `refresh` lists again what was listed before. `names` are Gamma ids, slugs or
    condition ids of markets to fetch instead of a listing.
    """

    since: Micros
    until: Micros | None = None
    category: str = ""
    min_volume: int = 0
    fine: bool = True
    trades: bool = True
    refresh: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedTools:
    """What the fetch needs from outside; `category_of` maps (question, event title, tags) to a taxonomy label."""

    store: MarketStore
    lake_root: Any
    gamma: Listing
    data: History
    clock: Clock
    category_of: Callable[[str, str, tuple[str, ...]], str]
    progress: Progress = field(default_factory=Silent)
    hook: Callable[[str], None] = lambda _step: None


@dataclass(slots=True)
class ResolvedReport:
    """What this run did: pages and markets listed, and per source how many markets got what."""

    listed: int = 0
    pages: int = 0
    chosen: int = 0
    resumed: bool = False
    partial: str = ""
    disagreeing: int = 0
    quarantined: int = 0
    sources: dict[str, dict[str, int]] = field(default_factory=dict)

    def count(self, source: str, status: str, markets: int = 1, rows: int = 0) -> None:
        """Count markets of a source by what became of them, and the rows stored."""
        counts = self.sources.setdefault(source, {"present": 0, "missing": 0, "failed": 0, "rows": 0})
        counts[status] += markets
        counts["rows"] += rows

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready facts."""
        return asdict(self)


class ResolvedFetch:
    """Fetch what a request names."""

    def __init__(self, tools: ResolvedTools, request: ResolvedRequest) -> None:
        self._tools, self._request = tools, request
        self._lake, self._trades = Lake(tools.lake_root, tools.hook), TradeLake(tools.lake_root, tools.hook)
        self.report = ResolvedReport()

    async def run(self) -> ResolvedReport:
        """List, then fetch what is due; raises VenueError when a source stays away, with everything so far stored."""
        await self._list()
        for grain in GRAINS if self._request.fine else (COARSE,):
            await self._prices(grain)
        if self._request.trades:
            await self._all_trades()
        self._tools.progress.finish()
        return self.report

    # the listing

    async def _list(self) -> None:
        if self._request.names:
            await self._named()
            return
        state = await self._state()
        if state.done:
            self.report.resumed = True
            return
        cursor, until = str(state.extra.get("cursor", "")), Micros(int(state.extra["until"]))
        self.report.resumed = bool(cursor)
        now = self._tools.clock.now()
        self._tools.progress.start("list closed markets", 0, "markets")
        request = self._request
        filters = Filters(
            closed=True,
            min_volume=request.min_volume or None,
            end_from=request.since if request.since > FIRST else None,  # a bound hides markets without any end
            end_to=until if until < now else None,
        )
        try:
            await self._pages(filters, cursor, state)
        except Refused:
            if not cursor and not self.report.pages:
                raise
            await self._pages(filters, "", state)  # a cursor expires: from the start, which stores nothing twice
        self._tools.progress.finish()

    async def _named(self) -> None:
        """Look up markets by name; raises UsageError unknown-market."""
        for name in dict.fromkeys(self._request.names):
            page = await self._tools.gamma.market(name)
            if page is None:
                raise UsageError("unknown-market", f"the venue knows no market '{name}'", "edgeworth data find")
            key = "fetch:market:" + hashlib.blake2b(name.encode(), digest_size=10).hexdigest()
            await self._take(page, ImportState(key, name, "fetch", done=True))

    async def _pages(self, filters: Filters, cursor: str, state: ImportState) -> None:
        async for page in self._tools.gamma.markets(filters, cursor):
            done = not page.cursor and not page.partial
            extra = {**state.extra, "cursor": page.cursor}
            await self._take(page, ImportState(state.key, "closed markets", "fetch", done=done, extra=extra))
            self._tools.hook("listed-page")
            self.report.partial = page.partial

    async def _state(self) -> ImportState:
        """Return how far this listing has come; a listing without an end goes on to the end of the day it began."""
        request, now = self._request, self._tools.clock.now()
        until = request.until or Micros(now - now % DAY + DAY)
        words = ["resolved", request.since, until, request.min_volume, request.category, request.fine, request.trades]
        key = "fetch:" + hashlib.blake2b(repr(words).encode(), digest_size=10).hexdigest()
        known = None if request.refresh else await self._tools.store.import_state(key)
        return known or ImportState(key, extra={"until": until, "cursor": ""})

    async def _take(self, page: Page, state: ImportState) -> None:
        """Store a page: facts, ends, what is due and the cursor. What is due is noted first, the cursor moves last."""
        tools = self._tools
        markets = [record for record in page.records if isinstance(record, MarketRecord)]
        chosen = [record for record in markets if self._wanted(record)]
        facts = [record for record in page.records if not isinstance(record, SnapshotRecord)]  # not the final totals
        records = await self._with_ends(facts, chosen)
        ended = {_name(record.ids) for record in records if isinstance(record, ResolutionRecord) and _final(record)}
        await tools.store.write(records)
        tools.hook("listed-facts")
        numbers = await tools.store.resolve_ids([record.ids for record in chosen if _name(record.ids) in ended])
        due = [number for number in numbers if number is not None]
        await tools.store.change(lambda connection: self._note_due(connection, due))
        await tools.store.write([], state=state)
        self.report.pages += 1
        self.report.listed += len(markets)
        self.report.chosen += len(due)
        self.report.quarantined += sum(isinstance(record, Rejected) for record in records)
        tools.progress.advance(len(markets))

    def _wanted(self, record: MarketRecord) -> bool:
        wanted = self._request.category.lower()
        if not wanted:
            return True
        label = self._tools.category_of(record.question, record.event_title, record.tags).lower()
        return label == wanted or label.startswith(f"{wanted}/")

    async def _with_ends(self, facts: Sequence[Record], chosen: Sequence[MarketRecord]) -> list[Record]:
        """Add the data service's word on the ends; where two final words differ, neither is believed."""
        conditions = [value for record in chosen for kind, value in record.ids if kind == "condition"]
        records, said = list(facts), list[ResolutionRecord]()
        for start in range(0, len(conditions), CONDITIONS):
            answer = await self._tools.data.resolutions(conditions[start : start + CONDITIONS])
            records += [record for record in answer if isinstance(record, Rejected)]
            said += [record for record in answer if isinstance(record, ResolutionRecord)]
        theirs = {_name(record.ids): record for record in said}
        kept: list[Record] = []
        for record in records:
            other = theirs.get(_name(record.ids)) if isinstance(record, ResolutionRecord) else None
            if isinstance(record, ResolutionRecord) and other is not None and _contradict(record, other):
                kept.append(_disagreement(record, other))
                said.remove(other)
                self.report.disagreeing += 1
            else:
                kept.append(record)
        return [*kept, *said]

    def _note_due(self, connection: Any, numbers: Sequence[int]) -> None:
        add_due(connection, COARSE.source, "prices", numbers)
        if self._request.trades:
            add_due(connection, TRADES, "trades", numbers)
        if not self._request.fine:
            return
        from edgeworth.store.wanted import named_markets

        now = self._tools.clock.now()
        ends = {market.market_no: market.resolved_at for market in named_markets(connection, numbers)}
        for grain in FINE:
            recent = [n for n in numbers if (ends[n] or 0) > now - (grain.kept or 0)]
            add_due(connection, grain.source, "prices", recent)

    # prices

    async def _prices(self, grain: Grain) -> None:
        tools = self._tools
        due = await tools.store.run(lambda connection: due_markets(connection, grain.source, "prices"))
        if not due:
            return
        tools.progress.start(f"prices {grain.source}", len(due), "markets")
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            found: list[_Points] = []
            try:
                await _together(batch, lambda market: self._history(market, grain), found)
            finally:  # also when interrupted: what has come is kept
                if found:
                    await self._store_prices(grain, sorted(found, key=lambda item: item.market.market_no))
                    tools.progress.advance(len(found))
        tools.progress.finish()

    async def _history(self, market: DueMarket, grain: Grain) -> "_Points":
        """Ask for one market's points; a refusal is an answer, an outage is not."""
        if not market.token:
            return _Points(market, status="missing", note="no token is known")
        span = None
        if grain.kept is not None:
            now = self._tools.clock.now()
            span = whole_seconds(max(market.created_at or 0, now - grain.kept), min(market.resolved_at or now, now))
            if span[0] >= span[1]:
                return _Points(market, status="missing", note="no longer kept at this grain")
        try:
            records = await self._tools.data.history(market.token, span=span, grain=grain.seconds)
        except Refused as error:
            return _Points(market, status="failed", note=error.code)
        blocks = [record for record in records if isinstance(record, PriceBlock)]
        rejected = [r for r in records if isinstance(r, Rejected) and r.reason != "settlement-point"]
        t = np.concatenate([np.zeros(0, np.int64), *(block.t for block in blocks)])
        price = np.concatenate([np.zeros(0, np.int32), *(block.price_e4 for block in blocks)])
        return _Points(market, t, price, rejected, "present" if len(t) else "missing", "" if len(t) else "no history")

    async def _store_prices(self, grain: Grain, found: "Sequence[_Points]") -> None:
        tools = self._tools
        numbers = np.repeat([item.market.market_no for item in found], [len(item.t) for item in found]).astype(np.int64)
        t = np.concatenate([item.t for item in found])
        price = np.concatenate([item.price_e4 for item in found])
        stored = 0
        if len(t):
            key = hashlib.blake2b(numbers.tobytes() + t.tobytes() + price.tobytes(), digest_size=12).hexdigest()
            info = self._lake.append_prices(grain.source, numbers, t, price, lag_us=grain.lag, key=f"fetch:{key}")
            stored = info.stored
        tools.hook("prices-stored")
        rejected: list[Record] = [record for item in found for record in item.rejected]
        if rejected:
            await tools.store.write(rejected)
            self.report.quarantined += len(rejected)
        await tools.store.add_coverage([item.coverage(grain.source, "prices") for item in found])
        tools.hook("prices-covered")
        self.report.count(grain.source, "present", 0, stored)
        for item in found:
            self.report.count(grain.source, item.status)

    # trades

    async def _all_trades(self) -> None:
        tools = self._tools
        due = await tools.store.run(lambda connection: due_markets(connection, TRADES, "trades"))
        if not due:
            return
        tools.progress.start("trades", len(due), "markets")
        start = 0
        while start < len(due):
            found: list[_Trades] = []
            try:
                while start < len(due) and len(found) < BATCH and sum(len(item.rows) for item in found) < ROWS:
                    batch = due[start : start + AT_ONCE]
                    await _together(batch, self._trades_of, found)
                    start += len(batch)
                    tools.progress.advance(len(batch))
            finally:  # also when interrupted: what has come is kept
                if found:
                    await self._store_trades(sorted(found, key=lambda item: item.market.market_no))
        tools.progress.finish()

    async def _trades_of(self, market: DueMarket) -> "_Trades":
        if not market.condition:
            return _Trades(market, status="missing", note="no condition is known")
        rows: list[PublicTrade] = []
        rejected: list[Rejected] = []
        try:
            async for page in self._tools.data.trades(conditions=(market.condition,)):
                rows += page.rows
                rejected += page.rejected
                if page.partial:
                    return _Trades(market, rows, rejected, "failed", page.partial)
        except Refused as error:
            return _Trades(market, rows, rejected, "failed", error.code)
        return _Trades(market, rows, rejected, "present" if rows else "missing", "" if rows else "no trades")

    async def _store_trades(self, found: "Sequence[_Trades]") -> None:
        import polars as pl

        tools = self._tools
        frame = pl.concat([item.frame() for item in found])
        key = hashlib.blake2b(frame.write_csv().encode(), digest_size=12).hexdigest()
        info = self._trades.append(TRADES, frame, key=f"fetch:{key}")
        tools.hook("trades-stored")
        rejected: list[Record] = [record for item in found for record in item.rejected]
        if rejected:
            await tools.store.write(rejected)
            self.report.quarantined += len(rejected)
        await tools.store.add_coverage([item.coverage(TRADES, "trades") for item in found])
        self.report.count(TRADES, "present", 0, info.stored)
        for item in found:
            self.report.count(TRADES, item.status)


@dataclass(frozen=True, slots=True)
class _Points:
    market: DueMarket
    t: Any = field(default_factory=lambda: np.zeros(0, np.int64))
    price_e4: Any = field(default_factory=lambda: np.zeros(0, np.int32))
    rejected: list[Rejected] = field(default_factory=list)
    status: str = "present"
    note: str = ""

    def coverage(self, source: str, dataset: str) -> CoverageRow:
        first, last = (int(self.t.min()), int(self.t.max())) if len(self.t) else (None, None)
        return CoverageRow(source, self.market.market_no, dataset, self.status, len(self.t), first, last, self.note)


@dataclass(frozen=True, slots=True)
class _Trades:
    market: DueMarket
    rows: list[PublicTrade] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    status: str = "present"
    note: str = ""

    def coverage(self, source: str, dataset: str) -> CoverageRow:
        times = [row.event_time for row in self.rows]
        first, last = (min(times), max(times)) if times else (None, None)
        return CoverageRow(source, self.market.market_no, dataset, self.status, len(times), first, last, self.note)

    def frame(self) -> "pl.DataFrame":
        """Return the trades in terms of the YES leg."""
        import polars as pl

        from edgeworth.store.lake_trades import schema

        rows = []
        for trade in self.rows:
            other = trade.token == self.market.token1 if self.market.token1 else trade.outcome_index == 1
            price = ONE_PRICE - trade.price_e4 if other else trade.price_e4
            side = (1 if trade.side == "BUY" else -1) * (-1 if other else 1)
            name = hashlib.blake2b(trade.key.encode(), digest_size=12).hexdigest()
            known_at = trade.event_time + TRADE_LAG
            rows.append(
                (self.market.market_no, trade.event_time, known_at, price, trade.size_e6, side, trade.wallet, name)
            )
        return pl.DataFrame(rows, schema=schema(), orient="row")


async def _together(batch: Sequence[DueMarket], work: Callable[[DueMarket], Awaitable[T]], found: list[T]) -> None:
    """Add to `found` what the work says of each market, a few at a time; the first failure stops the others."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(market: DueMarket) -> None:
        async with gate:
            found.append(await work(market))

    try:
        async with asyncio.TaskGroup() as group:
            for market in batch:
                group.create_task(one(market))
    except BaseExceptionGroup as failures:
        raise _first(failures) from failures


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = failures.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def whole_seconds(start: int, end: int) -> tuple[Micros, Micros]:
    """Widen a span to whole seconds, the venue's unit: a window of fractions would exceed what it allows."""
    return Micros(start // SECOND * SECOND), Micros(-(-end // SECOND) * SECOND)


def _final(record: ResolutionRecord) -> bool:
    return record.state is ResolutionState.FINAL


def _name(ids: Ids) -> str:
    """Return what both services call a market: its condition, else all its ids."""
    return next((value for kind, value in ids if kind == "condition"), repr(ids))


def _contradict(left: ResolutionRecord, right: ResolutionRecord) -> bool:
    return _final(left) and _final(right) and left.payout != right.payout


def _disagreement(gamma: ResolutionRecord, data: ResolutionRecord) -> Rejected:
    from edgeworth.store.rows import raw_text

    where = f"the data service says {data.payout.name}"
    return Rejected(source=gamma.source, kind="resolution", reason="sources-disagree", raw=raw_text(gamma), where=where)
