"""The ASGI application by itself, and over a real loopback socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from tests.unit.sandbox.server.venue import Venue
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from edgeworth.app.serving import StepClock, listen, make_server
from edgeworth.core.clock import ScaledClock
from edgeworth.core.units import MINUTE, SECOND
from edgeworth.sandbox.server.asgi import SandboxApp, channel_of
from edgeworth.sandbox.server.sandbox import Sandbox

pytestmark = pytest.mark.asyncio


async def call(
    app: SandboxApp, method: str, path: str, query: str = "", body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """Send one request the way a server would, its body in two parts."""
    half = len(body) // 2
    inbox = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return inbox.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"User-Agent", b"t")],
    }
    await app(scope, receive, send)
    headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


async def test_requests_come_through_with_method_query_and_body() -> None:
    venue = Venue()
    app = SandboxApp(venue.sandbox)
    status, headers, body = await call(app, "GET", "/gamma/markets/keyset", "limit=2&version=v1&version=v2")
    assert status == 200
    assert body == venue.ask("/gamma/markets/keyset?limit=2&version=v1&version=v2").body
    assert headers["content-length"] == str(len(body))
    status, _, body = await call(app, "POST", "/control/advance", body=b'{"seconds": 60}')
    assert (status, venue.now) == (200, Venue().now + MINUTE)
    assert (await call(app, "GET", "/"))[0] == 200
    assert (await call(app, "GET", "/elsewhere"))[0] == 404
    assert (await call(app, "HEAD", "/gamma/markets/keyset"))[2] == b""


async def test_a_dropped_answer_never_starts_a_response() -> None:
    venue = Venue()
    venue.sandbox.faults.switch_on("outage")
    with pytest.raises(ConnectionAbortedError):
        await call(SandboxApp(venue.sandbox), "GET", "/gamma/markets/keyset")


async def test_lifespan_is_acknowledged() -> None:
    inbox = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return inbox.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    await SandboxApp(Venue().sandbox)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        ("/ws/market", "market"),
        ("/ws/user/", "user"),
        ("/ws/other", ""),
        ("/binance-ws/ws/btcusdt@kline_1m", "binance"),
        ("/", ""),
    ],
)
async def test_channels(path: str, channel: str) -> None:
    assert channel_of(path) == channel


async def test_a_step_clock_wakes_sleepers_in_its_own_time() -> None:
    clock = StepClock(Venue().clock.now())
    woken: list[int] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(round(seconds))

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (30, 10, 20)]
    await asyncio.sleep(0)
    clock.advance(9 * SECOND)
    await asyncio.sleep(0)
    assert woken == []
    clock.advance(11 * SECOND)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sorted(woken) == [10, 20]
    clock.advance(MINUTE)
    await asyncio.gather(*tasks)
    await clock.sleep(0)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Sandbox, str]]:
    """Serve a sandbox at sixty times the speed of life on a free loopback port."""
    sandbox = Sandbox(Venue().live.world, ScaledClock(Venue().clock.now(), 60.0))
    sock = listen("127.0.0.1", 0)
    server = make_server(SandboxApp(sandbox))
    running = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield sandbox, f"127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        sock.close()


async def test_requests_over_a_real_socket() -> None:
    async with served() as (_, base), httpx2.AsyncClient(base_url=f"http://{base}") as client:
        page = (await client.get("/gamma/markets/keyset", params={"limit": 3})).json()
        assert len(page["markets"]) == 3
        token = json.loads(page["markets"][0]["clobTokenIds"])[0]
        assert (await client.get("/clob/book", params={"token_id": token})).status_code == 200
        assert (await client.get("/news/rss/all.xml")).headers["etag"]
        await client.post("/control/faults", json={"name": "outage"})
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get("/gamma/markets/keyset")
        with pytest.raises(Exception, match=r".+"):
            await connect(f"ws://{base}/ws/market")
        await client.post("/control/faults", json={"name": "outage", "on": False})
        assert (await client.get("/clob/time")).status_code == 200


async def test_sockets_over_a_real_socket() -> None:
    async with served() as (sandbox, base):
        async with connect(f"ws://{base}/binance-ws/ws/btcusdt@kline_1m") as socket:
            assert json.loads(await socket.recv())["e"] == "kline"
        live = sandbox.live
        token = live.names.tokens(live.open_markets(sandbox.clock.now()).tolist()[0])[0]
        async with connect(f"ws://{base}/ws/market") as socket:
            await socket.send(json.dumps({"type": "market", "assets_ids": [token], "custom_feature_enabled": True}))
            frame = json.loads(await socket.recv())
            first = frame[0] if isinstance(frame, list) else frame
            assert (first["event_type"], first["asset_id"]) == ("book", token)
            await socket.send("PING")
            while await socket.recv() != "PONG":
                pass
            sandbox.faults.switch_on("ws-close")
            with pytest.raises(ConnectionClosedError) as ended:
                await drained(socket)
            assert ended.value.rcvd is None  # no closing frame: the line was cut


async def drained(socket: ClientConnection) -> None:
    while True:
        await socket.recv()
