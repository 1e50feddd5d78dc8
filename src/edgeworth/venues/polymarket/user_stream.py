"""Own orders and trades as they happen: one authenticated socket, each step applied once, resync after every opening.

The channel replays nothing, so whoever follows it is told after every (re)connection to ask REST for its open orders
and its trades since the last one seen. The venue repeats a trade for every step of its life and may repeat a step.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from edgeworth.core import random
from edgeworth.core.clock import Clock
from edgeworth.venues.polymarket.user_wire import UserMessage, UserOrder, UserTrade, decode_user
from edgeworth.venues.streams.hand_over import HandOver
from edgeworth.venues.streams.socket import Socket, Timing
from edgeworth.venues.streams.wire import Connect

_REMEMBERED: Final = 50_000  # steps of orders and trades
_QUEUE: Final = 10_000


class Credentials(msgspec.Struct, frozen=True):
    """The API key of an account; never printed."""

    key: str
    secret: str
    passphrase: str

    def __repr__(self) -> str:
        return "Credentials(…)"


class Resync(msgspec.Struct, frozen=True):
    """The connection was (re)opened at `at`: what happened since `seen_until` may have been missed."""

    at: int
    seen_until: int


class UserCounts(msgspec.Struct):
    """What came in."""

    messages: int = 0
    repeated: int = 0
    foreign: int = 0


class UserStream:
    """Follow an account until cancelled; `messages` holds orders, trades, notices and a `Resync` per connection.

    `markets` are condition ids; none means all markets.
    """

    def __init__(  # noqa: PLR0913  (every seam to the outside is named)
        self,
        url: str,
        connect: Connect,
        credentials: Credentials,
        clock: Clock,
        *,
        markets: Sequence[str] = (),
        timing: Timing | None = None,
        seed: int = 0,
    ) -> None:
        self.messages: HandOver[UserMessage | Resync] = HandOver(_QUEUE)
        self.counts = UserCounts()
        self._credentials, self._markets, self._clock = credentials, tuple(markets), clock
        self._steps: OrderedDict[tuple[object, ...], None] = OrderedDict()
        self._seen_until = 0
        self.socket = Socket(url, connect, self, clock, random.stream(seed, "user-stream"))
        self.socket.timing = timing or Timing()

    async def run(self) -> None:
        """Keep the socket going; ends only when cancelled."""
        await self.socket.run()

    def greeting(self) -> Sequence[str]:
        """Authenticate and subscribe."""
        secret = self._credentials
        auth = {"apiKey": secret.key, "secret": secret.secret, "passphrase": secret.passphrase}
        frame: dict[str, object] = {"type": "user", "auth": auth}
        if self._markets:
            frame["markets"] = list(self._markets)
        return [msgspec.json.encode(frame).decode()]

    def opened(self) -> None:
        """Ask for a resync: nothing is replayed."""
        self.messages.put(Resync(self._clock.now(), self._seen_until))

    def heard(self, frame: bytes) -> None:
        """Hand over what is new in a frame."""
        for message in decode_user(frame, self._clock.now()):
            self.counts.messages += 1
            if self._is_new(message):
                self.messages.put(message)
            else:
                self.counts.repeated += 1

    def lost(self, cause: str) -> None:
        """Do nothing: the next opening asks for a resync."""
        del cause

    def _is_new(self, message: UserMessage) -> bool:
        if isinstance(message, UserTrade):
            key: tuple[object, ...] = ("trade", message.trade_id, message.status, message.transaction)
        elif isinstance(message, UserOrder):
            key = ("order", message.order_id, message.event, message.status, message.matched_e6, message.event_time)
        else:
            return True
        self._seen_until = max(self._seen_until, message.event_time)
        if key in self._steps:
            return False
        self._steps[key] = None
        if len(self._steps) > _REMEMBERED:
            self._steps.popitem(last=False)
        return True
