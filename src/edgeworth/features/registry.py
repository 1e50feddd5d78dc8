"""Compute features over a panel: every point, chosen rows, or each market's newest row, by the same definitions."""

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.core.panel import Floats, Int32s, Int64s, Panel
from edgeworth.core.schema import check_feature_frame
from edgeworth.features import columns, expressions, forecasts, kernels, price_technical  # noqa: F401  (register)
from edgeworth.features.definitions import (
    FEATURES,
    KERNELS,
    Feature,
    FeatureSet,
    Kind,
    closure,
    expression_feature,
    feature,
    kernel_feature,
    panel_feature,
)
from edgeworth.features.drivers import driver
from edgeworth.features.rowwise import first_disagreement

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "FEATURES", "Feature", "FeatureSet", "View", "compute", "compute_tail", "expression_feature", "feature",
    "keep_categories", "kernel_feature", "panel_feature", "tail_rows",
]  # fmt: skip

_CATEGORIES: dict[str, "pl.Series"] = {}  # classification is the one slow static column; the newest few are kept
_KEPT = 4
_WORTH_A_FILE = 500  # markets below which classifying costs less than reading a file
_PARALLEL_FROM = 200_000  # rows below which a second thread costs more than it saves
_CHECKED: set[str] = set()  # expression features already compared with their own single-row values


def compute(panel: Panel, names: Sequence[str], rows: Int64s | None = None) -> "pl.DataFrame":
    """Return a frame with `market` (Int32), `t` (Int64) and the features, one row per asked point.

    `rows` are ascending point numbers, None means every point. Raises UsageError `unknown-feature`.
    """
    return View(panel).compute(names, rows)


def compute_tail(panel: Panel, names: Sequence[str]) -> "pl.DataFrame":
    """Return the newest row of every market that has one; windows read only their own tail."""
    return compute(panel, names, tail_rows(panel))


def tail_rows(panel: Panel) -> Int64s:
    """Return the last point number of every market with points, ascending."""
    ends = panel.offsets[1:]
    return ends[np.diff(panel.offsets) > 0] - 1


class View:
    """A panel with what is computed once for all of its rows: static columns, event members, listings."""

    def __init__(self, panel: Panel, threads: int = 0) -> None:
        self.panel = panel
        self._threads = threads or os.cpu_count() or 1
        self._static: dict[str, pl.Series] = {}
        self._groups: tuple[Int64s, Int64s, Int64s] | None = None
        self._listed: Int64s | None = None

    def static(self, names: Iterable[str]) -> "pl.DataFrame":
        """Return static features, one row per market; raises ValueError for a feature that is not static."""
        import polars as pl

        names = list(names)
        for found in closure(names):
            if not found.static:
                raise ValueError(f"'{found.name}' is not static")
            if found.name not in self._static:
                self._static[found.name] = self._static_column(found).alias(found.name)
        return pl.DataFrame({name: self._static[name] for name in names})

    def compute(self, names: Sequence[str], rows: Int64s | None = None) -> "pl.DataFrame":
        """Return what the module's `compute` returns."""
        import polars as pl

        asked = np.arange(self.panel.point_count) if rows is None else np.asarray(rows, np.int64)
        if len(asked) > 1 and bool((np.diff(asked) < 0).any()):
            raise ValueError("rows must ascend")
        market = columns.owners(self.panel, asked)
        done: dict[str, pl.Series] = {}
        inputs: dict[str, Floats] = {}  # what several kernels read is computed once
        for found in closure(names):
            if found.static:
                done[found.name] = self.static([found.name])[found.name].gather(market)
            elif found.kind is Kind.PANEL:
                done[found.name] = _series(found, found.function(self.panel, asked, market))
            elif found.kind in KERNELS:
                done[found.name] = _series(found, self._kernel(found, asked, market, inputs))
            else:
                done[found.name] = _expression(found, done)
        keys = {"market": pl.Series(market), "t": pl.Series(self.panel.t[asked])}
        frame = pl.DataFrame(keys | {name: done[name] for name in names})
        check_feature_frame(frame)
        return frame

    def _static_column(self, found: Feature) -> "pl.Series":
        if found.kind is Kind.EXPRESSION:
            return _expression(found, self._static)
        if found.name != "category":
            column: pl.Series = found.function(self.panel)
            return column
        key = _texts_key(self.panel)
        if key not in _CATEGORIES:
            _remember(key, found.function(self.panel))
        return _CATEGORIES[key]

    def _kernel(self, found: Feature, rows: Int64s, market: Int32s, inputs: dict[str, Floats]) -> Floats:
        out = np.full(len(rows), np.nan)
        if not len(rows):
            return out
        run = driver(found)
        if found.kind is Kind.CROSS_SECTION:
            panel = (_fixed(self.panel.t), _fixed(self.panel.price_e4), _fixed(self.panel.offsets))
            groups, listed = self._event_groups(), self._listings()
            self._pieces(market, lambda a, b: run(panel, groups, listed, rows[a:b], market[a:b], out[a:b]))
            return out
        # Only the markets of the asked rows are read: from the first one's first point to the last one's last.
        first, last = int(self.panel.offsets[market[0]]), int(self.panel.offsets[market[-1] + 1])
        name = found.inputs[0]
        if name not in inputs:
            inputs[name] = self._input(name, first, last)
        t, x = _fixed(self.panel.t[first:last]), inputs[name]
        local, starts = rows - first, self.panel.offsets[market] - first
        setting: Any = found.state
        if found.kind is Kind.WINDOW:
            setting = (-1 if found.lookback is None else found.lookback, found.points or 0, found.parameter)
        self._pieces(market, lambda a, b: run(t, x, local[a:b], starts[a:b], setting, out[a:b]))
        return out

    def _input(self, name: str, first: int, last: int) -> Floats:
        if name == "price":
            return self.panel.price_e4[first:last] / 10_000.0
        values: Floats = self.compute([name], np.arange(first, last))[name].fill_null(np.nan).to_numpy()
        return np.ascontiguousarray(values, np.float64)

    def _pieces(self, market: Int32s, work: Any) -> None:
        """Run the work on stretches of rows that end where a market ends, on all threads."""
        count = self._threads if len(market) >= _PARALLEL_FROM else 1
        cuts = [0]
        for number in range(1, count):
            guess = int(market[len(market) * number // count])
            cuts.append(max(cuts[-1], int(np.searchsorted(market, guess))))
        cuts.append(len(market))
        spans = [(a, b) for a, b in itertools.pairwise(cuts) if a < b]
        work_first, *rest = spans
        if not rest:
            work(*work_first)
            return
        work(work_first[0], work_first[0])  # compile before the threads start
        with ThreadPoolExecutor(len(spans)) as pool:
            for done in [pool.submit(work, *span) for span in spans]:
                done.result()

    def _event_groups(self) -> tuple[Int64s, Int64s, Int64s]:
        if self._groups is None:
            numbers = self.panel.markets["event_no"].to_numpy()
            _, event_of, counts = np.unique(numbers, return_inverse=True, return_counts=True)
            members = np.argsort(event_of, kind="stable").astype(np.int64)
            offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            self._groups = (event_of.astype(np.int64), offsets, members)
        return self._groups

    def _listings(self) -> Int64s:
        if self._listed is None:
            self._listed = columns.listings(self.panel)
        return self._listed


def keep_categories(panel: Panel, folder: Path) -> None:
    """Read the categories of a panel's markets from a cache folder, or classify once and leave them there.

    The file is named after the texts and the classifier's own sources, so that neither can change unnoticed.
    """
    import polars as pl

    if panel.market_count < _WORTH_A_FILE:
        return
    key = _texts_key(panel)
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("taxonomy*.py")))
    path = folder / f"categories-{hashlib.sha256(key.encode() + sources).hexdigest()[:32]}.arrow"
    with contextlib.suppress(OSError, pl.exceptions.PolarsError):
        kept = pl.read_ipc(path)
        if kept.height == panel.market_count and kept.columns == ["category"]:
            _remember(key, kept["category"])
            return
    found = View(panel).static(["category"])
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("categories-*.arrow"), key=lambda kept: kept.stat().st_mtime_ns)[:-_KEPT]:
            old.unlink(missing_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        found.write_ipc(temporary)
        temporary.replace(path)


def _texts_key(panel: Panel) -> str:
    texts = panel.markets.select("question", "event_title", "tags")
    return hashlib.sha256(texts.write_json().encode()).hexdigest()


def _remember(key: str, labels: "pl.Series") -> None:
    while len(_CATEGORIES) >= _KEPT:
        _CATEGORIES.pop(next(iter(_CATEGORIES)))
    _CATEGORIES[key] = labels


def _fixed(array: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
    """Return a read-only view: numba compiles one version for arrays in memory and for mapped files."""
    view = array.view()
    view.flags.writeable = False
    return view


def _series(found: Feature, values: "npt.NDArray[Any] | pl.Series") -> "pl.Series":
    import polars as pl

    series = pl.Series(found.name, values, nan_to_null=True) if isinstance(values, np.ndarray) else values
    if found.dtype == "Datetime":
        series = series.cast(pl.Datetime("us", "UTC"))
    return series.alias(found.name)


def _expression(found: Feature, done: "dict[str, pl.Series]") -> "pl.Series":
    import polars as pl

    frame = pl.DataFrame([done[name] for name in found.inputs])
    expression = found.function(*(pl.col(name) for name in found.inputs))
    if found.name not in _CHECKED and frame.height > 1:
        reason = first_disagreement(frame, {found.name: expression})
        if reason:
            raise DataError("not-row-wise", f"feature '{found.name}': {reason}")
        _CHECKED.add(found.name)
    dtype = getattr(pl, found.dtype)
    return frame.with_columns(expression.cast(dtype).alias(found.name))[found.name]
