"""Settings for a process that works hard and ends: seldom look for cycles, keep freed memory for the next array."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from typing import Final

_SELDOM: Final = (100_000, 50, 100)  # by default every 700 objects: a tenth of a command, most of it during imports
_TRIM, _MMAP = -1, -3  # options of glibc's mallopt
_BYTES: Final = {_TRIM: 1 << 30, _MMAP: 32 << 20}  # the largest it takes; memory from the system is zeroed every time


@contextlib.contextmanager
def short_life() -> Iterator[None]:
    """Work with few collections of cycles and with freed memory kept; the collector's settings come back after."""
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    _keep_memory()
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _keep_memory() -> None:
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _BYTES.items():
            mallopt(option, value)
