"""Expression features: elementwise over the columns they name."""

from typing import TYPE_CHECKING

from edgeworth.core.schema import Era
from edgeworth.core.units import HOUR
from edgeworth.features import columns, kernels  # noqa: F401  (their features are read here)
from edgeworth.features.definitions import expression_feature

if TYPE_CHECKING:
    import polars as pl

EASTERN = "America/New_York"


def _hours(duration: "pl.Expr") -> "pl.Expr":
    """Convert to hours; whole hours come out exact, which one division by a constant does not promise."""
    micros = duration.dt.total_microseconds()
    return micros // HOUR + (micros % HOUR) / HOUR


@expression_feature("certainty", inputs=["price"], group="price", unit="$", nullable=False, doc="|price - 1/2|.")
def certainty(price: "pl.Expr") -> "pl.Expr":
    """Return the distance of the price from one half."""
    return (price - 0.5).abs()


@expression_feature(
    "hours_to_end", inputs=["scheduled_end", "time"], group="horizon", unit="h",
    doc="Hours from the row to the scheduled end as known at the row; null without one, negative after it.",
)  # fmt: skip
def hours_to_end(end: "pl.Expr", time: "pl.Expr") -> "pl.Expr":
    """Return the hours that were left."""
    return _hours(end - time)


@expression_feature(
    "age_hours", inputs=["time", "listed_at"], group="horizon", unit="h", nullable=False,
    doc="Hours since the market was listed, or since its first point.",
)  # fmt: skip
def age_hours(time: "pl.Expr", listed: "pl.Expr") -> "pl.Expr":
    """Return the market's age."""
    return _hours(time - listed)


@expression_feature(
    "staleness_hours", inputs=["time", "previous_time"], group="horizon", unit="h",
    doc="Hours since the market's previous point; null at the first.",
)  # fmt: skip
def staleness_hours(time: "pl.Expr", previous: "pl.Expr") -> "pl.Expr":
    """Return the gap before the row."""
    return _hours(time - previous)


@expression_feature(
    "drawdown", inputs=["path_high", "price"], group="path", unit="$", nullable=False,
    doc="Highest price so far minus the price.",
)  # fmt: skip
def drawdown(high: "pl.Expr", price: "pl.Expr") -> "pl.Expr":
    """Return the fall from the path's high."""
    return high - price


@expression_feature(
    "hour", inputs=["time"], group="calendar", unit="h", dtype="Int8", nullable=False, doc="Hour of the day, UTC."
)
def hour(time: "pl.Expr") -> "pl.Expr":
    """Return 0 to 23."""
    return time.dt.hour()


@expression_feature(
    "weekday", inputs=["time"], group="calendar", unit="", dtype="Int8", nullable=False,
    doc="Day of the week, UTC: 1 Monday to 7 Sunday.",
)  # fmt: skip
def weekday(time: "pl.Expr") -> "pl.Expr":
    """Return 1 to 7."""
    return time.dt.weekday()


@expression_feature(
    "hour_eastern", inputs=["time"], group="calendar", unit="h", dtype="Int8", nullable=False,
    doc="Hour of the day in New York, with daylight saving time.",
)  # fmt: skip
def hour_eastern(time: "pl.Expr") -> "pl.Expr":
    """Return 0 to 23."""
    return time.dt.convert_time_zone(EASTERN).dt.hour()


@expression_feature(
    "top_category", inputs=["category"], group="text", unit="label", dtype="String", era=Era.STATIC, nullable=False,
    doc="First level of the category, such as `crypto`.",
)  # fmt: skip
def top_category(category: "pl.Expr") -> "pl.Expr":
    """Return what stands before the slash."""
    return category.str.split("/").list.first()


@expression_feature(
    "question_hour", inputs=["question"], group="text", unit="h", dtype="Int8", era=Era.STATIC,
    doc="First clock hour the question states (`7AM`, `12:15 pm`), 0 to 23, in the zone of the wording; else null.",
)  # fmt: skip
def question_hour(question: "pl.Expr") -> "pl.Expr":
    """Return the stated hour on a 24-hour clock."""
    groups = question.str.extract_groups(r"(?i)\b(1[0-2]|0?[1-9])(?::[0-5]\d)?\s*([ap])\.?m\b")
    twelve = groups.struct.field("1").cast(int, strict=False) % 12
    afternoon = groups.struct.field("2").str.to_lowercase() == "p"
    return twelve + afternoon.cast(int) * 12
