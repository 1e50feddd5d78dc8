"""What the schedule asks of a job: take one slot, in as many attempts as it needs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from edgeworth.core.units import Micros


class Work(ABC):
    """One slot of one job on its way: how many observations are due, how many are met, and why the rest is not.

    `missing` maps market numbers to a kebab cause and shrinks as attempts succeed; `counts` goes into the run's row.
    """

    def __init__(self, slot: Micros, due: int = 1) -> None:
        self.slot = slot
        self.due = due
        self.met = 0
        self.missing: dict[int, str] = {}
        self.counts: dict[str, Any] = {}

    @abstractmethod
    async def attempt(self) -> bool:
        """Try what is still missing; True when nothing is left to try. Raises VenueError or the store's errors."""


class Job(Protocol):
    """Something done once per slot."""

    @property
    def name(self) -> str:
        """The job's name in the ledger."""

    def begin(self, slot: Micros, expected: int) -> Work:
        """Return the work of one slot; `expected` observations were due in the one before."""


def merge_counts(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add numbers to numbers; anything else is replaced."""
    for key, value in more.items():
        old = into.get(key)
        into[key] = old + value if isinstance(old, int) and isinstance(value, int) else value
