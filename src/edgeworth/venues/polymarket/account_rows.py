"""Own orders and trades of the wire as reports: whose part in a trade is ours, what it cost, how far it has settled."""

from typing import Final, NamedTuple

from edgeworth.core.orders import FillReport, OrderReport, Settlement
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6
from edgeworth.venues.polymarket.user_wire import MakerPart, UserOrder, UserTrade

_WORDS: Final = {
    "LIVE": "live",
    "MATCHED": "matched",
    "DELAYED": "delayed",
    "UNMATCHED": "unmatched",
    "INVALID": "rejected",
    "CANCELED_EXPIRED_ORDER": "expired",
}
_KILLED: Final = ("fully filled or killed", "no orders found to match")
_SETTLED: Final = {
    "MINED": Settlement.MINED,
    "CONFIRMED": Settlement.CONFIRMED,
    "RETRYING": Settlement.RETRYING,
    "FAILED": Settlement.FAILED,
}


class Owner(NamedTuple):
    """Who we are in a trade: the wallet's address, lower case, and the API key."""

    wallet: str
    key: str

    def owns(self, part: MakerPart) -> bool:
        """Tell whether a maker's part is ours; keys change, so the wallet decides where it is stated."""
        return part.address == self.wallet if part.address else part.owner == self.key


def status_of(order: UserOrder) -> str:
    """Return the report's word for the venue's; a word nobody knows is cancelled where the event says so, else live."""
    word = order.status.strip()
    found = _WORDS.get(word.upper())
    if found is not None:
        return found
    lowered = word.lower()
    if any(text in lowered for text in _KILLED):
        return "unmatched"
    gone = lowered.startswith(("canceled", "cancelled")) or order.event == "CANCELLATION"
    return "cancelled" if gone else "live"


def order_report(order: UserOrder, known_at: int) -> OrderReport:
    """Return what an own order's row or event says."""
    return OrderReport(
        order_id=order.order_id.lower(),
        status=status_of(order),
        token=order.token,
        is_buy=order.is_buy,
        price_e4=None if order.price_e4 is None else PriceE4(order.price_e4),
        size_e6=None if order.size_e6 is None else SharesE6(order.size_e6),
        matched_e6=SharesE6(order.matched_e6 or 0),
        event_time=Micros(order.event_time),
        known_at=Micros(known_at),
        trade_ids=order.trade_ids,
    )


def fill_reports(trade: UserTrade, owner: Owner, known_at: int) -> list[FillReport]:
    """Return our parts of a trade, one per order, without fees; empty when none of it is ours."""
    ours = [part for part in trade.makers if owner.owns(part)]
    found: dict[str, FillReport] = {}
    if trade.is_taker or (trade.is_taker is None and not ours):
        found[trade.taker_order_id.lower()] = _fill(
            trade, known_at, trade.taker_order_id, trade.token, trade.is_buy, trade.price_e4, trade.size_e6
        )
    for part in ours:
        name = part.order_id.lower()
        token = part.token or trade.token
        # two orders of one token trade as buyer and seller, two of different tokens both buy or both sell
        is_buy = part.is_buy if part.is_buy is not None else trade.is_buy == (token != trade.token)
        size = part.size_e6 + (found[name].shares_e6 if name in found else 0)
        found[name] = _fill(trade, known_at, name, token, is_buy, part.price_e4, size, is_maker=True)
    return list(found.values())


def _fill(  # noqa: PLR0913, PLR0917  (the parts of a fill)
    trade: UserTrade,
    known_at: int,
    order_id: str,
    token: str,
    is_buy: bool,
    price_e4: int,
    size_e6: int,
    *,
    is_maker: bool = False,
) -> FillReport:
    return FillReport(
        trade_id=trade.trade_id,
        order_id=order_id.lower(),
        token=token,
        is_buy=is_buy,
        price_e4=PriceE4(price_e4),
        shares_e6=SharesE6(size_e6),
        fee_e6=UsdE6(0),
        settlement=_SETTLED.get(trade.status.upper(), Settlement.MATCHED),
        event_time=Micros(trade.matched_at or trade.event_time),
        known_at=Micros(known_at),
        is_maker=is_maker,
        transaction=trade.transaction,
    )
