"""One collector per home: a lock the system releases when its holder ends, however it ends, with the holder's PID."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edgeworth.core.errors import AccessError, InstanceError
from edgeworth.core.paths import Home


@contextlib.contextmanager
def one_instance(home: Home) -> Iterator[None]:
    """Hold the home's lock; raises InstanceError another-instance at once when another process holds it.

    The file stays behind after a crash, its lock does not: the next start takes it over.
    """
    with _opened(home.lock) as file:
        if not _try_lock(file):
            raise _refusal(home)
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()


def holder(home: Home) -> int | None:
    """Return the PID of the running collector of a home, None when there is none."""
    if not home.lock.is_file():
        return None
    with _opened(home.lock) as file:
        if _try_lock(file):
            return None
        return _pid(home.lock)


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path.open("a+", encoding="ascii")
    except OSError as error:
        raise AccessError("home-unwritable", f"{path}: {error.strerror or error}", path=str(path)) from error


def _refusal(home: Home) -> InstanceError:
    pid = _pid(home.lock)
    named = f" (PID {pid})" if pid else ""
    hint = f"stop it with: kill {pid}; or use another --home" if pid else "wait for it, or use another --home"
    return InstanceError("another-instance", f"a collector is already running on {home.root}{named}", hint, pid=pid)


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
