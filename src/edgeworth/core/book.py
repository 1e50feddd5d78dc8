"""Order books in integers: one canonical YES book per market, levels by price tick, best prices kept as they change.

What is said about the NO token is mirrored (price p becomes 1 - p, a bid becomes an ask). A book is *valid* only
between a whole snapshot and the first doubt; every tick change starts a new epoch and needs a new snapshot. All books
of a `Books` lie in one flat array of integers, so that compiled code can work on the same memory.

A book's place in it begins with a head: the number of slots of a side, the tick, the slots of the best bid (-1 without
one) and best ask (the number of slots without one), validity, whether it is watched (compiled code must leave it
alone), the epoch, the venue's time of the last message, when that message came, when the best prices were last proven,
how many changes were applied, and the book's number. Then follow the sizes of its bids and of its asks.
"""

from array import array
from enum import IntEnum
from typing import Final

import msgspec

from edgeworth.core.records import Ids
from edgeworth.core.units import ONE_PRICE

HEAD: Final = 12  # integers of a head
SLOTS, TICK, BID, ASK, VALID, WATCHED, EPOCH, EVENT_TIME, KNOWN_AT, PROVEN_AT, CHANGES, NUMBER = range(HEAD)
YES_LEG, NO_LEG = 0, 1
_FIRST_ROOM: Final = 8_192  # integers of an empty `Books`

Level = tuple[int, int]


class BookSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A whole book of one token at one instant: levels are (price_e4, shares_e6), best first.

    `event_time` is the venue's stamp, `known_at` when we had it, `hash` the venue's own, "" where it gave none. `ids`
    names the market as far as the message does. `last_e4` is the last price of the YES leg, whichever token this is.
    """

    token: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    known_at: int
    event_time: int | None = None
    ids: Ids = ()
    tick_e4: int = 0
    min_size_e6: int = 0
    neg_risk: bool = False
    last_e4: int | None = None
    hash: str = ""

    def mirrored(self, token: str) -> "BookSnapshot":
        """Return the same book as the other token of the market sees it."""
        flip = [tuple((ONE_PRICE - price, size) for price, size in side) for side in (self.asks, self.bids)]
        return msgspec.structs.replace(self, token=token, bids=flip[0], asks=flip[1], hash="")


class Change(msgspec.Struct, frozen=True, gc=False):
    """The new absolute size of one level, in a token's own terms; size 0 removes the level."""

    price_e4: int
    size_e6: int
    is_bid: bool


class Answer(IntEnum):
    """What became of a message that was offered to a book."""

    APPLIED = 0
    NOT_VALID = 1  # the book waits for a snapshot
    OLD = 2  # the venue's stamp lies before what the book has seen
    OFF_GRID = 3  # a price that the tick does not allow: the grid has changed
    MISMATCH = 4  # the venue states another best price than the book has: something was missed


class Books:
    """Hold the books of many markets; `number` is a book's row. Prices in 1e-4 dollars, sizes in 1e-6 shares.

    `cells` is replaced by a larger array when it is full, `places` says where a book lies in it; `version` grows with
    everything that a holder of either must look up again. The first cell is free for such a holder.
    """

    def __init__(self) -> None:
        self.cells: array[int] = array("q", bytes(8 * _FIRST_ROOM))
        self.places: list[int] = []
        self.tokens: dict[str, tuple[int, int]] = {}
        self.pairs: list[tuple[str, str]] = []
        self.version = 0
        self._used = 1
        self._free: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self.pairs)

    def open(self, yes: str, no: str, tick_e4: int = 100) -> int:
        """Add a market by its two tokens (`no` may be "") and return its number; known tokens keep their book.

        Raises ValueError when `tick_e4` does not divide a dollar.
        """
        known = self.tokens.get(yes)
        if known:
            return known[0]
        number = len(self.pairs)
        self.places.append(self._place(number, tick_e4))
        self.pairs.append((yes, no))
        self.tokens[yes] = (number, YES_LEG)
        if no:
            self.tokens[no] = (number, NO_LEG)
        return number

    def close(self, number: int) -> None:
        """Forget a market's tokens; its number is not used again."""
        for token in self.pairs[number]:
            self.tokens.pop(token, None)
        self.doubt(number)
        self.version += 1

    def reserve(self, size: int) -> int:
        """Set cells aside for a holder's own use and return where they begin; they are zero and are never freed."""
        place = self._used
        self._used += size
        if self._used > len(self.cells):
            room = max(self._used - len(self.cells), len(self.cells))
            self.cells = self.cells + array("q", bytes(8 * room))  # a new object: views of the old one stay whole
        self.version += 1
        return place

    def replace(self, number: int, leg: int, found: BookSnapshot, proven_at: int | None = None) -> Answer:
        """Replace a whole book by a snapshot of one of its tokens, which makes it valid.

        `proven_at` is as of when it is the venue's (None = when it came). OLD when its stamp lies before what the book
        has seen, OFF_GRID when a price does not fit the tick: then nothing changes.
        """
        cells, at = self.cells, self.places[number]
        stamp, tick, slots = found.event_time or 0, cells[at + TICK], cells[at + SLOTS]
        if stamp < cells[at + EVENT_TIME]:
            return Answer.OLD
        if any(price % tick for side in (found.bids, found.asks) for price, _ in side):
            return Answer.OFF_GRID
        bids, asks = (found.bids, found.asks) if leg == YES_LEG else (found.asks, found.bids)
        low = at + HEAD
        high = low + slots
        cells[low : high + slots] = array("q", bytes(16 * slots))
        flip = 0 if leg == YES_LEG else slots - 1
        best_bid, best_ask = -1, slots
        for price, size in bids:
            slot = abs(flip - price // tick)
            cells[low + slot] = size
            if size and slot > best_bid:
                best_bid = slot
        for price, size in asks:
            slot = abs(flip - price // tick)
            cells[high + slot] = size
            if size and slot < best_ask:
                best_ask = slot
        cells[at + BID], cells[at + ASK] = best_bid, best_ask
        cells[at + VALID], cells[at + WATCHED] = 1, 0
        cells[at + EVENT_TIME] = stamp
        cells[at + KNOWN_AT] = found.known_at
        cells[at + PROVEN_AT] = found.known_at if proven_at is None else proven_at
        return Answer.APPLIED

    def change(self, number: int, leg: int, change: Change, stamp: int, known_at: int) -> Answer:
        """Set one level of a valid book. `stamp` is the venue's time of the message, `known_at` when it came."""
        cells, at = self.cells, self.places[number]
        if not cells[at + VALID]:
            return Answer.NOT_VALID
        if stamp < cells[at + EVENT_TIME]:
            return Answer.OLD
        slot, rest = divmod(change.price_e4, cells[at + TICK])
        if rest:
            return Answer.OFF_GRID
        slots, is_bid = cells[at + SLOTS], change.is_bid
        if leg != YES_LEG:
            slot, is_bid = slots - 1 - slot, not is_bid
        side = at + HEAD if is_bid else at + HEAD + slots
        cells[side + slot] = change.size_e6
        if is_bid:
            cells[at + BID] = self._best_bid(side, slot, cells[at + BID])
        else:
            cells[at + ASK] = self._best_ask(side, slot, cells[at + ASK], slots)
        cells[at + EVENT_TIME] = stamp
        cells[at + KNOWN_AT] = known_at
        cells[at + CHANGES] += 1
        return Answer.APPLIED

    def _best_bid(self, side: int, slot: int, best: int) -> int:
        """Return the best bid's slot after the size at `slot` was set."""
        cells = self.cells
        if cells[side + slot]:
            return max(best, slot)
        while best >= 0 and not cells[side + best]:
            best -= 1
        return best

    def _best_ask(self, side: int, slot: int, best: int, slots: int) -> int:
        """Return the best ask's slot after the size at `slot` was set."""
        cells = self.cells
        if cells[side + slot]:
            return min(best, slot)
        while best < slots and not cells[side + best]:
            best += 1
        return best

    def check(self, number: int, leg: int, best_bid: int | None, best_ask: int | None, proven_at: int) -> Answer:
        """Compare the best prices the venue states for a token with the book's; None = not stated.

        0 as a bid and 0 or 10000 as an ask say that there is none. MISMATCH makes the book invalid; agreement on both
        proves it as of `proven_at`.
        """
        at = self.places[number]
        if not self.cells[at + VALID]:
            return Answer.NOT_VALID
        bid, ask = self.best(number, leg)
        wrong_bid = best_bid is not None and bid != (best_bid or None)
        if wrong_bid or (best_ask is not None and ask != (best_ask % ONE_PRICE or None)):
            self.cells[at + VALID] = 0
            return Answer.MISMATCH
        if best_bid is not None and best_ask is not None:
            self.prove(number, proven_at)
        return Answer.APPLIED

    def best(self, number: int, leg: int = YES_LEG) -> tuple[int | None, int | None]:
        """Return the best bid and ask of a token, None where there is none; `is_valid` says whether they hold."""
        cells, at = self.cells, self.places[number]
        tick, bid, ask = cells[at + TICK], cells[at + BID], cells[at + ASK]
        low = bid * tick if bid >= 0 else None
        high = ask * tick if ask < cells[at + SLOTS] else None
        if leg == YES_LEG:
            return low, high
        return (None if high is None else ONE_PRICE - high), (None if low is None else ONE_PRICE - low)

    def is_valid(self, number: int) -> bool:
        """Tell whether a book is whole and nothing speaks against it."""
        return bool(self.cells[self.places[number] + VALID])

    def field(self, number: int, name: int) -> int:
        """Return one integer of a book's head, such as `EVENT_TIME` or `EPOCH`."""
        return self.cells[self.places[number] + name]

    def doubt(self, number: int) -> None:
        """Make a book invalid until the next snapshot."""
        self.cells[self.places[number] + VALID] = 0

    def watch(self, number: int, *, on: bool = True) -> None:
        """Keep compiled code away from a book, so that every message about it is seen by its keeper."""
        self.cells[self.places[number] + WATCHED] = int(on)

    def prove(self, number: int, proven_at: int) -> None:
        """Note that the best prices were the venue's at that instant."""
        at = self.places[number] + PROVEN_AT
        self.cells[at] = max(self.cells[at], proven_at)

    def hear(self, number: int, known_at: int) -> None:
        """Note that something about the market was heard, which says nothing about its levels."""
        self.cells[self.places[number] + KNOWN_AT] = known_at

    def forget(self, number: int) -> None:
        """Make a book invalid and accept any next snapshot: a new connection starts from nothing."""
        self.cells[self.places[number] + VALID] = 0
        self.cells[self.places[number] + EVENT_TIME] = 0

    def new_epoch(self, number: int, tick_e4: int) -> None:
        """Drop every level and start again on another grid, invalid; `tick_e4` must divide a dollar."""
        old = self.places[number]
        epoch, changes, seen = (self.cells[old + name] for name in (EPOCH, CHANGES, EVENT_TIME))
        self._free.setdefault(self.cells[old + SLOTS], []).append(old)
        place = self.places[number] = self._place(number, tick_e4)
        self.cells[place + EPOCH], self.cells[place + CHANGES] = epoch + 1, changes
        self.cells[place + EVENT_TIME] = seen

    def levels_of(self, number: int, leg: int = YES_LEG) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return bids and asks of a token as (price_e4, shares_e6), best first."""
        cells, at = self.cells, self.places[number]
        slots, tick = cells[at + SLOTS], cells[at + TICK]
        low = cells[at + HEAD : at + HEAD + slots]
        high = cells[at + HEAD + slots : at + HEAD + 2 * slots]
        bids = [(slot * tick, low[slot]) for slot in range(cells[at + BID], -1, -1) if low[slot]]
        asks = [(slot * tick, high[slot]) for slot in range(cells[at + ASK], slots) if high[slot]]
        if leg == YES_LEG:
            return tuple(bids), tuple(asks)
        flipped = [tuple((ONE_PRICE - price, size) for price, size in side) for side in (asks, bids)]
        return flipped[0], flipped[1]

    def snapshot(self, token: str) -> BookSnapshot | None:
        """Return a token's book, or None while it is invalid or unknown; `known_at` is when it last was true."""
        found = self.tokens.get(token)
        if not found or not self.is_valid(found[0]):
            return None
        number, leg = found
        bids, asks = self.levels_of(number, leg)
        return BookSnapshot(
            token=token,
            bids=bids,
            asks=asks,
            known_at=max(self.field(number, KNOWN_AT), self.field(number, PROVEN_AT)),
            event_time=self.field(number, EVENT_TIME) or None,
            tick_e4=self.field(number, TICK),
        )

    def _place(self, number: int, tick_e4: int) -> int:
        """Find room for a book and write its head."""
        if not 0 < tick_e4 <= ONE_PRICE or ONE_PRICE % tick_e4:
            raise ValueError(f"a tick must divide one dollar: {tick_e4}")
        slots = ONE_PRICE // tick_e4 + 1
        size = HEAD + 2 * slots
        free = self._free.get(slots)
        place = free.pop() if free else self.reserve(size)
        self.cells[place : place + size] = array("q", bytes(8 * size))
        self.cells[place + SLOTS], self.cells[place + TICK] = slots, tick_e4
        self.cells[place + BID], self.cells[place + ASK] = -1, slots
        self.cells[place + NUMBER] = number
        self.version += 1
        return place
