"""Orders as every venue adapter and the order manager speak of them: intents, prepared bytes, reports and the port.

An order's id is known before it is sent: `prepare` is pure, signs, and names the order by the hash the venue will use.
What is sent is exactly `PreparedOrder.body`, the first time and at every repetition. A venue's answer is either
evidence (`OrderReport`, `FillReport`, `AccountSnapshot`) or one of the typed errors of `core.errors`: `Retryable`
(certainly not accepted, try the same bytes later), `Rejected` (certainly refused), `Unknown` (may have been accepted),
`Fatal` (stop). Prices are 1e-4 dollars of the order's own token, quantities 1e-6 shares, money 1e-6 dollars.
"""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6


class OrderState(StrEnum):
    """Where an order is in its life; the legal steps stand in `trading.states`.

    `SIGNED` was never sent, `SENDING` may have been; `UNKNOWN` ends on evidence only. An order shows its least settled
    fill: `MATCHED`, `MINED`, then `CONFIRMED` or `FAILED` (voided).
    """

    NEW = "new"
    SIGNED = "signed"
    SENDING = "sending"
    ACKED = "acked"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    LIVE = "live"
    PARTIAL = "partial"
    MATCHED = "matched"
    MINED = "mined"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Settlement(StrEnum):
    """Where one fill is on its way to the chain; `RETRYING` keeps its exposure, `FAILED` voids the fill."""

    MATCHED = "matched"
    MINED = "mined"
    RETRYING = "retrying"
    CONFIRMED = "confirmed"
    FAILED = "failed"


class TimeInForce(StrEnum):
    """How long an order may rest: until its expiry (the default), until cancelled, or not at all."""

    GTD = "GTD"
    GTC = "GTC"
    FAK = "FAK"
    FOK = "FOK"


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """What an order needs to know about one token of a market; fees are the taker's rate x (p (1 - p)) ** exponent."""

    market_no: int
    condition: str
    token: str
    is_yes: bool
    tick_e4: int
    min_size_e6: int
    neg_risk: bool = False
    fee_rate_e6: int = 0
    fee_exponent_e6: int = 1_000_000


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted, before any venue knows: one limit order on one token.

    `intent_id` is unique for ever; `price_e4` is the limit, `shares_e6` the size; `expires_at` is set for GTD.
    """

    intent_id: str
    instrument: Instrument
    is_buy: bool
    price_e4: PriceE4
    shares_e6: SharesE6
    time_in_force: TimeInForce
    created_at: Micros
    expires_at: Micros | None = None
    post_only: bool = False
    strategy: str = ""


class PreparedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A signed order that has not been sent: its id, the exact bytes, and the amounts that stand in them.

    A buy gives `maker_e6` dollars for `taker_e6` shares, a sell `maker_e6` shares for `taker_e6` dollars.
    """

    order_id: str
    intent_id: str
    body: bytes
    maker_e6: int
    taker_e6: int
    salt: int
    expires_at: Micros | None = None


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says about one order at one instant.

    `status`: live, matched, delayed, cancelled, expired, unmatched (killed at once) or rejected; `matched_e6` shares.
    """

    order_id: str
    status: str
    token: str
    is_buy: bool
    price_e4: PriceE4 | None
    size_e6: SharesE6 | None
    matched_e6: SharesE6
    event_time: Micros
    known_at: Micros
    trade_ids: tuple[str, ...] = ()


class FillReport(msgspec.Struct, frozen=True, kw_only=True):
    """One order's part in one trade, at one step of its settlement; (`trade_id`, `order_id`) identifies the fill."""

    trade_id: str
    order_id: str
    token: str
    is_buy: bool
    price_e4: PriceE4
    shares_e6: SharesE6
    fee_e6: UsdE6
    settlement: Settlement
    event_time: Micros
    known_at: Micros
    is_maker: bool = False
    transaction: str = ""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of one token in the account; `redeemable` once its market has paid out."""

    token: str
    shares_e6: SharesE6
    redeemable: bool = False


class AccountSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A complete account at one instant: whatever is not listed does not exist.

    `fills` holds every fill since the `since` that was asked for; `complete` is False when any page was missing.
    """

    taken_at: Micros
    cash_e6: UsdE6
    holdings: tuple[Holding, ...]
    orders: tuple[OrderReport, ...]
    fills: tuple[FillReport, ...]
    complete: bool = True


class ContinuityLost(msgspec.Struct, frozen=True):
    """The feed of own orders may have missed something since `since`: ask for a snapshot."""

    at: Micros
    since: Micros


AccountEvent = OrderReport | FillReport | ContinuityLost


class OrderVenue(Protocol):
    """Somewhere orders can be sent: paper, the sandbox through its wire, or the live venue. One contract suite for all.

    Every call may raise the typed venue errors. `name` is paper, sandbox or polymarket.
    """

    name: str

    async def prepare(self, intent: Intent, salt: int) -> PreparedOrder:
        """Build and sign; the same intent and salt give the same bytes. Raises Rejected order-* if illegal."""

    async def submit(self, order: PreparedOrder) -> OrderReport:
        """Send the bytes; a venue that already has the order answers with its report, as if it were the first time."""

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Ask to cancel; returns the refusals by order id ("" where cancelled). An id that is gone is no error."""

    async def cancel_all(self) -> dict[str, str]:
        """Ask to cancel everything that is open."""

    async def order(self, order_id: str) -> OrderReport | None:
        """Look for one order; None says only that it is not active now."""

    async def order_fills(self, order_id: str) -> list[FillReport]:
        """Look for the fills of one order, whatever their settlement."""

    async def account(self, since: Micros) -> AccountSnapshot:
        """Take a complete snapshot, with fills since an instant."""

    async def heartbeat(self) -> None:
        """Tell the venue that we live; without it, it cancels everything."""

    async def books(self, tokens: Sequence[str]) -> list[BookSnapshot]:
        """Read the books to trade on."""

    async def server_time(self) -> Micros:
        """Return the venue's clock."""

    def events(self) -> AsyncIterator[AccountEvent]:
        """Follow own orders and fills as they happen; begins and resumes with `ContinuityLost`."""
