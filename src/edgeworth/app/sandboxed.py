"""The simulated venue inside this process: an HTTP transport and a socket connector that call it directly."""

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx2

from edgeworth.core.clock import Clock
from edgeworth.sandbox.protocol import Request, Response, Session, split_path
from edgeworth.sandbox.server.asgi import channel_of
from edgeworth.sandbox.server.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BASE = "http://sandbox.local"
_WAIT_S = 3_600.0


def make_request(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Request:
    """Return the venue's request for a URL path (with its service's prefix), a query string, headers and a body."""
    service, rest = split_path(unquote(path))
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    return Request(service, method.upper(), rest, pairs, headers, body)


class SandboxTransport(httpx2.AsyncBaseTransport):
    """Carry requests to a sandbox by calling it; delays pass on its clock, a dropped answer is a protocol error."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request; raises RemoteProtocolError for a dropped one, ReadTimeout for one that is too late."""
        body = await request.aread()
        headers = {key.lower(): value for key, value in request.headers.items()}
        asked = make_request(request.method, request.url.path, request.url.query.decode(), headers, body)
        response = self._sandbox.handle(asked)
        await self._wait(response, request)
        if response.dropped:
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        return httpx2.Response(response.status, headers=list(response.headers), content=response.body, request=request)

    async def _wait(self, response: Response, request: httpx2.Request) -> None:
        if not response.delay_s:
            return
        limits: dict[str, Any] = request.extensions.get("timeout") or {}
        patience = limits.get("read")
        if patience is not None and response.delay_s > patience:
            await self._sandbox.clock.sleep(patience)
            raise httpx2.ReadTimeout("The read operation timed out", request=request)
        await self._sandbox.clock.sleep(response.delay_s)


def sandbox_endpoints(base: str = BASE) -> dict[str, str]:
    """Return the base URL of every service of a sandbox, by the names of the `[endpoints]` settings."""
    root = base.rstrip("/")
    sockets = root.replace("http", "ws", 1)
    return {
        "gamma": f"{root}/gamma",
        "clob": f"{root}/clob",
        "data": f"{root}/data",
        "site": f"{root}/site",
        "market_ws": f"{sockets}/ws/market",
        "user_ws": f"{sockets}/ws/user",
        "binance_rest": f"{root}/binance",
        "binance_bulk": f"{root}/bulk",
        "binance_ws": f"{sockets}/binance-ws",
        "news": f"{root}/news",
        "control": f"{root}/control",
    }


class SandboxWire:
    """One in-memory socket: `send`, `receive`, `close`; waiting passes on the sandbox's clock."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._ready: list[str] = []
        self._wake = asyncio.Event()
        self._over = False
        session.notify = self._wake.set

    async def send(self, text: str) -> None:
        """Hand a frame to the venue; raises ConnectionError once the socket is closed."""
        if self._over or self._session.closed is not None:
            raise ConnectionError("the socket is closed")
        self._session.receive(text)
        self._wake.set()

    async def receive(self) -> str:
        """Return the next frame, waiting for it; raises ConnectionError once the socket is closed."""
        while not self._ready:
            self._wake.clear()
            self._ready = self._session.outgoing()
            if self._ready:
                break
            if self._over or self._session.closed is not None:
                raise ConnectionError(f"the socket is closed {self._session.closed or ''}".strip())
            due = self._session.next_due()
            pause = _WAIT_S if due is None else max((due - self._clock.now()) / 1e6, 0.001)
            await self._pause(pause)
        return self._ready.pop(0)

    async def _pause(self, seconds: float) -> None:
        """Wait on the clock, or until the client says something."""
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        said = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((timer, said), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (timer, said):
                task.cancel()
            await asyncio.gather(timer, said, return_exceptions=True)

    async def close(self) -> None:
        """Close the socket."""
        self._over = True
        self._session.leave()
        self._wake.set()


def connect_sandbox(sandbox: Sandbox) -> "Callable[[str], Awaitable[SandboxWire]]":
    """Return a connector: given a WebSocket URL it opens an in-memory socket; raises ConnectionError when refused."""

    async def connect(url: str) -> SandboxWire:
        parts = urlsplit(url)
        session = sandbox.connect(channel_of(parts.path), parts.path, tuple(parse_qsl(parts.query)))
        return SandboxWire(session, sandbox.clock)

    return connect
