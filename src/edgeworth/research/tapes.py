"""Time-ordered tapes kept as memory-mapped arrays under the home's cache: made once per panel, safe to delete.

Only prices are kept; outcomes are merged anew in every run, because they may have changed since.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import numpy as np

from edgeworth.core.panel import Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.engine.types import Tape, order_points
from edgeworth.store.cache_folder import keep_latest, replace_folder

VERSION: Final = 1
KEPT: Final = 4
_SMALL: Final = 500_000  # points below which making the tape is faster than finding it
_ARRAYS: Final = ("t", "word", "position", "offsets", "slot_market")


def open_tape(home: Home, panel: Panel, outcomes: Outcomes) -> Tape:
    """Return the panel's tape with these outcomes, mapped from the cache where a former run left it there."""
    if panel.point_count < _SMALL:
        return order_points(panel).with_outcomes(outcomes)
    folder = home.cache / f"tape-{VERSION}-{panel.fingerprint[:32]}"
    tape = _load(folder, panel)
    if tape is None:
        tape = order_points(panel)
        with contextlib.suppress(OSError):
            _save(folder, tape)
            keep_latest(home.cache, "tape", KEPT)
    return tape.with_outcomes(outcomes)


def _load(folder: Path, panel: Panel) -> Tape | None:
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c").view(np.ndarray) for name in _ARRAYS}
        os.utime(folder)
    except (OSError, ValueError):
        return None  # a cache that cannot be read is rebuilt
    tape = Tape(**arrays)
    fits = len(tape) == len(tape.word) == len(tape.position) == panel.point_count
    return tape if fits and np.array_equal(tape.offsets, panel.offsets) else None


def _save(folder: Path, tape: Tape) -> None:
    def fill(place: Path) -> None:
        for name in _ARRAYS:
            np.save(place / f"{name}.npy", getattr(tape, name))

    replace_folder(folder, fill)
