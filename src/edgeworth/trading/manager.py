"""The order manager: one intent becomes at most one order, whatever fails on the way.

    check -> sign -> check again, reserve, bytes and SENDING (one commit) -> send -> record the answer

The second check is the one that counts: what was signed and is not allowed any more never leaves this process. Where
less is allowed than was signed, the smaller order is reserved, signed anew, and committed once more.
A repetition sends the same bytes. After every await before a send, it is looked again whether the order may leave.
Answers count by what they prove: a report proves that the order exists; `Retryable` that this attempt did not arrive;
`Rejected` and `Fatal` that this attempt was refused, which proves that there is no order only if no earlier attempt
ended in doubt; everything else, our own bugs included, proves nothing and makes the order UNKNOWN (`trading.ladder`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, ParamSpec

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.errors import AccessError, DataError, EdgeworthError, Fatal, Rejected, Retryable, VenueError
from edgeworth.core.orders import (
    AccountEvent,
    ContinuityLost,
    Intent,
    OrderReport,
    OrderState,
    OrderVenue,
    PreparedOrder,
    TimeInForce,
)
from edgeworth.core.random import bits, stream
from edgeworth.core.units import MINUTE, SECOND, PriceE4
from edgeworth.trading.account import Account
from edgeworth.trading.cancelling import Canceller, Swept
from edgeworth.trading.halts import HaltCause, TradingState, concerning, state_of
from edgeworth.trading.heart import Heart
from edgeworth.trading.intake import Intake
from edgeworth.trading.journal import Check, Fault, Journal, Verdict, no_fault
from edgeworth.trading.ladder import EARLY, Ladder, LadderSettings, default_expiry
from edgeworth.trading.order import Order
from edgeworth.trading.reconcile import Payouts, Reconciliation, no_payout
from edgeworth.trading.recovery import Marks, Recovery
from edgeworth.trading.states import RESTING

SALT_BITS: Final = 48  # a JSON number that every reader keeps exact
SHORTEST: Final = 3 * MINUTE  # the venue takes no GTD order that ends earlier
_RETRY_S: Final = 1.0  # after a heartbeat or the feed failed
_TOGETHER: Final = 8  # orders looked at at the same time
_FATAL: Final = {
    "venue-forbidden": HaltCause.GEOBLOCK,
    "venue-protocol": HaltCause.PROTOCOL,
    "venue-banned": HaltCause.ERROR_RATE,
}

_WAIT: Final = frozenset({"venue-restarting", "venue-rate-limited", "venue-circuit-open", "order-kept"})

Answer = Literal["", "accepted", "refused", "silent"]
P = ParamSpec("P")
Gate = Callable[[Intent], str]


def open_gate(_intent: Intent) -> str:
    """Let every order leave."""
    return ""


def no_marks(_token: str) -> PriceE4 | None:
    """Know no price."""
    return None


class ManagerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the manager behaves; durations in microseconds unless the name says seconds.

    `lifetime`: of a GTD order that states none, and the longest allowed; `patience`: how long an attempt that certainly
    did not arrive is repeated at once, no longer than a price may be old; `heartbeat_age`: how old the last answered
    heartbeat may be, 0 = the venue needs none; `overlap`: how much further back than necessary fills are asked for;
    `kill_s`: how long `cancel_all` tries.
    """

    lifetime: int = 15 * MINUTE
    patience: int = 5 * SECOND
    first_wait_s: float = 0.25
    heartbeat_s: float = 5.0
    heartbeat_age: int = 10 * SECOND
    resolve_s: float = 0.5
    reconcile_s: float = 60.0
    overlap: int = 15 * MINUTE
    kill_s: float = 5.0
    ladder: LadderSettings = LadderSettings()


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the manager asks others.

    `gate` is asked immediately before every sending, the first and all later ones, and answers "" or why not; `fault`
    is the seam of simulations; `payouts` and `marks` know what a token paid out and what it is worth now.
    """

    gate: Gate = open_gate
    fault: Fault = no_fault
    payouts: Payouts = no_payout
    marks: Marks = no_marks


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an intent: `code` is allowed, a denial, or why it was refused; `order` is None when denied.

    `answer` is what the venue itself said to the last attempt of this call: "" where none was made or it only asked to
    wait, "silent" where nothing that can be read came back.
    """

    code: str
    text: str = ""
    order: Order | None = None
    answer: Answer = ""


class OrderManager:
    """Submit, cancel, listen, recover. All it must remember is in the journal; it can be dropped at any instant.

    `seed` makes the salts: a process that takes over must use the same one.
    """

    def __init__(
        self,
        journal: Journal,
        venue: OrderVenue,
        clock: Clock,
        seed: int,
        settings: ManagerSettings | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.settings = settings or ManagerSettings()
        self.journal, self.venue, self.clock = journal, venue, clock
        self.feed_whole = False
        self._seed, self._hooks = seed, hooks or Hooks()
        self.intake = Intake(journal, clock)
        self.heart = Heart(venue, clock, self.settings.heartbeat_age)
        self.recovery = Recovery(
            self.intake,
            venue,
            lag=self.settings.ladder.lag,
            overlap=self.settings.overlap,
            payouts=self._hooks.payouts,
            marks=self._hooks.marks,
        )
        self._ladder = Ladder(journal, venue, clock, self.settings.ladder, self._send_again)
        self._canceller = Canceller(self.intake, venue, self._ladder, self.recovery)
        self._in_flight: set[str] = set()
        self._stopped = False
        self._gaps = 0
        self._risk_failed = ""

    @property
    def account(self) -> Account:
        """Return the account; to be read only."""
        return self.journal.account

    @property
    def feed_begun(self) -> bool:
        """Tell whether the feed of own orders was ever opened; before that nothing says that it is whole."""
        return self._gaps > 0

    # -- sending

    async def submit(self, intent: Intent, check: Check) -> Outcome:
        """Make at most one order of an intent; the same intent again returns what became of it.

        `check` runs before signing, and again in the transaction that reserves. Returns when the venue answered or the
        answer is in doubt.
        """
        name = intent.intent_id
        if name in self.account.orders:
            return self._outcome(name)
        if name in self._in_flight:
            return Outcome(code="intent-known", text=f"{name} is being made into an order")
        salt, intent = self._salt(intent), self._complete(intent)
        verdict = self.journal.ask(intent, lambda account: self._checked(account, check, intent))
        self._halt_on_failed_risk()
        if verdict.intent is None:
            return self._denied(name, verdict)
        self._in_flight.add(name)
        try:
            return await self._make(verdict.intent, salt, check)
        finally:
            self._in_flight.discard(name)

    async def _make(self, wanted: Intent, salt: int, check: Check) -> Outcome:
        """Sign, reserve and send what was allowed."""
        name = wanted.intent_id
        signed = await self._signed(wanted, salt)
        order = signed if isinstance(signed, PreparedOrder) else None
        verdict = self.journal.reserve(wanted, salt, lambda account: self._again(account, check, wanted), order)
        self._halt_on_failed_risk()
        if verdict.intent is None:
            return self._denied(name, verdict)
        if self.account.orders[name].prepared is None:  # less was allowed than was signed, or nothing could be signed
            order = await self._prepare(verdict.intent, salt, signed)
        if order is None:
            return self._outcome(name)
        answer = await self._send(order)
        return msgspec.structs.replace(self._outcome(name), answer=answer)

    def _denied(self, intent_id: str, verdict: Verdict) -> Outcome:
        return Outcome(code=verdict.code, text=verdict.text, order=self.account.orders.get(intent_id))

    def _outcome(self, intent_id: str) -> Outcome:
        order = self.account.orders[intent_id]
        return Outcome(code=order.code or "allowed", text=order.text, order=order)

    def _salt(self, intent: Intent) -> int:
        """Draw the salt: the same intent gives the same one, so even two processes would make the same order."""
        return bits(SALT_BITS, self._seed, "salt", intent.intent_id) or 1

    def _complete(self, intent: Intent) -> Intent:
        if intent.expires_at is not None:
            return intent
        expiry = default_expiry(intent.time_in_force, self.clock.now(), self.settings.lifetime)
        return msgspec.structs.replace(intent, expires_at=expiry)

    def _checked(self, account: Account, check: Check, intent: Intent) -> Verdict:
        """Check first what the manager itself knows; runs inside the reserving transaction."""
        reason = self.blocked(intent, account)
        if reason:
            return Verdict(intent=None, code=reason, text="nothing is sent now")
        if intent.time_in_force is TimeInForce.GTD:
            life = (intent.expires_at or 0) - self.clock.now()
            if not SHORTEST <= life <= self.settings.lifetime:
                return Verdict(intent=None, code="bad-expiry", text=f"an order of {life / MINUTE:.1f} minutes")
        try:
            verdict = check(account)
        except Exception as error:  # noqa: BLE001  (any failure of a check halts; the halt follows the transaction)
            self._risk_failed = f"{type(error).__name__}: {error}"
            return Verdict(intent=None, code="risk-failed", text=self._risk_failed)
        if verdict.intent is None:
            return verdict
        return Verdict(intent=self._complete(verdict.intent), code=verdict.code, text=verdict.text)

    def _again(self, account: Account, check: Check, wanted: Intent) -> Verdict:
        """Check what was allowed and signed once more; never allows more than that."""
        verdict = self._checked(account, check, wanted)
        if verdict.intent is not None and verdict.intent.shares_e6 >= wanted.shares_e6:
            return Verdict(intent=wanted, code=verdict.code, text=verdict.text)
        return verdict

    async def _signed(self, intent: Intent, salt: int) -> PreparedOrder | EdgeworthError:
        """Build and sign; returns the error where that cannot be done."""
        try:
            return await self.venue.prepare(intent, salt)
        except EdgeworthError as error:
            return error

    async def _prepare(self, intent: Intent, salt: int, found: PreparedOrder | EdgeworthError) -> PreparedOrder | None:
        """Sign what was reserved, unless signing failed already; None when it may not leave: then it was refused."""
        name = intent.intent_id
        if isinstance(found, PreparedOrder):
            try:
                found = await self._signed(intent, salt)
            except asyncio.CancelledError:
                self.journal.record_refused(name, "never-sent", "interrupted")
                raise
        if isinstance(found, EdgeworthError):
            self.journal.record_refused(name, "illegal", found.code, found.message)
            return None
        if found.order_id in self.account.by_id:
            self.journal.record_refused(name, "illegal", "order-bad", "another intent gave the same order")
            return None
        reason = self.blocked(intent, self.account)
        if reason:
            self.journal.record_refused(name, "withheld", reason)
            self._halt_on_failed_risk()
            return None
        self.journal.record_signed(found, sending=True)
        return found

    async def _send(self, prepared: PreparedOrder) -> Answer:
        """Send until an answer proves something, the order may not leave any more, or patience ends.

        Returns what the venue said to the last attempt.
        """
        answer: Answer = ""
        began, wait, jitter = self.clock.monotonic(), self.settings.first_wait_s, None
        while True:
            order = self.account.order(prepared.order_id)
            reason = self._reason(order)
            if reason:
                if not order.uncertain and not order.seen:
                    self.journal.record_refused(order.intent.intent_id, "withheld", reason)
                self._halt_on_failed_risk()
                return answer
            answer, retry = await self._attempt(prepared)
            if retry is None:
                return answer
            if self.clock.monotonic() - began > self.settings.patience / SECOND:
                self._refused(prepared.order_id, retry)
                return answer
            jitter = jitter or stream(self._seed, "retry", prepared.order_id)
            await self._pause(prepared.order_id, wait * (0.5 + jitter.random()))
            self.journal.refresh()
            wait *= 2

    async def _attempt(self, prepared: PreparedOrder) -> tuple[Answer, Retryable | None]:
        """Send once; nothing is awaited between the last look and the venue.

        Returns what the venue said, and the error to try again after.
        """
        order_id = prepared.order_id
        try:
            self._hooks.fault("venue.before-send")
            report = await self.venue.submit(prepared)
            self._hooks.fault("venue.after-send")
        except Retryable as error:
            return "" if error.code in _WAIT else "silent", error
        except (Rejected, Fatal) as error:
            self._refused(order_id, error)
            if isinstance(error, Fatal):
                self.intake.halt(_FATAL.get(error.code, HaltCause.ERROR_RATE), error.message)
            return "refused", None
        except EdgeworthError as error:
            self.journal.record_unsure(order_id, error.code, error.message)
            return "silent", None
        except asyncio.CancelledError:
            self.journal.record_unsure(order_id, "interrupted")
            raise
        except Exception as error:  # noqa: BLE001  (whatever failed after the bytes may have left proves nothing)
            text = f"{type(error).__name__}: {error}"
            self.journal.record_unsure(order_id, "internal", text)
            self.intake.halt(HaltCause.ERROR_RATE, f"sending an order failed in a way that was not foreseen: {text}")
            return "", None
        self.intake.take_reports([report], "submit")
        return "accepted", None

    async def _pause(self, order_id: str, seconds: float) -> None:
        try:
            await self.clock.sleep(seconds)
        except asyncio.CancelledError:
            order = self.account.order(order_id)
            if not order.uncertain and not order.seen:
                self.journal.record_refused(order.intent.intent_id, "withheld", "interrupted")
            raise

    def _refused(self, order_id: str, error: VenueError) -> None:
        """Take in that one attempt certainly made no order; that says nothing about an earlier one in doubt."""
        order = self.account.order(order_id)
        if order.seen:
            return
        if order.uncertain:
            again = isinstance(error, Retryable)
            self.journal.record_unsure(order_id, error.code, error.message, refused=not again)
        else:
            self.journal.record_refused(order.intent.intent_id, "refused", error.code, error.message)

    async def _send_again(self, order: Order) -> None:
        """Send the bytes of an order in doubt once more."""
        prepared, name = order.prepared, order.intent.intent_id
        if prepared is None or name in self._in_flight:
            return
        self.journal.refresh()
        if self._reason(self.account.order(prepared.order_id)):
            self._halt_on_failed_risk()
            return
        self._in_flight.add(name)
        try:
            _, retry = await self._attempt(prepared)
        finally:
            self._in_flight.discard(name)
        if retry is not None:
            self._refused(prepared.order_id, retry)

    # -- what stands in the way

    def blocked(self, intent: Intent, account: Account) -> str:
        """Return why no order may leave now, "" when it may; cheap, and asked after every await before a send."""
        if not self.recovery.ready:
            return "not-recovered"
        if self._stopped:
            return "halted"
        if self.heart.lost:
            return "heartbeat-late"
        state = state_of(concerning(account.standing(), intent.strategy, intent.instrument.market_no))
        if state is TradingState.HALTED:
            return "halted"
        if state is TradingState.REDUCING and intent.is_buy:
            return "reducing"
        if intent.expires_at is not None and intent.expires_at - EARLY <= self.clock.now():
            return "bad-expiry"
        try:
            return self._hooks.gate(intent)
        except Exception as error:  # noqa: BLE001  (any failure of a check halts, once no transaction is under way)
            self._risk_failed = f"{type(error).__name__}: {error}"
            return "risk-failed"

    def _halt_on_failed_risk(self) -> None:
        if self._risk_failed:
            reason, self._risk_failed = self._risk_failed, ""
            self.intake.halt(HaltCause.RISK_FAILED, reason)

    def _reason(self, order: Order) -> str:
        if order.cancel_wanted is not None:
            return "cancelled"
        if order.seen or order.closed:
            return "known"
        return self.blocked(order.intent, self.account)

    # -- listening

    def on_event(self, event: AccountEvent) -> None:
        """Take in one event of the account's own feed."""
        if isinstance(event, ContinuityLost):
            self._gaps += 1
            self.feed_whole = False
        elif isinstance(event, OrderReport):
            self.intake.take_reports([event], "stream")
            self._ladder.hurry(event.order_id)
        else:
            self.intake.take_fills([event], "stream")

    # -- cancelling

    async def cancel(self, order_ids: Sequence[str], reason: str = "") -> None:
        """Ask that orders go; one in doubt is cancelled as soon as it is known to exist, and never sent again."""
        wanted = [name for name in order_ids if self.account.order(name).is_open]
        self.journal.record_cancel_wanted(wanted, reason)
        for name in wanted:
            self._ladder.hurry(name)
        await _quietly(self._canceller.cancel_known)  # what fails now is tried again by `resolve_unknown`

    async def cancel_all(self, reason: str = "cancel-all") -> Swept:
        """Cancel everything and look until no order is open; says so when that could not be seen in time."""
        return await self._canceller.cancel_all(reason, self.settings.kill_s)

    async def kill(self, reason: str, who: str) -> Swept:
        """Halt first, then cancel everything; this halt is lifted by an operator only.

        Where the halt cannot be written down, this process sends nothing more, and the outcome is not verified.
        """
        text = ""
        try:
            self.intake.halt(HaltCause.KILLED, f"{reason} ({who})")
        except (AccessError, DataError) as error:
            self._stopped, text = True, error.message
        swept = await self.cancel_all("kill")
        return msgspec.structs.replace(swept, verified=False, text=text) if text else swept

    # -- recovery, reconciliation, doubts

    async def recover(self) -> Reconciliation:
        """Come up, after a crash as after an orderly stop; returns once the account agreed or trading is halted.

        Where the venue needs heartbeats the first one is sent here: `run` must follow at once. Belongs to the process
        that trades alone: what it finds unfinished it takes for abandoned. Others may `reconcile` and `kill`.
        """
        found = await self._agreeing(self.recovery.recover)
        if self.settings.heartbeat_age:
            await self.heart.beat()
        return found

    async def reconcile(self) -> Reconciliation:
        """Compare with the venue once. Raises the venue's errors."""
        return await self._agreeing(self.recovery.reconcile)

    async def _agreeing(self, comparison: Callable[[], Awaitable[Reconciliation]]) -> Reconciliation:
        """Close the gaps, of feed and heartbeat, that were there before a comparison which agreed."""
        gaps, answered = self._gaps, self.heart.answered
        found = await comparison()
        if found.settled:
            self.feed_whole = self._gaps == gaps
            self.heart.reopen(answered)
        return found

    async def resolve_unknown(self) -> None:
        """Take one pass over every order that is in doubt, may have ended, or is wanted gone."""
        self.journal.refresh()
        for order in list(self.account.open.values()):
            if order.intent.intent_id not in self._in_flight:
                self.recovery.settle_unfinished(order)
        await _quietly(self._canceller.cancel_known)
        due = [order for order in self.account.open.values() if self._doubtful(order) and self._ladder.due(order)]
        for begin in range(0, len(due), _TOGETHER):
            await asyncio.gather(*(_quietly(self._ladder.climb, order) for order in due[begin : begin + _TOGETHER]))
        alive = {order.order_id for order in self.account.open.values()}
        self.recovery.missing &= alive
        self._ladder.keep(alive)

    def _doubtful(self, order: Order) -> bool:
        if order.intent.intent_id in self._in_flight or not order.order_id or order.closed:
            return False
        late = order.expires_at is not None and self.clock.now() > order.expires_at - EARLY
        in_doubt = order.state in {OrderState.UNKNOWN, OrderState.ACKED}
        return in_doubt or order.order_id in self.recovery.missing or (late and order.state in RESTING)

    # -- running

    async def run(self) -> None:
        """Follow the feed, beat, resolve and reconcile until cancelled; halts and raises on Fatal venue errors."""
        loops = [self._follow(), self._resolving(), self._reconciling()]
        if self.settings.heartbeat_age:
            loops.append(self._beats())
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            await asyncio.gather(*tasks)
        except Fatal as error:
            self.intake.halt(_FATAL.get(error.code, HaltCause.ERROR_RATE), error.message)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self) -> None:
        """Follow the feed for ever; where it ends or fails, something may have been missed."""
        while True:
            began = self.clock.now()
            await _quietly(self._listen)
            self.on_event(ContinuityLost(at=self.clock.now(), since=began))
            await self.clock.sleep(_RETRY_S)

    async def _listen(self) -> None:
        async for event in self.venue.events():
            self.on_event(event)

    async def _beats(self) -> None:
        while True:
            answered = await self.heart.beat()
            await self.clock.sleep(self.settings.heartbeat_s if answered else _RETRY_S)

    async def _resolving(self) -> None:
        while True:
            await self.resolve_unknown()
            await self.clock.sleep(self.settings.resolve_s)

    async def _reconciling(self) -> None:
        """Reconcile every minute, and soon after a gap of the feed or a lost heartbeat."""
        while True:
            await _quietly(self.reconcile)
            self.journal.flush()
            until = self.clock.monotonic() + self.settings.reconcile_s
            await self.clock.sleep(1.0)
            while self.clock.monotonic() < until and self.feed_whole and not self.heart.lost:
                await self.clock.sleep(1.0)


async def _quietly(work: Callable[P, Awaitable[object]], *values: P.args, **named: P.kwargs) -> None:
    """Let a look fail: the next one comes. What says to stop passes."""
    try:
        await work(*values, **named)
    except Fatal:
        raise
    except VenueError:
        return
