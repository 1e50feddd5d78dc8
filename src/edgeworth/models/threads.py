"""How many threads one fit should take: measured, because on a busy machine several threads are slower than one."""

import os
from dataclasses import asdict, dataclass
from typing import Any, Final

from edgeworth.core.clock import Clock
from edgeworth.models.examples import Examples
from edgeworth.models.learners import make

AUTO: Final = "auto"
_ROWS: Final = 20_000  # of the small fit
_ROUNDS: Final = 30
_TIMES: Final = 2
_GAIN: Final = 0.9  # several threads have to take at most this share of one thread's time


@dataclass(frozen=True, slots=True)
class Probe:
    """How many `threads` to take, and the seconds of a small fit at 1 and at `cores` (None where nothing was timed)."""

    threads: int
    cores: int
    one: float | None = None
    many: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve(setting: str, examples: Examples, clock: Clock, limit: int = 0) -> Probe:
    """Return the number of threads of a setting: a number, or `auto` for a probe of at most `limit` (0 = all cores)."""
    if setting != AUTO:
        return Probe(int(setting), cores())
    return probe(examples, clock, min(limit or cores(), cores()))


def probe(examples: Examples, clock: Clock, many: int) -> Probe:
    """Time a small fit of the trees at 1 and at `many` threads in turn, twice, and keep the faster.

    Trees are the same for any number of threads, so the answer decides the time of a training and nothing else.
    """
    if many < 2 or not len(examples):
        return Probe(1, max(many, 1))
    few = examples.choose(slice_of(len(examples)))
    learners = {threads: make("xgb", threads, {"rounds": _ROUNDS}) for threads in (1, many)}
    learners[1].fit(few, 0)  # the first fit of a process loads the library
    taken = {1: float("inf"), many: float("inf")}
    for _ in range(_TIMES):
        for threads, learner in learners.items():
            begun = clock.monotonic()
            learner.fit(few, 0)
            taken[threads] = min(taken[threads], clock.monotonic() - begun)
    faster = many if taken[many] < _GAIN * taken[1] else 1
    return Probe(faster, many, taken[1], taken[many])


def slice_of(rows: int) -> Any:
    """Return which rows the small fit takes: at most 20,000, spread over all."""
    import numpy as np

    return np.linspace(0, rows - 1, min(rows, _ROWS)).astype(np.int64)
