"""Things that will happen at the exchange, in the order of their instants and, at one instant, of their planning."""

import heapq
from collections.abc import Callable
from itertools import count

Action = Callable[[int], None]


class Timers:
    """Planned actions; each is called with its own instant, so late processing changes nothing."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._number = count()

    def plan(self, at: int, action: Action) -> None:
        """Plan an action."""
        heapq.heappush(self._heap, (at, next(self._number), action))

    def next_at(self) -> int | None:
        """Return the instant of the next action, None when nothing is planned."""
        return self._heap[0][0] if self._heap else None

    def run(self, until: int) -> None:
        """Do everything planned up to and including an instant; actions may plan others."""
        while self._heap and self._heap[0][0] <= until:
            at, _, action = heapq.heappop(self._heap)
            action(at)
