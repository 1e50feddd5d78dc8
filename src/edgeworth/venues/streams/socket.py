"""Keep one socket open: greet, listen, keep alive, notice silence, and come back after a pause that grows by chance."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.venues.streams.wire import Connect, Wire

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

_STEADY_SECONDS: Final = 60.0  # a connection that lived so long starts the pauses anew


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `ping` text goes out every `ping_every`; no frame at all for `silent_after` ends the connection.

    The pause before attempt n is drawn evenly from [0, min(`longest_pause`, `first_pause` x 2^n)]: full jitter. A
    connection is renewed after `lifetime`, 0 = never.
    """

    ping: str = "PING"
    ping_every: float = 10.0
    silent_after: float = 30.0
    first_pause: float = 0.25
    longest_pause: float = 30.0
    connect_within: float = 10.0
    lifetime: float = 0.0


class SocketCounts(msgspec.Struct):
    """What one socket went through; `last_cause` says why the last connection, or attempt, ended."""

    attempts: int = 0
    connections: int = 0
    losses: int = 0
    silences: int = 0
    frames: int = 0
    bytes: int = 0
    last_cause: str = ""


class Listener(Protocol):
    """Who speaks through a socket."""

    def greeting(self) -> Sequence[str]:
        """Return the frames to send first on every new connection."""

    def opened(self) -> None:
        """Be told that a connection was opened and greeted: whatever was known through the last one is in doubt."""

    def heard(self, frame: bytes) -> None:
        """Take a frame."""

    def lost(self, cause: str) -> None:
        """Be told that the connection is gone."""


class Socket:
    """One socket that comes back by itself; `run` ends only when cancelled."""

    def __init__(self, url: str, connect: Connect, listener: Listener, clock: Clock, draws: "Generator") -> None:
        self._url, self._connect, self._listener, self._clock, self._draws = url, connect, listener, clock, draws
        self.timing = Timing()
        self.counts = SocketCounts()
        self._wire: Wire | None = None
        self._renew = asyncio.Event()
        self._cause = ""
        self._heard_at = clock.monotonic()

    @property
    def is_open(self) -> bool:
        """Tell whether a connection stands; never a proof that data flows."""
        return self._wire is not None

    def renew(self, cause: str) -> None:
        """Give the present connection up and open another one."""
        self._cause = cause
        self._renew.set()

    async def send(self, text: str) -> bool:
        """Send a frame if there is a connection; False when there is none or it has just gone."""
        if self._wire is None:
            return False
        try:
            await self._wire.send(text)
        except ConnectionError:
            return False
        return True

    async def run(self) -> None:
        """Connect, listen, reconnect, until cancelled."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            self.counts.last_cause = await self._once()
            self.counts.losses += 1
            if self._clock.monotonic() - began >= _STEADY_SECONDS:
                failures = 0
            await self._clock.sleep(self.pause(failures))
            failures += 1

    def pause(self, failures: int) -> float:
        """Draw the seconds to wait after that many failures in a row."""
        most = min(self.timing.longest_pause, self.timing.first_pause * 2.0 ** min(failures, 30))
        return float(self._draws.uniform(0.0, most))

    async def _once(self) -> str:
        """Hold one connection from its opening to its end; return why it ended."""
        self.counts.attempts += 1
        self._renew.clear()
        try:
            async with asyncio.timeout(self.timing.connect_within):
                wire = await self._connect(self._url)
        except (OSError, TimeoutError) as error:
            return f"no connection: {error}"
        try:
            return await self._hold(wire)
        finally:
            self._wire = None
            await _close(wire)

    async def _hold(self, wire: Wire) -> str:
        self.counts.connections += 1
        self._heard_at = self._clock.monotonic()
        try:
            for text in self._listener.greeting():
                await wire.send(text)
        except ConnectionError as error:
            return f"closed while greeting: {error}"
        self._wire = wire
        self._listener.opened()
        tasks = [asyncio.ensure_future(work) for work in (self._listen(wire), self._beat(wire), self._asked())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            cause = next(task for task in tasks if task in done).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._wire = None
        self._listener.lost(cause)
        return cause

    async def _listen(self, wire: Wire) -> str:
        listener, counts, clock = self._listener, self.counts, self._clock
        try:
            while True:
                frame = await wire.receive()
                self._heard_at = clock.monotonic()
                data = frame if isinstance(frame, bytes) else frame.encode()
                counts.frames += 1
                counts.bytes += len(data)
                listener.heard(data)
        except ConnectionError as error:
            return f"closed: {error}"

    async def _beat(self, wire: Wire) -> str:
        timing = self.timing
        left = timing.lifetime or float("inf")
        while True:
            await self._clock.sleep(min(timing.ping_every, left))
            left -= timing.ping_every
            if left <= 0:
                return "renewed: its time was over"
            if self._clock.monotonic() - self._heard_at > timing.silent_after:
                self.counts.silences += 1
                return f"silent for {timing.silent_after:g} s"
            if timing.ping:
                try:
                    await wire.send(timing.ping)
                except ConnectionError as error:
                    return f"closed: {error}"

    async def _asked(self) -> str:
        await self._renew.wait()
        return self._cause


async def _close(wire: Wire) -> None:
    try:
        await wire.close()
    except OSError:
        return  # it was gone already
