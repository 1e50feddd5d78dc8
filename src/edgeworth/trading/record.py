"""A run's recording: every tick with what was seen, thought and wanted, so that all of it can be computed again.

    HOME/trading/RUN/run.json     what the run was made of: settings, strategies, markets, the panel it began with
    HOME/trading/RUN/base.json    that panel, and what each strategy had learned
    HOME/trading/RUN/ticks.ndjson one line a tick

A line holds everything a decision depends on besides what the run began with, so `replay` gives the same intents, byte
for byte, or names the first tick that differs.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from edgeworth.core.errors import AccessError, DataError
from edgeworth.core.orders import Intent
from edgeworth.core.units import Micros
from edgeworth.trading.decider import Opinion
from edgeworth.trading.sizing import Planned, Purse
from edgeworth.trading.ticks import Tick

TICKS: Final = "ticks.ndjson"
_ENCODE: Final = msgspec.json.Encoder().encode


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position as an exit sees it: confirmed shares that may be sold, price paid and fair value at entry."""

    token: str
    market_no: int
    side: int
    sellable_e6: int
    paid_e4: int
    fair_e6: int
    opened_at: Micros
    strategy: str = ""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision depends on besides the tick: the money, and which markets are taken.

    `taken` says why by market number: already-held, already-traded, after-resolution; `ends` are scheduled ends;
    `flatten` asks to leave every position.
    """

    purse: Purse
    held: tuple[Held, ...] = ()
    taken: dict[int, str] = {}
    ends: dict[int, Micros] = {}
    flatten: bool = False


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One tick: what was seen and known, what was thought of it, what became of each opinion, and what was wanted."""

    tick: Tick
    inputs: Inputs
    opinions: tuple[Opinion, ...]
    planned: tuple[Planned, ...]
    wanted: tuple[Intent, ...]


def encode(line: Line) -> bytes:
    """Return a line's bytes; equal lines give equal bytes."""
    return _ENCODE(line)


def digest(body: bytes) -> str:
    """Return the digest under which the journal commits to a line."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


class Recorder:
    """Append lines to a run's folder; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._path = "" if folder is None else str(folder / TICKS)
        self._file = -1
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, body: bytes) -> None:
        """Append one line and hand it to the system, so that it outlives this process; raises AccessError disk-full.

        A line that does not fit leaves nothing behind: the next one may.
        """
        if self.folder is None:
            return
        path, line = self._path, body + b"\n"
        try:
            if self._file < 0:
                plain = getattr(os, "O_BINARY", 0)  # else Windows writes line ends of its own
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | plain, 0o600)
            written = os.write(self._file, line)
            if written < len(line):
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise AccessError("disk-full", f"{path}: {error.strerror or error}", path=path) from error

    def close(self) -> None:
        """Release the file; another line opens it again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_lines(folder: Path) -> Iterator[Line]:
    """Yield the lines of a run; a torn last one (the process died) is dropped, any other raises DataError bad-ticks."""
    decode = msgspec.json.Decoder(Line).decode
    path = folder / TICKS
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if not text.endswith(b"\n"):
                    return
                try:
                    yield decode(text)
                except msgspec.MsgspecError as error:
                    raise DataError("bad-ticks", f"{path.name}, line {number}: {error}") from error
    except OSError as error:
        raise DataError("bad-ticks", f"{path}: {error.strerror or error}") from error
