"""The journal: what we are about to do is committed before it is done, and what happened is committed before it counts.

Entries are only added; each is chained to the one before, h_n = blake2b(h_{n-1} || entry), so that a later change
shows. A `Log` keeps them durably (`MemoryLog` here, `store.trading_ledger` on disk); a `Journal` gives them meaning:
every method is one transaction, within which the account is brought up to date, the event is tried on it, and only
what it accepts is committed. If anything fails on the way, nothing was recorded and the account is folded anew.

Fault points are named strings handed to a callable that does nothing in production: `journal.before-commit` and
`journal.after-commit` here, `venue.before-send` and `venue.after-send` in the manager. A simulation raises from it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

import msgspec

from edgeworth.core.chain import GENESIS, Entry, follows, link
from edgeworth.core.clock import Clock
from edgeworth.core.errors import DataError
from edgeworth.core.orders import FillReport, Intent, OrderReport, PreparedOrder
from edgeworth.core.units import Micros
from edgeworth.trading import events as ev
from edgeworth.trading.account import Account
from edgeworth.trading.halts import Halt, Lift
from edgeworth.trading.order import Order, contradiction, first_word, further

MAX_DENIED: Final = 1_000  # denials that wait for the next commit; beyond it the oldest are forgotten

Fault = Callable[[str], None]


def no_fault(_point: str) -> None:
    """Let everything happen."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check decided: `intent` is what may be sent, perhaps smaller than asked; None when it was denied."""

    intent: Intent | None
    code: str = "allowed"
    text: str = ""

    @property
    def allowed(self) -> bool:
        """Tell whether an order may be sent."""
        return self.intent is not None


Check = Callable[[Account], Verdict]


class Transaction(Protocol):
    """What may be done to a log while nobody else writes; everything or nothing of it is kept."""

    def head(self) -> tuple[int, str]:
        """Return the number and the chain of the last entry, (0, "") without any."""

    def read(self, after: int) -> list[Entry]:
        """Return the entries behind a number, in order."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries."""


class Log(Protocol):
    """A durable list of entries. When `write` ends without an exception, what was appended is on the disk."""

    def write(self, fault: Fault) -> AbstractContextManager[Transaction]:
        """Begin a writing transaction, which excludes every other writer, of this process or another.

        `fault` is told journal.before-commit and journal.after-commit where something was appended.
        """

    def read(self, after: int = 0, subject: str | None = None) -> Iterator[Entry]:
        """Yield the committed entries behind a number, in order; `subject` chooses those about one order or intent."""

    def tidy(self) -> None:
        """Do now what would otherwise delay a later transaction; it may be left undone, so it does not fail."""

    def close(self) -> None:
        """Release what the log holds."""


class Journal(Protocol):
    """What the order manager writes down; each method is one durable transaction, done when it returns.

    `account` is what follows from everything committed. What would change nothing is not written.
    """

    @property
    def account(self) -> Account:
        """Return the account; to be read only."""

    def ask(self, intent: Intent, check: Check) -> Verdict:
        """Check without reserving anything. A denial is recorded as one; what is allowed must still be reserved."""

    def reserve(self, intent: Intent, salt: int, check: Check, order: PreparedOrder | None = None) -> Verdict:
        """Check and reserve in one transaction; an intent that has its order already is answered `intent-known`.

        `order`: the bytes of this very intent. Where all of it is allowed they, and that they leave next, are committed
        in the same transaction; otherwise they are dropped.
        """

    def record_signed(self, order: PreparedOrder, *, sending: bool = False) -> None:
        """Record the bytes; with `sending` also that they leave next, in the same transaction."""

    def record_sending(self, order_id: str) -> None:
        """Record that the bytes leave next."""

    def record_unsure(self, order_id: str, code: str, text: str = "", *, refused: bool = False) -> None:
        """Record that an attempt ended without proof; `refused`: by a refusal that does not speak for earlier ones."""

    def record_refused(self, intent_id: str, proof: ev.Proof, code: str, text: str = "") -> None:
        """Record that the order certainly does not exist; raises DataError order-step where that is not proven."""

    def record_reports(self, reports: Sequence[OrderReport], source: str) -> None:
        """Record what the venue says about orders of ours; others are left alone."""

    def record_fills(self, fills: Sequence[FillReport], source: str) -> int:
        """Record what the venue says about fills, ours or not; returns how many said something new."""

    def record_cancel_wanted(self, order_ids: Sequence[str], reason: str = "") -> None:
        """Record that orders are to go."""

    def record_ended(self, order_id: str, how: str, evidence: str) -> None:
        """Record our own conclusion that an order (`cancelled` or `expired`) rests no longer."""

    def record_swept(self, taken_at: Micros, order_ids: Sequence[str], *, agreed: bool = False) -> None:
        """Record that a complete account was folded in and whether the ledger agreed; these orders' fills are final."""

    def record_halt(self, halt: Halt) -> None:
        """Record a halt."""

    def record_lift(self, lift: Lift) -> None:
        """Record that a halt was lifted."""

    def record_decided(self, decided: ev.Decided) -> None:
        """Record that a tick was decided; it goes with the next event, so before anything of it is sent."""

    def note(self, name: str, value: str, *, wait: bool = False) -> None:
        """Record a named fact that survives a restart; "" removes it. With `wait` it goes with the next event."""

    def flush(self) -> None:
        """Commit what waits for a commit, such as denials, which are many and move nothing."""

    def tidy(self) -> None:
        """Let the log do its upkeep, which takes a millisecond or two: asked when no order is about to leave."""

    def refresh(self, recent: int = 0) -> None:
        """Take in what another process has written since; not if all up to `recent` microseconds ago is known."""

    def record_money(self, *events: "MoneyEvent") -> None:
        """Record what moved money or shares outside orders, in one transaction."""

    def entries(self, after: int = 0, subject: str | None = None) -> Iterator[Entry]:
        """Yield committed entries behind a number, or those about one order or intent."""

    def verify(self) -> int:
        """Recompute the chain and the account from zero; returns the number of entries.

        Raises DataError journal-altered | ledger-unbalanced.
        """


MoneyEvent = ev.Opened | ev.Moved | ev.Redeemed | ev.Merged | ev.Suspended


class ChainedJournal:
    """The one implementation of `Journal`, over any `Log`."""

    def __init__(self, log: Log, clock: Clock, fault: Fault = no_fault) -> None:
        self.log = log
        self.fault = fault
        self._clock = clock
        self._account: Account | None = None
        self._number, self._chain = 0, GENESIS
        self._read_at = Micros(0)  # all that was written until then is known
        self._denied: list[ev.Denied] = []
        self._waiting: list[ev.Event] = []

    @property
    def account(self) -> Account:
        """Return the account; to be read only. Raises DataError journal-altered | journal-unreadable."""
        return self._account or self._catch_up(self.log.read())

    def close(self) -> None:
        """Release the log."""
        self.log.close()

    def ask(self, intent: Intent, check: Check) -> Verdict:
        """Check without reserving anything. A denial is recorded as one; what is allowed must still be reserved.

        Nothing moves, so no transaction is needed; yet what another process has written counts before a denial does.
        """
        number = self._number
        verdict = check(self.account)
        if verdict.intent is None:
            self.refresh()
            if self._number != number:
                verdict = check(self.account)
        if verdict.intent is None:
            self._deny(intent, verdict)
        else:
            _only_smaller(verdict.intent, intent)
        return verdict

    def reserve(self, intent: Intent, salt: int, check: Check, order: PreparedOrder | None = None) -> Verdict:
        """Check and reserve in one transaction; an intent that has its order already is answered `intent-known`.

        `order`: the bytes of this very intent. Where all of it is allowed they, and that they leave next, are committed
        in the same transaction; otherwise they are dropped.
        """
        verdict = Verdict(intent=None, code="intent-known", text=f"{intent.intent_id} has its order already")

        def decide(account: Account) -> list[ev.Event]:
            nonlocal verdict
            if intent.intent_id in account.orders:
                return []
            verdict = check(account)
            if verdict.intent is None:
                self._deny(intent, verdict)
                return []
            _only_smaller(verdict.intent, intent)
            now = self._clock.now()
            reserved = ev.Reserved(at=now, intent=verdict.intent, salt=salt)
            if order is None or verdict.intent != intent or order.order_id in account.by_id:
                return [reserved]
            return [reserved, ev.Signed(at=now, order=order), ev.Sending(at=now, order_id=order.order_id)]

        self._transact(decide)
        return verdict

    def _deny(self, intent: Intent, verdict: Verdict) -> None:
        denied = ev.Denied(at=self._clock.now(), intent=intent, code=verdict.code, text=verdict.text)
        self._denied = [*self._denied, denied][-MAX_DENIED:]

    def record_signed(self, order: PreparedOrder, *, sending: bool = False) -> None:
        """Record the bytes; with `sending` also that they leave next, in the same transaction."""
        now = self._clock.now()
        found: list[ev.Event] = [ev.Signed(at=now, order=order)]
        if sending:
            found.append(ev.Sending(at=now, order_id=order.order_id))
        self._append(found)

    def record_sending(self, order_id: str) -> None:
        """Record that the bytes leave next."""
        self._append([ev.Sending(at=self._clock.now(), order_id=order_id)])

    def record_unsure(self, order_id: str, code: str, text: str = "", *, refused: bool = False) -> None:
        """Record that an attempt ended without proof; `refused`: by a refusal that does not speak for earlier ones."""
        now = self._clock.now()
        self._append([ev.Unsure(at=now, order_id=order_id, code=code, text=text, refused=refused)])

    def record_refused(self, intent_id: str, proof: ev.Proof, code: str, text: str = "") -> None:
        """Record that the order certainly does not exist; raises DataError order-step where that is not proven."""
        self._append([ev.Refused(at=self._clock.now(), intent_id=intent_id, proof=proof, code=code, text=text)])

    def record_reports(self, reports: Sequence[OrderReport], source: str) -> None:
        """Record what the venue says about orders of ours; others, and repetitions, are left alone."""
        now = self._clock.now()
        found = [ev.Reported(at=now, report=report, source=source) for report in reports]
        self._transact(lambda account: [one for one in found if _says_more(account, one)] if found else [])

    def record_fills(self, fills: Sequence[FillReport], source: str) -> int:
        """Record what the venue says about fills, ours or not; returns how many said something new."""
        now, fresh = self._clock.now(), 0

        def choose(account: Account) -> list[ev.Event]:
            nonlocal fresh
            new = [fill for fill in dict.fromkeys(fills) if _is_new(account, fill)]
            fresh = len(new)
            return [ev.Filled(at=now, fill=fill, source=source) for fill in new]

        if fills:
            self._transact(choose)
        return fresh

    def record_cancel_wanted(self, order_ids: Sequence[str], reason: str = "") -> None:
        """Record that orders are to go; once is enough."""
        now = self._clock.now()

        def choose(account: Account) -> list[ev.Event]:
            wanted = [name for name in order_ids if account.order(name).cancel_wanted is None]
            return [ev.CancelWanted(at=now, order_id=name, reason=reason) for name in wanted]

        self._transact(choose)

    def record_ended(self, order_id: str, how: str, evidence: str) -> None:
        """Record our own conclusion that an order (`cancelled` or `expired`) rests no longer."""
        known: Final = {"cancelled": "cancelled", "expired": "expired"}
        event = ev.Ended(at=self._clock.now(), order_id=order_id, how=known[how], evidence=evidence)  # type: ignore[arg-type]
        self._append([event])

    def record_swept(self, taken_at: Micros, order_ids: Sequence[str], *, agreed: bool = False) -> None:
        """Record that a complete account was folded in; what these orders matched is final."""
        now = self._clock.now()
        self._append([ev.Swept(at=now, taken_at=taken_at, orders=tuple(order_ids), agreed=agreed)])

    def record_halt(self, halt: Halt) -> None:
        """Record a halt; the same halt once."""
        event = ev.Halted(at=self._clock.now(), halt=halt)
        self._transact(lambda account: [] if halt.halt_id in account.halts else [event])

    def record_lift(self, lift: Lift) -> None:
        """Record that a halt was lifted."""
        event = ev.Lifted(at=self._clock.now(), lift=lift)
        self._transact(lambda account: [event] if lift.halt_id in account.halts else [])

    def record_decided(self, decided: ev.Decided) -> None:
        """Record that a tick was decided, with the next event; the same tick once."""
        if self.account.decided_at != decided.tick:
            self._waiting.append(decided)

    def note(self, name: str, value: str, *, wait: bool = False) -> None:
        """Record a named fact that survives a restart; "" removes it. With `wait` it goes with the next event."""
        event = ev.Noted(at=self._clock.now(), name=name, value=value)
        if wait:
            self._waiting.append(event)
            return
        self._transact(lambda account: [] if account.notes.get(name, "") == value else [event])

    def record_money(self, *events: MoneyEvent) -> None:
        """Record what moved money or shares outside orders, in one transaction; a known movement is left alone."""

        def choose(account: Account) -> list[ev.Event]:
            return [one for one in events if getattr(one, "move_id", None) not in account.moves]

        self._transact(choose)

    def entries(self, after: int = 0, subject: str | None = None) -> Iterator[Entry]:
        """Yield committed entries behind a number, or those about one order or intent."""
        return self.log.read(after, subject)

    def flush(self) -> None:
        """Commit what waits for a commit."""
        if self._denied or self._waiting:
            self._transact(lambda _account: [], flush=True)

    def tidy(self) -> None:
        """Let the log do its upkeep."""
        self.log.tidy()

    def refresh(self, recent: int = 0) -> None:
        """Take in what another process has written since; not if all up to `recent` microseconds ago is known."""
        now = self._clock.now()
        if not (recent and 0 <= now - self._read_at <= recent):
            self._catch_up(self.log.read(self._number))
            self._read_at = now

    def explain(self, intent_id: str) -> list[ev.Event]:
        """Return every event about an intent and its order, in order."""
        found = list(self.log.read(0, intent_id))
        order = self.account.orders.get(intent_id)
        if order is not None and order.order_id and order.order_id != intent_id:
            found += self.log.read(0, order.order_id)
        return [decoded(entry) for entry in sorted(found)]

    def verify(self) -> int:
        """Recompute the chain and the account from zero; returns the number of entries.

        Raises DataError journal-altered | journal-unreadable | ledger-unbalanced.
        """
        live = self.account.digest()
        again = Account()
        number, chain = 0, GENESIS
        for entry in self.log.read():
            chain = _checked(entry, number, chain)
            number = entry.number
            again.apply(decoded(entry))
            if number == self._number and again.digest() != live:
                raise DataError("ledger-unbalanced", "the journal folded anew does not give the account in memory")
        if number < self._number:
            raise DataError("journal-altered", f"the journal ends at entry {number}; {self._number} were written")
        again.ledger.audit()
        return number

    # -- one transaction

    def _append(self, found: Sequence[ev.Event]) -> None:
        self._transact(lambda _account: found)

    def _transact(self, decide: Callable[[Account], Sequence[ev.Event]], *, flush: bool = False) -> None:
        """Bring the account up to date, decide, try the events on it, commit them; after a failure fold anew."""
        account = self.account
        try:
            with self.log.write(self.fault) as transaction:
                if transaction.head() != (self._number, self._chain):
                    self._catch_up(transaction.read(self._number))
                found = decide(account)
                if found or flush:
                    found = [*self._waiting, *self._denied, *found]
                number, chain, entries = self._number, self._chain, []
                for event in found:
                    account.apply(event)
                    body = ev.encode(event)
                    number, chain = number + 1, link(chain, body)
                    kind = str(event.__struct_config__.tag)
                    entries.append(Entry(number, event.at, kind, ev.subject(event), body, chain))
                if entries:
                    transaction.append(entries)
                known_at = self._clock.now()  # as long as the transaction lasts nobody else can write
        except BaseException:
            # whether the commit took place is not known here: the log knows
            self._account, self._number, self._chain = None, 0, GENESIS
            raise
        self._number, self._chain, self._read_at = number, chain, known_at
        if found:
            self._denied, self._waiting = [], []

    def _catch_up(self, entries: Iterable[Entry]) -> Account:
        account = self._account or Account()
        number, chain = self._number, self._chain
        self._account = None  # should an entry not fit, nothing half done remains
        self._number, self._chain = 0, GENESIS
        for entry in entries:
            chain = _checked(entry, number, chain)
            number = entry.number
            account.apply(decoded(entry))
        self._account, self._number, self._chain = account, number, chain
        return account


def _only_smaller(allowed: Intent, asked: Intent) -> None:
    """Raise DataError order-bad unless what a check allowed is what was asked for, or less of it."""
    alike = msgspec.structs.replace(allowed, shares_e6=asked.shares_e6, expires_at=asked.expires_at) == asked
    if not alike or not 0 < allowed.shares_e6 <= asked.shares_e6:
        raise DataError("order-bad", f"the check of {asked.intent_id} allowed something else than was asked for")


def _checked(entry: Entry, number: int, chain: str) -> str:
    if not follows(entry, number, chain):
        raise DataError("journal-altered", f"journal entry {entry.number} or the one before is not as it was written")
    return entry.chain


def decoded(entry: Entry) -> ev.Event:
    """Return the event of an entry; raises DataError journal-unreadable."""
    try:
        return ev.decode(entry.body)
    except msgspec.MsgspecError as error:
        raise DataError("journal-unreadable", f"journal entry {entry.number} ({entry.kind}): {error}") from error


def _says_more(account: Account, event: ev.Reported) -> bool:
    """Tell whether a report changes anything; tried on a copy of the order's facts."""
    order = account.by_id.get(event.report.order_id)
    if order is None:
        return False
    copy = Order(order.intent, order.salt, order.created_at)
    before = _hearing(order)
    for name, value in zip(_HEARD, before, strict=True):
        setattr(copy, name, value)
    copy.hear(event.report, direct=event.source in {"order", "account"})
    return _hearing(copy) != before


_HEARD: Final = ("seen", "resting", "matched_e6", "closed", "concluded_at", "final")


def _hearing(order: Order) -> list[object]:
    return [getattr(order, name) for name in _HEARD]


def _is_new(account: Account, report: FillReport) -> bool:
    order = account.by_id.get(report.order_id)
    known = order.fills.get(report.trade_id) if order else account.alien.get(f"{report.trade_id}/{report.order_id}")
    if known is None or contradiction(known, report):
        return True
    copy = first_word(report)
    for name in ("settlement", "event_time", "fee_e6", "transaction"):
        setattr(copy, name, getattr(known, name))
    return further(copy, report)


class MemoryDisk:
    """The part of a simulated machine that survives a crash: the committed entries."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []


class MemoryLog:
    """A log on a `MemoryDisk`; made anew after a simulated crash, the disk stays."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.disk = disk
        self._writing = False

    @contextmanager
    def write(self, fault: Fault) -> Iterator["_MemoryTransaction"]:
        """Begin a transaction; what it appended is committed at its end."""
        if self._writing:
            raise DataError("store-locked", "a transaction is under way")
        self._writing = True
        try:
            transaction = _MemoryTransaction(self.disk)
            yield transaction
            if transaction.added:
                fault("journal.before-commit")
                self.disk.entries.extend(transaction.added)
                fault("journal.after-commit")
        finally:
            self._writing = False

    def read(self, after: int = 0, subject: str | None = None) -> Iterator[Entry]:
        """Yield the committed entries behind a number."""
        return iter([one for one in self.disk.entries[after:] if subject is None or one.subject == subject])

    def tidy(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _MemoryTransaction:
    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk
        self.added: list[Entry] = []

    def head(self) -> tuple[int, str]:
        last = self._disk.entries[-1] if self._disk.entries else None
        return (last.number, last.chain) if last else (0, GENESIS)

    def read(self, after: int) -> list[Entry]:
        return self._disk.entries[after:]

    def append(self, entries: Sequence[Entry]) -> None:
        self.added.extend(entries)


class MemoryJournal(ChainedJournal):
    """A journal in memory whose committed part, the disk, survives a simulated crash."""

    def __init__(self, disk: MemoryDisk, clock: Clock, fault: Fault = no_fault) -> None:
        super().__init__(MemoryLog(disk), clock, fault)
