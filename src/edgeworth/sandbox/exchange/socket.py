"""What both sockets of the venue share: PING and PONG, a queue of frames, and the accidents of streams."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from edgeworth.core.units import SECOND, Micros
from edgeworth.sandbox.exchange.ports import FaultsPort

_encoder = msgspec.json.Encoder()
_ABNORMAL: Final = (1006, "")
_BLANKED: Final = {
    "price_change": ("best_bid", "best_ask"),
    "best_bid_ask": ("best_bid", "best_ask", "spread"),
    "last_trade_price": ("fee_rate_bps", "size"),
    "book": ("last_trade_price",),
    "order": ("size_matched", "created_at"),
    "trade": ("fee_rate_bps",),
}


class Time(Protocol):
    """The venue's time: what is due by now happens, and what is planned is known."""

    def now(self) -> int:
        """Let everything due happen, and return the instant."""

    def next_at(self) -> int | None:
        """Return when something is planned to happen next."""


class Socket(ABC):
    """A connection that never waits; subclasses say what they subscribe to."""

    def __init__(self, time: Time, faults: FaultsPort) -> None:
        self.closed: tuple[int, str] | None = None
        self.notify: Callable[[], None] | None = None
        self._time, self._faults = time, faults
        self._queue: list[str] = []
        self._connected = time.now()
        self._sent = 0
        if faults.active("ws-refused") is not None:
            self.closed = _ABNORMAL

    # the session's own interface

    def receive(self, text: str) -> None:
        """Take a frame from the client; what is not understood is ignored, as the venue does."""
        if self.closed is not None:
            return
        if text == "PING":
            self._queue.append("PONG")
            return
        try:
            frame = json.loads(text)
        except json.JSONDecodeError:
            return
        if isinstance(frame, dict):
            self._time.now()
            self._take(frame)

    def outgoing(self) -> list[str]:
        """Return and forget the frames that are due by now."""
        now = self._time.now()
        self._refresh(now)
        if self.closed is None and self._closing(now):
            self._close(_ABNORMAL)
        frames, self._queue = self._queue, []
        return frames

    def next_due(self) -> Micros | None:
        """Return when something may be sent next."""
        if self.closed is not None or not self._listening():
            return None
        found = [at for at in (self._time.next_at(), self._closes_at(), self._opens_at()) if at is not None]
        return Micros(min(found)) if found else None

    def leave(self) -> None:
        """Forget the connection: the client has gone."""
        if self.closed is None:
            self._close((1000, ""))

    # for subclasses

    @abstractmethod
    def _take(self, frame: dict[str, Any]) -> None:
        """Take a frame that is a JSON object."""

    @abstractmethod
    def _listening(self) -> bool:
        """Tell whether anything is subscribed."""

    def _opens_at(self) -> int | None:
        """Return when something can be subscribed that could not be earlier."""
        return None

    def _refresh(self, now: int) -> None:  # noqa: B027  (a hook that not every socket needs)
        """Look for what could not be subscribed earlier."""

    def _gone(self) -> None:  # noqa: B027  (likewise)
        """Unsubscribe from everything: the connection has ended."""

    def _close(self, why: tuple[int, str]) -> None:
        self.closed = why
        self._gone()

    def _send(self, event: dict[str, Any]) -> None:
        """Queue an event, with whatever accident is on."""
        if self.closed is not None or self._faults.active("ws-silent") is not None:
            return
        if self._faults.active("ws-empty-numbers") is not None:
            event = _blanked(event)
        self._sent += 1
        if self._faults.active("ws-unknown-event") is not None and self._sent % 3 == 1:
            self._write({"event_type": "market_mood", "market": event.get("market", ""), "mood": "calm"})
        self._write(event)
        trade = event.get("event_type") in {"last_trade_price", "trade"}
        if trade and self._faults.active("ws-duplicate-trades") is not None:
            self._write(event)

    def _send_many(self, events: list[dict[str, Any]]) -> None:
        """Queue several events in one frame: the venue sends first snapshots as an array."""
        if events and self.closed is None and self._faults.active("ws-silent") is None:
            self._put(_text(events))

    def _write(self, event: dict[str, Any]) -> None:
        as_array = self._faults.active("ws-arrays") is not None and self._sent % 2 == 0
        self._put(_text([event] if as_array else event))

    def _put(self, text: str) -> None:
        self._queue.append(text)
        if self.notify is not None:
            self.notify()

    def _closes_at(self) -> int | None:
        fault = self._faults.active("ws-close")
        if fault is None:
            return None
        begin = max(int(self._faults.window("ws-close").begin), self._connected)
        return begin + int(fault.get("seconds", 30)) * SECOND

    def _closing(self, now: int) -> bool:
        at = self._closes_at()
        return at is not None and now >= at


def misses(name: str, number: int, share: float) -> bool:
    """Return whether one of several things belongs to a share that goes missing; the same every time."""
    digest = hashlib.sha256(f"{name}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def _text(value: Any) -> str:
    return _encoder.encode(value).decode()


def _blanked(event: dict[str, Any]) -> dict[str, Any]:
    names = _BLANKED.get(str(event.get("event_type")), ())
    changed = {name: "" if name in names else value for name, value in event.items()}
    if "price_changes" in changed:
        changed["price_changes"] = [
            {k: "" if k in names else v for k, v in row.items()} for row in event["price_changes"]
        ]
    return changed
