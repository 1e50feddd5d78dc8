"""The user channel's frames as typed messages: own orders and own trades; bytes in, nothing raised.

Numbers may be "" (a killed order states no matched size), words of status may be any text, times come in seconds,
milliseconds or as ISO text: whatever identifies the order or trade is needed, everything else may be missing.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from edgeworth.core.records import Rejected
from edgeworth.venues import convert
from edgeworth.venues.polymarket.ws_wire import UnknownEvent, as_texts, instant, price_e4, size_e6

SOURCE: Final = "polymarket-user-stream"
_SHOWN: Final = 2_000
_LOOSE: Final = msgspec.json.Decoder(float_hook=Decimal)


class UserOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an own order; prices and sizes in its token's terms, None where not stated.

    `event` is PLACEMENT, UPDATE or CANCELLATION; `status` is the venue's word, which may be any text.
    """

    order_id: str
    event: str
    status: str
    market: str
    token: str
    is_buy: bool
    price_e4: int | None
    size_e6: int | None
    matched_e6: int | None
    order_type: str
    trade_ids: tuple[str, ...]
    event_time: int
    created_at: int | None = None
    expires_at: int | None = None


class MakerPart(msgspec.Struct, frozen=True, kw_only=True):
    """One resting order's share in a trade; `is_buy` None where the venue does not say."""

    order_id: str
    owner: str
    token: str
    price_e4: int
    size_e6: int
    is_buy: bool | None
    address: str = ""  # of the wallet, lower case


class UserTrade(msgspec.Struct, frozen=True, kw_only=True):
    """An own trade at one step of its life: MATCHED, MINED, CONFIRMED, RETRYING or FAILED, or another word."""

    trade_id: str
    status: str
    market: str
    token: str
    is_buy: bool
    price_e4: int
    size_e6: int
    taker_order_id: str
    is_taker: bool | None
    makers: tuple[MakerPart, ...]
    transaction: str
    event_time: int
    matched_at: int | None = None


UserMessage = UserOrder | UserTrade | UnknownEvent | Rejected


def decode_user(frame: bytes | str, known_at: int) -> list[UserMessage]:
    """Return the messages of one frame, in its order; keep-alive text gives none."""
    if frame in {b"PONG", "PONG"}:
        return []
    try:
        value = _LOOSE.decode(frame)
        items = value if isinstance(value, list) else [value]
        return [_message(as_texts(item), known_at) for item in items]
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError):
        text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
        return [Rejected(source=SOURCE, kind="frame", reason="not-json", raw=text[:_SHOWN])]


def read_order(item: Any, known_at: int) -> UserOrder | Rejected:
    """Return an own order from a decoded row of a REST listing, which has the same fields."""
    found = _order(as_texts(item), known_at) if isinstance(item, dict) else _rejected("bad-shape", item, "order")
    return found if isinstance(found, UserOrder | Rejected) else _rejected("bad-shape", item, "order")


def read_trade(item: Any, known_at: int) -> UserTrade | Rejected:
    """Return an own trade from a decoded row of a REST listing; its status loses the listing's prefix."""
    found = _trade(as_texts(item), known_at) if isinstance(item, dict) else _rejected("bad-shape", item, "trade")
    if isinstance(found, UserTrade):
        return msgspec.structs.replace(found, status=found.status.removeprefix("TRADE_STATUS_"))
    return found if isinstance(found, Rejected) else _rejected("bad-shape", item, "trade")


def _message(item: Any, known_at: int) -> UserMessage:
    if not isinstance(item, dict):
        return _rejected("bad-shape", item, "frame")
    kind = item.get("event_type") or _kind(item)
    if kind == "order":
        return _order(item, known_at)
    if kind == "trade":
        return _trade(item, known_at)
    return UnknownEvent(kind if isinstance(kind, str) else "", convert.json_text(item)[:_SHOWN])


def _kind(item: dict[str, Any]) -> str:
    """Tell what a payload without a type is."""
    if "taker_order_id" in item:
        return "trade"
    return "order" if "original_size" in item else ""


def _order(item: dict[str, Any], known_at: int) -> UserMessage:
    order_id, token, side = (convert.text(item.get(name)) for name in ("id", "asset_id", "side"))
    if not order_id or side.upper() not in {"BUY", "SELL"}:
        return _rejected("bad-order", item, "order")
    listed = item.get("associate_trades")
    return UserOrder(
        order_id=order_id,
        event=convert.text(item.get("type")).upper(),
        status=convert.text(item.get("status")),
        market=convert.text(item.get("market")),
        token=token,
        is_buy=side.upper() == "BUY",
        price_e4=_price(item.get("price")),
        size_e6=_size(item.get("original_size")),
        matched_e6=_size(item.get("size_matched")),
        order_type=convert.text(item.get("order_type")),
        trade_ids=tuple(convert.text(one) for one in listed) if isinstance(listed, list) else (),
        event_time=_at(item.get("timestamp")) or known_at,
        created_at=_at(item.get("created_at")),
        expires_at=_at(item.get("expiration")),
    )


def _trade(item: dict[str, Any], known_at: int) -> UserMessage:
    trade_id, side = convert.text(item.get("id")), convert.text(item.get("side")).upper()
    # a trade with several makers may state their average price, which no grid holds: it is rounded, never set aside
    price, size = convert.price_e4(convert.text(item.get("price"))), _size(item.get("size"))
    if not trade_id or side not in {"BUY", "SELL"} or price is None or size is None:
        return _rejected("bad-trade", item, "trade")
    listed = item.get("maker_orders")
    makers = [_maker(part) for part in listed] if isinstance(listed, list) else []
    if None in makers:
        return _rejected("bad-maker-order", item, "trade")
    role = convert.text(item.get("trader_side")).upper()
    return UserTrade(
        trade_id=trade_id,
        status=convert.text(item.get("status")).upper(),
        market=convert.text(item.get("market")),
        token=convert.text(item.get("asset_id")),
        is_buy=side == "BUY",
        price_e4=price,
        size_e6=size,
        taker_order_id=convert.text(item.get("taker_order_id")),
        is_taker=role == "TAKER" if role in {"TAKER", "MAKER"} else None,
        makers=tuple(part for part in makers if part is not None),
        transaction=convert.text(item.get("transaction_hash")),
        event_time=_at(item.get("timestamp")) or _at(item.get("last_update")) or known_at,
        matched_at=_at(item.get("match_time")) or _at(item.get("matchtime")),
    )


def _maker(part: Any) -> MakerPart | None:
    if not isinstance(part, dict):
        return None
    order_id, price, size = (
        convert.text(part.get("order_id")),
        _price(part.get("price")),
        _size(part.get("matched_amount")),
    )
    if not order_id or price is None or size is None:
        return None
    side = convert.text(part.get("side")).upper()
    return MakerPart(
        order_id=order_id,
        owner=convert.text(part.get("owner")),
        token=convert.text(part.get("asset_id")),
        price_e4=price,
        size_e6=size,
        is_buy=side == "BUY" if side in {"BUY", "SELL"} else None,
        address=convert.text(part.get("maker_address")).lower(),
    )


def _price(value: object) -> int | None:
    return price_e4(convert.text(value))


def _size(value: object) -> int | None:
    return size_e6(convert.text(value))


def _at(value: object) -> int | None:
    return instant(convert.text(value)) or None


def _rejected(reason: str, item: object, kind: str) -> Rejected:
    return Rejected(source=SOURCE, kind=kind, reason=reason, raw=convert.json_text(item)[:_SHOWN])
