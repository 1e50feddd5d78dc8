"""Whatever the socket loses, repeats, swaps or withholds, the books end as the venue's, and none is wrong unnoticed."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tiny_venue import Market, TinyVenue, text

from edgeworth.core.book import EPOCH, TICK
from edgeworth.core.clock import VirtualClock
from edgeworth.core.units import SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.engine.book_kernel import quick_feed
from edgeworth.venues.polymarket.book_keeper import Cause
from edgeworth.venues.polymarket.market_stream import MarketStream, StreamMarket, StreamSettings

START = Micros(1_795_000_000_000_000)


def build(seed=1, markets=3, fast=None, **changes):
    clock = VirtualClock(START)
    venue = TinyVenue(clock, seed, markets)
    options = StreamSettings(**changes)
    stream = MarketStream("ws://venue", venue.connect, venue.snapshot, clock, fast=fast, settings=options, seed=seed)
    stream.follow(StreamMarket(market.yes, market.no) for market in venue.markets)
    return clock, venue, stream


def run(clock, stream, story):
    async def main():
        task = asyncio.ensure_future(stream.run())
        try:
            await story()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    run_virtual(clock, main())


def assert_true(venue, stream):
    for market in venue.markets:
        for token in (market.yes, market.no):
            found = stream.book(token)
            assert found is not None, token
            assert (found.bids, found.asks) == market.sides(token)


def assert_honest(venue, stream, within_s=3.0):
    """A book that is given out as proven has best prices that the venue had within those seconds."""
    now = venue.clock.now()
    for market in venue.markets:
        found = stream.book(market.yes, within_s)
        if found is None:
            continue
        mine = (found.bids[0][0] if found.bids else None, found.asks[0][0] if found.asks else None)
        moments = venue.bests[market.yes]
        standing = [best for k, (_, best) in enumerate(moments)
                    if k + 1 == len(moments) or moments[k + 1][0] >= now - within_s * SECOND - 1_000]  # fmt: skip
        assert mine in standing


@pytest.mark.parametrize("fast", [None, quick_feed])
def test_books_follow_the_venue_and_both_tokens_mirror(fast):
    clock, venue, stream = build(fast=fast)

    async def story():
        await clock.sleep(1)
        for _ in range(300):
            venue.change()
            await clock.sleep(0.05)
            assert_true(venue, stream)
        assert stream.keeper.counts.doubts == 0
        assert (stream.keeper.counts.decoded < 10) == (fast is not None)

    run(clock, stream, story)


@given(
    seed=st.integers(0, 10**6),
    drop=st.sampled_from([0.0, 0.02, 0.2]),
    repeat=st.sampled_from([0.0, 0.1]),
    swap=st.sampled_from([0.0, 0.1]),
    hang_ups=st.integers(0, 2),
    freeze=st.booleans(),
    fast=st.sampled_from([None, quick_feed]),
)
def test_a_broken_stream_ends_in_the_same_books_as_an_unbroken_one(seed, drop, repeat, swap, hang_ups, freeze, fast):
    clock, venue, stream = build(seed, fast=fast)

    async def story():
        await clock.sleep(1)
        venue.drop, venue.repeat, venue.swap = drop, repeat, swap
        for step in range(150):
            venue.change()
            await clock.sleep(float(venue.draws.uniform(0.001, 0.4)))
            assert_honest(venue, stream)
            if (step == 40 and hang_ups > 0) or (step == 90 and hang_ups > 1):
                await venue.hang_up()
            if freeze and step == 60:
                venue.frozen = True
            if freeze and step == 100:
                venue.frozen = False
        venue.heal()
        for _ in range(140):
            await clock.sleep(1)
            assert_honest(venue, stream)
        assert_true(venue, stream)

    run(clock, stream, story)


def test_a_lost_change_of_the_best_price_is_found_with_the_next_message():
    clock, venue, stream = build(markets=1)

    async def story():
        await clock.sleep(1)
        market = venue.markets[0]
        best = market.best()
        venue.drop = 1.0
        while market.best() == best:
            venue.change()
        venue.drop = 0.0
        lost_at = clock.now()
        await clock.sleep(0.5)
        while not stream.keeper.counts.doubts:
            venue.change()
            await clock.sleep(0.01)
            assert clock.now() - lost_at < 3 * SECOND
        assert stream.book(market.yes) is None
        await clock.sleep(1)
        assert_true(venue, stream)
        assert stream.keeper.closed.drain()[0].cause is Cause.BEST

    run(clock, stream, story)


def test_a_decision_finds_a_silent_socket_at_once_and_the_watch_within_its_minute():
    clock, venue, stream = build(markets=1)

    async def story():
        market = venue.markets[0]
        await clock.sleep(1)
        venue.frozen = True
        best = market.best()
        while market.best() == best:
            venue.change()
        await clock.sleep(4)
        assert stream.book(market.yes) is not None  # nothing was heard, so nothing speaks against it
        assert stream.book(market.yes, within_s=3.0) is None  # but nothing has proven it either
        asked = clock.now()
        assert await stream.proven(market.yes, within_s=3.0) is None
        assert clock.now() - asked < 3 * SECOND
        await clock.sleep(2)
        assert_true(venue, stream)  # REST mended it
        venue.change()
        await clock.sleep(70)
        assert stream.counts.differed == 2
        assert stream.counts.renewals >= 1  # the silent socket was opened anew
        venue.frozen = False
        await clock.sleep(5)
        assert_true(venue, stream)

    run(clock, stream, story)


def test_no_frame_at_all_for_thirty_seconds_ends_the_connection():
    clock, venue, stream = build(markets=1)

    async def story():
        await clock.sleep(1)
        venue.wires[0].push = lambda _frame: None  # not even an answer to PING
        await clock.sleep(45)
        assert stream.sockets[0].counts.silences == 1
        assert venue.opened == 2
        assert_true(venue, stream)

    run(clock, stream, story)


def test_a_tick_change_starts_an_epoch_that_waits_for_a_snapshot():
    clock, venue, stream = build(markets=1)

    async def story():
        await clock.sleep(1)
        market = venue.markets[0]
        venue.rest_down = True
        market.tick = 10
        stamp = str(clock.now() // 1_000)
        for token in (market.yes, market.no):
            venue.tell(market, {"event_type": "tick_size_change", "market": market.condition, "asset_id": token,
                                "old_tick_size": "0.01", "new_tick_size": "0.001", "timestamp": stamp})  # fmt: skip
        await clock.sleep(0.1)
        number = stream.books.tokens[market.yes][0]
        assert stream.book(market.yes) is None
        assert stream.books.field(number, TICK) == 10
        assert stream.books.field(number, EPOCH) == 1
        venue.change()
        venue.rest_down = False
        await clock.sleep(5)
        assert_true(venue, stream)
        venue.change()
        await clock.sleep(0.1)
        assert_true(venue, stream)

    run(clock, stream, story)


def test_a_first_book_that_never_comes_is_fetched():
    clock, venue, stream = build()

    async def story():
        venue.no_first = True
        await clock.sleep(1)
        assert stream.book(venue.markets[0].yes) is None
        for _ in range(20):
            venue.change()
            await clock.sleep(0.5)
        assert_true(venue, stream)

    run(clock, stream, story)


def test_no_socket_carries_more_than_two_hundred_tokens():
    clock, venue, stream = build(markets=230)

    async def story():
        await clock.sleep(2)
        assert [len(wire.assets) for wire in venue.wires] == [200, 200, 60]
        assert_true(venue, stream)

    run(clock, stream, story)


def test_a_market_that_is_not_followed_any_more_is_silent():
    clock, venue, stream = build()

    async def story():
        await clock.sleep(1)
        gone = venue.markets[1]
        await stream.unfollow([gone.yes])
        assert gone.no not in venue.wires[0].assets
        for _ in range(30):
            venue.change()
            await clock.sleep(0.1)
        assert stream.book(gone.yes) is None
        await clock.sleep(120)
        assert stream.counts.renewals == 0
        venue.markets.remove(gone)
        assert_true(venue, stream)

    run(clock, stream, story)


def test_markets_that_are_added_later_share_a_socket_with_room():
    clock, venue, stream = build()

    async def story():
        await clock.sleep(1)
        more = [Market(50 + k, venue.draws, 100) for k in range(2)]
        venue.add(more)
        stream.follow(StreamMarket(market.yes, market.no) for market in more)
        await clock.sleep(1)
        assert venue.opened == 1
        for _ in range(20):
            venue.change()
        await clock.sleep(1)
        assert_true(venue, stream)
        await venue.hang_up()
        await clock.sleep(5)
        assert_true(venue, stream)

    run(clock, stream, story)


def test_stated_best_prices_without_a_change_to_explain_them_are_a_gap_within_three_seconds():
    clock, venue, stream = build(markets=1)

    async def story():
        await clock.sleep(1)
        market = venue.markets[0]
        best = market.best()
        venue.drop = 1.0
        while market.best() == best:
            venue.change()
        venue.drop = 0.0
        bid, ask = market.best()
        begun = clock.now()
        venue.tell(market, {"event_type": "best_bid_ask", "market": market.condition, "asset_id": market.yes,
                            "best_bid": text(bid), "best_ask": text(ask), "timestamp": str(begun // 1_000)})  # fmt: skip
        while not stream.keeper.counts.doubts:
            await clock.sleep(0.1)
            assert clock.now() - begun <= 3 * SECOND
        await clock.sleep(1)
        assert_true(venue, stream)

    run(clock, stream, story)


def test_reconnects_pause_by_chance_and_never_longer_than_half_a_minute():
    clock, venue, stream = build()

    async def story():
        await clock.sleep(1)
        venue.refusing = True
        await venue.hang_up()
        began = stream.sockets[0].counts.attempts
        await clock.sleep(600)
        tries = stream.sockets[0].counts.attempts - began
        assert 600 / 30 <= tries <= 120
        assert stream.book(venue.markets[0].yes) is None
        venue.refusing = False
        await clock.sleep(35)
        assert_true(venue, stream)

    run(clock, stream, story)
    pauses = [stream.sockets[0].pause(failures) for failures in range(40) for _ in range(5)]
    assert max(pauses) <= 30
    assert len(set(pauses)) == len(pauses)


def test_a_rest_service_that_is_down_doubts_nothing_and_opens_no_sockets():
    clock, venue, stream = build()

    async def story():
        await clock.sleep(1)
        venue.rest_down = True
        for _ in range(60):
            venue.change()
            await clock.sleep(5)
        assert_true(venue, stream)
        assert stream.counts.undecided > 0
        assert venue.opened == 1

    run(clock, stream, story)
