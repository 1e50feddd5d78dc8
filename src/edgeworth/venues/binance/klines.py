"""Binance spot candles: bulk CSV (with or without header, milliseconds or since 2025 microseconds), zip dumps, REST.

Columns: open time, open, high, low, close, base volume, then others that are not read. Prices are dollars as floats:
candles feed features, never money. Duplicates are the store's business.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgeworth.core.records import CandleBlock, Record, Rejected
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND
from edgeworth.venues import convert, splitter
from edgeworth.venues.convert import EARLIEST, LATEST
from edgeworth.venues.refusal import refuse

_ARCHIVE = re.compile(r"([A-Z0-9]{2,20}?)(?:USDT|USDC|FDUSD|BUSD|TUSD|USD)[-_](\d+(?:s|mo|m|h|d|w)|1M)(?=[-_.]|$)")
_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_WEEK_START: Final = 4 * DAY  # weekly candles open on Mondays; 1970-01-05 was one
_NUMBER_START = frozenset(b"0123456789")
_PIECE: Final = 4 << 20
_ROWS: Final = 50_000
_SAMPLE: Final = 100
_COLUMNS: Final = 6


class Archive(NamedTuple):
    """What a file's name says: base asset (`BTC`) and interval (`1h`, a month is `1mo`)."""

    symbol: str
    interval: str


def parse_archive_name(name: str) -> Archive | None:
    """Return symbol and interval of `BTCUSDT-1h-2024-01.csv`, `.zip`, `.csv.gz`; None when the name is another."""
    found = _ARCHIVE.search(name.replace("\\", "/").rsplit("/", 1)[-1])
    if found is None:
        return None
    return Archive(found.group(1), "1mo" if found.group(2) == "1M" else found.group(2))


def normalise_symbol(symbol: str) -> str:
    """Return the base asset of a pair quoted in dollars: BTCUSDT, BTC/USDT, btc-usd -> BTC."""
    plain = re.sub(r"[^A-Z0-9]", "", symbol.upper())
    return re.sub(r"(?<=[A-Z0-9]{2})(?:USDT|USDC|FDUSD|BUSD|TUSD|USD)$", "", plain)


def interval_micros(interval: str) -> int | None:
    """Return the length of an interval in microseconds; None for weeks and months, which have their own grid."""
    unit = _UNITS.get(interval[-1:])
    return int(interval[:-1]) * unit if unit and interval[:-1].isdigit() and int(interval[:-1]) else None


def iter_klines_csv(
    chunks: Iterable[bytes], archive: Archive, *, source: str = "binance-spot", where: str = ""
) -> Iterator[Record]:
    """Yield CandleBlock and Rejected of kline CSV rows; `chunks` are decompressed bytes cut anywhere.

    A row is refused as `row-too-short`, `time-unreadable`, `time-out-of-range`, `off-grid`, `candle-nan`,
    `price-negative`, `volume-negative`, `high-below-low` or `open-close-outside`; a last line without its end that is
    short is `file-truncated`.
    """
    maker = _Maker(archive, source, where)
    first = True
    rest = b""
    for chunk in chunks:
        rest += chunk
        cut = rest.rfind(b"\n") + 1
        if cut < _PIECE:
            continue
        yield from maker.rows(_rows(rest[:cut], skip_header=first))
        first = False
        rest = rest[cut:]
    last = _rows(rest, skip_header=first) if rest.strip() else []
    if last and len(last[-1]) < _COLUMNS:
        yield from maker.rows(last[:-1])
        yield maker.rejected("file-truncated", [last[-1]])
    else:
        yield from maker.rows(last)


def iter_klines_zip(file: IO[bytes], *, name: str, source: str = "binance-spot") -> Iterator[Record]:
    """Yield the candles of every CSV in a zip archive, streamed; `file` must be seekable.

    An unreadable archive yields one Rejected with the reason `zip-unreadable`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                inner = parse_archive_name(member) or parse_archive_name(name)
                if not member.lower().endswith(".csv"):
                    continue
                if inner is None:
                    yield _whole(source, "name-unknown", f"{name}/{member}")
                    continue
                with archive.open(member) as stream:
                    pieces = iter(lambda stream=stream: stream.read(1 << 20), b"")  # type: ignore[misc]
                    yield from iter_klines_csv(pieces, inner, source=source, where=f"{name}/{member}")
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        yield _whole(source, "zip-unreadable", name, str(error))
    except zlib.error as error:
        yield _whole(source, "zip-unreadable", name, str(error))


def iter_klines_json(
    chunks: Iterable[bytes], archive: Archive, *, source: str = "binance-spot", where: str = ""
) -> Iterator[Record]:
    """Yield CandleBlock and Rejected of a REST answer, an array of arrays."""
    maker = _Maker(archive, source, where)
    batch: list[list[Any]] = []
    for element in splitter.elements(chunks, frozenset({"data"})):
        if element.found not in {splitter.Found.VALUE, splitter.Found.ODD}:
            yield refuse(element, "candle", source, f"{where}:{element.offset}")
            continue
        raw = element.raw if element.found is splitter.Found.VALUE else splitter.strict(element.raw)
        try:
            row = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            row = None
        if not isinstance(row, list):
            yield maker.rejected("not-a-candle", [raw.decode("utf-8", "replace")])
            continue
        batch.append(row)
        if len(batch) >= _ROWS:
            yield from maker.rows(batch)
            batch = []
    yield from maker.rows(batch)


def _rows(data: bytes, *, skip_header: bool) -> list[list[Any]]:
    text = data.decode("utf-8", "replace").lstrip("\ufeff").replace('"', "")
    rows: list[list[Any]] = [line.split(",") for line in text.splitlines() if line]
    if skip_header and rows and convert.number(rows[0][0]) is None:
        del rows[0]
    return rows


class _Maker:
    """Turn rows into blocks and rejections for one archive."""

    def __init__(self, archive: Archive, source: str, where: str) -> None:
        self._archive = archive
        self._source = source
        self._where = where

    def rejected(self, reason: str, rows: list[Any]) -> Rejected:
        """Set rows aside under one reason, keeping a sample of them."""
        shown = convert.json_text(
            {"symbol": self._archive.symbol, "interval": self._archive.interval, "rows": rows[:_SAMPLE]}
        )
        return Rejected(source=self._source, kind="candle", reason=reason, raw=shown, where=self._where, rows=len(rows))

    def rows(self, rows: list[list[Any]]) -> Iterator[Record]:
        """Yield one CandleBlock of the good rows and one Rejected per reason."""
        if not rows:
            return
        table = _table(rows)
        t = _micros(table[:, 0])
        reason = _reasons(table, t, self._archive.interval)
        for index, row in enumerate(rows):
            if len(row) < _COLUMNS:
                reason[index] = _REASONS.index("row-too-short")
        good = reason == 0
        if good.any():
            kept = table[good]
            yield CandleBlock(
                source=self._source,
                symbol=self._archive.symbol,
                interval=self._archive.interval,
                t=t[good],
                open=kept[:, 1].copy(),
                high=kept[:, 2].copy(),
                low=kept[:, 3].copy(),
                close=kept[:, 4].copy(),
                volume=kept[:, 5].copy(),
            )
        for code in np.unique(reason[~good]):
            yield self.rejected(_REASONS[code], [rows[index] for index in np.flatnonzero(reason == code)])


def _table(rows: list[list[Any]]) -> "npt.NDArray[np.float64]":
    try:
        table = np.array([row[:_COLUMNS] for row in rows], dtype=np.float64)
        if table.ndim == 2 and table.shape[1] == _COLUMNS:
            return table
    except (ValueError, TypeError, OverflowError):
        pass
    table = np.full((len(rows), _COLUMNS), np.nan)
    for index, row in enumerate(rows):
        for column, value in enumerate(row[:_COLUMNS]):
            as_number = convert.number(value)
            if as_number is not None:
                table[index, column] = as_number
    return table


def _micros(raw: "npt.NDArray[np.float64]") -> "npt.NDArray[np.int64]":
    """Return microseconds; -1 where unreadable, -2 where outside 2000 to 2100. Doubles hold both eras exactly."""
    with np.errstate(invalid="ignore", over="ignore"):
        unit = np.where(raw < 1e11, 1e6, np.where(raw < 1e14, 1e3, 1.0))
        micros = np.rint(raw * unit)
        inside = (micros >= EARLIEST) & (micros <= LATEST)
    result = np.where(inside, micros, -2.0)
    return np.where(np.isfinite(raw), result, -1.0).astype(np.int64)


_REASONS: Final = (
    "",
    "row-too-short",
    "time-unreadable",
    "time-out-of-range",
    "off-grid",
    "candle-nan",
    "price-negative",
    "volume-negative",
    "high-below-low",
    "open-close-outside",
)


def _reasons(table: "npt.NDArray[np.float64]", t: "npt.NDArray[np.int64]", interval: str) -> "npt.NDArray[np.int64]":
    """Return the index into `_REASONS` of each row, the first that applies, 0 for a good row."""
    opened, high, low, close, volume = (table[:, column] for column in range(1, _COLUMNS))
    with np.errstate(invalid="ignore", over="ignore"):
        tests = {
            "time-unreadable": t == -1,
            "time-out-of-range": t == -2,
            "off-grid": _off_grid(t, interval),
            "candle-nan": ~np.isfinite(table[:, 1:]).all(axis=1),
            "price-negative": (table[:, 1:5] <= 0).any(axis=1),
            "volume-negative": volume < 0,
            "high-below-low": high < low,
            "open-close-outside": (np.maximum(opened, close) > high) | (np.minimum(opened, close) < low),
        }
    result = np.zeros(len(t), dtype=np.int64)
    for name in reversed(tests):
        result[tests[name]] = _REASONS.index(name)
    return result


def _off_grid(t: "npt.NDArray[np.int64]", interval: str) -> "npt.NDArray[np.bool_]":
    step = interval_micros(interval)
    if step is not None:
        beyond = t % step
    elif interval.endswith("w"):
        beyond = (t - _WEEK_START) % (7 * DAY)
    else:
        beyond = t % DAY  # months begin at some midnight
    return np.not_equal(beyond, 0)


def _whole(source: str, reason: str, where: str, note: str = "") -> Rejected:
    return Rejected(source=source, kind="candle", reason=reason, raw=note, where=where)
