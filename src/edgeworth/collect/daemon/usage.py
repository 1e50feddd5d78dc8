"""Who asked how much of the venues: calls per job, and what has not been written down yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from edgeworth.core.clock import Clock
from edgeworth.venues.http.usage import Usage


@dataclass(slots=True)
class Meter:
    """Calls made while it was in force."""

    requests: int = 0


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count the calls made inside the block, by this task and those it starts."""
    meter = Meter()
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


class MeteredUsage(Usage):
    """Count as the client does, credit the running job, and keep what is yet to be stored."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._unsaved: dict[tuple[str, str], int] = {}

    def add(self, host: str, route: str, **counts: float) -> None:
        """Add to counters of a host and route class, by name."""
        super().add(host, route, **counts)
        calls = int(counts.get("calls", 0))
        if not calls:
            return
        self._unsaved[host, route] = self._unsaved.get((host, route), 0) + calls
        meter = _METER.get()
        if meter is not None:
            meter.requests += calls

    def take(self) -> dict[tuple[str, str], int]:
        """Return the calls since the last time, and forget them."""
        taken, self._unsaved = self._unsaved, {}
        return taken

    def give_back(self, calls: dict[tuple[str, str], int]) -> None:
        """Remember calls again that could not be stored."""
        for key, count in calls.items():
            self._unsaved[key] = self._unsaved.get(key, 0) + count
