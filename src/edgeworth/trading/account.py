"""The account as it follows from the journal: orders, ledger, halts, notes. `apply` is the only thing that changes it.

Folding the same events from zero gives the same account (`digest`), which is what a restart does.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final

import msgspec

from edgeworth.core.errors import DataError
from edgeworth.core.orders import OrderState
from edgeworth.core.units import MINUTE, Micros, UsdE6, cost
from edgeworth.trading import events as ev
from edgeworth.trading.accounting import Ledger, Lot
from edgeworth.trading.halts import Halt
from edgeworth.trading.order import Fill, Order, contradiction, first_word, further
from edgeworth.trading.states import step

DIRECT: Final = frozenset({"order", "account"})  # sources that answer a question about how things are now
_FRESH: Final = 10 * MINUTE  # how long a fill stays among the fresh ones, at least
_EARLIEST: Final = Micros(-(2**62))  # what was there before the journal began


class Account:
    """All that is known of what we did. Orders are found by intent and, once signed, by order id.

    `open` are the orders that may change yet, `alien` the fills of orders that are not ours, `contradictions` what the
    venue said that cannot all be true; `swept_at` is the last complete account that was folded in, `agreed_at` the last
    that equalled the ledger. `fresh` are the fills heard of lately, `unsettled` those that may still be voided, `held`
    the shares on offer by token.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.orders: dict[str, Order] = {}  # by intent id
        self.by_id: dict[str, Order] = {}  # by order id
        self.open: dict[str, Order] = {}  # by intent id
        self.alien: dict[str, Fill] = {}
        self.held: dict[str, int] = {}
        self.unsettled: dict[str, Fill] = {}
        self.fresh: dict[str, Fill] = {}
        self.halts: dict[str, Halt] = {}
        self.notes: dict[str, str] = {}
        self.moves: set[str] = set()
        self.denials: dict[str, int] = {}
        self.strangeness: dict[str, int] = {}
        self.contradictions: list[str] = []
        self.opened_at: Micros | None = None
        self.swept_at: Micros | None = None
        self.decided_at: Micros | None = None
        self.agreed_at: Micros | None = None
        self.count = 0
        self._by_kind: dict[type[Any], Callable[[Any], None]] = {
            ev.Reserved: self._reserved,
            ev.Denied: self._denied,
            ev.Signed: self._signed,
            ev.Sending: self._sending,
            ev.Unsure: self._unsure,
            ev.Refused: self._refused,
            ev.Reported: self._reported,
            ev.Filled: self._filled,
            ev.CancelWanted: self._cancel_wanted,
            ev.Ended: self._ended,
            ev.Swept: self._swept,
            ev.Halted: self._halted,
            ev.Lifted: self._lifted,
            ev.Noted: self._noted,
            ev.Opened: self._opened,
            ev.Moved: self._moved,
            ev.Redeemed: self._redeemed,
            ev.Merged: self._merged,
            ev.Suspended: self._suspended,
            ev.Decided: self._decided,
        }

    def apply(self, event: ev.Event) -> None:
        """Take in one event; raises DataError order-step | order-unknown | ledger-unbalanced, then discard it."""
        self._by_kind[type(event)](event)
        self.ledger.check()
        self.count += 1

    def order(self, order_id: str) -> Order:
        """Return an order by its venue id; raises DataError order-unknown."""
        found = self.by_id.get(order_id)
        if found is None:
            raise DataError("order-unknown", f"there is no order {order_id}")
        return found

    def spendable_e6(self) -> UsdE6:
        """Return the cash that is neither reserved nor owed by trades that may still be voided."""
        owed = sum(-fill.paid_e6 - fill.fee_e6 for fill in self.unsettled.values() if not fill.is_buy)
        return UsdE6(self.ledger["cash"] - max(owed, 0))

    def sellable_e6(self, token: str) -> int:
        """Return the shares that may be offered: CONFIRMED, not sold and not offered yet."""
        position = self.ledger.positions.get(token)
        return max(position.sellable_e6 - self.held.get(token, 0), 0) if position else 0

    def standing(self) -> tuple[Halt, ...]:
        """Return the halts that stand."""
        return tuple(self.halts.values())

    def fills(self) -> Iterator[Fill]:
        """Yield every fill, void and alien ones included."""
        for order in self.orders.values():
            yield from order.fills.values()
        yield from self.alien.values()

    def digest(self) -> str:
        """Return a digest of everything a replay must give again."""
        facts = {
            "ledger": self.ledger.facts(),
            "orders": [[name, *order.facts()] for name, order in sorted(self.orders.items())],
            "alien": [
                [name, fill.shares_e6, fill.price_e4, fill.fee_e6, fill.settlement]
                for name, fill in sorted(self.alien.items())
            ],
            "held": sorted((token, shares) for token, shares in self.held.items() if shares),
            "halts": sorted(self.halts),
            "notes": sorted(self.notes.items()),
            "moves": sorted(self.moves),
            "strange": sorted(self.strangeness.items()),
        }
        return blake2b(msgspec.json.encode(facts), digest_size=16).hexdigest()

    # -- orders

    def _reserved(self, event: ev.Reserved) -> None:
        name = event.intent.intent_id
        if name in self.orders:
            raise DataError("order-step", f"the intent {name} has its order already")
        order = Order(event.intent, event.salt, event.at, expires_at=event.intent.expires_at)
        self.orders[name] = self.open[name] = order
        self._touch(order, event.at)

    def _denied(self, event: ev.Denied) -> None:
        self.denials[event.code] = self.denials.get(event.code, 0) + 1

    def _signed(self, event: ev.Signed) -> None:
        order = self._of_intent(event.order.intent_id)
        order.state = step(order.state, OrderState.SIGNED)
        order.prepared, order.order_id = event.order, event.order.order_id
        order.expires_at = event.order.expires_at or order.expires_at
        self.by_id[order.order_id] = order
        order.updated_at = max(order.updated_at, event.at)  # neither money nor shares follow from the bytes

    def _sending(self, event: ev.Sending) -> None:
        order = self.order(event.order_id)
        if order.state is not OrderState.UNKNOWN:  # sent again: the uncertainty about the earlier attempt remains
            order.state = step(order.state, OrderState.SENDING)
        order.sent_at, order.attempts = event.at, order.attempts + 1
        order.updated_at = max(order.updated_at, event.at)

    def _unsure(self, event: ev.Unsure) -> None:
        order = self.order(event.order_id)
        order.uncertain, order.code, order.text = True, event.code, event.text
        order.refused_again = order.refused_again or event.refused
        if not order.seen and not order.closed:
            order.state = step(order.state, OrderState.UNKNOWN)
        self._touch(order, event.at)

    def _refused(self, event: ev.Refused) -> None:
        order = self._of_intent(event.intent_id)
        if order.uncertain and event.proof != "absent":
            raise DataError("order-step", f"{event.proof} proves nothing about earlier attempts of {order.order_id}")
        if order.state is OrderState.SENDING and event.proof in {"never-sent", "illegal"}:
            raise DataError("order-step", f"{order.order_id} may have been sent")
        order.code, order.text = event.code, event.text
        if not order.seen:  # else the venue contradicts itself, and what it showed counts
            order.conclude("rejected", event.at)
        self._touch(order, event.at)

    def _reported(self, event: ev.Reported) -> None:
        order = self.order(event.report.order_id)
        was_rejected = order.closed == "rejected"
        if order.hear(event.report, direct=event.source in DIRECT) and was_rejected:
            self.contradictions.append(f"order {order.order_id} was refused and lives")
        self._touch(order, event.at)

    def _filled(self, event: ev.Filled) -> None:
        report = event.fill
        name = f"{report.trade_id}/{report.order_id}"
        order = self.by_id.get(report.order_id)
        fills = self.alien if order is None else order.fills
        key = name if order is None else report.trade_id
        fill = fills.get(key)
        fee = fill.fee_e6 if fill else 0
        if fill is None:
            fill = fills[key] = first_word(report)
        else:
            if wrong := contradiction(fill, report):
                self.contradictions.append(wrong)
            further(fill, report)
        fill.heard_at = event.at
        self.fresh[fill.name] = fill
        self._book(fill, fee)
        if order is not None:
            if order.closed == "rejected":
                self.contradictions.append(f"order {order.order_id} was refused and has a fill")
            order.seen = True
            self._touch(order, event.at)

    def _book(self, fill: Fill, fee_before: int) -> None:
        """Bring the lots in line with a fill; a void one leaves no trace in the ledger."""
        booked = fill.name in self.ledger.position(fill.token).lots
        before = fee_before if booked else 0
        if fill.terminal:
            self.unsettled.pop(fill.name, None)
        else:
            self.unsettled[fill.name] = fill
        if fill.void:
            if booked:
                self.ledger.put_lot(fill.token, fill.name, None, -before)
            return
        shares = fill.shares_e6 if fill.is_buy else -fill.shares_e6
        lot = Lot((fill.event_time, fill.name), shares, fill.paid_e6, firm=fill.terminal)
        self.ledger.put_lot(fill.token, fill.name, lot, fill.fee_e6 - before)

    def _cancel_wanted(self, event: ev.CancelWanted) -> None:
        order = self.order(event.order_id)
        order.cancel_wanted = event.reason if order.cancel_wanted is None else order.cancel_wanted
        self._touch(order, event.at)

    def _ended(self, event: ev.Ended) -> None:
        order = self.order(event.order_id)
        order.conclude(event.how, event.at)
        self._touch(order, event.at)

    def _swept(self, event: ev.Swept) -> None:
        self.swept_at = event.taken_at
        self.agreed_at = event.taken_at if event.agreed else self.agreed_at
        self.fresh = {name: fill for name, fill in self.fresh.items() if fill.heard_at > event.taken_at - _FRESH}
        for order_id in event.orders:
            order = self.order(order_id)
            if order.closed or order.is_full:  # what may still match, now or later, is never final
                order.final = True
                self._touch(order, event.at)

    def _of_intent(self, intent_id: str) -> Order:
        found = self.orders.get(intent_id)
        if found is None:
            raise DataError("order-unknown", f"there is no order for the intent {intent_id}")
        return found

    def _touch(self, order: Order, at: Micros) -> None:
        """Let the state, the reservation and the lists follow from what has just become known."""
        if order.seen or order.closed:
            order.settle()
        order.updated_at = max(order.updated_at, at)
        money, shares = order.need()
        if money != order.reserved_e6:
            self.ledger.post(cash=order.reserved_e6 - money, reserved=money - order.reserved_e6)
        token = order.intent.instrument.token
        if shares != order.held_e6:
            self.held[token] = self.held.get(token, 0) + shares - order.held_e6
        order.reserved_e6, order.held_e6 = money, shares
        if order.settled:
            self.open.pop(order.intent.intent_id, None)
            order.prepared = None  # its bytes are never sent again
        else:
            self.open[order.intent.intent_id] = order

    # -- the rest

    def _halted(self, event: ev.Halted) -> None:
        self.halts.setdefault(event.halt.halt_id, event.halt)

    def _lifted(self, event: ev.Lifted) -> None:
        self.halts.pop(event.lift.halt_id, None)

    def _noted(self, event: ev.Noted) -> None:
        if event.value:
            self.notes[event.name] = event.value
        else:
            self.notes.pop(event.name, None)

    def _opened(self, event: ev.Opened) -> None:
        if self.opened_at is not None:
            raise DataError("ledger-unbalanced", "the journal was opened twice")
        self.opened_at = event.at
        self.ledger.post(cash=event.cash_e6, deposits=event.cash_e6)
        for holding in event.holdings:
            self.ledger.post(cash=holding.cost_e6, deposits=holding.cost_e6)
            lot = Lot((_EARLIEST, f"opening:{holding.token}"), holding.shares_e6, holding.cost_e6)
            self.ledger.put_lot(holding.token, lot.key[1], lot)

    def _once(self, move_id: str) -> bool:
        """Tell whether a movement of money is new; a movement counts once however often it is told."""
        fresh = move_id not in self.moves
        self.moves.add(move_id)
        return fresh

    def _moved(self, event: ev.Moved) -> None:
        if not self._once(event.move_id):
            return
        account = {"deposit": "deposits", "reward": "rewards", "realised": "realised"}[event.what]
        paid_by = "suspense" if event.from_suspense else "cash"
        self.ledger.post(**{paid_by: event.usd_e6, account: event.usd_e6})

    def _redeemed(self, event: ev.Redeemed) -> None:
        if self._once(event.move_id):
            paid = cost(event.payout_e4, event.shares_e6, "down")
            lot = Lot((event.event_time, event.move_id), -event.shares_e6, -paid)
            self.ledger.put_lot(event.token, event.move_id, lot)

    def _merged(self, event: ev.Merged) -> None:
        if not self._once(event.move_id):
            return
        # which leg the dollar is booked to does not matter to the sum: half each, so that neither is favoured
        halves = event.shares_e6 // 2, event.shares_e6 - event.shares_e6 // 2
        for token, paid in zip((event.yes_token, event.no_token), halves, strict=True):
            self.ledger.put_lot(token, event.move_id, Lot((event.event_time, event.move_id), -event.shares_e6, -paid))

    def _decided(self, event: ev.Decided) -> None:
        self.decided_at = event.tick

    def _suspended(self, event: ev.Suspended) -> None:
        """Believe the venue: the missing or surplus cash, and the cost of missing shares, go to suspense."""
        self.ledger.post(cash=event.cash_e6, suspense=-event.cash_e6)
        if event.token:
            name = f"suspense:{self.count}"
            position = self.ledger.position(event.token)
            shares, paid = event.shares_e6, 0
            if position.shares_e6 and (shares < 0) == (position.shares_e6 > 0):
                gone = min(abs(shares), abs(position.shares_e6))
                paid = -(position.cost_e6 * gone // abs(position.shares_e6))
            lot = Lot((event.at, name), shares, paid)
            self.ledger.put_lot(event.token, name, lot)
            self.ledger.post(cash=paid, suspense=-paid)
            self.strangeness[event.token] = self.strangeness.get(event.token, 0) + shares


def fold(events: Iterable[ev.Event]) -> Account:
    """Fold events from zero."""
    account = Account()
    for event in events:
        account.apply(event)
    return account
