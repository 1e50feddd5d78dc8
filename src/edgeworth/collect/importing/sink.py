"""Gather extracts, judge them, store them in large steps, and remember how far the file has come.

One step: gates, then records to the database, then points and candles to the lake, then the file's state. Each is
idempotent, so a process killed between any two repeats a step at most; lake parts are named by their content.
"""

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from edgeworth.collect.importing import gates
from edgeworth.collect.importing.extract import ASSET, CandleTable, Extract, PriceTable, rejected_rows
from edgeworth.collect.importing.report import FileReport
from edgeworth.core.errors import DataError
from edgeworth.core.panel import Int64s
from edgeworth.core.records import Ids, MarketRecord, Record, Rejected, ResolutionRecord
from edgeworth.store.counts import WriteCounts
from edgeworth.store.market_db import ImportState, MarketStore

if TYPE_CHECKING:
    from edgeworth.store.lake import Lake, PartInfo

_BROKEN: Final = frozenset({"high-below-low", "open-close-outside"})
_OUTSIDE: Final = frozenset({"price-out-of-range"})
_ONE: Final = 10_000
_REMEMBERED: Final = 500_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is held before it is stored: price points, candles, records; together they bound the memory."""

    points: int = 600_000
    bars: int = 500_000
    records: int = 8_000


@dataclass(slots=True)
class Touched:
    """Which sources got prices, and which markets each source named: the base of coverage."""

    sources: set[str] = field(default_factory=set)
    named: dict[str, dict[Ids, None]] = field(default_factory=dict)

    def note(self, records: list[Record]) -> None:
        """Remember the markets of records, up to a bound."""
        for record in records:
            if isinstance(record, MarketRecord):
                markets = self.named.setdefault(record.source, {})
                if len(markets) < _REMEMBERED:
                    markets[record.ids] = None


class Sink:
    """Store one part of a file; `state` is how far an earlier run came."""

    def __init__(self, store: MarketStore, lake: "Lake", state: ImportState, touched: Touched, limits: Limits) -> None:
        self._store, self._lake, self._state, self._touched, self._limits = store, lake, state, touched, limits
        self.counts = WriteCounts.from_dict(state.counts) if state.counts else WriteCounts()
        self.conflicts = 0
        self.rows = 0
        self._held = Extract()
        self._points = self._bars = 0

    async def take(self, extract: Extract) -> None:
        """Add a piece; store when enough is held. Raises LeakError and DataError of the gates."""
        held = self._held
        held.records += extract.records
        held.prices += extract.prices
        held.candles += extract.candles
        held.units += extract.units
        held.rows += extract.rows
        held.price_unit = held.price_unit or extract.price_unit
        for kind, rows in extract.repeated.items():
            held.repeated[kind] = held.repeated.get(kind, 0) + rows
        self._points += extract.points()
        self._bars += extract.bars()
        limits = self._limits
        if len(held.records) >= limits.records or self._points >= limits.points or self._bars >= limits.bars:
            await self._flush(done=False)

    async def finish(self) -> None:
        """Store what is held and mark the part as done."""
        await self._flush(done=True)

    async def _flush(self, *, done: bool) -> None:
        held, self._held = self._held, Extract()
        self._points = self._bars = 0
        doubtful = _check(held)
        counts = WriteCounts()
        for kind, rows in held.repeated.items():
            counts.add(kind, duplicates=rows)
        if held.records:
            counts.merge(await self._store.write(held.records))
            self._touched.note(held.records)
        for table in _merged(held.prices):
            await self._prices(table, counts)
        for candles in _joined(held.candles):
            await self._candles(candles, counts, doubtful)
        self.counts.merge(counts)
        self.rows += held.rows
        offset = self._state.offset + held.units
        self._state = replace(self._state, offset=offset, counts=self.counts.to_dict(), done=done)
        await self._store.set_import_state(self._state)

    async def _prices(self, table: PriceTable, counts: WriteCounts) -> None:
        numbers, inverted, refused = await self._markets(table)
        if refused:
            counts.merge(await self._store.write(refused))
        market = numbers[table.code]
        price = np.where(inverted[table.code], _ONE - table.price_e4, table.price_e4).astype(np.int32)
        keep = market >= 0
        if not keep.any():
            return
        known = table.known_at
        part = self._lake.append_prices(
            table.source,
            market[keep],
            table.t[keep],
            price[keep],
            known_at=None if known is None else known[keep],
            lag_us=table.lag_us,
            key=_price_key(table),
        )
        if table.source not in self._touched.sources:
            self._touched.sources.add(table.source)
            await self._store.set_import_state(ImportState(key=coverage_key(table.source), path=table.source))
        self._add(counts, "price", part)
        if part.duplicates > part.conflicts:
            self.conflicts += _contradictions(market[keep], table.t[keep], price[keep])

    async def _candles(self, table: CandleTable, counts: WriteCounts, doubtful: dict[str, str]) -> None:
        frame = pl.DataFrame({"code": table.code, "t": table.t, **table.values})
        frame = frame.with_columns(pl.col("volume").fill_nan(None))
        for (code,), part in frame.partition_by("code", as_dict=True, include_key=False).items():
            symbol = table.symbols[int(str(code))]
            if symbol in doubtful:
                raw = f"{symbol} {table.interval}: {doubtful[symbol]}"
                refused = Rejected(
                    source=table.source, kind="candle", reason="implausible-candles", raw=raw, rows=part.height
                )
                counts.merge(await self._store.write([refused]))
                continue
            key = _candle_key(table.source, symbol, table.interval, part)
            self._add(counts, "candle", self._lake.append_candles(table.source, symbol, table.interval, part, key=key))

    def _add(self, counts: WriteCounts, kind: str, part: "PartInfo") -> None:
        counts.add(kind, stored=part.stored, duplicates=part.duplicates)
        self.conflicts += part.conflicts

    async def _markets(self, table: PriceTable) -> "tuple[Int64s, np.ndarray[Any, np.dtype[np.bool_]], list[Record]]":
        """Return, per entry of `table.ids`, the market (-1: none), whether its prices are of outcome 1, and refusals.

        A token on its own may be either leg: the store knows which. An asset the store does not know is set aside until
        its market is imported; a token it does not know is taken as that of outcome 0.
        """
        numbers, inverted, rest, reason = await self._known_legs(table)
        wanted = [table.ids[at] for at in rest]
        found = await self._store.ensure_markets(wanted, source=table.source, venue=table.venue) if wanted else []
        for at, number in zip(rest, found, strict=True):
            if number is None:
                reason[at] = "alias-conflict"
            else:
                numbers[at] = number
        return numbers, inverted, _refusals(table, reason)

    async def _known_legs(
        self, table: PriceTable
    ) -> "tuple[Int64s, np.ndarray[Any, np.dtype[np.bool_]], list[int], dict[int, str]]":
        """Look up tokens that stand alone; returns also which entries are left, and which are refused and why."""
        numbers = np.full(len(table.ids), -1, dtype=np.int64)
        inverted = np.zeros(len(table.ids), dtype=bool)
        alone = {at: ids[0] for at, ids in enumerate(table.ids) if len(ids) == 1 and ids[0][0] in {ASSET, "token"}}
        if not alone:
            return numbers, inverted, list(range(len(table.ids))), {}
        second = await self._store.resolve_ids([(("token1", name),) for _, name in alone.values()])
        first = await self._store.resolve_ids([(("token", name),) for _, name in alone.values()])
        reason: dict[int, str] = {}
        rest = [at for at in range(len(table.ids)) if at not in alone]
        for (at, (kind, _)), of_second, of_first in zip(alone.items(), second, first, strict=True):
            if of_second is not None:
                numbers[at], inverted[at] = of_second, True
            elif of_first is not None:
                numbers[at] = of_first
            elif kind == ASSET:
                reason[at] = "token-unknown"
            else:
                rest.append(at)
        return numbers, inverted, rest, reason


def _refusals(table: PriceTable, reason: dict[int, str]) -> list[Record]:
    sizes = np.bincount(table.code, minlength=len(table.ids))
    return [
        Rejected(
            source=table.source,
            kind="price",
            reason=why,
            raw=", ".join(f"{kind} {value}" for kind, value in table.ids[at]),
            rows=int(sizes[at]),
        )
        for at, why in reason.items()
        if sizes[at]
    ]


def _contradictions(market: Int64s, t: Int64s, price: "np.ndarray[Any, Any]") -> int:
    """Count points that contradict an earlier one of the same market and instant."""
    order = np.lexsort((t, market))
    market, t, price = market[order], t[order], price[order]
    start = np.append(True, (market[1:] != market[:-1]) | (t[1:] != t[:-1]))
    first = price[np.maximum.accumulate(np.where(start, np.arange(len(t)), 0))]
    return int(np.count_nonzero(price != first))


def coverage_key(source: str) -> str:
    """Return the key under which it is remembered that a source's coverage must be measured again."""
    return f"coverage:{source}"


def note_part(report: FileReport, sink: Sink) -> None:
    """Add what a sink did to its file's report."""
    report.counts.merge(sink.counts)
    report.conflicts += sink.conflicts
    report.rows += sink.rows


def _check(held: Extract) -> dict[str, str]:
    """Apply every gate to what is held; raises before anything of it is stored.

    Returns the symbols whose candles are no traded price, and why, where they are the smaller part of the table.
    """
    outside = rejected_rows(held.records, "price", _OUTSIDE)
    if held.prices or outside:
        _check_prices(held, outside)
    broken = rejected_rows(held.records, "candle", _BROKEN)
    return _check_candles(held.candles, broken) if held.candles or broken else {}


def _check_prices(held: Extract, outside: int) -> None:
    names: dict[Ids, int] = {}
    codes = []
    for table in held.prices:
        numbers = np.array([names.setdefault(ids, len(names)) for ids in table.ids], dtype=np.int64)
        codes.append(numbers[table.code])
    market = np.concatenate(codes) if codes else np.empty(0, dtype=np.int64)
    t = np.concatenate([table.t for table in held.prices]) if codes else market
    price = np.concatenate([table.price_e4 for table in held.prices]) / _ONE if codes else np.empty(0)
    _check_settled(held, names, market, price)
    order = np.lexsort((t, market))
    gates.check_stated_unit(price, held.price_unit)
    gates.check_prices(price[order], market[order], outside)


def _check_settled(held: Extract, names: dict[Ids, int], market: Int64s, price: "np.ndarray[Any, Any]") -> None:
    """Compare the prices of markets whose outcome stands in the same file with that outcome."""
    payout = np.full(len(names), np.nan)
    for record in held.records:
        if isinstance(record, ResolutionRecord) and record.ids in names and record.payout in {0, _ONE}:
            payout[names[record.ids]] = record.payout / _ONE
    if not np.isnan(payout).all():
        gates.check_price_label(price, payout[market])


def _check_candles(tables: list[CandleTable], broken: int) -> dict[str, str]:
    rows: dict[str, int] = {}
    problems: dict[str, str] = {}
    total = broken + sum(len(table.t) for table in tables)
    if broken >= gates.BROKEN_ROWS and broken > gates.BROKEN_SHARE * total:
        raise DataError(
            "implausible-candles",
            f"in {broken} of {total} candles the high is not the highest or the low not the lowest price",
        )
    for table in _joined(tables):
        order = np.lexsort((table.t, table.code))
        edges = np.searchsorted(table.code[order], np.arange(len(table.symbols) + 1))
        for number, symbol in enumerate(table.symbols):
            chosen = order[edges[number] : edges[number + 1]]
            values = {name: table.values[name][chosen] for name in ("open", "high", "low", "close")}
            rows[symbol] = rows.get(symbol, 0) + len(chosen)
            why = gates.judge_candles(gates.Candles(t=table.t[chosen], **values))
            if why:
                problems[symbol] = why
    gates.refuse_candles(rows, problems)
    return problems


def _merged(tables: list[PriceTable]) -> list[PriceTable]:
    """Join tables of one source, venue and lag."""
    grouped: dict[tuple[str, str, int, bool], list[PriceTable]] = {}
    for table in tables:
        key = (table.source, table.venue, table.lag_us, table.known_at is None)
        grouped.setdefault(key, []).append(table)
    result = []
    for (source, venue, lag, plain), members in grouped.items():
        names: dict[Ids, int] = {}
        codes = []
        for table in members:
            numbers = np.array([names.setdefault(ids, len(names)) for ids in table.ids], dtype=np.int64)
            codes.append(numbers[table.code])
        joined = PriceTable(
            source=source,
            venue=venue,
            ids=list(names),
            code=np.concatenate(codes),
            t=np.concatenate([table.t for table in members]),
            price_e4=np.concatenate([table.price_e4 for table in members]),
            known_at=None if plain else np.concatenate([t.known_at for t in members if t.known_at is not None]),
            lag_us=lag,
        )
        result.append(joined)
    return result


def _joined(tables: list[CandleTable]) -> list[CandleTable]:
    """Join tables of one source and interval."""
    grouped: dict[tuple[str, str], list[CandleTable]] = {}
    for table in tables:
        grouped.setdefault((table.source, table.interval), []).append(table)
    result = []
    for (source, interval), members in grouped.items():
        names: dict[str, int] = {}
        codes = []
        for table in members:
            numbers = np.array([names.setdefault(symbol, len(names)) for symbol in table.symbols], dtype=np.int64)
            codes.append(numbers[table.code])
        columns = {name: np.concatenate([m.values[name] for m in members]) for name in members[0].values}
        t = np.concatenate([table.t for table in members])
        result.append(CandleTable(source, interval, list(names), np.concatenate(codes), t, columns))
    return result


def _price_key(table: PriceTable) -> str:
    state = hashlib.blake2b(digest_size=16)
    state.update(repr((table.source, table.lag_us, table.ids)).encode())
    for array in (table.code, table.t, table.price_e4, table.known_at):
        state.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def _candle_key(source: str, symbol: str, interval: str, frame: pl.DataFrame) -> str:
    state = hashlib.blake2b(digest_size=16)
    state.update(repr((source, symbol, interval)).encode())
    for name in frame.columns:
        state.update(frame[name].fill_null(-1).to_numpy().tobytes())
    return state.hexdigest()
