"""Technical columns of a coin's candles as a model takes them, and the recorded candles of a home with their volume."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeworth.core.paths import Home
from edgeworth.core.units import MINUTE
from edgeworth.features.fairvalue.path import History

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

INTERVAL, STEP = "15m", 15 * MINUTE


@dataclass(frozen=True, slots=True)
class Block:
    """Candles of one coin with their volume, shape (n,) each; open times in microseconds."""

    t: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def technical_columns(history: History, volume: Floats) -> tuple[tuple[str, ...], Float32s]:
    """Return the names of the technical columns and their values as of each candle's close, (n, K), NaN where unknown.

    Raises DataError implausible-candles.
    """
    from edgeworth.features.technical.catalogue import names
    from edgeworth.features.technical.compute import compute

    block = Block(history.t, history.open, history.high, history.low, history.close, volume)
    return tuple(names()), compute(block, history.step)


@dataclass(frozen=True, slots=True)
class Stored:
    """Candles that a home holds of one coin: the name of the coin, the symbol stored, whose they are, how many."""

    coin: str
    symbol: str
    source: str
    rows: int


def stored_candles(home: Home, interval: str = INTERVAL) -> list[Stored]:
    """Return the coins with candles of an interval, most candles first; of each the longest series of one source."""
    from edgeworth.research.fairvalue_columns import base_of
    from edgeworth.store.lake import Lake

    counts: dict[tuple[str, str], int] = {}
    for part in Lake(home.lake).manifest("candles").parts:
        if part.interval == interval:
            key = (part.symbol, part.source)
            counts[key] = counts.get(key, 0) + part.rows
    best: dict[str, Stored] = {}
    for (symbol, source), rows in sorted(counts.items()):
        coin = base_of(symbol)
        if coin not in best or rows > best[coin].rows:
            best[coin] = Stored(coin, symbol, source, rows)
    return sorted(best.values(), key=lambda each: (-each.rows, each.coin))


def read_candles(home: Home, stored: Stored, most: int | None = None) -> tuple[History, Floats]:
    """Return the candles and the volume of a coin, the latest `most` of them."""
    from edgeworth.research.fairvalue_columns import venue_of
    from edgeworth.store.lake import Lake

    lake: Lake = Lake(home.lake)
    frame = lake.scan_candles([stored.symbol], INTERVAL, sources=[stored.source]).collect().sort("t")
    frame = frame.unique("t", maintain_order=True).tail(most or frame.height)
    o, h, low, c, v = (frame[name].to_numpy().astype(np.float64) for name in ("open", "high", "low", "close", "volume"))
    t = frame["t"].to_numpy().astype(np.int64)
    return History(t, o, h, low, c, STEP, venue_of(stored.source)), np.where(np.isfinite(v) & (v > 0), v, 0.0)


def peak_memory() -> float:
    """Return the most memory this process has held so far, in GB of a thousand million bytes."""
    import resource
    import sys

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used * (1 if sys.platform == "darwin" else 1024) / 1e9  # bytes there, KiB elsewhere


def write_rows(path: Path, **arrays: npt.NDArray[np.generic]) -> None:
    """Write arrays beside each other, whole or not at all."""
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)  # type: ignore[arg-type]  # the stub takes no subclasses of arrays
    temporary.replace(path)
