"""Run the simulated venue as a server: a loopback socket, a clock at the wanted speed, uvicorn kept quiet."""

import asyncio
import contextlib
import errno
import ipaddress
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeworth.core.clock import Clock, ManualClock, ScaledClock
from edgeworth.core.errors import InstanceError, Retryable, UsageError
from edgeworth.core.instants import to_iso
from edgeworth.core.units import DAY, Micros
from edgeworth.sandbox.scenario import SCENARIOS, find_scenario
from edgeworth.sandbox.server.asgi import ABORT, SandboxApp
from edgeworth.sandbox.server.fault_plan import FaultPlan
from edgeworth.sandbox.server.faults import CATALOGUE, find_fault
from edgeworth.sandbox.server.live import LIFE
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate

if TYPE_CHECKING:
    import uvicorn

PORT = 8787
DEFAULT_WORLD = "live"
_PLANS = ("mixed", "long-outages")
_GRACE_S = 2
_IDLE_S = 75  # a connection that is kept; what beats every five seconds must not race with its end


class StepClock(ManualClock):
    """A clock that moves by command; whoever sleeps wakes when it has been moved far enough."""

    def __init__(self, start: Micros) -> None:
        super().__init__(start)
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def advance(self, micros: int) -> None:
        """Move forward and wake those whose time has come; call it from the event loop's thread."""
        super().advance(micros)
        waiting, self._sleepers = self._sleepers, []
        for due, future in waiting:
            if due > self._now:
                self._sleepers.append((due, future))
            elif not future.done():
                future.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved that far."""
        due = self._now + round(seconds * 1e6)
        if due <= self._now:
            return
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((due, future))
        await future


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What to serve: world seed, names of a world and of faults or fault plans, speed (None: by steps), address.

    `start` is the virtual instant to begin at; None leaves thirty days of life ahead.
    """

    seed: int = 7
    scenarios: tuple[str, ...] = ()
    speed: float | None = 1.0
    host: str = "127.0.0.1"
    port: int = PORT
    start: Micros | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """What is being served, for the one line that says so."""

    url: str
    scenario: str
    seed: int
    markets: int
    open_markets: int
    start: str
    speed: float | None
    faults: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "url": self.url,
            "scenario": self.scenario,
            "seed": self.seed,
            "markets": self.markets,
            "open_markets": self.open_markets,
            "virtual_time": self.start,
            "speed": self.speed,
            "faults": list(self.faults),
        }


def split_scenarios(names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Tell the world's name from the names of faults; raises UsageError `unknown-scenario`."""
    worlds = [name for name in names if name in SCENARIOS]
    faults = tuple(name for name in names if name not in SCENARIOS)
    if len(worlds) > 1:
        raise UsageError("unknown-scenario", f"one world at a time, not {' and '.join(worlds)}")
    for name in faults:
        if name not in _PLANS and name not in CATALOGUE:
            find_scenario(name)  # neither a world nor a fault: name the closest
        if name not in _PLANS:
            find_fault(name)
    return (worlds[0] if worlds else DEFAULT_WORLD), faults


def fault_plan(names: tuple[str, ...], seed: int, start: int, days: float) -> FaultPlan:
    """Return the schedule of named faults and plans."""
    plan = FaultPlan.constant(*(name for name in names if name not in _PLANS))
    if "mixed" in names:
        plan += FaultPlan.mixed(seed, start, days)
    if "long-outages" in names:
        plan += FaultPlan.long_outages(seed, start, days)
    return plan


def build_sandbox(options: ServeOptions) -> tuple[Sandbox, tuple[str, ...]]:
    """Generate the world and put it on a clock; returns the sandbox and the names of its faults."""
    name, faults = split_scenarios(options.scenarios)
    world = generate(name, options.seed)
    start = Micros(world.scenario.end - LIFE) if options.start is None else options.start
    clock: Clock = StepClock(start) if options.speed is None else ScaledClock(start, options.speed)
    plan = fault_plan(faults, options.seed, start, LIFE / DAY)
    return Sandbox(world, clock, start, plan), faults


def listen(host: str, port: int) -> socket.socket:
    """Return a listening loopback socket.

    Raises UsageError `not-loopback` for another address, InstanceError `port-busy` when something listens there.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError("not-loopback", f"the sandbox serves this computer alone, not '{host}'", host=host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # named as TCP, because asyncio switches Nagle's algorithm off only then; with it every small answer waits 40 ms
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((address, port))
        found.listen(256)
    except OSError as error:
        found.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise InstanceError("port-busy", f"port {port} is taken or not allowed", port=port) from error
        raise
    return found


def make_server(app: SandboxApp) -> "uvicorn.Server":
    """Return a quiet uvicorn server for an application; connections can be dropped without an answer."""
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    class Http(H11Protocol):
        """HTTP whose application may end the connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.app = abortable(self.app, transport)

    class WebSocket(WebSocketsSansIOProtocol):
        """WebSocket whose application may end the connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.app = abortable(self.app, transport)

    config = uvicorn.Config(
        app,
        http=Http,
        ws=WebSocket,
        lifespan="on",
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        ws_ping_interval=None,
        ws_max_size=1 << 20,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_IDLE_S,
    )
    return uvicorn.Server(config)


def abortable(app: Any, transport: asyncio.Transport) -> Any:
    """Return an application whose connections carry the means to end themselves."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"] = {**(scope.get("extensions") or {}), ABORT: transport.abort}
        await app(scope, receive, send)

    return wrapped


def serve_sandbox(options: ServeOptions, ready: Callable[[Served], None]) -> None:
    """Serve until interrupted; `ready` is told what is served as soon as connections are accepted.

    Raises UsageError `not-loopback` and `unknown-scenario`, InstanceError `port-busy`.
    """
    split_scenarios(options.scenarios)
    sock = listen(options.host, options.port)
    try:
        sandbox, faults = build_sandbox(options)
        server = make_server(SandboxApp(sandbox))
        ready(describe(sandbox, sock, options, faults))
        server.run(sockets=[sock])
    finally:
        sock.close()


@contextlib.contextmanager
def serving_process(scenario: str, seed: int, start: Micros) -> Iterator[str]:
    """Serve a world in a process of its own, its time standing still at `start`, and yield the URL.

    The process ends with the block, by its own id. Raises Retryable sandbox-not-running when it cannot be started.
    """
    command = [sys.executable, "-P", "-m", "edgeworth.cli", "serve", "--sandbox", "--step", "--json", "--port", "0"]
    command += ["--scenario", scenario, "--world", str(seed), "--start", to_iso(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:  # noqa: S603
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said:
                raise Retryable("sandbox-not-running", "the simulated venue could not be started")
            yield str(json.loads(said)["data"]["url"])
        finally:
            process.terminate()


def describe(sandbox: Sandbox, sock: socket.socket, options: ServeOptions, faults: tuple[str, ...]) -> Served:
    """Say what a sandbox serves and where."""
    address, port = sock.getsockname()[:2]
    live, world = sandbox.live, sandbox.live.world
    return Served(
        url=f"http://{f'[{address}]' if ':' in address else address}:{port}",
        scenario=world.scenario.name,
        seed=world.seed,
        markets=live.count,
        open_markets=len(live.open_markets(sandbox.clock.now())),
        start=to_iso(live.start),
        speed=options.speed,
        faults=faults,
    )
