"""Hindsight cannot enter a feature frame."""

import polars as pl
import pytest

from edgeworth.core import schema
from edgeworth.core.errors import DataError, LeakError

KEYS = {"market": [0], "t": [1]}


@pytest.mark.parametrize(
    "name",
    [
        "payout_e4",
        "resolved_at",
        "resolution_known_at",
        "proposed_at",
        "winner",
        "Outcome",
        "volume_usd",
        "closedTime",
        "event_known_at",
        "umaResolutionStatus",
        "final_price",
        "n_bars",
    ],
)
def test_hindsight_columns_are_refused(name: str) -> None:
    with pytest.raises(LeakError) as caught:
        schema.check_feature_frame(pl.DataFrame({**KEYS, name: [1]}))
    assert caught.value.code == "hindsight-column"
    assert name in caught.value.message


def test_every_hindsight_column_of_every_schema_is_refused() -> None:
    hindsight = [
        column.name
        for table in schema.SCHEMAS.values()
        for column in table.columns
        if column.era is schema.Era.HINDSIGHT and column.name not in {"state", "source"}
    ]
    assert len(hindsight) >= 4
    for name in hindsight:
        with pytest.raises(LeakError):
            schema.check_feature_frame(pl.LazyFrame({**KEYS, name: [1]}))


def test_honest_columns_pass() -> None:
    schema.check_feature_frame(pl.DataFrame({**KEYS, "price": [0.5], "hours_to_end": [3.0], "category": ["x"]}))


def test_check_frame_names_each_problem() -> None:
    frame = pl.DataFrame(
        {"market_no": [1], "event_time": [None], "known_at": [1], "extra": [2]},
        schema={"market_no": pl.Int32, "event_time": pl.Int64, "known_at": pl.Int64, "extra": pl.Int8},
    )
    with pytest.raises(DataError) as caught:
        schema.check_frame(frame, schema.PRICES)
    for part in ("event_time: has nulls", "price_e4: missing", "extra: not in the schema"):
        assert part in caught.value.message


def test_check_frame_accepts_what_fits() -> None:
    frame = pl.DataFrame(
        {"market_no": [1], "event_time": [1], "known_at": [1], "price_e4": [5]},
        schema={"market_no": pl.Int32, "event_time": pl.Int64, "known_at": pl.Int64, "price_e4": pl.Int32},
    )
    schema.check_frame(frame, schema.PRICES)
