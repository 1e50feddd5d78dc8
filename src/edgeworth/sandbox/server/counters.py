"""Who asked for what and when: the proof that a client keeps to the venue's limits."""

from array import array
from bisect import bisect_left, bisect_right
from typing import Any

from edgeworth.core.units import SECOND

_KEPT = 1 << 20  # instants per route; the oldest half is forgotten beyond


class Counters:
    """Remember the instant of every request by service and route."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], array[int]] = {}
        self._totals: dict[tuple[str, str], int] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def note(self, service: str, route: str, now: int) -> None:
        """Record one request."""
        key = (service, route)
        times = self._times.setdefault(key, array("q"))
        times.append(now)
        self._totals[key] = self._totals.get(key, 0) + 1
        if len(times) > _KEPT:
            del times[: _KEPT // 2]

    def refuse(self, service: str, route: str) -> None:
        """Record that a request went over the documented limit."""
        self._refused[service, route] = self._refused.get((service, route), 0) + 1

    def routes(self) -> list[tuple[str, str]]:
        """Return every (service, route) that was asked, sorted."""
        return sorted(self._times)

    def times(self, service: str, route: str) -> list[int]:
        """Return the instants at which a route was asked, microseconds."""
        return self._times.get((service, route), array("q")).tolist()

    def total(self, service: str | None = None) -> int:
        """Return the number of requests, of one service or of all."""
        return sum(count for key, count in self._totals.items() if service in {None, key[0]})

    def over_limit(self) -> int:
        """Return how many requests went over the documented limits."""
        return sum(self._refused.values())

    def within(self, service: str, route: str | None, now: int, seconds: float) -> int:
        """Return the requests of a route (None: of the whole service) in the `seconds` up to `now`."""
        since = now - round(seconds * SECOND)
        return sum(
            bisect_right(times, now) - bisect_right(times, since)
            for key, times in self._times.items()
            if key[0] == service and route in {None, key[1]}
        )

    def peak(self, service: str, route: str | None, seconds: float) -> int:
        """Return the most requests of a route (None: of the whole service) in any sliding window of `seconds`."""
        chosen = [times for key, times in self._times.items() if key[0] == service and route in {None, key[1]}]
        merged = sorted(at for times in chosen for at in times)
        width = round(seconds * SECOND)
        return max((place + 1 - bisect_left(merged, at - width + 1) for place, at in enumerate(merged)), default=0)

    def to_dict(self) -> dict[str, Any]:
        """Return totals by service and route."""
        body: dict[str, Any] = {}
        for (service, route), count in sorted(self._totals.items()):
            body.setdefault(service, {})[route] = count
        return {"requests": body, "over_limit": self.over_limit()}
