"""A transport in place of the network: handlers answer, every request is kept with its instant."""

import inspect
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec

from edgeworth.core.clock import Clock, VirtualClock
from edgeworth.core.units import SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.limits import Limits

START = Micros(1_795_176_000 * SECOND)  # 2026-11-20
BASE = "http://sandbox.local"


class Answering(httpx2.AsyncBaseTransport):
    """Answer each request by a function of it; `seen` holds (instant, request)."""

    def __init__(self, clock: Clock, answer: Callable[[httpx2.Request], Any]) -> None:
        self.clock, self.answer = clock, answer
        self.seen: list[tuple[int, httpx2.Request]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append((self.clock.now(), request))
        found = self.answer(request)
        return await found if inspect.isawaitable(found) else found


def json(value: Any, status: int = 200, **headers: str) -> httpx2.Response:
    """An answer in JSON; header names are written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx2.Response(
        status, content=msgspec.json.encode(value), headers={"content-type": "application/json", **named}
    )


def client(
    answer: Callable[[httpx2.Request], Any], limits: Limits | None = None
) -> tuple[HttpClient, Answering, VirtualClock]:
    """A client of an answering transport in virtual time."""
    clock = VirtualClock(START)
    transport = Answering(clock, answer)
    return HttpClient(Endpoints.sandbox(BASE), clock, transport=transport, limits=limits, seed=3), transport, clock


def run(clock: VirtualClock, work: Any) -> Any:
    """Run a coroutine in virtual time."""
    return run_virtual(clock, work)
