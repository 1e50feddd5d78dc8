"""An order as the bytes of a request, exactly as the venue's client writes them; they are made once and kept."""

import msgspec

from edgeworth.core.orders import TimeInForce
from edgeworth.venues.polymarket.typed_data import OrderData


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the signed fields: who posts (`owner`, an API key), how long it lives, `expiry` in seconds."""

    owner: str
    time_in_force: TimeInForce
    expiry: int = 0
    post_only: bool = False


def order_body(order: OrderData, signature: str, terms: Terms) -> bytes:
    """Return the body of `POST /order`: compact JSON, whose every byte the request's own signature covers."""
    row: dict[str, object] = {
        "deferExec": False,
        "order": {
            "builder": order.builder,
            "expiration": str(terms.expiry),
            "maker": order.maker,
            "makerAmount": str(order.maker_e6),
            "metadata": order.metadata,
            "salt": order.salt,
            "side": "BUY" if order.is_buy else "SELL",
            "signature": signature,
            "signatureType": order.signature_type,
            "signer": order.signer,
            "takerAmount": str(order.taker_e6),
            "timestamp": str(order.timestamp),
            "tokenId": str(order.token),
        },
        "orderType": terms.time_in_force.value,
        "owner": terms.owner,
    }
    if terms.post_only:
        row["postOnly"] = True
    return msgspec.json.encode(row)
