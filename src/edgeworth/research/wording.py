"""How numbers are written in reports: one function per kind, shared by HTML and Markdown so that they cannot differ."""

from typing import Any

from edgeworth.core.instants import to_iso
from edgeworth.core.units import Micros

NONE = "n/a"


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share of 1 as a percentage, without a sign."""
    return NONE if value is None else f"{100 * value:.{digits}f} %"


def change(value: float | None, digits: int = 1) -> str:
    """Write a share of 1 as a signed percentage."""
    return NONE if value is None else f"{100 * value:+.{digits}f} %"


def span(low: float | None, high: float | None, digits: int = 1) -> str:
    """Write an interval of shares as signed percentages."""
    return NONE if low is None or high is None else f"[{100 * low:+.{digits}f}, {100 * high:+.{digits}f}] %"


def money(value: float | None) -> str:
    """Write dollars with sign and cents."""
    return NONE if value is None else f"{value:+,.2f} $"


def dollars(value: float | None) -> str:
    """Write dollars without a plus sign."""
    return NONE if value is None else f"{value:,.2f} $"


def count(value: float | None) -> str:
    """Write a whole number with thousands separated."""
    return NONE if value is None else f"{value:,.0f}"


def number(value: float | None, digits: int = 3) -> str:
    """Write a plain number."""
    return NONE if value is None else f"{value:.{digits}f}"


def chance(value: float | None) -> str:
    """Write a p-value; very small ones as a power of ten."""
    if value is None:
        return NONE
    return f"{value:.1e}" if 0 < value < 0.0005 else f"{value:.3f}"


def score(value: float | None) -> str:
    """Write a score with five decimals."""
    return number(value, 5)


def cents(value: float | None) -> str:
    """Write dollars per share in signed cents."""
    return NONE if value is None else f"{100 * value:+.2f} ct"


def instant(value: int | float | None) -> str:
    """Write microseconds as a UTC time to the minute."""
    return NONE if value is None else to_iso(Micros(int(value)))[:16].replace("T", " ")


def tick(value: bool | None) -> str:
    """Write the result of a check."""
    return {True: "passed", False: "FAILED", None: "n/a"}[value]


def cell(value: Any) -> str:
    """Write text for a Markdown table: pipes, line breaks and mark-up characters cannot break it."""
    text = " ".join(str(value).split())
    for character in "\\`*_{}[]<>|":
        text = text.replace(character, "\\" + character)
    return text


FILTERS = {
    function.__name__: function
    for function in (percent, change, money, dollars, count, number, chance, score, cents, instant, tick, cell)
}
