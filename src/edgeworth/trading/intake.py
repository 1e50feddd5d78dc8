"""What everybody who learns from the venue does with it: write it down, and halt on what cannot be true."""

from collections.abc import Sequence
from typing import Literal

from edgeworth.core.clock import Clock
from edgeworth.core.orders import FillReport, OrderReport
from edgeworth.core.units import UsdE6
from edgeworth.trading import events as ev
from edgeworth.trading.account import Account
from edgeworth.trading.halts import HaltCause, Resume, TradingState, lift, raise_halt
from edgeworth.trading.journal import Journal


class Intake:
    """The journal with the few rules that hold for everything the venue says."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.journal, self.clock = journal, clock
        self._contradictions = 0

    @property
    def account(self) -> Account:
        """Return the account; to be read only."""
        return self.journal.account

    def halt(self, cause: HaltCause, reason: str, state: TradingState = TradingState.HALTED) -> None:
        """Stop trading until an operator resumes it; of each cause one halt stands at a time."""
        if any(one.cause is cause and not one.scope for one in self.account.standing()):
            return
        self.journal.record_halt(raise_halt(cause, state, Resume.OPERATOR, reason, self.clock.now()))

    def resume(self, who: str, reason: str) -> int:
        """Lift every halt of the whole account, as an operator; returns how many stood."""
        standing = [one for one in self.account.standing() if not one.scope]
        for halt in standing:
            self.journal.record_lift(lift(halt, Resume.OPERATOR, who, reason, self.clock.now()))
        return len(standing)

    def clear_suspense(self, what: Literal["deposit", "reward", "realised"], who: str) -> UsdE6:
        """Say what the money in suspense was, as an operator; returns the amount, positive if we have more for it.

        `deposit` is also a withdrawal, `realised` a gain or loss that nothing else explains. Halts stay.
        """
        amount, now = UsdE6(-self.account.ledger["suspense"]), self.clock.now()
        if amount:
            move = f"suspense:{now}"
            self.journal.record_money(
                ev.Moved(at=now, move_id=move, what=what, usd_e6=amount, from_suspense=True, text=who)
            )
        return amount

    def take_reports(self, reports: Sequence[OrderReport], source: str) -> None:
        """Write down what the venue says about orders."""
        self.journal.record_reports(reports, source)
        self._contradicted()

    def take_fills(self, fills: Sequence[FillReport], source: str) -> list[FillReport]:
        """Write down fills; returns those that are new and not ours, which halt.

        What happened before the journal began is part of its opening balance and is left alone.
        """
        account = self.account
        opened = account.opened_at
        if opened is None:
            return []
        wanted = [one for one in fills if one.order_id in account.by_id or one.event_time > opened]
        strangers = [one for one in wanted if one.order_id not in account.by_id]
        unknown = [one for one in strangers if f"{one.trade_id}/{one.order_id}" not in account.alien]
        self.journal.record_fills(wanted, source)
        if unknown:
            self.halt(HaltCause.LEDGER_DIFFERENCE, f"a trade that is not ours: {unknown[0].trade_id}")
        self._contradicted()
        return unknown

    def _contradicted(self) -> None:
        found = self.account.contradictions
        if len(found) > self._contradictions:
            self.halt(HaltCause.LEDGER_DIFFERENCE, found[-1])
        self._contradictions = len(found)
