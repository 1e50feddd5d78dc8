"""Progress on stderr: a bar on a terminal, else one line every ten seconds."""

import sys
from typing import TYPE_CHECKING, Any

import click

from edgeworth.cli.options import option
from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_EVERY_SECONDS = 10.0


def for_context(ctx: click.Context) -> Progress:
    """Return a bar, lines or silence, as the terminal and `--quiet` say."""
    if option(ctx, "quiet"):
        return Silent()
    return TerminalBar() if sys.stderr.isatty() else Lines(SystemClock())


class TerminalBar:
    """A rich progress bar on stderr."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: Any = None

    def start(self, task: str, total: int = 0, unit: str = "") -> None:
        """Begin a task; bytes are shown as sizes."""
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.finish()
        amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(task, total=total or None)

    def advance(self, amount: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.advance(self._task, amount)

    def finish(self, note: str = "") -> None:
        """Remove the bar and leave the note."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if note:
            click.echo(note, err=True)


class Lines:
    """A line on stderr every ten seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()
        self._task, self._total, self._done, self._unit = "", 0, 0, ""

    def start(self, task: str, total: int = 0, unit: str = "") -> None:
        """Begin a task."""
        self._task, self._total, self._done, self._unit = task, total, 0, unit
        self._last = self._clock.monotonic()

    def advance(self, amount: int) -> None:
        """Count, and print when ten seconds have passed."""
        self._done += amount
        now = self._clock.monotonic()
        if now - self._last >= _EVERY_SECONDS:
            self._last = now
            of = f" of {self._total:,}" if self._total else ""
            click.echo(f"{self._task}: {self._done:,}{of} {self._unit}".rstrip(), err=True)

    def finish(self, note: str = "") -> None:
        """Print the note."""
        if note:
            click.echo(note, err=True)
