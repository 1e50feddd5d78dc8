"""What an answer permits: use it, try again, accept the refusal, or stop; for reading, where repeating is harmless."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import msgspec

from edgeworth.core.errors import Fatal, Rejected, Retryable, VenueError
from edgeworth.core.instants import from_datetime
from edgeworth.core.units import SECOND

_SHOWN: Final = 300


class Reaction(NamedTuple):
    """The kind of error a status permits and its code."""

    kind: type[VenueError]
    code: str


STATUSES: Final[dict[int, Reaction]] = {
    400: Reaction(Rejected, "venue-refused"),
    401: Reaction(Fatal, "venue-unauthorised"),
    403: Reaction(Fatal, "venue-forbidden"),
    404: Reaction(Rejected, "venue-not-found"),
    408: Reaction(Retryable, "venue-timeout"),
    418: Reaction(Fatal, "venue-banned"),
    425: Reaction(Retryable, "venue-restarting"),
    429: Reaction(Retryable, "venue-rate-limited"),
    451: Reaction(Fatal, "venue-forbidden"),
    500: Reaction(Retryable, "venue-unavailable"),
    501: Reaction(Rejected, "venue-refused"),
    502: Reaction(Retryable, "venue-unavailable"),
    503: Reaction(Retryable, "venue-unavailable"),
    504: Reaction(Retryable, "venue-unavailable"),
    505: Reaction(Rejected, "venue-refused"),
}
_OTHER: Final = {4: Reaction(Rejected, "venue-refused"), 5: Reaction(Retryable, "venue-unavailable")}
_WORDS: Final = (
    # fragments of a venue's own words that say more than the status
    ("order_version_mismatch", Reaction(Fatal, "venue-protocol")),
    ("post-only mode", Reaction(Retryable, "venue-restarting")),
    ("cancel-only", Reaction(Retryable, "venue-restarting")),
    ("not yet ready", Reaction(Retryable, "venue-restarting")),
)
_BINANCE_TOO_MANY: Final = -1003


class Problem(msgspec.Struct):
    """An error body of any venue: only the fields named here are read."""

    error: Any = None
    error_msg: Any = None
    msg: Any = None
    code: Any = None
    retryable: Any = None
    retry_after_seconds: Any = None
    parameter: Any = None
    trace_id: Any = None


def reaction(status: int, problem: Problem) -> Reaction:
    """Return what an answer that is no success permits."""
    words = _text(problem).lower()
    for fragment, found in _WORDS:
        if fragment in words:
            return found
    if problem.code == _BINANCE_TOO_MANY and status != 418:
        return STATUSES[429]
    found = STATUSES.get(status) or _OTHER.get(status // 100) or Reaction(Rejected, "venue-refused")
    if problem.retryable is True and found.kind is Rejected:
        return Reaction(Retryable, "venue-unavailable")
    if problem.retryable is False and found.kind is Retryable and status not in {429, 425}:
        return Reaction(Rejected, "venue-refused")
    return found


def read_problem(body: bytes) -> Problem:
    """Return what an error body says; an empty Problem when it is none we can read."""
    try:
        return msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Problem()


def retry_after(headers: Mapping[str, str], problem: Problem, now: int) -> float | None:
    """Return the seconds a venue asks to wait: header in seconds or as an HTTP date, or the body's field.

    A date is compared with the answer's own `Date`, because the venue's clock may be off; else with `now`.
    """
    stated = headers.get("retry-after", "").strip()
    if stated.isascii() and stated.isdigit():
        return float(stated[:9])
    when = _http_date(stated)
    if when is not None:
        said_at = _http_date(headers.get("date", ""))
        return max(0.0, (when - (now if said_at is None else said_at)) / SECOND)
    seconds = problem.retry_after_seconds
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 1e9:
        return float(seconds)
    return None


def error_of(status: int, body: bytes, headers: Mapping[str, str], now: int, place: str) -> VenueError:
    """Return the typed error of an answer that is no success; details: status, retry_after_s, venue_code, trace_id."""
    problem = read_problem(body)
    found = reaction(status, problem)
    said = _text(problem) or body[:_SHOWN].decode("utf-8", "replace").strip()
    details: dict[str, Any] = {"status": status}
    wait = retry_after(headers, problem, now)
    if wait is not None:
        details["retry_after_s"] = wait
    if isinstance(problem.code, str | int):
        details["venue_code"] = problem.code
    if isinstance(problem.trace_id, str):
        details["trace_id"] = problem.trace_id[:_SHOWN]
    return found.kind(found.code, f"{place} answered {status}: {_clean(said)[:_SHOWN]}", **details)


def _http_date(text: str) -> int | None:
    """Return the microseconds of an HTTP date, None when the text is none."""
    if not text:
        return None
    try:
        return from_datetime(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None


def _text(problem: Problem) -> str:
    for value in (problem.error, problem.error_msg, problem.msg, problem.code):
        if isinstance(value, str) and value:
            return value
    return ""


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
