"""Price points of one market: JSON bytes of a list in, arrays and set-aside points out.

Three ways, each for what the one before refuses: the canonical spelling `{"t":1700000000,"p":0.515}` is read straight
from the bytes by array arithmetic; points with number or text fields are decoded as structs; anything else is looked at
point by point. All three give the same numbers (tested). Instants are told apart by magnitude: below 1e11 seconds,
1e14 milliseconds, 1e17 microseconds, else nanoseconds. Prices are rounded to 1e-4, ties to even.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from edgeworth.core.records import Ids, PriceBlock, Record, Rejected
from edgeworth.venues import convert
from edgeworth.venues.convert import EARLIEST, LATEST
from edgeworth.venues.polymarket.point_blocks import decode_block

TIME_KEYS: Final = ("t", "timestamp", "time", "ts", "date", "datetime")
PRICE_KEYS: Final = ("p", "price", "value", "yes_price", "close")
SAMPLE: Final = 100  # raw points kept per market and reason


class _Point(msgspec.Struct, gc=False):
    t: int | float | str | None = None
    p: int | float | str | None = None


_POINTS = msgspec.json.Decoder(list[_Point])


@dataclass(slots=True)
class Points:
    """`t` int64 microseconds and `price_e4` int32, equal lengths, in the order of the source; the rest by reason."""

    t: "npt.NDArray[np.int64]"
    price_e4: "npt.NDArray[np.int32]"
    refused: dict[str, list[object]] = field(default_factory=dict)

    def records(self, source: str, ids: Ids, where: str) -> list[Record]:
        """Return one PriceBlock (unless empty) and one Rejected per reason, with a sample of its raw points."""
        found: list[Record] = []
        if len(self.t):
            found.append(PriceBlock(source=source, ids=ids, t=self.t, price_e4=self.price_e4))
        for reason, raw in self.refused.items():
            shown = convert.json_text({"ids": dict(ids), "points": raw[:SAMPLE]})
            found.append(Rejected(source=source, kind="price", reason=reason, raw=shown, where=where, rows=len(raw)))
        return found


def decode_points(raw: bytes | msgspec.Raw) -> Points | None:
    """Return the points of a JSON list; None when the bytes hold no list."""
    data = bytes(raw)
    fast = _canonical(data)
    if fast is not None:
        return fast
    try:
        typed = _POINTS.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _generic(data)
    if typed and all(point.t is None and point.p is None for point in typed[:3]):
        return _generic(data)  # other key names
    try:
        t = np.array([point.t for point in typed], dtype=np.float64)
        p = np.array([point.p for point in typed], dtype=np.float64)
    except (ValueError, OverflowError):
        return _generic(data)
    micros, good_time = _micros(t)
    with np.errstate(invalid="ignore"):
        good = good_time & (p >= 0.0) & (p <= 1.0)
    if good.all():
        return Points(micros, _round_e4(p))
    return _generic(data)


def from_values(values: list[Any]) -> Points:
    """Return the points of decoded values: objects under the known keys, or `[t, p]` pairs."""
    times: list[int] = []
    prices: list[int] = []
    refused: dict[str, list[object]] = {}
    for value in values:
        at, price, reason = _one(value)
        if reason:
            refused.setdefault(reason, []).append(value)
        else:
            times.append(at)
            prices.append(price)
    return Points(np.array(times, dtype=np.int64), np.array(prices, dtype=np.int32), refused)


def _generic(data: bytes) -> Points | None:
    try:
        values = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        try:
            values = json.loads(data)  # NaN and infinities, which strict JSON does not have
        except (ValueError, RecursionError):
            return None
    return from_values(values) if isinstance(values, list) else None


def _one(value: object) -> tuple[int, int, str]:
    if isinstance(value, dict):
        raw_time, raw_price = convert.first(value, TIME_KEYS), convert.first(value, PRICE_KEYS)
    elif isinstance(value, list) and len(value) >= 2:
        raw_time, raw_price = value[0], value[1]
    else:
        return 0, 0, "not-a-point"
    if raw_time is None:
        return 0, 0, "time-missing"
    at = convert.instant(raw_time)
    if at is None or not EARLIEST <= at <= LATEST:
        return 0, 0, "time-out-of-range"
    if raw_price is None or isinstance(raw_price, str | bool | list | dict):
        as_number = convert.number(raw_price)
        if as_number is None:
            return 0, 0, "price-unreadable" if _is_words(raw_price) else "price-nan"
        raw_price = as_number if not isinstance(raw_price, str) else raw_price
    as_float = convert.number(raw_price)
    if as_float is None:
        infinite = isinstance(raw_price, int) or (isinstance(raw_price, float) and not math.isnan(raw_price))
        return 0, 0, "price-out-of-range" if infinite else "price-nan"
    price = convert.price_e4(raw_price)
    return (at, price, "") if price is not None else (0, 0, "price-out-of-range")


def _is_words(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in {"nan", "null", "none", ""}
    return value is not None


def _micros(t: "npt.NDArray[np.float64]") -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]":
    with np.errstate(invalid="ignore", over="ignore"):
        unit = np.where(t < 1e11, 1e6, np.where(t < 1e14, 1e3, np.where(t < 1e17, 1.0, 1e-3)))
        scaled = np.rint(t * unit)
        good = (scaled >= EARLIEST) & (scaled <= LATEST)
    return np.where(good, scaled, 0).astype(np.int64), good


def _round_e4(p: "npt.NDArray[np.float64]") -> "npt.NDArray[np.int32]":
    # rounding to 1e-10 dollars first restores decimal ties (0.51235) that binary fractions miss by a hair
    return np.rint(np.round(p * 10_000, 6)).astype(np.int32)


def _canonical(data: bytes) -> Points | None:
    """Read points that are all in canonical spelling, but for spaces; None otherwise (see `point_blocks`)."""
    if b" " in data[:24] or b"\n" in data[:24]:
        data = data.translate(None, b" \n\r\t")
    if not data.startswith(b'[{"t":') or not data.endswith(b"}]"):
        return None
    columns = decode_block([data[1:-1]])
    return None if columns is None else Points(columns[0], columns[1])
