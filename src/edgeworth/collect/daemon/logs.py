"""What the collector says: readable lines on the console, JSON lines in `log/collect.jsonl`, turned over by size.

A log that cannot be written never stops the work: the line is dropped and counted.
"""

import json
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import IO, Any, Protocol

from edgeworth.core.clock import Clock
from edgeworth.core.instants import to_iso

_EACH, _KEPT = 10_000_000, 10  # ten files of ten megabytes
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
Event = MutableMapping[str, Any]


class Log(Protocol):
    """What the parts of the collector say things to."""

    def info(self, event: str, **facts: Any) -> Any:
        """Tell how things go."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Tell what was missed."""

    def error(self, event: str, **facts: Any) -> Any:
        """Tell what is broken."""


class TurningFile:
    """Append lines to a file; at `each` bytes it becomes `.1`, and `kept` files stay."""

    def __init__(self, path: Path, each: int = _EACH, kept: int = _KEPT) -> None:
        self._path, self._each, self._kept = path, each, kept
        self._file: IO[bytes] | None = None
        self.dropped = 0

    def write(self, line: str) -> None:
        """Append a line; never raises for the disk's sake."""
        data = (line + "\n").encode("utf-8", "replace")
        try:
            if self._file is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
            if self._file.tell() + len(data) > self._each and self._file.tell() > 0:
                self._turn()
            self._file.write(data)
        except OSError:
            self.dropped += 1
            self.close()

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _turn(self) -> None:
        self.close()
        for number in range(self._kept - 1, 0, -1):
            older = self._named(number)
            if older.exists():
                if number + 1 < self._kept:
                    older.replace(self._named(number + 1))
                else:
                    older.unlink()
        self._path.replace(self._named(1))
        self._file = self._path.open("ab", buffering=0)

    def _named(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class _Sink:
    """Where a finished event goes: methods named after levels take it as keywords."""

    def __init__(self, file: TurningFile | None, console: IO[str] | None, threshold: str) -> None:
        self._file, self._console, self._least = file, console, _LEVELS[threshold]
        self._pretty = _pretty(console)

    def msg(self, **event: Any) -> None:
        """Write an event to both places."""
        if self._file is not None:
            self._file.write(json.dumps(event, default=str, ensure_ascii=False))
        if self._console is not None and _LEVELS.get(str(event.get("level")), 20) >= self._least:
            self._console.write(self._pretty(event) + "\n")
            self._console.flush()

    debug = info = warning = error = critical = msg


def make_log(clock: Clock, file: TurningFile | None, *, console: IO[str] | None = None, threshold: str = "info") -> Log:
    """Return a structured log on a file and a stream, either of which may be None; instants are the clock's."""
    import structlog

    def stamp(_logger: Any, method: str, event: Event) -> Event:
        return {"at": to_iso(clock.now()), "level": method, **event}

    log: Log = structlog.wrap_logger(
        _Sink(file, console, threshold),
        processors=[stamp, structlog.processors.format_exc_info, _as_keywords],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return log


def silent_log(clock: Clock) -> Log:
    """Return a log that goes nowhere."""
    return make_log(clock, None)


def _as_keywords(_logger: Any, _method: str, event: Event) -> tuple[tuple[()], Event]:
    return (), event


def _pretty(console: IO[str] | None) -> Any:
    import structlog

    coloured = console is not None and console.isatty() and sys.platform != "win32"
    renderer = structlog.dev.ConsoleRenderer(colors=coloured, timestamp_key="at", pad_event_to=20)
    return lambda event: renderer(None, str(event.get("level", "info")), dict(event))
