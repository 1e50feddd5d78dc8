"""An order as it arrives: the body of a request, and what its fields say."""

import re
from typing import Any, Final, Literal, NamedTuple

import msgspec

from edgeworth.sandbox.exchange.eip712 import OrderFields
from edgeworth.sandbox.exchange.state import Kind

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_BYTES32: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_BIGGEST: Final = 1 << 256


class Refused(Exception):
    """The venue says no: HTTP status, text, and a code where the venue sends one."""

    def __init__(self, text: str, status: int = 400, code: str = "", retry_after: int | None = None) -> None:
        super().__init__(text)
        self.text, self.status, self.code, self.retry_after = text, status, code, retry_after

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the refusal."""
        body: dict[str, Any] = {"error": self.text}
        if self.code:
            body["code"] = self.code
        if self.retry_after is not None:
            body["retry_after_seconds"] = self.retry_after
        return body


class _Order(msgspec.Struct, frozen=True, rename="camel"):
    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: Literal["BUY", "SELL"]
    signature_type: Literal[0, 1, 2, 3]
    signature: str
    timestamp: str
    expiration: str = "0"
    metadata: str = "0x" + "0" * 64
    builder: str = "0x" + "0" * 64


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    order: _Order
    owner: str
    order_type: Literal["GTC", "GTD", "FOK", "FAK"] = "GTC"
    post_only: bool = False
    defer_exec: bool = False


class Ticket(NamedTuple):
    """One order to be placed: signed fields, signature, and what stands beside them."""

    fields: OrderFields
    signature: str
    owner: str
    kind: Kind
    post_only: bool
    expiration_s: int

    @property
    def buy(self) -> bool:
        """Whether it buys its token."""
        return self.fields.side == 0

    @property
    def wallet(self) -> str:
        """The address that pays, lower case."""
        return self.fields.maker.lower()


def read_ticket(value: object) -> Ticket:
    """Return the order in a decoded JSON value; raises Refused `Invalid order payload`."""
    try:
        body = msgspec.convert(value, _Body, strict=True)
        return _ticket(body)
    except (msgspec.ValidationError, ValueError) as error:
        raise Refused("Invalid order payload") from error


def _ticket(body: _Body) -> Ticket:
    order = body.order
    for text, form in (
        (order.maker, _ADDRESS),
        (order.signer, _ADDRESS),
        (order.metadata, _BYTES32),
        (order.builder, _BYTES32),
    ):
        if not form.fullmatch(text):
            raise ValueError("not an address or a 32-byte word")
    kind = Kind(body.order_type)
    if body.post_only and not kind.rests:
        raise ValueError("only a resting order can be post-only")
    fields = OrderFields(
        salt=order.salt,
        maker=order.maker,
        signer=order.signer,
        token_id=_uint(order.token_id),
        maker_amount=_uint(order.maker_amount),
        taker_amount=_uint(order.taker_amount),
        side=0 if order.side == "BUY" else 1,
        signature_type=order.signature_type,
        timestamp=_uint(order.timestamp),
        metadata=order.metadata,
        builder=order.builder,
    )
    if not 0 <= fields.salt < _BIGGEST or not fields.maker_amount or not fields.taker_amount:
        raise ValueError("a number is out of range")
    return Ticket(fields, order.signature, body.owner, kind, body.post_only, _uint(order.expiration))


def _uint(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 78) or int(text) >= _BIGGEST:
        raise ValueError("not an unsigned integer")
    return int(text)
