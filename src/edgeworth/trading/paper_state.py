"""What a paper account remembers: orders, trades and money in integers, as bytes that a store keeps whole."""

from typing import Final, Protocol

import msgspec

from edgeworth.core.errors import DataError
from edgeworth.core.orders import FillReport, OrderReport, Settlement, TimeInForce
from edgeworth.core.units import DAY, ONE_PRICE, Micros, PriceE4, SharesE6, UsdE6, divide

FORGOTTEN: Final = DAY  # after which an order that is over leaves the memory; older bytes are refused
_VERSION: Final = 1
_MOST_TRADES: Final = 50_000


class PaperStore(Protocol):
    """Keep one blob: `save` replaces it whole and has returned only when it is durable."""

    def load(self) -> bytes | None:
        """Return what was saved last, None at the first start."""

    def save(self, data: bytes) -> None:
        """Replace it, all or nothing."""


class MemoryStore:
    """A store that lasts as long as its object: for tests and throw-away sessions."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.saves = 0

    def load(self) -> bytes | None:
        """Return what was saved last."""
        return self.data

    def save(self, data: bytes) -> None:
        """Keep it."""
        self.data, self.saves = data, self.saves + 1


class PaperOrder(msgspec.Struct, kw_only=True):
    """One order: arriving, live, matched, unmatched, cancelled, expired or rejected.

    `left_e6` are shares to trade, or dollars to spend where `budget` says so (as an order does that buys and may not
    rest). `ahead_e6` are the shares that stood before it at its price, None while nobody knows. `code` and `why` say
    what it was rejected for.
    """

    order_id: str
    token: str
    is_buy: bool
    price_e4: int
    size_e6: int
    left_e6: int
    kind: TimeInForce
    created_at: int
    arrives_at: int
    fee_rate_e6: int
    fee_exponent: int
    budget: bool = False
    post_only: bool = False
    drops_at: int | None = None
    status: str = "arriving"
    matched_e6: int = 0
    ahead_e6: int | None = None
    trade_ids: list[str] = []
    ended_at: int = 0
    code: str = ""
    why: str = ""

    @property
    def reserve_e6(self) -> int:
        """Dollars (buy) or shares (sell) that it still needs; nothing once it is over."""
        if self.status not in {"arriving", "live"}:
            return 0
        if not self.is_buy or self.budget:
            return self.left_e6
        return divide(self.left_e6 * self.price_e4, ONE_PRICE, "up")

    def report(self, now: int) -> OrderReport:
        """Return what a venue would say about it; while it is on its way it counts as delayed."""
        return OrderReport(
            order_id=self.order_id,
            status="delayed" if self.status == "arriving" else self.status,
            token=self.token,
            is_buy=self.is_buy,
            price_e4=PriceE4(self.price_e4),
            size_e6=SharesE6(self.size_e6),
            matched_e6=SharesE6(self.matched_e6),
            event_time=Micros(now),
            known_at=Micros(now),
            trade_ids=tuple(self.trade_ids),
        )


class PaperTrade(msgspec.Struct, kw_only=True):
    """One fill and how far it has settled; `cash_e6` before the fee. Money and shares move when it is mined."""

    trade_id: str
    order_id: str
    token: str
    is_buy: bool
    price_e4: int
    shares_e6: int
    cash_e6: int
    fee_e6: int
    at: int
    is_maker: bool
    settlement: Settlement = Settlement.MATCHED

    def report(self, now: int) -> FillReport:
        """Return what a venue would say about it."""
        mined = self.settlement is not Settlement.MATCHED
        return FillReport(
            trade_id=self.trade_id,
            order_id=self.order_id,
            token=self.token,
            is_buy=self.is_buy,
            price_e4=PriceE4(self.price_e4),
            shares_e6=SharesE6(self.shares_e6),
            fee_e6=UsdE6(self.fee_e6),
            settlement=self.settlement,
            event_time=Micros(self.at),
            known_at=Micros(now),
            is_maker=self.is_maker,
            transaction=f"paper-{self.trade_id}" if mined else "",
        )


class PaperState(msgspec.Struct, kw_only=True):
    """The whole account. `taken` are shares of displayed levels (token, side, price) that paper orders have used up."""

    cash_e6: int
    version: int = _VERSION
    holdings: dict[str, int] = {}
    orders: dict[str, PaperOrder] = {}
    trades: dict[str, PaperTrade] = {}
    going: list[str] = []  # trades that are not final yet
    resolved: dict[str, int] = {}  # token -> payout of a share, 1e-4 dollars
    taken: dict[str, dict[int, int]] = {}  # "token/asks" or "token/bids" -> price -> shares
    trades_made: int = 0
    trades_from: int = 0
    beat_at: int | None = None
    at: int = 0

    def free_cash(self) -> int:
        """Return the dollars that back nothing yet: neither an order nor a trade that is not mined."""
        orders = sum(order.reserve_e6 for order in self.orders.values() if order.is_buy)
        return self.cash_e6 - orders - sum(t.cash_e6 + t.fee_e6 for t in self._unsettled() if t.is_buy)

    def free_shares(self, token: str) -> int:
        """Return the shares of a token that back nothing yet."""
        orders = sum(o.reserve_e6 for o in self.orders.values() if not o.is_buy and o.token == token)
        going = sum(t.shares_e6 for t in self._unsettled() if not t.is_buy and t.token == token)
        return self.holdings.get(token, 0) - orders - going

    def add(self, trade: PaperTrade) -> None:
        """Write a trade down; its money is set aside from now on."""
        self.trades[trade.trade_id] = trade
        self.going.append(trade.trade_id)

    def settle(self, trade: PaperTrade) -> None:
        """Move the money and the shares of a trade; shares of a token that has paid out become dollars at once."""
        sign = 1 if trade.is_buy else -1
        self.cash_e6 -= sign * trade.cash_e6 + trade.fee_e6
        self.holdings[trade.token] = self.holdings.get(trade.token, 0) + sign * trade.shares_e6
        trade.settlement = Settlement.MINED
        if trade.token in self.resolved:
            self.pay_out(trade.token)

    def pay_out(self, token: str) -> None:
        """Turn the shares of a resolved token into dollars, rounded down."""
        self.cash_e6 += self.holdings.pop(token, 0) * self.resolved[token] // ONE_PRICE

    def forget(self, now: int) -> None:
        """Drop orders that ended long ago, and the oldest trades beyond a large number."""
        over = [name for name, order in self.orders.items() if order.ended_at and order.ended_at < now - FORGOTTEN]
        for name in over:
            del self.orders[name]
        while len(self.trades) - len(self.going) > _MOST_TRADES:
            oldest = self.trades.pop(next(name for name in self.trades if name not in self.going))
            self.trades_from = max(self.trades_from, oldest.at + 1)

    def _unsettled(self) -> list[PaperTrade]:
        return [trade for trade in map(self.trades.__getitem__, self.going) if trade.settlement is Settlement.MATCHED]


def write_state(state: PaperState) -> bytes:
    """Return the account as bytes."""
    return msgspec.json.encode(state)


def read_state(data: bytes) -> PaperState:
    """Return the account in saved bytes; raises DataError store-corrupt or store-newer."""
    try:
        state = msgspec.json.decode(data, type=PaperState)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DataError("store-corrupt", "the saved paper account cannot be read") from error
    if state.version > _VERSION:
        raise DataError("store-newer", "the paper account was saved by a newer edgeworth")
    return state
