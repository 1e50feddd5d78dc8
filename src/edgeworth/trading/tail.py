"""The newest end of the panel: recorded history with this run's own observations behind it, a point a market a tick.

Features and strategies read it exactly as they read history. A point is the mid of a two-sided book at the instant it
was observed; a market whose book has one side only, or none, gets no point, and its last one grows old.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from edgeworth.core.panel import Int32s, Int64s, Panel
from edgeworth.trading.ticks import MarketBook


class Tail:
    """A panel that grows: `append` adds what a tick saw, `panel` is what could be known by then."""

    def __init__(self, base: Panel, watched: Sequence[int]) -> None:
        """Grow `base`; `watched` are the numbers of the markets that may be traded, all of them in it."""
        self.panel = base
        number = base.markets["market_no"].to_numpy().astype(np.int64)
        self._place = {int(value): place for place, value in enumerate(number.tolist())}
        missing = [value for value in watched if value not in self._place]
        if missing:
            raise ValueError(f"the panel lacks markets {missing[:5]}")
        self.watched = np.array(sorted(self._place[value] for value in watched), np.int64)

    def append(self, t: int, books: Sequence[MarketBook]) -> Int64s:
        """Add the mids seen at `t` and return the rows of the watched markets among them, ascending, shape (R,).

        A point not later than the market's last one is not added: the past is closed.
        """
        found = sorted((self._place[book.market_no], book.mid_e4) for book in books if book.market_no in self._place)
        pairs = [(place, mid) for place, mid in found if mid is not None and self._newest(place) < t]
        place = np.array([pair[0] for pair in pairs], np.int64)
        self._grow(t, place, np.array([pair[1] for pair in pairs], np.int32))
        seen = place[np.isin(place, self.watched)]
        rows: Int64s = self.panel.offsets[seen + 1] - 1
        return rows

    def market_of(self, rows: Int64s) -> Int64s:
        """Return the panel index of the market of each row, shape (R,)."""
        return np.searchsorted(self.panel.offsets, rows, side="right").astype(np.int64) - 1

    def place_of(self, market_no: int) -> int | None:
        """Return the panel index of a market, None when it is not in the panel."""
        return self._place.get(market_no)

    def _newest(self, place: int) -> int:
        first, end = int(self.panel.offsets[place]), int(self.panel.offsets[place + 1])
        return int(self.panel.t[end - 1]) if end > first else -(2**63)

    def _grow(self, t: int, place: Int64s, price: Int32s) -> None:
        if not len(place):
            return
        old = self.panel
        where = old.offsets[place + 1]
        added = np.zeros(len(old.offsets), np.int64)
        added[place + 1] = 1
        state = hashlib.blake2b(old.fingerprint.encode(), digest_size=16)
        for array in (place, price):
            state.update(np.ascontiguousarray(array).data)
        state.update(t.to_bytes(8, "little", signed=True))
        self.panel = Panel(
            markets=old.markets,
            offsets=old.offsets + np.cumsum(added),
            t=np.insert(old.t, where, t),
            price_e4=np.insert(old.price_e4, where, price),
            end_offsets=old.end_offsets,
            end_known_at=old.end_known_at,
            end_value=old.end_value,
            source=old.source,
            fingerprint=state.hexdigest(),
        )
