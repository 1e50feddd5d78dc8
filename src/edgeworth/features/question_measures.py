"""Patterns of measured amounts: temperature buckets, rain and snow, numbers of posts."""

import re
from typing import Final

from edgeworth.features.question_dates import DATE, WINDOW, Window, fill_year, parse_date, parse_window
from edgeworth.features.question_types import Kind, Question

_N = r"-?\d+(?:\.\d+)?"
_PLACE = r"(?P<place>[\w.,'() -]{2,40}?)"
_TEMPERATURE = re.compile(
    rf"^will the (?P<which>highest|lowest|maximum|minimum|high|low) temperature in {_PLACE} be "
    rf"(?:(?:between )?(?P<low>{_N})(?:-| and )(?P<high>{_N})|(?P<one>{_N}))\s?°\s?(?P<unit>[cf])"
    rf"(?: or (?P<side>higher|above|more|below|lower|less))? on (?P<date>{DATE})$"
)
_RISE = re.compile(
    rf"^(?:will )?(?:global|(?P<month>[a-z]+)) temperature increase by"
    rf" (?:between (?P<low>{_N})(?:°c)?(?:-| and )(?P<high>{_N})"
    rf"|(?P<word>less than|more than|greater than) (?P<one>{_N}))°c(?: (?P<window>{WINDOW}))?$"
)
_AMOUNT = (
    rf"(?:between )?(?P<low>{_N})(?:-| and )(?P<high>{_N})"
    rf"|(?P<word>less than|more than|fewer than|under|over) (?P<one>{_N})"
    rf"|(?P<at>{_N}) or (?P<side>more|fewer|less)|(?P<plus>{_N})\+|(?P<sign>[<>≤≥]) ?(?P<bound>{_N})"
)
_WET = "(?P<what>snow|rain|precipitation|snowfall|rainfall)"
_WATER = re.compile(rf"^will there be (?:{_AMOUNT}) inches of {_WET} in {_PLACE} (?P<window>{WINDOW})$")
_WATER_AT = re.compile(rf"^will {_PLACE} (?:have|get|see|receive) (?:{_AMOUNT}) inches of {_WET} (?P<window>{WINDOW})$")
_POSTS = re.compile(
    rf"^will (?P<place>[\w.@' -]{{2,40}}?) (?:post|tweet) (?:{_AMOUNT})"
    rf" (?:tweets|posts|times|truth social posts|truths) (?P<window>{WINDOW})$"
)
_UNITS: Final = {"c": "°C", "f": "°F"}
_LESS = frozenset({"less than", "fewer than", "under", "<"})
_MORE = frozenset({"more than", "greater than", "over", ">"})
Bounds = tuple[float | None, float | None, str]


def parse_measure(text: str, year: int | None) -> Question | None:
    """Parse one normalised text without its question mark, or return None."""
    return _temperature(text, year) or _rise(text, year) or _water(text, year) or _posts(text, year)


def _temperature(text: str, year: int | None) -> Question | None:
    match = _TEMPERATURE.match(text)
    day = parse_date(match["date"]) if match else None
    if match is None or day is None:
        return None
    bounds = _temperature_bounds(match)
    if bounds is None:
        return None
    measure = "low" if match["which"] in {"lowest", "minimum", "low"} else "high"
    return _bucket(
        "temperature", match["place"], bounds, _UNITS[match["unit"]], (None, day.with_year(year), "day"), measure
    )


def _temperature_bounds(match: re.Match[str]) -> Bounds | None:
    if match["one"] is None:
        low, high = float(match["low"]), float(match["high"])
        return (low, high, "[]") if low < high and not match["side"] else None
    value = float(match["one"])
    if match["side"] in {"higher", "above", "more"}:
        return value, None, "[)"
    if match["side"]:
        return None, value, "(]"
    return value, value, "[]"


def _rise(text: str, year: int | None) -> Question | None:
    match = _RISE.match(text)
    if match is None:
        return None
    wording = match["window"] or (f"in {match['month']}" if match["month"] else "")
    window = parse_window(wording)
    if window is None:
        return None
    if match["one"] is not None:
        value = float(match["one"])
        bounds: Bounds = (None, value, "()") if match["word"] == "less than" else (value, None, "()")
    else:
        bounds = float(match["low"]), float(match["high"]), "[]"
        if float(match["low"]) >= float(match["high"]):
            return None
    return _bucket("temperature-rise", "globe", bounds, "°C", fill_year(window, year), "rise")


def _water(text: str, year: int | None) -> Question | None:
    match = _WATER.match(text) or _WATER_AT.match(text)
    window = parse_window(match["window"]) if match else None
    bounds = _bounds(match) if match else None
    if match is None or window is None or bounds is None:
        return None
    return _bucket("water", match["place"], bounds, "in", fill_year(window, year), match["what"])


def _posts(text: str, year: int | None) -> Question | None:
    match = _POSTS.match(text)
    window = parse_window(match["window"]) if match else None
    bounds = _bounds(match) if match else None
    if match is None or window is None or bounds is None:
        return None
    start, end, period = fill_year(window, year)
    low, high, edges = bounds
    return Question(
        Kind.COUNT, "posts", asset_class="posts", subject=match["place"], thresholds=_levels(low, high),
        low=low, high=high, edges=edges, unit="posts", start=start, end=end, period=period, measure="count",
    )  # fmt: skip


def _bounds(match: re.Match[str]) -> Bounds | None:
    """Bounds of the amount wording; `between 3 and 4` leaves the edges open to the venue's rule."""
    if match["low"] is not None:
        low, high = float(match["low"]), float(match["high"])
        edges = (
            "" if " and " in match[0][match.start("low") - match.start() : match.end("high") - match.start()] else "[]"
        )
        return (low, high, edges) if 0 <= low < high else None
    for group in ("one", "bound"):
        if match[group] is not None:
            return _one_sided(match["word"] or match["sign"], float(match[group]))
    if match["plus"] is not None:
        return float(match["plus"]), None, "[)"
    value = float(match["at"])
    return (value, None, "[)") if match["side"] == "more" else (None, value, "(]")


def _one_sided(word: str, value: float) -> Bounds:
    if word in _LESS:
        return None, value, "()"
    if word in _MORE:
        return value, None, "()"
    return (value, None, "[)") if word == "≥" else (None, value, "(]")


def _levels(low: float | None, high: float | None) -> tuple[float, ...]:
    return tuple(sorted({value for value in (low, high) if value is not None}))


def _bucket(pattern: str, place: str, bounds: Bounds, unit: str, window: Window, measure: str) -> Question:
    low, high, edges = bounds
    return Question(
        Kind.BUCKET, pattern, asset_class="weather", subject=place, thresholds=_levels(low, high), low=low, high=high,
        edges=edges, unit=unit, start=window[0], end=window[1], period=window[2], measure=measure,
    )  # fmt: skip
