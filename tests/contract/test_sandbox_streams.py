"""The market stream against the simulated venue's own sockets and REST: equal books, whatever fault is switched on."""

import asyncio
import contextlib

import pytest
from tests.support.wires import run
from tests.unit.sandbox.exchange.desks import Client, Person

from edgeworth.app.sandboxed import BASE, SandboxTransport, connect_sandbox
from edgeworth.collect.jobs.record import RecordContext, RecordedMarket, record
from edgeworth.core.clock import VirtualClock
from edgeworth.core.paths import Home
from edgeworth.core.units import HOUR, ONE_PRICE, Micros
from edgeworth.engine.book_kernel import quick_feed
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.store.lake_books import BookLake
from edgeworth.store.lake_trades import TradeLake
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.market_stream import MarketStream, StreamMarket
from edgeworth.venues.polymarket.user_stream import Credentials, Resync, UserStream
from edgeworth.venues.polymarket.user_wire import UserOrder, UserTrade

WORLD = generate("tiny", 3)
BUSY = 70 * HOUR  # of its life: a dozen open markets, two trades a minute


class Desk:
    """A sandbox on a virtual clock, its open markets, and a stream over them."""

    def __init__(self, markets=12, fast=None, no_tokens=True):
        self.clock = VirtualClock(Micros(LiveWorld(WORLD).start + BUSY))
        self.sandbox = Sandbox(WORLD, self.clock)
        places = Endpoints.sandbox(BASE)
        self.clob = Clob(HttpClient(places, self.clock, transport=SandboxTransport(self.sandbox), seed=5))
        now, live = self.clock.now(), self.sandbox.live
        self.markets = [m for m in range(live.count) if live.is_open(m, now)][:markets]
        self.tokens = [live.names.tokens(m) for m in self.markets]
        self.stream = MarketStream(
            places.market_ws, connect_sandbox(self.sandbox), self._books, self.clock, fast=fast, seed=2
        )
        self.stream.follow(StreamMarket(yes, no if no_tokens else "") for yes, no in self.tokens)

    async def _books(self, tokens):
        return list(await self.clob.books(tokens))

    def run(self, story):
        async def main():
            task = asyncio.ensure_future(self.stream.run())
            try:
                await story()
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

        run(self.clock, main())

    def same(self):
        """Compare every live book with the venue's own and return how many there were."""
        now, count = self.clock.now(), 0
        for market, (yes, no) in zip(self.markets, self.tokens, strict=True):
            truth = self.sandbox.exchange.book(market)
            if truth is None or not self.sandbox.live.is_open(market, now):
                continue
            found = self.stream.book(yes)
            assert found is not None, market
            bids = tuple((level.price_e4, level.shares_e6) for level in truth.bids)
            asks = tuple((level.price_e4, level.shares_e6) for level in truth.asks)
            assert (found.bids, found.asks) == (bids, asks)
            if no in self.stream.books.tokens:
                assert self.stream.book(no).bids == tuple((ONE_PRICE - price, size) for price, size in asks)
            count += 1
        return count


@pytest.mark.parametrize(("fast", "no_tokens"), [(None, True), (quick_feed, True), (quick_feed, False)])
def test_an_hour_of_the_venue_is_followed_without_a_doubt(fast, no_tokens):
    desk = Desk(fast=fast, no_tokens=no_tokens)

    async def story():
        await desk.clock.sleep(2)
        for _ in range(60):
            await desk.clock.sleep(60)
            assert desk.same() > 5

    desk.run(story)
    keeper = desk.stream.keeper
    assert {doubt.cause for doubt in (*keeper.closed.drain(), *keeper.open_doubts())} <= {"tick-changed"}
    assert keeper.counts.rejected == keeper.counts.unknown_events == 0
    assert desk.stream.counts.agreed > 100
    assert desk.stream.counts.differed == 0
    assert len(desk.stream.trades) > 10


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("ws-silent", {}), ("ws-close", {}), ("ws-arrays", {}), ("ws-duplicate-trades", {}), ("ws-unknown-event", {}),
        ("ws-empty-numbers", {}), ("ws-missing-snapshots", {}), ("ws-refused", {}), ("outage", {}),
    ],
)  # fmt: skip
def test_every_fault_ends_in_the_venues_books(fault, parameters):
    desk = Desk(fast=quick_feed)

    async def story():
        if fault == "ws-missing-snapshots":
            desk.sandbox.faults.switch_on(fault, 600, **parameters)
        await desk.clock.sleep(5)
        if fault in {"ws-refused", "outage"}:
            desk.sandbox.faults.switch_on("ws-close", 5)
        desk.sandbox.faults.switch_on(fault, 240, **parameters)
        await desk.clock.sleep(300)
        await desk.clock.sleep(300)
        assert desk.same() > 5

    desk.run(story)


def test_every_trade_is_told_once():
    desk = Desk(fast=quick_feed)

    async def story():
        desk.sandbox.faults.switch_on("ws-duplicate-trades", 3_600)
        await desk.clock.sleep(1_800)

    desk.run(story)
    trades = desk.stream.trades.drain()
    assert len(trades) == len({(t.transaction, t.token, t.price_e4, t.size_e6, t.event_time) for t in trades}) > 5
    assert desk.stream.keeper.counts.repeated_trades >= len(trades) // 2


def test_what_is_recorded_is_what_the_venue_did(tmp_path):
    desk = Desk(fast=quick_feed)
    begun = desk.clock.now()
    context = RecordContext(desk.stream, Home(tmp_path), desk.clock)
    markets = [
        RecordedMarket(market, StreamMarket(*tokens)) for market, tokens in zip(desk.markets, desk.tokens, strict=True)
    ]
    counts = run(desk.clock, record(context, markets, Micros(begun + HOUR)))
    trades = TradeLake(tmp_path / "lake").scan().collect()
    told = trades.select("market_no", "event_time", "price_e4", "size_e6", "side").rows()
    assert sorted(told) == sorted(printed(desk, begun))
    assert counts.trades == len(told) > 50
    books = BookLake(tmp_path / "lake").scan_books().collect()
    assert books.height == counts.books > 500
    assert counts.missed == 0
    assert counts.trades_dropped == counts.rejected == 0


def printed(desk, begun):
    """Every public trade of the venue since then, in terms of YES, at the venue's own resolution of a millisecond."""
    for market in desk.markets:
        for trade in desk.sandbox.exchange.trades(market, begun, desk.clock.now()):
            yes = trade.leg == 0
            price = trade.price_e4 if yes else ONE_PRICE - trade.price_e4
            side = 1 if (trade.side == "BUY") == yes else -1
            yield market, trade.at // 1_000 * 1_000, price, trade.shares_e6, side


def test_own_orders_and_trades_arrive_once_per_step():
    desk = Desk(markets=1)
    client = Client(desk.sandbox.exchange, desk.clock, Person(4))
    client.login()
    keys = Credentials(client.keys["apiKey"], client.keys["secret"], client.keys["passphrase"])
    user = UserStream(Endpoints.sandbox(BASE).user_ws, connect_sandbox(desk.sandbox), keys, desk.clock)
    desk.sandbox.faults.switch_on("ws-duplicate-trades", 600)

    async def story():
        task = asyncio.ensure_future(user.run())
        await desk.clock.sleep(1)
        book = desk.sandbox.exchange.book(desk.markets[0])
        client.placed(desk.tokens[0][0], "BUY", book.bids[0].price_e4 - 300, 10)
        client.placed(desk.tokens[0][0], "BUY", book.asks[0].price_e4, 5)
        await desk.clock.sleep(30)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert desk.same() == 1

    desk.run(story)
    found = user.messages.drain()
    assert isinstance(found[0], Resync)
    trades = [item for item in found if isinstance(item, UserTrade)]
    assert [trade.status for trade in trades] == ["MATCHED", "MINED", "CONFIRMED"]
    assert {trade.size_e6 for trade in trades} == {5_000_000}
    orders = [item for item in found if isinstance(item, UserOrder)]
    assert [order.event for order in orders if order.size_e6 == 10_000_000] == ["PLACEMENT"]
    assert user.counts.repeated >= 3


def test_wrong_credentials_give_nothing_and_no_storm():
    desk = Desk()
    user = UserStream(
        Endpoints.sandbox(BASE).user_ws, connect_sandbox(desk.sandbox), Credentials("a", "b", "c"), desk.clock
    )

    async def story():
        task = asyncio.ensure_future(user.run())
        await desk.clock.sleep(600)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    desk.run(story)
    assert 600 / 30 <= user.socket.counts.attempts <= 120
