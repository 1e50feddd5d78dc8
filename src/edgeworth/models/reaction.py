"""The whole reaction to a changed book in one compiled call: best prices, features of the moment, model, edge, signal.

The price is the mid of a valid, two-sided book, as everywhere; the edge is the forecast minus the all-in cost of one
share at the best executable price, with the taker's fee, of whichever side is worth more. What is computed is what a
tick would compute (`features.live`, `models.fast`), only sooner.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from edgeworth.core.book import ASK, BID, NUMBER, SLOTS, TICK, VALID, Books
from edgeworth.core.panel import Floats, Int64s
from edgeworth.engine import book_kernel
from edgeworth.engine.compiled import STAMP as ENGINE_STAMP
from edgeworth.engine.fees import taker_fee_e6
from edgeworth.engine.layout import i64
from edgeworth.features.drivers import stamped
from edgeworth.features.live import STAMP as LIVE_STAMP
from edgeworth.features.live import LivePlan, LiveState, live_row
from edgeworth.models import fast
from edgeworth.models.fast import Compiled, _predict

_STAMP: Final = hashlib.sha256(
    b"".join(Path(str(module)).read_bytes() for module in (__file__, fast.__file__))
    + (ENGINE_STAMP + LIVE_STAMP).encode()
).hexdigest()
_CHANGE: Final = book_kernel.CHANGE
_MOST: Final = 64  # books of one frame
_ONE_SHARE: Final = 1_000_000
NUMBERS: Final = 6  # of a signal: market, side, edge_e6, cost_e6, price_e4 of the leg, mid_e4 of YES


@dataclass(frozen=True, slots=True)
class Signal:
    """A book that moved to where the model sees an edge: `side` +1 YES or -1 NO, all-in `cost_e6` of a share of it.

    `edge_e6` and `p` (with `se`) are of the side; `price_e4` its best executable price, `mid_e4` the mid of YES.
    """

    market: int
    side: int
    edge_e6: int
    cost_e6: int
    price_e4: int
    mid_e4: int
    p: float
    se: float


def _react(cells: Any, state: Any, model: Any, place: tuple[Any, Any], what: tuple[int, int], out: Any) -> int:
    """Look at the books that the last frame touched; what = (now, least edge); return how many signals were written.

    place = `terms` (B, 3) by book: market (-1 = none), fee rate, fee exponent, and `slow` (M + 1, K): per market what a
    row holds before it is computed, at the end the row itself. out = `numbers` (64, 6), `told` (64, 2): p and se.
    """
    terms, slow = place
    numbers, told = out
    now, least = what[0], what[1]
    desk = cells[0]
    found = 0
    last = np.int64(-1)
    x = slow[len(slow) - 1]
    for k in range(cells[desk]):
        book = cells[desk + 1 + _CHANGE * k]
        number = cells[book + NUMBER]
        if number == last or terms[number, 0] < 0 or cells[book + VALID] != 1:
            continue
        last = number
        slots, tick = cells[book + SLOTS], cells[book + TICK]
        bid, ask = cells[book + BID], cells[book + ASK]
        if bid < 0 or ask >= slots or bid > ask:
            continue
        mid = (bid * tick + ask * tick) // 2
        market = terms[number, 0]
        x[:] = slow[market]
        if not live_row(state, model[1], (market, now, mid / 10_000.0), x):
            continue
        for column in range(len(x)):
            x[column] = np.float32(x[column])
        p, se = _predict(model[0], x, mid / 10_000.0)
        side = 1
        price = ask * tick
        cost = price * 100 + taker_fee_e6(i64(_ONE_SHARE), price, terms[number, 1], terms[number, 2])
        edge = np.int64(p * 1e6) - cost
        other = 10_000 - bid * tick
        fee = taker_fee_e6(i64(_ONE_SHARE), other, terms[number, 1], terms[number, 2])
        against = np.int64((1.0 - p) * 1e6) - other * 100 - fee
        if against > edge:
            side, price, cost, edge, p = -1, other, other * 100 + fee, against, 1.0 - p
        if edge >= least and found < _MOST:
            row = numbers[found]
            row[0], row[1], row[2], row[3], row[4], row[5] = market, side, edge, cost, price, mid
            told[found, 0], told[found, 1] = p, se
            found += 1
    return found


_reaction = stamped(numba.njit(_react, cache=True, nogil=True, error_model="numpy"), _STAMP)


class Reaction:
    """Hold a model, the markets' points and their books; `after(now)` reacts to the frame that was just applied."""

    def __init__(self, model: Compiled, plan: LivePlan, least_edge_e6: int) -> None:
        self._model = (model, plan.codes)
        self._least = int(least_edge_e6)
        self._columns = len(plan.names)
        self._numbers, self._told = np.zeros((_MOST, NUMBERS), np.int64), np.zeros((_MOST, 2))
        self._state: LiveState | None = None
        self._slow: Floats = np.zeros((1, self._columns))
        self._terms: Int64s = np.zeros((0, 3), np.int64)
        self._cells: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._call: Callable[..., int] = _reaction

    def refresh(self, state: LiveState, rows: Mapping[int, Floats]) -> None:
        """Take the points as of a tick and, by market, the row of columns then: those not computed here stay so."""
        self._state = state
        self._slow = np.full((len(state.first) + 1, self._columns), np.nan)
        for market, row in rows.items():
            self._slow[market] = row

    def bind(self, books: Books, terms: Int64s) -> None:
        """Take the books as they lie now (until `books.version` changes) and their terms (B, 3)."""
        self._cells, self._terms = np.frombuffer(books.cells, np.int64), terms

    def after(self, now: int) -> list[Signal]:
        """Return the signals of the books that the last frame touched; none before `refresh` and `bind`."""
        if self._state is None or not len(self._terms):
            return []
        place, out = (self._terms, self._slow), (self._numbers, self._told)
        count = self._call(self._cells, self._state, self._model, place, (now, self._least), out)
        if not count:
            return []
        pairs = zip(self._numbers[:count].tolist(), self._told[:count].tolist(), strict=True)
        return [Signal(*numbers, *told) for numbers, told in pairs]
