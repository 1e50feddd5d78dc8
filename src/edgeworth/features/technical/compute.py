"""Compute the catalogue's columns: of a block of candles, of many symbols on several threads, or candle by candle.

A row holds what is known at the close of its candle. Missing values are NaN: until a column's lookback is full, and
where a flat window leaves a ratio undefined (0 / 0).

Missing candles, at most a day of them in a row, are bridged by flat ones (the close before, no volume); they count in
every window but get no row, and `since_gap` tells of them. After a longer gap everything begins anew.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.units import DAY
from edgeworth.features.technical.catalogue import columns, plan

Matrix = npt.NDArray[Any]
_NEVER: Final = -(1 << 62)
_NOWHERE: Final = (np.empty((1, 0), np.float32), np.empty((1, 0), np.float64))


class Candles(Protocol):
    """Candles of one symbol: `t` int64 open time in microseconds, ascending; the rest float64."""

    @property
    def t(self) -> npt.NDArray[Any]:
        """When each candle opens."""

    @property
    def open(self) -> npt.NDArray[Any]:
        """First price."""

    @property
    def high(self) -> npt.NDArray[Any]:
        """Highest price."""

    @property
    def low(self) -> npt.NDArray[Any]:
        """Lowest price."""

    @property
    def close(self) -> npt.NDArray[Any]:
        """Last price."""

    @property
    def volume(self) -> npt.NDArray[Any]:
        """Amount traded."""


class Streaming:
    """The columns of one symbol, with the memory that the next candle needs; `interval` in microseconds.

    Feeding candles one by one gives what a block of them gives, since both run the same loops. Raises UsageError
    bad-duration when a day is not a multiple of `interval`. Whatever raises DataError leaves the state as it was.
    """

    def __init__(self, interval: int) -> None:
        from edgeworth.features.technical import machine

        if interval <= 0 or DAY % interval:
            raise UsageError("bad-duration", f"a day is not a multiple of {interval} microseconds", "write 15m, 1h, 1d")
        self.interval = int(interval)
        self._machine, self._plan = machine, plan()
        self._progress = np.zeros(machine.PROGRESS, dtype=np.int64)
        self._progress[machine.INTERVAL], self._progress[machine.MOST] = interval, DAY // interval
        self._memory = (
            np.zeros(self._plan.size),
            np.zeros(self._plan.states),
            self._progress,
            np.zeros(machine.STRETCH, dtype=np.int64),
        )

    @property
    def last(self) -> int | None:
        """When the last candle opened, None before the first."""
        known = self._progress[self._machine.KNOWN] == 1
        return int(self._progress[self._machine.LAST]) if known else None

    def feed(self, t: int, prices: tuple[float, float, float, float], volume: float) -> npt.NDArray[np.float64]:
        """Take one closed candle, `prices` open, high, low, close; return its row, shape (66,) float64."""
        values = np.array([*prices, volume], dtype=np.float64).reshape(5, 1)
        out = np.empty((len(columns()), 1))
        self._advance((np.array([t], dtype=np.int64), *values), out, 0)
        return out[:, 0]

    def extend(self, block: Candles) -> npt.NDArray[np.float64]:
        """Take closed candles, later than those before; return their rows, shape (n, 66) float64, column-major."""
        out = np.empty((len(columns()), len(block.t)))
        self._advance(_arrays(block), out, 0)
        return out.T

    def reset(self) -> None:
        """Forget everything."""
        for part in self._memory[:2]:
            part[:] = 0.0
        for place in (self._machine.KNOWN, self._machine.FILLED, self._machine.SEEN):
            self._progress[place] = 0

    def _advance(self, candles: tuple[npt.NDArray[Any], ...], out: Matrix, begin: int) -> None:
        for array in candles:  # numba would compile another version for arrays that may be written
            array.flags.writeable = False
        last = self.last
        fault, row = self._machine.check(candles, self.interval, _NEVER if last is None else last)
        if fault:
            raise _fault(fault, int(candles[0][row]))
        single = out.dtype == np.float32
        target = (out, _NOWHERE[1]) if single else (_NOWHERE[0], out)
        self._machine.advance(self._plan.arrays, self._memory, candles, target, begin)


def compute(block: Candles, interval: int, *, dtype: Any = np.float32) -> Matrix:
    """Return the columns of one symbol's candles, shape (n, 66), column-major; `interval` in microseconds.

    Raises DataError implausible-candles for times that are not ascending multiples of the interval, prices that are
    not positive, finite and ordered low <= open, close <= high, or a volume that is negative or not finite.
    """
    return compute_many([block], interval, threads=1, dtype=dtype)[0]


def compute_many(
    blocks: Sequence[Candles], interval: int, *, threads: int = 2, dtype: Any = np.float32
) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Return the columns of many symbols' candles in one matrix, and where each symbol begins.

    The matrix has shape (all rows, 66) and is column-major: `matrix[:, k]` is contiguous. Symbol i has the rows
    offsets[i] to offsets[i + 1]. Symbols are spread over `threads`. Raises what `compute` raises.
    """
    offsets = np.concatenate(([0], np.cumsum([len(block.t) for block in blocks], dtype=np.int64))).astype(np.int64)
    out = np.empty((len(columns()), int(offsets[-1])), dtype=dtype)
    if threads <= 1 or len(blocks) <= 1:
        _work(blocks, interval, out, offsets, range(len(blocks)))
        return out.T, offsets
    order = sorted(range(len(blocks)), key=lambda place: -len(blocks[place].t))
    with ThreadPoolExecutor(threads) as pool:
        tasks = [pool.submit(_work, blocks, interval, out, offsets, order[k::threads]) for k in range(threads)]
        for task in tasks:
            task.result()
    return out.T, offsets


def _work(
    blocks: Sequence[Candles], interval: int, out: Matrix, offsets: npt.NDArray[np.int64], places: Sequence[int]
) -> None:
    """Compute some symbols one after the other, with one memory."""
    state = Streaming(interval)
    for place in places:
        state.reset()
        state._advance(_arrays(blocks[place]), out, int(offsets[place]))


def _arrays(block: Candles) -> tuple[npt.NDArray[Any], ...]:
    fields = (block.open, block.high, block.low, block.close, block.volume)
    arrays = (
        np.ascontiguousarray(block.t, dtype=np.int64).view(),
        *(np.ascontiguousarray(field, dtype=np.float64).view() for field in fields),
    )
    if len({len(array) for array in arrays}) > 1:
        raise DataError("implausible-candles", "the columns of the candles differ in length")
    return arrays


def _fault(fault: int, t: int) -> DataError:
    from edgeworth.core.instants import to_iso
    from edgeworth.core.units import Micros
    from edgeworth.features.technical import sequential as found

    said = {
        found.UNORDERED: "does not open after the one before",
        found.OFF_GRID: "does not open at a multiple of the interval",
    }
    text = said.get(fault, "has prices or a volume that no trade can have made")
    return DataError("implausible-candles", f"the candle of {to_iso(Micros(t))} {text}")
