"""The instants a job is due: a fixed UTC grid, a window in which a slot can still be met, and what lies between. Pure.

A grid is counted from 1970, so that it does not depend on when a process started: restarted at any time, the same
slots are due. An observation made late but inside its slot's window counts for that slot and keeps its real instant.
"""

from dataclasses import dataclass

from edgeworth.core.units import MINUTE, SECOND, Micros

_MARGIN_SHARE = 20  # the last twentieth of a slot is left free, so that a late answer never meets the next slot
_MARGIN_MOST = MINUTE
_LEAST = SECOND


@dataclass(frozen=True, slots=True)
class Grid:
    """Slots `every` microseconds apart; raises ValueError below a second."""

    every: int

    def __post_init__(self) -> None:
        if self.every < _LEAST:
            raise ValueError("slots must be at least a second apart")

    def at(self, now: int) -> Micros:
        """Return the slot that is current at an instant."""
        return Micros(now - now % self.every)

    def after(self, slot: int) -> Micros:
        """Return the slot that follows."""
        return Micros(slot + self.every)

    def deadline(self, slot: int) -> Micros:
        """Return the instant from which a slot can no longer be met."""
        return Micros(slot + self.every - min(self.every // _MARGIN_SHARE, _MARGIN_MOST))

    def between(self, done: int, slot: int) -> list[int]:
        """Return the slots after `done` and before `slot`; none when they are neighbours or the clock ran back.

        A `done` from a grid of another step counts up to the slot it fell into.
        """
        return list(range(self.at(done) + self.every, slot, self.every))
