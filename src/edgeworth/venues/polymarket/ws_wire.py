"""The market channel's frames as typed messages: bytes in, messages and rejections out, nothing raised.

A frame is one object or an array of objects; every number is text, "" where the venue has none. An event type that is
not known is kept raw. One unreadable change of a message is set aside with the token it spoiled, so that its book can
be doubted, and the rest of the message is used. Wire facts: the venue's market channel documentation, and its client.
"""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from edgeworth.core.book import BookSnapshot, Change, Level
from edgeworth.core.records import Rejected
from edgeworth.core.units import ONE_PRICE, ONE_SHARE
from edgeworth.venues import convert

SOURCE: Final = "polymarket-market-stream"
_FIRST_MS, _LAST_MS = "1000000000000", "4102444800000"  # 2001 .. 2100, as text of equal length
_SIDES: Final = frozenset({"BUY", "SELL"})
_SHOWN: Final = 2_000  # characters of a payload that go to the quarantine


class WireLevel(msgspec.Struct, gc=False):
    """One level of a book."""

    price: str
    size: str


class WireChange(msgspec.Struct, gc=False):
    """One level's new size; a `best_*` of "" is not stated."""

    asset_id: str
    price: str
    size: str
    side: str
    best_bid: str = ""
    best_ask: str = ""


class WireBook(msgspec.Struct, tag_field="event_type", tag="book", gc=False):
    """A whole book."""

    asset_id: str
    bids: list[WireLevel]
    asks: list[WireLevel]
    market: str = ""
    timestamp: str = ""
    tick_size: str | None = ""
    hash: Any = ""
    min_order_size: Any = ""
    neg_risk: Any = False
    last_trade_price: Any = ""


class WirePriceChange(msgspec.Struct, tag_field="event_type", tag="price_change", gc=False):
    """Changes of a market's two books."""

    price_changes: list[WireChange]
    market: str = ""
    timestamp: str = ""


class WireTrade(msgspec.Struct, tag_field="event_type", tag="last_trade_price", gc=False):
    """A trade that was printed."""

    asset_id: str
    price: str
    size: str = ""
    side: str = ""
    market: str = ""
    timestamp: str = ""
    fee_rate_bps: str = ""
    transaction_hash: str = ""


class WireTick(msgspec.Struct, tag_field="event_type", tag="tick_size_change", gc=False):
    """A new price grid."""

    asset_id: str
    new_tick_size: str
    old_tick_size: str = ""
    market: str = ""
    timestamp: str = ""


class WireBest(msgspec.Struct, tag_field="event_type", tag="best_bid_ask", gc=False):
    """The best prices of one token."""

    asset_id: str
    best_bid: str = ""
    best_ask: str = ""
    market: str = ""
    timestamp: str = ""


class WireNew(msgspec.Struct, tag_field="event_type", tag="new_market"):
    """A market that was listed."""

    id: str = ""
    market: str = ""
    condition_id: str = ""
    question: str = ""
    slug: str = ""
    assets_ids: list[str] = []
    clob_token_ids: list[str] = []
    outcomes: list[str] = []
    tags: list[str] | None = None
    order_price_min_tick_size: str | None = ""
    timestamp: str = ""


class WireResolved(msgspec.Struct, tag_field="event_type", tag="market_resolved"):
    """A market that was settled."""

    id: str = ""
    market: str = ""
    assets_ids: list[str] = []
    winning_asset_id: str = ""
    winning_outcome: str = ""
    timestamp: str = ""


class BookMessage(msgspec.Struct, frozen=True):
    """A whole book as the venue sent it; `tick_e4` of the snapshot is 0 where it was not stated.

    `digest` is what `book.hash` should be by the published recipe, "" where the frame does not hold all it takes.
    """

    market: str
    book: BookSnapshot
    digest: str = ""


class TokenChange(msgspec.Struct, frozen=True, gc=False):
    """A change of one token's book with the best prices that the venue states for it (None = not stated)."""

    token: str
    change: Change
    best_bid_e4: int | None
    best_ask_e4: int | None


class PriceChanges(msgspec.Struct, frozen=True):
    """Changes in the order of the message; the books of `spoiled` tokens missed one that could not be read."""

    market: str
    event_time: int
    changes: tuple[TokenChange, ...]
    spoiled: tuple[str, ...] = ()


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A printed trade in its token's own terms; `is_buy` is the taker's side, size 0 where it was not stated."""

    market: str
    token: str
    price_e4: int
    size_e6: int
    is_buy: bool
    event_time: int
    known_at: int
    transaction: str


class TickChange(msgspec.Struct, frozen=True, gc=False):
    """A new grid for one token, and so for its market."""

    market: str
    token: str
    tick_e4: int
    event_time: int


class BestPrices(msgspec.Struct, frozen=True, gc=False):
    """The best prices of one token, None where not stated."""

    token: str
    best_bid_e4: int | None
    best_ask_e4: int | None
    event_time: int


class NewMarket(msgspec.Struct, frozen=True):
    """A market that was listed; sent for all of them."""

    market: str
    gamma_id: str
    question: str
    slug: str
    tokens: tuple[str, ...]
    outcomes: tuple[str, ...]
    tick_e4: int
    event_time: int


class MarketResolved(msgspec.Struct, frozen=True):
    """A market that was settled, as the stream says it: hindsight, and one source of several."""

    market: str
    gamma_id: str
    tokens: tuple[str, ...]
    winning_token: str
    winning_outcome: str
    event_time: int


class UnknownEvent(msgspec.Struct, frozen=True):
    """A readable object of a type that is not known; nothing of it is used."""

    event_type: str
    raw: str


MarketMessage = (
    BookMessage | PriceChanges | Trade | TickChange | BestPrices | NewMarket | MarketResolved | UnknownEvent | Rejected
)
_Wire = WireBook | WirePriceChange | WireTrade | WireTick | WireBest | WireNew | WireResolved

_OBJECT: Final = msgspec.json.Decoder(_Wire)
_ARRAY: Final = msgspec.json.Decoder(list[_Wire])
_LOOSE: Final = msgspec.json.Decoder(float_hook=Decimal)
_TYPES: Final[dict[str, type[Any]]] = {
    "book": WireBook,
    "price_change": WirePriceChange,
    "last_trade_price": WireTrade,
    "tick_size_change": WireTick,
    "best_bid_ask": WireBest,
    "new_market": WireNew,
    "market_resolved": WireResolved,
}
_SIGNS: Final = (  # frames of older versions name no type
    ("price_changes", "price_change"),
    ("bids", "book"),
    ("new_tick_size", "tick_size_change"),
    ("winning_asset_id", "market_resolved"),
    ("transaction_hash", "last_trade_price"),
    ("fee_rate_bps", "last_trade_price"),
)


def decode_market(frame: bytes | str, known_at: int) -> list[MarketMessage]:
    """Return the messages of one frame, in its order; keep-alive text gives none."""
    try:
        array = frame[:1] in {b"[", "["}
        items: list[Any] = _ARRAY.decode(frame) if array else [_OBJECT.decode(frame)]
    except msgspec.ValidationError:
        return _decode_loosely(frame, known_at)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return [] if frame in {b"PONG", "PONG"} else [_rejected("not-json", frame)]
    messages: list[MarketMessage] = []
    for item in items:
        messages += _READERS[type(item)](item, known_at)
    return messages


def _decode_loosely(frame: bytes | str, known_at: int) -> list[MarketMessage]:
    """Read objects one by one, numbers also where they are no text."""
    try:
        value = _LOOSE.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError):
        return [_rejected("not-json", frame)]
    messages: list[MarketMessage] = []
    for item in value if isinstance(value, list) else [value]:
        messages += _loose_item(item, known_at)
    return messages


def _loose_item(item: object, known_at: int) -> list[MarketMessage]:
    if not isinstance(item, dict):
        return [_rejected("bad-shape", convert.json_text(item))]
    kind = item.get("event_type") or next((kind for sign, kind in _SIGNS if sign in item), None)
    if not isinstance(kind, str) or kind not in _TYPES:
        return [UnknownEvent(kind if isinstance(kind, str) else "", convert.json_text(item)[:_SHOWN])]
    try:
        wire = msgspec.convert(as_texts({**_one_change(item, kind), "event_type": kind}), _TYPES[kind])
    except (msgspec.ValidationError, RecursionError):
        return [_rejected("bad-shape", convert.json_text(item), kind)]
    return _READERS[type(wire)](wire, known_at)


def _one_change(item: dict[str, Any], kind: str) -> dict[str, Any]:
    """Give a change of the older form, one object without a list or a list without tokens, the form of today."""
    if kind != "price_change" or "price_changes" in item:
        return item
    listed = item.get("changes")
    parts = listed if isinstance(listed, list) else [item]
    token = item.get("asset_id")
    return {**item, "price_changes": [{"asset_id": token, **part} for part in parts if isinstance(part, dict)]}


def as_texts(value: Any) -> Any:
    """Return a decoded value with numbers as their text and without nulls, lists and objects all the way down."""
    if isinstance(value, dict):
        return {key: as_texts(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [as_texts(inner) for inner in value if inner is not None]
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


# numbers


_token: Final = lru_cache(maxsize=16_384)(convert.token)  # few tokens, named in every message


@lru_cache(maxsize=65_536)
def price_e4(text: str) -> int | None:
    """Return a price exactly in 1e-4 dollars; None when it is none, outside [0, 1] or finer than that."""
    value = convert.decimal(text)
    if value is None or not 0 <= value <= 1:
        return None
    scaled = value * ONE_PRICE
    return int(scaled) if scaled == int(scaled) else None


def size_e6(text: str) -> int | None:
    """Return shares in 1e-6, what is finer dropped; None when it is none, negative or beyond 1e12 shares."""
    whole, _, part = text.partition(".")
    digits = whole + part
    if len(part) <= 6 and len(whole) <= 12 and digits.isascii() and digits.isdigit():  # nearly all sizes
        return int(digits.ljust(len(whole) + 6, "0"))
    value = convert.decimal(text)
    if value is None or not 0 <= value <= 10**12:
        return None
    return int(value * ONE_SHARE)


def instant(text: str) -> int:
    """Return microseconds of an epoch in seconds, milliseconds or ISO text; 0 where not stated or not usable."""
    if len(text) == 13 and text.isascii() and text.isdigit() and _FIRST_MS <= text <= _LAST_MS:
        return int(text) * 1_000
    return convert.instant(text) or 0 if text else 0


def tick_e4(text: str | None) -> int:
    """Return a tick in 1e-4 dollars, 0 when it is none or does not divide a dollar."""
    found = price_e4(text) if text else None
    return found if found and ONE_PRICE % found == 0 else 0


# messages


def _book(wire: WireBook, known_at: int) -> list[MarketMessage]:
    token = _token(wire.asset_id)
    bids, asks = levels(wire.bids, best_last=False), levels(wire.asks, best_last=True)
    if not token:
        return [_rejected("bad-token", convert.json_text(wire), "book")]
    if bids is None or asks is None or (bids and asks and bids[0][0] >= asks[0][0]):
        reason = "bad-book" if bids is None or asks is None else "book-crossed"
        spoiled = PriceChanges(wire.market, instant(wire.timestamp), (), (token,))
        return [spoiled, _rejected(reason, convert.json_text(wire), "book")]
    book = BookSnapshot(
        token=token,
        bids=bids,
        asks=asks,
        known_at=known_at,
        event_time=instant(wire.timestamp) or None,
        ids=_ids(wire.market),
        tick_e4=tick_e4(wire.tick_size),
        min_size_e6=size_e6(convert.text(wire.min_order_size)) or 0,
        neg_risk=bool(convert.flag(wire.neg_risk)),
        last_e4=price_e4(convert.text(wire.last_trade_price)),
        hash=convert.text(wire.hash),
    )
    return [BookMessage(wire.market, book, digest(wire) if wire.hash else "")]


def digest(wire: WireBook) -> str:
    """Return the SHA-1 that the venue forms over a book: compact JSON of ten fields in their order, `hash` empty.

    "" when a field is missing. Source: the order book's hash as the venue's clients compute it.
    """
    texts = (wire.market, wire.timestamp, wire.min_order_size, wire.tick_size, wire.last_trade_price)
    if not all(isinstance(text, str) and text for text in texts) or not isinstance(wire.neg_risk, bool):
        return ""
    whole = {
        "market": wire.market,
        "asset_id": wire.asset_id,
        "timestamp": wire.timestamp,
        "hash": "",
        "bids": wire.bids,
        "asks": wire.asks,
        "min_order_size": wire.min_order_size,
        "tick_size": wire.tick_size,
        "neg_risk": wire.neg_risk,
        "last_trade_price": wire.last_trade_price,
    }
    return hashlib.sha1(msgspec.json.encode(whole), usedforsecurity=False).hexdigest()


def levels(wire: list[WireLevel], *, best_last: bool) -> tuple[Level, ...] | None:
    """Return levels best first (bids: highest first; asks with `best_last`: lowest first); None when one is unreadable.

    Their order on the wire is not relied upon; a price that is named twice is unreadable, as its size is not known.
    """
    prices = [price_e4(level.price) for level in wire]
    sizes = [size_e6(level.size) for level in wire]
    if None in prices or None in sizes or len(set(prices)) < len(prices):
        return None
    found = [(price, size) for price, size in zip(prices, sizes, strict=True) if price is not None and size]
    return tuple(sorted(found, reverse=not best_last))


def _price_change(wire: WirePriceChange, known_at: int) -> list[MarketMessage]:
    del known_at
    changes: list[TokenChange] = []
    rejected: list[MarketMessage] = []
    spoiled: list[str] = []
    for item in wire.price_changes:
        price, size, side = price_e4(item.price), size_e6(item.size), item.side
        token = item.asset_id
        side = side if side in _SIDES else side.upper()
        if price is None or size is None or side not in _SIDES:
            spoiled.append(token)
            rejected.append(_rejected("bad-change", convert.json_text(item), "price_change"))
            continue
        bid = price_e4(item.best_bid) if item.best_bid else None
        ask = price_e4(item.best_ask) if item.best_ask else None
        changes.append(TokenChange(token, Change(price, size, side == "BUY"), bid, ask))
    message = PriceChanges(wire.market, instant(wire.timestamp), tuple(changes), tuple(spoiled))
    return [message, *rejected]


def _trade(wire: WireTrade, known_at: int) -> list[MarketMessage]:
    token, price, side = _token(wire.asset_id), price_e4(wire.price), wire.side
    size = size_e6(wire.size) if wire.size else 0
    side = side if side in _SIDES else side.upper()
    if not token or price is None or size is None or side not in _SIDES:
        return [_rejected("bad-trade", convert.json_text(wire), "trade")]
    stamp = instant(wire.timestamp) or known_at
    return [Trade(wire.market, token, price, size, side == "BUY", stamp, known_at, wire.transaction_hash)]


def _tick(wire: WireTick, known_at: int) -> list[MarketMessage]:
    token, tick = convert.token(wire.asset_id), tick_e4(wire.new_tick_size)
    if not token or not tick:
        return [_rejected("bad-tick", convert.json_text(wire), "tick_size_change")]
    return [TickChange(wire.market, token, tick, instant(wire.timestamp) or known_at)]


def _best(wire: WireBest, known_at: int) -> list[MarketMessage]:
    token = convert.token(wire.asset_id)
    if not token:
        return [_rejected("bad-token", convert.json_text(wire), "best_bid_ask")]
    bid = price_e4(wire.best_bid) if wire.best_bid else None
    ask = price_e4(wire.best_ask) if wire.best_ask else None
    return [BestPrices(token, bid, ask, instant(wire.timestamp) or known_at)]


def _new(wire: WireNew, known_at: int) -> list[MarketMessage]:
    market = convert.condition(wire.condition_id) or convert.condition(wire.market)
    if not market:
        return [_rejected("bad-market", convert.json_text(wire), "new_market")]
    tokens = tuple(wire.clob_token_ids or wire.assets_ids)
    stamp = instant(wire.timestamp) or known_at
    tick = tick_e4(wire.order_price_min_tick_size)
    return [NewMarket(market, wire.id, wire.question, wire.slug, tokens, tuple(wire.outcomes), tick, stamp)]


def _resolved(wire: WireResolved, known_at: int) -> list[MarketMessage]:
    market = convert.condition(wire.market)
    if not market:
        return [_rejected("bad-market", convert.json_text(wire), "market_resolved")]
    stamp = instant(wire.timestamp) or known_at
    tokens = tuple(wire.assets_ids)
    return [MarketResolved(market, wire.id, tokens, wire.winning_asset_id, wire.winning_outcome, stamp)]


_READERS: Final[dict[type[Any], Callable[[Any, int], list[MarketMessage]]]] = {
    WireBook: _book,
    WirePriceChange: _price_change,
    WireTrade: _trade,
    WireTick: _tick,
    WireBest: _best,
    WireNew: _new,
    WireResolved: _resolved,
}


def _ids(market: str) -> tuple[tuple[str, str], ...]:
    condition = convert.condition(market)
    return (("condition", condition),) if condition else ()


def _rejected(reason: str, raw: bytes | str, kind: str = "frame") -> Rejected:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return Rejected(source=SOURCE, kind=kind, reason=reason, raw=text[:_SHOWN])
