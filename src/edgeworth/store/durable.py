"""Files that are whole or absent: temporary name, fsync, rename, fsync of the folder; and a lock for writers."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from edgeworth.core.clock import Clock
from edgeworth.store.engines import storage_error

TEMPORARY = ".tmp"
_TURN_S = 0.5  # between two looks at a lock that somebody else holds
Hook = Callable[[str], None]


def silent(_step: str) -> None:
    """Take no notice of a step."""


def write_whole(path: Path, data: bytes, hook: Hook = silent, step: str = "file") -> None:
    """Put `data` at `path` so that a crash leaves the old content or the new; raises AccessError.

    `hook` is told `<step>-written` (temporary file, not yet synced), `<step>-synced` and `<step>-renamed`.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            hook(f"{step}-written")
            os.fsync(file.fileno())
        hook(f"{step}-synced")
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error(error, path) from error
    hook(f"{step}-renamed")


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable; a no-op where folders cannot be opened."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents; raises AccessError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock file; the system releases it when the process ends, however it ends."""
    make_folder(path.parent)
    try:
        handle = path.open("a+b")
    except OSError as error:
        raise storage_error(error, path) from error
    with handle:
        _lock(handle.fileno())
        yield


@contextlib.asynccontextmanager
async def lock_in_turn(path: Path, clock: Clock) -> AsyncIterator[None]:
    """Hold an exclusive lock file, waiting for it without holding up anything else; the wait can be cancelled."""
    make_folder(path.parent)
    try:
        handle = path.open("a+b")
    except OSError as error:
        raise storage_error(error, path) from error
    with handle:
        while not _try_lock(handle.fileno()):
            await clock.sleep(_TURN_S)
        yield


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
