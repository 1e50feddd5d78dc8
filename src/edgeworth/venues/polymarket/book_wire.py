"""A CLOB order book as the REST routes send it, into a `BookSnapshot`.

The venue lists bids ascending and asks descending, but says the opposite elsewhere: levels are sorted here. A price
that is named twice refuses the book, because its size is not known; a level of size 0 is none.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from edgeworth.core.book import BookSnapshot, Level
from edgeworth.core.records import Rejected
from edgeworth.core.units import ONE_PRICE, Micros
from edgeworth.venues import convert
from edgeworth.venues.polymarket import ws_wire
from edgeworth.venues.polymarket.parse import market_ids

SOURCE: Final = "polymarket-clob"


class BookWire(msgspec.Struct):
    """A book: only the fields named here are read."""

    market: Any = None
    asset_id: Any = None
    timestamp: Any = None
    hash: Any = None
    bids: Any = None
    asks: Any = None
    min_order_size: Any = None
    tick_size: Any = None
    neg_risk: Any = None
    last_trade_price: Any = None


class _Refused(Exception):
    """A book that cannot be used; the message is its reason code."""


_DECODER: Final = msgspec.json.Decoder(BookWire, float_hook=Decimal)


def read_book(raw: bytes | msgspec.Raw, known_at: Micros, where: str = "") -> BookSnapshot | Rejected:
    """Return the book in JSON bytes, or why it is set aside.

    Reasons: not-an-object, token-missing, time-missing, levels-missing, level-unreadable, price-repeated, book-crossed,
    tick-unreadable, off-grid. `last_e4` is what the venue sends: the last price of outcome 0, on either token's book.
    """
    try:
        found = _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return rejected("book", "not-an-object", raw, where)
    try:
        return snapshot(found, known_at)
    except _Refused as refusal:
        return rejected("book", str(refusal), raw, where)


def snapshot(found: BookWire, known_at: Micros) -> BookSnapshot:
    """Return a decoded book; raises a private error whose text is the reason."""
    token = convert.token(convert.text(found.asset_id))
    if not token:
        raise _Refused("token-missing")
    stamp = convert.instant(_text(found.timestamp))
    if stamp is None:
        raise _Refused("time-missing")
    tick = _tick(found.tick_size)
    bids, asks = _side(found.bids, tick, -1), _side(found.asks, tick, 1)
    if bids and asks and bids[0][0] >= asks[0][0]:
        raise _Refused("book-crossed")
    return BookSnapshot(
        token=token,
        bids=bids,
        asks=asks,
        known_at=known_at,
        event_time=stamp,
        ids=market_ids(condition=found.market),
        tick_e4=tick,
        min_size_e6=ws_wire.size_e6(_text(found.min_order_size)) or 0,
        neg_risk=bool(convert.flag(found.neg_risk)),
        last_e4=ws_wire.price_e4(_text(found.last_trade_price)),
        hash=found.hash if isinstance(found.hash, str) else "",
    )


def _tick(value: object) -> int:
    if value is None or value == "":
        return 0  # older books and some messages of the stream do not say
    tick = ws_wire.tick_e4(_text(value))
    if not tick:
        raise _Refused("tick-unreadable")
    return tick


def _side(levels: object, tick: int, order: int) -> tuple[Level, ...]:
    """Return one side best first; `order` is -1 for bids."""
    if not isinstance(levels, list):
        raise _Refused("levels-missing")
    found: dict[int, int] = {}
    for level in levels:
        if not isinstance(level, dict):
            raise _Refused("level-unreadable")
        price, size = ws_wire.price_e4(_text(level.get("price"))), ws_wire.size_e6(_text(level.get("size")))
        if not price or price == ONE_PRICE or size is None:
            raise _Refused("level-unreadable")
        if tick and price % tick:
            raise _Refused("off-grid")
        if price in found:
            raise _Refused("price-repeated")
        found[price] = size
    return tuple((price, found[price]) for price in sorted(found, key=lambda p: order * p) if found[price])


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""


def rejected(kind: str, reason: str, raw: bytes | msgspec.Raw, where: str) -> Rejected:
    """Return a piece of an answer that is set aside."""
    return Rejected(source=SOURCE, kind=kind, reason=reason, raw=bytes(raw).decode("utf-8", "replace"), where=where)
