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
    return _compiled(function, counts=True)


def step(function: F) -> F:
    """Compile a function that makes no array and keeps none: it counts no references, so passing many costs nothing.

    Counting them is atomic; it cost more than the work of a step, and threads that share a tape contended for it.
    """
    return _compiled(function, counts=False)


def _compiled(function: F, *, counts: bool) -> F:
    # said in both cases: a function that does not say takes the setting of its caller
    options: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": counts}
    compiled: Any = njit(**options)(function)
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = STAMP  # the one private name used; a test watches it
    result: F = compiled
    return result
