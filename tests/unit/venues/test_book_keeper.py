"""What the keeper of books believes, doubts and puts together again."""

import json

import pytest
from tests.support.tiny_venue import TinyVenue

from edgeworth.core.book import PROVEN_AT, Books, BookSnapshot
from edgeworth.core.clock import VirtualClock
from edgeworth.core.units import SECOND, Micros
from edgeworth.venues.polymarket.book_keeper import BookKeeper, Cause
from edgeworth.venues.polymarket.ws_wire import WireBook, WireLevel, digest

START = Micros(1_795_000_000_000_000)


class Heard:
    def __init__(self):
        self.causes, self.trades, self.notices = [], [], []

    def doubted(self, number, cause):
        self.causes.append(cause)

    def traded(self, trade):
        self.trades.append(trade)

    def told(self, message):
        self.notices.append(message)


@pytest.fixture
def venue():
    return TinyVenue(VirtualClock(START), 4, markets=1)


@pytest.fixture
def keeper(venue):
    found = BookKeeper(Books(), Heard())
    market = venue.markets[0]
    number = found.books.open(market.yes, market.no)
    found.start_over([number], START)
    feed(found, market.book(market.yes, START), START)
    return found


def feed(keeper, body, now):
    keeper.feed(json.dumps(body).encode(), now)


def change(venue, now):
    return {**venue.markets[0].change(venue.draws), "timestamp": str(now // 1_000)}


def rest(venue, now, token=None):
    market = venue.markets[0]
    bids, asks = market.sides(token or market.yes)
    return BookSnapshot(token=token or market.yes, bids=bids, asks=asks, known_at=now, event_time=now)


def assert_true(keeper, venue):
    for token in (venue.markets[0].yes, venue.markets[0].no):
        found = keeper.books.snapshot(token)
        assert (found.bids, found.asks) == venue.markets[0].sides(token)


def test_changes_that_come_while_a_book_is_in_doubt_are_joined_to_the_snapshot(keeper, venue):
    keeper.doubt(0, Cause.ORDER, START + 1)
    feed(keeper, change(venue, START + 2_000), START + 2_000)
    found = rest(venue, START + 3_000)
    for k in range(4, 9):
        feed(keeper, change(venue, START + k * 1_000), START + k * 1_000)
    assert keeper.books.snapshot(venue.markets[0].yes) is None
    assert keeper.offer(found, START + 2_500, START + 9_000)
    assert_true(keeper, venue)
    (gap,) = keeper.closed.drain()
    assert (gap.cause, gap.since, gap.until) == (Cause.ORDER, START + 1, START + 9_000)


def test_a_snapshot_older_than_what_was_seen_is_refused(keeper, venue):
    old = rest(venue, START)
    feed(keeper, change(venue, START + 5_000), START + 5_000)
    keeper.doubt(0, Cause.BEST, START + 6_000)
    assert not keeper.offer(old, START + 6_000, START + 7_000)
    assert keeper.offer(rest(venue, START + 7_000, venue.markets[0].no), START + 7_000, START + 8_000)
    assert_true(keeper, venue)
    assert keeper.books.field(0, PROVEN_AT) == START + 7_000


def test_too_many_changes_kept_aside_wait_for_a_later_snapshot(keeper, venue):
    keeper.doubt(0, Cause.BEST, START)
    for k in range(2_100):
        feed(keeper, change(venue, START + k * 1_000), START + k * 1_000)
    assert keeper.counts.ignored_invalid > 0
    now = START + 2_100_000
    assert not keeper.offer(rest(venue, now), now, now)
    assert keeper.offer(rest(venue, now + 1_000), now + 1_000, now + 1_000)
    assert_true(keeper, venue)


def test_a_delayed_message_proves_no_more_than_its_own_stamp(keeper, venue):
    feed(keeper, change(venue, START + 1_000), START + 20 * SECOND)
    assert keeper.books.is_valid(0)
    assert keeper.books.field(0, PROVEN_AT) == START + 1_000
    assert keeper.age(0, START + 20 * SECOND) == 0


def hashed(venue, now, right=True):
    market = venue.markets[0]
    body = {**market.book(market.yes, now), "min_order_size": "5", "neg_risk": False, "last_trade_price": "0.5"}
    sides = {side: [WireLevel(**level) for level in body[side]] for side in ("bids", "asks")}
    wire = WireBook(**{key: value for key, value in (body | sides).items() if key != "event_type"})
    return {**body, "hash": digest(wire) if right else "0" * 40}


def test_a_hash_is_believed_only_after_twenty_that_agreed(keeper, venue):
    feed(keeper, hashed(venue, START + 1_000, right=False), START + 1_000)
    assert keeper.books.is_valid(0)
    for k in range(20):
        feed(keeper, hashed(venue, START + (2 + k) * 1_000), START + (2 + k) * 1_000)
    assert keeper.counts.hash_matches == 20
    feed(keeper, hashed(venue, START + 50_000, right=False), START + 50_000)
    assert not keeper.books.is_valid(0)
    assert keeper._audience.causes == [Cause.HASH]


def test_a_comparison_leaves_out_what_changes_meanwhile_and_nothing_else(keeper, venue):
    keeper.begin_compare([0])
    found = rest(venue, START + 1_000)
    for k in range(2, 6):
        feed(keeper, change(venue, START + k * 1_000), START + k * 1_000)
    assert keeper.compare(found, START + 1_000, START + 6_000) is True
    keeper.end_compare([0])
    keeper.begin_compare([0])
    venue.markets[0].change(venue.draws)  # nobody was told
    assert keeper.compare(rest(venue, START + 7_000, venue.markets[0].no), START + 7_000, START + 8_000) is False
    assert keeper._audience.causes == [Cause.REST]
    assert keeper.compare(rest(venue, START + 9_000), START + 9_000, START + 9_000) is None


def test_a_comparison_with_a_book_that_was_replaced_or_an_old_answer_proves_nothing(keeper, venue):
    market = venue.markets[0]
    feed(keeper, change(venue, START + 1_000), START + 1_000)
    keeper.begin_compare([0])
    assert keeper.compare(rest(venue, START), START + 2_000, START + 2_000) is None
    feed(keeper, market.book(market.no, START + 3_000), START + 3_000)
    assert keeper.compare(rest(venue, START + 3_000), START + 3_000, START + 4_000) is None
    keeper.end_compare([0])
    assert keeper.books.is_valid(0)


def test_a_price_off_the_grid_is_a_missed_tick_change_and_the_snapshot_brings_the_new_grid(keeper, venue):
    market = venue.markets[0]
    bid, ask = market.best()
    market.tick = 10
    market.bids[bid + 10] = 5_000_000
    part = {"asset_id": market.yes, "price": f"{(bid + 10) / 10_000:g}", "size": "5", "side": "BUY"}
    feed(keeper, {"event_type": "price_change", "timestamp": str(START // 1_000 + 1), "price_changes": [part]}, START)
    assert keeper._audience.causes == [Cause.GRID]
    assert keeper.offer(rest(venue, START + 2_000), START + 2_000, START + 2_000)
    assert keeper.books.best(0) == (bid + 10, ask)
    assert_true(keeper, venue)
