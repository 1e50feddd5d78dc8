"""The rules of the walk as one writes them down in CPython: a loop over arrays; fills must be equal bit for bit.

For every point it does what the engine promises for every point: execute, mark, and look at equity, exposure and
drawdown. Covers what the benchmark's rule uses: entries with all caps, a stop, resolutions, taker fees.
"""

import math
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.cpython_tuned import affordable, fee


@dataclass(slots=True)
class Order:
    """An order that waits for its market's next point."""

    t: int
    budget: int
    fair: int
    side: int


@dataclass(slots=True)
class Position:
    """Lots of one leg, with the point at which an exit was decided, if one was."""

    side: int
    lots: int
    paid: int
    stop: int
    bid: int
    exit_t: int | None = None


class Account:
    """Cash, reserves, positions at cost and at the bid, exposure by group, and the worst decline."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data, self.config = data, data["config"]
        self.cash = self.peak = self.config.bankroll_e6
        self.reserved = self.at_cost = self.value = self.worst = self.worst_ppm = self.most_exposed = 0
        self.by_event = dict.fromkeys(data["event"], 0)
        self.by_category = dict.fromkeys(data["category"], 0)
        self.orders: dict[int, Order] = {}
        self.positions: dict[int, Position] = {}
        self.done: set[int] = set()
        self.fills: list[tuple[int, ...]] = []

    def expose(self, market: int, amount: int) -> None:
        """Move the exposure of a market's event and category."""
        self.by_event[self.data["event"][market]] += amount
        self.by_category[self.data["category"][market]] += amount

    def equity(self) -> int:
        """Return cash, reserves and positions at the bid."""
        return int(self.cash + self.reserved + self.value)

    def look(self) -> None:
        """Note equity, exposure and drawdown after an event."""
        equity = self.equity()
        self.peak = max(self.peak, equity)
        self.worst = max(self.worst, self.peak - equity)
        self.worst_ppm = max(self.worst_ppm, (self.peak - equity) * 1_000_000 // self.peak)
        self.most_exposed = max(self.most_exposed, self.reserved + self.at_cost)

    def quote(self, table: str, market: int, side: int, price: int) -> int:
        """Return the ask or bid of a leg at a YES price."""
        return int(self.data[table][market][price if side > 0 else 10_000 - price])

    def settle(self, market: int, t: int, payout: int) -> None:
        """Pay out a market whose resolution became known, or drop the order that waits."""
        order, position = self.orders.pop(market, None), self.positions.pop(market, None)
        if order:
            self._release(market, order.budget)
        if position:
            each = payout if position.side > 0 else 10_000 - payout
            self.fills.append((t, market, position.side, 1, each, position.lots, 0))
            self._close(market, position, position.lots, position.lots * each)
            self.look()
        self.done.add(market)

    def _release(self, market: int, budget: int) -> None:
        self.cash += budget
        self.reserved -= budget
        self.expose(market, -budget)

    def _close(self, market: int, position: Position, lots: int, proceeds: int) -> None:
        self.cash += proceeds
        self.at_cost -= lots * position.paid
        self.value -= lots * position.bid
        self.expose(market, -lots * position.paid)
        position.lots -= lots

    def buy(self, market: int, t: int, price: int, order: Order) -> None:
        """Fill the waiting order at this point, or drop it."""
        del self.orders[market]
        self._release(market, order.budget)
        ask, rate = self.quote("ask", market, order.side, price), self.data["rate"][market]
        lots = affordable(order.budget, ask, rate)
        if ask * 100 + fee(100, ask, rate) > order.fair or lots < self.data["min_lots"][market]:
            return
        cost, paid_fee = lots * ask, fee(lots, ask, rate)
        stop = ask * (1_000_000 - self.config.stop_loss) // 1_000_000 if self.config.stop_loss else -1
        bid = self.quote("bid", market, order.side, price)
        self.positions[market] = Position(order.side, lots, ask, stop, bid)
        self.cash -= cost + paid_fee
        self.at_cost += cost
        self.value += lots * bid
        self.expose(market, cost)
        self.done.add(market)
        self.fills.append((t, market, order.side, 0, ask, lots, paid_fee))

    def sell(self, market: int, t: int, price: int, position: Position) -> None:
        """Sell what the depth takes of a position whose exit was decided."""
        bid = self.quote("bid", market, position.side, price)
        lots = min(position.lots, self.config.depth_e6 // bid) if bid > 0 else 0
        if not lots:
            return
        taken = min(fee(lots, bid, self.data["rate"][market]), lots * bid)
        self._close(market, position, lots, lots * bid - taken)
        self.fills.append((t, market, position.side, 3, bid, lots, taken))
        position.exit_t = t
        if not position.lots:
            del self.positions[market]

    def observe(self, market: int, t: int, price: int) -> None:
        """Execute what waits, mark the position, consider its stop."""
        order, position = self.orders.get(market), self.positions.get(market)
        if order and t > order.t:
            self.buy(market, t, price, order)
        elif position:
            if position.exit_t is not None and t > position.exit_t:
                self.sell(market, t, price, position)
            bid = self.quote("bid", market, position.side, price)
            self.value += position.lots * (bid - position.bid)
            position.bid = bid
            if position.exit_t is None and bid <= position.stop:
                position.exit_t = t
        self.look()

    def consider(self, market: int, t: int, price: int, opinion: tuple[int, float, float]) -> None:
        """Place an order for the market's next point if the opinion has an edge and every cap leaves room."""
        if market in self.done or market in self.orders:
            return
        (side, chance, se), c, rate = opinion, self.config, self.data["rate"][market]
        fair, ask = math.floor(chance * 1e6), self.quote("ask", market, side, price)
        all_in = ask * 100 + fee(100, ask, rate)
        if fair - all_in < max(c.min_edge_e6, 1):
            return
        worth = self.equity()
        drawdown = (self.peak - worth) * 1_000_000 // self.peak
        rooms = (
            c.max_order_e6, c.depth_e6, worth * c.max_market // 1_000_000,
            worth * c.max_event // 1_000_000 - self.by_event[self.data["event"][market]],
            worth * c.max_category // 1_000_000 - self.by_category[self.data["category"][market]],
            worth * c.max_total // 1_000_000 - self.reserved - self.at_cost, self.cash,
        )  # fmt: skip
        if drawdown >= c.drawdown_stop or min(rooms) <= 0:
            return
        edge = (fair - all_in) / 1e6
        share = (fair / 1e6 - all_in / 1e6) / (1.0 - all_in / 1e6)
        ppm = math.floor(share * (edge * edge / (edge * edge + se * se)) * c.kelly * 1e6)
        if ppm <= 0:
            return
        scale = 1_000_000
        if drawdown > c.drawdown_start:
            scale = (c.drawdown_stop - drawdown) * 1_000_000 // (c.drawdown_stop - c.drawdown_start)
        stake = min(worth * ppm // 1_000_000 * scale // 1_000_000, *rooms)
        if affordable(stake, ask, rate) < self.data["min_lots"][market]:
            return
        self.orders[market] = Order(t, stake, fair, side)
        self.cash -= stake
        self.reserved += stake
        self.expose(market, stake)


def replay(data: dict[str, Any]) -> tuple[list[Any], int, int]:
    """Return fills (t, market, side, kind, price, lots, fee), final equity and the worst decline, micro-dollars."""
    t, markets, prices = data["t"], data["market"], data["price"]
    opinions = {position: (side, p, se) for position, side, p, se in data["opinions"]}
    ends, ended = data["ends"], 0
    account = Account(data)
    for k in range(len(t)):
        while ended < len(ends) and ends[ended][0] <= k:
            _, market, when, payout = ends[ended]
            account.settle(market, when, payout)
            ended += 1
        now, market, price = int(t[k]), int(markets[k]), int(prices[k])
        account.observe(market, now, price)
        if k in opinions:
            account.consider(market, now, price, opinions[k])
    for _, market, when, payout in ends[ended:]:
        account.settle(market, when, payout)
    return account.fills, account.equity(), account.worst
