"""How the venue prints numbers, instants and lists: the same value always gives the same characters."""

import json

from edgeworth.core.instants import to_datetime, to_iso
from edgeworth.core.units import ONE_PRICE, SECOND, Micros

# every price as the venue prints it: no trailing zeros
PRICES: tuple[str, ...] = tuple(f"{value / ONE_PRICE:.4f}".rstrip("0").rstrip(".") for value in range(ONE_PRICE + 1))


def price(value_e4: int) -> str:
    """Print a price in [-1, 1] dollars without trailing zeros."""
    return PRICES[value_e4] if value_e4 >= 0 else "-" + PRICES[-value_e4]


def six(value_e6: int) -> str:
    """Print millionths without trailing zeros."""
    sign, whole, rest = "-" if value_e6 < 0 else "", abs(value_e6) // 1_000_000, abs(value_e6) % 1_000_000
    return f"{sign}{whole}.{rest:06d}".rstrip("0").rstrip(".") if rest else f"{sign}{whole}"


def iso(instant: int) -> str:
    """Print RFC 3339."""
    return to_iso(Micros(instant))


def iso_seconds(instant: int) -> str:
    """Print RFC 3339 in whole seconds."""
    return to_iso(Micros(instant // SECOND * SECOND))


def postgres(instant: int) -> str:
    """Print `2026-01-31 12:00:00+00`, whole seconds."""
    return f"{to_datetime(Micros(instant)):%Y-%m-%d %H:%M:%S}+00"


def http_date(instant: int) -> str:
    """Print an HTTP date, English whatever the locale."""
    value = to_datetime(Micros(instant))
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[value.weekday()]
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day}, {value.day:02d} {names[value.month - 1]} {value.year} {value:%H:%M:%S} GMT"


def text_list(*parts: str) -> str:
    """Print a list as the venue hides it in a string: JSON with a space after commas."""
    return json.dumps(list(parts), ensure_ascii=False)
