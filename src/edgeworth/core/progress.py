"""How long work tells that it moves: a protocol the command line fills, and a silent default."""

from typing import Protocol


class Progress(Protocol):
    """Receive progress of one task: `total` may be unknown (0); units are free (bytes, rows, markets)."""

    def start(self, task: str, total: int = 0, unit: str = "") -> None:
        """Begin a task."""

    def advance(self, amount: int) -> None:
        """Add to what is done."""

    def finish(self, note: str = "") -> None:
        """End the task with a closing word."""


class Silent:
    """Report nothing."""

    def start(self, task: str, total: int = 0, unit: str = "") -> None:
        """Ignore."""

    def advance(self, amount: int) -> None:
        """Ignore."""

    def finish(self, note: str = "") -> None:
        """Ignore."""
