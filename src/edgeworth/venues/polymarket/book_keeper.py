"""Keep books from the market channel's frames, and doubt them when anything was missed.

The channel has no sequence numbers, so a gap shows by its effects: another best price than the venue states, an older
stamp than one seen, a price off the grid, a change that cannot be read, a REST book that differs. A doubted book is
invalid at once and its changes are kept aside; a snapshot no older than what the book had seen, followed by the
changes kept aside, makes it valid again.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from edgeworth.core.book import CHANGES, EVENT_TIME, KNOWN_AT, PROVEN_AT, TICK, Answer, Books, BookSnapshot, Level
from edgeworth.core.records import Rejected
from edgeworth.core.units import ONE_PRICE, SECOND
from edgeworth.venues.polymarket.ws_wire import (
    BestPrices,
    BookMessage,
    MarketMessage,
    MarketResolved,
    NewMarket,
    PriceChanges,
    TickChange,
    TokenChange,
    Trade,
    UnknownEvent,
    decode_market,
)
from edgeworth.venues.streams.hand_over import HandOver

Fast = Callable[[bytes, int], int]  # frame, when it came -> 0 or more: applied, -1: left alone, -2 - n: doubt book n
MakeFast = Callable[[Books], Fast]  # called again whenever the books' version has changed
_LEAVE: Final = -1
_KEPT_ASIDE: Final = 2_000  # changes of one doubted book; with more of them it waits for a later snapshot
_DOUBTS_KEPT: Final = 10_000  # closed gaps that nobody has fetched yet
_TRADES_KNOWN: Final = 20_000  # printed trades remembered, to apply a repeated one once
_CLAIM_US: Final = 1 * SECOND  # stated best prices may come that much before the change they tell of
_MATCHES: Final = 20  # hashes that must agree before one that does not is believed
_GRIDS: Final = (1_000, 100, 50, 25, 10, 5, 1)


class Cause(StrEnum):
    """Why a book was doubted."""

    BEST = "best-price-mismatch"
    ORDER = "older-than-seen"
    GRID = "price-off-grid"
    UNREADABLE = "change-unreadable"
    REST = "rest-book-differs"
    TICK = "tick-changed"
    HASH = "hash-mismatch"
    LOST = "connection-lost"
    SILENT = "no-data"


class Doubt(msgspec.Struct, frozen=True):
    """One gap: the book of `token` (YES leg) was in doubt from `since` to `until` (None = still), microseconds.

    `proven_at` is when its best prices were last known to be the venue's.
    """

    token: str
    cause: Cause
    since: int
    proven_at: int
    until: int | None = None


class KeeperCounts(msgspec.Struct):
    """What came in; `decoded` frames are those not taken by compiled code, the rest counts messages not used."""

    decoded: int = 0
    messages: int = 0
    unknown_events: int = 0
    rejected: int = 0
    foreign: int = 0
    ignored_invalid: int = 0
    old_books: int = 0
    repeated_trades: int = 0
    doubts: int = 0
    hash_matches: int = 0
    hash_misses: int = 0


class _Journal(msgspec.Struct):
    """Levels (price of YES, is bid) that changed while a comparison was under way, and the stamp seen at its start."""

    stamp: int
    levels: set[Level]


def _make_none(_books: Books) -> Fast:
    return lambda _frame, _now: _LEAVE


class Audience(Protocol):
    """Who is told what the frames say, besides the books."""

    def doubted(self, number: int, cause: Cause) -> None:
        """Be told that a book became invalid and needs a snapshot."""

    def traded(self, trade: Trade) -> None:
        """Take a trade; each is told once."""

    def told(self, message: NewMarket | MarketResolved | TickChange | UnknownEvent | Rejected) -> None:
        """Take what concerns no book's levels."""


class BookKeeper:
    """Feed frames, ask the books. `fast` makes a compiled function for the frames it can take (see `MakeFast`)."""

    def __init__(self, books: Books, audience: Audience, fast: MakeFast | None = None) -> None:
        self.books = books
        self.counts = KeeperCounts()
        self.closed: HandOver[Doubt] = HandOver(_DOUBTS_KEPT)
        self._audience = audience
        self._make = fast or _make_none
        self._version = -1
        self._renew()
        self._aside: dict[int, list[tuple[int, TokenChange]]] = {}
        self._open: dict[int, Doubt] = {}
        self._claims: dict[int, tuple[BestPrices, int, int]] = {}  # with the changes so far, and when it must hold
        self._journals: dict[int, _Journal | None] = {}  # None: the whole book was replaced meanwhile
        self._trades: dict[tuple[object, ...], None] = {}

    def feed(self, frame: bytes, now: int) -> None:
        """Apply one frame that came at `now`; nothing is raised for what it holds."""
        if self._version != self.books.version:
            self._renew()
        done = self._fast(frame, now)
        if done < 0:
            self._usual(frame, now, done)

    def use_fast(self, fast: MakeFast) -> None:
        """Take other compiled code for frames; it must leave the same books."""
        self._make = fast
        self._renew()

    def _renew(self) -> None:
        """Bind the compiled function to where the books lie now."""
        self._fast = self._make(self.books)
        self._version = self.books.version

    def _usual(self, frame: bytes, now: int, done: int) -> None:
        """Decode a frame that was left, or doubt the book that disagreed with one that was applied."""
        if done < _LEAVE:
            self.doubt(_LEAVE - 1 - done, Cause.BEST, now)
            return
        messages = decode_market(frame, now)
        self.counts.decoded += 1
        self.counts.messages += len(messages)
        for message in messages:
            self._take(message, now)

    def _take(self, message: MarketMessage, now: int) -> None:
        """Apply one message."""
        if isinstance(message, PriceChanges):
            self._changes(message, now)
        elif isinstance(message, Trade):
            self._trade(message, now)
        elif isinstance(message, BookMessage):
            self._book(message, now)
        elif isinstance(message, BestPrices):
            self._best(message, now)
        else:
            self._rest(message, now)

    def doubt(self, number: int, cause: Cause, now: int) -> None:
        """Make a book invalid, keep its coming changes aside, and ask the audience for a snapshot."""
        books = self.books
        books.doubt(number)
        books.watch(number)
        if number not in self._open:
            self.counts.doubts += 1
            self._open[number] = Doubt(books.pairs[number][0], cause, now, books.field(number, PROVEN_AT))
            self._aside[number] = []
        self._audience.doubted(number, cause)

    def start_over(self, numbers: Sequence[int], now: int, cause: Cause | None = None) -> None:
        """Make books wait for the first snapshot of a new connection; with a cause this is a gap of its own."""
        for number in numbers:
            if cause and self.books.is_valid(number):
                self.doubt(number, cause, now)
            self.books.forget(number)
            self.books.watch(number)
            self._aside[number] = []
            self._claims.pop(number, None)
            if number in self._journals:
                self._journals[number] = None

    def drop(self, number: int) -> None:
        """Forget a market."""
        self.books.close(number)
        self._open.pop(number, None)
        self._aside.pop(number, None)
        self._claims.pop(number, None)
        self._journals.pop(number, None)

    def open_doubts(self) -> list[Doubt]:
        """Return the gaps that are still open."""
        return list(self._open.values())

    def offer(self, found: BookSnapshot, asked_at: int, now: int) -> bool:
        """Give a book that waits a snapshot asked for elsewhere; False when it is too old to be joined to the changes.

        It proves the book as of `asked_at`; later changes that were kept aside are applied to it.
        """
        place = self.books.tokens.get(found.token)
        if not place:
            return False
        number, leg = place
        aside = self._aside.get(number, [])
        if len(aside) >= _KEPT_ASIDE:
            aside.clear()  # what was cut off is unknown: only a snapshot from after it can help
            self.books.doubt(number)
            return False
        heard_at = self.books.field(number, KNOWN_AT)  # REST says nothing about the socket
        if not self._replace(number, leg, found, heard_at, asked_at):
            return False
        stamp = found.event_time or 0
        later = [(at, change) for at, change in aside if at >= stamp]
        self._settled(number, now)
        for at, change in later:
            mine = self.books.tokens.get(change.token)
            if mine:
                self.books.change(*mine, change.change, at, now)
        if later:
            at, last = later[-1]
            self._check([last], at, now)
        return self.books.is_valid(number)

    def begin_compare(self, numbers: Sequence[int]) -> None:
        """Note from now on which levels of these books change, so that a comparison can leave them out."""
        for number in numbers:
            self._journals[number] = _Journal(self.books.field(number, EVENT_TIME), set())
            self.books.watch(number)

    def compare(self, found: BookSnapshot, asked_at: int, now: int) -> bool | None:
        """Compare a book with a REST snapshot asked for at `asked_at`; None when that proves nothing.

        Levels that changed since `begin_compare` are left out, so changes under way are no mismatch.
        """
        place = self.books.tokens.get(found.token)
        if not place or not self.books.is_valid(place[0]):
            return None
        number, leg = place
        journal = self._journals.get(number)
        if journal is None or (found.event_time or 0) < journal.stamp:
            return None
        flipped = {(ONE_PRICE - price, 1 - bid) for price, bid in journal.levels} if leg else journal.levels
        ours = self.books.levels_of(number, leg)
        for is_bid, mine, theirs in ((1, ours[0], found.bids), (0, ours[1], found.asks)):
            differing = {price for price, _ in set(mine) ^ set(theirs)}
            if any((price, is_bid) not in flipped for price in differing):
                self.doubt(number, Cause.REST, now)
                return False
        self.books.prove(number, asked_at)
        return True

    def end_compare(self, numbers: Sequence[int]) -> None:
        """Stop noting which levels change."""
        for number in numbers:
            self._journals.pop(number, None)
            if self.books.is_valid(number):
                self.books.watch(number, on=False)

    def settle_claims(self, now: int) -> None:
        """Doubt the books whose stated best prices were not followed by the change that explains them."""
        for number, (claim, changes, due) in list(self._claims.items()):
            if self.books.field(number, CHANGES) != changes or not self.books.is_valid(number):
                del self._claims[number]
            elif now >= due:
                del self._claims[number]
                self._compare_best(claim, now)

    def silence(self, number: int, now: int) -> int:
        """Return for how many microseconds the socket has said nothing of a book."""
        return now - self.books.field(number, KNOWN_AT)

    def age(self, number: int, now: int) -> int:
        """Return for how many microseconds nothing was heard of a book and nothing else has proven it."""
        return now - max(self.books.field(number, KNOWN_AT), self.books.field(number, PROVEN_AT))

    # messages

    def _changes(self, message: PriceChanges, now: int) -> None:
        checked: list[TokenChange] = []
        for item in message.changes:
            place = self.books.tokens.get(item.token)
            if not place:
                self.counts.foreign += 1
                continue
            number = place[0]
            stamp = message.event_time or self.books.field(number, EVENT_TIME)
            answer = self.books.change(*place, item.change, stamp, now)
            if answer is Answer.APPLIED:
                checked.append(item)
                self._journal(number, place[1], item)
            elif answer is Answer.NOT_VALID:
                self._put_aside(number, stamp, item)
            else:
                self.doubt(number, Cause.ORDER if answer is Answer.OLD else Cause.GRID, now)
                self._put_aside(number, stamp, item)
        self._check(checked, message.event_time, now)
        for token in message.spoiled:
            place = self.books.tokens.get(token)
            if place:
                self.doubt(place[0], Cause.UNREADABLE, now)

    def _check(self, items: Sequence[TokenChange], stamp: int, now: int) -> None:
        """Compare with the best prices of the last statement for each token: they were so at the venue's stamp."""
        for item in {item.token: item for item in items}.values():
            number, leg = self.books.tokens[item.token]
            if self.books.check(number, leg, item.best_bid_e4, item.best_ask_e4, min(stamp, now)) is Answer.MISMATCH:
                self.doubt(number, Cause.BEST, now)

    def _put_aside(self, number: int, stamp: int, item: TokenChange) -> None:
        aside = self._aside.get(number)
        if aside is None or len(aside) >= _KEPT_ASIDE:
            self.counts.ignored_invalid += 1
        else:
            aside.append((stamp, item))

    def _journal(self, number: int, leg: int, item: TokenChange) -> None:
        journal = self._journals.get(number)
        if journal is not None:
            price = item.change.price_e4
            journal.levels.add((ONE_PRICE - price if leg else price, int(item.change.is_bid) ^ leg))

    def _book(self, message: BookMessage, now: int) -> None:
        place = self.books.tokens.get(message.book.token)
        if not place:
            self.counts.foreign += 1
            return
        number, leg = place
        if message.digest and not self._hash_holds(message):
            self.doubt(number, Cause.HASH, now)
            return
        stamp = message.book.event_time or now
        first = not self.books.field(number, EVENT_TIME)  # a subscription's first book stands now, whatever its stamp
        if not self._replace(number, leg, message.book, now, now if first else min(stamp, now)):
            self.counts.old_books += 1
            return
        self._settled(number, now)

    def _hash_holds(self, message: BookMessage) -> bool:
        counts = self.counts
        if message.digest == message.book.hash:
            counts.hash_matches += 1
            return True
        counts.hash_misses += 1
        return counts.hash_matches < _MATCHES

    def _replace(self, number: int, leg: int, found: BookSnapshot, now: int, proven_at: int) -> bool:
        """Put a snapshot in place, on its own grid; False when it is older than what the book has seen."""
        books = self.books
        if (found.event_time or 0) < books.field(number, EVENT_TIME):
            return False
        prices = [price for side in (found.bids, found.asks) for price, _ in side]
        tick = found.tick_e4 or books.field(number, TICK)
        if any(price % tick for price in prices):
            tick = next(grid for grid in _GRIDS if all(price % grid == 0 for price in prices))
        if tick != books.field(number, TICK):
            books.new_epoch(number, tick)
        self._claims.pop(number, None)
        if number in self._journals:
            self._journals[number] = None
        fresh = msgspec.structs.replace(found, known_at=now)
        return books.replace(number, leg, fresh, proven_at) is Answer.APPLIED

    def _settled(self, number: int, now: int) -> None:
        """Close a book's gap."""
        self._aside.pop(number, None)
        doubt = self._open.pop(number, None)
        if doubt is not None:
            self.closed.put(msgspec.structs.replace(doubt, until=now))

    def _trade(self, trade: Trade, now: int) -> None:
        key, known = (trade.transaction, trade.token, trade.price_e4, trade.size_e6, trade.event_time), self._trades
        if key in known and trade.transaction:
            self.counts.repeated_trades += 1
            return
        known[key] = None
        if len(known) > _TRADES_KNOWN:
            del known[next(iter(known))]
        place = self.books.tokens.get(trade.token)
        if place:
            self.books.hear(place[0], now)
            self._audience.traded(trade)
        else:
            self.counts.foreign += 1

    def _best(self, message: BestPrices, now: int) -> None:
        place = self.books.tokens.get(message.token)
        if not place:
            self.counts.foreign += 1
            return
        number, leg = place
        self.books.hear(number, now)
        if message.event_time < self.books.field(number, EVENT_TIME) or not self.books.is_valid(number):
            return
        bid, ask = self.books.best(number, leg)
        stated = (message.best_bid_e4 or None, (message.best_ask_e4 or 0) % ONE_PRICE or None)
        if (bid, ask) == stated:
            self.books.prove(number, min(message.event_time, now))
            self._claims.pop(number, None)
        else:
            self._claims[number] = (message, self.books.field(number, CHANGES), now + _CLAIM_US)

    def _compare_best(self, claim: BestPrices, now: int) -> None:
        number, leg = self.books.tokens[claim.token]
        if self.books.check(number, leg, claim.best_bid_e4, claim.best_ask_e4, claim.event_time) is Answer.MISMATCH:
            self.doubt(number, Cause.BEST, now)

    def _rest(self, message: TickChange | NewMarket | MarketResolved | UnknownEvent | Rejected, now: int) -> None:
        if isinstance(message, UnknownEvent):
            self.counts.unknown_events += 1
        elif isinstance(message, Rejected):
            self.counts.rejected += 1
        elif isinstance(message, TickChange):
            place = self.books.tokens.get(message.token)
            if not place:
                self.counts.foreign += 1
                return
            if self.books.field(place[0], TICK) == message.tick_e4:
                return  # the other token's notice of the same change
            self.books.new_epoch(place[0], message.tick_e4)
            self.doubt(place[0], Cause.TICK, now)
        self._audience.told(message)
