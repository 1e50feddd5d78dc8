"""Start-up is recovery: fold the journal, take complete accounts until they agree with it, else stay halted.

The same comparison runs every minute afterwards.
"""

from collections.abc import Callable

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.errors import Fatal, VenueError
from edgeworth.core.orders import AccountSnapshot, OrderState, OrderVenue
from edgeworth.core.units import Micros, PriceE4
from edgeworth.trading.halts import HaltCause
from edgeworth.trading.intake import Intake
from edgeworth.trading.order import Order
from edgeworth.trading.reconcile import (
    Payouts,
    Reconciliation,
    Watch,
    differences,
    explain,
    moving,
    opening,
    since,
    suspensions,
)
from edgeworth.trading.states import RESTING, at_start

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 5.0

Marks = Callable[[str], PriceE4 | None]


class Recovery:
    """Fold complete accounts in and compare.

    `lag` is how far the venue's lists may lie behind, `overlap` how much further back than necessary fills are asked
    for, both in microseconds. `ready` once an account agreed, `reconciled_at` when the last one that did was taken;
    `missing` are orders that should rest but were not listed.
    """

    def __init__(
        self, intake: Intake, venue: OrderVenue, *, lag: int, overlap: int, payouts: Payouts, marks: Marks
    ) -> None:
        self._intake, self._venue, self._lag, self._overlap = intake, venue, lag, overlap
        self._payouts, self._marks = payouts, marks
        self._watch = Watch(lag)
        self.ready = False
        self.reconciled_at: Micros | None = None
        self.missing: set[str] = set()

    @property
    def _clock(self) -> Clock:
        return self._intake.clock

    def since(self) -> Micros:
        """Return from when on fills must be asked for."""
        return since(self._intake.account, self._overlap)

    def settle_unfinished(self, order: Order) -> None:
        """Say what a state without an owner means: NEW and SIGNED never left, SENDING may have."""
        meaning = at_start(order.state)
        if meaning is order.state:
            return
        if meaning is OrderState.REJECTED:
            self._intake.journal.record_refused(order.intent.intent_id, "never-sent", "interrupted")
        else:
            self._intake.journal.record_unsure(order.order_id, "interrupted", "found without an answer")

    async def recover(self) -> Reconciliation:
        """Take accounts until one agrees or a difference has lasted, which halts. Raises Fatal venue errors."""
        for order in list(self._intake.account.open.values()):
            self.settle_unfinished(order)
        wait = _FIRST_WAIT_S
        while True:
            try:
                found = await self.reconcile()
                if found.settled:
                    return found
            except Fatal:
                raise
            except VenueError:
                pass  # it is tried again; until then nothing may be sent
            await self._clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    async def reconcile(self) -> Reconciliation:
        """Fold one complete account in and compare; unexplained differences that last go to suspense and halt.

        Raises the venue's errors.
        """
        journal, intake = self._intake.journal, self._intake
        journal.refresh()
        begins = intake.account.opened_at is None
        snapshot = await self._venue.account(self._clock.now() if begins else self.since())
        if not snapshot.complete:
            return Reconciliation(taken_at=snapshot.taken_at, complete=False, text="the account was not complete")
        if intake.account.opened_at is None:
            journal.record_money(opening(snapshot, self._marks, snapshot.taken_at))
        strangers = self.take(snapshot)
        done = self._ended({report.order_id for report in snapshot.orders}, snapshot.taken_at)
        result = self._judge(snapshot)
        journal.record_swept(snapshot.taken_at, done, agreed=result.settled)
        if result.settled:
            self.ready, self.reconciled_at = True, snapshot.taken_at
        orders, fills = strangers
        return msgspec.structs.replace(result, outside_orders=orders, outside_fills=fills)

    def take(self, snapshot: AccountSnapshot) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write down what an account says about orders and fills; returns (orders, fills) that are not ours."""
        strange = [one for one in snapshot.orders if one.order_id not in self._intake.account.by_id]
        fills = self._intake.take_fills(snapshot.fills, "account")
        self._intake.take_reports(snapshot.orders, "account")
        if strange:
            self._intake.halt(HaltCause.LEDGER_DIFFERENCE, f"an order that is not ours: {strange[0].order_id}")
        return tuple(one.order_id for one in strange), tuple(one.trade_id for one in fills)

    def _ended(self, listed: set[str], taken_at: Micros) -> list[str]:
        """Return the orders whose matches an account makes final: they ended longer ago than lists lag behind."""
        done = []
        for order in self._intake.account.open.values():
            if not order.order_id or order.order_id in listed:
                continue
            ended = order.closed or order.is_full
            if ended and not order.final and order.updated_at <= taken_at - self._lag:
                done.append(order.order_id)
            elif order.state in RESTING and order.updated_at < taken_at:
                self.missing.add(order.order_id)
        return done

    def _judge(self, snapshot: AccountSnapshot) -> Reconciliation:
        account, taken_at = self._intake.account, snapshot.taken_at
        found = differences(account, snapshot, self._lag)
        lasting = self._watch.believe(found, taken_at, moving=moving(account, snapshot, self._lag))
        if not lasting:
            return Reconciliation(taken_at=taken_at, clean=not found, suspects=tuple(found))
        now = self._clock.now()
        moves, rest = explain(self._intake.account, lasting, self._payouts, now)
        self._intake.journal.record_money(*moves, *suspensions(rest, now))
        self._watch.clear()
        if rest:
            what = ", ".join(f"{one.token or 'cash'} {one.amount_e6 / 1e6:+.6f}" for one in rest)
            self._intake.halt(HaltCause.LEDGER_DIFFERENCE, f"the venue differs: {what}")
        names = tuple(move.move_id for move in moves)
        return Reconciliation(taken_at=taken_at, clean=not rest, explained=names, suspended=tuple(rest))
