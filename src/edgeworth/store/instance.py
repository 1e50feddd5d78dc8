"""One collector per home, one bot per journal: a lock that the system releases when its holder ends, with its PID."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from edgeworth.core.errors import AccessError, InstanceError
from edgeworth.core.paths import Home

COLLECTOR: Final = "collector"
BOT: Final = "bot"


def bot_of(journal: str) -> str:
    """Return who trades one journal of a home: bots of other journals, on paper and live, may run beside it."""
    return f"{BOT}-{journal}"


@contextlib.contextmanager
def one_instance(home: Home, who: str = COLLECTOR) -> Iterator[None]:
    """Hold the home's lock as a `who`; raises InstanceError another-instance at once when another process has it.

    The file stays behind after a crash, its lock does not: the next start takes it over.
    """
    path = _lock(home, who)
    with _opened(path) as file:
        if not _try_lock(file):
            raise _refusal(home, who)
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()


def holder(home: Home, who: str = COLLECTOR) -> int | None:
    """Return the PID of the running collector or bot of a home, None when there is none."""
    path = _lock(home, who)
    if not path.is_file():
        return None
    with _opened(path) as file:
        if _try_lock(file):
            return None
        return _pid(path)


def _lock(home: Home, who: str) -> Path:
    return home.lock if who == COLLECTOR else home.lock.with_name(f"{who}.lock")


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path.open("a+", encoding="ascii")
    except OSError as error:
        raise AccessError("home-unwritable", f"{path}: {error.strerror or error}", path=str(path)) from error


def _refusal(home: Home, who: str) -> InstanceError:
    pid = _pid(_lock(home, who))
    named = f" (PID {pid})" if pid else ""
    hint = f"stop it with: kill {pid}; or use another --home" if pid else "wait for it, or use another --home"
    return InstanceError("another-instance", f"a {_word(who)} is already running on {home.root}{named}", hint, pid=pid)


def _word(who: str) -> str:
    kind, _, journal = who.partition("-")
    return f"{kind} of the journal '{journal}'" if journal else kind


def _pid(path: Path) -> int | None:
    text = path.read_text("ascii", "replace").strip()
    return int(text) if text.isdigit() else None


def _try_lock(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 20)  # a byte nobody writes: on Windows a locked byte cannot be read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
