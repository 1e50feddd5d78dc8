"""Fetch years of candles: published files, checksums kept, and the exchange's interface for what no file holds yet.

Per pair and interval: monthly files of whole months, daily files where a month has none yet, then closed candles over
REST. Each file is fetched once (a state per file in the store) and everything new of a pair goes to the lake as one
part; an interrupted fetch repeats at most one pair. One hour is never stored beside fifteen minutes as a second truth:
it is derived from them exactly, and compared with the exchange's own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from edgeworth.collect.importing import gates
from edgeworth.core.clock import Clock
from edgeworth.core.errors import DataError
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.instants import from_datetime, to_datetime
from edgeworth.core.progress import Progress, Silent
from edgeworth.core.records import CandleBlock, Record, Rejected
from edgeworth.core.units import DAY, HOUR, MINUTE, Micros
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import ImportState, MarketStore
from edgeworth.venues.binance.bulk import BulkFile
from edgeworth.venues.binance.lineage import Segment, asset_of, change_of, segments

if TYPE_CHECKING:
    import polars as pl

SOURCE: Final = "binance-spot"
STEPS: Final = {
    "1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "1d": DAY,
}  # fmt: skip
QUARTERS: Final = 4
_COLUMNS: Final = ("t", "open", "high", "low", "close", "volume")
_PRICES: Final = ("open", "high", "low", "close")
_LATE: Final = 40 * DAY  # so long after its month a missing file may still be published
_FEW_DIFFER: Final = 0.01  # of the hours: these are left out; more, and something is wrong with all of them
_VOLUME_TOLERANCE: Final = 1e-9


class Files(Protocol):
    """Published candle files (`venues.binance.bulk.Bulk`)."""

    async def month(self, symbol: str, interval: str, month: date) -> BulkFile:
        """Return a month's candles; raises Rejected not-listed."""

    async def day(self, symbol: str, interval: str, day: date) -> BulkFile:
        """Return a day's candles; raises Rejected not-listed."""


class Rest(Protocol):
    """Closed candles (`venues.binance.rest.Binance`)."""

    async def klines(self, symbol: str, interval: str, start: Micros, end: Micros) -> list[Record]:
        """Return the closed candles opened in [start, end)."""


@dataclass(frozen=True, slots=True)
class CandleRequest:
    """What to fetch: assets or pairs, intervals, opened in [start, end) microseconds.

    `check` compares derived hours with the exchange's own.
    """

    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    start: Micros
    end: Micros
    check: bool = True


@dataclass(slots=True)
class SeriesReport:
    """What came of one pair and interval: files read now and before, candles, holes, and what was refused."""

    asset: str
    pair: str
    interval: str
    files: int = 0
    known: int = 0
    unlisted: int = 0
    candles: int = 0
    new: int = 0
    first: int | None = None
    last: int | None = None
    holes: int = 0
    quarantined: int = 0
    derived: bool = False
    compared: int = 0
    differing: int = 0
    refused: str = ""
    note: str = ""


@dataclass(slots=True)
class CandleReport:
    """One line per pair and interval."""

    series: list[SeriesReport] = field(default_factory=list)

    @property
    def refused(self) -> list[SeriesReport]:
        """Series that are no traded price or differ from the exchange's own hours."""
        return [line for line in self.series if line.refused or line.differing]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready facts."""
        return {"series": [asdict(line) for line in self.series], "new": sum(line.new for line in self.series)}


@dataclass(frozen=True, slots=True)
class CandleTools:
    """What the fetch needs from outside."""

    store: MarketStore
    lake: Lake
    files: Files
    rest: Rest
    clock: Clock
    progress: Progress = field(default_factory=Silent)


class CandleFetch:
    """Fetch what a request names; the same request again asks for nothing that is there."""

    def __init__(self, tools: CandleTools) -> None:
        self._tools = tools

    async def run(self, request: CandleRequest) -> CandleReport:
        """Fetch and report; raises ValueError for an unknown interval or quote, VenueError when a source fails."""
        report = CandleReport()
        plan = list(_plan(request))
        if not plan:
            raise DataError("no-prices", "none of these pairs traded in the chosen range")
        self._tools.progress.start("candles", len(plan), "series")
        for asset, segment, interval in plan:
            report.series += await self._segment(asset, segment, interval, request)
            self._tools.progress.advance(1)
        self._tools.progress.finish()
        return report

    async def _segment(self, asset: str, segment: Segment, interval: str, request: CandleRequest) -> list[SeriesReport]:
        line = SeriesReport(asset, segment.pair, interval, note=_note(asset, segment))
        got = await self._series(segment, interval, request, line)
        lines = [line]
        if line.refused:
            return lines
        line.new = self._store(segment.base, interval, got.frame, f"fetch:{got.digest}")
        await self._remember(got)
        self._measure(segment.base, interval, line)
        if interval == "15m" and "1h" in request.intervals:
            lines.append(await self._hours(asset, segment, request))
        return lines

    async def _series(self, segment: Segment, interval: str, request: CandleRequest, line: SeriesReport) -> "_Got":
        """Read every file of a pair that was not read before, then the rest over REST; nothing is stored yet."""
        got = _Got(segment, interval, line)
        start, end = _within(segment, request)
        for month in _months(start, min(end, self._tools.clock.now())):
            await self._month(got, month)
        for low, high in _merged(got.rest):
            got.take(await self._rest(segment.pair, interval, Micros(max(low, start)), Micros(min(high, end))))
        got.finish()
        problem = _judge(got.frame, line.quarantined)
        if problem:
            line.refused = problem
            await self._tools.store.write([_refusal(segment, interval, got.frame.height, problem)])
        elif got.rejected:
            await self._tools.store.write(got.rejected)
        return got

    async def _month(self, got: "_Got", month: date) -> None:
        """Read a month's file; while it may still be published, its days."""
        after = _instant(_next_month(month))
        late = self._tools.clock.now() - after >= _LATE
        if await self._file(got, f"{month:%Y-%m}", month, late=late) or late:
            return
        day, now = month, self._tools.clock.now()
        while day < _next_month(month) and _instant(day) <= now:
            if not await self._file(got, f"{day:%Y-%m-%d}", day, late=False):
                got.rest.append((_instant(day), _instant(day + timedelta(days=1))))
            day += timedelta(days=1)

    async def _file(self, got: "_Got", period: str, day: date, *, late: bool) -> bool:
        """Read one file unless it was read before; tell whether it is there. `late`: it will not come any more."""
        pair, interval, line = got.segment.pair, got.interval, got.line
        key = f"candles:{pair}:{interval}:{period}"
        state = await self._tools.store.import_state(key)
        if state is not None and state.done:
            line.known += 1
            return True
        fetch = self._tools.files.month if len(period) == len("2026-01") else self._tools.files.day
        try:
            file = await fetch(pair, interval, day)
        except Refused as error:
            if error.code != "not-listed":
                raise
            if late:
                line.unlisted += 1
                got.states.append(ImportState(key, "", "binance-candles", done=True, extra={"listed": False}))
            return False
        got.take(file.records)
        facts = {"sha256": file.sha256, "bytes": file.size}
        got.states.append(ImportState(key, file.name, "binance-candles", done=True, extra=facts))
        line.files += 1
        return True

    async def _rest(self, pair: str, interval: str, start: Micros, end: Micros) -> list[Record]:
        try:
            return await self._tools.rest.klines(pair, interval, start, end)
        except Refused as error:
            if error.code in {"venue-refused", "venue-not-found"}:
                return []  # a pair that no longer exists there
            raise

    async def _hours(self, asset: str, segment: Segment, request: CandleRequest) -> SeriesReport:
        """Derive the hours of a pair from its stored quarters, and compare them with the exchange's own."""
        line = SeriesReport(asset, segment.pair, "1h", derived=True, note=_note(asset, segment))
        start, end = _within(segment, request)
        start = _instant(next(_months(start, end)))  # files are read whole
        quarters = self._tools.lake.scan_candles([segment.base], "15m", start, end, sources=[SOURCE]).collect()
        hours = derive_hours(quarters)
        if request.check and hours.height:
            wanted = CandleRequest(request.symbols, ("1h",), request.start, request.end)
            own = await self._series(segment, "1h", wanted, line)
            differing = differences(hours, own.frame)
            line.compared = hours.join(own.frame, on="t", how="semi").height
            line.differing = differing.height
            if differing.height:
                await self._tools.store.write([_disagreement(segment, differing)])
                if differing.height > _FEW_DIFFER * line.compared:
                    line.refused = f"{differing.height} of {line.compared} hours differ from the exchange's own"
                    return line
                hours = hours.join(differing, on="t", how="anti", maintain_order="left")
            await self._remember(own)
        line.new = self._store(segment.base, "1h", hours, f"derived:{_digest(hours)}")
        self._measure(segment.base, "1h", line)
        return line

    def _store(self, symbol: str, interval: str, frame: "pl.DataFrame", key: str) -> int:
        if frame.is_empty():
            return 0
        return self._tools.lake.append_candles(SOURCE, symbol, interval, frame, key=key).stored

    async def _remember(self, got: "_Got") -> None:
        for state in got.states:
            await self._tools.store.set_import_state(state)

    def _measure(self, symbol: str, interval: str, line: SeriesReport) -> None:
        """Count what the lake holds of a series now, and the steps between neighbours that are too long."""
        frame = self._tools.lake.scan_candles([symbol], interval, sources=[SOURCE]).select("t").collect()
        t = np.sort(frame["t"].to_numpy())
        line.candles = len(t)
        if len(t):
            line.first, line.last = int(t[0]), int(t[-1])
            line.holes = int(np.count_nonzero(np.diff(t) > STEPS[interval]))


@dataclass(slots=True)
class _Got:
    """What was read of one series and is not stored yet."""

    segment: Segment
    interval: str
    line: SeriesReport
    blocks: list[CandleBlock] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    states: list[ImportState] = field(default_factory=list)
    rest: list[tuple[int, int]] = field(default_factory=list)
    frame: Any = None
    digest: str = ""

    def take(self, records: Sequence[Record]) -> None:
        """Add the records of one answer."""
        for record in records:
            if isinstance(record, CandleBlock):
                self.blocks.append(record)
            elif isinstance(record, Rejected):
                self.rejected.append(record)
                self.line.quarantined += record.rows

    def finish(self) -> None:
        """Lay all candles end to end."""
        self.frame = candle_frame(self.blocks)
        self.digest = _digest(self.frame)


def candle_frame(records: Sequence[Record]) -> "pl.DataFrame":
    """Return the candles of records in order of time, of several of one instant the first: t, prices, volume."""
    import polars as pl

    empty = pl.DataFrame(schema={"t": pl.Int64, **dict.fromkeys(_COLUMNS[1:], pl.Float64)})
    blocks = [record for record in records if isinstance(record, CandleBlock)]
    frames = [pl.DataFrame({name: getattr(block, name) for name in _COLUMNS}) for block in blocks]
    return pl.concat([empty, *frames]).unique("t", keep="first", maintain_order=True).sort("t")


def derive_hours(quarters: "pl.DataFrame") -> "pl.DataFrame":
    """Return the hours of which all four quarters are there: columns t, open, high, low, close, volume."""
    import polars as pl

    grouped = (
        quarters.select(_COLUMNS).sort("t").group_by((pl.col("t") // HOUR * HOUR).alias("hour"), maintain_order=True)
    )
    hours = grouped.agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
        pl.col("volume").sum(), pl.col("t").n_unique().alias("quarters"),
    )  # fmt: skip
    return hours.filter(pl.col("quarters") == QUARTERS).rename({"hour": "t"}).select(_COLUMNS)


def differences(derived: "pl.DataFrame", own: "pl.DataFrame") -> "pl.DataFrame":
    """Return the hours whose prices differ at all, or whose volumes differ beyond the rounding of a sum."""
    import polars as pl

    both = derived.join(own, on="t", how="inner", suffix="_own")
    prices = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_own") for name in _PRICES)
    volume = (pl.col("volume") - pl.col("volume_own")).abs() > _VOLUME_TOLERANCE * pl.col("volume").abs().clip(1.0)
    return both.filter(prices | volume)


def history_of(
    lake: Lake, asset: str, interval: str, start: int | None = None, end: int | None = None
) -> "pl.DataFrame":
    """Return an asset's candles through all its coins, in units of its first one: t, prices, volume, `pair`.

    The hole between the end of one coin and the opening of the next stays a hole.
    """
    import polars as pl

    frames = []
    for segment in segments(asset_of(asset)):
        frame = lake.scan_candles([segment.base], interval, start, end, sources=[SOURCE]).select(_COLUMNS).collect()
        scaled = [pl.col(name) * segment.ratio for name in _PRICES]
        frames.append(frame.with_columns(*scaled, pl.col("volume") / segment.ratio, pl.lit(segment.pair).alias("pair")))
    return pl.concat(frames).unique("t", keep="first", maintain_order=True).sort("t")


def _plan(request: CandleRequest) -> Iterator[tuple[str, Segment, str]]:
    unknown = [name for name in request.intervals if name not in STEPS]
    if unknown:
        raise ValueError(f"no interval {unknown[0]!r}; there are {', '.join(STEPS)}")
    wanted = [name for name in request.intervals if not (name == "1h" and "15m" in request.intervals)]
    for asset in dict.fromkeys(asset_of(symbol) for symbol in request.symbols):
        for segment in segments(asset):
            low, high = _within(segment, request)
            for interval in wanted if low < high else ():
                yield asset, segment, interval


def _within(segment: Segment, request: CandleRequest) -> tuple[int, int]:
    low = request.start if segment.start is None else max(request.start, segment.start)
    high = request.end if segment.end is None else min(request.end, segment.end + DAY)
    return low, high


def _months(start: int, end: int) -> Iterator[date]:
    """Yield the first days of the months that touch [start, end)."""
    day = to_datetime(Micros(start)).date().replace(day=1)
    while _instant(day) < end:
        yield day
        day = _next_month(day)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _instant(day: date) -> Micros:
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that touch each other."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _note(asset: str, segment: Segment) -> str:
    change = change_of(asset)
    if change is None:
        return ""
    return change.note if segment.base == asset else f"{asset} until then; prices x {segment.ratio:,} continue it"


def _judge(frame: "pl.DataFrame", broken: int) -> str:
    columns = (frame[name].to_numpy() for name in ("t", *_PRICES))
    return gates.judge_candles(gates.Candles(*columns), broken) or ""


def _digest(frame: "pl.DataFrame") -> str:
    return hashlib.blake2b(frame.write_csv().encode(), digest_size=12).hexdigest()


def _refusal(segment: Segment, interval: str, rows: int, problem: str) -> Rejected:
    raw = f'{{"pair": "{segment.pair}", "interval": "{interval}"}}'
    return Rejected(
        source=SOURCE, kind="candle", reason="implausible-candles", raw=raw, where=problem, rows=max(rows, 1)
    )


def _disagreement(segment: Segment, rows: "pl.DataFrame") -> Rejected:
    raw = rows.head(20).write_json()
    where = f"{segment.pair} 1h derived from 15m against the exchange's own"
    return Rejected(source=SOURCE, kind="candle", reason="hours-differ", raw=raw, where=where, rows=rows.height)
