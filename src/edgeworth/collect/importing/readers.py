"""Read files of every shape as extracts, in bounded memory, from any unit on (for resuming)."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from edgeworth.collect.importing import values
from edgeworth.collect.importing.extract import Extract, from_records
from edgeworth.collect.importing.mapping import MappingSpec
from edgeworth.collect.importing.streams import Meter
from edgeworth.collect.importing.tables import Piece, apply
from edgeworth.core.errors import DataError
from edgeworth.core.records import CandleBlock, PriceBlock, Record, Rejected

TABLE_ROWS: Final = 131_072
CSV_BYTES: Final = 12 << 20
RECORDS: Final = 100
POINTS: Final = 50_000
_SECOND = 1_000_000
_NAMED = {60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 7200: "2h", 14400: "4h", 21600: "6h"}
_INTERVALS = _NAMED | {28800: "8h", 43200: "12h", 86400: "1d", 259200: "3d", 604800: "1w"}


def record_extracts(records: Iterator[Record], skip: int, venue: str = "polymarket") -> Iterator[Extract]:
    """Group a parser's records; the first `skip` were stored by an earlier run."""
    held: list[Record] = []
    points = 0
    for position, record in enumerate(records):
        if position < skip:
            continue
        held.append(record)
        points += len(record.t) if isinstance(record, PriceBlock | CandleBlock) else 0
        if len(held) >= RECORDS or points >= POINTS:
            yield from_records(held, venue)
            held, points = [], 0
    if held:
        yield from_records(held, venue)


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table to be read under a mapping: its path, the mapping, and what values need to know about the file.

    `name` stands in the quarantine's places; `label_gate` is called with every piece before it is handed on.
    """

    path: Path
    spec: MappingSpec
    context: values.Context
    name: str
    label_gate: Callable[[pl.DataFrame], None]

    def extracts(self, frames: Iterable[pl.DataFrame], skip: int) -> Iterator[Extract]:
        """Apply the mapping to frames that start at row `skip`."""
        interval = ""
        first = skip
        candle = self.spec.tables.get("candle")
        for frame in frames:
            self.label_gate(frame)
            if candle and "interval" not in candle.entries and not interval:
                interval = self._interval(frame)
            yield apply(Piece(self.spec, frame, first, self.name, self.context, interval))
            first += frame.height

    def _interval(self, frame: pl.DataFrame) -> str:
        entries = self.spec.tables["candle"].entries
        symbol = values.evaluate(entries["symbol"], frame, self.context)
        t = values.evaluate(entries["t"], frame, self.context)
        return infer_interval(symbol, t)


def infer_interval(symbol: pl.Series, t: pl.Series) -> str:
    """Return the most frequent distance of successive candles of a symbol as `15m`, `1h`, …

    Raises DataError format-unknown when no symbol has two candles.
    """
    frame = pl.DataFrame({"s": symbol, "t": t}).drop_nulls().unique().sort("s", "t")
    steps = frame.select(pl.col("t").diff().over("s").alias("d"))["d"].drop_nulls()
    steps = steps.filter(steps > 0)
    if not len(steps):
        raise DataError(
            "format-unknown", "a single candle does not tell how long it lasts", 'map interval = { constant = "1h" }'
        )
    counted = steps.value_counts().sort("count", "d", descending=[True, False])
    seconds = int(counted[steps.name][0]) // _SECOND
    return _INTERVALS.get(seconds, f"{seconds}s")


def parquet_frames(path: Path, columns: list[str], skip: int, meter: Meter) -> Iterator[pl.DataFrame]:
    """Yield pieces of a Parquet file's columns from row `skip` on."""
    lazy = pl.scan_parquet(path).select(columns)
    rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    for start in range(skip, rows, TABLE_ROWS):
        yield lazy.slice(start, TABLE_ROWS).collect()
        meter.reach(meter.size * min(start + TABLE_ROWS, rows) // rows)


def csv_frames(
    chunks: Iterable[bytes], columns: list[str], separator: str, skip: int, tail: Callable[[bytes], None]
) -> Iterator[pl.DataFrame]:
    """Yield pieces of a CSV stream as text columns from row `skip` on; `tail` is given a last line that is cut short.

    Blocks end at line ends outside quotes. Short rows are completed with nulls, long ones lose their surplus.
    """
    blocks = _csv_blocks(chunks)
    header = next(blocks, b"")
    width = header.count(separator.encode())
    for block, last in _with_last(blocks):
        text = _without_cut_line(block, width, separator, tail) if last else block
        if not text.strip():
            continue
        frame = pl.read_csv(
            header + text,
            separator=separator,
            infer_schema=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
        frame = frame.rename({name: name.strip().lstrip("\ufeff") for name in frame.columns}).select(columns)
        if skip >= frame.height:
            skip -= frame.height
            continue
        yield frame.slice(skip)
        skip = 0


def head_frame(head: bytes, separator: str) -> pl.DataFrame:
    """Return the whole rows in the first bytes of a CSV file, as text; an empty frame when they cannot be read."""
    try:
        return pl.read_csv(
            head[: _last_line_end(head)],
            separator=separator,
            infer_schema=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError:
        return pl.DataFrame()


def _csv_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the header line, then blocks of whole lines; the last block may lack its line end."""
    held: list[bytes] = []
    size = 0
    header = False
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if header and size < CSV_BYTES:
            continue
        data = b"".join(held)
        if not header:
            end = data.find(b"\n") + 1
            if not end:
                continue
            yield data[:end]
            header, data = True, data[end:]
        if len(data) >= CSV_BYTES:
            end = _last_line_end(data)
            if end:
                yield data[:end]
                data = data[end:]
        held, size = [data], len(data)
    if held:
        yield b"".join(held)


def _last_line_end(data: bytes) -> int:
    """Return where the last whole line ends, looking at quotes so that a quoted line break is none."""
    end = data.rfind(b"\n") + 1
    while end and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    held: bytes | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True


def _without_cut_line(block: bytes, width: int, separator: str, tail: Callable[[bytes], None]) -> bytes:
    if block.endswith(b"\n"):
        return block
    start = _last_line_end(block)
    line = block[start:]
    if line.strip() and line.count(separator.encode()) < width:
        tail(line)
        return block[:start]
    return block


def sqlite_tables(path: Path) -> dict[str, list[str]]:
    """Return the columns of every table of an SQLite file; raises DataError file-unreadable | file-truncated."""
    try:
        with closing(_connect(path)) as connection:
            names = [
                row[0]
                for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            return {
                name: [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")] for name in names
            }
    except sqlite3.DatabaseError as error:
        raise _database_error(path, error) from error


def sqlite_frames(
    path: Path, table: str, columns: list[str], skip: int, tail: Callable[[bytes], None]
) -> Iterator[pl.DataFrame]:
    """Yield pieces of an SQLite table from row `skip` on; a damaged page ends the stream and is told to `tail`."""
    names = ", ".join(_quoted(name) for name in columns)
    with closing(_connect(path)) as connection:
        try:
            cursor = connection.execute(f"SELECT {names} FROM {_quoted(table)} LIMIT -1 OFFSET {int(skip)}")  # noqa: S608
            while rows := cursor.fetchmany(TABLE_ROWS):
                yield _frame(rows, columns)
        except sqlite3.DatabaseError as error:
            tail(f"{table}: {error}".encode())


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError:  # a write-ahead log in a folder we may not write: read the main file alone
        connection.close()
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
    return connection


def _frame(rows: list[tuple[Any, ...]], columns: list[str]) -> pl.DataFrame:
    """Build a frame whose columns are numbers where every cell is one, else text: SQLite types cells, not columns."""
    series = []
    for name, cells in zip(columns, zip(*rows, strict=True), strict=True):
        kinds = {type(cell) for cell in cells} - {type(None)}
        if kinds <= {int}:
            small = all(cell is None or abs(cell) < 2**63 for cell in cells)
            series.append(pl.Series(name, cells, dtype=pl.Int64 if small else pl.String, strict=False))
        elif kinds <= {int, float}:
            series.append(pl.Series(name, cells, dtype=pl.Float64, strict=False))
        else:
            texts = [
                None if cell is None else cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
                for cell in cells
            ]
            series.append(pl.Series(name, texts, dtype=pl.String))
    return pl.DataFrame(series)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _database_error(path: Path, error: sqlite3.Error) -> DataError:
    text = str(error)
    code = "file-truncated" if "malformed" in text or "disk image" in text else "file-unreadable"
    return DataError(code, f"{path.name}: {text}")


def cut(source: str, raw: bytes, where: str) -> Extract:
    """Return the extract that says a file ended in the middle of a row."""
    shown = raw[:2_000].decode("utf-8", "replace")
    found = Rejected(source=source, kind="file", reason="file-truncated", raw=shown, where=where)
    return Extract([found])
