"""The engine's rules a second time, slow and obvious, written from `docs/explanation/assumptions.md`.

Dictionaries, exact fractions, no compiled code, nothing imported from `edgeworth.engine`. Probabilities are the one
place with floats: the page gives the formulas, and both sides evaluate them in the written order.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class OracleMarket:
    event: int
    category: int
    exclusive: bool
    tick: int
    min_lots: int
    eras: list[tuple[int, int, int]]  # (since, rate in millionths, exponent)


@dataclass
class OraclePoint:
    t: int
    market: int
    price: int


@dataclass
class OracleOpinion:
    side: int
    p: float
    se: float


@dataclass
class OracleRules:
    bankroll: int
    kelly: float
    min_edge: int
    max_order: int
    max_market: int
    max_event: int
    max_category: int
    max_total: int
    drawdown_start: int
    drawdown_stop: int
    stop_loss: int
    take_profit: int
    max_hold: int
    exit_on_edge_gone: bool
    half_e8: int
    spread_share: int
    depth: int
    max_entries: int


@dataclass
class Order:
    opinion: int
    t: int
    budget: int
    side: int
    fair: int


@dataclass
class Position:
    side: int
    lots: int
    paid: int
    fair: int
    filled_at: int
    exit_reason: str = ""
    exit_t: int = 0


@dataclass
class Fill:
    t: int
    market: int
    side: int
    kind: str
    price: int
    lots: int
    fee: int
    cash: int
    gain: int


@dataclass
class Oracle:
    markets: list[OracleMarket]
    rules: OracleRules
    points: list[OraclePoint]  # in order
    opinions: dict[int, OracleOpinion]  # by index of the point
    cash: int = 0
    fees: int = 0
    gains: int = 0
    orders: dict[int, Order] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)
    entries: Counter = field(default_factory=Counter)
    resolved: set[int] = field(default_factory=set)
    last_price: dict[int, int] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    codes: dict[int, str] = field(default_factory=dict)
    shrunk: Counter = field(default_factory=Counter)
    equity_path: list[int] = field(default_factory=list)
    peak: int = 0
    worst_drop: int = 0
    worst_ppm: int = 0

    def run(self, resolutions: list[tuple[int, int, int]]) -> None:
        """`resolutions`: (known at, market, payout in 1e-4 dollars or -2)."""
        self.cash = self.peak = self.rules.bankroll
        events = [((known, 0, market, 0), payout) for known, market, payout in resolutions]
        events += [((point.t, 1, point.market, index), None) for index, point in enumerate(self.points)]
        for (t, kind, market, index), payout in sorted(events, key=lambda event: event[0]):
            if kind == 0:
                self.resolve(t, market, payout)
            else:
                self.observe(index)
            self.after_event()
        for market in list(self.orders):
            self.drop_order(market, "no-next-price")

    # -- one event

    def observe(self, index: int) -> None:
        point = self.points[index]
        market = point.market
        fresh = False
        if market not in self.resolved:
            self.last_price[market] = point.price
            order, position = self.orders.get(market), self.positions.get(market)
            if order and point.t > order.t:
                self.buy(point, order)
                fresh = market in self.positions
            elif position and position.exit_reason and point.t > position.exit_t:
                self.sell(point, position)
            position = self.positions.get(market)
            if position and not position.exit_reason and not fresh:
                position.exit_reason = self.exit_reason(point, position)
                position.exit_t = point.t
            # the highest equity includes what this point did to the marks before the opinion is sized
            self.peak = max(self.peak, self.equity())
        if index in self.opinions:
            code = self.consider(index)
            if code != "waits":
                self.codes[index] = code

    def resolve(self, t: int, market: int, payout: int) -> None:
        if market in self.orders:
            self.drop_order(market, "no-next-price")
        position = self.positions.pop(market, None)
        if position:
            if payout == -2:
                kind, price = "void", position.paid
            else:
                kind, price = "resolution", payout if position.side > 0 else 10_000 - payout
            self.pay_out(t, market, position, kind, price, position.lots, 0)
        self.resolved.add(market)

    def after_event(self) -> None:
        assert self.imbalance() == 0
        equity = self.equity()
        self.peak = max(self.peak, equity)
        drop = self.peak - equity
        self.worst_drop = max(self.worst_drop, drop)
        self.worst_ppm = max(self.worst_ppm, math.floor(Fraction(drop * 10**6, self.peak)))
        self.equity_path.append(equity)

    # -- money

    def reserved(self) -> int:
        return sum(order.budget for order in self.orders.values())

    def at_cost(self, markets: set[int] | None = None) -> int:
        return sum(p.lots * p.paid for market, p in self.positions.items() if markets is None or market in markets)

    def exposure(self, markets: set[int]) -> int:
        waiting = sum(order.budget for market, order in self.orders.items() if market in markets)
        return waiting + self.at_cost(markets)

    def imbalance(self) -> int:
        return self.cash + self.reserved() + self.at_cost() + self.fees - self.rules.bankroll - self.gains

    def equity(self) -> int:
        marks = sum(p.lots * self.bid(market, p.side, self.last_price[market]) for market, p in self.positions.items())
        return self.cash + self.reserved() + marks

    # -- prices and fees

    def half_spread(self, mid: int) -> int:
        exact = Fraction(self.rules.half_e8, 10**8) + math.ceil(
            Fraction(self.rules.spread_share, 10**6) * Fraction(mid, 10**4) * Fraction(10**4 - mid, 10**4) * 10**8
        ) * Fraction(1, 10**8)
        return math.ceil(exact * 10**4)

    def ask(self, market: int, side: int, price: int) -> int:
        mid, tick = price if side > 0 else 10_000 - price, self.markets[market].tick
        half = self.half_spread(mid)
        if half == 0:
            return max(mid, tick)
        to_tick = math.ceil(Fraction(mid + half, tick)) * tick
        return max(min(to_tick, 10_000 - tick), mid, tick)

    def bid(self, market: int, side: int, price: int) -> int:
        mid, tick = price if side > 0 else 10_000 - price, self.markets[market].tick
        half = self.half_spread(mid)
        if half == 0:
            return mid
        to_tick = math.floor(Fraction(mid - half, tick)) * tick
        return min(max(to_tick, tick), mid)

    def fee(self, market: int, t: int, price: int, lots: int) -> int:
        rate, exponent = 0, 1
        for since, era_rate, era_exponent in self.markets[market].eras:
            if since <= t:
                rate, exponent = era_rate, era_exponent
        p = Fraction(price, 10_000)
        dollars = Fraction(lots, 100) * Fraction(rate, 10**6) * (p * (1 - p)) ** exponent
        steps = dollars * 100_000
        return 0 if steps < 1 else math.ceil(steps) * 10

    def cost_of_one(self, market: int, t: int, ask: int) -> int:
        return ask * 100 + self.fee(market, t, ask, 100)

    def affordable(self, market: int, t: int, ask: int, budget: int) -> int:
        low, high = 0, min(budget // ask, 2_000_000_000)
        while low < high:
            middle = (low + high + 1) // 2
            if middle * ask + self.fee(market, t, ask, middle) <= budget:
                low = middle
            else:
                high = middle - 1
        return low

    # -- orders

    def drop_order(self, market: int, code: str) -> None:
        order = self.orders.pop(market)
        self.cash += order.budget
        self.codes[order.opinion] = code

    def buy(self, point: OraclePoint, order: Order) -> None:
        market = point.market
        ask = self.ask(market, order.side, point.price)
        if self.cost_of_one(market, point.t, ask) > order.fair:
            self.drop_order(market, "price-limit")
            return
        lots = self.affordable(market, point.t, ask, order.budget)
        if lots < self.markets[market].min_lots:
            self.drop_order(market, "min-size")
            return
        self.drop_order(market, "allowed")
        fee = self.fee(market, point.t, ask, lots)
        self.cash -= lots * ask + fee
        self.fees += fee
        self.entries[market] += 1
        self.positions[market] = Position(order.side, lots, ask, order.fair, point.t)
        self.fills.append(Fill(point.t, market, order.side, "entry", ask, lots, fee, -lots * ask - fee, 0))

    def sell(self, point: OraclePoint, position: Position) -> None:
        market = point.market
        bid = self.bid(market, position.side, point.price)
        lots = min(position.lots, self.rules.depth // bid) if bid > 0 else 0
        if lots <= 0:
            return
        fee = min(self.fee(market, point.t, bid, lots), lots * bid)
        self.pay_out(point.t, market, position, position.exit_reason, bid, lots, fee)
        position.exit_t = point.t
        if position.lots == 0:
            del self.positions[market]

    def pay_out(self, t: int, market: int, position: Position, kind: str, price: int, lots: int, fee: int) -> None:
        proceeds, cost = lots * price, lots * position.paid
        self.cash += proceeds - fee
        self.fees += fee
        self.gains += proceeds - cost
        position.lots -= lots
        self.fills.append(Fill(t, market, position.side, kind, price, lots, fee, proceeds - fee, proceeds - cost))

    def exit_reason(self, point: OraclePoint, position: Position) -> str:
        rules, bid = self.rules, self.bid(point.market, position.side, point.price)
        if rules.stop_loss and bid <= math.floor(position.paid * (1 - Fraction(rules.stop_loss, 10**6))):
            return "stop-loss"
        if rules.take_profit and bid >= position.paid * (1 + Fraction(rules.take_profit, 10**6)):
            return "take-profit"
        if rules.exit_on_edge_gone and bid >= math.ceil(Fraction(position.fair, 100)):
            return "edge-gone"
        if rules.max_hold and point.t >= position.filled_at + rules.max_hold:
            return "time"
        return ""

    # -- opinions

    def appraise(self, index: int) -> tuple[int, int] | None:
        """(fair value, all-in cost) of one share in millionths, or None when the opinion is not usable."""
        opinion, point = self.opinions[index], self.points[index]
        if math.isnan(opinion.p) or not 0 <= opinion.p <= 1 or math.isnan(opinion.se) or not 0 <= opinion.se < math.inf:
            return None
        ask = self.ask(point.market, opinion.side, point.price)
        return math.floor(opinion.p * 1e6), self.cost_of_one(point.market, point.t, ask)

    def enough(self, fair: int, cost: int) -> bool:
        return fair - cost > 0 and fair - cost >= self.rules.min_edge

    def consider(self, index: int) -> str:  # noqa: C901, PLR0911, PLR0912 (the page in one piece)
        point, opinion, rules = self.points[index], self.opinions[index], self.rules
        market = point.market
        terms = self.markets[market]
        if market in self.resolved:
            return "after-resolution"
        if market in self.orders or market in self.positions:
            return "already-held"
        if self.entries[market] >= rules.max_entries:
            return "already-traded"
        appraisal = self.appraise(index)
        if appraisal is None:
            return "unproven"
        fair, cost = appraisal
        if not self.enough(fair, cost):
            return "min-edge"
        equity = self.equity()
        drawdown = math.floor(Fraction((self.peak - equity) * 10**6, self.peak)) if self.peak else 0
        if drawdown >= rules.drawdown_stop:
            return "drawdown-stop"
        share_of = lambda ppm: math.floor(Fraction(equity * ppm, 10**6))
        siblings = {other for other, m in enumerate(self.markets) if m.event == terms.event}
        kin = {other for other, m in enumerate(self.markets) if m.category == terms.category}
        everything = set(range(len(self.markets)))
        rooms = {
            "max-order": rules.max_order,
            "depth": rules.depth,
            "max-market": share_of(rules.max_market) - self.exposure({market}),
            "max-event": share_of(rules.max_event) - self.exposure(siblings),
            "max-category": share_of(rules.max_category) - self.exposure(kin),
            "max-total": share_of(rules.max_total) - self.exposure(everything),
            "no-cash": self.cash,
        }
        for cap, room in rooms.items():
            if room <= 0:
                return cap
        p, c, edge = fair / 1e6, cost / 1e6, (fair - cost) / 1e6
        share = (p - c) / (1.0 - c)
        if terms.exclusive and opinion.side > 0:
            share = self.joint_share(index)
            if share <= 0:
                return "better-sibling"
        shrink = edge * edge / (edge * edge + opinion.se * opinion.se)
        ppm = math.floor(share * shrink * rules.kelly * 1e6)
        if ppm <= 0:
            return "unproven"
        start, stop = rules.drawdown_start, rules.drawdown_stop
        factor = 10**6 if drawdown <= start else math.floor(Fraction((stop - drawdown) * 10**6, stop - start))
        stake = math.floor(Fraction(share_of(ppm) * factor, 10**6))
        cap_hit = ""
        for cap, room in rooms.items():
            if stake > room:
                stake, cap_hit = room, cap
        ask = self.ask(market, opinion.side, point.price)
        if self.affordable(market, point.t, ask, stake) < terms.min_lots:
            return cap_hit or "min-size"
        if cap_hit:
            self.shrunk[cap_hit] += 1
        self.cash -= stake
        self.orders[market] = Order(index, point.t, stake, opinion.side, fair)
        return "waits"

    def joint_share(self, index: int) -> float:
        """The leg's share of wealth in the joint optimum over the YES opinions of its event at this instant."""
        here = self.points[index]
        event = self.markets[here.market].event
        legs = []
        for other, opinion in sorted(self.opinions.items()):
            point = self.points[other]
            if point.t != here.t or self.markets[point.market].event != event or opinion.side < 0:
                continue
            appraisal = self.appraise(other)
            if point.market not in self.resolved and appraisal and self.enough(*appraisal):
                legs.append((other, appraisal[0] / 1e6, appraisal[1] / 1e6))
        legs.sort(key=lambda leg: -(leg[1] / leg[2]))
        reserve, sum_p, sum_c, chosen = 1.0, 0.0, 0.0, {}
        for other, p, c in legs:
            if p / c <= reserve or sum_c + c >= 1.0:
                break
            sum_p += p
            sum_c += c
            reserve = max(0.0, (1.0 - sum_p) / (1.0 - sum_c))
            chosen[other] = (p, c)
        if index not in chosen:
            return 0.0
        p, c = chosen[index]
        return max(0.0, p - c * reserve)
