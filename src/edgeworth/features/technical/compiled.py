"""How the functions of this package are compiled: cached on disk, without the GIL, and never stale.

numba's cache looks only at the file of the function itself; here the stamp of every cached function is a digest of all
sources of this package. Division by zero gives infinity or NaN, as IEEE has it: a check would keep loops from SIMD.
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
    """Compile a function on its first call; it may be called from Python, and gives up the interpreter's lock."""
    return _compiled(function, counts=True)


def step(function: F) -> F:
    """Compile a function that only compiled code calls and that keeps no array.

    It counts no references, which would cost more than a short loop, and has no entry for Python, which would take
    longer to compile than the function.
    """
    return _compiled(function, counts=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _compiled(function: F, *, counts: bool, **more: bool) -> F:
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": counts, **more}
    compiled: Any = njit(**options)(function)
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = STAMP  # the one private name used; a test watches it
    result: F = compiled
    return result
