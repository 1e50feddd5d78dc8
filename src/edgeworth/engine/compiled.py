"""How the engine's functions are compiled: cached on disk, without the GIL, and never stale.

numba's cache looks only at the file of the function itself, so a changed constant or helper in another module would be
missed. Here the stamp of every cached function is a digest of all sources of this room.
"""

import hashlib
import importlib
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


def _postpone_scipy() -> None:
    """Let numba look for BLAS when a kernel needs it, not on its first load, which imports scipy.linalg: 0.2 s."""
    from numba.np import linalg

    found = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")  # asks while it is imported
    finally:
        linalg.ensure_blas = found


_postpone_scipy()


def kernel(function: F) -> F:
    """Compile a function on its first call; its plain form stays available as `.py_func`."""
    return _compiled(function, counts=True)


def step(function: F) -> F:
    """Compile a function that makes no array and keeps none: it counts no references, so passing many costs nothing.

    Counting them is atomic; it cost more than the work of a step, and threads that share a tape contended for it.
    """
    return _compiled(function, counts=False)


def piece(function: F) -> F:
    """Compile a step into the code of its caller: the arrays of the walk would be a hundred words to pass."""
    return _compiled(function, counts=False, forceinline=True)


def brief(function: F) -> F:
    """Compile a step that is over before giving up the interpreter's lock and taking it back would have paid."""
    return _compiled(function, counts=False, nogil=False)


def _compiled(function: F, *, counts: bool, **more: bool) -> F:
    # said in both cases: a function that does not say takes the setting of its caller
    options: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": counts, **more}
    compiled: Any = njit(**options)(function)
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = STAMP  # the one private name used; a test watches it
    result: F = compiled
    return result
