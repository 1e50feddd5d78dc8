"""What is said to the signer process and what it answers: three kinds of requests in frames of a stated length."""

import asyncio
from typing import Final

import msgspec

from edgeworth.core.errors import AccessError, EdgeworthError
from edgeworth.venues.polymarket.typed_data import Exchange, OrderData

LARGEST: Final = 4_096  # bytes of a frame


class SignOrder(msgspec.Struct, frozen=True, tag="order", tag_field="ask", forbid_unknown_fields=True):
    """Sign an order."""

    order: OrderData
    exchange: Exchange


class SignLogin(msgspec.Struct, frozen=True, tag="login", tag_field="ask", forbid_unknown_fields=True):
    """Sign a login; `timestamp` in seconds."""

    timestamp: int
    nonce: int


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="ask", forbid_unknown_fields=True):
    """Tell whose key this is."""


Request = SignOrder | SignLogin | Hello


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signature or an address, or why there is none."""

    signature: str = ""
    address: str = ""
    code: str = ""
    why: str = ""


_REQUEST: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_ANSWER: Final = msgspec.json.Decoder(Answer)


def read_request(frame: bytes) -> Request:
    """Return a request; raises AccessError signer-refused for anything else, without quoting it."""
    try:
        return _REQUEST.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        bad = True
    if bad:  # raised out here, so that no part of the frame hangs on to the error
        raise AccessError("signer-refused", "there is no such request")
    raise AssertionError("unreachable")


def read_answer(frame: bytes) -> Answer:
    """Return an answer; raises AccessError signer-gone when it is none."""
    try:
        return _ANSWER.decode(frame)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise AccessError("signer-gone", "the signer process answers with something else") from error


def failure(error: EdgeworthError) -> Answer:
    """Return a refusal as an answer."""
    return Answer(code=error.code, why=error.message)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next frame, b"" at the end; raises AccessError signer-refused for one that is too long."""
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if not 0 < size <= LARGEST:
            raise AccessError("signer-refused", "a request is shorter than that")
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def frame(value: object) -> bytes:
    """Return a value as a frame."""
    body = msgspec.json.encode(value)
    return len(body).to_bytes(4, "big") + body
