"""How the engine's functions are compiled: cached on disk, without the GIL, and never stale.

numba's cache looks only at the file of the function itself, so a changed constant or helper in another module would be
missed. Here the stamp of every cached function is a digest of all sources of this room.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def _digest() -> str:
    whole = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(source.name.encode() + source.read_bytes())
    return whole.hexdigest()


STAMP: Final = _digest()


def kernel(function: F) -> F:
    """Compile a function on its first call; its plain form stays available as `.py_func`."""
    compiled: Any = njit(cache=True, nogil=True)(function)
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = STAMP  # the one private name used; a test watches it
    result: F = compiled
    return result
