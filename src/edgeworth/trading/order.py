"""One order as the journal knows it: facts that only grow, and the state that follows from them.

Whatever the venue says is kept as a maximum, a minimum or a first word, never as the last one, so the order in which
it is heard makes no difference: matched shares are the most ever stated, a fill's settlement the furthest ever seen,
its time the earliest stated.
"""

from dataclasses import dataclass, field
from typing import Final

from edgeworth.core.orders import (
    FillReport,
    Intent,
    OrderReport,
    OrderState,
    PreparedOrder,
    Settlement,
    TimeInForce,
)
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6
from edgeworth.engine.cost import NO_FEE, FeeTerms, reserve_e6
from edgeworth.trading.accounting import dollars
from edgeworth.trading.states import OPEN, step

DUST_E6: Final = 10_000  # a filled order may be short by less than a hundredth of a share
_RANK: Final = {
    Settlement.MATCHED: 0,
    Settlement.RETRYING: 1,
    Settlement.MINED: 2,
    Settlement.CONFIRMED: 3,
    Settlement.FAILED: 4,
}
_SHOWN: Final = {
    Settlement.MATCHED: OrderState.MATCHED,
    Settlement.RETRYING: OrderState.MATCHED,
    Settlement.MINED: OrderState.MINED,
    Settlement.CONFIRMED: OrderState.CONFIRMED,
}
_CLOSING: Final = ("cancelled", "expired", "unmatched", "done", "rejected")  # of two words the first one here counts
_AT_ONCE: Final = frozenset({TimeInForce.FAK, TimeInForce.FOK})


@dataclass(slots=True)
class Fill:
    """One order's part in one trade; money as booked, `event_time` the earliest the venue stated.

    `heard_at` is when something new was last written down about it.
    """

    trade_id: str
    order_id: str
    token: str
    is_buy: bool
    price_e4: PriceE4
    shares_e6: SharesE6
    fee_e6: UsdE6
    settlement: Settlement
    event_time: Micros
    is_maker: bool
    transaction: str
    heard_at: int = 0

    @property
    def name(self) -> str:
        """Return what identifies the fill."""
        return f"{self.trade_id}/{self.order_id}"

    @property
    def void(self) -> bool:
        """Tell whether it never happened after all."""
        return self.settlement is Settlement.FAILED

    @property
    def terminal(self) -> bool:
        """Tell whether its settlement is final."""
        return self.settlement in {Settlement.FAILED, Settlement.CONFIRMED}

    @property
    def paid_e6(self) -> int:
        """Return the dollars paid for the shares, without the fee; negative when received."""
        money = dollars(self.price_e4, self.shares_e6, is_buy=self.is_buy)
        return money if self.is_buy else -money


def first_word(report: FillReport) -> Fill:
    """Return a fill as it is first heard of."""
    return Fill(
        trade_id=report.trade_id,
        order_id=report.order_id,
        token=report.token,
        is_buy=report.is_buy,
        price_e4=report.price_e4,
        shares_e6=report.shares_e6,
        fee_e6=report.fee_e6,
        settlement=report.settlement,
        event_time=report.event_time,
        is_maker=report.is_maker,
        transaction=report.transaction,
    )


def contradiction(fill: Fill, report: FillReport) -> str:
    """Return in what a report about a known fill cannot be true together with what is known, "" if in nothing."""
    told = (report.token, report.is_buy, report.price_e4, report.shares_e6)
    if told != (fill.token, fill.is_buy, fill.price_e4, fill.shares_e6):
        return f"fill {fill.name} was told with two different amounts"
    if {fill.settlement, report.settlement} == {Settlement.CONFIRMED, Settlement.FAILED}:
        return f"fill {fill.name} was told to be both confirmed and failed"
    return ""


def further(fill: Fill, report: FillReport) -> bool:
    """Take in another word about a known fill; returns whether anything changed."""
    ahead = _RANK[report.settlement] > _RANK[fill.settlement]
    before = (fill.settlement, fill.event_time, fill.fee_e6, fill.transaction)
    if ahead:
        fill.settlement = report.settlement
    fill.event_time = min(fill.event_time, report.event_time)
    fill.fee_e6 = UsdE6(max(fill.fee_e6, report.fee_e6))  # not every way of hearing of a fill states its fee
    fill.transaction = max(fill.transaction, report.transaction)
    return before != (fill.settlement, fill.event_time, fill.fee_e6, fill.transaction)


@dataclass(slots=True)
class Order:
    """An intent and all that came of it.

    `seen` is whether the venue ever gave a sign of it, `uncertain` whether any attempt ended without proof. `closed`
    says how it stopped resting ("" while it may rest), `concluded_at` when that is our own conclusion; `final` is
    whether what it matched is beyond doubt, so that nothing needs to stay reserved for it but the fills still missing.
    """

    intent: Intent
    salt: int
    created_at: Micros
    state: OrderState = OrderState.NEW
    order_id: str = ""
    prepared: PreparedOrder | None = None
    expires_at: Micros | None = None
    sent_at: Micros | None = None
    updated_at: int = 0
    attempts: int = 0
    seen: bool = False
    resting: bool = False
    uncertain: bool = False
    refused_again: bool = False
    matched_e6: int = 0
    closed: str = ""
    concluded_at: Micros | None = None
    final: bool = False
    cancel_wanted: str | None = None
    code: str = ""
    text: str = ""
    fills: dict[str, Fill] = field(default_factory=dict)
    reserved_e6: int = 0
    held_e6: int = 0

    @property
    def filled_e6(self) -> SharesE6:
        """Return the shares of its fills that are not void."""
        return SharesE6(sum(fill.shares_e6 for fill in self.fills.values() if not fill.void))

    @property
    def told_e6(self) -> int:
        """Return the shares of all its fills, void ones included: what it can no longer match."""
        return sum(fill.shares_e6 for fill in self.fills.values())

    @property
    def matched_total_e6(self) -> int:
        """Return the most that is known to have matched."""
        return max(self.matched_e6, self.told_e6)

    @property
    def is_open(self) -> bool:
        """Tell whether it may still be filled, now or later."""
        return self.state in OPEN

    @property
    def unseen_e6(self) -> SharesE6:
        """Return the shares that may still turn out to be filled: they stay reserved and count as exposure."""
        if self.closed == "rejected":
            limit = self.matched_e6
        elif self.final or self.is_full:
            limit = self.matched_total_e6
        else:
            limit = self.intent.shares_e6
        missing = limit - self.told_e6
        return SharesE6(missing if missing >= min(DUST_E6, self.intent.shares_e6) else 0)

    @property
    def is_full(self) -> bool:
        """Tell whether it matched whole, but for dust."""
        return self.matched_total_e6 > self.intent.shares_e6 - min(DUST_E6, self.intent.shares_e6)

    @property
    def settled(self) -> bool:
        """Tell whether nothing about it can change any more, as far as is known."""
        ended = self.final or self.closed == "rejected" or (self.is_full and not self.spends_dollars)
        return ended and not self.unseen_e6 and all(fill.terminal for fill in self.fills.values())

    @property
    def spends_dollars(self) -> bool:
        """Tell whether it is an amount of dollars: a purchase that may not rest gets more where it is cheaper."""
        return self.intent.is_buy and self.intent.time_in_force in _AT_ONCE

    def need(self) -> tuple[int, int]:
        """Return (dollars, shares of its token) that must stay set aside for it."""
        unseen, wanted = self.unseen_e6, self.intent
        terms = wanted.instrument
        fee = NO_FEE if wanted.post_only else FeeTerms.of(terms.fee_rate_e6, terms.fee_exponent_e6)
        if self.spends_dollars and not self.final and self.closed != "rejected":
            spent = sum(fill.paid_e6 + fill.fee_e6 for fill in self.fills.values())
            return max(reserve_e6(wanted.price_e4, wanted.shares_e6, fee) - spent, 0), 0
        if not wanted.is_buy:
            return 0, unseen
        return reserve_e6(wanted.price_e4, unseen, fee), 0

    def hear(self, report: OrderReport, *, direct: bool) -> bool:
        """Take in what the venue says about the order; `direct`: it answered when asked, so it is how things are now.

        Returns whether this overrules what had been concluded: the order lives although it was thought gone.
        """
        self.seen = True
        self.matched_e6 = max(self.matched_e6, report.matched_e6)
        revived = False
        if report.status == "live":
            self.resting = True
            revived = self._revive(report.known_at if direct else report.event_time)
        elif report.status == "matched":
            if self.intent.time_in_force in _AT_ONCE:
                self._close("done", final=report.matched_e6 > 0)
        elif report.status in _CLOSING:
            self._close(report.status, final=True)
        return revived

    def _revive(self, at: Micros) -> bool:
        if self.concluded_at is None or at <= self.concluded_at or self.intent.time_in_force in _AT_ONCE:
            return False
        self.closed, self.concluded_at, self.final = "", None, False
        return True

    def _close(self, how: str, *, final: bool) -> None:
        said = [how] if self.concluded_at is not None or not self.closed else [how, self.closed]
        self.closed = min(said, key=_CLOSING.index)
        self.concluded_at, self.final = None, self.final or final

    def conclude(self, how: str, at: Micros) -> None:
        """Take in our own conclusion that it rests no longer."""
        if not self.closed:
            self.closed, self.concluded_at = how, at

    def settle(self) -> None:
        """Move to the state that follows from the facts; raises DataError order-step."""
        self.state = step(self.state, self._target())

    def _target(self) -> OrderState:
        matched = self.matched_total_e6
        at_once = self.intent.time_in_force in _AT_ONCE
        if matched and (self.is_full or (at_once and self.closed)):
            return self._settlement()
        if self.closed in {"cancelled", "unmatched", "done"}:
            return OrderState.CANCELLED
        if self.closed == "expired":
            return OrderState.EXPIRED
        if self.closed:  # a refusal of something that was there before: it has ended, it was not never there
            return OrderState.CANCELLED if matched or self.resting else OrderState.REJECTED
        if matched:
            return OrderState.PARTIAL
        if self.resting:
            return OrderState.LIVE
        return OrderState.ACKED if self.seen else self.state

    def _settlement(self) -> OrderState:
        valid = [fill for fill in self.fills.values() if not fill.void]
        if self.matched_total_e6 - self.told_e6 >= DUST_E6:
            return OrderState.MATCHED
        if not valid:
            return OrderState.FAILED
        return _SHOWN[min((fill.settlement for fill in valid), key=lambda settlement: _RANK[settlement])]

    def facts(self) -> list[object]:
        """Return everything that a replay must give again."""
        fills = [
            [fill.trade_id, fill.price_e4, fill.shares_e6, fill.fee_e6, fill.settlement, fill.event_time]
            for _, fill in sorted(self.fills.items())
        ]
        told = [self.order_id, self.salt, self.state, self.uncertain, self.matched_e6, self.closed, self.final]
        return [*told, self.cancel_wanted, self.reserved_e6, self.held_e6, fills]
