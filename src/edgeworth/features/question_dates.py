"""Dates, windows and times of day in questions; the year may be missing and is then left open, never guessed."""

import calendar
import re
from dataclasses import replace
from typing import Final

from edgeworth.features.question_types import ZONES, Moment

_NAMES = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
MONTHS: Final = {name: number for number, name in enumerate(_NAMES, 1)}
MONTHS.update({name[:3]: number for number, name in enumerate(_NAMES, 1)})
MONTHS["sept"] = 9
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"20\d\d"
DATE: Final = rf"(?:(?:{_MONTH})\.? {_DAY}(?:,? {_YEAR})?|{_DAY} (?:{_MONTH})(?:,? {_YEAR})?)"
CLOCK: Final = r"\d{1,2}(?::\d\d)? ?[ap]m"
ZONE: Final = "|".join(ZONES)
_DATE_MD = re.compile(rf"^({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?:,? ({_YEAR}))?$")
_DATE_DM = re.compile(rf"^(\d{{1,2}})(?:st|nd|rd|th)? ({_MONTH})(?:,? ({_YEAR}))?$")
_CLOCK = re.compile(r"^(\d{1,2})(?::(\d\d))? ?([ap])m$")
# A window as written after the level: "by …", "in …", "on …", "march 16-22", "from … to …".
WINDOW: Final = (
    rf"(?:by|before|until) (?:the )?end of (?:{_MONTH}|{_YEAR})(?: {_YEAR})?|(?:by|before|until|on|through) {DATE}"
    rf"|before (?:the end of )?{_YEAR}|(?:in|during|by) (?:{_MONTH})(?:,? {_YEAR})?|(?:in|by|during) {_YEAR}"
    rf"|(?:from |between )?{DATE}(?: ?- ?| to | and )(?:{DATE}|{_DAY}(?:, {_YEAR})?)"
    rf"|(?:at )?(?:the )?end of (?:{_MONTH}|{_YEAR})(?:,? {_YEAR})?|(?:the )?week of {DATE}"
    rf"|before the end of (?:{_MONTH})(?: {_YEAR})?"
)
Window = tuple[Moment | None, Moment | None, str]


def parse_date(text: str) -> Moment | None:
    """Parse `march 31, 2026`, `jan 5`, `31 december`; None for a day that no year has."""
    match = _DATE_MD.match(text)
    if match:
        return _moment(match[3], match[1], match[2])
    match = _DATE_DM.match(text)
    return _moment(match[3], match[2], match[1]) if match else None


def _moment(year: str | None, month: str, day: str) -> Moment | None:
    number, of_month = int(day), MONTHS[month]
    known = int(year) if year else None
    if not 1 <= number <= calendar.monthrange(known or 2024, of_month)[1]:
        return None
    return Moment(known, of_month, number)


def parse_clock(text: str) -> tuple[int, int] | None:
    """Parse `3pm`, `12:45am` to hour and minute; None for a time no clock shows."""
    match = _CLOCK.match(text.strip())
    if not match:
        return None
    hour, minute = int(match[1]), int(match[2] or 0)
    if not 1 <= hour <= 12 or minute > 59:
        return None
    return hour % 12 + (12 if match[3] == "p" else 0), minute


def at_clock(day: Moment, clock: tuple[int, int], zone: str) -> Moment:
    """Return a day at a time of day in a zone."""
    return replace(day, hour=clock[0], minute=clock[1], zone=zone.upper())


def parse_window(text: str) -> Window | None:
    """Parse the wording of a window to start, end and period; None when it is not understood."""
    for parser in (_month_or_year, _deadline, _span, _week):
        found = parser(text.strip())
        if found:
            return found
    return None


def _deadline(text: str) -> Window | None:
    word, _, rest = text.partition(" ")
    if word not in {"by", "before", "until", "on", "through"}:
        return None
    day = parse_date(rest)
    if day is None:
        return None
    if word == "on":
        return replace(day, hour=0), day, "day"
    return None, replace(day, hour=0) if word == "before" else day, ""


_MONTH_YEAR = re.compile(
    rf"^(?P<word>in|during|by|before|until|at|end)?\s?(?P<the>the )?(?P<end>end of )?"
    rf"(?:(?P<month>{_MONTH})(?:,? (?P<year>{_YEAR}))?|(?P<only>{_YEAR}))$"
)


def _month_or_year(text: str) -> Window | None:
    match = _MONTH_YEAR.match(text)
    if not match:
        return None
    word, at_end = match["word"] or "", bool(match["end"])
    year = int(match["only"] or match["year"]) if match["only"] or match["year"] else None
    month = MONTHS[match["month"]] if match["month"] else None
    first, last = Moment(year, month or 1, 1, 0), Moment(year, month or 12, None)
    if at_end:
        return (None, last, "") if word in {"by", "before", "until"} else (None, last, "end")
    if word in {"in", "during"}:
        return first, last, "month" if month else "year"
    if word == "by":
        return (None, last, "") if month is None else None  # "by march" may mean its start or its end
    return (None, first, "") if word == "before" else None


_SPAN = re.compile(rf"^(?:from |between )?(?P<a>{DATE})(?: ?- ?| to | and )(?P<b>{DATE}|{_DAY}(?:, {_YEAR})?)$")
_BARE_DAY = re.compile(rf"^(\d{{1,2}})(?:st|nd|rd|th)?(?:, ({_YEAR}))?$")


def _span(text: str) -> Window | None:
    match = _SPAN.match(text)
    start = parse_date(match["a"]) if match else None
    if match is None or start is None or start.day is None:
        return None
    bare = _BARE_DAY.match(match["b"])
    if bare:
        number = int(bare[1])
        month = start.month if number >= start.day else start.month % 12 + 1
        year = int(bare[2]) if bare[2] else start.year
        end = _moment(str(year) if year else None, _NAMES[month - 1], str(number))
    else:
        end = parse_date(match["b"])
    return _ordered(start, end) if end else None


def _ordered(start: Moment, end: Moment) -> Window | None:
    turns = (end.month, end.day or 31) < (start.month, start.day or 31)
    if start.year is None and end.year is not None:
        start = replace(start, year=end.year - 1 if turns else end.year)
    elif end.year is None and start.year is not None:
        end = replace(end, year=start.year + 1 if turns else start.year)
    elif turns and (start.year is None or start.year == end.year):
        if start.year is not None and not (start.month == 12 and end.month == 1):
            return None
        end = end if end.year is None else replace(end, year=end.year + 1)
    return replace(start, hour=0), end, "window"


_WEEK = re.compile(rf"^(?:the )?week of (?P<a>{DATE})$")


def _week(text: str) -> Window | None:
    match = _WEEK.match(text)
    start = parse_date(match["a"]) if match else None
    return (replace(start, hour=0), None, "week") if start else None


def fill_year(window: Window, year: int | None) -> Window:
    """Return the window with `year` where none is known; an end before its start falls into the next year."""
    start, end, period = window
    if year is None:
        return window
    filled = start.with_year(year) if start else None
    if end is None or end.year is not None:
        return filled, end, period
    turns = start is not None and (end.month, end.day or 31) < (start.month, start.day or 31)
    return filled, end.with_year(year + 1 if turns else year), period
