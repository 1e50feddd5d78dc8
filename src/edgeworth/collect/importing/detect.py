"""Decide what a file is and how it is read: by its first bytes, its columns, the tables inside it; never by its name.

(Names matter in three places only: what a walk over a folder ignores, the symbol and interval of candle dumps, and the
market id of a token's history.)
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from edgeworth.collect.importing import leaks, readers, streams
from edgeworth.collect.importing.extract import Extract
from edgeworth.collect.importing.headers import header_of
from edgeworth.collect.importing.mapping import MappingSpec, choose_mapping
from edgeworth.collect.importing.readers import TableFile
from edgeworth.collect.importing.streams import Meter
from edgeworth.collect.importing.values import Context
from edgeworth.core.errors import DataError, EdgeworthError, LeakError
from edgeworth.core.records import Rejected
from edgeworth.venues.binance.klines import parse_archive_name
from edgeworth.venues.readers import read
from edgeworth.venues.shapes import Shape, recognise

NOTHING_HERE: Final = "holds no market, price history, resolution or candle"
IGNORED: Final = frozenset(
    [
        ".md",
        ".txt",
        ".rst",
        ".toml",
        ".py",
        ".ipynb",
        ".html",
        ".css",
        ".js",
        ".yaml",
        ".yml",
        ".cfg",
        ".ini",
        ".log",
        ".lock",
        ".tmp",
        ".part",
        ".sha256",
        ".png",
        ".jpg",
        ".svg",
        ".pdf",
        ".sh",
        ".sql",
        ".db-wal",
        ".db-shm",
        ".sqlite-wal",
        ".sqlite-shm",
    ]
)
IGNORED_NAMES: Final = frozenset({"manifest.json", "package.json", "license", "makefile", "readme"})
_PARQUET, _SQLITE, _ZIP = b"PAR1", b"SQLite format 3\x00", b"PK\x03\x04"
_KIND_PHASE = {"market": 0, "event": 0, "resolution": 1, "snapshot": 1, "price": 2, "candle": 3}
_SHAPE_NAMES = {Shape.GAMMA: 5, Shape.CLOB_MARKETS: 3}
_SHAPE_PHASE = {Shape.GAMMA: 0, Shape.CLOB_MARKETS: 0, Shape.HISTORY: 1, Shape.CHECKPOINT: 2, Shape.TOKEN_HISTORY: 2}
_GATE_ROWS: Final = 5_000_000

Opener = Callable[[int, Meter], Iterator[Extract]]


@dataclass(frozen=True, slots=True)
class Part:
    """Something inside a file that is read on its own: `open(skip, meter)` yields extracts after `skip` units.

    `digest` changes when the same bytes would be read differently (another mapping).
    """

    label: str
    shape: str
    digest: str
    open: Opener
    phase: int
    names: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is read: its parts in order, or why it is skipped."""

    path: Path
    shape: str
    parts: tuple[Part, ...] = ()
    skipped: str | None = None

    @property
    def order(self) -> tuple[int, int, str]:
        """Sort files: metadata before prices, and first those that give a market more names, for they join the rest."""
        phase = min((part.phase for part in self.parts), default=4)
        return phase, -max((part.names for part in self.parts), default=0), str(self.path)


@dataclass(slots=True)
class Detector:
    """Plan files; `mapping` is the user's, if given, `name` how a path is called in reports."""

    mapping: MappingSpec | None = None
    name: Callable[[Path], str] = field(default=str)

    def plan(self, path: Path) -> Plan:
        """Return how to read a file.

        Raises DataError file-unreadable | file-truncated | format-unknown | mapping-bad-column and LeakError
        price-label | look-ahead.
        """
        if not path.stat().st_size:
            raise DataError("format-unknown", f"{path.name} is empty", "fetch it again")
        with path.open("rb") as file:
            magic = file.read(16)
        if magic.startswith(_PARQUET):
            return self._parquet(path)
        if magic.startswith(_SQLITE):
            return self._sqlite(path)
        if magic.startswith(_ZIP):
            return self._zip(path)
        return self._text(path, streams.head(path))

    # text

    def _text(self, path: Path, head: bytes) -> Plan:
        name = path.name

        def chunks(meter: Meter) -> Iterator[bytes]:
            return streams.chunks(path, meter)

        part = self._text_part(path, name, head, chunks)
        if isinstance(part, str):
            return Plan(path, part, skipped=NOTHING_HERE if part == Shape.NOT_MARKET_DATA else part)
        return Plan(path, part.shape, (part,))

    def _text_part(self, path: Path, name: str, head: bytes, chunks: Callable[[Meter], Iterator[bytes]]) -> Part | str:
        """Return how a text stream is read, or why it is skipped."""
        is_json = head.lstrip()[:1] in {b"{", b"["}
        shape = recognise(head, name) if is_json or self.mapping is None else None
        if shape is Shape.NOT_MARKET_DATA:
            return str(shape)
        archive = parse_archive_name(name) if shape in {Shape.KLINES_CSV, Shape.KLINES_JSON} else None
        if shape is not None and (shape not in {Shape.KLINES_CSV, Shape.KLINES_JSON} or archive is not None):
            opener = self._stream(shape, self.name(path), name, chunks)
            return Part("", str(shape), str(shape), opener, _SHAPE_PHASE.get(shape, 3), _SHAPE_NAMES.get(shape, 0))
        columns, separator = ([], ",") if is_json else header_of(head)
        if not columns:
            raise DataError("format-unknown", f"{name} has no shape edgeworth knows")
        leaks.check_named(readers.head_frame(head, separator))
        return self._csv_part(path, columns, separator, chunks)

    def _stream(self, shape: Shape, where: str, name: str, chunks: Callable[[Meter], Iterator[bytes]]) -> Opener:
        def opener(skip: int, meter: Meter) -> Iterator[Extract]:
            told = False
            for extract in readers.record_extracts(read(shape, chunks(meter), name=name), skip):
                told |= any(isinstance(r, Rejected) and r.reason == "file-truncated" for r in extract.records)
                yield extract
            if meter.truncated and not told:
                yield readers.cut(str(shape), b"", where)

        return opener

    def _csv_part(
        self, path: Path, columns: list[str], separator: str, chunks: Callable[[Meter], Iterator[bytes]]
    ) -> Part | str:
        spec = self._spec(path, columns)
        if spec.skip:
            return spec.skip
        table, wanted = self._table(path, spec, columns, path.name)

        def opener(skip: int, meter: Meter) -> Iterator[Extract]:
            tails: list[bytes] = []
            yield from table.extracts(readers.csv_frames(chunks(meter), wanted, separator, skip, tails.append), skip)
            if tails or meter.truncated:
                yield readers.cut(spec.source, b"".join(tails), table.name)

        return _spec_part("", "csv", spec, opener)

    # tables

    def _parquet(self, path: Path) -> Plan:
        try:
            columns = list(pl.read_parquet_schema(path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _broken_parquet(path, error) from error
        self._gate_named(path, columns)
        spec = self._spec(path, columns)
        if spec.skip:
            return Plan(path, "parquet", skipped=spec.skip)
        table, wanted = self._table(path, spec, columns, path.name)
        self._gate_mapped(path, table, wanted)

        def opener(skip: int, meter: Meter) -> Iterator[Extract]:
            return table.extracts(readers.parquet_frames(path, wanted, skip, meter), skip)

        part = _spec_part("", "parquet", spec, opener)
        return Plan(path, part.shape, (part,))

    def _gate_named(self, path: Path, columns: list[str]) -> None:
        prices, labels = leaks.label_columns(columns)
        if prices and labels:
            leaks.check_named(pl.scan_parquet(path).select(prices + labels).head(_GATE_ROWS).collect())

    def _gate_mapped(self, path: Path, table: TableFile, wanted: list[str]) -> None:
        if {"price", "resolution"} <= set(table.spec.tables):
            needed = leaks.compared_columns(table.spec)
            chosen = [name for name in wanted if name in needed]
            frame = pl.scan_parquet(path).select(chosen).head(_GATE_ROWS).collect()
            leaks.check_mapped(frame, table.spec, table.context)

    def _sqlite(self, path: Path) -> Plan:
        parts = []
        for name, columns in readers.sqlite_tables(path).items():
            spec = self._sqlite_spec(path, name, columns)
            if spec is None or spec.skip:
                continue
            table, wanted = self._table(path, spec, columns, name)
            parts.append(_spec_part(name, "sqlite", spec, _sqlite_opener(table, name, wanted)))
        if not parts:
            raise DataError("format-unknown", f"{path.name}: no table of this database is known")
        return Plan(path, "sqlite", tuple(sorted(parts, key=lambda part: (part.phase, part.label))))

    def _sqlite_spec(self, path: Path, name: str, columns: list[str]) -> MappingSpec | None:
        if self.mapping is None:
            return choose_mapping(columns, path.parent, name)
        wanted = self.mapping.detect.table
        fits = name == wanted if wanted else self.mapping.columns() <= set(columns)
        return self.mapping if fits else None

    def _spec(self, path: Path, columns: list[str]) -> MappingSpec:
        spec = self.mapping
        if spec is not None:
            spec.check_columns(columns, path.name)
            return spec
        spec = choose_mapping(columns, path.parent)
        if spec is None:
            leaks.check_sampling(columns, path.name)
            shown = ", ".join(columns[:12])
            raise DataError("format-unknown", f"{path.name}: no mapping knows the columns {shown}", columns=columns)
        if spec.look_ahead:
            raise LeakError(
                "look-ahead",
                f"{path.name}: {spec.look_ahead}",
                "to import it nevertheless, describe it with a mapping of your own: --mapping FILE.toml",
            )
        return spec

    def _table(self, path: Path, spec: MappingSpec, columns: list[str], label: str) -> tuple[TableFile, list[str]]:
        prices, labels = leaks.label_columns(columns)
        named = {*prices, *labels} if prices and labels else set()
        context = Context(spec.nulls, path.stat().st_mtime_ns // 1_000)

        def gate(frame: pl.DataFrame) -> None:
            leaks.check_named(frame)
            leaks.check_mapped(frame, spec, context)

        where = self.name(path) if label == path.name else f"{self.name(path)}:{label}"
        table = TableFile(path, spec, context, where, gate)
        return table, [name for name in columns if name in spec.columns() | named]

    # archives

    def _zip(self, path: Path) -> Plan:
        try:
            with zipfile.ZipFile(path) as archive:
                infos = [info for info in archive.infolist() if not info.is_dir() and not _ignored(Path(info.filename))]
                parts = [self._member(path, archive, info) for info in infos]
        except zipfile.BadZipFile as error:
            raise DataError("file-truncated", f"{path.name}: {error}") from error
        known = tuple(part for part in parts if isinstance(part, Part))
        if not known:
            return Plan(path, "zip", skipped=str(parts[0]) if parts else "the archive is empty")
        return Plan(path, f"zip:{known[0].shape}", known)

    def _member(self, path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Part | str:
        with archive.open(info) as file:
            head = file.read(streams.HEAD)

        def chunks(meter: Meter) -> Iterator[bytes]:
            with zipfile.ZipFile(path) as again:
                yield from streams.member_chunks(again, info, meter)

        name = Path(info.filename).name
        if parse_archive_name(name) is None and parse_archive_name(path.name) is not None:
            name = path.with_suffix(".csv").name
        try:
            part = self._text_part(path, name, head, chunks)
        except EdgeworthError as error:
            if error.code != "format-unknown":
                raise
            return error.message
        return part if isinstance(part, str) else replace(part, label=info.filename)


def _sqlite_opener(table: TableFile, name: str, wanted: list[str]) -> Opener:
    def opener(skip: int, meter: Meter) -> Iterator[Extract]:
        tails: list[bytes] = []
        yield from table.extracts(readers.sqlite_frames(table.path, name, wanted, skip, tails.append), skip)
        if tails:
            yield readers.cut(table.spec.source, b"".join(tails), table.name)
        meter.finish()

    return opener


def _spec_part(label: str, how: str, spec: MappingSpec, opener: Opener) -> Part:
    phase = min((_KIND_PHASE[kind] for kind in spec.tables), default=3)
    names = len(spec.tables["market"].ids) if "market" in spec.tables else 0
    return Part(label, f"{how}:{spec.name}", spec.digest, opener, phase, names)


def _broken_parquet(path: Path, error: Exception) -> DataError:
    with path.open("rb") as file:
        file.seek(-4, 2)
        whole = file.read(4) == _PARQUET
    if whole:
        return DataError("file-unreadable", f"{path.name}: {str(error).splitlines()[0]}")
    return DataError("file-truncated", f"{path.name}: the table's index at the end of the file is missing")


def _ignored(path: Path) -> bool:
    name = path.name.lower()
    bare = Path(name.removesuffix(".gz"))
    return name.startswith((".", "__")) or bare.suffix in IGNORED or name in IGNORED_NAMES or bare.stem in IGNORED_NAMES


def walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files under a folder that may hold data, and those that by their name do not; both sorted."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    hidden = {path for path in found if any(part.startswith(".") for part in path.relative_to(folder).parts)}
    rest = [path for path in found if path not in hidden]
    return [path for path in rest if not _ignored(path)], [path for path in rest if _ignored(path)]
