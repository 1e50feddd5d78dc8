"""Books and levels as the venue writes them, for both tokens of a market."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from edgeworth.core.units import ONE_PRICE
from edgeworth.sandbox.exchange.book import Level
from edgeworth.sandbox.exchange.money import amount_text, price_text


class Shown(NamedTuple):
    """A market's book at an instant in YES terms, best levels first, with what is printed beside it.

    `last_e4` is the last trade's price in terms of outcome 0, None when it never traded.
    """

    condition: str
    tokens: tuple[str, str]
    at: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    tick_e4: int
    neg_risk: bool
    last_e4: int | None


def mirrored(levels: Sequence[Level]) -> list[Level]:
    """Return levels as the other token sees them: p becomes 1 - p."""
    return [Level(ONE_PRICE - level.price_e4, level.shares_e6) for level in levels]


def sides(shown: Shown, leg: int) -> tuple[list[Level], list[Level]]:
    """Return bids and asks of one token, best first: NO bids are YES asks at 1 - p."""
    if leg == 0:
        return list(shown.bids), list(shown.asks)
    return mirrored(shown.asks), mirrored(shown.bids)


def best_prices(shown: Shown, leg: int) -> tuple[int | None, int | None]:
    """Return best bid and ask of one token, None where a side is empty."""
    bids, asks = sides(shown, leg)
    return (bids[0].price_e4 if bids else None), (asks[0].price_e4 if asks else None)


def book_object(shown: Shown, leg: int) -> dict[str, Any]:
    """Return the venue's book object: the best level stands last on both sides."""
    bids, asks = sides(shown, leg)
    book: dict[str, Any] = {
        "market": shown.condition,
        "asset_id": shown.tokens[leg],
        "timestamp": str(shown.at // 1000),
        "hash": "",
        "bids": _levels(bids),
        "asks": _levels(asks),
        "min_order_size": "5",
        "tick_size": price_text(shown.tick_e4),
        "neg_risk": shown.neg_risk,
        "last_trade_price": "" if shown.last_e4 is None else price_text(shown.last_e4),
    }
    book["hash"] = book_hash(book)
    return book


def book_hash(book: dict[str, Any]) -> str:
    """Return the SHA-1 of a book's compact JSON with an empty hash in it."""
    text = json.dumps({**book, "hash": ""}, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _levels(levels: list[Level]) -> list[dict[str, str]]:
    return [{"price": price_text(row.price_e4), "size": amount_text(row.shares_e6)} for row in reversed(levels)]
