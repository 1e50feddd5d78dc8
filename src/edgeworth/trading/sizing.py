"""From opinions to orders that may be sent: size, limit, expiry, or the code that says why not.

The same kernels as in a backtest decide (`engine.sizing`, `engine.gate`), in the same order, at the same cost; where
the best level holds enough, an order here has exactly the size it has there. Beyond that a live plan only ever buys
less: it walks the real book level by level, takes the event-graph programme as an upper bound where outcomes hang
together in ways the closed form does not reach, and serves the money that grows fastest per day of lock-up first.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, Protocol

import msgspec
import numpy as np

from edgeworth.core.book import BookSnapshot
from edgeworth.core.config import Settings
from edgeworth.core.orders import Instrument, Intent, TimeInForce
from edgeworth.core.units import DAY, MINUTE, ONE_SHARE, ONE_USD, Micros, PriceE4, SharesE6
from edgeworth.engine.book_sizing import Levels, discounted, drawn, growth_per_day, in_lots, size_on_book
from edgeworth.engine.cost import FEE_CUSHION_E6, FeeTerms, affordable_e6, lots_down, reserve_e6
from edgeworth.engine.gate import GateCode, blocked, gate
from edgeworth.engine.joint import Cap, Leg, Problem, solve
from edgeworth.engine.scenarios import nested, one_winner
from edgeworth.engine.sizing import (
    decide,
    drawdown_scale_ppm,
    exclusive_stakes,
    growth,
    kelly,
    part,
    probability_e6,
    ratio_ppm,
)
from edgeworth.trading.account import Account
from edgeworth.trading.desk import Baselines, Group, RiskDesk
from edgeworth.trading.exposure import Position

PPM: Final = 1_000_000


class Wish(Protocol):
    """What sizing needs of an opinion: who thinks at `t` that a side (+1 YES, -1 NO) wins with probability p +- se."""

    @property
    def name(self) -> str:
        """Return what identifies it for ever; its order's intent gets the same id."""

    @property
    def market_no(self) -> int:
        """Return the market."""

    @property
    def t(self) -> int:
        """Return the instant of the decision."""

    @property
    def side(self) -> int:
        """Return the leg to buy."""

    @property
    def p(self) -> float:
        """Return the probability that the side wins."""

    @property
    def se(self) -> float:
        """Return its standard error."""

    @property
    def strategy(self) -> str:
        """Return whose opinion it is."""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One token as it can be traded now; `nested` lists the chain its market belongs to, the widest first."""

    instrument: Instrument
    book: BookSnapshot
    group: Group
    scheduled_end: Micros | None
    nested: tuple[int, ...] = ()

    @property
    def fee(self) -> FeeTerms:
        """Return the taker's fee."""
        return FeeTerms.of(self.instrument.fee_rate_e6, self.instrument.fee_exponent_e6)


class Purse(msgspec.Struct, kw_only=True):
    """What may be spent, and what is at stake already, dollars in 1e-6; a plan counts its own orders in.

    `free_e6`: settled cash that is not reserved. `positions`: what is held in events that may be planned for.
    """

    equity_e6: int
    peak_e6: int
    free_e6: int
    total_e6: int = 0
    markets: dict[int, int] = {}
    events: dict[int, int] = {}
    categories: dict[str, int] = {}
    positions: tuple[Position, ...] = ()

    def spend(self, group: Group, money_e6: int) -> None:
        """Count an order in."""
        self.free_e6 -= money_e6
        self.total_e6 += money_e6
        self.markets[group.market_no] = self.markets.get(group.market_no, 0) + money_e6
        self.events[group.event_no] = self.events.get(group.event_no, 0) + money_e6
        self.categories[group.category] = self.categories.get(group.category, 0) + money_e6


def purse_of(desk: RiskDesk, account: Account) -> Purse:
    """Return what may be spent from an account, and what is at stake there."""
    equity = desk.equity_e6(account)
    base = Baselines.of(account)
    purse = Purse(
        equity_e6=equity,
        peak_e6=max(base.peak_e6 if base else equity, equity),
        free_e6=max(int(account.spendable_e6()), 0),
        positions=tuple(desk.positions(account)),
    )
    for group, money, _ in desk.stakes(account):
        purse.total_e6 += money
        if group is not None:
            purse.markets[group.market_no] = purse.markets.get(group.market_no, 0) + money
            purse.events[group.event_no] = purse.events.get(group.event_no, 0) + money
            purse.categories[group.category] = purse.categories.get(group.category, 0) + money
    return purse


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How plans are made: what matters of the settings of `risk`, `trading` and `fair_value`; money in integers."""

    fraction: float
    min_edge_e6: int
    max_order_e6: int
    max_market: int
    max_event: int
    max_category: int
    max_total: int
    drawdown_start: int
    drawdown_stop: int
    depth_share: float
    order_life: int
    max_slippage_e4: int
    interest: float
    max_spread_e4: int = 10_000

    @staticmethod
    def of(settings: Settings) -> "Rules":
        """Take the settings, rounded as the backtest engine rounds them."""
        risk, trading = settings.risk, settings.trading
        return Rules(
            fraction=risk.kelly,
            min_edge_e6=round(risk.min_edge * PPM),
            max_order_e6=round(risk.max_order * PPM),
            max_market=round(risk.max_market * PPM),
            max_event=round(risk.max_event * PPM),
            max_category=round(risk.max_category * PPM),
            max_total=round(risk.max_total * PPM),
            drawdown_start=round(risk.drawdown_start * PPM),
            drawdown_stop=round(risk.drawdown_stop * PPM),
            depth_share=trading.max_depth_share,
            order_life=trading.order_minutes * MINUTE,
            max_slippage_e4=round(trading.max_slippage * 10_000),
            interest=settings.fair_value.rate,
            max_spread_e4=round(trading.max_spread * 10_000),
        )


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one opinion: an intent, or a code that says why there is none; `cap` shrank it (0 = none).

    `stake_e6` is what Kelly and the caps allowed, `cost_e6` what the order costs at most; `per_day` its log growth.
    """

    name: str
    code: GateCode
    intent: Intent | None = None
    stake_e6: int = 0
    cost_e6: int = 0
    edge_e6: int = 0
    cap: int = 0
    per_day: float = 0.0
    bounded: str = ""


class _Candidate(msgspec.Struct, kw_only=True):
    """An opinion with an edge: all-in `cost_e6` of a share at the best ask, Kelly `share` of wealth before error."""

    wish: Wish
    quote: Quote
    levels: Levels
    fair_e6: int
    cost_e6: int
    share: float = 0.0
    most_e6: int | None = None
    per_day: float = 0.0
    order: int = 0

    @property
    def is_yes(self) -> bool:
        return self.wish.side > 0

    @property
    def edge_e6(self) -> int:
        return self.fair_e6 - self.cost_e6

    def drawn(self, fraction: float) -> float:
        """Return the probability of the side by which it is acted."""
        return drawn(self.fair_e6 / 1e6, self.cost_e6 / 1e6, self.wish.se, fraction)


def plan(wishes: Iterable[Wish], quotes: Mapping[tuple[int, int], Quote], purse: Purse, rules: Rules) -> list[Planned]:
    """Return what becomes of each opinion, in the given order; `quotes` by (market, side). `purse` is used up."""
    given = list(wishes)
    found: dict[int, Planned] = {}
    candidates: list[_Candidate] = []
    for number, wish in enumerate(given):
        candidate = _appraised(wish, quotes.get((wish.market_no, wish.side)), rules)
        if isinstance(candidate, Planned):
            found[number] = candidate
        else:
            candidate.order = number
            candidates.append(candidate)
    _share_out(candidates)
    _bound_jointly(candidates, purse, rules)
    for one in candidates:
        one.per_day = _per_day(one, rules)
    for one in sorted(candidates, key=lambda c: (-c.per_day, c.order)):
        found[one.order] = _ordered(one, purse, rules)
    return [found[number] for number in range(len(given))]


def _appraised(wish: Wish, quote: Quote | None, rules: Rules) -> "_Candidate | Planned":
    """Return the opinion with its edge at the best ask, or why it has none."""
    if quote is None or not quote.book.asks:
        return Planned(name=wish.name, code=GateCode.NO_NEXT_PRICE)
    wait = 0 if quote.scheduled_end is None else quote.scheduled_end - wish.t
    fair = probability_e6(discounted(wish.p, rules.interest, wait))
    if fair < 0 or not 0.0 <= wish.se < np.inf:
        return Planned(name=wish.name, code=GateCode.UNPROVEN)
    ask = quote.book.asks[0][0]
    cost = ask * 100 + quote.fee.fee_e6(ask, ONE_SHARE)
    if fair - cost < max(rules.min_edge_e6, 1):
        return Planned(name=wish.name, code=GateCode.MIN_EDGE, edge_e6=fair - cost)
    levels = Levels.of(quote.book.asks, quote.fee, rules.depth_share)
    return _Candidate(wish=wish, quote=quote, levels=levels, fair_e6=fair, cost_e6=cost)


def _share_out(candidates: Sequence[_Candidate]) -> None:
    """Set each one's Kelly share: alone, or jointly with the other YES legs of its exclusive event at that instant."""
    for one in candidates:
        one.share = kelly(one.fair_e6 / 1e6, one.cost_e6 / 1e6)
    yes = [one for one in candidates if one.is_yes and one.quote.group.exclusive]
    for members in _grouped(yes, lambda one: (one.quote.group.event_no, one.wish.t)):
        p = np.array([one.fair_e6 / 1e6 for one in members])
        c = np.array([one.cost_e6 / 1e6 for one in members])
        for one, share in zip(members, exclusive_stakes(p, c).tolist(), strict=True):
            one.share = share


def _grouped(candidates: Iterable[_Candidate], key: "_Key") -> list[list[_Candidate]]:
    """Return groups of candidates with the same key, each in the order of the markets, so that ties break alike."""
    ordered = sorted(candidates, key=lambda one: (*key(one), one.wish.market_no, one.order))
    return [list(members) for _, members in groupby(ordered, key=key)]


class _Key(Protocol):
    def __call__(self, one: _Candidate, /) -> tuple[int, ...]: ...


def _bound_jointly(candidates: Sequence[_Candidate], purse: Purse, rules: Rules) -> None:
    """Bound those whose outcomes hang together beyond the closed form: NO legs of exclusive events, nested chains."""
    linked = [one for one in candidates if one.quote.group.exclusive or one.quote.nested]
    for members in _grouped(linked, lambda one: (one.quote.group.event_no,)):
        best: dict[int, _Candidate] = {}
        for one in members:  # of two opinions about one market the one with the larger edge speaks
            if one.wish.market_no not in best or one.edge_e6 > best[one.wish.market_no].edge_e6:
                best[one.wish.market_no] = one
        chosen = list(best.values())
        plain = all(one.is_yes and one.quote.group.exclusive for one in chosen)
        alone = len(chosen) == 1 and not _held_here(chosen[0].quote.group, purse)
        if not plain and not alone:
            _bound(chosen, purse, rules)


def _held_here(group: Group, purse: Purse) -> list[Position]:
    members = {group.market_no, *group.markets}
    return [one for one in purse.positions if one.market_no in members]


def _bound(members: Sequence[_Candidate], purse: Purse, rules: Rules) -> None:
    """Solve the event-graph programme at drawn probabilities and set the most that each may buy."""
    chain = members[0].quote.nested
    if chain:
        members = sorted(members, key=lambda one: chain.index(one.wish.market_no))
    yes = [one.drawn(rules.fraction) if one.is_yes else 1.0 - one.drawn(rules.fraction) for one in members]
    group = members[0].quote.group
    whole = group.complete and {one.wish.market_no for one in members} >= set(group.markets)
    scenarios = nested(np.array(yes)) if chain else one_winner(np.array(yes), complete=whole)
    places = {one.wish.market_no: k for k, one in enumerate(members)}
    held = np.zeros(len(scenarios.weight))
    for position in _held_here(group, purse):
        place = places.get(position.market_no)
        pays = np.full(len(held), float(not position.is_yes)) if place is None else None
        leg = scenarios.leg(place, is_yes=position.is_yes) if place is not None else pays
        held += position.shares_e6 / 1e6 * np.asarray(leg) - position.cost_e6 / 1e6
    legs = tuple(
        Leg(k, one.is_yes, tuple(one.levels.cost.tolist()), tuple(one.levels.size.tolist()))
        for k, one in enumerate(members)
    )
    room = part(max(purse.equity_e6, 0), rules.max_event) - purse.events.get(group.event_no, 0)
    caps = (
        Cap(tuple(range(len(members))), room / 1e6),
        *(Cap((k,), rules.max_order_e6 / 1e6) for k in range(len(members))),
    )
    # interest stands in the probabilities already
    problem = Problem(scenarios, legs, purse.equity_e6 / 1e6, max(purse.free_e6, 0) / 1e6, caps, held)
    for one, shares in zip(members, solve(problem).shares, strict=True):
        one.most_e6 = in_lots(shares, one.levels, max(purse.free_e6, 0)).shares_e6


def _per_day(one: _Candidate, rules: Rules) -> float:
    """Return the log growth per day of lock-up that the order promises, by which orders compete for money."""
    p, c = one.drawn(rules.fraction), one.cost_e6 / 1e6
    wait = DAY * 365 if one.quote.scheduled_end is None else one.quote.scheduled_end - one.wish.t
    return growth_per_day(growth(p, c, kelly(p, c)), wait)


def _ordered(one: _Candidate, purse: Purse, rules: Rules) -> Planned:
    """Return the order, as the engine's walk would make it, bounded by the real book."""
    name, edge, group = one.wish.name, one.edge_e6, one.quote.group
    drawdown = ratio_ppm(max(purse.peak_e6 - purse.equity_e6, 0), purse.peak_e6)
    if drawdown >= rules.drawdown_stop:
        return Planned(name=name, code=GateCode.DRAWDOWN_STOP, edge_e6=edge)
    rooms = _rooms(group, purse, rules)
    code = blocked(rooms)
    if code:
        return Planned(name=name, code=GateCode(code), edge_e6=edge)
    if one.share <= 0.0 or one.most_e6 == 0:
        return Planned(name=name, code=GateCode.BETTER_SIBLING, edge_e6=edge)
    ppm = decide(one.share, edge, one.wish.se, rules.fraction)
    if ppm <= 0:
        return Planned(name=name, code=GateCode.UNPROVEN, edge_e6=edge)
    scale = drawdown_scale_ppm(drawdown, rules.drawdown_start, rules.drawdown_stop)
    stake, cap = gate(part(part(purse.equity_e6, ppm), scale), rooms)
    shares, limit, bounded = _on_the_book(one, purse, stake, ppm * scale / 1e12)
    cost = reserve_e6(limit, shares, one.quote.fee)
    terms = one.quote.instrument
    if shares < max(terms.min_size_e6, 1) or limit * shares // 10_000 < ONE_USD:
        small = {"book": GateCode.DEPTH, "joint": GateCode.BETTER_SIBLING}.get(
            bounded, GateCode(cap or GateCode.MIN_SIZE)
        )
        return Planned(name=name, code=small, stake_e6=stake, edge_e6=edge, cap=cap, bounded=bounded)
    purse.spend(group, cost)
    return Planned(
        name=name,
        code=GateCode.ALLOWED,
        intent=_intent(one.wish, terms, limit, shares, rules),
        stake_e6=stake,
        cost_e6=cost,
        edge_e6=edge,
        cap=cap,
        per_day=one.per_day,
        bounded=bounded,
    )


def _rooms(group: Group, purse: Purse, rules: Rules) -> tuple[int, ...]:
    """Return the dollars left under each cap, in the order of `engine.gate.CAPS`; the book itself is the depth."""
    worth = purse.equity_e6
    return (
        rules.max_order_e6,
        rules.max_order_e6,
        part(worth, rules.max_market) - purse.markets.get(group.market_no, 0),
        part(worth, rules.max_event) - purse.events.get(group.event_no, 0),
        part(worth, rules.max_category) - purse.categories.get(group.category, 0),
        part(worth, rules.max_total) - purse.total_e6,
        purse.free_e6,
    )


def _on_the_book(one: _Candidate, purse: Purse, stake_e6: int, share: float) -> tuple[int, int, str]:
    """Return (shares, limit, what bounded them): the stake at the best ask, or what the book walk takes of it.

    `share` of wealth is what acts on the book: p' with (p' - c) / (1 - c) = share is a full Kelly bettor's.
    """
    ask, fee = one.quote.book.asks[0][0], one.quote.fee
    cushion = FEE_CUSHION_E6 if fee.rate_e6 else 0
    shares, limit, bounded = affordable_e6(stake_e6 + cushion, ask, fee), ask, ""
    if one.most_e6 is not None and one.most_e6 < shares:
        shares, bounded = one.most_e6, "joint"
    top = one.levels.size_e6[0] if one.levels.price_e4 and one.levels.price_e4[0] == ask else 0
    if shares <= top:
        return shares, limit, bounded
    c = one.cost_e6 / 1e6
    walked = size_on_book(c + share * (1.0 - c), purse.equity_e6, one.levels, stake_e6)
    if walked.shares_e6 > shares:
        walked = in_lots(_first(walked.taken_e6, shares), one.levels, stake_e6)
    else:
        bounded = "book"
    if not walked.shares_e6:
        return 0, limit, bounded
    # reserved is what the whole order costs at its limit, which must fit as well
    most = affordable_e6(stake_e6 + cushion, walked.limit_e4, fee)
    return min(walked.shares_e6, most), walked.limit_e4, bounded


def _first(taken_e6: Sequence[int], shares_e6: int) -> list[float]:
    """Return the cheapest of what was taken, up to a number of shares; in shares."""
    left, kept = shares_e6, []
    for amount in taken_e6:
        kept.append(min(amount, left) / 1e6)
        left -= min(amount, left)
    return kept


def _intent(wish: Wish, terms: Instrument, limit_e4: int, shares_e6: int, rules: Rules) -> Intent:
    return Intent(
        intent_id=wish.name,
        instrument=terms,
        is_buy=True,
        price_e4=PriceE4(limit_e4),
        shares_e6=SharesE6(shares_e6),
        time_in_force=TimeInForce.GTD,
        created_at=Micros(wish.t),
        expires_at=Micros(wish.t + rules.order_life),
        strategy=wish.strategy,
    )


def sale(name: str, strategy: str, quote: Quote, shares_e6: int, at: Micros, rules: Rules) -> Intent | None:
    """Return the order that sells confirmed shares now, within the slippage from the best bid; None if nothing can be.

    What does not match at once is killed: a sale never rests. Sizes are whole hundredths, worth a dollar at least.
    """
    if not quote.book.bids:
        return None
    best, terms = quote.book.bids[0][0], quote.instrument
    wanted, limit = lots_down(shares_e6), best
    offered = 0
    for price, size in quote.book.bids:
        if offered >= wanted or best - price > rules.max_slippage_e4:
            break
        offered, limit = offered + size, price
    shares = min(wanted, lots_down(offered))
    if shares <= 0 or limit * shares // 10_000 < ONE_USD:
        return None
    return Intent(
        intent_id=name,
        instrument=terms,
        is_buy=False,
        price_e4=PriceE4(limit),
        shares_e6=SharesE6(shares),
        time_in_force=TimeInForce.FAK,
        created_at=at,
        strategy=strategy,
    )
