"""Rows to learn from: resolved markets at decision times, with what was known then, and apart from it how they ended.

A row is a point of the panel before the market's event was known. Decision times come from a calendar, from an age, or
from days before the scheduled end as it was known at the time: then the row is the first point that lies within that
many days of it, which nobody needs the future to see.
"""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR
from edgeworth.models.examples import Examples
from edgeworth.models.scores import dense
from edgeworth.research.sampling import choose as sample_points
from edgeworth.research.sampling import parse_sample

if TYPE_CHECKING:
    import polars as pl

Float32s = npt.NDArray[np.float32]
VolumeAsOf = Callable[[Int64s, Int64s], npt.NDArray[np.float64]]  # (market_no, t) -> dollars known at t, NaN unknown
DEFAULT_FEATURES: Final = (
    "logit", "certainty", "momentum_1h", "momentum_6h", "momentum_1d", "momentum_3d", "momentum_7d", "volatility_1d",
    "volatility_7d", "logit_volatility_1d", "logit_volatility_7d", "rsi_14", "path_high", "path_low", "drawdown",
    "hours_to_end", "age_hours", "staleness_hours", "event_markets", "event_priced", "event_price_sum", "event_rank",
    "hour", "weekday",
)  # fmt: skip
FULL_FEATURES: Final = (
    *DEFAULT_FEATURES, "bollinger_z", "bollinger_width", "zscore_1d", "zscore_7d", "range_position_1d",
    "range_position_7d", "trend_1d", "trend_7d", "average_move_14", "macd", "macd_histogram", "ema_gap_6h_1d",
    "ema_gap_1d_7d", "ema_cross_hours", "life_share", "event_share", "weekend", "hour_sin", "hour_cos", "weekday_sin",
    "weekday_cos",
)  # fmt: skip
CATEGORIES: Final = (
    "celebrities", "crypto", "culture", "economy", "geopolitics", "government", "health", "other", "politics", "sports",
    "tech", "weather",
)  # fmt: skip
TIME_POINTS: Final = (1.0, 3.0, 7.0, 14.0, 30.0)
_LATE = 36 * HOUR  # a row that first sees "N days left" later than this after the moment is no N-day row
SCHEMA: Final = "edgeworth.dataset/1"


class ExtraColumns(Protocol):
    """Columns from beyond the panel, one value per point, as of that point; see `features.providers`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        ...

    @property
    def fingerprint(self) -> str:
        """What decides the columns' meaning."""
        ...

    def __call__(self, panel: Panel, rows: Int64s) -> "pl.DataFrame":
        """Return the columns for ascending points."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build: `sample` a rule (`calendar:monday`, `age:7d`) or "" for `time_points` days before the scheduled
    end; `start` <= t < `end` in microseconds; `categories` top labels, none = all; `features` names; `providers` keys
    of the columns from beyond the panel (`features.providers`); `min_volume` dollars traded by t, as known at t.
    """

    sample: str = ""
    time_points: tuple[float, ...] = TIME_POINTS
    start: int | None = None
    end: int | None = None
    categories: tuple[str, ...] = ()
    features: tuple[str, ...] = DEFAULT_FEATURES
    providers: tuple[str, ...] = ()
    min_volume: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows with their keys. `frame`: market_id, event, t, point (days before, age in days or weekday), category, price,
    label, weight, three clocks for the lint (known_at, resolved_at, event_known_at) with the scheduled_end as known at
    t, and the columns `names`; `meta` says what was asked and what it was made from.
    """

    frame: "pl.DataFrame"
    names: tuple[str, ...]
    meta: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """Return the digest of what the columns mean; datasets with equal ones may be combined."""
        return str(self.meta["features"])

    def examples(self) -> Examples:
        """Return the rows as a model takes them, in order of time."""
        rows = self.frame.sort("t", "market_id")
        event, _ = dense(rows["event"].cast(int).to_numpy() if rows["event"].dtype.is_integer() else _codes(rows))
        return Examples(
            np.ascontiguousarray(rows.select(self.names).to_numpy().astype(np.float32)),
            self.names,
            rows["price"].to_numpy().astype(np.float64),
            rows["label"].to_numpy().astype(np.float64),
            event,
            rows["weight"].to_numpy().astype(np.float64),
            rows["t"].to_numpy().astype(np.int64),
            rows["known_at"].to_numpy().astype(np.int64),
        )

    def write(self, folder: Path) -> Path:
        """Write `rows.parquet` and `dataset.json` into a folder and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.frame.write_parquet(folder / "rows.parquet")
        about = {"schema": SCHEMA, "names": self.names, **self.meta}
        (folder / "dataset.json").write_text(json.dumps(about, indent=2), "utf-8")
        return folder


def read_dataset(folder: Path) -> Dataset:
    """Read what `write` wrote; raises DataError dataset-unreadable."""
    import polars as pl

    try:
        about = json.loads((folder / "dataset.json").read_text("utf-8"))
        if about.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        return Dataset(pl.read_parquet(folder / "rows.parquet"), tuple(about.pop("names")), about)
    except (OSError, ValueError, KeyError, pl.exceptions.PolarsError) as error:
        raise DataError("dataset-unreadable", f"{folder} holds no dataset: {error}") from error


def build(
    panel: Panel, outcomes: Outcomes, plan: Plan, extra: ExtraColumns | None = None, volume: VolumeAsOf | None = None,
    threads: int = 1,
) -> Dataset:  # fmt: skip
    """Build the rows of a plan, with `extra` columns after the features; the number of threads changes no byte.

    `volume` tells what was traded by then, for `min_volume`: rows below it are left out, and so are those whose volume
    nobody had stated, both counted in `meta`. Raises UsageError bad-sample | unknown-feature, DataError too-few-rows if
    none is left.

    Markets count once they resolved YES or NO; 50-50 and void ones cannot train a classifier and are counted in `meta`.
    """
    rows, point = _decisions(panel, outcomes, plan)
    market = _owners(panel, rows)
    payout = outcomes.payout_e4[market]
    binary = (payout == Payout.YES) | (payout == Payout.NO)
    inside = np.ones(len(rows), dtype=bool)
    if plan.start is not None:
        inside &= panel.t[rows] >= plan.start
    if plan.end is not None:
        inside &= panel.t[rows] < plan.end
    traded, counts = _traded_enough(panel, rows, market, plan.min_volume, volume)
    chosen = binary & inside & traded
    frame = _frame(panel, outcomes, (rows[chosen], point[chosen]), (plan, extra, threads))
    if frame.is_empty():
        unknown = f"; of {counts['volume_unknown']} rows the volume was not known" if counts else ""
        raise DataError("too-few-rows", f"no resolved market has a decision time in this range{unknown}")
    names = column_names(plan.features, extra)
    meta = {
        "plan": plan.to_dict(),
        "features": features_digest(plan.features, extra),
        "panel": panel.fingerprint,
        "source": panel.source,
        "unclassified": int((~binary & inside & (payout != -1)).sum()),
        **counts,
    }
    return Dataset(frame, names, meta)


def _traded_enough(
    panel: Panel, rows: Int64s, market: Int64s, least: float | None, volume: VolumeAsOf | None
) -> tuple["np.ndarray[Any, np.dtype[np.bool_]]", dict[str, int]]:
    """Return which rows had at least `least` dollars traded as known then, and how many had less or an unknown sum."""
    if least is None:
        return np.ones(len(rows), dtype=bool), {}
    if volume is None:
        raise DataError("columns-missing", "a minimum volume needs snapshots that state volumes")
    numbers = panel.markets["market_no"].to_numpy().astype(np.int64)
    known = volume(numbers[market], panel.t[rows])
    unknown = np.isnan(known)
    enough = ~unknown & (np.nan_to_num(known) >= least)
    return enough, {"volume_unknown": int(unknown.sum()), "volume_below": int((~enough & ~unknown).sum())}


def features_digest(names: tuple[str, ...], extra: ExtraColumns | None = None) -> str:
    """Return the digest of the columns' definitions, taxonomy included."""
    from edgeworth.features.registry import FeatureSet
    from edgeworth.features.taxonomy import TAXONOMY_VERSION

    words = [FeatureSet(names).fingerprint, str(TAXONOMY_VERSION), *CATEGORIES]
    words += [extra.fingerprint] if extra else []
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


def parse_features(text: str) -> tuple[str, ...]:
    """Return the features of `default`, `full` or names with commas; raises UsageError unknown-feature."""
    from edgeworth.features.definitions import feature
    from edgeworth.features.registry import FEATURES

    if text in {"", "default", "full"}:
        return FULL_FEATURES if text == "full" else DEFAULT_FEATURES
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if feature(name).dtype in {"String", "Datetime", "List"}:
            numbers = [known.name for known in FEATURES.values() if known.dtype.startswith(("Float", "Int", "Bool"))]
            raise UsageError("unknown-feature", f"'{name}' is no number", f"such as {', '.join(numbers[:3])}")
    return names


def _matrix(panel: Panel, rows: Int64s, plan: Plan, extra: ExtraColumns | None, threads: int) -> "pl.DataFrame":
    """Return `feature_matrix` of ascending points, computed in pieces that end where a market ends."""
    import polars as pl

    owner = _owners(panel, rows)
    guesses = [len(rows) * number // threads for number in range(1, threads)] if len(rows) >= threads else []
    cuts = sorted({0, len(rows), *(int(np.searchsorted(owner, owner[guess])) for guess in guesses)})
    if len(cuts) <= 2:
        return feature_matrix(panel, rows, plan.features, extra)
    feature_matrix(panel, rows[:1], plan.features, extra)  # compile and classify before the threads start
    with ThreadPoolExecutor(threads) as pool:
        work = [pool.submit(feature_matrix, panel, rows[a:b], plan.features, extra) for a, b in pairwise(cuts)]
        return pl.concat([piece.result() for piece in work], rechunk=True)


def feature_matrix(
    panel: Panel, rows: Int64s, names: tuple[str, ...], extra: ExtraColumns | None = None
) -> "pl.DataFrame":
    """Return market, t, price, category and the model's columns for ascending points of a panel."""
    import polars as pl

    from edgeworth.features.registry import compute

    asked = tuple(dict.fromkeys((*names, "price", "top_category")))
    frame = compute(panel, asked, rows)
    keys = ("market", "t", "price", pl.col("top_category").alias("category"))
    chosen = frame.select(*keys, *_columns(names))
    return chosen if extra is None else pl.concat([chosen, extra(panel, rows).cast(pl.Float32)], how="horizontal")


def column_names(features: tuple[str, ...], extra: ExtraColumns | None = None) -> tuple[str, ...]:
    """Return the names of a model's columns: the features, one flag per top category, then those of `extra`."""
    return (*features, *(f"is_{name}" for name in CATEGORIES), *(extra.names if extra is not None else ()))


def model_inputs(frame: "pl.DataFrame", features: tuple[str, ...], extra: tuple[str, ...] = ()) -> Float32s:
    """Return a model's columns (R, K) of a frame that holds the features, `top_category` and the `extra` columns.

    NaN where unknown.
    """
    import polars as pl

    more = [pl.col(name).cast(pl.Float32) for name in extra]
    values: Float32s = frame.select(*_columns(features), *more).to_numpy().astype(np.float32)
    return np.ascontiguousarray(values)


def live_inputs(
    panel: Panel, rows: Int64s, features: tuple[str, ...], extra: ExtraColumns | None = None
) -> Float32s:  # fmt: skip
    """Return a model's columns (R, K) of ascending points, by the code that builds datasets; NaN where unknown."""
    matrix = feature_matrix(panel, rows, features, extra).select(column_names(features, extra))
    return np.ascontiguousarray(matrix.to_numpy().astype(np.float32))


def _columns(names: tuple[str, ...]) -> "list[pl.Expr]":
    import polars as pl

    flags = [(pl.col("top_category") == name).cast(pl.Float32).alias(f"is_{name}") for name in CATEGORIES]
    return [*(pl.col(name).cast(pl.Float32) for name in names), *flags]


def _frame(
    panel: Panel,
    outcomes: Outcomes,
    decisions: tuple[Int64s, "np.ndarray[Any, Any]"],
    how: tuple[Plan, ExtraColumns | None, int],
) -> "pl.DataFrame":
    import polars as pl

    from edgeworth.store.asof import scheduled_ends

    order = np.argsort(decisions[0], kind="stable")
    rows, point = decisions[0][order], decisions[1][order]
    unique, back = np.unique(rows, return_inverse=True)  # one point may serve two time points
    plan, extra, threads = how
    matrix = _matrix(panel, unique, plan, extra, threads)[back]
    market = matrix["market"].to_numpy()
    frame = matrix.with_columns(
        pl.Series("market_id", panel.markets["market_id"].gather(market)),
        pl.Series("event", panel.markets["event_no"].gather(market)).cast(pl.Int64),
        pl.Series("point", point),
        pl.Series("label", (outcomes.payout_e4[market] == Payout.YES).astype(np.float64)),
        pl.Series("known_at", outcomes.known_at[market]),
        pl.Series("resolved_at", outcomes.resolved_at[market]),
        pl.Series("event_known_at", outcomes.event_known_at[market]),
        pl.Series("scheduled_end", scheduled_ends(panel, market.astype(np.int64), matrix["t"].to_numpy())),
    ).drop("market")
    if plan.categories:
        frame = frame.filter(pl.col("category").is_in(list(plan.categories)))
    return weigh(frame)


def weigh(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Add `weight`: 1/k for the k rows of a market, times 1/m for the m markets of its event.

    An event is then one piece of evidence however many legs and decision times it has: uniqueness as in Lopez de Prado
    2018, chapter 4, with all legs of an event counted as concurrent.
    """
    import polars as pl

    legs = pl.col("market_id").n_unique().over("event")
    return frame.with_columns((1.0 / (pl.len().over("market_id") * legs)).alias("weight"))


def _decisions(panel: Panel, outcomes: Outcomes, plan: Plan) -> tuple[Int64s, "np.ndarray[Any, Any]"]:
    if plan.sample:
        rule = parse_sample(plan.sample)
        rows = sample_points(panel, outcomes, rule, "event-known", allow_look_ahead=False)
        return rows, np.full(len(rows), rule.distance / DAY if rule.kind == "age" else float(rule.weekday))
    if not plan.time_points or min(plan.time_points) <= 0:
        raise UsageError("bad-sample", "time points are days before the scheduled end, above 0")
    left = _time_left(panel)
    open_ = panel.t < np.repeat(np.minimum(outcomes.resolved_at, outcomes.event_known_at), np.diff(panel.offsets))
    first = np.zeros(panel.point_count, dtype=bool)
    first[panel.offsets[:-1][np.diff(panel.offsets) > 0]] = True
    found, points = [], []
    for days in plan.time_points:
        within = left <= days * DAY
        before = np.concatenate(([False], within[:-1])) & ~first
        rows = np.flatnonzero(within & ~before & open_ & (left > 0) & (left > days * DAY - _LATE))
        found.append(rows)
        points.append(np.full(len(rows), float(days)))
    return np.concatenate(found).astype(np.int64), np.concatenate(points)


def _time_left(panel: Panel) -> Int64s:
    """Return the time to the scheduled end as known at each point; far away where none was known. Shape (N,)."""
    from edgeworth.store.asof import scheduled_ends

    market = panel.market_of_point().astype(np.int64)
    end = scheduled_ends(panel, market, panel.t)
    return np.where(end == UNKNOWN_TIME, NEVER, end - panel.t)


def _owners(panel: Panel, rows: Int64s) -> Int64s:
    return (np.searchsorted(panel.offsets, rows, side="right") - 1).astype(np.int64)


def _codes(frame: "pl.DataFrame") -> Int64s:
    return frame["event"].rank("dense").to_numpy().astype(np.int64)


@dataclass(frozen=True, slots=True)
class Combined:
    """The union of datasets, and how many rows appeared in several, equal or in conflict (then the first stands)."""

    dataset: Dataset
    repeated: int
    conflicts: int


def combine(datasets: list[Dataset]) -> Combined:
    """Unite datasets by (market_id, t, point); raises DataError dataset-mismatch where columns mean different things.

    Events are joined through markets: legs known to several datasets keep their event together.
    """
    import polars as pl

    first = datasets[0]
    for other in datasets[1:]:
        if other.fingerprint != first.fingerprint or other.names != first.names:
            raise DataError("dataset-mismatch", "the datasets were made with different features")
    renamed = _one_numbering([dataset.frame for dataset in datasets])
    stacked = pl.concat([frame.with_columns(part=pl.lit(index)) for index, frame in enumerate(renamed)])
    key = ["market_id", "t", "point"]
    kept = stacked.unique(key, keep="first", maintain_order=True)
    again = stacked.join(kept.select(*key, "label", "price", "part"), on=key, suffix="_kept").filter(
        pl.col("part") != pl.col("part_kept")
    )
    conflicts = again.filter((pl.col("label") != pl.col("label_kept")) | (pl.col("price") != pl.col("price_kept")))
    meta = {**first.meta, "combined": [dataset.meta for dataset in datasets]}
    frame = weigh(kept.drop("part", "weight")).select(first.frame.columns)
    return Combined(Dataset(frame, first.names, meta), again.height, conflicts.height)


def _one_numbering(frames: "list[pl.DataFrame]") -> "list[pl.DataFrame]":
    """Renumber events so that markets shared by frames tie their events together, and others never collide."""
    import polars as pl

    parent: dict[tuple[int, int], tuple[int, int]] = {}

    def root(node: tuple[int, int]) -> tuple[int, int]:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    owner: dict[str, tuple[int, int]] = {}
    for index, frame in enumerate(frames):
        for market, event in frame.select("market_id", "event").unique(maintain_order=True).iter_rows():
            node = root((index, event))
            parent[root(owner.setdefault(market, node))] = node
    numbers: dict[tuple[int, int], int] = {}
    result = []
    for index, frame in enumerate(frames):
        events = [numbers.setdefault(root((index, event)), len(numbers)) for event in frame["event"].to_list()]
        result.append(frame.with_columns(pl.Series("event", events, dtype=pl.Int64)))
    return result
