"""The venue inside the process: HTTP and sockets on a virtual clock."""

import json

import httpx2
import pytest
from tests.unit.sandbox.worlds import world

from edgeworth.app.sandboxed import BASE, SandboxTransport, connect_sandbox, sandbox_endpoints
from edgeworth.core.clock import VirtualClock
from edgeworth.core.units import DAY, MINUTE, SECOND
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.venues.endpoints import Endpoints


def venue() -> tuple[Sandbox, VirtualClock]:
    made = world("live-small", 7)
    clock = VirtualClock(made.scenario.end - 30 * DAY)
    return Sandbox(made, clock), clock


def test_requests_take_virtual_time_and_failures_are_the_clients_own() -> None:
    sandbox, clock = venue()
    begun = clock.now()

    async def talk() -> None:
        async with httpx2.AsyncClient(transport=SandboxTransport(sandbox), base_url=BASE, timeout=10) as client:
            reply = await client.get(
                "/gamma/markets/keyset", params=[("limit", "2"), ("version", "v1"), ("version", "v2")]
            )
            assert len(reply.json()["markets"]) == 2
            assert clock.now() == begun
            sandbox.faults.switch_on("slow")
            assert (await client.get("/clob/time")).status_code == 200
            assert clock.now() == begun + 3 * SECOND
            sandbox.faults.switch_off("slow")
            sandbox.faults.switch_on("timeout", share=1.0)
            with pytest.raises(httpx2.ReadTimeout):
                await client.get("/clob/time")
            assert clock.now() == begun + 13 * SECOND
            sandbox.faults.switch_off("timeout")
            sandbox.faults.switch_on("outage")
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get("/clob/time")
            posted = await client.post("/control/faults", json={"name": "outage", "on": False})
            assert posted.json() == {"on": []}

    run_virtual(clock, talk())


def test_sockets_wait_in_virtual_time() -> None:
    sandbox, clock = venue()

    async def listen() -> list[dict[str, object]]:
        wire = await connect_sandbox(sandbox)(sandbox_endpoints()["binance_ws"] + "/ws/btcusdt@kline_1m")
        closed = []
        while len(closed) < 3:
            frame = json.loads(await wire.receive())
            if frame["k"]["x"]:
                closed.append(frame["k"])
        await wire.send('{"method":"LIST_SUBSCRIPTIONS","id":9}')
        while True:
            frame = json.loads(await wire.receive())
            if frame.get("id") == 9:
                break
        await wire.close()
        with pytest.raises(ConnectionError):
            await wire.receive()
        with pytest.raises(ConnectionError):
            await wire.send("x")
        return closed

    begun = clock.now()
    found = run_virtual(clock, listen())
    assert [candle["t"] for candle in found] == [(begun + step * MINUTE) // 1_000 for step in range(3)]
    assert 3 * MINUTE <= clock.now() - begun < 4 * MINUTE


def test_a_market_socket_gets_its_book() -> None:
    sandbox, clock = venue()
    market = sandbox.live.open_markets(clock.now()).tolist()[2]
    token = sandbox.live.names.tokens(market)[0]

    async def listen() -> dict[str, object]:
        wire = await connect_sandbox(sandbox)(sandbox_endpoints()["market_ws"])
        await wire.send(json.dumps({"type": "market", "assets_ids": [token]}))
        frame = json.loads(await wire.receive())
        return frame[0] if isinstance(frame, list) else frame

    assert run_virtual(clock, listen())["asset_id"] == token


def test_sockets_are_refused_in_an_outage_and_unknown_ones_always() -> None:
    sandbox, clock = venue()

    async def refused() -> None:
        with pytest.raises(ValueError, match="no channel"):
            await connect_sandbox(sandbox)("ws://sandbox.local/ws/none")
        sandbox.faults.switch_on("outage")
        with pytest.raises(ConnectionRefusedError):
            await connect_sandbox(sandbox)(sandbox_endpoints()["market_ws"])

    run_virtual(clock, refused())


def test_the_addresses_are_those_of_the_settings() -> None:
    served = sandbox_endpoints("http://127.0.0.1:8787/")
    ours = Endpoints.sandbox("http://127.0.0.1:8787")
    assert {name: getattr(ours, name) for name in ours.__struct_fields__} == {
        name: served[name] for name in ours.__struct_fields__
    }
