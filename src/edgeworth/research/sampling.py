"""Which points of a panel a calibration looks at: by calendar, by age, or (looking ahead) counted back from the end.

`calendar:monday` … `calendar:sunday` take every point on that weekday (UTC), `calendar:daily` the first point of every
market and UTC day. `age:7d` takes a market's first point in [first + 7 d - 900 s, first + 8 d - 900 s), `first` being
its first point. `resolution:7d` takes the last point in (resolved_at - 7 d - 36 h, resolved_at - 7 d]: it knows when
the market will end, so prices of .10-.20 resolve YES far too often in it; it is refused unless explicitly allowed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import LeakError, UsageError
from edgeworth.core.instants import parse_duration
from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.units import DAY, HOUR, SECOND

Bools = npt.NDArray[np.bool_]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SLACK = 900 * SECOND
_LOOK_BACK = 36 * HOUR
UNTIL = ("resolved", "event-known")


@dataclass(frozen=True, slots=True)
class Sample:
    """A parsed sampling rule: `kind` calendar, age or resolution; `weekday` 0 = Monday, 7 = daily; `distance` us."""

    kind: str
    weekday: int = 7
    distance: int = 0

    @property
    def look_ahead(self) -> bool:
        """Tell whether the rule needs to know when a market ends."""
        return self.kind == "resolution"


def parse_sample(text: str) -> Sample:
    """Parse a sampling rule; raises UsageError `bad-sample`."""
    kind, _, detail = text.strip().lower().partition(":")
    if kind == "calendar":
        if detail == "daily":
            return Sample("calendar")
        if detail in _WEEKDAYS:
            return Sample("calendar", _WEEKDAYS.index(detail))
    elif kind in {"age", "resolution"}:
        try:
            return Sample(kind, distance=parse_duration(detail))
        except UsageError as error:
            raise UsageError("bad-sample", f"'{text}': {error.message}") from error
    raise UsageError("bad-sample", f"'{text}' is not a sampling rule")


def admissible(panel: Panel, outcomes: Outcomes, until: str) -> Int64s:
    """Return the points before the market was resolved, or before its event was known; ascending indices.

    Raises UsageError `bad-option` for another `until`.
    """
    if until not in UNTIL:
        raise UsageError("bad-option", f"--until is {' or '.join(UNTIL)}, not '{until}'")
    end = outcomes.resolved_at
    if until == "event-known":
        end = np.minimum(end, outcomes.event_known_at)
    mark = panel.t < np.repeat(end, np.diff(panel.offsets))
    return np.flatnonzero(mark).astype(np.int64)


def choose(panel: Panel, outcomes: Outcomes, rule: Sample, until: str, allow_look_ahead: bool) -> Int64s:
    """Return the sampled points, ascending; raises LeakError `look-ahead` for a rule that looks ahead unasked."""
    if rule.look_ahead and not allow_look_ahead:
        raise LeakError("look-ahead", "resolution:… counts back from the resolution, which nobody knew at the time")
    rows = admissible(panel, outcomes, until)
    market = (np.searchsorted(panel.offsets, rows, side="right") - 1).astype(np.int64)
    t = panel.t[rows]
    if rule.kind == "calendar":
        return _calendar(rows, market, t, rule.weekday)
    if rule.kind == "age":
        begin = panel.t[panel.offsets[market]] + rule.distance - _SLACK
        inside = (t >= begin) & (t < begin + DAY)
        rows = rows[inside]
        return rows[np.flatnonzero(_firsts(market[inside]))]
    resolved = outcomes.resolved_at[market]
    stop = np.where(resolved == NEVER, UNKNOWN_TIME + _LOOK_BACK, resolved - rule.distance)
    inside = (t > stop - _LOOK_BACK) & (t <= stop)
    rows = rows[inside]
    return rows[np.flatnonzero(_lasts(market[inside]))]


def _calendar(rows: Int64s, market: Int64s, t: Int64s, weekday: int) -> Int64s:
    day = t // DAY
    if weekday < len(_WEEKDAYS):
        return rows[np.flatnonzero((day + 3) % 7 == weekday)]  # day 0, 1970-01-01, was a Thursday
    return rows[np.flatnonzero(_firsts(market * (day.max(initial=0) + 1) + day))]


def _firsts(key: Int64s) -> Bools:
    """Mark the first of every run of equal keys."""
    mark = np.ones(len(key), dtype=bool)
    mark[1:] = key[1:] != key[:-1]
    return mark


def _lasts(key: Int64s) -> Bools:
    """Mark the last of every run of equal keys."""
    mark = np.ones(len(key), dtype=bool)
    mark[:-1] = key[1:] != key[:-1]
    return mark
