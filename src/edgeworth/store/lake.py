"""The lake: immutable Parquet parts under a manifest.

A part is written to a temporary name, synced, renamed, then added to the manifest, which is replaced atomically: killed
between any two steps the dataset is the old or the new, and appending the same key again completes it. Points lie
market-major as per-market differences (see `packing`). Every part is compared with its sha256 before its first read.
"""

import contextlib
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeworth.core.errors import DataError
from edgeworth.core.panel import Int32s, Int64s
from edgeworth.store import manifest as manifests
from edgeworth.store import packing
from edgeworth.store.durable import TEMPORARY, Hook, locked, make_folder, silent, write_whole
from edgeworth.store.manifest import Manifest, Part

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP = 65_536
DATASETS = ("prices", "candles", "snapshots", "trades", "books", "gaps")
_CANDLE_VALUES = ("open", "high", "low", "close", "volume")
_MAX_PRICE = 10_000
_FEW = 16  # that many markets of a part are read by their row ranges, more by filtering all rows


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What one append did: `stored` + `duplicates` == rows offered.

    `name` is the part's file ("" when nothing was new), `conflicts` counts duplicates of another value (first wins).
    A repeated key gives stored=0, duplicates=rows offered.
    """

    name: str
    stored: int
    duplicates: int
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a stored file: a registered error code, the file, one sentence."""

    code: str
    place: str
    message: str
    harmless: bool = False


@dataclass(frozen=True, slots=True)
class PricePoints:
    """Points of one or more parts, sorted by (market_no, event_time) within a part."""

    market_no: Int32s
    event_time: Int64s
    price_e4: Int32s
    known_at: Int64s


class Lake:
    """Append and scan price points and candles under one root folder (Home.lake)."""

    def __init__(self, root: Path, hook: Hook | None = None) -> None:
        self.root = root
        self._hook: Hook = hook or silent
        self._checked: set[tuple[str, str]] = set()
        self._markets: dict[str, tuple[Int32s, Int64s]] = {}  # by part: market numbers, first rows and one more

    def manifest(self, dataset: str) -> Manifest:
        """Return the manifest of `prices` or `candles`; raises DataError manifest-corrupt | store-newer."""
        return manifests.read(self.root / dataset, dataset)

    def append_prices(  # noqa: PLR0913  (three parallel columns and their times belong together)
        self,
        source: str,
        market_no: Int64s,
        t: Int64s,
        price_e4: Int32s,
        *,
        known_at: Int64s | None = None,
        lag_us: int = 0,
        key: str,
    ) -> PartInfo:
        """Store price points (any order, duplicates allowed) as one immutable part.

        All arrays have equal length N; `t` and `known_at` in microseconds, prices within 0..10000 (ValueError
        otherwise). `known_at` None means t + lag_us. `key` names the content (file key + chunk position): the same key
        again is a no-op. Points already in the lake under the same source (same market and t) are duplicates. Call it
        with large chunks (0.5-2M points), many markets at once: every call costs a file and a manifest write.
        Raises AccessError home-unwritable | disk-full.
        """
        offered = len(t)
        if not offered:
            return PartInfo("", 0, 0)
        if price_e4.min() < 0 or price_e4.max() > _MAX_PRICE:
            raise ValueError("price outside 0..10000")
        known = t + lag_us if known_at is None else known_at
        with locked(self.root / ".lock"):
            manifest = self._begin("prices")
            name = _part_name(source, key)
            if any(part.name == name for part in manifest.parts):
                return PartInfo(name, 0, offered)
            order = packing.sort_first_wins(market_no, t)
            points = PricePoints(
                market_no[order].astype(np.int32),
                t[order].astype(np.int64),
                price_e4[order].astype(np.int32),
                known[order],
            )
            points, conflicts = self._without_known(manifest, source, points)
            stored = len(points.event_time)
            if not stored:
                return PartInfo("", 0, offered, conflicts)
            self._add_prices(manifest, name, source, key, points)
        return PartInfo(name, stored, offered - stored, conflicts)

    def append_candles(self, source: str, symbol: str, interval: str, frame: "pl.DataFrame", *, key: str) -> PartInfo:
        """Store candles of one symbol: columns t (Int64 us), open, high, low, close, volume (Float64).

        Candles with a `t` that is there already (same source, symbol, interval) are duplicates.
        """
        import polars as pl

        offered = frame.height
        if not offered:
            return PartInfo("", 0, 0)
        with locked(self.root / ".lock"):
            manifest = self._begin("candles")
            name = _part_name(source, key, symbol, interval)
            if any(part.name == name for part in manifest.parts):
                return PartInfo(name, 0, offered)
            fresh = frame.select("t", *_CANDLE_VALUES).unique("t", keep="first", maintain_order=True).sort("t")
            first, last = int(fresh["t"][0]), int(fresh["t"][-1])
            for part in manifest.parts:
                mine = (part.source, part.symbol, part.interval) == (source, symbol, interval)
                if mine and part.t_max >= first and part.t_min <= last:
                    fresh = fresh.join(self._read_candles(part).select("t"), on="t", how="anti", maintain_order="left")
            if fresh.is_empty():
                return PartInfo("", 0, offered)
            t = fresh["t"].to_numpy()
            times = packing.pack_times(t, np.zeros(1, dtype=np.int64), packing.exact_unit(t))
            packed = fresh.select(pl.Series("t", times.delta), *_CANDLE_VALUES)
            part = _describe(name, key, source, t, times)
            part = _replace(part, symbol=symbol, interval=interval)
            self._commit(manifest, part, packed)
        return PartInfo(name, fresh.height, offered - fresh.height)

    def scan_prices(
        self,
        sources: Sequence[str] | None = None,
        market_nos: Sequence[int] | None = None,
        start: int | None = None,
        end: int | None = None,
        *,
        with_source: bool = False,
    ) -> "pl.LazyFrame":
        """Return points of schema PRICES with start <= event_time < end, part after part, lazily.

        `with_source` adds the column `source`. Points of several sources, or of one market in several parts, are not
        merged. Raises DataError store-corrupt | lake-part-missing when collected.
        """
        import polars as pl

        parts = [part for part in self._parts("prices", sources) if _overlaps(part, start, end)]
        if market_nos is not None:
            low, high = min(market_nos, default=0), max(market_nos, default=-1)
            parts = [part for part in parts if part.market_max >= low and part.market_min <= high]
        schema: dict[str, Any] = {
            "market_no": pl.Int32,
            "event_time": pl.Int64,
            "known_at": pl.Int64,
            "price_e4": pl.Int32,
        }
        if with_source:
            schema["source"] = pl.String

        bounded = set() if start is None and end is None else {"event_time"}

        def frames(wanted: set[str]) -> Iterator[pl.DataFrame]:
            stored = [name for name in list(schema)[:4] if name in wanted | bounded | {"market_no"}]
            for part in parts:
                columns = self._read_columns(part, market_nos, stored)
                frame = pl.DataFrame({name: columns[name] for name in stored})
                frame = frame.with_columns(pl.lit(part.source).alias("source")) if with_source else frame
                yield _between(frame, "event_time", start, end)

        return _lazy(frames, schema)

    def scan_candles(
        self,
        symbols: Sequence[str] | None = None,
        interval: str | None = None,
        start: int | None = None,
        end: int | None = None,
        *,
        sources: Sequence[str] | None = None,
        with_source: bool = False,
    ) -> "pl.LazyFrame":
        """Return candles of schema CANDLES with start <= t < end, lazily; `with_source` adds the column `source`."""
        import polars as pl

        parts = [
            part
            for part in self._parts("candles", sources)
            if _overlaps(part, start, end)
            and (symbols is None or part.symbol in symbols)
            and (interval is None or part.interval == interval)
        ]
        schema: dict[str, Any] = {"symbol": pl.String, "interval": pl.String, "t": pl.Int64}
        schema |= dict.fromkeys(_CANDLE_VALUES, pl.Float64)
        if with_source:
            schema["source"] = pl.String

        def frames(_wanted: set[str]) -> Iterator[pl.DataFrame]:
            for part in parts:
                names = {"symbol": part.symbol, "interval": part.interval, "source": part.source}
                frame = self._read_candles(part).with_columns(pl.lit(v).alias(k) for k, v in names.items())
                yield _between(frame.select(list(schema)), "t", start, end)

        return _lazy(frames, schema)

    def read_prices(self, part: Part, market_nos: Sequence[int] | None = None) -> PricePoints:
        """Read and unpack one part, or only some of its markets."""
        names = ("market_no", "event_time", "price_e4", "known_at")
        columns = self._read_columns(part, market_nos, names)
        return PricePoints(*(columns[name] for name in names))

    def verify(self) -> list[Problem]:
        """Compare every part with the manifest: missing, changed, left over; empty when all is well."""
        return [problem for dataset in DATASETS for problem in self._verify(dataset)]

    # inside

    def _read_columns(self, part: Part, market_nos: Sequence[int] | None, names: Sequence[str]) -> dict[str, Any]:
        """Read and unpack columns of schema PRICES, `market_no` always; nothing is read for the others."""
        timed = "event_time" in names or "known_at" in names
        packed = ["market_no", *(["dt"] if timed else ()), *(["dp"] if "price_e4" in names else ())]
        if "known_at" in names and part.lag_us is None:
            packed.append("lag")
        frame = self._read_packed(part, market_nos, packed)
        columns: dict[str, Any] = {column.name: column.to_numpy() for column in frame.get_columns()}
        starts = packing.starts_of(columns["market_no"])
        if "price_e4" in names:
            columns["price_e4"] = packing.running_prices(columns["dp"], starts)
        if timed:
            columns["event_time"] = packing.unpack_times(columns["dt"], starts, part.unit_us, part.base_us)
            columns["known_at"] = columns["event_time"]
        if "lag" in columns:
            columns["known_at"] = columns["event_time"] + columns["lag"].astype(np.int64) * part.unit_us
        elif timed and part.lag_us:
            columns["known_at"] = columns["event_time"] + part.lag_us
        return columns

    def _read_packed(self, part: Part, market_nos: Sequence[int] | None, names: Sequence[str]) -> "pl.DataFrame":
        """Read packed columns; of a few markets only their rows, looked up once per part and Lake object."""
        import polars as pl

        lazy = pl.scan_parquet(self._verified("prices", part)).select(names)
        if market_nos is None:
            return lazy.collect()
        numbers = sorted(set(market_nos))
        if len(numbers) > _FEW:
            return lazy.filter(pl.col("market_no").is_in(numbers)).collect()
        if part.sha256 not in self._markets:
            column = lazy.select("market_no").collect()["market_no"].to_numpy()
            starts = packing.starts_of(column)
            self._markets[part.sha256] = column[starts], np.append(starts, len(column))
        known, first = self._markets[part.sha256]
        at = np.searchsorted(known, np.array(numbers, dtype=np.int64))
        found = at[(at < len(known)) & (known[np.minimum(at, len(known) - 1)] == numbers)]
        pieces = [lazy.slice(int(first[i]), int(first[i + 1] - first[i])).collect() for i in found]
        return pl.concat(pieces) if pieces else lazy.head(0).collect()

    def _verify(self, dataset: str) -> Iterator[Problem]:
        folder = self.root / dataset
        try:
            manifest = self.manifest(dataset)
        except DataError as error:
            yield Problem(error.code, str(folder / manifests.FILE), error.message)
            return
        self._checked.clear()
        for part in manifest.parts:
            try:
                self._verified(dataset, part)
            except DataError as error:
                yield Problem(error.code, str(folder / part.name), error.message)
        expected = {part.name for part in manifest.parts} | {manifests.FILE}
        for path in sorted(folder.glob("*")):
            if path.name not in expected:
                message = "not in the manifest: left by an import that was stopped"
                yield Problem("lake-part-extra", str(path), message, harmless=True)

    def _parts(self, dataset: str, sources: Sequence[str] | None) -> list[Part]:
        return [part for part in self.manifest(dataset).parts if sources is None or part.source in sources]

    def _begin(self, dataset: str) -> Manifest:
        folder = self.root / dataset
        make_folder(folder)
        for leftover in folder.glob(f"*{TEMPORARY}"):
            with contextlib.suppress(OSError):
                leftover.unlink()
        return self.manifest(dataset)

    def _without_known(self, manifest: Manifest, source: str, points: PricePoints) -> tuple[PricePoints, int]:
        """Drop points that are in the lake already; returns how many of them had another price."""
        import polars as pl

        first, last = int(points.event_time.min()), int(points.event_time.max())
        low, high = int(points.market_no[0]), int(points.market_no[-1])
        rivals = [
            part
            for part in manifest.parts
            if part.source == source
            and (part.market_max >= low and part.market_min <= high)
            and (part.t_max >= first and part.t_min <= last)
        ]
        if not rivals:
            return points, 0
        mine = pl.DataFrame({"m": points.market_no, "t": points.event_time, "p": points.price_e4}).with_row_index("row")
        markets = mine["m"].unique().to_list()
        keep = np.ones(mine.height, dtype=np.bool_)
        conflicts = 0
        for part in rivals:
            old = self.read_prices(part, markets)
            theirs = pl.DataFrame({"m": old.market_no, "t": old.event_time, "q": old.price_e4})
            both = mine.join(theirs, on=["m", "t"], how="inner")
            conflicts += both.filter(pl.col("p") != pl.col("q")).height
            keep[both["row"].to_numpy()] = False
        kept = PricePoints(
            points.market_no[keep], points.event_time[keep], points.price_e4[keep], points.known_at[keep]
        )
        return kept, conflicts

    def _add_prices(self, manifest: Manifest, name: str, source: str, key: str, points: PricePoints) -> None:
        import polars as pl

        lag = points.known_at - points.event_time
        constant = bool(np.all(lag == lag[0]))
        unit = packing.exact_unit(points.event_time) if constant else packing.exact_unit(points.event_time, lag)
        starts = packing.starts_of(points.market_no)
        times = packing.pack_times(points.event_time, starts, unit)
        prices = packing.differences(points.price_e4, starts).astype(np.int16)
        columns = {"market_no": points.market_no, "dt": times.delta, "dp": prices}
        if not constant:
            columns["lag"] = lag // unit
        part = _describe(name, key, source, points.event_time, times)
        bounds = {"market_min": int(points.market_no[0]), "market_max": int(points.market_no[-1])}
        self._commit(
            manifest, _replace(part, lag_us=int(lag[0]) if constant else None, **bounds), pl.DataFrame(columns)
        )

    def _commit(self, manifest: Manifest, part: Part, packed: "pl.DataFrame") -> None:
        buffer = io.BytesIO()
        packed.write_parquet(buffer, compression="zstd", compression_level=9, row_group_size=ROW_GROUP)
        data = buffer.getvalue()
        folder = self.root / manifest.dataset
        self._hook("begin")
        write_whole(folder / part.name, data, self._hook, "part")
        whole = _replace(part, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        manifests.write(folder, manifest.with_part(whole), self._hook)

    def _read_candles(self, part: Part) -> "pl.DataFrame":
        import polars as pl

        frame = pl.read_parquet(self._verified("candles", part))
        starts = np.zeros(1, dtype=np.int64)
        times = packing.unpack_times(frame["t"].to_numpy(), starts, part.unit_us, part.base_us)
        return frame.with_columns(pl.Series("t", times))

    def _verified(self, dataset: str, part: Part) -> Path:
        """Return the path of a part whose bytes were compared with the manifest, once per Lake object."""
        path = self.root / dataset / part.name
        if (dataset, part.sha256) in self._checked:
            return path
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise DataError(
                "lake-part-missing", f"{path} is in the manifest but not on disk", part=part.name
            ) from error
        except OSError as error:
            raise DataError("store-corrupt", f"{path}: {error}", part=part.name) from error
        if found != part.sha256:
            raise DataError("store-corrupt", f"{path} differs from its checksum", part=part.name)
        self._checked.add((dataset, part.sha256))
        return path


def _part_name(*words: str) -> str:
    text = "\x00".join(words)
    return f"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}.parquet"


def _describe(name: str, key: str, source: str, t: Int64s, times: packing.PackedTimes) -> Part:
    return Part(
        name=name,
        key=key,
        source=source,
        rows=len(t),
        bytes=0,
        sha256="",
        t_min=int(t.min()),
        t_max=int(t.max()),
        unit_us=times.unit_us,
        base_us=times.base_us,
    )


def _replace(part: Part, **changes: Any) -> Part:
    import msgspec

    return msgspec.structs.replace(part, **changes)


def _overlaps(part: Part, start: int | None, end: int | None) -> bool:
    return (start is None or part.t_max >= start) and (end is None or part.t_min < end)


def _between(frame: "pl.DataFrame", column: str, start: int | None, end: int | None) -> "pl.DataFrame":
    import polars as pl

    if start is not None:
        frame = frame.filter(pl.col(column) >= start)
    return frame if end is None else frame.filter(pl.col(column) < end)


def _lazy(frames: Any, schema: dict[str, Any]) -> "pl.LazyFrame":
    """Wrap a generator of frames as a lazy source: bounded memory, projection and predicate applied frame by frame."""
    import polars as pl
    from polars.io.plugins import register_io_source

    def source(
        with_columns: list[str] | None, predicate: "pl.Expr | None", n_rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        wanted = set(schema) if with_columns is None else set(with_columns)
        if predicate is not None:
            wanted |= set(predicate.meta.root_names())
        for whole in frames(wanted):
            frame = whole if predicate is None else whole.filter(predicate)
            frame = frame if with_columns is None else frame.select(with_columns)
            frame = frame if left is None else frame.head(left)
            if left is not None:
                left -= frame.height
            yield frame
            if left is not None and left <= 0:
                return

    return register_io_source(source, schema=schema)
