"""Frame schemas: each column's dtype, unit, nullability and *era*, which says when its value could be known.

STATIC is fixed when the market is first seen, AS_OF was known by the row's instant, HINDSIGHT only afterwards.
`check_feature_frame` refuses hindsight columns, by declared era and by well-known name.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from edgeworth.core.errors import DataError, LeakError

if TYPE_CHECKING:
    import polars as pl


class Era(StrEnum):
    """When a column's value could be known."""

    STATIC = "static"
    AS_OF = "as-of"
    HINDSIGHT = "hindsight"


@dataclass(frozen=True, slots=True)
class Column:
    """Describe one column; `dtype` is the name of a polars dtype without parameters, `unit` free text."""

    name: str
    dtype: str
    unit: str
    era: Era
    nullable: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """A named, ordered set of columns."""

    name: str
    version: int
    columns: tuple[Column, ...]

    def names(self) -> list[str]:
        """Return the column names in order."""
        return [column.name for column in self.columns]

    def era(self, name: str) -> Era | None:
        """Return the era of a column, or None when the schema does not have it."""
        return next((column.era for column in self.columns if column.name == name), None)


def _columns(*rows: tuple[str, str, str, Era, bool, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_S, _A, _H = Era.STATIC, Era.AS_OF, Era.HINDSIGHT

MARKETS = Schema(
    "markets",
    1,
    _columns(
        ("market_no", "Int32", "number", _S, False, "row number in the market database"),
        ("market_id", "String", "id", _S, False, "stable text id: condition id, else venue id, else import key"),
        ("event_no", "Int32", "number", _S, False, "event; a market without one is its own event (negative)"),
        ("slug", "String", "text", _S, False, ""),
        ("question", "String", "text", _S, False, "first-seen wording"),
        ("event_title", "String", "text", _S, False, ""),
        ("outcome0", "String", "label", _S, False, "label of the YES leg"),
        ("outcome1", "String", "label", _S, False, "label of the NO leg"),
        ("tags", "List", "labels", _S, False, "venue tags"),
        ("neg_risk", "Boolean", "", _S, False, "exactly one market of the event wins"),
        ("tick_e4", "Int32", "1e-4 $", _S, False, "smallest price step"),
        ("min_size_e6", "Int64", "1e-6 shares", _S, False, "smallest order"),
        ("fee_rate_e6", "Int32", "1e-6", _S, False, "taker fee rate"),
        ("fee_exponent", "Int32", "", _S, False, "exponent of p(1-p) in the fee"),
        ("created_at", "Int64", "us", _S, True, "when the venue listed it"),
        ("backdated", "Boolean", "", _S, False, "metadata taken from a dump made later"),
    ),
)

PRICES = Schema(
    "prices",
    1,
    _columns(
        ("market_no", "Int32", "number", _S, False, ""),
        ("event_time", "Int64", "us", _A, False, "when the price stood"),
        ("known_at", "Int64", "us", _A, False, "when we could know it"),
        ("price_e4", "Int32", "1e-4 $", _A, False, "price of the YES leg"),
    ),
)

RESOLUTIONS = Schema(
    "resolutions",
    1,
    _columns(
        ("market_no", "Int32", "number", _S, False, ""),
        ("payout_e4", "Int32", "1e-4 $", _H, False, "what one YES share paid; -2 void"),
        ("resolved_at", "Int64", "us", _H, False, "when it was decided"),
        ("resolution_known_at", "Int64", "us", _H, False, "when we could know"),
        ("proposed_at", "Int64", "us", _H, True, "first proposal"),
        ("state", "String", "", _H, False, "proposed, disputed or final"),
        ("source", "String", "", _H, False, "who said so"),
    ),
)

CANDLES = Schema(
    "candles",
    1,
    _columns(
        ("symbol", "String", "", _S, False, "base asset, quoted in dollars"),
        ("interval", "String", "", _S, False, "15m, 1h, …"),
        ("t", "Int64", "us", _A, False, "open time; the candle is known at its close"),
        ("open", "Float64", "$", _A, False, ""),
        ("high", "Float64", "$", _A, False, ""),
        ("low", "Float64", "$", _A, False, ""),
        ("close", "Float64", "$", _A, False, ""),
        ("volume", "Float64", "base units", _A, True, ""),
    ),
)

FEATURE_KEYS = Schema(
    "feature-keys",
    1,
    _columns(
        ("market", "Int32", "index", _S, False, "position in the panel"),
        ("t", "Int64", "us", _A, False, "decision time: when the row's newest input was known"),
    ),
)

SCHEMAS = {schema.name: schema for schema in (MARKETS, PRICES, RESOLUTIONS, CANDLES, FEATURE_KEYS)}

# Names under which hindsight is usually smuggled in, besides those declared HINDSIGHT above.
HINDSIGHT_NAMES = frozenset(
    {
        "outcome",
        "winner",
        "label",
        "y",
        "y0",
        "payout",
        "payout_e4",
        "resolution",
        "resolved",
        "resolved_at",
        "closed",
        "closed_at",
        "closed_time",
        "closedtime",
        "close_time",
        "final_price",
        "final_volume",
        "settled_price",
        "volume_total",
        "volume_usd",
        "volume_num",
        "volumenum",
        "uma_resolution_status",
        "umaresolutionstatus",
        "umaenddate",
        "outcome_prices",
        "outcomeprices",
        "event_known_at",
        "last_bar",
        "n_bars",
        "resolution_known_at",
        "proposed_at",
        "profit",
        "profit_if_bought_yes",
        "profit_if_bought_no",
        "pnl",
        "observed_after_resolution",
        "was_disputed",
        "dispute_count",
        "lasttradeprice",
        "last_trade_price",
        "automatically_resolved",
        "resolved_by",
        "resolvedby",
    }
)


def is_hindsight(name: str) -> bool:
    """Tell whether a column name is hindsight, by any schema's era or by well-known name."""
    lowered = name.lower()
    declared = any(schema.era(lowered) is Era.HINDSIGHT for schema in SCHEMAS.values())
    return (declared and lowered not in {"market_no", "state", "source"}) or lowered in HINDSIGHT_NAMES


def check_feature_frame(frame: "pl.DataFrame | pl.LazyFrame") -> None:
    """Raise LeakError `hindsight-column` when a frame on its way to features or strategies holds hindsight."""
    found = sorted(name for name in frame.collect_schema().names() if is_hindsight(name))
    if found:
        raise LeakError("hindsight-column", f"hindsight in a feature frame: {', '.join(found)}", columns=found)


def check_frame(frame: "pl.DataFrame", schema: Schema) -> None:
    """Raise DataError `schema-mismatch` when columns, dtypes or nulls differ from the schema."""
    problems = []
    for column in schema.columns:
        if column.name not in frame.columns:
            problems.append(f"{column.name}: missing")
            continue
        dtype = frame.schema[column.name]
        if str(dtype.base_type()) != column.dtype and dtype.base_type().__name__ != column.dtype:
            problems.append(f"{column.name}: {dtype} instead of {column.dtype}")
        elif not column.nullable and frame[column.name].null_count():
            problems.append(f"{column.name}: has nulls")
    extra = sorted(set(frame.columns) - set(schema.names()))
    problems += [f"{name}: not in the schema" for name in extra]
    if problems:
        raise DataError("schema-mismatch", f"frame does not fit '{schema.name}': {'; '.join(problems)}")
