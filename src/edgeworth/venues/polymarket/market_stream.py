"""Live books and trades of chosen markets: sockets of at most 200 tokens each, and a watch over whether they are true.

A book is only given out while nothing speaks against it. Every second the watch settles open claims and looks at the
age of each book's data; quiet books, and every minute the chosen ones, are compared with REST; a doubted book asks for
a snapshot until it has one, and a socket whose books turn out to be wrong in silence is opened anew. Sources: the
venue's documentation of the channel; limits and recipes as its clients use them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec

from edgeworth.core import random
from edgeworth.core.book import PROVEN_AT, Books, BookSnapshot
from edgeworth.core.clock import Clock
from edgeworth.core.errors import VenueError
from edgeworth.core.records import Rejected
from edgeworth.core.units import SECOND
from edgeworth.venues.polymarket.book_keeper import BookKeeper, Cause, MakeFast
from edgeworth.venues.polymarket.ws_wire import MarketResolved, NewMarket, TickChange, Trade, UnknownEvent
from edgeworth.venues.streams.hand_over import HandOver
from edgeworth.venues.streams.socket import Socket, Timing
from edgeworth.venues.streams.wire import Connect

Snapshot = Callable[[Sequence[str]], Awaitable[Sequence[BookSnapshot]]]
Notice = NewMarket | MarketResolved | TickChange | UnknownEvent | Rejected
TOKENS_PER_SOCKET: Final = 200
_ASK_AT_ONCE: Final = 200


class StreamMarket(msgspec.Struct, frozen=True):
    """A market to follow: its two tokens (`no` may be "") and its tick; `chosen` ones are compared every minute."""

    yes: str
    no: str = ""
    tick_e4: int = 100
    chosen: bool = True


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, unless said otherwise.

    A book is compared with REST when nothing was heard of it for `quiet_after`, chosen ones at least every
    `compare_every`; an answer is judged `grace` later, so that changes under way arrive first. A first snapshot that
    does not come within `first_within` is fetched. After `tries` failed repairs its socket is opened anew.
    """

    quiet_after: float = 60.0
    compare_every: float = 60.0
    grace: float = 1.0
    first_within: float = 5.0
    look_every: float = 1.0
    repair_pause: float = 0.25
    longest_pause: float = 60.0
    tries: int = 4
    queue: int = 10_000
    tokens_per_socket: int = TOKENS_PER_SOCKET


class StreamCounts(msgspec.Struct):
    """What the watch did."""

    compares: int = 0
    agreed: int = 0
    differed: int = 0
    undecided: int = 0
    repairs: int = 0
    repair_failures: int = 0
    renewals: int = 0


class _Shard:
    """The markets of one socket."""

    def __init__(self, stream: "MarketStream", numbers: list[int], socket_url: str, name: int) -> None:
        self.numbers = numbers
        self._stream = stream
        draws = random.stream(stream.seed, "market-stream", name)
        self.socket = Socket(socket_url, stream.connect, self, stream.clock, draws)
        self.socket.timing = stream.timing
        self.opened_at: int | None = None

    def greeting(self) -> Sequence[str]:
        """Subscribe to every token of the shard."""
        return [self._frame({"type": "market", "initial_dump": True}, self.numbers)]

    def more(self, numbers: Sequence[int]) -> str:
        """Return the frame that subscribes to more markets on an open socket."""
        return self._frame({"operation": "subscribe"}, numbers)

    def _frame(self, head: dict[str, object], numbers: Sequence[int]) -> str:
        tokens = [token for number in numbers for token in self._stream.books.pairs[number] if token]
        return msgspec.json.encode({**head, "assets_ids": tokens, "custom_feature_enabled": True}).decode()

    def opened(self) -> None:
        """Wait for first snapshots."""
        self.opened_at = self._stream.clock.now()
        self._stream.keeper.start_over(self.numbers, self.opened_at)

    def heard(self, frame: bytes) -> None:
        """Feed a frame."""
        self._stream.keeper.feed(frame, self._stream.clock.now())

    def lost(self, cause: str) -> None:
        """Doubt every book of the shard."""
        del cause
        self.opened_at = None
        self._stream.keeper.start_over(self.numbers, self._stream.clock.now(), Cause.LOST)


class MarketStream:
    """Follow markets until cancelled. `snapshot` fetches REST books of tokens; `fast` compiles the hot path."""

    def __init__(  # noqa: PLR0913  (every seam to the outside is named)
        self,
        url: str,
        connect: Connect,
        snapshot: Snapshot,
        clock: Clock,
        *,
        fast: MakeFast | None = None,
        settings: StreamSettings | None = None,
        timing: Timing | None = None,
        seed: int = 0,
    ) -> None:
        self.url, self.connect, self.clock, self.seed = url, connect, clock, seed
        self.timing = timing or Timing()
        self.settings = settings or StreamSettings()
        self.books = Books()
        self.counts = StreamCounts()
        self.trades: HandOver[Trade] = HandOver(self.settings.queue)
        self.notices: HandOver[Notice] = HandOver(self.settings.queue)
        self.keeper = BookKeeper(self.books, self, fast)
        self._snapshot = snapshot
        self._shards: list[_Shard] = []
        self._shard_of: dict[int, _Shard] = {}
        self._chosen: list[int] = []
        self._compared_at: dict[int, int] = {}
        self._broken: set[int] = set()
        self._failures: dict[int, int] = {}
        self._retry_at: dict[int, int] = {}
        self._ask = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    def follow(self, markets: Iterable[StreamMarket]) -> None:
        """Add markets; before `run` or while it runs. Markets that are followed already stay as they are."""
        fresh: list[int] = []
        now = self.clock.now()
        for market in markets:
            if market.yes in self.books.tokens:
                continue
            number = self.books.open(market.yes, market.no, market.tick_e4)
            fresh.append(number)
            self._compared_at[number] = now
            if market.chosen:
                self._chosen.append(number)
        self.keeper.start_over(fresh, now)
        share = max(self.settings.tokens_per_socket // 2, 1)
        for shard in self._shards:
            fresh = self._fill(shard, fresh, share)
        while fresh:
            shard = _Shard(self, [], self.url, len(self._shards))
            fresh = self._fill(shard, fresh, share)
            self._shards.append(shard)
            if self._tasks is not None:
                self._tasks.create_task(shard.socket.run())

    def _fill(self, shard: _Shard, fresh: list[int], share: int) -> list[int]:
        """Put as many markets on a socket as it has room for; return the others."""
        room = share - len(shard.numbers)
        taken, left = fresh[:room], fresh[room:]
        if room <= 0 or not taken:
            return fresh
        shard.numbers += taken
        self._shard_of.update(dict.fromkeys(taken, shard))
        if self._tasks is not None and shard.socket.is_open:
            self._tasks.create_task(shard.socket.send(shard.more(taken)))
        return left

    async def unfollow(self, tokens: Iterable[str]) -> None:
        """Drop the markets of these tokens: their books are closed and their subscription ends."""
        for token in tokens:
            place = self.books.tokens.get(token)
            if not place:
                continue
            number = place[0]
            shard = self._shard_of.pop(number)
            shard.numbers.remove(number)
            names = [name for name in self.books.pairs[number] if name]
            self.keeper.drop(number)
            self._compared_at.pop(number, None)
            self._chosen = [other for other in self._chosen if other != number]
            frame = {"operation": "unsubscribe", "assets_ids": names}
            await shard.socket.send(msgspec.json.encode(frame).decode())

    async def run(self) -> None:
        """Keep sockets, books and watch going; ends only when cancelled, closing every socket."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                for shard in self._shards:
                    tasks.create_task(shard.socket.run())
                tasks.create_task(self._repair())
                tasks.create_task(self._watch())
                tasks.create_task(self._compare_all())
        finally:
            self._tasks = None

    def book(self, token: str, within_s: float | None = None) -> BookSnapshot | None:
        """Return a token's book; None while it is invalid, or not proven for longer than `within_s`."""
        place = self.books.tokens.get(token)
        if not place:
            return None
        if within_s is not None and self.clock.now() - self.books.field(place[0], PROVEN_AT) > within_s * SECOND:
            return None
        return self.books.snapshot(token)

    async def proven(self, token: str, within_s: float = 3.0) -> BookSnapshot | None:
        """Return a book whose best prices were the venue's within the last seconds, asking REST if need be.

        This is what a decision asks: None means that the book cannot be relied upon now.
        """
        found = self.book(token, within_s)
        place = self.books.tokens.get(token)
        if found or not place or not self.books.is_valid(place[0]):
            return found
        await self._compare([place[0]], grace=0.0)
        return self.book(token, within_s)

    @property
    def sockets(self) -> list[Socket]:
        """Return the sockets, for their counts."""
        return [shard.socket for shard in self._shards]

    # the keeper's audience

    def doubted(self, number: int, cause: Cause) -> None:
        """Ask for a snapshot, unless a new connection brings one anyway."""
        if cause is not Cause.LOST:
            self._broken.add(number)
            self._ask.set()

    def traded(self, trade: Trade) -> None:
        """Hand a trade over."""
        self.trades.put(trade)

    def told(self, message: Notice) -> None:
        """Hand a notice over."""
        self.notices.put(message)

    # repair

    async def _repair(self) -> None:
        """Fetch snapshots for doubted books until each has one it can join."""
        while True:
            await self._ask.wait()
            self._ask.clear()
            while self._broken:
                await self.clock.sleep(self.settings.repair_pause)
                self._broken = {number for number in self._broken if self._waits(number)}
                now = self.clock.now()
                due = [number for number in sorted(self._broken) if self._retry_at.get(number, 0) <= now]
                if due:
                    await self._mend(due[:_ASK_AT_ONCE])

    def _waits(self, number: int) -> bool:
        """Tell whether a book still needs a snapshot; those that have one, or are not followed any more, do not."""
        if number in self._compared_at and not self.books.is_valid(number):
            return True
        self._failures.pop(number, None)
        self._retry_at.pop(number, None)
        return False

    async def _mend(self, numbers: Sequence[int]) -> None:
        """Offer REST snapshots to books once; a book that cannot join one again and again gets a new socket."""
        self.counts.repairs += len(numbers)
        answered = set()
        asked = self.clock.now()
        for found in await self._books_of(numbers):
            place = self.books.tokens.get(found.token)
            if place:
                answered.add(place[0])
                self.keeper.offer(found, asked, self.clock.now())
        for number in numbers:
            if not self._waits(number):
                continue
            self.counts.repair_failures += 1
            tried = self._failures[number] = self._failures.get(number, 0) + 1
            pause = min(self.settings.repair_pause * 2.0**tried, self.settings.longest_pause)
            self._retry_at[number] = self.clock.now() + round(pause * SECOND)
            if tried % self.settings.tries == 0 and number in answered:
                self._renew(number, "its book could not be joined to a snapshot")

    async def _books_of(self, numbers: Sequence[int]) -> Sequence[BookSnapshot]:
        try:
            return await self._snapshot([self.books.pairs[number][0] for number in numbers])
        except VenueError:
            return ()  # counted by the caller: the books still wait, or the comparison is undecided

    def _renew(self, number: int, cause: str) -> None:
        self.counts.renewals += 1
        self._shard_of[number].socket.renew(cause)

    # watch

    async def _watch(self) -> None:
        while True:
            await self.clock.sleep(self.settings.look_every)
            now = self.clock.now()
            self.keeper.settle_claims(now)
            self._ask_for_first(now)

    async def _compare_all(self) -> None:
        while True:
            await self.clock.sleep(self.settings.look_every)
            due = self._due(self.clock.now())
            for begin in range(0, len(due), _ASK_AT_ONCE):
                await self._compare(due[begin : begin + _ASK_AT_ONCE], self.settings.grace)

    def _ask_for_first(self, now: int) -> None:
        for shard in self._shards:
            if shard.opened_at is None or now - shard.opened_at < self.settings.first_within * SECOND:
                continue
            missing = {number for number in shard.numbers if not self.books.is_valid(number)}
            if missing - self._broken:
                self._broken |= missing
                self._ask.set()

    def _due(self, now: int) -> list[int]:
        """Return the valid books to compare now: chosen ones by the minute, others when they are quiet."""
        every, quiet = self.settings.compare_every * SECOND, self.settings.quiet_after * SECOND
        due = {number for number in self._chosen if now - self._compared_at[number] >= every}
        due |= {
            number
            for number, compared in self._compared_at.items()
            if now - compared >= quiet and self.keeper.age(number, now) >= quiet
        }
        return [number for number in sorted(due) if self.books.is_valid(number)]

    async def _compare(self, numbers: Sequence[int], grace: float) -> None:
        """Compare books with REST; a quiet book that differs means that its socket has gone silent."""
        asked = self.clock.now()
        quiet_us = self.settings.quiet_after * SECOND
        quiet = {number for number in numbers if self.keeper.silence(number, asked) >= quiet_us}
        self.keeper.begin_compare(numbers)
        try:
            found = await self._books_of(numbers)
            if grace:
                await self.clock.sleep(grace)
            now = self.clock.now()
            answers = {book.token: self.keeper.compare(book, asked, now) for book in found}
        finally:
            self.keeper.end_compare(numbers)
        for number in numbers:
            if number not in self._compared_at:
                continue  # not followed any more
            self._compared_at[number] = asked
            self._count(answers.get(self.books.pairs[number][0]), number in quiet, number)

    def _count(self, answer: bool | None, was_quiet: bool, number: int) -> None:
        self.counts.compares += 1
        if answer is None:
            self.counts.undecided += 1
        elif answer:
            self.counts.agreed += 1
        else:
            self.counts.differed += 1
            if was_quiet:
                self._renew(number, "silent: the venue's book has moved on")
