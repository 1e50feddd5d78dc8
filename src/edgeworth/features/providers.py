"""Columns from beyond the panel, by one mechanism for training and for live forecasts.

A provider holds what the world said apart from market prices (candles, rules, sizes, resolved questions) and returns
its columns for any points of any panel, each as of that point's instant. The same object answers for a dataset of years
and for this minute's rows, so what a model learned from is what it is handed. `Bundle` puts several side by side.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgeworth.core.panel import Int64s, Panel

if TYPE_CHECKING:
    import polars as pl


class Provider(Protocol):
    """Something that knows columns of its own."""

    @property
    def key(self) -> str:
        """The name under which a model's card asks for it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""

    @property
    def fingerprint(self) -> str:
        """What decides the columns' meaning; not the data."""

    def __call__(self, panel: Panel, rows: Int64s) -> "pl.DataFrame":
        """Return the columns for ascending points, one row per point; unknown is null."""

    def lacks(self, as_of: int) -> str:
        """Say why there is nothing to go on as of an instant; empty where there is."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Providers side by side; `stamp` names the state of the stores they were read from."""

    parts: tuple[Provider, ...] = ()
    stamp: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the providers' keys in order."""
        return tuple(part.key for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all columns' names in order."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def fingerprint(self) -> str:
        """Return the digest of all parts' meaning, in order."""
        return digest(f"{part.key}|{part.fingerprint}" for part in self.parts)

    def __call__(self, panel: Panel, rows: Int64s) -> "pl.DataFrame":
        """Return all columns for ascending points, one row per point."""
        import polars as pl

        frames = [part(panel, rows) for part in self.parts]
        return pl.concat(frames, how="horizontal") if frames else pl.DataFrame()

    def lacks(self, as_of: int) -> str:
        """Say which part has nothing to go on as of an instant, and why; empty where all have."""
        found = ((part.key, part.lacks(as_of)) for part in self.parts)
        return "; ".join(f"{key}: {why}" for key, why in found if why)


def digest(words: Iterable[str]) -> str:
    """Return a digest of words in order, 32 hexadecimal digits."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
