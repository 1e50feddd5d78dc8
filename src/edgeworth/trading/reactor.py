"""React to the market channel at once: frame, book, features of the moment, model, signal, without waiting for a tick.

It stands at the seam where a keeper of books takes compiled code (`make_fast`), or is handed frames itself (`heard`).

A signal here decides nothing; it says which market deserves a tick now. The tick then goes the one way that every
decision goes (recorded, sized, checked, journalled), so what was decided can still be replayed.
"""

from collections.abc import Callable, Mapping

import numpy as np

from edgeworth.core.book import Books
from edgeworth.core.panel import Floats
from edgeworth.engine.book_kernel import mark_touched, quick_feed
from edgeworth.features.live import LivePlan, live_state
from edgeworth.models.crossfit import Model
from edgeworth.models.fast import compile_model
from edgeworth.models.reaction import Reaction, Signal
from edgeworth.trading.tail import Tail
from edgeworth.trading.watched import Directory, Watched

_UNKNOWN = -1
_E6 = 1_000_000
_MOVING = (b"price_change", b'"book"')  # kinds of messages that move a book
Usual = Callable[[bytes, int], None]


class Reactor:
    """Feed frames, get signals. `usual` applies the frames that the compiled pass leaves alone or doubts."""

    def __init__(self, books: Books, directory: Directory, model: Model, least_edge: float, usual: Usual) -> None:
        """Compile a model; raises DataError model-not-compiled. `least_edge` in dollars a share after costs."""
        self._books, self._directory, self._usual = books, directory, usual
        self.reaction = Reaction(compile_model(model), LivePlan.of(model.names, slow=True), round(least_edge * _E6))
        self._tail: Tail | None = None
        self._version = _UNKNOWN
        self._feed: Callable[[bytes, int], int] = quick_feed(books)

    def refresh(self, tail: Tail, rows: Mapping[int, Floats]) -> None:
        """Take in a tick: its points and, by market number, the model's columns then."""
        self._tail = tail
        places = {tail.place_of(number): row for number, row in rows.items()}
        as_of = int(tail.panel.t.max(initial=0))
        self.reaction.refresh(
            live_state(tail.panel, as_of), {place: row for place, row in places.items() if place is not None}
        )
        self._version = _UNKNOWN

    def heard(self, frame: bytes, now: int) -> list[Signal]:
        """Apply one frame that came at `now` and return the signals of the markets it moved."""
        if self._version != self._books.version:
            self._bind()
        done = self._feed(frame, now)
        if done > 0:
            return self.reaction.after(now)
        if done < 0:
            self._usual(frame, now)
            if self._version != self._books.version:
                self._bind()
            if any(word in frame for word in _MOVING) and mark_touched(self._books, now):
                return self.reaction.after(now)
        return []

    def make_fast(self, told: Callable[[list[Signal]], None]) -> Callable[[Books], Callable[[bytes, int], int]]:
        """Return what a keeper of books asks for: it applies frames as usual, and `told` hears of signals."""

        def make(books: Books) -> Callable[[bytes, int], int]:
            self._books = books
            self._bind()
            feed, after = self._feed, self.reaction.after

            def fast(frame: bytes, now: int) -> int:
                done = feed(frame, now)
                if done > 0:
                    signals = after(now)
                    if signals:
                        told(signals)
                return done

            return fast

        return make

    def _bind(self) -> None:
        """Look up again where the books lie, and which market each belongs to."""
        self._feed = quick_feed(self._books)
        terms = np.full((len(self._books.places), 3), _UNKNOWN, np.int64)
        for token, (number, leg) in self._books.tokens.items():
            market = self._directory.by_token.get(token)
            place = None if market is None or self._tail is None else self._tail.place_of(market.market_no)
            if market is not None and place is not None and not leg:
                terms[number] = (place, market.fee_rate_e6, _exponent(market))
        self.reaction.bind(self._books, terms)
        self._version = self._books.version


def _exponent(market: Watched) -> int:
    return round(market.fee_exponent_e6 / _E6)
