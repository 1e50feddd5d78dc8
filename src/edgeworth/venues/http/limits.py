"""How fast each venue may be asked: the documented limits, our share of them, and the buckets that keep it.

A bucket holds the calls allowed in one window, and every call taken comes back one window later; so no window of that
length, wherever it begins, ever sees more than the bucket holds. (A bucket that refills evenly allows nearly twice as
much in the window after a pause.) A call may cost several tokens and may draw on several buckets: its route's, its
group's and its host's. Sources: the venues' rate-limit pages, 2026.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.units import MINUTE, SECOND

_CALM: Final = 10 * MINUTE  # a bucket slowed by the venue's complaint recovers after this long without another
_SLOWEST: Final = 4  # at most this many halvings


class Rate(msgspec.Struct, frozen=True):
    """So many tokens in any window of so many seconds."""

    calls: int
    seconds: float


class Draw(msgspec.Struct, frozen=True):
    """What one call costs in one bucket."""

    bucket: str
    cost: int = 1


TEN: Final = 10.0
DOCUMENTED: Final[dict[str, Rate]] = {
    "gamma": Rate(4_000, TEN),
    "gamma/listings": Rate(900, TEN),
    "gamma/markets": Rate(300, TEN),
    "gamma/events": Rate(500, TEN),
    "gamma/tags": Rate(200, TEN),
    "gamma/search": Rate(350, TEN),
    "gamma/comments": Rate(200, TEN),
    "clob": Rate(9_000, TEN),
    "clob/ok": Rate(100, TEN),
    "clob/book": Rate(1_500, TEN),
    "clob/books": Rate(500, TEN),
    "clob/price": Rate(1_500, TEN),
    "clob/prices": Rate(500, TEN),
    "clob/midpoint": Rate(1_500, TEN),
    "clob/midpoints": Rate(500, TEN),
    "clob/history": Rate(1_000, TEN),
    "clob/tick-size": Rate(200, TEN),
    "clob/order": Rate(5_000, TEN),
    "clob/cancel": Rate(5_000, TEN),
    "clob/cancels": Rate(2_000, TEN),
    "clob/cancel-all": Rate(250, TEN),
    "clob/ledger": Rate(900, TEN),
    "clob/own-orders": Rate(500, TEN),
    "clob/own-trades": Rate(500, TEN),
    "clob/balance": Rate(200, TEN),
    "clob/balance-update": Rate(50, TEN),
    "clob/keys": Rate(100, TEN),
    "clob/signer-orders": Rate(400, TEN),  # of one signer, by the lowest tier: 40 a second
    "clob/signer-cancels": Rate(800, TEN),
    "data": Rate(800, TEN),
    "data/trades": Rate(300, TEN),
    "data/positions": Rate(200, TEN),
    "binance/weight": Rate(6_000, 60.0),
    # no limit is published for these: ours are chosen to be modest
    "bulk": Rate(100, TEN),
    "site": Rate(10, TEN),
    "control": Rate(1_000, TEN),
}
ROUTES: Final[dict[str, tuple[Draw, ...]]] = {
    "gamma/markets": (Draw("gamma/markets"), Draw("gamma/listings"), Draw("gamma")),
    "gamma/events": (Draw("gamma/events"), Draw("gamma/listings"), Draw("gamma")),
    "gamma/tags": (Draw("gamma/tags"), Draw("gamma")),
    "gamma/search": (Draw("gamma/search"), Draw("gamma")),
    "gamma/comments": (Draw("gamma/comments"), Draw("gamma")),
    "gamma/other": (Draw("gamma"),),
    "clob/ok": (Draw("clob/ok"), Draw("clob")),
    "clob/book": (Draw("clob/book"), Draw("clob")),
    "clob/books": (Draw("clob/books"), Draw("clob")),
    "clob/price": (Draw("clob/price"), Draw("clob")),
    "clob/prices": (Draw("clob/prices"), Draw("clob")),
    "clob/midpoint": (Draw("clob/midpoint"), Draw("clob")),
    "clob/midpoints": (Draw("clob/midpoints"), Draw("clob")),
    "clob/history": (Draw("clob/history"), Draw("clob")),
    "clob/tick-size": (Draw("clob/tick-size"), Draw("clob")),
    "clob/other": (Draw("clob"),),
    "clob/order": (Draw("clob/signer-orders"), Draw("clob/ledger"), Draw("clob/order"), Draw("clob")),
    "clob/cancel": (Draw("clob/signer-cancels"), Draw("clob/cancel"), Draw("clob")),
    "clob/cancels": (Draw("clob/signer-cancels", 10), Draw("clob/cancels"), Draw("clob")),
    "clob/cancel-all": (Draw("clob/cancel-all"), Draw("clob/signer-cancels", 10), Draw("clob")),
    "clob/own-orders": (Draw("clob/own-orders"), Draw("clob/ledger"), Draw("clob")),
    "clob/own-trades": (Draw("clob/own-trades"), Draw("clob/ledger"), Draw("clob")),
    "clob/balance": (Draw("clob/balance"), Draw("clob")),
    "clob/balance-update": (Draw("clob/balance-update"), Draw("clob")),
    "clob/keys": (Draw("clob/keys"), Draw("clob")),
    "data/trades": (Draw("data/trades"), Draw("data")),
    "data/positions": (Draw("data/positions"), Draw("data")),
    "data/other": (Draw("data"),),
    "binance/time": (Draw("binance/weight", 1),),
    "binance/klines": (Draw("binance/weight", 2),),
    "binance/ticker": (Draw("binance/weight", 2),),  # up to 20 symbols
    "binance/ticker-100": (Draw("binance/weight", 40),),  # up to 100 symbols
    "binance/ticker-all": (Draw("binance/weight", 80),),
    "binance/info": (Draw("binance/weight", 20),),
    "bulk/files": (Draw("bulk"),),
    "site/geoblock": (Draw("site"),),
    "control/clock": (Draw("control"),),
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Our manners: what share of each documented limit is used, how much of it at once, and how often to try.

    `burst` is the share of a window's calls that may leave at once; the rest is spread over the window.
    `weight_share` is the share of Binance's weight, as its own header counts all of this address's use, at which we
    wait for the next minute. Times are seconds, `max_bytes` counts decompressed bytes.
    """

    share: float = 0.1
    burst: float = 1.0
    weight_share: float = 0.5
    tries: int = 5
    backoff_s: float = 0.5
    backoff_cap_s: float = 30.0
    longest_wait_s: float = 120.0
    connect_s: float = 5.0
    read_s: float = 10.0
    whole_s: float = 60.0
    max_bytes: int = 50_000_000
    failures_to_open: int = 5
    open_s: float = 5.0
    open_cap_s: float = 30.0
    closed_by_refusal_s: float = 300.0
    documented: dict[str, Rate] = msgspec.field(default_factory=lambda: dict(DOCUMENTED))

    def __post_init__(self) -> None:
        if not (0 < self.share <= 1 and 0 < self.burst <= 1 and self.tries >= 1):
            raise ValueError("share and burst lie in (0, 1], tries is at least 1")


class _Window:
    """Tokens that come back one window after they were taken."""

    def __init__(self, size: int, micros: int) -> None:
        self.size, self.micros = size, micros
        self._taken: deque[tuple[int, int]] = deque()
        self._used = 0

    def wait(self, now: int, cost: int, size: int) -> int:
        """Return the microseconds until `cost` tokens are there, when the bucket holds `size`."""
        taken = self._taken
        while taken and taken[0][0] + self.micros < now:
            self._used -= taken.popleft()[1]
        short = self._used + min(cost, size) - size
        if short <= 0:
            return 0
        for at, tokens in taken:
            short -= tokens
            if short <= 0:
                return at + self.micros - now + 1
        return self.micros

    def take(self, now: int, cost: int) -> None:
        self._taken.append((now, cost))
        self._used += cost


class Bucket:
    """One limit and its smoothing; `halve` when the venue complains although we kept it."""

    def __init__(self, rate: Rate, share: float, burst: float) -> None:
        self.size = max(1, math.floor(rate.calls * share))
        micros = round(rate.seconds * SECOND)
        self._windows = [_Window(self.size, micros)]
        at_once = max(1, math.floor(self.size * burst))
        if at_once < self.size:
            self._windows.append(_Window(at_once, math.ceil(micros * at_once / self.size)))
        self._halvings = 0
        self._complained = 0
        self.blocked_until = 0

    def wait(self, now: int, cost: int) -> int:
        """Return the microseconds until a call of this cost may leave."""
        if self._halvings and now - self._complained > _CALM:
            self._halvings = 0
        longest = max(0, self.blocked_until - now)
        for window in self._windows:
            longest = max(longest, window.wait(now, cost, max(1, window.size >> self._halvings)))
        return longest

    def take(self, now: int, cost: int) -> None:
        """Record a call that leaves now."""
        for window in self._windows:
            window.take(now, cost)

    def block(self, until: int) -> None:
        """Let nothing leave before an instant of the monotonic clock, in microseconds."""
        self.blocked_until = max(self.blocked_until, until)

    def halve(self, now: int) -> None:
        """Use half as much from now on, until the venue has been content for ten minutes."""
        self._halvings = min(_SLOWEST, self._halvings + 1)
        self._complained = now


class Limiter:
    """The buckets of one client; calls of one route leave in the order they came."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._buckets = {name: Bucket(rate, limits.share, limits.burst) for name, rate in limits.documented.items()}
        self._queues: dict[str, asyncio.Lock] = {}
        self._queued: dict[str, int] = {}
        self._draws: dict[str, list[tuple[Bucket, int]]] = {}

    def micros(self) -> int:
        """Return the monotonic clock in microseconds."""
        return round(self._clock.monotonic() * SECOND)

    async def acquire(self, route: str) -> float:
        """Wait until a call of this route may leave, take its tokens and return the seconds waited."""
        draws = self._draws.get(route)
        if draws is None:
            draws = self._draws[route] = [(self._buckets[draw.bucket], draw.cost) for draw in ROUTES[route]]
        begun = self.micros()
        if not self._queued.get(route) and self._take(draws, begun) <= 0:  # nobody is before us
            return 0.0
        queue = self._queues.setdefault(route, asyncio.Lock())
        self._queued[route] = self._queued.get(route, 0) + 1
        try:
            async with queue:
                while True:
                    now = self.micros()
                    wait = self._take(draws, now)
                    if wait <= 0:
                        return (now - begun) / SECOND
                    await self._clock.sleep(wait / SECOND)
        finally:
            self._queued[route] -= 1

    @staticmethod
    def _take(draws: Sequence[tuple[Bucket, int]], now: int) -> int:
        """Take all tokens of a call if all are there; returns the microseconds to wait before trying again."""
        longest = 0
        for bucket, cost in draws:
            longest = max(longest, bucket.wait(now, cost))
        if longest <= 0:
            for bucket, cost in draws:
                bucket.take(now, cost)
        return longest

    def blocked_for(self, route: str) -> float:
        """Return the seconds the venue's own word still keeps this route from being called."""
        return max(0, self._buckets[ROUTES[route][0].bucket].blocked_until - self.micros()) / SECOND

    def complain(self, route: str, seconds: float) -> None:
        """Take note of a 429: nothing of this route leaves for so long, and its own bucket is halved."""
        now = self.micros()
        bucket = self._buckets[ROUTES[route][0].bucket]
        bucket.block(now + round(seconds * SECOND))
        bucket.halve(now)

    def hold(self, route: str, seconds: float) -> None:
        """Let nothing of this route's own bucket leave for so many seconds."""
        self._buckets[ROUTES[route][0].bucket].block(self.micros() + round(seconds * SECOND))
