"""Paper trading: the observed books answer as a venue would, and against us wherever that is open.

An order arrives after a latency and walks the book as it is then. What rests is filled behind the whole queue. Where
the feed of a market has a gap nothing is filled: an order that arrives is refused, one that rests loses its place.
Money moves two seconds after a match and is final after five, a market that resolves pays out, heartbeats that stop
cancel everything, and an order is known by its id for ever. A restart goes on where the account stood. No key is ever
needed here.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.errors import Rejected
from edgeworth.core.orders import (
    AccountEvent,
    AccountSnapshot,
    ContinuityLost,
    FillReport,
    Holding,
    Intent,
    OrderReport,
    PreparedOrder,
)
from edgeworth.core.units import SECOND, Micros, SharesE6, UsdE6
from edgeworth.trading.paper_desk import OPEN, PaperDesk, PaperFeed, PaperSettings
from edgeworth.trading.paper_state import FORGOTTEN, PaperOrder
from edgeworth.venues.polymarket.order_amounts import EARLY, LARGEST_SALT, RESTING, amounts_of, stated_expiry

__all__ = ["PaperFeed", "PaperSettings", "PaperVenue"]


class _Body(msgspec.Struct, frozen=True):
    """What stands in the bytes of a paper order."""

    intent: Intent
    salt: int


class PaperVenue(PaperDesk):
    """An `OrderVenue` of its own. Something must call `step` as time passes and books change, or run `run`."""

    name = "paper"

    # orders

    async def prepare(self, intent: Intent, salt: int) -> PreparedOrder:
        """Build and name; the same intent and salt give the same bytes. Raises Rejected order-* if illegal."""
        if not 0 < salt < LARGEST_SALT:
            raise Rejected("order-malformed", "a salt has 53 bits")
        amounts = amounts_of(intent)
        body = msgspec.json.encode(_Body(intent, salt))
        expiry = stated_expiry(intent)
        return PreparedOrder(
            order_id="0x" + hashlib.blake2b(body, digest_size=32, person=b"paper-order").hexdigest(),
            intent_id=intent.intent_id,
            body=body,
            maker_e6=amounts.maker_e6,
            taker_e6=amounts.taker_e6,
            salt=salt,
            expires_at=Micros(expiry * SECOND) if expiry else None,
        )

    async def submit(self, order: PreparedOrder) -> OrderReport:
        """Send the bytes; an order that is known answers as it stands. Raises Rejected order-* as the venue would."""
        known = self.state.orders.get(order.order_id)
        is_new = known is None
        if known is None:
            known = self._receive(order)
            self.commit()
        while known.status == "arriving":
            await self.clock.sleep(max(0.0, (known.arrives_at - self.clock.now()) / SECOND))
            self.step()
        if known.status == "rejected":
            raise Rejected(known.code, known.why, refused=True)
        report = known.report(self.clock.now())
        # the answer to an order that traded at once, wholly or in part, is `matched`
        return msgspec.structs.replace(report, status="matched") if is_new and report.matched_e6 else report

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Cancel what is still open once the request has arrived; returns "" or "gone" or "order not found"."""
        await self.clock.sleep(self.settings.latency_s)
        self.step()
        found = {}
        for name in dict.fromkeys(order_ids):
            order = self.state.orders.get(name)
            found[name] = "order not found" if order is None else "gone"
            if order is not None and order.status in OPEN:
                self.end(order, "cancelled")
                found[name] = ""
        self.commit()
        return found

    async def cancel_all(self) -> dict[str, str]:
        """Cancel everything that is open."""
        return await self.cancel([order.order_id for order in self.open_orders()])

    # evidence

    async def order(self, order_id: str) -> OrderReport | None:
        """Look for one order; None says only that it is not active now."""
        self.step()
        found = self.state.orders.get(order_id)
        return found.report(self.clock.now()) if found is not None and found.status in OPEN else None

    async def order_fills(self, order_id: str) -> list[FillReport]:
        """Look for the fills of one order, whatever their settlement."""
        self.step()
        now = self.clock.now()
        return [trade.report(now) for trade in self.state.trades.values() if trade.order_id == order_id]

    async def account(self, since: Micros) -> AccountSnapshot:
        """Take a complete snapshot, with fills since an instant."""
        self.step()
        now, state = self.clock.now(), self.state
        holdings = [(token, shares) for token, shares in state.holdings.items() if shares]
        return AccountSnapshot(
            taken_at=now,
            cash_e6=UsdE6(state.cash_e6),
            holdings=tuple(Holding(token=token, shares_e6=SharesE6(shares)) for token, shares in holdings),
            orders=tuple(order.report(now) for order in self.open_orders()),
            fills=tuple(trade.report(now) for trade in state.trades.values() if trade.at >= since),
            complete=state.trades_from == 0 or since >= state.trades_from,
        )

    async def books(self, tokens: Sequence[str]) -> list[BookSnapshot]:
        """Return the books that may be traded on; tokens without one are missing."""
        return [book for token in dict.fromkeys(tokens) if (book := self.observed(token)) is not None]

    async def server_time(self) -> Micros:
        """Return this clock: there is no other."""
        return self.clock.now()

    # presence

    async def heartbeat(self) -> None:
        """Tell the venue that we live; once begun, it cancels everything fifteen seconds after the last one."""
        self.step()
        self.state.beat_at = self.clock.now()
        self.changed = True
        self.commit()

    async def events(self) -> AsyncIterator[AccountEvent]:
        """Follow own orders and fills as they happen; begins with `ContinuityLost`."""
        queue: asyncio.Queue[AccountEvent] = asyncio.Queue()
        self._listeners.append(queue.put_nowait)
        try:
            yield ContinuityLost(self.clock.now(), Micros(self.state.at))
            while True:
                yield await queue.get()
        finally:
            with contextlib.suppress(ValueError):
                self._listeners.remove(queue.put_nowait)

    async def run(self) -> None:
        """Take steps as time passes; ends only when cancelled."""
        while True:
            self.step()
            await self.clock.sleep(self.settings.step_s)

    def _receive(self, order: PreparedOrder) -> PaperOrder:
        """Write an order down as on its way."""
        intent, now = _intent_of(order), self.clock.now()
        if intent.created_at < now - FORGOTTEN:
            raise Rejected("order-bad-expiry", "the order is older than the venue's memory", refused=True)
        budget = intent.is_buy and intent.time_in_force not in RESTING
        instrument = intent.instrument
        shares = order.taker_e6 if intent.is_buy else order.maker_e6
        made = PaperOrder(
            order_id=order.order_id,
            token=instrument.token,
            is_buy=intent.is_buy,
            price_e4=intent.price_e4,
            size_e6=shares,
            left_e6=order.maker_e6 if budget else shares,
            kind=intent.time_in_force,
            created_at=intent.created_at,
            arrives_at=now + round(self.settings.latency_s * SECOND),
            fee_rate_e6=instrument.fee_rate_e6,
            fee_exponent=instrument.fee_exponent_e6 // 1_000_000,
            budget=budget,
            post_only=intent.post_only,
            drops_at=None if order.expires_at is None else order.expires_at - EARLY,
        )
        self.state.orders[made.order_id] = made
        self.changed = True
        return made


def _intent_of(order: PreparedOrder) -> Intent:
    try:
        return msgspec.json.decode(order.body, type=_Body).intent
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Rejected("order-malformed", "these bytes are no paper order", refused=True) from error
