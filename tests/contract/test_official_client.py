"""Proof by a stranger: the venue's own client, unmodified, works against the sandbox over real sockets."""

import asyncio
import dataclasses
import hashlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from edgeworth.app.serving import listen, make_server
from edgeworth.core.clock import ScaledClock
from edgeworth.core.units import HOUR, MINUTE, Micros
from edgeworth.sandbox.server.asgi import SandboxApp
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate

pytestmark = pytest.mark.asyncio
SPEED = 3.0
KEY = "0x" + hashlib.sha256(b"a throw-away key that guards nothing").hexdigest()
PATIENCE_S = 30.0


class Scene(NamedTuple):
    sandbox: Sandbox
    environment: Any
    market: int
    yes: str
    no: str


def pick(live: LiveWorld) -> tuple[int, int]:
    """Return a market with a two-sided book and room inside the spread, and an instant at which it trades."""
    for market in range(live.count):
        at = int(live.created_at[market]) + 10 * MINUTE
        bid, ask = live.quote_e4(market, at)
        still = all(live.fair_e4(market, at + n * MINUTE) == live.fair_e4(market, at) for n in range(0, 60, 5))
        quiet = still and live.is_open(market, at + 6 * HOUR) and live.tick_e4(market, at + HOUR) == 100
        if quiet and live.names.version(market) == "v1" and 3_000 < bid < ask - 150 and ask < 7_000:
            return market, at
    raise LookupError("no market to trade in")


def environment(base: str) -> Any:
    """Point the client at other hosts; it has no public way to do so."""
    from polymarket import environments

    sockets = base.replace("http", "ws", 1)
    config = dataclasses.replace(
        environments.PRODUCTION._config,
        clob_url=f"{base}/clob",
        gamma_url=f"{base}/gamma",
        data_url=f"{base}/data",
        clob_market_ws_url=f"{sockets}/ws/market",
        clob_user_ws_url=f"{sockets}/ws/user",
        relayer_url=f"{base}/relayer",
        rpc_url=f"{base}/none",
    )
    return environments._create_environment(name="sandbox", config=config)


@asynccontextmanager
async def served() -> AsyncIterator[Scene]:
    """Serve a sandbox on a free loopback port until the block ends."""
    world = generate("tiny", 1)
    market, at = pick(LiveWorld(world))
    sandbox = Sandbox(world, ScaledClock(Micros(at), SPEED), Micros(at))
    sock = listen("127.0.0.1", 0)
    server = make_server(SandboxApp(sandbox))
    running = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        host, port = sock.getsockname()[:2]
        yes, no = sandbox.live.names.tokens(market)
        yield Scene(sandbox, environment(f"http://{host}:{port}"), market, yes, no)
    finally:
        server.should_exit = True
        await running
        sock.close()


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def secure(scene: Scene) -> Any:
    from eth_account import Account
    from polymarket import AsyncSecureClient

    address = Account.from_key(KEY).address
    return await soon(AsyncSecureClient.create(private_key=KEY, wallet=address, environment=scene.environment))


async def until(handle: Any, kind: str, wanted: Any = lambda payload: True) -> Any:
    """Return the first event of a kind whose payload is wanted."""

    async def search() -> Any:
        async for event in handle:
            if event.type == kind and wanted(event.payload):
                return event.payload
        raise AssertionError("the stream ended")

    return await soon(search())


async def test_reads_without_an_account() -> None:
    from polymarket import AsyncPublicClient

    async with served() as scene:
        client = AsyncPublicClient(environment=scene.environment)
        live, now = scene.sandbox.live, scene.sandbox.clock.now()
        names = [live.names.market_id(m) for m in live.visible(now) if live.names.version(m) == "v1"]
        found = []
        async for page in client.list_markets(page_size=2):
            found += [row.id for row in page.items]
        assert found
        assert set(found) <= set(names)
        market = await soon(client.get_market(id=live.names.market_id(scene.market)))
        assert market.condition_id == live.names.condition_id(scene.market)
        books = {row.asset_id: row for row in await soon(client.get_order_books(token_ids=[scene.yes, scene.no]))}
        yes, no = books[scene.yes], books[scene.no]
        assert {(1 - row.price, row.size) for row in yes.bids} == {(row.price, row.size) for row in no.asks}
        assert yes.tick_size == Decimal("0.01")
        best = (await soon(client.get_order_book(token_id=scene.yes))).asks[-1].price
        assert best == yes.asks[-1].price
        assert await soon(client.get_price(token_id=scene.yes, side="BUY")) == best
        middle = (yes.bids[-1].price + best) / 2
        assert await soon(client.get_midpoint(token_id=scene.yes)) == middle
        assert await soon(client.get_spread(token_id=scene.yes)) == best - yes.bids[-1].price
        await client.close()


async def test_credentials_balances_and_fills() -> None:
    async with served() as scene:
        client = await secure(scene)
        again = await secure(scene)  # creating fails the second time: the client derives
        assert again.credentials == client.credentials
        assert client.credentials.key in await soon(client.fetch_api_keys())
        assert not await soon(client.get_closed_only_mode())
        money = await soon(client.get_balance_allowance(asset_type="COLLATERAL"))
        assert money.balance == 10_000_000_000
        ask = (await soon(client.get_order_book(token_id=scene.yes))).asks[-1].price
        crossing = await soon(client.place_limit_order(token_id=scene.yes, price=ask, size=25, side="BUY"))
        assert (crossing.ok, crossing.status) == (True, "matched")
        assert await soon(client.wait_for_order_fill_settlement(crossing))
        mine = [row async for page in client.list_account_trades() for row in page.items]
        assert [row.status for row in mine] == ["CONFIRMED"] * len(mine)
        assert sum(row.size for row in mine) == 25
        bought = await soon(client.place_market_order(token_id=scene.no, side="BUY", amount=10, order_type="FOK"))
        assert (bought.ok, bought.status) == (True, "matched")
        await soon(client.wait_for_order_fill_settlement(bought))
        held = await soon(client.get_balance_allowance(asset_type="CONDITIONAL", token_id=scene.yes))
        assert held.balance == 25_000_000
        sold = await soon(client.place_market_order(token_id=scene.yes, side="SELL", shares=10, order_type="FAK"))
        assert sold.status == "matched"
        await client.close()
        await again.close()
        scene.sandbox.exchange.bank.check()


async def test_resting_orders_cancels_notices_and_heartbeats() -> None:
    async with served() as scene:
        client = await secure(scene)
        book = await soon(client.get_order_book(token_id=scene.yes))
        bid, ask = book.bids[-1].price, book.asks[-1].price
        limit = {"token_id": scene.yes, "price": bid, "side": "BUY"}
        resting = await soon(client.place_limit_order(**limit, size=20, post_only=True))
        assert (resting.ok, resting.status) == (True, "live")
        order = await soon(client.get_order(order_id=resting.order_id))
        assert (order.price, order.original_size, order.status) == (bid, 20, "LIVE")
        open_ids = [row.id async for page in client.list_open_orders() for row in page.items]
        assert open_ids == [resting.order_id]
        done = await soon(client.cancel_order(order_id=resting.order_id))
        assert done.canceled == (resting.order_id,)
        second = await soon(client.place_limit_order(**limit, size=5))
        third = await soon(client.place_limit_order(token_id=scene.no, price=1 - ask, size=5, side="BUY"))
        assert set((await soon(client.cancel_all())).canceled) == {second.order_id, third.order_id}
        notices = await soon(client.get_notifications())
        assert [int(row.type) for row in notices] == [1, 1, 1]
        beat = await soon(client.send_order_heartbeat())
        assert (await soon(client.send_order_heartbeat(heartbeat_id=beat.heartbeat_id))).heartbeat_id
        await client.close()
        scene.sandbox.exchange.bank.check()


async def test_a_deposit_wallet_trades_as_the_client_does_by_default() -> None:
    from polymarket import AsyncSecureClient

    async with served() as scene:
        scene.sandbox.faults.switch_on("deposit-wallet-required")
        client = await soon(AsyncSecureClient.create(private_key=KEY, environment=scene.environment))
        assert client.wallet_type == "DEPOSIT_WALLET"
        ask = (await soon(client.get_order_book(token_id=scene.yes))).asks[-1].price
        done = await soon(client.place_limit_order(token_id=scene.yes, price=ask, size=12, side="BUY"))
        assert (done.ok, done.status) == (True, "matched")
        assert await soon(client.wait_for_order_fill_settlement(done))
        held = await soon(client.get_balance_allowance(asset_type="CONDITIONAL", token_id=scene.yes))
        assert held.balance == 12_000_000
        assert scene.sandbox.exchange.bank.wallet(client.wallet.lower()).shares((scene.market, 0)) == 12_000_000
        await client.close()


async def test_refusals_are_understood_by_the_client() -> None:
    from polymarket.errors import RequestRejectedError

    async with served() as scene:
        client = await secure(scene)
        ask = (await soon(client.get_order_book(token_id=scene.yes))).asks[-1].price
        with pytest.raises(RequestRejectedError, match="order crosses book") as crossed:
            await soon(client.place_limit_order(token_id=scene.yes, price=ask, size=10, side="BUY", post_only=True))
        assert crossed.value.status == 400
        signed = [
            await client.create_limit_order(token_id=scene.yes, price=ask, size=n, side="BUY") for n in (5, 50_000)
        ]
        good, poor = await soon(client.post_orders(signed))
        assert (good.ok, poor.ok) == (True, False)
        assert poor.code == "not_enough_balance"
        scene.sandbox.faults.switch_on("engine-restart", restart=0, post_only=120)
        with pytest.raises(RequestRejectedError) as limited:
            await soon(client.place_limit_order(token_id=scene.yes, price=ask, size=10, side="BUY"))
        assert limited.value.restriction == "post_only"
        assert limited.value.retry_after is not None
        scene.sandbox.faults.switch_on("engine-restart", restart=90, post_only=120)
        with pytest.raises(RequestRejectedError) as restarting:
            await soon(client.cancel_all())
        assert restarting.value.restriction == "restarting"
        await client.close()


async def test_both_streams() -> None:
    from polymarket.streams import MarketSpec, UserSpec

    async with served() as scene:
        client = await secure(scene)
        prices = await soon(client.subscribe(MarketSpec(token_ids=[scene.yes], custom_feature_enabled=True)))
        own = await soon(client.subscribe(UserSpec()))
        book = await until(prices, "book")
        assert book.token_id == scene.yes
        bid, ask = book.bids[-1].price, book.asks[-1].price
        inside = bid + Decimal("0.01")
        assert inside < ask
        placed = await soon(client.place_limit_order(token_id=scene.yes, price=inside, size=30, side="BUY"))
        change = await until(prices, "price_change", lambda p: any(row.price == inside for row in p.price_changes))
        assert {row.token_id for row in change.price_changes} == {scene.yes, scene.no}
        event = await until(own, "order", lambda p: p.id == placed.order_id)
        assert (event.order_event_type, event.status) == ("PLACEMENT", "LIVE")
        taken = await soon(client.place_limit_order(token_id=scene.yes, price=ask, size=10, side="BUY"))
        trade = await until(prices, "last_trade_price", lambda p: p.size == 10)
        assert (trade.price, trade.side) == (ask, "BUY")
        for status in ("MATCHED", "MINED", "CONFIRMED"):
            step = await until(own, "trade", lambda p, status=status: p.status == status)
            assert step.id == taken.trade_ids[0]
        await soon(client.cancel_all())
        gone = await until(own, "order", lambda p: p.order_event_type == "CANCELLATION")
        assert gone.id == placed.order_id
        await prices.close()
        await own.close()
        await client.close()
