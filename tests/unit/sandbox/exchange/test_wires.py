"""Sockets over the in-memory wire in virtual time: woken by somebody's order, forgotten when the client goes."""

import asyncio
import json
from typing import Any

from tests.unit.sandbox.exchange.desks import Client, Person, live, open_market, world

from edgeworth.app.sandboxed import SandboxWire, connect_sandbox
from edgeworth.core.clock import VirtualClock
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.sandbox.server.sandbox import Sandbox


def start() -> tuple[Sandbox, VirtualClock, Client, int]:
    market, at = open_market(live())
    clock = VirtualClock(Micros(at))
    sandbox = Sandbox(world(), clock, Micros(at))
    client = Client(sandbox.exchange, clock, Person(9))
    client.login()
    return sandbox, clock, client, market


async def next_event(wire: SandboxWire, kind: str) -> dict[str, Any]:
    while True:
        value = json.loads(await wire.receive())
        for event in value if isinstance(value, list) else [value]:
            if event["event_type"] == kind:
                return event


def test_an_order_wakes_both_sockets_at_once() -> None:
    sandbox, clock, client, market = start()
    yes = sandbox.live.names.tokens(market)[0]

    async def main() -> list[int]:
        connect = connect_sandbox(sandbox)
        prices, own = await connect("ws://sandbox.local/ws/market"), await connect("ws://sandbox.local/ws/user")
        await prices.send(json.dumps({"type": "market", "assets_ids": [yes]}))
        await own.send(json.dumps({"type": "user", "auth": client.keys}))
        await next_event(prices, "book")
        waiting = [
            asyncio.create_task(next_event(own, "order")),
            asyncio.create_task(next_event(prices, "price_change")),
        ]
        await clock.sleep(0.2)
        placed = clock.now()
        book = sandbox.exchange.book(market)
        assert book is not None
        client.placed(yes, "BUY", book.bids[0].price_e4 - 300, 10)
        late = []
        for task in waiting:
            await task
            late.append(clock.now() - placed)
        await prices.close()
        await own.close()
        return late

    assert max(run_virtual(clock, main())) < SECOND // 10
    assert not sandbox.exchange._curious


def test_a_client_that_goes_leaves_nothing_behind() -> None:
    sandbox, clock, _, _ = start()
    exchange = sandbox.exchange
    now = clock.now()
    tokens = [sandbox.live.names.tokens(m)[0] for m in range(sandbox.live.count) if sandbox.live.is_open(m, now)]

    async def main() -> None:
        connect = connect_sandbox(sandbox)
        for _ in range(3):
            wire = await connect("ws://sandbox.local/ws/market")
            await wire.send(json.dumps({"type": "market", "assets_ids": tokens, "custom_feature_enabled": True}))
            await next_event(wire, "book")
            assert exchange.floor.pits
            await wire.close()
        await clock.sleep(3 * MINUTE / SECOND)
        exchange.now()

    run_virtual(clock, main())
    assert not exchange.floor.pits
    assert not exchange._curious
    assert exchange.timers.next_at() is None or exchange.timers.next_at() > clock.now()
