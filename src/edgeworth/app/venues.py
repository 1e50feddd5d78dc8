"""Connect to the configured venue: addresses, one HTTP client, and the clock the venue goes by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from edgeworth.core.clock import Clock, ManualClock, ScaledClock, SystemClock
from edgeworth.core.config import Config
from edgeworth.core.errors import Retryable, UsageError, VenueError
from edgeworth.core.units import Micros

if TYPE_CHECKING:
    from edgeworth.venues.http.client import HttpClient
    from edgeworth.venues.streams.wire import Connect

_QUICK_S = 3.0


@dataclass(frozen=True, slots=True)
class Connection:
    """A client and the clock its venue goes by: a sandbox may live in another time, and faster.

    `sockets` opens them, None over the network.
    """

    http: "HttpClient"
    clock: Clock
    sockets: "Connect | None" = None


async def connect(config: Config, *, steps: bool = False) -> Connection:
    """Return a connection to the configured venue.

    A sandbox is asked for its time first: raises Retryable sandbox-not-running when nobody answers, UsageError
    bad-option when its time goes on only by hand and `steps` does not allow that.
    """
    from edgeworth.venues.endpoints import Endpoints
    from edgeworth.venues.http.client import HttpClient

    endpoints = Endpoints.of(config.settings)
    if config.settings.venue != "sandbox":
        clock: Clock = SystemClock()
    else:
        base = config.settings.endpoints.sandbox
        clock = _clock_of(await _control(base, "/clock"), base, steps=steps)
    return Connection(HttpClient(endpoints, clock, seed=config.settings.run.seed), clock)


def _clock_of(told: dict[str, Any], base: str, *, steps: bool) -> Clock:
    now, speed = Micros(int(told["now"])), float(told.get("speed") or 1.0)
    if told.get("steps"):
        if not steps:
            hint = "start it without --step, or collect with --once"
            raise UsageError("bad-option", "the sandbox's time goes on only by hand", hint)
        return SteppingClock(now, base)
    return ScaledClock(now, speed)


class SteppingClock(ManualClock):
    """The clock of a sandbox that stands still: whoever waits moves the sandbox's time on by as much."""

    def __init__(self, start: Micros, base: str) -> None:
        super().__init__(start)
        self._base = base

    async def sleep(self, seconds: float) -> None:
        """Ask the sandbox to move on, and follow."""
        if seconds <= 0:
            await super().sleep(0)
            return
        told = await _control(self._base, "/advance", {"seconds": seconds})
        self.advance(max(0, int(told["now"]) - int(self.now())))


async def _control(base: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask a sandbox server for its time, or to move it, over the real network."""
    from edgeworth.venues.endpoints import Endpoints
    from edgeworth.venues.http.client import HttpClient
    from edgeworth.venues.http.limits import Limits

    quick = Limits(tries=1, connect_s=_QUICK_S, read_s=_QUICK_S, whole_s=_QUICK_S)
    http = HttpClient(Endpoints.sandbox(base), SystemClock(), limits=quick)
    try:
        if body is None:
            payload = await http.get("control", path, route="clock")
        else:
            payload = await http.post("control", path, msgspec.json.encode(body), route="clock")
        told = msgspec.json.decode(payload.body, type=dict[str, Any])
    except (VenueError, msgspec.MsgspecError) as error:
        raise Retryable("sandbox-not-running", f"no sandbox answers at {base}") from error
    finally:
        await http.close()
    return told
