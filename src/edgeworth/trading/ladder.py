"""What became of an order: evidence for orders whose answer never came, step by step, until one of them ends the doubt.

1. an event of the user's own feed (comes by itself)   2. the venue knows the order by its hash
3. its fills by hash                                   4. a complete account (`trading.manager` folds it in)
5. it can rest no longer: its expiry and a settlement horizon have passed, and 2 and 3 are silent

A silent venue proves nothing: a request may arrive late, lists lag, an order that is gone is not found. While silence
lasts and the order is still wanted and young, the same bytes are sent again. A refusal of that repetition is no
proof either: the first sending may have been accepted.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.orders import OrderReport, OrderState, OrderVenue, TimeInForce
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.trading.journal import Journal
from edgeworth.trading.order import Order
from edgeworth.trading.states import RESTING, UNSENT

EARLY: Final = 60 * SECOND  # the venue drops an order this long before its stated expiry
_FIRST_S: Final = 0.5
_SLOWEST_S: Final = 30.0
_UNWANTED_S: Final = 5.0  # the same for an order that is to go


class LadderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the evidence ladder is, in microseconds.

    `lag`: how far the venue's lists may lie behind; `horizon`: how long after its expiry an order may still show
    fills; `blind`: the same for an order without expiry, from its last sending; `resend`: how long after it was
    created an unanswered order is sent again: no longer than a price may be old.
    """

    lag: int = 60 * SECOND
    horizon: int = 5 * MINUTE
    blind: int = 15 * MINUTE
    resend: int = 5 * SECOND


class Ladder:
    """Climb for one order at a time; every look that finds nothing doubles the wait before the next.

    `send` sends the same bytes again and says itself what came of it.
    """

    def __init__(
        self,
        journal: Journal,
        venue: OrderVenue,
        clock: Clock,
        settings: LadderSettings,
        send: Callable[[Order], Awaitable[None]],
    ) -> None:
        self._journal, self._venue, self._clock, self._settings, self._send = journal, venue, clock, settings, send
        self._looks: dict[str, tuple[int, float]] = {}  # how often looked, when to look next
        self._absent: dict[str, Micros] = {}  # since when a known order is not found any more

    def due(self, order: Order) -> bool:
        """Tell whether it is time to look at an order again."""
        return self._looks.get(order.order_id, (0, 0.0))[1] <= self._clock.monotonic()

    def hurry(self, order_id: str) -> None:
        """Look at an order at the next opportunity."""
        self._looks.pop(order_id, None)

    def keep(self, order_ids: set[str]) -> None:
        """Forget everything about other orders."""
        self._looks = {name: look for name, look in self._looks.items() if name in order_ids}
        self._absent = {name: at for name, at in self._absent.items() if name in order_ids}

    def absent(self, order_id: str) -> bool:
        """Tell whether the last look at a known order did not find it."""
        return order_id in self._absent

    async def climb(self, order: Order) -> None:
        """Take every step once. Raises the venue's errors: then nothing was learnt, and the next look comes later."""
        looks = self._looks.get(order.order_id, (0, 0.0))[0]
        slowest = _SLOWEST_S if order.cancel_wanted is None else _UNWANTED_S
        wait = min(_FIRST_S * 2**looks, slowest)
        self._looks[order.order_id] = (looks + 1, self._clock.monotonic() + wait)
        asked = self._clock.now()
        found = await self._venue.order(order.order_id)
        if found is not None:
            self._found(found)
            return
        fills = await self._venue.order_fills(order.order_id)
        news = self._journal.record_fills(fills, "order")
        order = self._journal.account.order(order.order_id)
        if order.closed or order.is_full or order.state in UNSENT:
            return
        if order.state in RESTING:
            self._missing(order, asked)
        elif not news and not order.seen and not self._over(order, asked) and looks:
            await self._repeat(order)

    def gone(self, order: Order) -> None:
        """Conclude that an order rests no longer: the venue cancelled it, or has not known it for long."""
        if order.closed or order.is_full:
            return
        dropped = order.expires_at is not None and self._clock.now() >= order.expires_at - EARLY
        self._journal.record_ended(order.order_id, "expired" if dropped else "cancelled", "not-found")

    def _found(self, report: OrderReport) -> None:
        self._absent.pop(report.order_id, None)
        self._journal.record_reports([report], "order")
        if self._journal.account.order(report.order_id).cancel_wanted is not None:
            self.hurry(report.order_id)

    def _missing(self, order: Order, asked: Micros) -> None:
        """A known order that is not found has ended, once it has not been found for longer than lists lag."""
        since = self._absent.setdefault(order.order_id, asked)
        if asked - since >= self._settings.lag:
            self.gone(order)

    def _over(self, order: Order, asked: Micros) -> bool:
        """End the doubt where nothing can come any more; returns whether it did."""
        if order.expires_at is not None:
            end = order.expires_at + self._settings.horizon
        else:
            end = (order.sent_at or order.created_at) + self._settings.blind
        if order.state is not OrderState.UNKNOWN or asked < end:
            return False
        self._journal.record_ended(order.order_id, "expired", "silence")
        return True

    async def _repeat(self, order: Order) -> None:
        """Send the same bytes again while the order is young, wanted, and was not refused in the meantime."""
        now = self._clock.now()
        young = now - order.created_at <= self._settings.resend
        in_time = order.expires_at is None or now < order.expires_at - EARLY
        if young and in_time and order.cancel_wanted is None and not order.refused_again:
            await self._send(order)


def default_expiry(time_in_force: TimeInForce, created_at: Micros, lifetime: int) -> Micros | None:
    """Return the expiry of an order that states none: `lifetime` for GTD, in whole seconds as on the wire."""
    if time_in_force is not TimeInForce.GTD:
        return None
    return Micros((created_at + lifetime) // SECOND * SECOND)
