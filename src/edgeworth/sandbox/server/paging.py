"""Opaque cursors bound to the filters they were made for, and the validation errors of the metadata service."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from edgeworth.sandbox.server.protocol import Query, Response, json_response


class InvalidError(Exception):
    """A query the service refuses; the message is what it says."""

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


def filter_mark(query: Query, skip: Iterable[str]) -> str:
    """Return a short digest of the filters, so that a cursor cannot be used with other ones."""
    rows = sorted(row for row in query if row[0] not in set(skip))
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()[:12]


def make_cursor(mark: str, *place: Any) -> str:
    """Return an opaque cursor for a place in the listing `mark` stands for."""
    return base64.urlsafe_b64encode(msgspec.json.encode([mark, *place])).decode().rstrip("=")


def read_cursor(text: str, mark: str, parameter: str) -> list[Any]:
    """Return the place a cursor names; raises InvalidError for one that is not ours or belongs to other filters."""
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidError(f"{parameter} is not valid", parameter) from error
    if not isinstance(values, list) or not values or values[0] != mark:
        raise InvalidError(f"{parameter} is not valid", parameter)
    return values[1:]


def whole(text: str, parameter: str, default: int) -> int:
    """Return a whole number that is not negative, or the default for an empty text."""
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InvalidError(f"{parameter} is not valid", parameter)
    return int(text)


def number(text: str, parameter: str) -> float:
    """Return a finite number."""
    try:
        value = float(text)
    except ValueError as error:
        raise InvalidError(f"{parameter} is not valid", parameter) from error
    if not abs(value) <= 1e18:  # also refuses NaN
        raise InvalidError(f"{parameter} is not valid", parameter)
    return value


def flag(text: str, parameter: str) -> bool | None:
    """Return true, false, or None for an empty text."""
    if text.lower() in {"true", "1"}:
        return True
    if text.lower() in {"false", "0"}:
        return False
    if not text:
        return None
    raise InvalidError(f"{parameter} is not valid", parameter)


def gamma_invalid(error: InvalidError) -> Response:
    """Answer 422 as the metadata service does."""
    return json_response({"type": "validation error", "error": str(error)}, 422)


def gamma_missing() -> Response:
    """Answer 404 as the metadata service does."""
    return json_response({"type": "not found error", "error": "id not found"}, 404)
