"""Columns read from the panel itself: the only doors through which recorded history reaches a feature."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import UNKNOWN_TIME, Floats, Int32s, Int64s, Panel
from edgeworth.core.schema import Era
from edgeworth.features.definitions import panel_feature

if TYPE_CHECKING:
    import polars as pl

_E4 = 10_000.0


@panel_feature("price", group="price", unit="$", nullable=False, doc="Price of YES at the row.")
def price(panel: Panel, rows: Int64s, market: Int32s) -> Floats:  # noqa: ARG001  (one signature for all)
    """Return the YES price in dollars, shape (R,)."""
    return panel.price_e4[rows] / _E4


@panel_feature("no_price", group="price", unit="$", nullable=False, doc="Price of NO at the row: 1 - price, exactly.")
def no_price(panel: Panel, rows: Int64s, market: Int32s) -> Floats:  # noqa: ARG001
    """Return the NO price in dollars, subtracted in integers so that thresholds meet it exactly, shape (R,)."""
    return (10_000 - panel.price_e4[rows]) / _E4


@panel_feature("previous_price", group="price", unit="$", doc="Price of YES at the market's previous point.")
def previous_price(panel: Panel, rows: Int64s, market: Int32s) -> Floats:
    """Return the price one point earlier, NaN at a market's first point, shape (R,)."""
    values = panel.price_e4[np.maximum(rows - 1, 0)] / _E4
    return np.where(rows > panel.offsets[market], values, np.nan)


@panel_feature("time", group="calendar", unit="UTC", dtype="Datetime", nullable=False, doc="Instant of the row.")
def time(panel: Panel, rows: Int64s, market: Int32s) -> Int64s:  # noqa: ARG001
    """Return the decision time in microseconds, shape (R,)."""
    return panel.t[rows]


@panel_feature("previous_time", group="calendar", unit="UTC", dtype="Datetime", doc="Instant of the previous point.")
def previous_time(panel: Panel, rows: Int64s, market: Int32s) -> "pl.Series":
    """Return the instant of the market's previous point, null at its first, shape (R,)."""
    return _instants(panel.t[np.maximum(rows - 1, 0)], rows > panel.offsets[market])


@panel_feature(
    "scheduled_end",
    group="horizon",
    unit="UTC",
    dtype="Datetime",
    doc="Scheduled end, in the version known at the row.",
)
def scheduled_end(panel: Panel, rows: Int64s, market: Int32s) -> "pl.Series":
    """Return the newest version known by the row's instant, null without one, shape (R,)."""
    values = ends_known(panel, rows, market)
    return _instants(values, values != UNKNOWN_TIME)


def ends_known(panel: Panel, rows: Int64s, market: npt.NDArray[Any]) -> Int64s:
    """Return the scheduled end as known at each row, UNKNOWN_TIME without one, shape (R,)."""
    if not len(panel.end_value):
        return np.full(len(rows), UNKNOWN_TIME, np.int64)
    now = panel.t[rows]
    first, count = panel.end_offsets[market], np.diff(panel.end_offsets)[market]
    chosen = np.full(len(rows), -1, np.int64)
    for step in range(int(count.max(initial=0))):  # versions are few; a later one replaces an earlier one
        position = np.minimum(first + step, len(panel.end_value) - 1)
        known = (step < count) & (panel.end_known_at[position] <= now)
        chosen[known] = position[known]
    return np.where(chosen >= 0, panel.end_value[np.maximum(chosen, 0)], UNKNOWN_TIME)


@panel_feature(
    "listed_at",
    group="horizon",
    unit="UTC",
    dtype="Datetime",
    nullable=False,
    doc="Listing of the market, or its first point where that is earlier or no listing is known.",
)
def listed_at(panel: Panel, rows: Int64s, market: Int32s) -> Int64s:  # noqa: ARG001
    """Return the instant from which the market was known, microseconds, shape (R,)."""
    return listings(panel)[market]


def owners(panel: Panel, rows: Int64s) -> Int32s:
    """Return the market index of each of some ascending point numbers, shape (R,)."""
    if not len(rows):
        return np.empty(0, np.int32)
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 == len(rows):  # one stretch: repeat each market instead of searching for every row
        bounds = np.clip(panel.offsets, first, last + 1)
        return np.repeat(np.arange(panel.market_count, dtype=np.int32), np.diff(bounds))
    if len(rows) > panel.market_count:  # few markets among many rows: look for the markets' borders instead
        return np.repeat(np.arange(panel.market_count, dtype=np.int32), np.diff(np.searchsorted(rows, panel.offsets)))
    return (np.searchsorted(panel.offsets, rows, side="right") - 1).astype(np.int32)


def listings(panel: Panel) -> Int64s:
    """Return per market when it became known: min(created_at, first point), NEVER-like maximum without either."""
    never = np.iinfo(np.int64).max
    has_points = np.diff(panel.offsets) > 0
    first = np.full(panel.market_count, never, np.int64)
    first[has_points] = panel.t[panel.offsets[:-1][has_points]]
    created: Int64s = panel.markets["created_at"].fill_null(never).to_numpy()
    return np.minimum(first, created)


def _instants(values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> "pl.Series":
    import polars as pl

    frame = pl.DataFrame({"value": values, "valid": valid})
    return frame.select(pl.when("valid").then("value")).to_series()


def _static(name: str, dtype: str, doc: str) -> None:
    @panel_feature(name, group="text", unit="", dtype=dtype, era=Era.STATIC, nullable=False, doc=doc)
    def column(panel: Panel) -> "pl.Series":
        return panel.markets[name]


_static("question", "String", "First-seen wording of the question.")
_static("event_title", "String", "Title of the event.")
_static("outcome0", "String", "Label of the YES leg.")
_static("outcome1", "String", "Label of the NO leg.")
_static("tags", "List", "Labels the venue gave.")
_static("neg_risk", "Boolean", "Exactly one market of the event wins.")


def _taxonomy_version() -> str:
    from edgeworth.features.taxonomy import TAXONOMY_VERSION

    return f"taxonomy {TAXONOMY_VERSION}"


@panel_feature(
    "category",
    group="text",
    unit="label",
    dtype="String",
    era=Era.STATIC,
    nullable=False,
    provenance=_taxonomy_version,
    doc="Two-level category, such as `crypto/btc-price`, from question, event title and tags.",
)
def category(panel: Panel) -> "pl.Series":
    """Return the category label of every market, shape (M,)."""
    from edgeworth.features.taxonomy import classify_frame

    return classify_frame(panel.markets)
