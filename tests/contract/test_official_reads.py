"""The venue's own client, unmodified, reads everything the simulated metadata and data services have to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.contract.test_official_client import environment
from tests.unit.sandbox.worlds import world

from edgeworth.app.serving import listen, make_server
from edgeworth.core.clock import ManualClock
from edgeworth.core.units import DAY
from edgeworth.sandbox.server.asgi import SandboxApp
from edgeworth.sandbox.server.sandbox import Sandbox

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def reading() -> AsyncIterator[tuple[Sandbox, Any]]:
    """Serve a small venue whose time stands still, and connect the client."""
    from polymarket import AsyncPublicClient

    made = world("live-small", 7)
    sandbox = Sandbox(made, ManualClock(made.scenario.end - 27 * DAY))
    sock = listen("127.0.0.1", 0)
    server = make_server(SandboxApp(sandbox))
    running = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        host, port = sock.getsockname()[:2]
        client = AsyncPublicClient(environment(f"http://{host}:{port}"))
        try:
            yield sandbox, client
        finally:
            await client.close()
    finally:
        server.should_exit = True
        await running
        sock.close()


async def everything(paginator: Any, most: int = 10_000) -> list[Any]:
    rows: list[Any] = []
    async for page in paginator:
        rows += page.items
        if len(rows) >= most:
            break
    return rows


async def test_listings_and_single_objects() -> None:
    async with reading() as (sandbox, client):
        live, now = sandbox.live, int(sandbox.clock.now())
        opened = await everything(client.list_markets(closed=False, page_size=100))
        expected = [
            m for m in live.visible(now).tolist() if live.resolved_at[m] > now and live.names.version(m) == "v1"
        ]
        assert [row.id for row in opened] == [live.names.market_id(market) for market in expected]
        assert await everything(client.list_markets(closed=True, page_size=100), 300)
        events = await everything(client.list_events(closed=False, page_size=50))
        assert len(events) > 30
        market = await client.get_market(id=opened[0].id, include_tag=True)
        assert market.slug == opened[0].slug
        assert (await client.get_market(slug=market.slug)).id == market.id
        event = await client.get_event(id=events[0].id)
        assert (await client.get_event(slug=event.slug)).id == event.id
        assert await client.get_market_tags(market.id)


async def test_tags_series_search_and_people() -> None:
    async with reading() as (_, client):
        tags = await everything(client.list_tags())
        assert len(tags) > 10
        assert (await client.get_tag(slug=tags[0].slug)).id == tags[0].id
        assert await client.get_related_tags(id=tags[0].id)
        series = await everything(client.list_series())
        assert (await client.get_series(series[0].id)).slug == series[0].slug
        assert await everything(client.search(q="bitcoin", search_tags=True), 5)
        assert await client.get_sports()
        assert await client.get_sports_market_types()
        assert await everything(client.list_teams()) == []
        event = (await everything(client.list_events(closed=False), 1))[0]
        comments = await everything(client.list_comments(parent_entity_id=event.id, parent_entity_type="Event"))
        assert comments
        address = comments[0].user_address
        assert await client.get_public_profile(address)
        assert await client.get_comment_thread(comments[0].id)
        assert await everything(client.list_comments_by_user_address(address=address), 5)


async def test_the_data_service_about_markets() -> None:
    async with reading() as (sandbox, client):
        live, now = sandbox.live, int(sandbox.clock.now())
        market = live.open_markets(now).tolist()[3]
        condition, token = live.names.condition_id(market), live.names.tokens(market)[0]
        event = int(live.names.event_id(live.event_of(market)))
        gone = live.resolved_between(0, now)[-1]
        assert len(await everything(client.list_trades(condition_id=condition, page_size=20), 60)) >= 60
        assert await everything(client.list_trades(page_size=20), 20)
        assert await everything(client.list_positions(condition_id=condition))
        assert await everything(client.list_market_holders(condition_ids=condition, include_pnl=True))
        found = await client.get_resolutions(condition_ids=live.names.condition_id(gone))
        assert len(found) == 1
        references = await client.get_token_references(asset_ids=[token, live.names.tokens(gone)[1]])
        assert len(references) == 2
        points = await everything(client.list_price_history(asset_id=token, interval="1w"))
        assert len(points) > 100
        settled = await everything(
            client.list_price_history(asset_id=live.names.tokens(gone)[0], interval="max", bucket_seconds=10_800)
        )
        assert settled
        assert await client.get_open_interests(condition_ids=condition)
        assert await client.get_event_live_volume(event_ids=event)


async def test_the_data_service_about_wallets() -> None:
    async with reading() as (sandbox, client):
        user = sandbox.data.holdings.address(0)
        assert await everything(client.list_positions(user=user), 50)
        assert await client.get_portfolio_value(user=user)
        assert await client.get_user_stats(user=user)
        assert (await client.get_user_pnl(user=user, interval="1w", fidelity="1d")).points
        assert await client.get_user_volume(user=user)
        await everything(client.list_activity(user=user), 20)
        board = await everything(client.list_trader_leaderboard(page_size=20))
        assert len(board) == 50
        assert await client.get_trader_leaderboard_standing(user=board[0].wallet)
        assert await everything(client.list_biggest_winners(), 20)
