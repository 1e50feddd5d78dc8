"""Cancels and heartbeats, which may be repeated, and what the whole venue takes while it restarts."""

from collections.abc import Sequence
from typing import Any, Final, NoReturn

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.errors import Fatal, Retryable, VenueError
from edgeworth.core.units import SECOND, Micros
from edgeworth.venues import answers
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket.order_outcomes import restriction_of

_GONE: Final = "already canceled or matched"
_HOLDS_S: Final = {"restarting": 5.0, "post-only": 30.0, "cancel-only": 30.0, "disabled": 30.0}


class Restriction(msgspec.Struct, frozen=True):
    """What the whole venue takes now (restarting, post-only, cancel-only, disabled), and until when we believe it."""

    kind: str
    until: Micros


class Restrictions:
    """Remember what the venue has said it refuses, so that nothing leaves that it would refuse."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.now: Restriction | None = None

    def heed(self, *, post_only: bool) -> None:
        """Raise Retryable venue-restarting (detail `sent` False) while the venue is known to refuse such an order."""
        found, now = self.now, self._clock.now()
        if found is None or found.until <= now or (found.kind == "post-only" and post_only):
            return
        wait = (found.until - now) / SECOND
        words = f"the venue is {found.kind}"
        raise Retryable("venue-restarting", words, restriction=found.kind, retry_after_s=wait, sent=False)

    def note(self, error: VenueError) -> None:
        """Take note of an answer that says what the venue refuses."""
        kind: Any = error.details.get("restriction")
        if kind:
            seconds: Any = error.details.get("retry_after_s", _HOLDS_S[kind])
            self.now = Restriction(kind, Micros(self._clock.now() + round(seconds * SECOND)))

    def ended(self, *, post_only: bool) -> None:
        """Take note that an order was taken, which a restriction would have refused."""
        if self.now is not None and not (self.now.kind == "post-only" and post_only):
            self.now = None


def refused_act(payload: Payload, what: str) -> NoReturn:
    """Raise what the refusal of anything but an order means: Fatal for who we are, else Retryable."""
    row = answers.value(payload.body)
    stated = (row.get("error") or row.get("error_msg")) if isinstance(row, dict) else None
    words = stated[:200] if isinstance(stated, str) else "nothing readable"
    said = f"the venue answered {what} with {payload.status}: {words}"
    if payload.status in {401, 403}:
        raise Fatal("venue-unauthorised" if payload.status == 401 else "venue-forbidden", said, status=payload.status)
    restriction = restriction_of(payload.status, words)
    code = "venue-restarting" if restriction else "venue-rate-limited" if payload.status == 429 else "venue-unavailable"
    raise Retryable(code, said, status=payload.status, restriction=restriction)


def cancelled(payload: Payload, asked: Sequence[str]) -> dict[str, str]:
    """Return by order id "" where it was cancelled, "gone" where it was over, else the venue's words."""
    row = answers.value(payload.body)
    done, failed = (row.get("canceled"), row.get("not_canceled")) if isinstance(row, dict) else (None, None)
    if not isinstance(done, list) or not isinstance(failed, dict | None):
        raise Retryable("venue-unavailable", "the venue's answer to a cancel cannot be read")
    found = {name: "" for name in done if isinstance(name, str)}
    for name, words in (failed or {}).items():
        text = words if isinstance(words, str) else "refused"
        found[name] = "gone" if _GONE in text.lower() else text[:200]
    return found | {name: "not answered" for name in asked if name not in found}
