"""The risk desk: turns the account, as the reserving transaction sees it, into what the check looks at.

    verdict = journal.reserve(intent, salt, desk.check(intent, world))

What must survive a restart lives in the journal's notes: the day's starting equity and its peak (`Baselines`) and where
each strategy stands (`stages.Standing`). Exposure counts the cost of every position, settled or not, and the reserve of
every order that may still be filled, unknown ones in full.
"""

from bisect import bisect_right
from collections.abc import Callable, Container
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple, Protocol

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.orders import Intent
from edgeworth.core.units import DAY, HOUR, MINUTE, ONE_PRICE, Micros, SharesE6
from edgeworth.engine.cost import FeeTerms, sell_proceeds_e6
from edgeworth.trading.account import Account
from edgeworth.trading.exposure import EventBook, OpenOrder, Position
from edgeworth.trading.journal import Check, Verdict
from edgeworth.trading.limits import Limits
from edgeworth.trading.order import Order
from edgeworth.trading.risk import Decision, Exposure, RiskView, World, check, failed
from edgeworth.trading.stages import Ladder, Standing
from edgeworth.trading.states import OPEN

EQUITY_NOTE: Final = "equity"
_NOTED_RISE: Final = 1_000  # a peak is written down when it has risen by a thousandth
_SAME: Final = 1_000  # microseconds for which what was allowed need not be thought through again


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """To what a market belongs: its event with all outcomes known of it, its category.

    `exclusive`: exactly one outcome of the event wins; `complete`: it is one of `markets` for certain.
    """

    market_no: int
    event_no: int
    category: str
    markets: tuple[int, ...] = ()
    exclusive: bool = False
    complete: bool = False


class Stake(NamedTuple):
    """Money at stake in one market (None = nobody knows which) and the strategies that answer for it."""

    group: Group | None
    usd_e6: int
    strategies: tuple[str, ...]


class Directory(Protocol):
    """What is known of markets, and of the tokens they trade."""

    def group(self, market_no: int) -> Group:
        """Return to what a market belongs."""

    def leg(self, token: str) -> tuple[int, bool] | None:
        """Return (market, whether it is the YES leg) of a token, None if it is unknown."""


Marks = Callable[[str], int | None]
"""The best bid of a token in 1e-4 dollars, None where there is none."""


class Baselines(msgspec.Struct, frozen=True, kw_only=True):
    """Equity at the start of a day (UTC) and at its peak, dollars in 1e-6; `deposits_e6` when they were taken.

    What is paid in or out since then moves both, so that neither a deposit hides a loss nor a withdrawal is one.
    """

    day: int
    start_e6: int
    peak_e6: int
    deposits_e6: int = 0

    @staticmethod
    def of(account: Account) -> "Baselines | None":
        """Return what the journal holds, shifted by what was paid in or out since; None at the very beginning."""
        note = account.notes.get(EQUITY_NOTE)
        if note is None:
            return None
        found, paid_in = _baselines(note), account.ledger["deposits"]
        moved = paid_in - found.deposits_e6
        return Baselines(
            day=found.day, start_e6=found.start_e6 + moved, peak_e6=found.peak_e6 + moved, deposits_e6=paid_in
        )

    def note(self) -> str:
        """Return what to write down."""
        return msgspec.json.encode(self).decode()


@lru_cache(maxsize=4)
def _baselines(note: str) -> Baselines:
    return msgspec.json.decode(note, type=Baselines)


@lru_cache(maxsize=256)  # strategies: asked for every intent, changed by few ticks
def _standing(note: str) -> Standing:
    return msgspec.json.decode(note, type=Standing)


def rebased(account: Account, now: Micros, equity_e6: int) -> str | None:
    """Return the note to write when a day begins or the peak has risen, else None.

    A clock that goes back does not begin a day; the first call begins everything.
    """
    found, day, paid_in = Baselines.of(account), now // DAY, account.ledger["deposits"]
    if found is None:
        return Baselines(day=day, start_e6=equity_e6, peak_e6=equity_e6, deposits_e6=paid_in).note()
    peak = max(found.peak_e6, equity_e6)
    if day > found.day:
        return Baselines(day=day, start_e6=equity_e6, peak_e6=peak, deposits_e6=paid_in).note()
    if (peak - found.peak_e6) * _NOTED_RISE > found.peak_e6:
        return Baselines(day=found.day, start_e6=found.start_e6, peak_e6=peak, deposits_e6=paid_in).note()
    return None


def stage_note(strategy: str) -> str:
    """Return the name under which the journal holds where a strategy stands."""
    return f"stage:{strategy}"


class RiskDesk:
    """Check intents against the account they are reserved on; `decision` is the last outcome in full."""

    def __init__(self, limits: Limits, ladder: Ladder, directory: Directory, marks: Marks, clock: Clock) -> None:
        self.limits, self.ladder, self.directory, self.marks, self.clock = limits, ladder, directory, marks, clock
        self.decision: Decision | None = None
        self._account: Account | None = None
        self._seen = 0
        self._owners: dict[str, tuple[str, ...]] = {}
        self._made: list[Micros] = []  # when orders were made, and whether the clock never went back between them
        self._in_order = True

    def check(self, intent: Intent, world: World) -> Check:
        """Return the check for `Journal.reserve`; it never raises: a failure denies, and calls for a halt.

        What it allowed it allows again, within a millisecond, as long as the journal is where it was: nothing that it
        looks at can have changed then but marks and the time.
        """

        last: tuple[Account, int, Micros, Verdict] | None = None

        def decide(account: Account) -> Verdict:
            nonlocal last
            now = self.clock.now()
            if last is not None and last[0] is account and last[1] == account.count and 0 <= now - last[2] <= _SAME:
                return last[3]
            try:
                decision = check(intent, self.view(account, intent), world, self.limits)
            except Exception as error:  # noqa: BLE001 - whatever risk stumbles over, the answer is no and a halt
                decision = failed(error)
            self.decision = decision
            if not decision.allowed:
                return Verdict(intent=None, code=decision.code.value, text=decision.text)
            smaller = intent
            if decision.shares_e6 != intent.shares_e6:
                smaller = msgspec.structs.replace(intent, shares_e6=SharesE6(decision.shares_e6))
            last = account, account.count, now, Verdict(intent=smaller)
            return last[3]

        return decide

    def equity_e6(self, account: Account) -> int:
        """Return cash, reserves and positions at their bid; a token without a bid counts at its cost."""
        worth = account.ledger["cash"] + account.ledger["reserved"]
        for token, position in account.ledger.positions.items():
            if position.shares_e6:
                bid = self.marks(token)
                worth += position.cost_e6 if bid is None else bid * position.shares_e6 // ONE_PRICE
        return int(worth)

    def view(self, account: Account, intent: Intent) -> RiskView:
        """Return what the ledger knows that matters to one intent."""
        now = self.clock.now()
        equity = self.equity_e6(account)
        base = Baselines.of(account) or Baselines(day=0, start_e6=equity, peak_e6=equity)
        minute, hour = self._sent(account, now)
        stage, most = self._standing(account, intent.strategy).allowance(self.ladder)
        token = intent.instrument.token
        offered = account.held.get(token, 0)
        reserved = int(account.ledger["reserved"])
        return RiskView(
            now=now,
            cash_e6=int(account.spendable_e6()) + reserved,
            reserved_e6=reserved,
            equity_e6=equity,
            day_start_e6=base.start_e6,
            peak_e6=max(base.peak_e6, equity),
            exposure=self._exposure(account, intent),
            open_orders=sum([order.state in OPEN for order in account.open.values()]),
            orders_minute=minute,
            orders_hour=hour,
            confirmed_e6=account.sellable_e6(token) + offered,
            offered_e6=offered,
            stage_ppm=stage,
            stage_order_e6=most,
            event_book=self._event_book(account, intent),
            halts=account.standing(),
            reconciled_at=account.agreed_at,
        )

    def _standing(self, account: Account, strategy: str) -> Standing:
        note = account.notes.get(stage_note(strategy))
        return _standing(note) if note else Standing(strategy=strategy)

    def _sent(self, account: Account, now: Micros) -> tuple[int, int]:
        """Return how many orders were made in the last minute and hour; the newest come last."""
        self._read(account)
        made = self._made
        if self._in_order:
            return len(made) - bisect_right(made, now - MINUTE), len(made) - bisect_right(made, now - HOUR)
        minute = hour = 0
        for at in reversed(made):
            if now - at >= HOUR:
                break
            hour += 1
            minute += now - at < MINUTE
        return minute, hour

    def _owned(self, account: Account) -> dict[str, tuple[str, ...]]:
        """Return the strategies that ever bought a token: each of them answers for all of its position."""
        self._read(account)
        return self._owners

    def _read(self, account: Account) -> None:
        """Take in the orders that are new since the last look; an account folded anew is read from its beginning."""
        if account is not self._account or len(account.orders) < self._seen:
            self._account, self._seen, self._owners = account, 0, {}
            self._made, self._in_order = [], True
        new = list(islice(reversed(account.orders.values()), len(account.orders) - self._seen))
        for order in reversed(new):
            self._in_order &= not self._made or self._made[-1] <= order.created_at
            self._made.append(order.created_at)
            token, name = order.intent.instrument.token, order.intent.strategy
            if order.intent.is_buy and name not in self._owners.get(token, ()):
                self._owners[token] = (*self._owners.get(token, ()), name)
        self._seen = len(account.orders)

    def stakes(self, account: Account) -> list[Stake]:
        """Return everything at stake: positions at cost, and reserves of purchases that may still be filled."""
        found = self._positions_at_stake(account)
        for order in account.open.values():
            if order.intent.is_buy:
                group = self.directory.group(order.intent.instrument.market_no)
                found.append(Stake(group, order.reserved_e6, (order.intent.strategy,)))
        return found

    def _positions_at_stake(self, account: Account) -> list[Stake]:
        owners = self._owned(account)
        return [
            Stake(self._group_of(token), max(position.cost_e6, 0), owners.get(token, ()))
            for token, position in account.ledger.positions.items()
            if position.shares_e6
        ]

    def _group_of(self, token: str) -> Group | None:
        leg = self.directory.leg(token)
        return None if leg is None else self.directory.group(leg[0])

    def _exposure(self, account: Account, intent: Intent) -> Exposure:
        """Add up what is at stake around an intent. A token nobody knows counts everywhere."""
        own = self.directory.group(intent.instrument.market_no)
        market = event = category = strategy = total = 0
        for order in account.open.values():  # as in `stakes`, for there are many
            wanted, money = order.intent, order.reserved_e6
            if wanted.is_buy and money:
                other = self.directory.group(wanted.instrument.market_no)
                total += money
                market += money if other.market_no == own.market_no else 0
                event += money if other.event_no == own.event_no else 0
                category += money if other.category == own.category else 0
                strategy += money if wanted.strategy == intent.strategy else 0
        for group, money, owners in self._positions_at_stake(account):
            total += money
            market += money if group is None or group.market_no == own.market_no else 0
            event += money if group is None or group.event_no == own.event_no else 0
            category += money if group is None or group.category == own.category else 0
            strategy += money if group is None or intent.strategy in owners else 0
        return Exposure(market_e6=market, event_e6=event, category_e6=category, strategy_e6=strategy, total_e6=total)

    def positions(self, account: Account, members: Container[int] | None = None) -> list[Position]:
        """Return what is held in some markets, or in all that are known."""
        found = []
        for token, position in account.ledger.positions.items():
            leg = self.directory.leg(token) if position.shares_e6 else None
            if leg is not None and (members is None or leg[0] in members):
                found.append(
                    Position(market_no=leg[0], is_yes=leg[1], shares_e6=position.shares_e6, cost_e6=position.cost_e6)
                )
        return found

    def _event_book(self, account: Account, intent: Intent) -> EventBook | None:
        own = self.directory.group(intent.instrument.market_no)
        if not own.exclusive:
            return None
        members = set(own.markets)
        held = self.positions(account, members)
        orders = [_open(order) for order in account.open.values() if order.intent.instrument.market_no in members]
        return EventBook(markets=own.markets, positions=tuple(held), orders=tuple(orders), complete=own.complete)


def _open(order: Order) -> OpenOrder:
    """Return what is left of an order, at its worst."""
    intent, terms = order.intent, order.intent.instrument
    fee = FeeTerms.of(terms.fee_rate_e6, terms.fee_exponent_e6)
    shares = order.unseen_e6 if intent.is_buy else order.held_e6
    money = order.reserved_e6 if intent.is_buy else sell_proceeds_e6(intent.price_e4, shares, fee)
    return OpenOrder(
        market_no=terms.market_no, is_yes=terms.is_yes, shares_e6=shares, cost_e6=money, is_buy=intent.is_buy
    )
