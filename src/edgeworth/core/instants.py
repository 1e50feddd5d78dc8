"""Parse and print instants and durations: UTC microseconds inside, many spellings at the edges."""

import re
from datetime import UTC, date, datetime, timedelta

from edgeworth.core.errors import UsageError
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND, Micros

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(s|m|h|d|w)$")
_QUARTER = re.compile(r"^(\d{4})-?Q([1-4])$", re.IGNORECASE)
_MONTH = re.compile(r"^(\d{4})-(\d{2})$")
_OFFSET = re.compile(r"([+-]\d{2})(\d{2})?$")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = 0, 4_102_444_800 * SECOND  # 1970 .. 2100
_ERAS = ((10**11, SECOND), (10**14, 1_000), (10**17, 1))  # seconds, milliseconds, microseconds


def from_datetime(value: datetime) -> Micros:
    """Convert a datetime to microseconds; a naive one is taken as UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return Micros((aware - _EPOCH) // timedelta(microseconds=1))


def to_datetime(instant: Micros) -> datetime:
    """Convert microseconds to an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=instant)


def to_iso(instant: Micros) -> str:
    """Print an instant as `2026-01-31T12:00:00Z`, with microseconds only where there are any."""
    text = to_datetime(instant).isoformat()
    return text.replace("+00:00", "Z")


def parse_instant(text: str) -> Micros:
    """Parse RFC 3339, `YYYY-MM-DD HH:MM:SS+00` and plain dates; raises ValueError otherwise. Naive text is UTC."""
    cleaned = text.strip()
    if not cleaned:
        raise ValueError("empty instant")
    if "T" in cleaned or " " in cleaned:
        offset = _OFFSET.search(cleaned[10:])
        if offset and offset.group(2) is None:
            cleaned += ":00"
    instant = from_datetime(datetime.fromisoformat(cleaned))
    return check_range(instant)


def check_range(instant: int) -> Micros:
    """Return the instant when it lies between 1970 and 2100, else raise ValueError."""
    if not _EARLIEST <= instant <= _LATEST:
        raise ValueError("instant outside 1970..2100")
    return Micros(instant)


def from_epoch(number: int | float) -> Micros:
    """Convert an epoch number in seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude."""
    for bound, unit in _ERAS:
        if abs(number) < bound:
            return check_range(round(number * unit))
    return check_range(round(number / 1_000))


def parse_duration(text: str) -> int:
    """Parse `15m`, `6h`, `7d`, `2w` to microseconds; raises UsageError `bad-duration`."""
    match = _DURATION.match(text.strip().lower())
    if not match:
        raise UsageError("bad-duration", f"'{text}' is not a duration")
    return round(float(match.group(1)) * _UNITS[match.group(2)])


def parse_bound(text: str, now: Micros, *, end: bool = False) -> Micros:
    """Parse a `--from`/`--to` value: a date, an instant, `2026-Q1`, `2026-03` or `30d` (ago).

    With `end`, a day, month or quarter means the instant just after it. Raises UsageError `bad-date`.
    """
    value = text.strip()
    if _DURATION.match(value.lower()):
        return Micros(now - parse_duration(value))
    try:
        quarter = _QUARTER.match(value)
        if quarter:
            return _month_bound(int(quarter.group(1)), 3 * int(quarter.group(2)) - 2, 3 if end else 0)
        month = _MONTH.match(value)
        if month:
            return _month_bound(int(month.group(1)), int(month.group(2)), 1 if end else 0)
        if len(value) == 10:
            day = date.fromisoformat(value) + timedelta(days=1 if end else 0)
            return from_datetime(datetime(day.year, day.month, day.day, tzinfo=UTC))
        return parse_instant(value)
    except ValueError as error:
        raise UsageError("bad-date", f"'{text}' is not a date") from error


def _month_bound(year: int, month: int, ahead: int) -> Micros:
    index = year * 12 + (month - 1) + ahead
    return from_datetime(datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC))
