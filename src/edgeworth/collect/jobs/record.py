"""Record the streams of chosen markets: books at a cadence and every trade, first synced to a spool, then sealed.

What is spooled and synced is kept whatever happens next: a spool that an ended process left behind is sealed by the
next one, under a key that makes sealing it twice the same as once. A book is written when it changed since its last
row, and stands until the next row or the next gap; while it is in doubt nothing is written and the gap says why.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edgeworth.core.book import CHANGES, EPOCH, EVENT_TIME, PROVEN_AT
from edgeworth.core.clock import Clock
from edgeworth.core.paths import Home
from edgeworth.core.records import Rejected
from edgeworth.core.units import ONE_PRICE, SECOND, Micros
from edgeworth.store.lake_books import BookLake, books_schema, gaps_schema
from edgeworth.store.lake_trades import TradeLake
from edgeworth.store.lake_trades import schema as trades_schema
from edgeworth.store.spool import Spool, read_spool, spools
from edgeworth.venues.polymarket.book_keeper import Doubt
from edgeworth.venues.polymarket.market_stream import MarketStream, StreamMarket
from edgeworth.venues.polymarket.ws_wire import Trade

if TYPE_CHECKING:
    import polars as pl

SOURCE: Final = "polymarket-market-stream"
NOT_RECORDED: Final = "not-recorded"  # the cause of a gap between two recordings
_ROWS_AT_ONCE: Final = 200_000


class RecordedMarket(msgspec.Struct, frozen=True):
    """A market to record: its number in the market database and what the stream needs to know."""

    market_no: int
    market: StreamMarket


class BookRow(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """One captured book, YES leg; levels as prices and sizes, best first."""

    market_no: int
    event_time: int
    known_at: int
    tick_e4: int
    bids_e4: list[int]
    bids_e6: list[int]
    asks_e4: list[int]
    asks_e6: list[int]


class TradeRow(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """One printed trade in terms of YES: `side` 1 bought it, -1 sold it."""

    market_no: int
    event_time: int
    known_at: int
    price_e4: int
    size_e6: int
    side: int
    wallet: str
    trade: str


class GapRow(msgspec.Struct, frozen=True, array_like=True, tag="g"):
    """When a book could not be trusted."""

    market_no: int
    since: int
    until: int | None
    proven_at: int
    cause: str


Row = BookRow | TradeRow | GapRow
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Row).decode


@dataclass(slots=True)
class Counts:
    """What was recorded. `looks` = markets x cadence slots; each was written, unchanged or missed (book in doubt)."""

    looks: int = 0
    books: int = 0
    unchanged: int = 0
    missed: int = 0
    trades: int = 0
    trades_dropped: int = 0
    gaps: int = 0
    gap_us: int = 0
    rejected: int = 0
    parts: int = 0
    recovered: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return JSON-ready counts."""
        return asdict(self)


async def ignore(_rejected: Sequence[Rejected]) -> None:
    """Keep nothing of what could not be read; the counts still tell of it."""


@dataclass(slots=True)
class RecordContext:
    """What recording needs. Seconds: a book is looked at every `every`, synced every `sync`, sealed every `seal`.

    `quarantine` keeps rejected payloads; `stop` ends the recording early.
    """

    stream: MarketStream
    home: Home
    clock: Clock
    every: float = 5.0
    sync: float = 1.0
    seal: float = 600.0
    quarantine: Callable[[Sequence[Rejected]], Awaitable[object]] = ignore
    stop: asyncio.Event = field(default_factory=asyncio.Event)


async def record(context: RecordContext, markets: Sequence[RecordedMarket], until: Micros | None = None) -> Counts:
    """Record until an instant, or until `context.stop` is set; what came before is sealed when it returns.

    Raises AccessError when spool or lake cannot be written; what was synced stays in the spool.
    """
    recorder = _Recorder(context, markets)
    await recorder.recover()
    context.stream.follow(item.market for item in markets)
    listening = asyncio.ensure_future(context.stream.run())
    try:
        await recorder.run(until, listening)
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await recorder.finish()
    return recorder.counts


def spool_folder(home: Home) -> Path:
    """Return where spools of recordings lie."""
    return home.root / "spool"


class _Recorder:
    def __init__(self, context: RecordContext, markets: Sequence[RecordedMarket]) -> None:
        self._context, self._clock, self._stream = context, context.clock, context.stream
        self._number_of = {item.market.yes: item.market_no for item in markets}
        self._number_of |= {item.market.no: item.market_no for item in markets if item.market.no}
        self._tokens = {item.market_no: item.market.yes for item in markets}
        self._yes = set(self._tokens.values())
        self._last: dict[int, tuple[int, int, int]] = {}
        self._dropped = context.stream.trades.dropped
        self._spool: Spool | None = None
        self._left_at: dict[int, int] = {}  # when a recording that was cut off last wrote of a market
        self.counts = Counts()

    async def recover(self) -> None:
        """Seal what an ended process left behind."""
        for path in spools(spool_folder(self._context.home)):
            self.counts.recovered += await self._off_loop(lambda path=path: self._seal(path, left=True))  # type: ignore[misc]
        now = self._clock.now()
        for market_no, at in self._left_at.items():
            if market_no in self._tokens:
                self._add(GapRow(market_no, at, now, at, NOT_RECORDED))

    async def run(self, until: Micros | None, listening: "asyncio.Future[None]") -> None:
        context, clock = self._context, self._clock
        look = clock.now() + round(context.every * SECOND)
        seal = clock.now() + round(context.seal * SECOND)
        while not context.stop.is_set() and (until is None or clock.now() < until):
            if listening.done():
                listening.result()  # it never ends by itself: raise what ended it
                return
            await clock.sleep(context.sync)
            now = clock.now()
            if now >= look:
                self._look(now)
                look += round(context.every * SECOND) * (1 + (now - look) // round(context.every * SECOND))
            await self._gather()
            await self._sync()
            if now >= seal:
                await self._turn_over()
                seal = now + round(context.seal * SECOND)

    async def finish(self) -> None:
        """Write what is left, open gaps and the end of the recording included, and seal it."""
        await self._gather()
        for doubt in self._stream.keeper.open_doubts():
            self._add_gap(doubt)
        now = self._clock.now()
        books = self._stream.books
        for market_no, token in self._tokens.items():
            place = books.tokens.get(token)
            proven = books.field(place[0], PROVEN_AT) if place else 0
            self._add(GapRow(market_no, now, None, proven, NOT_RECORDED))
        await self._sync()
        await self._turn_over()

    def _look(self, now: int) -> None:
        """Write the books that changed since their last row."""
        books = self._stream.books
        for market_no, token in self._tokens.items():
            self.counts.looks += 1
            found = self._stream.book(token)
            if found is None:
                self.counts.missed += 1
                continue
            number = books.tokens[token][0]
            state = (books.field(number, EPOCH), books.field(number, EVENT_TIME), books.field(number, CHANGES))
            if self._last.get(market_no) == state:
                self.counts.unchanged += 1
                continue
            self._last[market_no] = state
            self.counts.books += 1
            bids_e4, bids_e6 = _columns(found.bids)
            asks_e4, asks_e6 = _columns(found.asks)
            stamp = found.event_time or now
            self._add(BookRow(market_no, stamp, now, found.tick_e4, bids_e4, bids_e6, asks_e4, asks_e6))

    async def _gather(self) -> None:
        """Fetch trades, closed gaps and notices from the stream."""
        for trade in self._stream.trades.drain():
            self._add_trade(trade)
        dropped = self._stream.trades.dropped
        self.counts.trades_dropped += dropped - self._dropped
        self._dropped = dropped
        for doubt in self._stream.keeper.closed.drain():
            self._add_gap(doubt)
        rejected = [notice for notice in self._stream.notices.drain() if isinstance(notice, Rejected)]
        if rejected:
            self.counts.rejected += len(rejected)
            await self._context.quarantine(rejected)

    def _add_trade(self, trade: Trade) -> None:
        market_no = self._number_of.get(trade.token)
        if market_no is None:
            return
        is_yes = trade.token in self._yes
        price = trade.price_e4 if is_yes else ONE_PRICE - trade.price_e4
        side = 1 if trade.is_buy == is_yes else -1
        words = f"{trade.transaction}/{trade.event_time}/{price}/{trade.size_e6}/{side}"
        digest = hashlib.blake2b(words.encode(), digest_size=12).hexdigest()
        self.counts.trades += 1
        self._add(TradeRow(market_no, trade.event_time, trade.known_at, price, trade.size_e6, side, "", digest))

    def _add_gap(self, doubt: Doubt) -> None:
        market_no = self._number_of.get(doubt.token)
        if market_no is None:
            return
        self.counts.gaps += 1
        self.counts.gap_us += (doubt.until or self._clock.now()) - doubt.since
        self._add(GapRow(market_no, doubt.since, doubt.until, doubt.proven_at, doubt.cause.value))

    def _add(self, row: Row) -> None:
        if self._spool is None:
            self._spool = Spool(spool_folder(self._context.home), f"{self._clock.now():020d}")
        self._spool.add(_ENCODE(row))

    async def _sync(self) -> None:
        if self._spool is not None:
            await self._off_loop(self._spool.sync)

    async def _turn_over(self) -> None:
        """Close the spool and seal it."""
        if self._spool is None:
            return
        spool, self._spool = self._spool, None
        spool.close()
        await self._off_loop(lambda: self._seal(spool.path))

    def _seal(self, path: Path, *, left: bool = False) -> int:
        """Put a spool's rows into the lake and remove it; returns how many rows it held.

        `left`: a recording that was cut off left it, so what came after its last rows was not recorded.
        """
        rows = [_DECODE(data) for data in read_spool(path)]
        if left:
            for row in rows:
                at = row.since if isinstance(row, GapRow) else row.known_at
                self._left_at[row.market_no] = max(self._left_at.get(row.market_no, 0), at)
        lake = self._context.home.lake
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            self.counts.parts += seal_rows(lake, rows[begin : begin + _ROWS_AT_ONCE], f"{path.stem}/{begin}")
        path.unlink()
        return len(rows)

    async def _off_loop(self, work: Callable[[], int]) -> int:
        with self._clock.busy():
            return await asyncio.to_thread(work)


def seal_rows(lake: Path, rows: Sequence[Row], key: str) -> int:
    """Append rows to the lake's datasets under a key that makes doing it again a no-op; returns the parts written."""
    books = [row for row in rows if isinstance(row, BookRow)]
    trades = [row for row in rows if isinstance(row, TradeRow)]
    gaps = [row for row in rows if isinstance(row, GapRow)]
    store = BookLake(lake)
    done = (
        store.append_books(SOURCE, _frame(books, books_schema()), key=key),
        TradeLake(lake).append(SOURCE, _frame(trades, trades_schema()), key=key),
        store.append_gaps(SOURCE, _frame(gaps, gaps_schema()), key=key),
    )
    return sum(part.stored > 0 for part in done)


def _frame(rows: Sequence[Any], schema: dict[str, Any]) -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame({name: [getattr(row, name) for row in rows] for name in schema}, schema=schema)


def _columns(levels: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [price for price, _ in levels], [size for _, size in levels]
