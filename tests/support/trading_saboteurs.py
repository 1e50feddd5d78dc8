"""Deliberate faults in order handling: each takes one safeguard away, and the simulation must notice it soon.

A saboteur is a context manager that yields the parts to run with; what it patches is put back when it ends.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from typing import Any

import msgspec

from edgeworth.core.errors import Rejected, Retryable, Unknown
from edgeworth.core.orders import AccountSnapshot, OrderReport, OrderState, PreparedOrder, Settlement
from edgeworth.trading import account as accounts
from edgeworth.trading import journal as journals
from edgeworth.trading import order as orders
from edgeworth.trading import reconcile
from edgeworth.trading.account import Account
from edgeworth.trading.accounting import Ledger
from edgeworth.trading.journal import Fault, MemoryDisk, MemoryJournal, MemoryLog
from edgeworth.trading.ladder import Ladder
from edgeworth.trading.manager import OrderManager
from edgeworth.trading.order import Fill, Order
from edgeworth.trading.recovery import Recovery
from tests.support.trading_connection import Connection
from tests.support.trading_world import Parts

Saboteur = Callable[[], AbstractContextManager[Parts]]
SABOTEURS: dict[str, Saboteur] = {}


def saboteur(work: Callable[[], Iterator[Parts]]) -> Saboteur:
    """List a saboteur under its name."""
    made = contextmanager(work)
    SABOTEURS[work.__name__] = made
    return made


@contextmanager
def patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Put something else in the place of an attribute for a while."""
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


# --- the outbox ---------------------------------------------------------------------------------------------------


class LazyLog(MemoryLog):
    """Keep entries of some kinds in memory until one of another kind comes after them."""

    def __init__(self, disk: MemoryDisk, lazy: frozenset[str]) -> None:
        super().__init__(disk)
        self._lazy, self._waiting = lazy, list[journals.Entry]()

    @contextmanager
    def write(self, fault: Fault) -> Iterator[Any]:
        transaction = _LazyTransaction(self.disk, self._waiting)
        yield transaction
        if not transaction.added:
            return
        self._waiting += transaction.added
        if all(entry.kind in self._lazy for entry in transaction.added):
            return
        fault("journal.before-commit")
        count = max(k for k, entry in enumerate(self._waiting, 1) if entry.kind not in self._lazy)
        self.disk.entries.extend(self._waiting[:count])
        del self._waiting[:count]
        fault("journal.after-commit")

    def read(self, after: int = 0, subject: str | None = None) -> Iterator[journals.Entry]:
        every = (self.disk.entries + self._waiting)[after:]
        return iter([one for one in every if subject is None or one.subject == subject])


class _LazyTransaction:
    def __init__(self, disk: MemoryDisk, waiting: list[journals.Entry]) -> None:
        self._every = disk.entries + waiting
        self.added: list[journals.Entry] = []

    def head(self) -> tuple[int, str]:
        return (self._every[-1].number, self._every[-1].chain) if self._every else (0, journals.GENESIS)

    def read(self, after: int) -> list[journals.Entry]:
        return self._every[after:]

    def append(self, entries: Sequence[journals.Entry]) -> None:
        self.added.extend(entries)


def _lazy_journal(*kinds: str) -> Callable[..., MemoryJournal]:
    def make(disk: MemoryDisk, clock: Any, fault: Fault) -> MemoryJournal:
        journal = MemoryJournal(disk, clock, fault)
        journal.log = LazyLog(disk, frozenset(kinds))
        return journal

    return make


@saboteur
def send_before_the_outbox_is_committed() -> Iterator[Parts]:
    yield Parts(journal=_lazy_journal("signed", "sending"))


@saboteur
def keep_intents_in_memory() -> Iterator[Parts]:
    yield Parts(journal=_lazy_journal("reserved", "signed", "sending"))


class Forgetful(MemoryJournal):
    """Come up without the halts that stood."""

    def _catch_up(self, entries: Iterable[journals.Entry]) -> Account:
        first = self._account is None
        account = super()._catch_up(entries)
        if first:
            account.halts.clear()
        return account


@saboteur
def forget_halts_at_a_restart() -> Iterator[Parts]:
    yield Parts(journal=Forgetful)


@saboteur
def drop_the_link_of_the_chain() -> Iterator[Parts]:
    def alone(_chain: str, body: bytes) -> str:
        return blake2b(body, digest_size=32).hexdigest()

    with patched(journals, "link", alone):
        yield Parts()


# --- sending ------------------------------------------------------------------------------------------------------


class Counting(Connection):
    """Count how often each order was sent."""

    def __init__(self, venue: Any) -> None:
        super().__init__(venue)
        self._tries = Counter[str]()

    def tries(self, order: PreparedOrder) -> int:
        self._tries[order.order_id] += 1
        return self._tries[order.order_id]


class FreshSalt(Counting):
    """Build the order anew at every repetition."""

    async def submit(self, order: PreparedOrder) -> OrderReport:
        tries = self.tries(order)
        if tries > 1:
            order = await self.prepare(self.venue.wanted[order.intent_id], order.salt + tries)
        return await super().submit(order)


@saboteur
def draw_a_fresh_salt_at_a_retry() -> Iterator[Parts]:
    yield Parts(connection=FreshSalt)


def _refusing(code: str) -> type[Connection]:
    class Refusing(Connection):
        """Take silence for a refusal."""

        async def submit(self, order: PreparedOrder) -> OrderReport:
            try:
                return await super().submit(order)
            except Unknown as error:
                if error.code != code:
                    raise
                raise Rejected("venue-refused", "surely not accepted") from error

    return Refusing


@saboteur
def take_a_timeout_for_a_refusal() -> Iterator[Parts]:
    yield Parts(connection=_refusing("venue-timeout"))


@saboteur
def take_a_server_error_for_a_refusal() -> Iterator[Parts]:
    yield Parts(connection=_refusing("venue-unavailable"))


# --- what is set aside --------------------------------------------------------------------------------------------


@saboteur
def forget_the_money_of_unknown_orders() -> Iterator[Parts]:
    need = Order.need

    def careless(self: Order) -> tuple[int, int]:
        return (0, 0) if self.state is OrderState.UNKNOWN else need(self)

    with patched(Order, "need", careless):
        yield Parts()


@saboteur
def free_everything_when_an_order_is_cancelled() -> Iterator[Parts]:
    unseen = vars(Order)["unseen_e6"]

    def careless(self: Order) -> int:
        return 0 if self.closed else unseen.fget(self)

    with patched(Order, "unseen_e6", property(careless)):
        yield Parts()


@saboteur
def release_the_reserve_twice() -> Iterator[Parts]:
    touch = Account._touch

    def twice(self: Account, order: Order, at: int) -> None:
        before = order.reserved_e6
        touch(self, order, at)
        if before > order.reserved_e6:
            self.ledger.post(cash=before - order.reserved_e6, reserved=order.reserved_e6 - before)

    with patched(Account, "_touch", twice):
        yield Parts()


# --- fills --------------------------------------------------------------------------------------------------------


@saboteur
def tell_fills_apart_by_where_they_were_heard() -> Iterator[Parts]:
    filled = Account._filled

    def doubled(self: Account, event: Any) -> None:
        trade = f"{event.fill.trade_id}@{'stream' if event.source == 'stream' else 'list'}"
        filled(self, msgspec.structs.replace(event, fill=msgspec.structs.replace(event.fill, trade_id=trade)))

    with patched(Account, "_filled", doubled), patched(journals, "_is_new", lambda _account, _fill: True):
        yield Parts()


@saboteur
def book_parts_of_maker_trades_twice() -> Iterator[Parts]:
    book = Account._book

    def doubled(self: Account, fill: Fill, fee_before: int) -> None:
        book(self, fill, fee_before)
        if fill.is_maker and not fill.void:
            shares = fill.shares_e6 if fill.is_buy else -fill.shares_e6
            self.ledger.put_lot(
                fill.token, fill.trade_id, accounts.Lot((fill.event_time, fill.trade_id), shares, fill.paid_e6)
            )

    with patched(Account, "_book", doubled):
        yield Parts()


@saboteur
def keep_failed_trades() -> Iterator[Parts]:
    with patched(Fill, "void", property(lambda _self: False)):
        yield Parts()


@saboteur
def void_trades_that_are_retried() -> Iterator[Parts]:
    gone = {Settlement.FAILED, Settlement.RETRYING}
    with patched(Fill, "void", property(lambda self: self.settlement in gone)):
        yield Parts()


@saboteur
def let_the_last_word_on_a_fill_count() -> Iterator[Parts]:
    def last(fill: Fill, report: Any) -> bool:
        changed = fill.settlement is not report.settlement
        fill.settlement = report.settlement
        return changed

    with patched(accounts, "further", last), patched(journals, "further", last):
        yield Parts()


@saboteur
def turn_the_fee_round() -> Iterator[Parts]:
    put = Ledger.put_lot

    def turned(self: Ledger, token: str, name: str, lot: Any, fee: int = 0) -> None:
        put(self, token, name, lot, -fee)

    with patched(Ledger, "put_lot", turned):
        yield Parts()


@saboteur
def count_money_in_floats() -> Iterator[Parts]:
    def rough(price_e4: int, shares_e6: int, *, is_buy: bool) -> int:
        return int(price_e4 / 10_000 * (shares_e6 / 1_000_000) * 1_000_000)

    with patched(orders, "dollars", rough):
        yield Parts()


# --- evidence -----------------------------------------------------------------------------------------------------


class Complete(Connection):
    """Call every account complete."""

    async def account(self, since: int) -> AccountSnapshot:
        return msgspec.structs.replace(await super().account(since), complete=True)


@saboteur
def believe_an_incomplete_account() -> Iterator[Parts]:
    yield Parts(connection=Complete)


def _unguarded(self: Account, event: Any) -> None:
    """Take any proof for a proof."""
    order = self.orders[event.intent_id]
    order.code, order.text = event.code, event.text
    order.conclude("rejected", event.at)
    self._touch(order, event.at)


@saboteur
def end_orders_before_their_expiry() -> Iterator[Parts]:
    over, conclude = Ladder._over, Order.conclude

    def early(self: Ladder, order: Order, asked: int) -> bool:
        return over(self, order, asked + 400 * 1_000_000)

    def at_once(self: Order, how: str, at: int) -> None:
        conclude(self, how, at)
        self.final = True

    with patched(Ladder, "_over", early), patched(Order, "conclude", at_once):
        yield Parts()


@saboteur
def take_what_is_not_found_for_never_sent() -> Iterator[Parts]:
    climb = Ladder.climb

    async def hasty(self: Ladder, order: Order) -> None:
        if order.state is OrderState.UNKNOWN and await self._venue.order(order.order_id) is None:
            self._journal.record_refused(order.intent.intent_id, "absent", "not-found")
        else:
            await climb(self, order)

    with patched(Ladder, "climb", hasty):
        yield Parts()


@saboteur
def believe_every_difference_at_once() -> Iterator[Parts]:
    loose = patched(reconcile, "_loose", lambda _account, _since: [])
    with loose, patched(reconcile.Watch, "believe", lambda _self, found, _taken_at: list(found)):
        yield Parts()


@saboteur
def take_the_refusal_of_a_repetition_for_proof() -> Iterator[Parts]:
    def hasty(self: OrderManager, order_id: str, error: Any) -> None:
        intent_id = self.account.order(order_id).intent.intent_id
        self.journal.record_refused(intent_id, "refused", error.code, error.message)

    with patched(OrderManager, "_refused", hasty), patched(Account, "_refused", _unguarded):
        yield Parts()


# --- what must not leave, what must go ----------------------------------------------------------------------------


@saboteur
def find_what_was_being_sent_never_sent() -> Iterator[Parts]:
    settle = Recovery.settle_unfinished

    def hasty(self: Recovery, order: Order) -> None:
        if order.state is OrderState.SENDING:
            self._intake.journal.record_refused(order.intent.intent_id, "never-sent", "interrupted")
        else:
            settle(self, order)

    with patched(Recovery, "settle_unfinished", hasty), patched(Account, "_refused", _unguarded):
        yield Parts()


@saboteur
def forget_cancels_of_unknown_orders() -> Iterator[Parts]:
    cancel = OrderManager.cancel

    async def deaf(self: OrderManager, order_ids: Sequence[str], reason: str = "") -> None:
        doubtful = {OrderState.UNKNOWN, OrderState.SENDING}
        await cancel(self, [name for name in order_ids if self.account.order(name).state not in doubtful], reason)

    with patched(OrderManager, "cancel", deaf):
        yield Parts()


def _checked_once(*codes: str) -> AbstractContextManager[None]:
    blocked, asked = OrderManager.blocked, set[tuple[int, str]]()

    def once(self: OrderManager, intent: Any, account: Account) -> str:
        reason, name = blocked(self, intent, account), (id(self), intent.intent_id)
        again = name in asked
        asked.add(name)
        return "" if again and reason in codes else reason

    return patched(OrderManager, "blocked", once)


@saboteur
def send_after_a_wait_although_the_heart_was_lost() -> Iterator[Parts]:
    with _checked_once("heartbeat-late"):
        yield Parts()


class Busy(Counting):
    """Be asked to wait before every order, twice."""

    async def submit(self, order: PreparedOrder) -> OrderReport:
        if self.tries(order) <= 2:
            await self.venue.clock.sleep(0.1)
            raise Retryable("venue-rate-limited", "429")
        return await super().submit(order)


@saboteur
def send_after_a_wait_although_halted() -> Iterator[Parts]:
    with _checked_once("halted"):
        yield Parts(connection=Busy)
