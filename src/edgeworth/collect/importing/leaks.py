"""Look for tables that know the answer before any row is stored: a price that is the outcome, sampling backwards."""

import re
from typing import Final

import numpy as np
import polars as pl

from edgeworth.collect.importing import values
from edgeworth.collect.importing.gates import check_price_label
from edgeworth.collect.importing.mapping import MappingSpec
from edgeworth.collect.importing.tables import filtered
from edgeworth.collect.importing.values import Context, as_text
from edgeworth.core.errors import LeakError

PRICE_NAMES: Final = frozenset(
    [
        "price",
        "p",
        "p0",
        "p_yes",
        "yes_price",
        "price_yes",
        "market_p_yes",
        "market_price",
        "last_price",
        "avg_price",
        "mid",
        "probability",
        "prob",
        "implied_probability",
        "market_probability",
    ]
)
LABEL_NAMES: Final = frozenset(
    [
        "outcome",
        "y",
        "y0",
        "label",
        "payout",
        "result",
        "resolution",
        "resolved_price",
        "settled_price",
        "final_price",
        "resolved_outcome",
        "winner",
        "resolved_yes",
    ]
)
# columns that only a sample taken relative to the outcome can have
_BACKWARDS = re.compile(
    r"(?:before|until|after|since)_(?:certainty|resolution|resolve|outcome|settlement)", re.IGNORECASE
)
_LABELS = {"yes": 1.0, "true": 1.0, "1": 1.0, "1.0": 1.0, "no": 0.0, "false": 0.0, "0": 0.0, "0.0": 0.0}


def label_columns(columns: list[str]) -> tuple[list[str], list[str]]:
    """Return the columns that by their name hold a price, and those that hold an outcome."""
    prices = [name for name in columns if name.lower() in PRICE_NAMES]
    return prices, [name for name in columns if name.lower() in LABEL_NAMES]


def check_named(frame: pl.DataFrame) -> None:
    """Raise LeakError price-label when a column named as a price equals one named as an outcome in every row."""
    prices, labels = label_columns(frame.columns)
    for name in prices:
        price = _numbers(frame[name])
        for label in labels:
            check_price_label(price, _outcomes(frame[label]))


def check_mapped(frame: pl.DataFrame, spec: MappingSpec, context: Context) -> None:
    """Raise LeakError price-label when the mapped price equals the mapped payout in every row."""
    price, resolution = spec.tables.get("price"), spec.tables.get("resolution")
    if price is None or resolution is None or spec.explode:
        return
    frame = filtered(filtered(frame, price.where), resolution.where)  # rows that are both
    shown = values.evaluate(price.entries["price"], frame, context)
    paid = values.evaluate(resolution.entries["payout"], frame, context)
    check_price_label(_numbers(shown), _numbers(paid))


def compared_columns(spec: MappingSpec) -> set[str]:
    """Return the columns `check_mapped` looks at."""
    price, resolution = spec.tables["price"], spec.tables["resolution"]
    names = price.entries["price"].columns() | resolution.entries["payout"].columns()
    return names | {condition.column for condition in (*price.where, *resolution.where)}


def check_sampling(columns: list[str], where: str) -> None:
    """Raise LeakError look-ahead when a column says that rows were sampled relative to the outcome."""
    found = [name for name in columns if _BACKWARDS.search(name)]
    if found:
        raise LeakError(
            "look-ahead",
            f"{where}: the column '{found[0]}' says that rows were sampled relative to the outcome",
            "if that is not so, describe the file with --mapping FILE.toml",
            columns=found,
        )


def _numbers(series: pl.Series) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    text = series.dtype == pl.String
    number = as_text(series).cast(pl.Float64, strict=False) if text else series.cast(pl.Float64, strict=False)
    return number.fill_null(float("nan")).to_numpy()


def _outcomes(series: pl.Series) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    if series.dtype.is_numeric():
        return _numbers(series)
    text = as_text(series).str.to_lowercase()
    return (
        text.replace_strict(_LABELS, default=float("nan"), return_dtype=pl.Float64).fill_null(float("nan")).to_numpy()
    )
