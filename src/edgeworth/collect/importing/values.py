"""Turn columns of any spelling into values of one kind: text, microseconds, dollars, flags. Whole columns at a time.

A cell that cannot be understood becomes null; the caller decides whether a null row is set aside.
"""

from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from edgeworth.collect.importing import fields
from edgeworth.collect.importing.fields import Type
from edgeworth.core.instants import parse_instant

if TYPE_CHECKING:
    from edgeworth.collect.importing.mapping import Entry

VOID: Final = -2.0  # what a payout of "void" is called inside
_EARLIEST, _LATEST = 0, 4_102_444_800_000_000
_ZONE = r"(?:Z|[+-]00:?(?:00)?| ?UTC| ?GMT)$"
_QUOTE_SUFFIX = r"[-/_]?(?:USDT|USDC|BUSD|FDUSD|TUSD|USD)$"
_TRUE, _FALSE = ["true", "1", "yes", "t", "y"], ["false", "0", "no", "f", "n"]
_FLOAT_WHOLE = 2.0**53


@dataclass(frozen=True, slots=True)
class Context:
    """What values need besides their column: texts that mean nothing, and when the file was last written (us)."""

    nulls: tuple[str, ...] = ()
    file_time: int = 0


def evaluate(entry: "Entry", frame: pl.DataFrame, context: Context) -> pl.Series:
    """Return an entry's value for every row: String, Int64 microseconds, Float64 dollars or numbers, or Boolean."""
    kind = entry.kind
    if kind is Type.TIME:
        return _times(entry, frame, context)
    if kind is Type.PAYOUT and entry.option("equals_column"):
        return _payout_by_label(entry, frame, context)
    if kind in {Type.TEXT, Type.LABELS}:
        return _texts(entry, frame, context)
    if kind is Type.FLAG:
        return _flags(entry, frame, context)
    return _numbers(entry, frame, context)


def as_text(series: pl.Series, nulls: tuple[str, ...] = ()) -> pl.Series:
    """Return any column as trimmed text; whole floats lose their point, empty and null words become null."""
    if series.dtype.is_float():
        whole = (series == series.round()) & (series.abs() < _FLOAT_WHOLE)
        as_whole = series.cast(pl.Int64, strict=False).cast(pl.String)
        series = as_whole.zip_with(whole.fill_null(False), series.cast(pl.String))
    elif series.dtype == pl.Boolean:
        series = series.cast(pl.Int8).replace_strict({1: "true", 0: "false"}, default=None, return_dtype=pl.String)
    elif series.dtype != pl.String:
        series = series.cast(pl.String, strict=False)
    text = series.str.strip_chars()
    empty = text.is_in(["", *nulls]) if nulls else text == ""
    return text.zip_with(~empty.fill_null(True), pl.Series([None], dtype=pl.String).new_from_index(0, len(text)))


def _source(entry: "Entry", frame: pl.DataFrame, context: Context) -> pl.Series:
    if entry.template:
        return _template(entry.template, frame, context)
    if entry.column:
        return frame[entry.column]
    value = context.file_time if entry.constant == fields.FILE_TIME and entry.kind is Type.TIME else entry.constant
    return pl.Series("constant", [value]).new_from_index(0, frame.height)


def _template(template: str, frame: pl.DataFrame, context: Context) -> pl.Series:
    parts: list[pl.Expr] = []
    for literal, name, _, _ in Formatter().parse(template):
        if literal:
            parts.append(pl.lit(literal))
        if name:
            parts.append(pl.lit(as_text(frame[name], context.nulls)))
    return frame.select(pl.concat_str(parts).alias("text"))["text"]


def _texts(entry: "Entry", frame: pl.DataFrame, context: Context) -> pl.Series:
    text = as_text(_source(entry, frame, context), context.nulls)
    if entry.option("item") is not None:
        text = text.str.json_path_match(f"$[{entry.option('item')}]")
    elif entry.option("json"):
        text = text.str.json_path_match("$")
    if entry.option("strip"):
        text = text.str.strip_chars(entry.option("strip"))
    if entry.option("words"):
        text = text.str.replace_all("[-_]+", " ")
    if entry.option("base_asset"):
        base = text.str.to_uppercase().str.replace(_QUOTE_SUFFIX, "")
        text = base.zip_with(base != "", text.str.to_uppercase())
    if entry.option("lower"):
        text = text.str.to_lowercase()
    if entry.option("values"):
        text = _by_value(text, {key: str(value) for key, value in entry.option("values").items()}, pl.String)
    if entry.option("prefix"):
        text = entry.option("prefix") + text
    return text


def _by_value(text: pl.Series, table: dict[str, Any], dtype: Any) -> pl.Series:
    lowered = {key.strip().lower(): value for key, value in table.items()}
    return text.str.to_lowercase().replace_strict(lowered, default=None, return_dtype=dtype)


def _numbers(entry: "Entry", frame: pl.DataFrame, context: Context) -> pl.Series:
    raw = _source(entry, frame, context)
    if entry.option("values"):
        table = {
            key: VOID if str(value).lower() == "void" else float(value) for key, value in entry.option("values").items()
        }
        return _by_value(as_text(raw, context.nulls), table, pl.Float64)
    if entry.option("item") is not None or entry.option("json"):
        raw = _texts(entry, frame, context)
    if raw.dtype == pl.String:
        raw = as_text(raw, context.nulls).str.replace_all("[$,%_ ]", "")
    number = raw.cast(pl.Float64, strict=False)
    factor = fields.UNITS[entry.kind][entry.unit]
    if factor != 1.0:
        number = number / round(1 / factor) if factor < 1 else number * factor
    return 1.0 - number if entry.option("invert") else number


def _flags(entry: "Entry", frame: pl.DataFrame, context: Context) -> pl.Series:
    text = as_text(_source(entry, frame, context), context.nulls).str.to_lowercase()
    table = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
    if entry.option("values"):
        return _by_value(text, {key: bool(value) for key, value in entry.option("values").items()}, pl.Boolean)
    flag = text.replace_strict(table, default=None, return_dtype=pl.Boolean)
    return ~flag if entry.option("invert") else flag


def _payout_by_label(entry: "Entry", frame: pl.DataFrame, context: Context) -> pl.Series:
    """Return 1 where the winner is the label of outcome 0, 0 where it is that of outcome 1, else null."""

    def label(name: str) -> pl.Series:
        return as_text(frame[name], context.nulls).str.to_lowercase()

    winner, first = label(entry.column), label(entry.option("equals_column"))
    won = (winner == first).cast(pl.Float64)
    if entry.option("other_column"):
        known = (winner == first) | (winner == label(entry.option("other_column")))
        won = won.zip_with(known.fill_null(False), pl.Series([None], dtype=pl.Float64).new_from_index(0, len(won)))
    return won


def _times(entry: "Entry", frame: pl.DataFrame, context: Context) -> pl.Series:
    raw = _source(entry, frame, context)
    if entry.constant == fields.FILE_TIME:
        micros = raw.cast(pl.Int64)
    elif raw.dtype == pl.Date or raw.dtype.base_type() == pl.Datetime:
        micros = raw.cast(pl.Datetime("us")).dt.epoch("us") if raw.dtype == pl.Date else raw.dt.epoch("us")
    elif raw.dtype == pl.String:
        micros = _times_of_text(as_text(raw, context.nulls), entry.unit)
    else:
        micros = _times_of_number(raw, entry.unit)
    frame = pl.DataFrame({"t": micros + entry.plus})
    return frame.select(pl.when(pl.col("t").is_between(_EARLIEST, _LATEST)).then("t"))["t"]


def _times_of_number(raw: pl.Series, unit: str) -> pl.Series:
    if unit in {"iso", "date"}:
        unit = "auto"
    frame = pl.DataFrame({"x": raw})
    x = pl.col("x")
    if not raw.dtype.is_integer():
        x = x.cast(pl.Float64, strict=False)
        x = pl.when(x.is_finite()).then(x)
    else:
        x = x.cast(pl.Int64, strict=False)
    if unit == "auto":
        size = x.abs()
        scaled = (
            pl.when(size < 10**11).then(x * 1_000_000).when(size < 10**14).then(x * 1_000).when(size < 10**17).then(x)
        ).otherwise(x / 1_000)
    elif unit == "ns":
        scaled = x / 1_000
    else:
        scaled = x * int(fields.UNITS[Type.TIME][unit])
    if scaled is not x:
        scaled = scaled.round() if not raw.dtype.is_integer() or unit in {"ns", "auto"} else scaled
    return frame.select(scaled.cast(pl.Int64, strict=False).alias("t"))["t"]


def _times_of_text(text: pl.Series, unit: str) -> pl.Series:
    if unit in {"s", "ms", "us", "ns"}:
        whole = text.cast(pl.Int64, strict=False)
        if whole.null_count() == text.null_count():
            return _times_of_number(whole, unit)
        return _times_of_number(text.cast(pl.Float64, strict=False), unit)
    bare = text.str.replace(_ZONE, "").str.replace(" ", "T", literal=True)
    micros = bare.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.epoch("us")
    days = bare.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.epoch("us")
    micros = micros.zip_with(micros.is_not_null(), days)
    micros = micros.zip_with(micros.is_not_null(), _times_of_digits(text))
    rest = text.filter(micros.is_null() & text.is_not_null()).unique()
    if not len(rest):
        return micros
    parsed = {word: _parse(word) for word in rest.to_list()}
    others = text.replace_strict(parsed, default=None, return_dtype=pl.Int64)
    return micros.zip_with(micros.is_not_null(), others)


def _times_of_digits(text: pl.Series) -> pl.Series:
    """Return the instants of epoch numbers written as text, null for any other word."""
    frame = pl.DataFrame({"w": text}).select(pl.when(pl.col("w").str.contains(r"^\d{9,19}(?:\.\d+)?$")).then("w"))
    words = frame.to_series()
    whole = words.cast(pl.Int64, strict=False)
    if whole.null_count() == words.null_count():
        return _times_of_number(whole, "auto")
    return _times_of_number(words.cast(pl.Float64, strict=False), "auto")


def _parse(word: str) -> int | None:
    try:
        return int(parse_instant(word))
    except ValueError:
        return None
