"""Read a market-channel frame and apply it to its book in one compiled pass over its bytes.

It takes what nearly all frames are: one `price_change` or `book` in compact JSON about books that are valid. Anything
else (other types, blanks, escapes, numbers that are no text, unknown tokens, older stamps, a price off the grid, …) is
left untouched to the usual way, which decodes into typed messages; both ways end in the same books. First everything
is read into a scratch area, then it is applied, so a frame that cannot be finished changes nothing.

The compiled code is handed one array, the cells of a `Books`. The first cell says where its desk lies: the scratch
area, the size of a table, and the table, open addressing from a token's last digits to where its book lies, which leg
it is, how long it is, and its digits, eight to an integer. After a frame the scratch area begins with the number of its
changes, and CHANGE cells apart stand, from the next cell on, the places of the books they changed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from numba import typeof

from edgeworth.core.book import (
    ASK,
    BID,
    CHANGES,
    EVENT_TIME,
    HEAD,
    KNOWN_AT,
    NUMBER,
    PROVEN_AT,
    SLOTS,
    TICK,
    VALID,
    WATCHED,
    Books,
)
from edgeworth.engine.book_scan import (
    BEGIN,
    CLOSE,
    COLON,
    COMMA,
    END,
    OPEN,
    QUOTE,
    decimal,
    eight,
    packed,
    pair_end,
    plain_end,
    price_e4,
    string_end,
    three,
)
from edgeworth.engine.compiled import brief, piece

_NONE: Final[Any] = np.int64(-1)  # of the width that all compiled integers have
LEAVE: Final = -1  # nothing was changed; take the usual way
DOUBT: Final = -2  # DOUBT - number: applied, but the venue states other best prices, so the book is invalid now
_SHORTEST: Final = 64  # no frame of interest is shorter
_LEVELS: Final = 1_024  # of a side
_CHANGES: Final = 64  # of a message
CHANGE: Final = 7  # where its book lies, leg, is bid, price, size, best bid, best ask
_SIDE: Final = 1 + 2 * _LEVELS  # scratch cells of a side: how many levels, then price and size of each
_SCRATCH: Final = 2 * _SIDE
_ENTRY: Final = 13  # place of the book (0 = free), leg, length, ten words of digits
_WORDS: Final = 10
_USUAL_NAME, _LONG_NAME = 77, 78  # digits of a token
_NEAR: Final = 40  # a token has at least so many; its end is looked for from here
_LAST_MS: Final = 4_102_444_800_000  # 2100-01-01


_PRICE8, _SIZE7, _SIDE7, _HASH7 = packed('price":"'), packed('size":"'), packed('side":"'), packed('hash":"')
_ASSET8, _BID8, _ASK8, _TIME8 = packed("asset_id"), packed("best_bid"), packed("best_ask"), packed("timestam")
_TYPE8, _LIST8, _MARKET8, _BIDS6, _ASKS6 = (
    packed(text) for text in ("event_ty", "price_ch", 'market":', 'bids":', 'asks":')
)
_TICK8, _IS_CHANGE8, _IS_BOOK5 = packed("tick_siz"), packed("price_ch"), packed('book"')
_LIST_END8, _TYPE_END8, _IS_CHANGE_END8 = packed("_changes"), packed('_type":"'), packed('_change"')
_TO_VALUE, _BUY4, _SELL5 = packed('":"'), packed('BUY"'), packed('SELL"')
_COMMA_KEY, _E, _P = packed('","'), ord("e"), ord("p")


@piece
def _folded(tail: Any, room: int) -> Any:
    """Return where in a table of `room` (a power of two) rows to look for a token with those last digits."""
    return (tail ^ tail >> 11 ^ tail >> 25) & (room - 1)


@piece
def _entry(text: Any, at: int, cells: Any, desk: int) -> tuple[int, int]:
    """Return where a token's entry lies (-1 when it is not known) and the place of the quote after it."""
    if at + _LONG_NAME >= len(text):
        return -1, at
    usual = at + _USUAL_NAME  # a wrong guess fails the comparison below
    end = usual if text[np.uintp(usual)] == QUOTE else string_end(text, at + _NEAR)
    length = end - at
    if end < 0 or length > _LONG_NAME:
        return -1, at
    room = cells[desk + _SCRATCH]
    entry = desk + _SCRATCH + 1 + _folded(eight(text, end - 8), room) * _ENTRY
    while cells[entry]:
        if cells[entry + 2] == length:
            same = cells[entry + 3] == eight(text, at)
            for k in range(1, _WORDS - 1):
                same &= cells[entry + 3 + k] == eight(text, min(at + 8 * k, end - 8))
            if same and cells[entry + 12] == eight(text, end - 8):
                return entry, end
        entry += _ENTRY
        if entry >= desk + _SCRATCH + 1 + room * _ENTRY:
            entry = desk + _SCRATCH + 1
    return -1, at


@piece
def _levels(text: Any, at: int, cells: Any, first: int) -> int:  # noqa: C901, PLR0911
    """Read an array of levels, from its bracket on, to `first`: their number, then price and size of each.

    Returns the place after it; -1 when a level is unusual or the prices do not rise or fall throughout.
    """
    size_of_text = len(text)
    count = 0
    way = 0
    last = _NONE
    if at + 3 >= size_of_text or text[np.uintp(at)] != OPEN:
        return -1
    if text[np.uintp(at + 1)] == CLOSE:
        cells[first] = 0
        return at + 2
    at += 1
    while True:
        # {"price":"0.53","size":"75.5"}
        if at + 26 > size_of_text or count == _LEVELS or text[np.uintp(at)] != BEGIN or text[np.uintp(at + 1)] != QUOTE:
            return -1
        if eight(text, at + 2) != _PRICE8:
            return -1
        price, at = price_e4(text, at + 10)
        if price < 0 or at + 16 > size_of_text or three(text, at) != _COMMA_KEY:
            return -1
        if eight(text, at + 3) >> 8 != _SIZE7:
            return -1
        size, at = decimal(text, at + 10, 12, 6)
        if size < 0 or at + 3 >= size_of_text or text[np.uintp(at + 1)] != END:
            return -1
        if count:
            towards = 1 if price > last else -1
            if price == last or (way and way != towards):
                return -1
            way = towards
        last = price
        cells[first + 1 + 2 * count] = price
        cells[first + 2 + 2 * count] = size
        count += 1
        if text[np.uintp(at + 2)] == CLOSE:
            cells[first] = count
            return at + 3
        if text[np.uintp(at + 2)] != COMMA:
            return -1
        at += 3


@piece
def _changes(text: Any, at: int, cells: Any, desk: int) -> int:  # noqa: C901, PLR0911, PLR0912, PLR0915
    """Read an array of changes, from its bracket on, to the desk: their number, then each; -1 for unusual ones."""
    size_of_text = len(text)
    count = 0
    if at + 3 >= size_of_text or text[np.uintp(at)] != OPEN:
        return -1
    at += 1
    while True:
        if (
            at + 2 >= size_of_text
            or count == _CHANGES
            or text[np.uintp(at)] != BEGIN
            or text[np.uintp(at + 1)] != QUOTE
        ):
            return -1
        at += 2
        entry = is_bid = price = size = bid = ask = _NONE
        while True:
            if at + 12 > size_of_text:
                return -1
            word = eight(text, at)
            if word == _PRICE8 and price < 0:
                price, at = price_e4(text, at + 8)
                if price < 0:
                    return -1
                at += 1
            elif word >> 8 == _SIZE7 and size < 0:
                size, at = decimal(text, at + 7, 12, 6)
                if size < 0:
                    return -1
                at += 1
            elif word >> 8 == _SIDE7 and is_bid < 0:
                value = eight(text, at + 4)  # ":"BUY"…, ":"SELL"
                if value >> 8 & 0xFFFFFFFF == _BUY4:
                    is_bid = 1
                    at += 11
                elif value & 0xFFFFFFFFFF == _SELL5:
                    is_bid = 0
                    at += 12
                else:
                    return -1
            elif word >> 8 == _HASH7:
                at = plain_end(text, at + 7, 40) + 1
                if at == 0:
                    return -1
            elif word == _ASSET8 and entry < 0 and three(text, at + 8) == _TO_VALUE:
                entry, at = _entry(text, at + 11, cells, desk)
                if entry < 0:
                    return -1
                at += 1
            elif (word == _BID8 or word == _ASK8) and three(text, at + 8) == _TO_VALUE:  # noqa: PLR1714, SIM109
                if (word == _BID8 and bid != -1) or (word == _ASK8 and ask != -1):
                    return -1
                value = _NONE - 1
                at += 11
                if at < size_of_text and text[np.uintp(at)] != QUOTE:
                    value, at = price_e4(text, at)
                    if value <= 0 or value == 10_000:
                        return -1
                at += 1
                if word == _BID8:
                    bid = value
                else:
                    ask = value
            else:
                return -1
            if at + 1 >= size_of_text:
                return -1
            if text[np.uintp(at)] == END:
                break
            if text[np.uintp(at)] != COMMA or text[np.uintp(at + 1)] != QUOTE:
                return -1
            at += 2
        if entry < 0 or is_bid < 0 or price < 0 or size < 0:
            return -1
        to = desk + 1 + CHANGE * count
        cells[to], cells[to + 1], cells[to + 2] = cells[entry], cells[entry + 1], is_bid
        cells[to + 3], cells[to + 4], cells[to + 5], cells[to + 6] = price, size, bid, ask
        count += 1
        if text[np.uintp(at + 1)] == CLOSE:
            cells[desk] = count
            return at + 2
        if text[np.uintp(at + 1)] != COMMA:
            return -1
        at += 2


@piece
def _set_level(cells: Any, book: int, leg: int, is_bid: int, price: int, size: int) -> None:
    """Set one level and keep the best prices."""
    slots = cells[book + SLOTS]
    slot = price // cells[book + TICK]
    if leg:
        slot, is_bid = slots - 1 - slot, 1 - is_bid
    cells[book + CHANGES] += 1
    if is_bid:
        side = book + HEAD
        cells[side + slot] = size
        best = cells[book + BID]
        if size:
            best = max(best, slot)
        else:
            while best >= 0 and cells[side + best] == 0:
                best -= 1
        cells[book + BID] = best
    else:
        side = book + HEAD + slots
        cells[side + slot] = size
        best = cells[book + ASK]
        if size:
            best = min(best, slot)
        else:
            while best < slots and cells[side + best] == 0:
                best += 1
        cells[book + ASK] = best


@piece
def _agrees(cells: Any, book: int, leg: int, bid: int, ask: int, at: int) -> bool:
    """Compare stated best prices (negative = not stated) with the book's; note that they were proven as of `at`."""
    tick = cells[book + TICK]
    low = cells[book + BID] * tick if cells[book + BID] >= 0 else -3
    high = cells[book + ASK] * tick if cells[book + ASK] < cells[book + SLOTS] else 10_003
    if leg:
        low, high = 10_000 - high, 10_000 - low
    if cells[book + VALID] == 0 or (bid >= 0 and bid != low) or (ask >= 0 and ask != high):
        cells[book + VALID] = 0
        return False
    if bid >= 0 and ask >= 0:
        cells[book + PROVEN_AT] = max(cells[book + PROVEN_AT], at)
    return True


@piece
def _is_ready(cells: Any, book: int, stamp: int) -> bool:
    """Tell whether a book takes messages of that stamp here."""
    ready: bool = cells[book + VALID] == 1 and cells[book + WATCHED] == 0 and cells[book + EVENT_TIME] <= stamp
    return ready


@piece
def _take_changes(cells: Any, desk: int, stamp: int, now: int) -> int:
    """Apply the changes on the desk."""
    count = cells[desk]
    for k in range(count):
        at = desk + 1 + CHANGE * k
        book = cells[at]
        if not _is_ready(cells, book, stamp) or cells[at + 3] % cells[book + TICK]:
            return LEAVE
    for k in range(count):
        at = desk + 1 + CHANGE * k
        book = cells[at]
        _set_level(cells, book, cells[at + 1], cells[at + 2], cells[at + 3], cells[at + 4])
        cells[book + EVENT_TIME] = stamp
        cells[book + KNOWN_AT] = now
    answer: int = count
    for k in range(count):
        at = desk + 1 + CHANGE * k
        last = True
        for later in range(k + 1, count):
            other = desk + 1 + CHANGE * later
            last = last and (cells[other] != cells[at] or cells[other + 1] != cells[at + 1])
        if last and not _agrees(cells, cells[at], cells[at + 1], cells[at + 5], cells[at + 6], min(now, stamp)):
            answer = DOUBT - cells[cells[at] + NUMBER]
    return answer


@piece
def _fits(cells: Any, desk: int, tick: int) -> bool:
    """Tell whether the levels on the desk lie on the grid and do not cross."""
    top, bottom = _NONE, _NONE + 10_002
    for side in range(2):
        first = desk + _SIDE * side
        for k in range(cells[first]):
            price = cells[first + 1 + 2 * k]
            if price % tick:
                return False
            if cells[first + 2 + 2 * k] and side:
                bottom = min(bottom, price)
            elif cells[first + 2 + 2 * k]:
                top = max(top, price)
    apart: bool = top < bottom
    return apart


@piece
def _take_book(cells: Any, desk: int, entry: int, stamp: int, now: int) -> int:
    """Replace a book by the levels on the desk."""
    book, leg = cells[entry], cells[entry + 1]
    if not _is_ready(cells, book, stamp):
        return LEAVE
    slots, tick = cells[book + SLOTS], cells[book + TICK]
    if not _fits(cells, desk, tick):
        return LEAVE
    for k in range(2 * slots):
        cells[np.uintp(book + HEAD + k)] = 0
    best_bid, best_ask = _NONE, slots
    for side in range(2):
        first = desk + _SIDE * side
        is_bid = side == leg
        for k in range(cells[first]):
            slot = cells[first + 1 + 2 * k] // tick
            size = cells[first + 2 + 2 * k]
            if leg:
                slot = slots - 1 - slot
            if is_bid:
                cells[book + HEAD + slot] = size
                if size and slot > best_bid:
                    best_bid = slot
            else:
                cells[book + HEAD + slots + slot] = size
                if size and slot < best_ask:
                    best_ask = slot
    cells[book + BID], cells[book + ASK] = best_bid, best_ask
    cells[book + EVENT_TIME] = stamp
    cells[book + KNOWN_AT] = now
    cells[book + PROVEN_AT] = min(now, stamp)
    cells[desk], cells[desk + 1] = 1, book  # as changes leave it: who was touched
    return 1


@brief
def feed(cells: Any, text: Any, now: int) -> int:  # noqa: C901, PLR0911, PLR0912, PLR0915  (one pass over the bytes)
    """Apply one frame that came at `now` and return how many changes it held, `LEAVE`, or `DOUBT` - book number."""
    size = len(text)
    if size < _SHORTEST:
        return LEAVE
    desk = cells[0]
    last = size - 1
    at = 0
    if text[np.uintp(0)] == OPEN:
        if text[np.uintp(last)] != CLOSE:
            return LEAVE
        last -= 1
        at = 1
    if text[np.uintp(at)] != BEGIN or text[np.uintp(at + 1)] != QUOTE:
        return LEAVE
    at += 2
    kind = seen = 0
    stamp = entry = tick = _NONE
    while True:
        if at + 16 > size:
            return LEAVE
        word = eight(text, at)
        if word == _MARKET8 and text[np.uintp(at + 8)] == QUOTE:
            at = plain_end(text, at + 9, 66) + 1
        elif word == _LIST8 and eight(text, at + 5) == _LIST_END8 and text[np.uintp(at + 13)] == QUOTE:
            if seen or text[np.uintp(at + 14)] != COLON:
                return LEAVE
            seen = 1
            at = _changes(text, at + 15, cells, desk)
        elif word >> 16 == _BIDS6 and seen & 3 == 0:
            seen |= 2
            at = _levels(text, at + 6, cells, desk)
        elif word >> 16 == _ASKS6 and seen & 5 == 0:
            seen |= 4
            at = _levels(text, at + 6, cells, desk + _SIDE)
        elif word == _TYPE8 and eight(text, at + 5) == _TYPE_END8:
            if kind or at + 30 > size:
                return LEAVE
            kind = _kind(text, at + 13)
            if kind == 0:
                return LEAVE
            at += 26 if kind == 1 else 18
        elif word == _TIME8 and text[np.uintp(at + 8)] == _P and three(text, at + 9) == _TO_VALUE:
            if stamp >= 0:
                return LEAVE
            stamp, end = decimal(text, at + 12, 13, 0)
            if stamp < 1_000_000_000_000 or stamp > _LAST_MS:
                return LEAVE
            at = end + 1
        elif word == _ASSET8 and three(text, at + 8) == _TO_VALUE:
            if entry >= 0:
                return LEAVE
            entry, at = _entry(text, at + 11, cells, desk)
            if entry < 0:
                return LEAVE
            at += 1
        elif word == _TICK8 and text[np.uintp(at + 8)] == _E and three(text, at + 9) == _TO_VALUE:
            if tick >= 0:
                return LEAVE
            tick, end = price_e4(text, at + 12)
            if tick <= 0:
                return LEAVE
            at = end + 1
        elif word >> 16 == _BIDS6 or word >> 16 == _ASKS6:
            return LEAVE
        else:
            at = pair_end(text, at)
        if at <= 0 or at > last:
            return LEAVE
        if text[np.uintp(at)] == END:
            break
        if text[np.uintp(at)] != COMMA or text[np.uintp(at + 1)] != QUOTE:
            return LEAVE
        at += 2
    if at != last or stamp < 0:
        return LEAVE
    if kind == 1 and seen == 1:
        return _take_changes(cells, desk, stamp * 1_000, now)
    if kind == 2 and seen == 6 and entry >= 0 and (tick < 0 or tick == cells[cells[entry] + TICK]):
        return _take_book(cells, desk, entry, stamp * 1_000, now)
    return LEAVE


@piece
def _kind(text: Any, at: int) -> int:
    """Return 1 for the value `price_change`, 2 for `book`, 0 for others."""
    word = eight(text, at)
    if word == _IS_CHANGE8 and eight(text, at + 5) == _IS_CHANGE_END8:
        return 1
    return 2 if word >> 24 == _IS_BOOK5 else 0


def quick_feed(books: Books) -> Callable[[bytes, int], int]:
    """Return `feed` bound to the books as they lie now: it takes a frame and when it came, in microseconds.

    It holds as long as `books.version` stays the same; afterwards it must be made anew, or it would write elsewhere.
    """
    room = 1 << (4 * len(books.tokens) + 200).bit_length()
    desk = books.cells[0]
    if not desk or books.cells[desk + _SCRATCH] < room // 4:
        desk = books.reserve(_SCRATCH + 1 + room * _ENTRY)
        books.cells[0], books.cells[desk + _SCRATCH] = desk, room
    cells = np.frombuffer(books.cells, np.int64)
    room = int(cells[desk + _SCRATCH])
    table = cells[desk + _SCRATCH + 1 : desk + _SCRATCH + 1 + room * _ENTRY].reshape(room, _ENTRY)
    table[:] = 0
    for token, (number, leg) in books.tokens.items():
        if _NEAR <= len(token) <= _LONG_NAME and token.isascii():  # others go the usual way
            _enter(table, token.encode(), books.places[number], leg)
    return partial(_direct(cells), cells)


def _direct(cells: Any) -> Callable[[Any, bytes, int], int]:
    """Return the compiled form of `feed` without numba's look-up by type, a third of its cost; the types are fixed."""
    feed(cells, b"", 0)
    known: dict[Any, Any] = getattr(feed, "overloads", {})  # empty where compiling is switched off
    form = known.get(tuple(typeof(value) for value in (cells, b"", 0)))  # type: ignore[no-untyped-call]
    direct: Callable[[Any, bytes, int], int] = feed if form is None else form.entry_point
    return direct


def _enter(table: Any, name: bytes, place: int, leg: int) -> None:
    last = len(name) - 8
    words = [int.from_bytes(name[min(8 * k, last) :][:8], "big") for k in range(_WORDS - 1)]
    tail = int.from_bytes(name[last:], "big")
    row = int(_folded(tail, len(table)))
    while table[row, 0]:
        row = (row + 1) % len(table)
    table[row] = [place, leg, len(name), *words, tail]


def mark_touched(books: Books, now: int) -> int:
    """List the books that changed at `now` where a compiled frame would have, at most as many; return how many."""
    desk, cells = books.cells[0], books.cells
    touched = [place for place in books.places if cells[place + KNOWN_AT] == now][:_CHANGES]
    if desk:
        for k, place in enumerate(touched):
            cells[desk + 1 + CHANGE * k] = place
        cells[desk] = len(touched)
    return len(touched)
