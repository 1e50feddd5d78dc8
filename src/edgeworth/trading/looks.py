"""What a recording saw, found again by market and instant: the newest book of a tick at or before a moment."""

from bisect import bisect_right
from collections.abc import Iterable

from edgeworth.trading.record import Line
from edgeworth.trading.ticks import MarketBook


class Looks:
    """All books of some recorded ticks."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._times: dict[int, list[int]] = {}
        self._books: dict[int, list[MarketBook]] = {}
        for line in lines:
            for book in line.tick.books:
                self._times.setdefault(book.market_no, []).append(line.tick.t)
                self._books.setdefault(book.market_no, []).append(book)

    def book(self, market_no: int, at: int, *, yes: bool = True) -> MarketBook | None:
        """Return the newest book seen by an instant, as the YES or the NO leg sees it; None when there was none."""
        step = bisect_right(self._times.get(market_no, []), at)
        return self._books[market_no][step - 1].side(yes=yes) if step else None

    def mid(self, market_no: int, at: int, *, yes: bool = True) -> int | None:
        """Return the newest mid of a two-sided book seen by an instant, 1e-4 dollars of the leg."""
        step = bisect_right(self._times.get(market_no, []), at)
        while step:
            step -= 1
            found = self._books[market_no][step].side(yes=yes).mid_e4
            if found is not None:
                return found
        return None

    def bid(self, market_no: int, at: int, *, yes: bool = True) -> int | None:
        """Return the best bid of the newest book seen by an instant, None without one."""
        book = self.book(market_no, at, yes=yes)
        return book.bids[0][0] if book is not None and book.bids else None
