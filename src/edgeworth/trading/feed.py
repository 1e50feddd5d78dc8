"""What the bot looks at: books asked for at every tick, and now and then what the venue says of the markets themselves.

Staleness is judged by the age of data: a book that was not answered is not there, and neither is one whose stamp lies
before one seen already; when the newest stamp of many books stands still, none of them is believed, though the venue
answers. A market whose standing nobody has looked up for too long is not open.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Retryable, VenueError
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.trading.risk import MarketStatus
from edgeworth.trading.ticks import Tick, market_book
from edgeworth.trading.watched import Directory

_MANY: Final = 10  # books of which at least one moves all the time
_STANDS: Final = 2 * MINUTE  # so long a time without any change in all of them is no venue's life
_NEWS_LASTS: Final = 10 * MINUTE  # after that a market's standing counts as unknown


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of a market: its standing, scheduled end, and payout of YES once that is final."""

    market_no: int
    status: MarketStatus
    scheduled_end: Micros | None = None
    payout_e4: int | None = None


class Reads(Protocol):
    """The venue's public reads."""

    async def books(self, tokens: Sequence[str]) -> Sequence[BookSnapshot]:
        """Return the books of tokens; those without one are missing. Raises VenueError."""

    async def news(self, market_nos: Sequence[int]) -> Sequence[News]:
        """Return the standing of markets; unknown ones are missing. Raises VenueError."""


class BookBoard:
    """The newest book of every token, as far as it is known."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._books: dict[str, BookSnapshot] = {}

    def put(self, books: Iterable[BookSnapshot]) -> None:
        """Take whole books of YES or NO tokens; each stands for both legs of its market."""
        for book in books:
            market = self._directory.by_token.get(book.token)
            if market is not None:
                is_yes = market.yes_token == book.token
                self._books[market.yes_token] = book if is_yes else book.mirrored(market.yes_token)

    def doubt(self, tokens: Iterable[str]) -> None:
        """Forget books that may not be the venue's any more; named by their YES tokens."""
        for token in tokens:
            self._books.pop(token, None)

    def book(self, token: str) -> BookSnapshot | None:
        """Return a token's book in its own terms, None where there is none."""
        market = self._directory.by_token.get(token)
        found = None if market is None else self._books.get(market.yes_token)
        if found is None or market is None or market.yes_token == token:
            return found
        return found.mirrored(token)

    def best_bid(self, token: str) -> int | None:
        """Return the best bid of a token in 1e-4 dollars, None without one."""
        found = self.book(token)
        return found.bids[0][0] if found is not None and found.bids else None


class Watcher:
    """Make ticks of a venue's reads. `news_every` is how often the markets' standing is asked for, microseconds."""

    def __init__(self, reads: Reads, directory: Directory, clock: Clock, news_every: int = MINUTE) -> None:
        self.board = BookBoard(directory)
        self.failure: VenueError | None = None
        self._reads, self._directory, self._clock, self._every = reads, directory, clock, news_every
        self._news: dict[int, tuple[int, News]] = {}
        self._stamps: dict[str, int] = {}
        self._asked_at: int | None = None
        self._last: dict[str, int] = {}

    async def look(self) -> Tick:
        """Ask for all books and return what is known; a call that fails leaves its books out, see `failure`."""
        self.failure = None
        await self._ask_news()
        tokens = [
            one.yes_token for one in self._directory if self.standing(one.market_no) is not MarketStatus.CLOSED
        ]  # fmt: skip
        try:
            books = list(await self._reads.books(tokens))
        except VenueError as error:
            self.failure, books = error, []
        books = self._moving(books)
        answered = {book.token for book in books}
        self.board.doubt(token for token in tokens if token not in answered)
        self.board.put(books)
        seen = [
            market_book(self._directory.by_token[book.token].market_no, book)
            for book in books
            if book.token in self._directory.by_token
        ]
        seen.sort(key=lambda book: book.market_no)
        now = self._clock.now()
        status = {one.market_no: self.standing(one.market_no) for one in self._directory}
        odd = sorted((number, word.value) for number, word in status.items() if word is not MarketStatus.OPEN)
        return Tick(t=now, books=tuple(seen), status=tuple(odd))

    def _moving(self, books: list[BookSnapshot]) -> list[BookSnapshot]:
        """Leave out books older than ones seen already, and all of many when nothing in them moves any more."""
        stamped = [book for book in books if book.event_time is not None]
        newest = max((book.event_time or 0 for book in stamped), default=0)
        age = self._clock.now() - newest
        if len(stamped) >= _MANY and age > _STANDS:
            words = f"the newest of {len(stamped)} books is {age // SECOND} s old"
            self.failure = Retryable("venue-unavailable", words)
            return []
        found = [book for book in books if (book.event_time or 0) >= self._stamps.get(book.token, 0)]
        self._stamps.update((book.token, book.event_time or 0) for book in found)
        return found

    def standing(self, market_no: int) -> MarketStatus:
        """Return where a market is in its life, as far as was heard not too long ago."""
        found = self._news.get(market_no)
        if found is not None and found[1].payout_e4 is not None:
            return MarketStatus.CLOSED  # for ever: nobody asks again
        if found is None or self._clock.now() - found[0] > _NEWS_LASTS:
            return MarketStatus.UNKNOWN
        return found[1].status

    def scheduled_end(self, market_no: int) -> Micros | None:
        """Return a market's scheduled end as it is known now."""
        found = self._news.get(market_no)
        if found is not None and found[1].scheduled_end is not None:
            return found[1].scheduled_end
        known = self._directory.by_no.get(market_no)
        return None if known is None else known.scheduled_end

    def worth(self, token: str) -> int | None:
        """Return what a share can be counted at: its payout, else its best bid, else the last one that was seen."""
        paid = self.payouts().get(token)
        if paid is not None:
            return paid
        book = self.board.book(token)
        if book is not None:
            self._last[token] = book.bids[0][0] if book.bids else 0
        return self._last.get(token)

    def payouts(self) -> Mapping[str, int]:
        """Return what tokens of markets with a final outcome pay, 1e-4 dollars a share."""
        found: dict[str, int] = {}
        for number, (_, news) in self._news.items():
            market = self._directory.by_no.get(number)
            if market is not None and news.payout_e4 is not None:
                found[market.yes_token], found[market.no_token] = news.payout_e4, 10_000 - news.payout_e4
        return found

    async def _ask_news(self) -> None:
        now = self._clock.now()
        if self._asked_at is not None and now - self._asked_at < self._every:
            return
        wanted = [
            one.market_no
            for one in self._directory
            if (known := self._news.get(one.market_no)) is None or known[1].payout_e4 is None
        ]
        try:
            told = await self._reads.news(wanted)
        except VenueError as error:
            self.failure = error
            return
        self._asked_at = now
        for one in told:
            self._news[one.market_no] = (now, one)
