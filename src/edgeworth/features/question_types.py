"""What a parsed question says: kinds, moments on a calendar with a zone, and the question itself."""

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from edgeworth.core.instants import from_datetime
from edgeworth.core.units import Micros


class Kind(StrEnum):
    """How a question is decided, as far as its text says."""

    TOUCH = "touch"  # the level is touched at any time in the window
    TERMINAL = "terminal"  # the value stands beyond the level at the end
    RANGE = "range"  # the value stands inside a range at the end
    UP_OR_DOWN = "up-or-down"  # end against start of the window
    FIRST_OF = "first-of"  # which of two levels is touched first
    ALL_TIME_HIGH = "all-time-high"  # a new maximum inside the window
    LADDER = "ladder"  # an event that asks for many levels at once; no level of its own
    BUCKET = "bucket"  # a measured amount falls into a range (temperature, rain, snow)
    COUNT = "count"  # a number of posts falls into a range


class Direction(StrEnum):
    """The side of the level that pays YES; NONE where the question has no single level."""

    UP = "up"
    DOWN = "down"
    NONE = ""


_FIXED: Final = {
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "utc": 0,
    "gmt": 0,
}
_NAMED: Final = {"et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver", "pt": "America/Los_Angeles"}
ZONES: Final = (*_NAMED, *_FIXED)


def zone_info(zone: str) -> tzinfo:
    """Return the zone of an abbreviation such as `et` or `utc`, or of an IANA name; raises KeyError for neither."""
    low = zone.lower()
    if low in _FIXED:
        return timezone(timedelta(hours=_FIXED[low])) if _FIXED[low] else UTC
    return ZoneInfo(_NAMED.get(low, zone))


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, and a time of day where the text gives one, in the zone the text names.

    `year` is None when neither text nor hint says it. `day` None means the last day of the month. `hour` may exceed
    23: it counts from that day's midnight (24 is the midnight that ends the day). `hour` None means the whole day.
    `zone` is an abbreviation as written, upper case, or empty.
    """

    year: int | None
    month: int
    day: int | None
    hour: int | None = None
    minute: int = 0
    zone: str = ""

    def with_year(self, year: int | None) -> "Moment":
        """Return the moment in `year` unless its own year is known."""
        return self if self.year is not None or year is None else replace(self, year=year)

    def instant(self, default_zone: str = "") -> Micros | None:
        """Return microseconds UTC; None without a year or a zone, or for 29 February of a year without one.

        A whole day counts as its end.
        """
        zone = self.zone or default_zone
        if self.year is None or not zone:
            return None
        length = calendar.monthrange(self.year, self.month)[1]
        day = self.day or length
        if day > length:
            return None
        hour = 24 if self.hour is None else self.hour
        local = datetime(self.year, self.month, day) + timedelta(hours=hour, minutes=self.minute)  # noqa: DTZ001
        return from_datetime(local.replace(tzinfo=zone_info(zone)))


@dataclass(frozen=True, slots=True)
class Question:
    """One question in numbers; only what the text says, no rule of the venue is added.

    `asset` is a symbol (`BTC`, `GOLD`, `SPX`, `AAPL`), empty for weather and counts; `asset_class` is crypto,
    commodity, index, stock, weather or posts. `subject` is the city or the poster. `thresholds` are ascending,
    in `unit` ($, °C, °F, in, posts). `low` and `high` bound what pays YES for ranges, buckets and counts, None
    where open; whether the edges belong to it is in `edges` (`[]`, `[)`, `()`, ...), empty where the text does
    not say. `comparator` is one of > >= < <= for one level. `start` and `end` are the window; `period` is day,
    hour, window, week, month, year, end or empty. `measure` is what is compared (price, close, open, settle,
    high, low, count, snow, ...). `pattern` names the wording matched.
    """

    kind: Kind
    pattern: str
    asset: str = ""
    asset_class: str = ""
    subject: str = ""
    direction: Direction = Direction.NONE
    comparator: str = ""
    thresholds: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    edges: str = ""
    unit: str = ""
    start: Moment | None = None
    end: Moment | None = None
    period: str = ""
    measure: str = "price"
