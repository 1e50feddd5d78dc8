"""What the exchange keeps: orders, the fills between them, and the trades that settle those fills."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from edgeworth.core.units import ONE_PRICE, SECOND

BACKGROUND: Final = ""  # the owner of quotes and trades of the simulated crowd: nobody's account


class Kind(StrEnum):
    """How long an order lives."""

    GTC = "GTC"
    GTD = "GTD"
    FOK = "FOK"
    FAK = "FAK"

    @property
    def rests(self) -> bool:
        """Whether what does not match at once stays in the book."""
        return self in {Kind.GTC, Kind.GTD}


class OrderState(StrEnum):
    """Where an order is in its life."""

    LIVE = "LIVE"
    MATCHED = "MATCHED"
    DELAYED = "DELAYED"
    UNMATCHED = "UNMATCHED"
    CANCELED = "CANCELED"


class TradeState(StrEnum):
    """Where the settlement of a trade is; CONFIRMED and FAILED are final."""

    MATCHED = "MATCHED"
    RETRYING = "RETRYING"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"


@dataclass(slots=True, eq=False)
class Order:
    """An order of a client, or a quote of the crowd (`wallet` empty).

    `account` is who signed (lower-case address), `wallet` whose money it is, `owner` the API key. `leg` 0 is the YES
    token; `price_e4` and `buy` are in terms of that token, `bid` and `yes_e4` in terms of YES.
    `size_e6` and `left_e6` are shares. A market order to buy has a `budget_e6` of dollars instead of a size of its own.
    """

    id: str
    wallet: str
    owner: str
    market: int
    leg: int
    buy: bool
    price_e4: int
    size_e6: int
    left_e6: int
    kind: Kind = Kind.GTC
    created: int = 0
    expires: int | None = None
    post_only: bool = False
    budget_e6: int | None = None
    account: str = ""
    state: OrderState = OrderState.LIVE
    reserved_e6: int = 0
    trades: list[str] = field(default_factory=list)

    @property
    def bid(self) -> bool:
        """Whether it buys YES or, which is the same, sells NO."""
        return self.buy == (self.leg == 0)

    @property
    def yes_e4(self) -> int:
        """Its price as a price of YES."""
        return self.price_e4 if self.leg == 0 else ONE_PRICE - self.price_e4

    @property
    def crowd(self) -> bool:
        """Whether it belongs to the simulated crowd."""
        return self.wallet == BACKGROUND

    @property
    def matched_e6(self) -> int:
        """Shares filled so far."""
        return self.size_e6 - self.left_e6

    @property
    def created_s(self) -> int:
        """When it was accepted, epoch seconds."""
        return self.created // SECOND


@dataclass(frozen=True, slots=True)
class Fill:
    """`shares_e6` of a resting order taken at its price; `yes_e4` is that price in terms of YES."""

    maker: Order
    yes_e4: int
    shares_e6: int


@dataclass(frozen=True, slots=True)
class MakerPart:
    """One resting order's share in a trade, as it was at the match; `price_e4` in terms of the maker's token."""

    order_id: str
    wallet: str
    owner: str
    leg: int
    buy: bool
    price_e4: int
    shares_e6: int
    cash_e6: int


@dataclass(slots=True, eq=False)
class Trade:
    """One match of a taker at one price level, and how far its settlement has come.

    `price_e4` is in terms of the taker's token. `history` holds (instant, state) of every step taken.
    """

    id: str
    transaction: str
    market: int
    taker_order: str
    wallet: str
    owner: str
    leg: int
    buy: bool
    price_e4: int
    shares_e6: int
    cash_e6: int
    fee_e6: int
    makers: tuple[MakerPart, ...]
    at: int
    bucket: int = 0
    state: TradeState = TradeState.MATCHED
    updated: int = 0
    history: list[tuple[int, TradeState]] = field(default_factory=list)
