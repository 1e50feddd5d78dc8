"""One canonical YES book per market in integers, with price-time priority; NO orders stand in it at 1 - p."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from edgeworth.core.units import ONE_PRICE, divide
from edgeworth.sandbox.exchange.state import Fill, Order


class Level(NamedTuple):
    """All shares at one YES price."""

    price_e4: int
    shares_e6: int


class _Side:
    """One side of a book: orders by price, oldest first at each price."""

    def __init__(self, bids: bool) -> None:
        self.bids = bids
        self.prices: list[int] = []  # ascending
        self.queues: dict[int, list[Order]] = {}

    def add(self, order: Order) -> None:
        price = order.yes_e4
        if price not in self.queues:
            insort(self.prices, price)
            self.queues[price] = []
        self.queues[price].append(order)

    def remove(self, order: Order) -> None:
        price = order.yes_e4
        queue = self.queues[price]
        queue.remove(order)
        if not queue:
            del self.queues[price]
            del self.prices[bisect_left(self.prices, price)]

    def best_first(self) -> Iterator[int]:
        return reversed(self.prices) if self.bids else iter(self.prices)

    def best(self) -> int | None:
        if not self.prices:
            return None
        return self.prices[-1] if self.bids else self.prices[0]

    def levels(self) -> list[Level]:
        queues = self.queues
        return [Level(price, _shares(queues[price])) for price in self.best_first()]


def _shares(queue: list[Order]) -> int:
    return queue[0].left_e6 if len(queue) == 1 else sum(order.left_e6 for order in queue)


class Book:
    """Resting orders of one market in YES terms. It only matches; who pays whom is the business of `settlement`."""

    def __init__(self) -> None:
        self._bids, self._asks = _Side(bids=True), _Side(bids=False)

    def side(self, bids: bool) -> list[Level]:
        """Return the levels of one side, best first."""
        return (self._bids if bids else self._asks).levels()

    def best_bid(self) -> int | None:
        """Return the highest YES price bid, None when nobody bids."""
        return self._bids.best()

    def best_ask(self) -> int | None:
        """Return the lowest YES price asked, None when nobody offers."""
        return self._asks.best()

    def orders(self) -> Iterator[Order]:
        """Iterate over all resting orders: bids, then asks, each best price and oldest first."""
        for side in (self._bids, self._asks):
            for price in list(side.best_first()):
                yield from list(side.queues[price])

    def queue(self, bids: bool, price_e4: int) -> list[Order]:
        """Return the resting orders at one YES price, oldest first."""
        return list((self._bids if bids else self._asks).queues.get(price_e4, ()))

    def crosses(self, bid: bool, yes_e4: int) -> bool:
        """Return whether an order at that YES price would match at once."""
        if bid:
            ask = self._asks.best()
            return ask is not None and ask <= yes_e4
        best = self._bids.best()
        return best is not None and best >= yes_e4

    def plan(self, taker: Order) -> list[Fill]:
        """Return what the taker would get, best price and oldest order first, without touching anything.

        A taker with a budget spends dollars: at each price as many shares as what is left of it buys, rounded down.
        """
        fills: list[Fill] = []
        left, budget = taker.left_e6, taker.budget_e6
        against = self._asks if taker.bid else self._bids
        for price in against.best_first():
            if (price > taker.yes_e4) if taker.bid else (price < taker.yes_e4):
                break
            own = price if taker.leg == 0 else ONE_PRICE - price
            for maker in against.queues[price]:
                wanted = left if budget is None else budget * ONE_PRICE // own
                shares = min(wanted, maker.left_e6)
                if shares <= 0:
                    return fills
                fills.append(Fill(maker, price, shares))
                if budget is None:
                    left -= shares
                else:
                    budget -= divide(shares * own, ONE_PRICE, "up")
        return fills

    def take(self, fills: list[Fill]) -> None:
        """Consume resting orders as planned."""
        for fill in fills:
            fill.maker.left_e6 -= fill.shares_e6
            if fill.maker.left_e6 == 0:
                (self._bids if fill.maker.bid else self._asks).remove(fill.maker)

    def rest(self, order: Order) -> None:
        """Put what is left of an order at the end of the queue of its price; raises ValueError if it would cross."""
        if order.left_e6 <= 0 or self.crosses(order.bid, order.yes_e4):
            raise ValueError("only an unfilled order that does not cross may rest")
        (self._bids if order.bid else self._asks).add(order)

    def cancel(self, order: Order) -> None:
        """Take a resting order out."""
        (self._bids if order.bid else self._asks).remove(order)
