"""Decode a whole answer without floats: decimals stay exact, and a number that no double holds spoils its row only."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from edgeworth.core.errors import Rejected
from edgeworth.venues.http.wire import Payload

_ANY: Final = msgspec.json.Decoder(float_hook=Decimal)


def decoded(payload: Payload) -> Any:
    """Return an answer's value, decimals as Decimal; raises Rejected `venue-drift` when it cannot be decoded."""
    found = value(payload.body)
    if found is UNREADABLE:
        raise Rejected("venue-drift", f"{payload.url}: unreadable")
    return found


class _Unreadable:
    """Stands for bytes that are no JSON value."""


UNREADABLE: Final = _Unreadable()


def value(data: bytes | msgspec.Raw) -> Any:
    """Return the value of JSON bytes, decimals as Decimal; UNREADABLE when they are none."""
    try:
        return _ANY.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError):
        return UNREADABLE
