"""How a paper order trades with a book that does not know of it: levels are used up, queues are as long as can be.

An order that takes walks the levels as displayed, less what paper orders have taken from them before; what was taken
from a level counts as gone for as long as the level is displayed. An order that rests stands behind everything
displayed at its price when it came, and is filled only by trades beyond that, or when the market trades through it.
"""

from typing import NamedTuple

from edgeworth.core.book import BookSnapshot
from edgeworth.core.units import ONE_PRICE, divide


class Piece(NamedTuple):
    """Shares at one price."""

    price_e4: int
    shares_e6: int


class Plan(NamedTuple):
    """What an order would get: pieces, best price first, and what of its shares or dollars is left."""

    pieces: list[Piece]
    left_e6: int


class Wanted(NamedTuple):
    """What is wanted: shares, or dollars to spend, up to a limit price."""

    is_buy: bool
    price_e4: int
    amount_e6: int
    is_budget: bool = False


def side_of(is_buy: bool) -> str:
    """Return the name of the side an order takes from."""
    return "asks" if is_buy else "bids"


def walk(book: BookSnapshot, wanted: Wanted, taken: dict[int, int]) -> Plan:
    """Return what a book gives, `taken` shares at a price being gone; nothing is changed."""
    pieces = []
    left = wanted.amount_e6
    for price, size in book.asks if wanted.is_buy else book.bids:
        beyond = price > wanted.price_e4 if wanted.is_buy else price < wanted.price_e4
        if beyond or left <= 0:
            break
        most = left * ONE_PRICE // price if wanted.is_budget else left
        shares = min(most, size - taken.get(price, 0))
        if shares > 0:
            pieces.append(Piece(price, shares))
            left -= divide(shares * price, ONE_PRICE, "up") if wanted.is_budget else shares
    return Plan(pieces, left)


def is_whole(plan: Plan, wanted: Wanted) -> bool:
    """Tell whether all was filled; of dollars less than a hundredth of a share may be left."""
    return plan.left_e6 <= (wanted.price_e4 // 100 + 1 if wanted.is_budget else 0)


def through(book: BookSnapshot, wanted: Wanted, taken: dict[int, int]) -> list[Piece]:
    """Return what the market offers strictly beyond a resting order's price: so much must have traded with it."""
    step = -1 if wanted.is_buy else 1
    return walk(book, wanted._replace(price_e4=wanted.price_e4 + step), taken).pieces


def displayed(book: BookSnapshot, is_buy: bool, price_e4: int) -> int:
    """Return the shares displayed on an order's own side at its price."""
    return next((size for price, size in (book.bids if is_buy else book.asks) if price == price_e4), 0)


def still_taken(book: BookSnapshot, side: str, taken: dict[int, int]) -> dict[int, int]:
    """Return what was taken from levels that are still displayed; the rest is over with its level."""
    shown = {price for price, _ in (book.asks if side == "asks" else book.bids)}
    return {price: shares for price, shares in taken.items() if price in shown}
