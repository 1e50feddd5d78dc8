"""What was asked of whom: counters per host and route class, today and in all."""

from typing import Any, Final

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.instants import to_iso
from edgeworth.core.units import DAY, Micros

_DAYS_KEPT: Final = 3


class Counts(msgspec.Struct):
    """Requests that left, and what became of them; `wait_s` is the time spent waiting for tokens, in seconds."""

    calls: int = 0
    retries: int = 0
    waits: int = 0
    wait_s: float = 0.0
    rate_limited: int = 0
    refused: int = 0
    failures: int = 0


class UsageRow(msgspec.Struct, frozen=True):
    """The counts of one UTC day (`2026-01-31`), host and route class (`gamma/markets`)."""

    day: str
    host: str
    route: str
    counts: Counts


class Usage:
    """Count requests; days are UTC days of the given clock, and the last three are kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[tuple[str, str], Counts] = {}
        self._days: dict[str, dict[tuple[str, str], Counts]] = {}
        self._named = (-1, "")  # the day that was named last, and its name

    def add(self, host: str, route: str, **counts: float) -> None:
        """Add to counters of a host and route class, by name."""
        for table in (self._all, self._today()):
            found = table.setdefault((host, route), Counts())
            for name, value in counts.items():
                setattr(found, name, getattr(found, name) + value)

    def calls(self, route: str = "") -> int:
        """Return the number of requests that left, of one route class or in all."""
        return sum(counts.calls for (_, name), counts in self._all.items() if not route or name == route)

    def calls_today(self, route: str = "") -> int:
        """Return the number of requests that left since midnight UTC."""
        return sum(counts.calls for (_, name), counts in self._today().items() if not route or name == route)

    def rows(self) -> list[UsageRow]:
        """Return the counts of the days kept, oldest first."""
        return [
            UsageRow(day, host, route, msgspec.structs.replace(counts))
            for day, table in sorted(self._days.items())
            for (host, route), counts in sorted(table.items())
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready: `today` and `total`, each a list of counts with host and route."""
        return {"day": self._day(), "today": _listed(self._today()), "total": _listed(self._all)}

    def _day(self) -> str:
        number = self._clock.now() // DAY
        if number != self._named[0]:
            self._named = number, to_iso(Micros(number * DAY))[:10]
        return self._named[1]

    def _today(self) -> dict[tuple[str, str], Counts]:
        day = self._day()
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = {}
            for old in sorted(self._days)[:-_DAYS_KEPT]:
                del self._days[old]
        return found


def _listed(table: dict[tuple[str, str], Counts]) -> list[dict[str, Any]]:
    return [
        {"host": host, "route": route, **msgspec.structs.asdict(counts)}
        for (host, route), counts in sorted(table.items())
    ]
