"""The execution twin: what an order made or lost, split into what the world did and what trading cost.

    profit = direction + latency + spread + impact + fee

The same shares are valued at a chain of prices: the mid that was decided on, the mid when the order met the book, the
touch there, what was paid, and the price they are worth later. Each part is the difference of two neighbours of the
chain, so they add up to the profit in integers, whatever the prices (1e-6 dollars; what costs is negative). The parts
of all orders of a token add up to what the ledger says of it: realised, plus value less cost, minus fees.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from edgeworth.core.units import ONE_PRICE
from edgeworth.trading.looks import Looks
from edgeworth.trading.order import Fill, Order

PARTS: Final = ("direction", "latency", "spread", "impact", "fee")

Worth = Callable[[str], int | None]
"""What a share of a token pays or would fetch, 1e-4 dollars; None where nobody knows."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Where money came from and went, 1e-6 dollars, all five of one sign: what is lost is negative."""

    direction: int = 0
    latency: int = 0
    spread: int = 0
    impact: int = 0
    fee: int = 0

    @property
    def profit_e6(self) -> int:
        """Return their sum."""
        return self.direction + self.latency + self.spread + self.impact + self.fee

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(**{name: getattr(self, name) + getattr(other, name) for name in PARTS})


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of one token that came (positive) or went, what was paid for them (negative: received), the fee.

    `decided_e4` and `arrived_e4` are mids, `touch_e4` the best price of the side that was traded with.
    """

    shares_e6: int
    paid_e6: int
    fee_e6: int
    decided_e4: int
    arrived_e4: int
    touch_e4: int


class Executed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one filled order. `mark_e4` is what its shares are worth each, None when they count at cost.

    `guessed` says that a book was missing, so that parts which need it are zero; the sum is right all the same.
    """

    intent_id: str
    order_id: str
    strategy: str
    market_no: int
    is_yes: bool
    is_buy: bool
    decided_at: int
    shares_e6: int
    paid_e6: int
    mark_e4: int | None
    parts: Parts
    guessed: bool = False

    @property
    def profit_e6(self) -> int:
        """Return what it made after fees."""
        return self.parts.profit_e6


def worth(price_e4: int, shares_e6: int) -> int:
    """Return the value of shares at a price, rounded down; negative for shares that went."""
    return price_e4 * shares_e6 // ONE_PRICE


def decompose(moves: Sequence[Move], mark_e4: int) -> list[Parts]:
    """Split the moves of one token, in the order in which they happened, up to a later price.

    Every move is valued as the change it makes to the value of all shares held, so that no rounding is left over.
    """
    found, held = [], 0
    for move in moves:
        later = worth(mark_e4, held + move.shares_e6) - worth(mark_e4, held)
        held += move.shares_e6
        decided, arrived, touch = (
            worth(price, move.shares_e6) for price in (move.decided_e4, move.arrived_e4, move.touch_e4)
        )
        found.append(
            Parts(
                direction=later - decided,
                latency=decided - arrived,
                spread=arrived - touch,
                impact=touch - move.paid_e6,
                fee=-move.fee_e6,
            )
        )
    return found


def twin(orders: Iterable[Order], looks: Looks, marks: Worth) -> list[Executed]:
    """Return what every order with a valid fill made, in the order of their first fills."""
    filled: dict[str, list[tuple[Fill, Order]]] = {}
    for order in orders:
        for fill in order.fills.values():
            if not fill.void:
                filled.setdefault(fill.token, []).append((fill, order))
    sums: dict[str, Executed] = {}
    first: dict[str, int] = {}
    for token, pairs in filled.items():
        pairs.sort(key=lambda pair: (pair[0].event_time, pair[0].name))
        mark = marks(token)
        moves = [_move(fill, order, looks) for fill, order in pairs]
        split = decompose([move for move, _ in moves], mark) if mark is not None else _at_cost(moves)
        for (fill, order), (move, guessed), parts in zip(pairs, moves, split, strict=True):
            name = order.intent.intent_id
            one = _executed(order, move, mark, parts, guessed)
            known = sums.get(name)
            sums[name] = one if known is None else _together(known, one)
            first[name] = min(first.get(name, fill.event_time), fill.event_time)
    return sorted(sums.values(), key=lambda one: (first[one.intent_id], one.intent_id))


def total(executed: Iterable[Executed]) -> Parts:
    """Return the sum of parts."""
    found = Parts()
    for one in executed:
        found += one.parts
    return found


def _move(fill: Fill, order: Order, looks: Looks) -> tuple[Move, bool]:
    """Return a fill with the prices around it, and whether one of them had to be made up."""
    terms, number = order.intent.instrument, order.intent.instrument.market_no
    decided = looks.mid(number, order.intent.created_at, yes=terms.is_yes)
    # a venue may state times in whole seconds; nothing arrives before it was decided
    at = max(fill.event_time, order.intent.created_at)
    book = looks.book(number, at, yes=terms.is_yes)
    arrived = looks.mid(number, at, yes=terms.is_yes)
    side = () if book is None else book.asks if fill.is_buy else book.bids
    # who rested was traded with at his own price: there is no touch he paid beyond
    touch = side[0][0] if side and not fill.is_maker else fill.price_e4
    start = decided if decided is not None else arrived if arrived is not None else fill.price_e4
    move = Move(
        shares_e6=fill.shares_e6 if fill.is_buy else -fill.shares_e6,
        paid_e6=fill.paid_e6,
        fee_e6=fill.fee_e6,
        decided_e4=start,
        arrived_e4=arrived if arrived is not None else start,
        touch_e4=touch,
    )
    return move, decided is None or arrived is None or not (side or fill.is_maker)


def _at_cost(moves: Sequence[tuple[Move, bool]]) -> list[Parts]:
    """Split where nobody knows what a share is worth: it counts at what was paid, so only the fee is lost."""
    return [decompose([move], 0)[0] + Parts(direction=move.paid_e6) for move, _ in moves]


def _executed(order: Order, move: Move, mark: int | None, parts: Parts, guessed: bool) -> Executed:
    intent = order.intent
    return Executed(
        intent_id=intent.intent_id, order_id=order.order_id, strategy=intent.strategy,
        market_no=intent.instrument.market_no, is_yes=intent.instrument.is_yes, is_buy=intent.is_buy,
        decided_at=intent.created_at, shares_e6=abs(move.shares_e6), paid_e6=move.paid_e6, mark_e4=mark, parts=parts,
        guessed=guessed,
    )  # fmt: skip


def _together(one: Executed, other: Executed) -> Executed:
    return msgspec.structs.replace(
        one, shares_e6=one.shares_e6 + other.shares_e6, paid_e6=one.paid_e6 + other.paid_e6,
        parts=one.parts + other.parts, guessed=one.guessed or other.guessed,
    )  # fmt: skip
