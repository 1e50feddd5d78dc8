"""Keep built panels as memory-mapped arrays under the home's cache; safe to delete at any time."""

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeworth.core.panel import Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.store.cache_folder import keep_latest, replace_folder

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
KEPT = 8
_PANEL = ("offsets", "t", "price_e4", "end_offsets", "end_known_at", "end_value")
_OUTCOMES = ("payout_e4", "resolved_at", "known_at", "event_known_at")


def load(home: Home, key: str) -> tuple[Panel, Outcomes] | None:
    """Return a kept panel, memory-mapped (copy on write: changing it does not change the file), or None."""
    folder = home.cache / f"panel-{key}"
    try:
        about = json.loads((folder / "panel.json").read_text("utf-8"))
        if about["version"] != VERSION:
            return None
        arrays = {name: _mapped(folder / f"{name}.npy") for name in _PANEL}
        ends = {name: _mapped(folder / f"outcome_{name}.npy") for name in _OUTCOMES}
        if about["shapes"] != _shapes(arrays, ends):
            return None
        markets = _read_frame(folder / "markets.arrow")
        os.utime(folder)
    except (OSError, ValueError, KeyError):
        return None  # a cache that cannot be read is rebuilt
    return Panel(markets=markets, source=about["source"], fingerprint=about["fingerprint"], **arrays), Outcomes(**ends)


def save(home: Home, key: str, panel: Panel, outcomes: Outcomes) -> None:
    """Keep a panel and drop the least recently used beyond `KEPT`; a home that cannot be written is no obstacle."""
    with contextlib.suppress(OSError):
        _save(home, key, panel, outcomes)
        keep_latest(home.cache, "panel", KEPT)


def _save(home: Home, key: str, panel: Panel, outcomes: Outcomes) -> None:
    arrays = {name: getattr(panel, name) for name in _PANEL}
    ends = {name: getattr(outcomes, name) for name in _OUTCOMES}

    def fill(place: Path) -> None:
        for name, array in arrays.items():
            np.save(place / f"{name}.npy", array)
        for name, array in ends.items():
            np.save(place / f"outcome_{name}.npy", array)
        panel.markets.write_ipc(place / "markets.arrow", compression="uncompressed")
        about = {"version": VERSION, "source": panel.source, "fingerprint": panel.fingerprint}
        about |= {"shapes": _shapes(arrays, ends)}
        (place / "panel.json").write_text(json.dumps(about), "utf-8")

    replace_folder(home.cache / f"panel-{key}", fill)


def _mapped(path: Path) -> Any:
    array = np.load(path, mmap_mode="c", allow_pickle=False)
    return array.view(np.ndarray)


def _shapes(arrays: dict[str, Any], ends: dict[str, Any]) -> dict[str, int]:
    return {name: len(array) for name, array in (*arrays.items(), *((f"o_{k}", v) for k, v in ends.items()))}


def _read_frame(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_ipc(path)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error
