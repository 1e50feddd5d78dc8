"""The adapters against the simulated venue: what it knows is what we read, whatever is switched on in between."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.wires import run

from edgeworth.app.sandboxed import BASE, SandboxTransport
from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import VenueError
from edgeworth.core.records import CandleBlock, MarketRecord, PriceBlock, Rejected, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR, SECOND, Micros
from edgeworth.sandbox.server.faults import CATALOGUE
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.venues.binance.bulk import Bulk
from edgeworth.venues.binance.rest import Binance
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.data_api import DataApi
from edgeworth.venues.polymarket.gamma import Filters, Gamma

WORLD = generate("tiny", 3)
"""A few dozen events; the venue's life is its last thirty days."""


class Desk:
    """A sandbox on a virtual clock and every adapter connected to it."""

    def __init__(self):
        self.clock = VirtualClock(LiveWorld(WORLD).start)
        self.sandbox = Sandbox(WORLD, self.clock)
        self.http = HttpClient(Endpoints.sandbox(BASE), self.clock, transport=SandboxTransport(self.sandbox), seed=5)
        self.gamma, self.clob, self.data = Gamma(self.http), Clob(self.http), DataApi(self.http)
        self.past = Gamma(self.http, backfill=True)
        self.binance, self.bulk = Binance(self.http), Bulk(self.http)

    def run(self, work):
        return run(self.clock, work)

    async def listing(self, closed=False):
        return [page async for page in (self.past if closed else self.gamma).markets(Filters(closed=closed))]


@pytest.fixture
def desk():
    return Desk()


def records(pages, kind):
    return [record for page in pages for record in page.records if isinstance(record, kind)]


def conditions(pages):
    return {dict(record.ids)["condition"] for record in records(pages, MarketRecord)}


def test_listings_hold_the_venues_markets(desk):
    live, now = desk.sandbox.live, desk.clock.now()
    open_pages, closed_pages = desk.run(desk.listing()), desk.run(desk.listing(closed=True))
    known = {live.names.condition_id(int(number)) for number in live.visible(now)}
    assert conditions(open_pages) | conditions(closed_pages) >= known
    assert not conditions(open_pages) & conditions(closed_pages)
    assert {record.reason for record in records(open_pages + closed_pages, Rejected)} <= {
        "scalar-market",
        "resolution-unclear",
    }
    assert not any(page.partial or page.duplicates for page in open_pages + closed_pages)
    resolved = records(closed_pages, ResolutionRecord)
    assert all(record.resolved_at <= now for record in resolved)
    assert {record.payout for record in resolved} >= {Payout.YES, Payout.NO}


def test_three_sources_name_the_same_winner(desk):
    closed = desk.run(desk.listing(closed=True))
    told = {
        dict(r.ids)["condition"]: r.payout for r in records(closed, ResolutionRecord) if r.payout is not Payout.VOID
    }
    some = sorted(told)[:40]

    async def work():
        clob = [await desk.clob.market(condition) for condition in some]
        return clob, await desk.data.resolutions(some)

    clob, data = desk.run(work())
    by_clob = {dict(r.ids)["condition"]: r.payout for found in clob for r in found if isinstance(r, ResolutionRecord)}
    by_data = {dict(r.ids)["condition"]: r.payout for r in data if isinstance(r, ResolutionRecord)}
    assert by_clob == by_data
    assert by_clob.items() <= told.items()
    assert len(by_clob) > 30  # neither knows markets from before the order book


def test_books_are_the_exchanges_and_prices_follow_from_them(desk):
    states = [state for page in desk.run(desk.listing()) for state in page.states if state.tradable(desk.clock.now())]
    tokens = [state.tokens[0] for state in states]

    async def work():
        books = await desk.clob.books(tokens)
        single = await desk.clob.book(tokens[0])
        other = await desk.clob.book(states[0].tokens[1])
        prices = [await desk.clob.prices(tokens, side) for side in ("BUY", "SELL")]
        return books, single, other, await desk.clob.midpoints(tokens), *prices

    books, single, other, mids, asks, bids = desk.run(work())
    assert set(books.books) == set(tokens)
    assert not books.rejected
    assert (single.bids, single.asks) == (books.books[tokens[0]].bids, books.books[tokens[0]].asks)
    mirrored = single.mirrored(states[0].tokens[1])
    assert (mirrored.bids, mirrored.asks) == (other.bids, other.asks)
    assert {quote.token: quote.price_e4 for quote in asks} == {b.token: b.asks[0][0] for b in books if b.asks}
    assert {quote.token: quote.price_e4 for quote in bids} == {b.token: b.bids[0][0] for b in books if b.bids}
    for quote in mids:
        book = books.books[quote.token]
        if not book.bids or not book.asks:
            continue
        assert abs(2 * quote.price_e4 - book.bids[0][0] - book.asks[0][0]) <= 1


def test_histories_of_both_services(desk):
    states = [state for page in desk.run(desk.listing(closed=True)) for state in page.states if state.tokens]

    async def work():
        token = states[-1].tokens[0]
        return (
            await desk.clob.history(token),
            await desk.data.history(token),
            await desk.clob.history(token, minutes=60),
        )

    coarse, fine, nothing = desk.run(work())
    assert [type(record) for record in coarse] == [PriceBlock]
    assert not nothing
    assert {record.reason for record in fine if isinstance(record, Rejected)} == {"settlement-point"}
    block = next(record for record in fine if isinstance(record, PriceBlock))
    assert len(block.t) > len(coarse[0].t) > 1
    assert int(block.t[-1]) <= desk.clock.now()


def test_wallets_and_prints(desk):
    states = [state for page in desk.run(desk.listing()) for state in page.states]

    async def work():
        pages = [page async for page in desk.data.trades(conditions=[states[0].condition], taker_only=False)]
        rows = [row for page in pages for row in page.rows]
        wallet = rows[0].wallet
        positions = [row async for page in desk.data.positions(user=wallet) for row in page.rows]
        deeds = [row async for page in desk.data.activity(wallet) for row in page.rows]
        holders = await desk.data.holders([states[0].condition])
        return pages, rows, positions, deeds, holders, await desk.data.value(wallet), wallet

    pages, rows, positions, deeds, holders, value, wallet = desk.run(work())
    assert not any(page.rejected or page.partial for page in pages)
    assert len({row.key for row in rows}) == len(rows)
    assert {row.condition for row in rows} == {states[0].condition}
    assert {row.wallet for row in positions} <= {wallet}
    assert deeds
    assert not any(isinstance(row, Rejected) for row in holders)
    assert value.name == wallet


def test_candles_by_rest_and_by_file_agree(desk):
    now = desk.clock.now()
    month = (datetime.fromtimestamp(now / 1e6, UTC) - timedelta(days=60)).date().replace(day=1)
    start = Micros(int(datetime(month.year, month.month, 1, tzinfo=UTC).timestamp()) * SECOND)

    async def work():
        file = await desk.bulk.month("BTCUSDT", "1h", month)
        return file, await desk.binance.klines("BTCUSDT", "1h", start, Micros(start + 28 * DAY))

    file, rest = desk.run(work())
    (bulk,), (block,) = file.records, rest
    assert block.t.tolist() == bulk.t[: len(block.t)].tolist()
    assert block.close.tolist() == bulk.close[: len(block.t)].tolist()
    assert len(block.t) == 28 * 24


def test_an_unfinished_candle_is_left_out(desk):
    now = desk.clock.now()

    async def work():
        await desk.clock.sleep(1_800 + (HOUR - now % HOUR) / SECOND)
        return await desk.binance.klines("BTCUSDT", "1h", Micros(now - DAY), Micros(now + DAY))

    (block,) = desk.run(work())
    assert isinstance(block, CandleBlock)
    assert int(block.t[-1]) + HOUR <= desk.clock.now()


READ_FAULTS = sorted(
    name for name, fault in CATALOGUE.items() if fault.cls == "switch" and fault.side in {"read", "context"}
)


@pytest.mark.parametrize("name", READ_FAULTS)
def test_no_fault_changes_what_is_read_or_breaks_a_limit(name):
    truth = Desk()
    expected = conditions(truth.run(truth.listing(closed=True)))
    desk = Desk()
    desk.sandbox.faults.switch_on(name, seconds=240.0)

    async def once():
        pages = await desk.listing(closed=True)
        assert not any(page.partial for page in pages), [page.partial for page in pages]
        states = [state for page in pages for state in page.states if state.tokens]
        await desk.clob.books([state.tokens[0] for state in states[:20]])
        await desk.data.resolutions([state.condition for state in states[:20]])
        await desk.binance.klines("BTCUSDT", "1h", Micros(desk.clock.now() - DAY), desk.clock.now())
        return pages

    async def work():
        for _ in range(60):
            try:
                return await once()
            except VenueError:
                await desk.clock.sleep(20)
        raise AssertionError("never recovered")

    pages = desk.run(work())
    assert conditions(pages) == expected
    assert desk.sandbox.counters.over_limit() == 0


def test_a_flood_stays_below_a_tenth_of_every_documented_limit(desk):
    async def work():
        state = (await desk.listing())[0].states[0]
        calls = []
        for _ in range(150):
            calls += [
                desk.gamma.market(state.gamma_id), desk.clob.books([state.tokens[0]]), desk.clob.book(state.tokens[0]),
                desk.data.resolutions([state.condition]), desk.binance.time(), desk.gamma.search("bitcoin"),
            ]  # fmt: skip
        await asyncio.gather(*calls)

    desk.run(work())
    counters = desk.sandbox.counters
    assert counters.over_limit() == 0
    most = {
        ("gamma", "markets"): 30,
        ("gamma", "search"): 35,
        ("clob", "books"): 50,
        ("clob", "book"): 150,
        ("data", None): 80,
    }
    for (service, route), allowed in most.items():
        assert counters.peak(service, route, 10.0) <= allowed, (service, route)
    assert desk.http.usage.calls() == counters.total()
