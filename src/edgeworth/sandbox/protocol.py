"""What goes in and out of the simulated venue, whatever carries it: a function call, a socket, a test."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from edgeworth.core.units import Micros

Query = tuple[tuple[str, str], ...]
Headers = tuple[tuple[str, str], ...]

SERVICES = ("gamma", "clob", "data", "binance", "bulk", "news", "site", "relayer", "control")
CHANNELS = ("market", "user", "binance")

_encoder = msgspec.json.Encoder()


class Request(msgspec.Struct, frozen=True):
    """One HTTP request: `service` as in SERVICES, `path` without the service's prefix, header names in lower case."""

    service: str
    method: str
    path: str
    query: Query = ()
    headers: dict[str, str] = {}
    body: bytes = b""

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def every(self, *names: str) -> list[str]:
        """Return all values of a query parameter under any of its names, in order."""
        return [value for key, value in self.query if key in names]

    def has(self, name: str) -> bool:
        """Tell whether a query parameter was sent."""
        return any(key == name for key, _ in self.query)


class Response(msgspec.Struct, frozen=True):
    """One HTTP response; it is sent `delay_s` virtual seconds later, or never when `dropped`."""

    status: int
    headers: Headers
    body: bytes
    delay_s: float = 0.0
    dropped: bool = False

    def header(self, name: str) -> str:
        """Return a header's value by its lower-case name, empty when absent."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Session(Protocol):
    """One WebSocket connection at the venue: it never waits, it is asked.

    `notify` is called when frames have come about that nobody waited for, because of somebody's request.
    """

    closed: tuple[int, str] | None
    notify: Callable[[], None] | None

    def receive(self, text: str) -> None:
        """Take a frame from the client."""

    def outgoing(self) -> list[str]:
        """Return and forget the frames that are due by now."""

    def next_due(self) -> Micros | None:
        """Return when something may be sent next, None when nothing is planned."""

    def leave(self) -> None:
        """Forget the connection: the client has gone."""


class PublicPrint(msgspec.Struct, frozen=True):
    """One public trade: `leg` 0 or 1 of the market is what was bought or sold, `side` the taker's word BUY or SELL."""

    market: int
    leg: int
    side: str
    price_e4: int
    shares_e6: int
    at: Micros
    wallet: str
    transaction: str
    taker: bool = True


JSON: Headers = (("content-type", "application/json; charset=utf-8"),)


def json_response(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """Answer with JSON; dictionaries keep their order, so equal values give equal bytes."""
    return Response(status, (*JSON, *headers), _encoder.encode(value))


def raw_json(body: bytes, status: int = 200, headers: Headers = ()) -> Response:
    """Answer with JSON that is already encoded."""
    return Response(status, (*JSON, *headers), body)


def text_response(text: str, status: int = 200, kind: str = "text/plain; charset=utf-8") -> Response:
    """Answer with text."""
    return Response(status, (("content-type", kind),), text.encode())


def split_path(path: str) -> tuple[str, str]:
    """Split `/gamma/markets/1` into service and path; an unknown service gives an empty one."""
    head, _, rest = path.lstrip("/").partition("/")
    return (head, "/" + rest) if head in SERVICES else ("", path)


def csv_values(values: Sequence[str]) -> list[str]:
    """Flatten repeated and comma-separated values."""
    return [part for value in values for part in value.split(",") if part]
