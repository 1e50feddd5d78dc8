"""Orders and trades as an account sees them: rows of the REST routes and events of the user channel."""

from typing import Any

from edgeworth.core.units import SECOND
from edgeworth.sandbox.exchange.members import shown_address
from edgeworth.sandbox.exchange.money import amount_text, price_text
from edgeworth.sandbox.exchange.ports import LivePort
from edgeworth.sandbox.exchange.state import BACKGROUND, MakerPart, Order, Trade

CROWD_OWNER = "00000000-0000-4000-8000-000000000000"
CROWD_ADDRESS = "0x00000000000000000000000000000000c0ffee00"


class Rows:
    """Shape orders and trades of a world's markets."""

    def __init__(self, live: LivePort) -> None:
        self._live = live

    def open_order(self, order: Order) -> dict[str, Any]:
        """Return an order as `/data/orders` lists it."""
        return {
            "id": order.id,
            "status": order.state.value,
            "market": self._condition(order.market),
            "asset_id": self._token(order.market, order.leg),
            "original_size": amount_text(order.size_e6),
            "size_matched": amount_text(order.matched_e6),
            "price": price_text(order.price_e4),
            "side": _word(order.buy),
            "outcome": self._outcome(order.market, order.leg),
            "owner": order.owner,
            "maker_address": shown_address(order.wallet),
            "order_type": order.kind.value,
            "expiration": expiration_text(order),
            "associate_trades": list(order.trades),
            "created_at": order.created_s,
        }

    def order_event(self, order: Order, word: str, at: int) -> dict[str, Any]:
        """Return a user-channel event; `word` is PLACEMENT, UPDATE, or CANCELLATION with a status after a colon."""
        kind, _, status = word.partition(":")
        killed = kind == "CANCELLATION" and not order.kind.rests
        return {
            "event_type": "order",
            "type": kind,
            "id": order.id,
            "owner": order.owner,
            "order_owner": order.owner,
            "market": self._condition(order.market),
            "asset_id": self._token(order.market, order.leg),
            "side": _word(order.buy),
            "original_size": amount_text(order.size_e6),
            "size_matched": "" if killed else amount_text(order.matched_e6),
            "price": price_text(order.price_e4),
            "associate_trades": list(order.trades) if order.trades or killed else None,
            "outcome": "" if killed else self._outcome(order.market, order.leg),
            "created_at": "" if killed else str(order.created_s),
            "expiration": expiration_text(order),
            "order_type": order.kind.value,
            "status": status or order.state.value,
            "maker_address": shown_address(order.wallet),
            "timestamp": str(at // 1000),
        }

    def trade(self, trade: Trade, wallets: list[str]) -> dict[str, Any]:
        """Return a trade as `/data/trades` lists it, for whoever owns these wallets."""
        row = self._trade(trade, wallets)
        return {**row, "status": f"TRADE_STATUS_{trade.state.value}"}

    def trade_event(self, trade: Trade, wallets: list[str]) -> dict[str, Any]:
        """Return a trade as the user channel sends it at each step."""
        row = self._trade(trade, wallets)
        head = {"event_type": "trade", "type": "TRADE", **row}
        return {**head, "trade_owner": row["owner"], "timestamp": str(trade.updated // 1000)}

    def _trade(self, trade: Trade, wallets: list[str]) -> dict[str, Any]:
        """Describe the taker's side on top, as the venue does, also when the viewer was a maker."""
        taker = trade.wallet in wallets
        own = next((part for part in trade.makers if part.wallet in wallets), None)
        owner = trade.owner if taker or own is None else own.owner
        wallet = trade.wallet if taker or own is None else own.wallet
        return {
            "id": trade.id,
            "taker_order_id": trade.taker_order,
            "market": self._condition(trade.market),
            "asset_id": self._token(trade.market, trade.leg),
            "side": _word(trade.buy),
            "size": amount_text(trade.shares_e6),
            "fee_rate_bps": "0",
            "price": price_text(trade.price_e4),
            "status": trade.state.value,
            "match_time": str(trade.at // SECOND),
            "last_update": str(trade.updated // SECOND),
            "outcome": self._outcome(trade.market, trade.leg),
            "bucket_index": trade.bucket,
            "owner": owner or CROWD_OWNER,
            "maker_address": _wallet(wallet),
            "transaction_hash": trade.transaction if trade.updated > trade.at else "",
            "trader_side": "TAKER" if taker else "MAKER",
            "maker_orders": [self._maker(trade.market, part) for part in trade.makers],
        }

    def _maker(self, market: int, part: MakerPart) -> dict[str, Any]:
        return {
            "order_id": part.order_id,
            "owner": part.owner or CROWD_OWNER,
            "maker_address": _wallet(part.wallet),
            "matched_amount": amount_text(part.shares_e6),
            "price": price_text(part.price_e4),
            "fee_rate_bps": "0",
            "asset_id": self._token(market, part.leg),
            "outcome": self._outcome(market, part.leg),
            "side": _word(part.buy),
        }

    def notice(self, order: Order) -> dict[str, Any]:
        """Return what a notification says about an order."""
        return {
            "asset_id": self._token(order.market, order.leg),
            "market": self._condition(order.market),
            "order_id": order.id,
            "side": _word(order.buy),
            "type": order.kind.value,
            "price": price_text(order.price_e4),
            "original_size": amount_text(order.size_e6),
            "matched_size": amount_text(order.matched_e6),
            "remaining_size": amount_text(order.left_e6),
            "outcome": self._outcome(order.market, order.leg),
            "outcome_index": order.leg,
            "owner": order.owner,
            "transaction_hash": "",
            "trade_id": order.trades[-1] if order.trades else "",
            "question": self._live.text(order.market).question,
        }

    def _condition(self, market: int) -> str:
        text: str = self._live.names.condition_id(market)
        return text

    def _token(self, market: int, leg: int) -> str:
        text: str = self._live.names.tokens(market)[leg]
        return text

    def _outcome(self, market: int, leg: int) -> str:
        return self._live.text(market).outcomes[leg]


def expiration_text(order: Order) -> str:
    """Return the stated expiration in epoch seconds, `0` when there is none; the venue drops the order earlier."""
    return "0" if order.expires is None else str(order.expires // SECOND + 60)


def _word(buy: bool) -> str:
    return "BUY" if buy else "SELL"


def _wallet(address: str) -> str:
    return CROWD_ADDRESS if address == BACKGROUND else shown_address(address)
