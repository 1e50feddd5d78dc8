"""The compiled way and the usual way end in the same books, whatever a frame holds; what is odd is left alone."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tiny_venue import TinyVenue

from edgeworth.core.book import KNOWN_AT, NUMBER, WATCHED, Books
from edgeworth.core.clock import VirtualClock
from edgeworth.core.units import Micros
from edgeworth.engine.book_kernel import DOUBT, LEAVE, feed, quick_feed
from edgeworth.venues.polymarket.book_keeper import BookKeeper

START = Micros(1_795_000_000_000_000)
COMPACT = (",", ":")
MANY = max(400, settings.default.max_examples)


class Nobody:
    def doubted(self, number, cause):
        self.said = (number, cause)

    def traded(self, trade):
        pass

    def told(self, message):
        pass


def keepers(venue):
    """Two keepers with the same books, the second with the compiled way."""
    both = []
    for fast in (None, quick_feed):
        books = Books()
        keeper = BookKeeper(books, Nobody(), fast)
        for market in venue.markets:
            books.open(market.yes, market.no, market.tick)
        both.append(keeper)
    first = json.dumps([m.book(m.yes, START) for m in venue.markets], separators=COMPACT).encode()
    for keeper in both:
        keeper.feed(first, START)
    return both


def state(keeper):
    books = keeper.books
    heads = [[books.field(n, f) for f in range(NUMBER)] for n in range(len(books))]
    return [books.levels_of(n) for n in range(len(books))], heads, keeper.counts.doubts, len(keeper.open_doubts())


def frames(venue, count):
    found = []
    for k in range(count):
        market = venue.markets[int(venue.draws.integers(0, len(venue.markets)))]
        stamp = START + (k + 1) * 7_000
        if venue.draws.random() < 0.2:
            body = market.book(market.yes if venue.draws.random() < 0.5 else market.no, stamp)
            body = [body] if venue.draws.random() < 0.5 else body
        else:
            body = {**market.change(venue.draws), "timestamp": str(stamp // 1_000)}
        found.append((body, stamp))
    return found


def venue_of(seed, tick=100):
    return TinyVenue(VirtualClock(START), seed, markets=3, tick=tick)


@given(seed=st.integers(0, 10**6), tick=st.sampled_from([10, 100]))
def test_whole_streams_end_equal_and_nearly_all_of_them_the_quick_way(seed, tick):
    venue = venue_of(seed, tick)
    usual, quick = keepers(venue)
    for body, now in frames(venue, 40):
        frame = json.dumps(body, separators=COMPACT).encode()
        usual.feed(frame, now)
        quick.feed(frame, now)
        assert state(usual) == state(quick)
    assert quick.counts.decoded == 1  # the first books
    assert quick.counts.doubts == usual.counts.doubts == 0


mutations = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 700), st.just(b"")),
    st.tuples(st.just("put"), st.integers(0, 700), st.sampled_from([b'"', b"{", b"}", b"]", b",", b"0", b"\\", b" ",
              b"9", b".", b"\x00", b"\xff", b"e5", b"-", b"null"])),
    st.tuples(st.just("set"), st.integers(0, 700), st.sampled_from([b'"', b"}", b"0", b"1", b"9", b".", b"B", b"\x07"])),
)  # fmt: skip


@given(seed=st.integers(0, 10**4), damage=st.lists(mutations, max_size=3), last=st.booleans())
@settings(max_examples=MANY)
def test_damaged_frames_end_equal(seed, damage, last):
    venue = venue_of(seed)
    usual, quick = keepers(venue)
    bodies = frames(venue, 4)
    for k, (body, now) in enumerate(bodies):
        frame = json.dumps(body, separators=COMPACT).encode()
        for how, place, what in damage if (k == 3) == last else ():
            at = place % (len(frame) + 1)
            frame = frame[:at] if how == "cut" else frame[:at] + what + frame[at + (how == "set") :]
        usual.feed(frame, now)
        quick.feed(frame, now)
        assert state(usual) == state(quick), frame


def fresh_shelves():
    shelves = [keeper.books for keeper in keepers(venue_of(11))]
    return shelves, [books.cells[:] for books in shelves], list(shelves[0].places)


@pytest.mark.parametrize("is_book", [False, True])
def test_one_character_changed_anywhere_ends_equal(is_book):
    venue = venue_of(11)
    market, now = venue.markets[0], START + 7_000
    body = market.book(market.no, now) if is_book else {**market.change(venue.draws), "timestamp": str(now // 1_000)}
    frame = json.dumps(body, separators=COMPACT).encode()
    shelves, cells, places = fresh_shelves()
    for at in range(len(frame)):
        for what in (b"", b'"', b"7", b"x"):
            bad = frame[:at] + what + frame[at + 1 :]
            if any(books.places != places for books in shelves):  # an epoch moved a book
                shelves, cells, places = fresh_shelves()
            for books, whole in zip(shelves, cells, strict=True):
                books.cells[:] = whole
            usual, quick = BookKeeper(shelves[0], Nobody()), BookKeeper(shelves[1], Nobody(), quick_feed)
            usual.feed(bad, now)
            quick.feed(bad, now)
            assert state(usual) == state(quick), bad


texts = st.sampled_from(["0.5", "0.50", "0.505", "0.5000", "0.50001", "1", "0", "1.5", "", "NaN", "1e400", "-0.1", ".5",
                         "5.", "00.5", "0.99", "1000000000000", "9999999999999", "12.3456789", "abc"])  # fmt: skip


@given(
    seed=st.integers(0, 100),
    price=texts,
    size=texts,
    bid=texts,
    side=st.sampled_from(["BUY", "SELL", "buy", "B", "", "SELL2"]),
    leg=st.sampled_from(["yes", "no", "other"]),
    stamp=st.sampled_from(["1795000000007", "1795000000", "1794999999999", "", "99999999999999", "17950000000x7"]),
    order=st.permutations(range(5)),
    spaces=st.booleans(),
    more=st.sampled_from([{}, {"new": "x"}, {"new": 1.5}, {"new": None}, {"new": {"a": [1]}}, {"market": "2"}]),
)
@settings(max_examples=MANY)
def test_unusual_values_end_equal(seed, price, size, bid, side, leg, stamp, order, spaces, more):
    venue = venue_of(seed)
    usual, quick = keepers(venue)
    market = venue.markets[0]
    token = {"yes": market.yes, "no": market.no, "other": "1" * 77}[leg]
    pairs = [("asset_id", token), ("price", price), ("size", size), ("side", side), ("best_bid", bid)]
    change = dict([pairs[k] for k in order])
    body = {"market": market.condition, "price_changes": [change], "event_type": "price_change", "timestamp": stamp}
    book = {"event_type": "book", "asset_id": token, "market": "0x1", "timestamp": stamp, "hash": "",
            "bids": [{"price": price, "size": size}], "asks": [{"price": bid, "size": "5"}], "neg_risk": True}  # fmt: skip
    for found in ({**body, **more}, {**book, **more}):
        frame = json.dumps(found, separators=None if spaces else COMPACT).encode()
        usual.feed(frame, START + 9_000)
        quick.feed(frame, START + 9_000)
        assert state(usual) == state(quick), frame


def test_a_missed_change_shows_as_doubt_about_that_book():
    venue = venue_of(5)
    _, quick = keepers(venue)
    kernel = quick_feed(quick.books)
    market = venue.markets[1]
    best = market.best()
    while market.best() == best:
        market.change(venue.draws)
    body = {**market.change(venue.draws), "timestamp": str(START // 1_000 + 1)}
    frame = json.dumps(body, separators=COMPACT).encode()
    assert kernel(frame, START + 1_000) == DOUBT - 1
    assert not quick.books.is_valid(1)
    assert kernel(frame, START + 1_000) == LEAVE


def test_watched_and_unknown_books_are_left_alone():
    venue = venue_of(6)
    _, quick = keepers(venue)
    kernel = quick_feed(quick.books)
    market = venue.markets[0]
    body = {**market.change(venue.draws), "timestamp": str(START // 1_000 + 1)}
    frame = json.dumps(body, separators=COMPACT).encode()
    quick.books.watch(0)
    assert quick.books.field(0, WATCHED) == 1
    assert kernel(frame, START + 1_000) == LEAVE
    quick.books.watch(0, on=False)
    assert kernel(frame, START + 1_000) == 2
    assert quick.books.field(0, KNOWN_AT) == START + 1_000
    for k in range(200):  # places, tokens and the array itself change: the keeper looks them up again
        quick.books.open(f"{7 * 10**76 + k}", f"{8 * 10**76 + k}", 10)
    decoded = quick.counts.decoded
    quick.feed(frame, START + 2_000)
    assert (quick.counts.decoded, quick.books.field(0, KNOWN_AT)) == (decoded, START + 2_000)
    quick.books.close(0)
    quick.feed(frame, START + 3_000)
    assert (quick.counts.decoded, quick.counts.foreign) == (decoded + 1, 2)


def test_the_plain_form_of_the_kernel_answers_as_the_compiled_one():
    venue = venue_of(7)
    _, quick = keepers(venue)
    kernel = quick_feed(quick.books)
    plain = getattr(feed, "py_func", feed)
    for body, now in frames(venue, 10):
        frame = json.dumps(body, separators=COMPACT).encode()
        before = quick.books.cells[:]
        found = kernel(frame, now)
        after = quick.books.cells[:]
        quick.books.cells[:] = before
        assert plain(kernel.args[0], frame, now) == found
        assert quick.books.cells == after
