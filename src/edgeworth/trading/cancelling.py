"""Getting rid of orders: those that are known to rest at once, those in doubt as soon as they are known to exist."""

from typing import Final

import msgspec

from edgeworth.core.errors import AccessError, DataError, VenueError
from edgeworth.core.orders import OrderVenue
from edgeworth.trading.account import Account
from edgeworth.trading.intake import Intake
from edgeworth.trading.ladder import Ladder
from edgeworth.trading.recovery import Recovery
from edgeworth.trading.states import RESTING, UNCERTAIN, UNSENT

_BATCH: Final = 100
_FIRST_WAIT_S: Final = 0.25
_LONGEST_WAIT_S: Final = 1.0


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """The end of `cancel_all`: `verified` only if the venue was seen without open orders and none is in doubt.

    `open` are the orders last seen open, `doubtful` those that may still arrive.
    """

    verified: bool
    open: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    text: str = ""


class Canceller:
    """Cancel, then look what is left: an acknowledged cancel of an order that is not found any more has ended it."""

    def __init__(self, intake: Intake, venue: OrderVenue, ladder: Ladder, recovery: Recovery) -> None:
        self._intake, self._venue, self._ladder, self._recovery = intake, venue, ladder, recovery

    @property
    def _account(self) -> Account:
        return self._intake.account

    async def cancel_known(self) -> None:
        """Cancel what is wanted gone and is known to rest. Raises the venue's errors."""
        orders = [one for one in self._account.open.values() if one.cancel_wanted is not None and one.state in RESTING]
        due = [order.order_id for order in orders if self._ladder.due(order)]
        for begin in range(0, len(due), _BATCH):
            batch = due[begin : begin + _BATCH]
            refusals = await self._venue.cancel(batch)
            for order_id in batch:
                await self._ladder.climb(self._account.order(order_id))
                order = self._account.order(order_id)
                if order.state in RESTING and refusals.get(order_id) == "" and self._ladder.absent(order_id):
                    self._ladder.gone(order)

    async def cancel_all(self, reason: str, seconds: float) -> Swept:
        """Cancel everything and look until no order is open, for so many seconds at most."""
        clock, text = self._intake.clock, self._want_all_gone(reason)
        deadline, wait = clock.monotonic() + seconds, _FIRST_WAIT_S
        left: tuple[str, ...] | None = None
        while True:
            try:
                await self._venue.cancel_all()
                left = await self._open_at_venue()
            except VenueError as error:
                text = error.message
            if left == () or clock.monotonic() >= deadline:
                break
            await clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
        doubtful = tuple(one.order_id or "?" for one in self._account.open.values() if one.state in UNCERTAIN | UNSENT)
        seen = left == ()
        return Swept(verified=seen and not doubtful, open=left or (), doubtful=doubtful, text="" if seen else text)

    def _want_all_gone(self, reason: str) -> str:
        """Write down that every order is to go; where nothing can be written, cancelling matters more."""
        known = [order.order_id for order in self._account.open.values() if order.is_open and order.order_id]
        try:
            self._intake.journal.record_cancel_wanted(known, reason)
        except (AccessError, DataError) as error:
            return error.message
        return ""

    async def _open_at_venue(self) -> tuple[str, ...] | None:
        snapshot = await self._venue.account(self._recovery.since())
        if not snapshot.complete:
            return None
        self._recovery.take(snapshot)
        left = tuple(one.order_id for one in snapshot.orders if one.status == "live")
        for order in list(self._account.open.values()):
            if order.cancel_wanted is not None and order.state in RESTING and order.order_id not in left:
                self._ladder.gone(order)
        return left
