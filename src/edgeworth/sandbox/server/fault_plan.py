"""Schedules of faults: many short ones mixed over weeks, or a few long outages. Same seed, same schedule."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND
from edgeworth.sandbox.server.faults import CATALOGUE, EVERYTHING, Window

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

_SHORTEST = 10  # seconds
_LONG = (30 * MINUTE, 8 * HOUR)
_DAMPENED = frozenset({"geoblocked", "news-gone", "bulk-missing"})  # not failures of a read: left out of mixtures


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Windows of faults in order of their beginning."""

    windows: tuple[Window, ...] = ()

    @classmethod
    def mixed(
        cls, seed: int, start: int, days: float, longest_seconds: float = 300.0, per_day: float = 3.0
    ) -> "FaultPlan":
        """Mix every fault of the read, stream and context sides over `days`, each about `per_day` times a day.

        No window is longer than `longest_seconds`; two windows of a fault that refuses everything keep apart by as
        much, so that no run of refusals is longer than one of them.
        """
        names = [
            fault.name
            for fault in CATALOGUE.values()
            if fault.cls == "switch" and fault.side != "trade" and fault.name not in _DAMPENED
        ]
        rows = [
            row
            for name in names
            for row in _scatter(stream(seed, "faults", name), name, start, days, longest_seconds, per_day)
        ]
        return cls(tuple(_apart(sorted(rows), round(longest_seconds * SECOND))))

    @classmethod
    def long_outages(cls, seed: int, start: int, days: float, count: int = 6) -> "FaultPlan":
        """Plan `count` outages of half an hour to eight hours: every second one of all services, else of one."""
        rng = stream(seed, "outages")
        rows = []
        for number in range(count):
            length = round(float(rng.uniform(*_LONG)))
            slot = days * DAY / count
            begin = start + round(number * slot + float(rng.uniform(0.1, 0.9)) * max(slot - length, 0))
            service = EVERYTHING[int(rng.integers(len(EVERYTHING)))]
            chosen = EVERYTHING if number % 2 == 0 else (service,)
            rows.append(Window(begin, begin + length, "outage", (("services", chosen),)))
        return cls(tuple(rows))

    @classmethod
    def constant(cls, *names: str) -> "FaultPlan":
        """Keep some faults on for ever."""
        return cls(tuple(Window(0, 2**62, name) for name in names))

    def __add__(self, other: "FaultPlan") -> "FaultPlan":
        return FaultPlan(tuple(sorted((*self.windows, *other.windows))))


def _scatter(rng: "Generator", name: str, start: int, days: float, longest: float, per_day: float) -> list[Window]:
    """Draw windows of one fault, one in each equal share of the time."""
    number = max(1, round(days * per_day))
    slot = days * DAY / number
    rows = []
    for place in range(number):
        seconds = float(rng.uniform(min(_SHORTEST, longest), longest))
        begin = start + round((place + float(rng.uniform(0.0, 1.0))) * slot)
        parameters = _pick(rng, name)
        rows.append(Window(begin, begin + round(seconds * SECOND), name, parameters))
    return rows


def _pick(rng: "Generator", name: str) -> tuple[tuple[str, object], ...]:
    """Choose a share for faults that have one, and sometimes a single service."""
    fault = CATALOGUE[name]
    rows: list[tuple[str, object]] = []
    if "share" in fault.parameters and name != "outage":
        rows.append(("share", round(float(rng.uniform(0.2, 1.0)), 2)))
    if len(fault.services) > 2 and rng.random() < 0.7:
        rows.append(("services", (fault.services[int(rng.integers(len(fault.services)))],)))
    return tuple(rows)


_REFUSING = frozenset(
    {
        "rate-limited",
        "rate-limited-date",
        "server-error",
        "unavailable",
        "outage",
        "dropped",
        "timeout",
        "html-for-json",
        "truncated-body",
        "empty-body",
        "exchange-banned",
        "exchange-blocked",
        "cursor-expired",
        "ws-refused",
        "ws-silent",
        "ws-close",
    }
)


def _apart(rows: list[Window], gap: int) -> list[Window]:
    """Move refusing windows later until each begins `gap` after the one before has ended."""
    kept: list[Window] = []
    free = 0
    for row in rows:
        moved = row
        if row.name in _REFUSING:
            shift = max(0, free - row.begin)
            moved = msgspec.structs.replace(row, begin=row.begin + shift, end=row.end + shift)
            free = moved.end + gap
        kept.append(moved)
    return sorted(kept)
