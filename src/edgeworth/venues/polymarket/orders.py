"""The order service as an `OrderVenue`: the simulated and the live venue differ by addresses and signer alone.

`prepare` signs and names; `submit` sends those very bytes once and classifies the answer; everything that is asked is
signed at the instant it leaves, on the venue's clock. A state of the whole venue (restarting, post-only, cancel-only)
is remembered for as long as it holds: until then no order it would refuse leaves.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NoReturn

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Fatal, Retryable, Unknown, VenueError
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.orders import (
    AccountEvent,
    AccountSnapshot,
    ContinuityLost,
    FillReport,
    Intent,
    OrderReport,
    PreparedOrder,
)
from edgeworth.core.records import Rejected
from edgeworth.core.units import SECOND, Micros, PriceE4, SharesE6
from edgeworth.venues import answers, convert
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket.account_reads import AccountReads, Fee, Fills
from edgeworth.venues.polymarket.account_rows import fill_reports, order_report
from edgeworth.venues.polymarket.auth import Requester
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.order_acts import Restriction, Restrictions, cancelled, refused_act
from edgeworth.venues.polymarket.order_amounts import LARGEST_SALT, amounts_of, stated_expiry
from edgeworth.venues.polymarket.order_outcomes import Posted, Taken, posted_of, read_answer, read_body
from edgeworth.venues.polymarket.order_wire import Terms, order_body
from edgeworth.venues.polymarket.presence import Place, place_of
from edgeworth.venues.polymarket.signing import OrderSigner, Wallet
from edgeworth.venues.polymarket.typed_data import OrderData, exchange_of, order_id, wire_signature
from edgeworth.venues.polymarket.user_stream import Credentials, Resync, UserStream
from edgeworth.venues.polymarket.user_wire import UserMessage, UserOrder, UserTrade
from edgeworth.venues.streams.wire import Connect, connect_websocket

_CANCELS: Final = 1_000
_AGREEMENTS: Final = 4  # readings of the trades until two in a row agree
_CLOCK_STEP: Final = SECOND  # the venue tells whole seconds: less than one of difference says nothing


class Account(msgspec.Struct, frozen=True):
    """Whose orders these are: the wallet, and the API keys that its key was given."""

    wallet: Wallet
    credentials: Credentials


class ClobVenue:
    """Trade on the order service. `may_send` is asked last of all before an order leaves; it raises to keep it here.

    It is told whether the order buys.
    Raises Fatal signing-failed when signatures that prove nothing would go to a venue beyond this machine.
    """

    def __init__(
        self,
        http: HttpClient,
        signer: OrderSigner,
        account: Account,
        *,
        name: str = "polymarket",
        connect: Connect = connect_websocket,
        may_send: Callable[[bool], None] = lambda _is_buy: None,
    ) -> None:
        if signer.structural and not http.endpoints.local:
            raise Fatal("signing-failed", "a signer without a key is for simulated venues alone")
        if signer.address.lower() != account.wallet.owner.lower():
            raise Fatal("wallet-mismatch", "the signer holds another key than the wallet's")
        self.name = name
        self.clock: Clock = http.clock
        self.restrictions = Restrictions(http.clock)
        self.reads = AccountReads(http, Requester(signer.address, account.credentials), account.wallet, self._venue_now)
        self._http, self._signer, self._account, self._connect = http, signer, account, connect
        self._requester = Requester(signer.address, account.credentials)
        self.may_send, self._clob = may_send, Clob(http)
        self._offset, self._beat = 0, ""
        self._made: tuple[bytes, Posted] | None = None
        self._stream: UserStream | None = None

    @property
    def restriction(self) -> Restriction | None:
        """What the whole venue takes now, as far as it has said; None when it takes everything."""
        return self.restrictions.now

    @property
    def feed_open(self) -> bool:
        """Whether `events` has a connection now; its next opening begins with `ContinuityLost`."""
        return self._stream is not None and self._stream.socket.is_open

    @property
    def clock_offset(self) -> int:
        """The venue's clock minus ours, microseconds, as of the last `server_time`; 0 below its resolution."""
        return self._offset

    # orders

    async def prepare(self, intent: Intent, salt: int) -> PreparedOrder:
        """Build and sign; the same intent and salt give the same bytes. Raises Rejected order-* if illegal."""
        if not 0 < salt < LARGEST_SALT:
            raise Refused("order-malformed", "a salt has 53 bits")
        amounts, wallet, instrument = amounts_of(intent), self._account.wallet, intent.instrument
        order = OrderData(
            salt=salt,
            maker=wallet.funder,
            signer=wallet.signer,
            token=int(instrument.token),
            maker_e6=amounts.maker_e6,
            taker_e6=amounts.taker_e6,
            is_buy=intent.is_buy,
            signature_type=wallet.signature_type,
            timestamp=intent.created_at // 1_000,
        )
        exchange = exchange_of(order.token, neg_risk=instrument.neg_risk)
        signature = wire_signature(order, exchange, await self._signer.sign_order(order, exchange))
        expiry = stated_expiry(intent)
        terms = Terms(
            owner=self._account.credentials.key,
            time_in_force=intent.time_in_force,
            expiry=expiry,
            post_only=intent.post_only,
        )
        self.reads.know_fee(instrument.token, Fee(instrument.fee_rate_e6, instrument.fee_exponent_e6))
        body = order_body(order, signature, terms)
        self._made = body, posted_of(order, terms)
        return PreparedOrder(
            order_id=order_id(order, exchange),
            intent_id=intent.intent_id,
            body=body,
            maker_e6=amounts.maker_e6,
            taker_e6=amounts.taker_e6,
            salt=salt,
            expires_at=Micros(expiry * SECOND) if expiry else None,
        )

    async def submit(self, order: PreparedOrder) -> OrderReport:
        """Send the bytes once; a venue that already has the order answers with its report, as at the first time.

        Raises Unknown whenever something may have arrived and nothing proves what became of it.
        """
        made = self._made  # else it is not the last that was made here, or another process made it
        posted = made[1] if made is not None and made[0] is order.body else read_body(order.body)
        headers = self._sign("POST", "/order", order.body, lambda: self._leave(posted))
        try:
            payload = await self._http.send("POST", "/order", order.body, route="order", headers=headers)
        except VenueError as error:
            _not_answered(error)
        try:
            taken = read_answer(payload, order.order_id)
        except VenueError as error:
            self.restrictions.note(error)
            raise
        self.restrictions.ended(post_only=posted.post_only)
        if taken.status == "duplicate":
            return await self._as_before(order, posted)
        return self._report(order.order_id, posted, taken, payload.observed_at)

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Ask to cancel; returns "" where cancelled, "gone" where it is no longer open, else the venue's words."""
        found: dict[str, str] = {}
        names = list(dict.fromkeys(order_ids))
        for start in range(0, len(names), _CANCELS):
            batch = names[start : start + _CANCELS]
            if len(batch) == 1:
                path, route, body = "/order", "cancel", msgspec.json.encode({"orderID": batch[0]})
            else:
                path, route, body = "/orders", "cancels", msgspec.json.encode(batch)
            found |= cancelled(await self._act("DELETE", path, body, route), batch)
        return found

    async def cancel_all(self) -> dict[str, str]:
        """Ask to cancel everything that is open."""
        return cancelled(await self._act("DELETE", "/cancel-all", None, "cancel-all"), ())

    # evidence

    async def order(self, order_id: str) -> OrderReport | None:
        """Look for one order; None says only that it is not active now."""
        return await self.reads.order(order_id)

    async def order_fills(self, order_id: str) -> list[FillReport]:
        """Look for the fills of one order; raises Retryable account-incomplete when not all trades could be read."""
        found = await self.reads.fills(order_id=order_id.lower())
        if not found.complete:
            raise Retryable("account-incomplete", "not all own trades could be read")
        return found.fills

    async def account(self, since: Micros) -> AccountSnapshot:
        """Take a complete snapshot, with fills since an instant; incomplete also when trades went on meanwhile."""
        fills = await self.reads.fills(since)
        for _ in range(_AGREEMENTS):
            begun = self.clock.now()
            orders, whole_orders = await self.reads.open_orders()
            cash = await self.reads.cash(refresh=True)
            holdings, whole_holdings = await self.reads.holdings()
            again = await self.reads.fills(since)
            agree = _steps(fills) == _steps(again)
            fills = again
            if agree:
                break
        return AccountSnapshot(
            taken_at=begun,
            cash_e6=cash,
            holdings=tuple(holdings),
            orders=tuple(orders),
            fills=tuple(fills.fills),
            complete=agree and fills.complete and whole_orders and whole_holdings,
        )

    async def books(self, tokens: Sequence[str]) -> list[BookSnapshot]:
        """Read the books to trade on; tokens without a readable book are missing."""
        return list(await self._clob.books(tokens))

    async def server_time(self) -> Micros:
        """Return the venue's clock, and correct the time that requests are signed with."""
        before = self.clock.now()
        stated = await self._clob.server_time()
        after = self.clock.now()
        # the venue states the beginning of the second it is in, and was asked somewhere between our two readings
        low, high = stated - after, stated + _CLOCK_STEP - before
        self._offset = 0 if low <= 0 <= high else (low + high) // 2
        return Micros(self.clock.now() + self._offset)

    # presence

    async def place(self) -> Place:
        """Return where the venue sees this machine, and whether it takes orders from there."""
        return await place_of(self._http)

    async def heartbeat(self) -> None:
        """Tell the venue that we live; without it, it cancels everything. Raises Retryable when it was not heard."""
        for _ in range(2):
            body = msgspec.json.encode({"heartbeat_id": self._beat})
            payload = await self._send("POST", "/v1/heartbeats", body, "other")
            row = answers.value(payload.body)
            following = convert.text(row.get("heartbeat_id")) if isinstance(row, dict) else ""
            if following:
                self._beat = following
            if payload.status == 200 and following:
                return
            if payload.status != 400 or not following:
                break
        refused_act(payload, "a heartbeat")

    async def events(self) -> AsyncIterator[AccountEvent]:
        """Follow own orders and fills as they happen; begins and resumes with `ContinuityLost`."""
        stream = UserStream(self._http.endpoints.user_ws, self._connect, self._account.credentials, self.clock)
        self._stream = stream
        task = asyncio.create_task(stream.run())
        lost = 0
        try:
            while True:
                message = await stream.messages.get()
                if stream.messages.dropped > lost:  # nobody fetched in time: something is missing before this one
                    lost = stream.messages.dropped
                    yield ContinuityLost(self.clock.now(), Micros(0))
                for event in await self._events(message):
                    yield event
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _events(self, message: UserMessage | Resync) -> list[AccountEvent]:
        now = self.clock.now()
        if isinstance(message, Resync):
            return [ContinuityLost(Micros(message.at), Micros(message.seen_until))]
        if isinstance(message, UserOrder):
            return [order_report(message, now)]
        if isinstance(message, UserTrade):
            parts = fill_reports(message, self.reads.owner, now)
            try:
                return [await self.reads.with_fee(part, message.market) for part in parts]
            except VenueError:  # the fee cannot be told now: whoever listens must ask again
                return [ContinuityLost(now, Micros(message.event_time))]
        # an own order or trade that cannot be read may have been anything; other kinds of events are nobody's
        return [ContinuityLost(now, Micros(0))] if isinstance(message, Rejected) else []

    # requests

    def _venue_now(self) -> int:
        return self.clock.now() + self._offset

    def _sign(
        self, method: str, path: str, body: bytes | None, leave: Callable[[], None] = lambda: None
    ) -> Callable[[], dict[str, str]]:
        """Return what is asked at the instant a request leaves: may it, and its signature of that instant."""

        def headers() -> dict[str, str]:
            leave()
            return self._requester.headers(self._venue_now() // SECOND, method, path, body or b"")

        return headers

    def _leave(self, posted: Posted) -> None:
        """Raise what keeps an order here; whatever that is, nothing was sent."""
        try:
            self.restrictions.heed(post_only=posted.post_only)
            self.may_send(posted.is_buy)
        except VenueError as error:
            error.details["sent"] = False
            raise

    async def _send(self, method: str, path: str, body: bytes | None, route: str) -> Payload:
        return await self._http.send(method, path, body, route=route, headers=self._sign(method, path, body))

    async def _act(self, method: str, path: str, body: bytes | None, route: str) -> Payload:
        """Ask for something that may be asked again; raises Retryable unless it was done or is refused for good."""
        payload = await self._send(method, path, body, route)
        if payload.status != 200:
            refused_act(payload, path)
        return payload

    async def _as_before(self, order: PreparedOrder, posted: Posted) -> OrderReport:
        """Return where an order stands that the venue had before: open, filled, or taken and not seen now."""
        found = await self._evidence(order.order_id)
        return found or self._report(order.order_id, posted, Taken("delayed"), self.clock.now())

    async def _evidence(self, name: str) -> OrderReport | None:
        with contextlib.suppress(VenueError):  # that it was taken is proven; no failure to look may undo that
            return await self.reads.order(name)
        return None

    def _report(self, name: str, posted: Posted, taken: Taken, known_at: Micros) -> OrderReport:
        return OrderReport(
            order_id=name,
            status=taken.status,
            token=posted.token,
            is_buy=posted.is_buy,
            price_e4=PriceE4(posted.price_e4),
            size_e6=SharesE6(posted.size_e6),
            matched_e6=SharesE6(taken.taking_e6 if posted.is_buy else taken.making_e6),
            event_time=known_at,
            known_at=known_at,
            trade_ids=taken.trade_ids,
        )


def _not_answered(error: VenueError) -> NoReturn:
    """Raise what a missing answer to an order proves: nothing, unless nothing was sent."""
    if isinstance(error, Fatal) or error.details.get("sent") is False:
        raise error
    raise Unknown("order-uncertain", f"no answer to an order: {error.message}", cause=error.code) from error


def _steps(found: Fills) -> set[tuple[str, str, str]]:
    return {(fill.trade_id, fill.order_id, fill.settlement) for fill in found.fills}
