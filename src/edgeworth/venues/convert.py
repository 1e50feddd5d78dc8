"""Tolerant conversions of wire values: numbers as text, JSON inside strings, nulls, many time spellings.

None always means "not stated or not usable"; nothing here raises for what a payload holds.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

import msgspec

from edgeworth.core.instants import check_range, from_epoch, parse_instant
from edgeworth.core.units import DAY, SECOND, scale

_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_HEX_ID = re.compile(r"0x[0-9a-f]{62}(?:[0-9a-f]{2})?")
_TRUE: Final = frozenset({"true", "1", "yes", "t"})
_FALSE: Final = frozenset({"false", "0", "no", "f"})
_NEAR_TIE = 0.499  # a product this far from its nearest integer is settled by exact decimal arithmetic
_EXACT = 1e15  # beyond this a double cannot tell neighbouring millionths apart
_LARGEST = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = 10_957 * DAY  # 2000-01-01: no price or candle of ours is older
LATEST: Final = 4_102_444_800 * SECOND  # 2100-01-01


def text(value: object) -> str:
    """Return text as it is, a whole number as its digits, anything else as an empty string."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return digits(value)
    return ""


def digits(value: int) -> str:
    """Return the digits of an integer, or an empty string when it is too long to be an id."""
    return str(value) if value.bit_length() <= 1024 else ""


def flag(value: object) -> bool | None:
    """Return a boolean that may be spelt as text or as 0 and 1."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in {0, 1} else None
    if isinstance(value, str):
        lowered = value.strip().lower()
        return True if lowered in _TRUE else False if lowered in _FALSE else None
    return None


def number(value: object) -> float | None:
    """Return a finite float from a number or from text."""
    if type(value) is bool or not isinstance(value, float | int | str | Decimal):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def scaled(value: object, factor: int) -> int | None:
    """Return a number in `1/factor` units, ties to even as in decimal arithmetic; None when it does not fit 64 bits."""
    as_float = value if type(value) is float and math.isfinite(value) else number(value)
    if as_float is None:
        return None
    product = as_float * factor
    if abs(product) < _EXACT:
        nearest = round(product)
        if abs(product - nearest) < _NEAR_TIE:
            return nearest
    try:
        exact = scale(value if isinstance(value, str | int | Decimal) else as_float, factor, "half-even")
    except (ValueError, InvalidOperation):
        return None
    return exact if abs(exact) <= _LARGEST else None


def price_e4(value: object) -> int | None:
    """Return a price in 1e-4 dollars; None outside [0, 1]."""
    if type(value) is float and 0.0 <= value <= 1.0:  # nearly all prices on the wire
        product = value * 10_000
        nearest = round(product)
        if abs(product - nearest) < _NEAR_TIE:
            return nearest
    if value is None:
        return None
    result = scaled(value, 10_000)
    if result is None or not 0 <= result <= 10_000:
        return None
    as_float = number(value)
    return result if as_float is not None and 0.0 <= as_float <= 1.0 else None


def money_e6(value: object) -> int | None:
    """Return dollars or shares in millionths; None for a negative amount."""
    if value is None:
        return None
    result = scaled(value, 1_000_000)
    return result if result is not None and result >= 0 else None


def decimal(value: object) -> Decimal | None:
    """Return an exact finite decimal of a number or text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        result = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError):
        return None
    return result if result.is_finite() else None


def instant(value: object) -> int | None:
    """Return microseconds from RFC 3339, `2020-11-02 16:31:01+00`, a date, or an epoch number (also as text)."""
    if isinstance(value, str):
        return _instant_of_text(value) if len(value) < 64 else _instant_slow(value)
    if isinstance(value, Decimal):
        value = number(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _epoch(value)
    return None


@lru_cache(maxsize=8_192)
def _instant_of_text(value: str) -> int | None:
    try:
        at = datetime.fromisoformat(value)
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
        return check_range((since.days * 86_400 + since.seconds) * SECOND + since.microseconds)
    except (ValueError, OverflowError):
        return _instant_slow(value)


def _instant_slow(value: str) -> int | None:
    try:
        return parse_instant(value)
    except (ValueError, OverflowError):
        as_float = number(value)
        return None if as_float is None else _epoch(as_float)


def _epoch(value: int | float) -> int | None:
    if not value:
        return None  # zero stands for "not set" on the wire
    try:
        return from_epoch(value)
    except (ValueError, OverflowError):
        return None


def strings(value: object) -> tuple[str, ...] | None:
    """Return a list of texts, given as a list or as JSON inside a string; numbers become their digits."""
    if isinstance(value, str):
        return _strings_of_text(value) if len(value) < 1_000 else _decoded_strings(value)
    if not isinstance(value, list | tuple):
        return None
    result = []
    for item in value:
        if isinstance(item, str):
            result.append(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            result.append(digits(item) if isinstance(item, int) else repr(item))
        else:
            return None
    return tuple(result)


def _decoded_strings(value: str) -> tuple[str, ...] | None:
    try:
        return _TEXTS.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        inner = embedded(value)
        return None if isinstance(inner, str) else strings(inner)


_strings_of_text = lru_cache(maxsize=1_024)(_decoded_strings)


def embedded(value: str) -> object:
    """Decode JSON that was put into a string; None when it is none."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def condition(value: object) -> str:
    """Return a condition id, lower case, 64 hex digits; empty when the value is none.

    Structural ids of 31 bytes are padded with `00`, as some services send them.
    """
    lowered = value.strip().lower() if isinstance(value, str) else ""  # a number has no 0x
    if not _HEX_ID.fullmatch(lowered):
        return ""
    return lowered + "00" if len(lowered) == 64 else lowered


def token(value: str) -> str:
    """Return an outcome token id: up to 78 decimal digits; empty when the value is none."""
    cleaned = value.strip()
    return cleaned if cleaned.isascii() and cleaned.isdigit() and len(cleaned) <= 78 and cleaned.strip("0") else ""


def json_text(value: object) -> str:
    """Print a decoded value as JSON for the quarantine; never raises."""
    try:
        return msgspec.json.encode(value).decode("utf-8", "replace")
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return repr(value)


def first(payload: Mapping[str, object], names: tuple[str, ...]) -> object:
    """Return the first value under any of the names that is neither null nor empty text."""
    for name in names:
        value = payload.get(name)
        if value is not None and value != "":
            return value
    return None
