"""Linear algebra on one thread: a sum that is split over threads ends in other bits for another number of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Let numpy's linear algebra use one thread meanwhile, in this process, so that results do not depend on cores."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    import numpy as np  # noqa: F401  (its library has to be loaded to be found)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
