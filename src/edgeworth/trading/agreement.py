"""Do backtest and bot agree, order by order? The same opinions on the same recorded ticks, walked and traded.

Orders are matched by market, side and tick of the decision. Where one side made none, staked something else, or got
another price or number of shares, the difference must be explained, and an explanation is a computation, not a label:
the decision is made again with the walk's own numbers, which must give the walk's order; then one input after another
is exchanged for the bot's until the bot's order comes out, and the inputs that were needed are the reasons. What is
left is `unexplained`, and there must be none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from edgeworth.core.orders import Intent, OrderState
from edgeworth.core.units import ONE_PRICE
from edgeworth.engine.book_sizing import discounted
from edgeworth.engine.cost import FeeTerms
from edgeworth.engine.gate import GateCode
from edgeworth.engine.sizing import probability_e6
from edgeworth.engine.types import EngineConfig
from edgeworth.trading.account import Account
from edgeworth.trading.agreement_reasons import Agreement, Compared, Reason
from edgeworth.trading.agreement_stake import Case, bought_e6, exchanged, share_cost_e6, stake_of
from edgeworth.trading.decider import Opinion
from edgeworth.trading.order import Order
from edgeworth.trading.record import Line
from edgeworth.trading.sizing import Planned, Purse, Rules
from edgeworth.trading.walked import PLACED, Hour, Left, Quotes, Walked, walk_hour
from edgeworth.trading.watched import Directory, Watched


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the bot's orders: the account after the last tick, and the codes of denials by intent."""

    account: Account
    denials: Mapping[str, str]
    payouts: Mapping[int, tuple[int, int]]


def agreement(
    directory: Directory, lines: Sequence[Line], told: Told, settings: tuple[Rules, EngineConfig], quotes: Quotes
) -> Agreement:
    """Walk recorded ticks with the backtest engine and compare its orders with the bot's.

    The walk begins with the equity of the first tick and without positions; `settings` are those of the run.
    """
    rules, config = settings
    spoken = {one.name: one for line in lines for one in loudest(line)}
    said = list(spoken.values())
    if not said:
        return Agreement(quotes=quotes, opinions=0, orders=())
    config = replace(config, bankroll_e6=lines[0].inputs.purse.equity_e6)
    hour = Hour(directory, lines, said, told.payouts)
    walked, left = walk_hour(hour, config, quotes)
    comparer = _Comparer(directory, lines, told, (rules, config), walked)
    orders = [found for one in said if (found := comparer.entry(one)) is not None]
    orders += comparer.exits(left, {one.market_no: one for one in orders})
    orders.sort(key=lambda one: (one.t, one.market_no, one.exits))
    return Agreement(quotes=quotes, opinions=len(said), orders=tuple(orders))


def loudest(line: Line) -> list[Opinion]:
    """Return the opinions of a tick that may become orders: of several about one market the one the bot listened to."""
    ahead: dict[int, Opinion] = {}
    for one in line.opinions:
        known = ahead.get(one.market_no)
        if known is None or _lead(one) > _lead(known):
            ahead[one.market_no] = one
    return list(ahead.values())


def _lead(one: Opinion) -> float:
    leg = one.price_e4 if one.side > 0 else ONE_PRICE - one.price_e4
    return one.p - leg / 10_000.0


class _Comparer:
    """The comparison of one recorded stretch."""

    def __init__(
        self, directory: Directory, lines: Sequence[Line], told: Told, settings: tuple[Rules, EngineConfig],
        walked: Mapping[str, Walked],
    ) -> None:  # fmt: skip
        self.directory, self.told, self.walked = directory, told, walked
        self.rules, self.config = settings
        self.lines = {line.tick.t: line for line in lines}
        self.planned = {one.name: one for line in lines for one in line.planned}
        self.intents = {one.intent_id: one for line in lines for one in line.wanted}
        self.said = {line.tick.t: {one.market_no: one for one in loudest(line)} for line in lines}
        self.busy: dict[int, list[int]] = {}  # market -> ticks at which the walk made an order
        for line in lines:
            for one in self.said[line.tick.t].values():
                if self._placed(one):
                    self.busy.setdefault(one.market_no, []).append(one.t)

    # -- entries

    def entry(self, one: Opinion) -> Compared | None:
        """Return the comparison of what came of an opinion, None where neither made an order."""
        walk, plan = self.walked[one.name], self.planned[one.name]
        intent = self.intents.get(one.name)
        placed = self._placed(one)
        order = self.told.account.orders.get(one.name)
        if order is None and not placed:  # what risk denied is no order either
            return None
        reasons, details = self._decision(one, walk, plan, placed)
        if placed and intent is not None:
            more = self._outcome(one, walk, intent, order)
            reasons, details = [*reasons, *more[0]], [*details, *more[1]]
        ask = self._ask(one)
        filled = order.filled_e6 if order is not None else 0
        same = (walk.shares_e6, walk.price_e4) == (filled, _average_e4(order))
        if not reasons and not same:
            reasons = [Reason.UNEXPLAINED]
        return Compared(
            market_no=one.market_no, side=one.side, t=one.t, strategy=one.strategy, intent_id=one.name,
            walk_code=walk.code.text, bot_code=_bot_code(plan, intent, order, self.told.denials),
            walk_ask_e4=walk.ask_e4, bot_ask_e4=ask, walk_stake_e6=self._walk_stake(one),
            bot_stake_e6=plan.stake_e6 if intent is not None else 0, walk_shares_e6=walk.shares_e6,
            bot_shares_e6=filled, walk_price_e4=walk.price_e4, bot_price_e4=_average_e4(order),
            reasons=tuple(dict.fromkeys(reasons)), details=tuple(dict.fromkeys(details)),
        )  # fmt: skip

    def _placed(self, one: Opinion) -> bool:
        """Tell whether the walk made an order of an opinion, filled or not."""
        walk = self.walked[one.name]
        if walk.code in {GateCode.MIN_SIZE, GateCode.TOO_LARGE}:  # at the decision, or only at the fill
            return stake_of(self._walk_case(one), self.rules) > 0
        return walk.code in PLACED

    def _walk_stake(self, one: Opinion) -> int:
        if not self._placed(one):
            return 0
        return self.walked[one.name].budget_e6 or stake_of(self._walk_case(one), self.rules)

    def _decision(self, one: Opinion, walk: Walked, plan: Planned, placed: bool) -> tuple[list[Reason], list[str]]:
        """Explain why the two decided differently; nothing to explain gives ([], [])."""
        ordered = one.name in self.intents
        if walk.code in {GateCode.ALREADY_HELD, GateCode.ALREADY_TRADED, GateCode.AFTER_RESOLUTION}:
            earlier = any(t < one.t for t in self.busy.get(one.market_no, ()))
            over = walk.code is GateCode.AFTER_RESOLUTION and one.market_no in self.told.payouts
            return [Reason.HELD_THERE if earlier or over else Reason.UNEXPLAINED], [walk.code.text]
        if plan.code in {GateCode.ALREADY_HELD, GateCode.ALREADY_TRADED, GateCode.AFTER_RESOLUTION} and not ordered:
            return self._taken(one, plan)
        if plan.code is GateCode.NO_NEXT_PRICE:
            return [Reason.NO_ASK if not self._ask(one) else Reason.UNEXPLAINED], []
        start = self._walk_case(one)
        was = self.walked[one.name].budget_e6 if walk.code is GateCode.ALLOWED else None
        again = stake_of(start, self.rules)
        if (again > 0) != placed or was not in {None, again}:
            return [Reason.UNEXPLAINED], ["walk"]
        bounded = {"book": Reason.BOOK, "joint": Reason.JOINT}.get(plan.bounded)
        target = plan.stake_e6 if ordered or bounded is not None else 0
        found = exchanged(start, self._bot_cases(one), target, self.rules)
        if Reason.UNEXPLAINED in found and plan.code is GateCode.BETTER_SIBLING and self._linked(one):
            return [Reason.JOINT], []
        return ([*found, bounded] if bounded is not None else found), []

    def _linked(self, one: Opinion) -> bool:
        """Tell whether the bot's joint programme had a say: a NO leg of the exclusive event, or a position there."""
        market = self.directory.by_no[one.market_no]
        members = {member.market_no for member in self.directory.by_event[market.event_no]}
        against = any(other.side < 0 for number, other in self.said[one.t].items() if number in members)
        held = any(position.market_no in members for position in self.lines[one.t].inputs.purse.positions)
        return market.exclusive and (against or held)

    def _taken(self, one: Opinion, plan: Planned) -> tuple[list[Reason], list[str]]:
        """Explain why the bot left a market alone that was free to the walk."""
        line = self.lines[one.t]
        status = dict(line.tick.status).get(one.market_no)
        word = line.inputs.taken.get(one.market_no, "")
        if status is not None or word == "after-resolution":
            return [Reason.MARKET_STATUS], [status or word]
        return [Reason.HELD_HERE if word else Reason.UNEXPLAINED], [word or plan.code.text]

    def _walk_case(self, one: Opinion) -> Case:
        """Return what the walk knew."""
        walk, market = self.walked[one.name], self.directory.by_no[one.market_no]
        books = walk.account
        rivals, before = self._rivals(one, walked=True)
        return Case(
            fair_e6=probability_e6(one.p),
            ask_e4=walk.ask_e4,
            fee=self._walk_fee(market),
            se=one.se,
            equity=(books.equity_e6, books.peak_e6),
            spent=(0, books.event_e6, books.category_e6, books.total_e6, books.free_e6),
            rivals=rivals,
            before=before,
            depth_e6=self.config.depth_e6,
            least_e6=market.min_size_e6,
            dollar=False,
        )

    def _walk_fee(self, market: Watched) -> FeeTerms:
        own = FeeTerms.of(market.fee_rate_e6, market.fee_exponent_e6)
        rate = min(int(np.ceil(own.rate_e6 * self.config.fee_multiplier - 1e-9)), 1_000_000)
        return FeeTerms(rate, own.exponent)

    def _bot_cases(self, one: Opinion) -> list[Case]:
        """Return what the bot knew: with the money left when this opinion's turn came, as far as that is known."""
        line, market = self.lines[one.t], self.directory.by_no[one.market_no]
        rivals, before = self._rivals(one, walked=False)
        found = []
        for purse in self._purses(one, line):
            spent = (
                purse.markets.get(one.market_no, 0), purse.events.get(market.event_no, 0),
                purse.categories.get(market.category, 0), purse.total_e6, purse.free_e6,
            )  # fmt: skip
            case = Case(
                fair_e6=self._fair(one, line),
                ask_e4=self._ask(one),
                fee=FeeTerms.of(market.fee_rate_e6, market.fee_exponent_e6),
                se=one.se,
                equity=(purse.equity_e6, purse.peak_e6),
                spent=spent,
                rivals=rivals,
                before=before,
                depth_e6=self.rules.max_order_e6,
                least_e6=market.min_size_e6,
                dollar=True,
            )
            found.append(case)
        return found

    def _purses(self, one: Opinion, line: Line) -> list[Purse]:
        """Return the purse at an opinion's turn: the orders that grow faster were served before it."""
        served = [plan for plan in line.planned if plan.code is GateCode.ALLOWED]
        served.sort(key=lambda plan: -plan.per_day)
        names = [plan.name for plan in served]
        turns = [names.index(one.name)] if one.name in names else [len(names), 0]
        found = []
        for turn in turns:
            purse = msgspec.json.decode(msgspec.json.encode(line.inputs.purse), type=Purse)
            for plan in served[:turn]:
                if plan.intent is not None:
                    purse.spend(self.directory.group(plan.intent.instrument.market_no), plan.cost_e6)
            found.append(purse)
        return found

    def _fair(self, one: Opinion, line: Line) -> int:
        end = line.inputs.ends.get(one.market_no)
        return int(probability_e6(discounted(one.p, self.rules.interest, 0 if end is None else end - one.t)))

    def _ask(self, one: Opinion) -> int:
        """Return the best ask of the recorded book for the side of an opinion, 0 without one."""
        book = next((book for book in self.lines[one.t].tick.books if book.market_no == one.market_no), None)
        asks = () if book is None else book.side(yes=one.side > 0).asks
        return asks[0][0] if asks else 0

    def _rivals(self, one: Opinion, *, walked: bool) -> tuple[tuple[tuple[int, int], ...] | None, int]:
        """Return (fair, cost) of the other YES legs with an edge at that instant, and how many stand before it."""
        market = self.directory.by_no[one.market_no]
        if not market.exclusive or one.side < 0:
            return None, 0
        found: list[tuple[int, int]] = []
        before, line = 0, self.lines[one.t]
        members = sorted(member.market_no for member in self.directory.by_event[market.event_no])
        for number in members:
            other = self.said[one.t].get(number)
            if number == one.market_no:
                before = len(found)
                continue
            if other is None or other.side < 0:
                continue
            terms = self.directory.by_no[number]
            if walked:
                if self.walked[other.name].code is GateCode.AFTER_RESOLUTION:
                    continue
                fair, ask, fee = probability_e6(other.p), self.walked[other.name].ask_e4, self._walk_fee(terms)
            else:
                if self.planned[other.name].code in {
                    GateCode.ALREADY_HELD, GateCode.ALREADY_TRADED, GateCode.AFTER_RESOLUTION,
                }:  # fmt: skip
                    continue
                fair, ask = self._fair(other, line), self._ask(other)
                fee = FeeTerms.of(terms.fee_rate_e6, terms.fee_exponent_e6)
            cost = share_cost_e6(ask, fee)
            if ask and fair >= 0 and fair - cost >= max(self.rules.min_edge_e6, 1):
                found.append((int(fair), int(cost)))
        return tuple(found), before

    # -- what came of an order that both made

    def _outcome(
        self, one: Opinion, walk: Walked, intent: Intent, order: Order | None
    ) -> tuple[list[Reason], list[str]]:
        """Explain why two orders for the same thing came to other shares or another price."""
        if order is None:
            code = self.told.denials.get(one.name)
            return [Reason.RISK if code else Reason.HALTED], [code or "halted"]
        reasons: list[Reason] = []
        details: list[str] = []
        if order.intent.shares_e6 < intent.shares_e6:
            reasons.append(Reason.RISK)
        filled = order.filled_e6
        if not filled and (order.state in _NEVER or order.sent_at is None):
            reasons.append(Reason.VENUE)
            details.append(order.code or str(order.state))
        elif filled < order.intent.shares_e6:
            reasons.append(Reason.UNFILLED)
            details.append(str(order.state))
        if walk.code is not GateCode.ALLOWED:
            reasons.append(Reason.NEXT_OBSERVATION)
            details.append(walk.code.text)
            return reasons, details
        ask = self._ask(one)
        if not self._adds_up(one, walk, intent):
            reasons.append(Reason.UNEXPLAINED)
        if walk.ask_e4 != ask:
            reasons.append(Reason.SPREAD)
        if walk.price_e4 != walk.ask_e4:
            reasons.append(Reason.NEXT_OBSERVATION)
        if self._walk_case(one).fee != self._bot_cases(one)[0].fee and walk.shares_e6 != intent.shares_e6:
            reasons.append(Reason.FEE)
        if filled and any(fill.price_e4 != ask for fill in order.fills.values() if not fill.void):
            levels = {level for level, _ in self._asks(one)}
            moved = any(fill.price_e4 not in levels for fill in order.fills.values() if not fill.void)
            reasons.append(Reason.ARRIVAL if moved or intent.price_e4 == ask else Reason.BOOK)
        return reasons, details

    def _adds_up(self, one: Opinion, walk: Walked, intent: Intent) -> bool:
        """Tell whether both bought what their own stake buys: the walk at its fill, the bot at its ask if unbounded."""
        plan, case = self.planned[one.name], self._bot_cases(one)[0]
        walked = bought_e6(walk.budget_e6, walk.price_e4, self._walk_case(one).fee)
        return walk.shares_e6 == walked and (bool(plan.bounded) or intent.shares_e6 == case.buys_e6(plan.stake_e6))

    def _asks(self, one: Opinion) -> Sequence[tuple[int, int]]:
        book = next((book for book in self.lines[one.t].tick.books if book.market_no == one.market_no), None)
        return () if book is None else book.side(yes=one.side > 0).asks

    # -- exits

    def exits(self, left: Sequence[Left], entries: Mapping[int, Compared]) -> list[Compared]:
        """Compare what left positions; entries are the compared orders by market."""
        there = {(one.market_no, one.side, one.t): one for one in left}
        here: dict[tuple[int, int, int], Intent] = {}
        for intent in self.intents.values():
            if not intent.is_buy:
                terms = intent.instrument
                here[terms.market_no, 1 if terms.is_yes else -1, intent.created_at] = intent
        found = []
        for key in sorted({*there, *here}, key=lambda key: (key[2], key[0])):
            walk, sold = there.get(key), here.get(key)
            if walk is not None and sold is not None:
                reasons = []
            elif sold is not None:
                reasons = self._only_bot_left(key, sold, entries.get(key[0]), there)
            else:
                reasons = self._only_walk_left(key, entries.get(key[0]), here)
            one = Compared(
                market_no=key[0], side=key[1], t=key[2], exits=True,
                strategy=sold.strategy if sold is not None else "", reasons=tuple(reasons),
                intent_id=sold.intent_id if sold is not None else "",
                walk_code=walk.reason if walk is not None else "",
                bot_code=sold.intent_id.split("/")[0].removeprefix("exit-") if sold is not None else "",
            )  # fmt: skip
            found.append(one)
        return found

    def _only_bot_left(
        self, key: tuple[int, int, int], sold: Intent, entry: Compared | None, there: Iterable[tuple[int, int, int]]
    ) -> list[Reason]:
        """Explain an exit of the bot alone."""
        if sold.intent_id.startswith("exit-flatten"):
            return [Reason.FLATTEN]
        walk = self.walked.get(entry.intent_id) if entry is not None else None
        if walk is not None and walk.entered_at >= key[2]:  # the walk looks for an exit from the point after its entry
            return [Reason.NEXT_OBSERVATION]
        if any(other[:2] == key[:2] and other[2] < key[2] for other in there):
            return [Reason.LEFT]
        return [Reason.ENTRY if entry is None or not entry.agrees else Reason.UNEXPLAINED]

    def _only_walk_left(
        self, key: tuple[int, int, int], entry: Compared | None, here: Iterable[tuple[int, int, int]]
    ) -> list[Reason]:
        """Explain an exit of the walk alone."""
        if any(other[:2] == key[:2] and other[2] < key[2] for other in here):
            return [Reason.LEFT]
        line = self.lines.get(key[2])
        held = [] if line is None else [one for one in line.inputs.held if (one.market_no, one.side) == key[:2]]
        if held and not any(one.sellable_e6 for one in held):
            return [Reason.NOT_CONFIRMED]
        return [Reason.ENTRY if entry is None or not entry.agrees else Reason.UNEXPLAINED]


_NEVER: Final = frozenset({OrderState.REJECTED, OrderState.UNKNOWN, OrderState.NEW, OrderState.SIGNED})


def _average_e4(order: Order | None) -> int:
    """Return the average price of an order's valid fills, rounded down; 0 without any."""
    fills = [] if order is None else [fill for fill in order.fills.values() if not fill.void]
    shares = sum(fill.shares_e6 for fill in fills)
    return sum(fill.price_e4 * fill.shares_e6 for fill in fills) // shares if shares else 0


def _bot_code(plan: Planned, intent: Intent | None, order: Order | None, denials: Mapping[str, str]) -> str:
    if intent is None:
        return plan.code.text
    if order is None:
        return denials.get(intent.intent_id, "halted")
    return order.code or str(order.state)
