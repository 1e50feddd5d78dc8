"""A book in integers says what a dictionary per side would say, for either token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.book import CHANGES, EPOCH, NO_LEG, TICK, YES_LEG, Answer, Books, BookSnapshot, Change

levels = st.dictionaries(st.integers(0, 100).map(lambda k: 100 * k), st.integers(1, 10**9), max_size=8)


def snapshot(token, bids, asks, at=1, **more):
    return BookSnapshot(
        token=token, bids=tuple(sorted(bids.items(), reverse=True)), asks=tuple(sorted(asks.items())), known_at=at,
        event_time=at, **more,
    )  # fmt: skip


def mirrored(side):
    return {10_000 - price: size for price, size in side.items()}


@given(
    bids=levels,
    asks=levels,
    leg=st.sampled_from([YES_LEG, NO_LEG]),
    changes=st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 3), st.booleans(), st.sampled_from([YES_LEG, NO_LEG])),
        max_size=40,
    ),
)
def test_it_equals_dictionaries(bids, asks, leg, changes):
    books = Books()
    other = books.open("1", "2", 10)
    number = books.open("3", "4", 100)
    assert books.replace(number, leg, snapshot("34"[leg], bids, asks)) is Answer.APPLIED
    if leg == NO_LEG:
        bids, asks = mirrored(asks), mirrored(bids)
    bids, asks = dict(bids), dict(asks)
    for k, (price, size, is_bid, side_leg) in enumerate(changes):
        assert books.change(number, side_leg, Change(100 * price, size, is_bid), 2 + k, 2 + k) is Answer.APPLIED
        yes_price = 100 * price if side_leg == YES_LEG else 10_000 - 100 * price
        side = bids if is_bid == (side_leg == YES_LEG) else asks
        side[yes_price] = size
        if not size:
            del side[yes_price]
        assert books.best(number) == (max(bids, default=None), min(asks, default=None))
    found = books.snapshot("3")
    assert (dict(found.bids), dict(found.asks)) == (bids, asks)
    assert list(found.bids) == sorted(found.bids, reverse=True)
    assert list(found.asks) == sorted(found.asks)
    assert books.snapshot("4").bids == found.mirrored("4").bids
    assert books.snapshot("4").asks == found.mirrored("4").asks
    assert books.field(number, CHANGES) == len(changes)
    assert books.levels_of(other) == ((), ())


def test_only_a_snapshot_makes_a_book_valid_and_only_agreement_keeps_it_so():
    books = Books()
    number = books.open("1", "2")
    assert books.change(number, YES_LEG, Change(5_000, 1, True), 1, 1) is Answer.NOT_VALID
    assert books.snapshot("1") is None
    books.replace(number, YES_LEG, snapshot("1", {5_000: 5}, {5_100: 7}, at=10))
    assert books.check(number, YES_LEG, 5_000, 5_100, 11) is Answer.APPLIED
    assert books.check(number, NO_LEG, 4_900, 5_000, 11) is Answer.APPLIED
    assert books.check(number, NO_LEG, None, None, 11) is Answer.APPLIED
    assert books.change(number, YES_LEG, Change(5_050, 1, True), 12, 12) is Answer.OFF_GRID
    assert books.change(number, YES_LEG, Change(5_000, 1, True), 9, 12) is Answer.OLD
    assert books.change(number, YES_LEG, Change(5_100, 0, False), 12, 12) is Answer.APPLIED
    for nothing in (0, 10_000):
        assert books.check(number, YES_LEG, 5_000, nothing, 12) is Answer.APPLIED
    assert books.check(number, YES_LEG, 5_100, None, 12) is Answer.MISMATCH
    assert not books.is_valid(number)
    assert books.replace(number, YES_LEG, snapshot("1", {5_000: 5}, {}, at=11)) is Answer.OLD
    assert books.replace(number, YES_LEG, snapshot("1", {5_055: 5}, {}, at=13)) is Answer.OFF_GRID
    assert books.replace(number, YES_LEG, snapshot("1", {5_000: 5}, {}, at=13)) is Answer.APPLIED
    books.forget(number)
    assert books.replace(number, YES_LEG, snapshot("1", {5_000: 5}, {}, at=2)) is Answer.APPLIED


def test_a_new_epoch_has_another_grid_and_no_levels():
    books = Books()
    number = books.open("1", "2")
    books.replace(number, YES_LEG, snapshot("1", {5_000: 5}, {5_100: 7}))
    books.new_epoch(number, 10)
    assert (books.field(number, EPOCH), books.field(number, TICK), books.is_valid(number)) == (1, 10, False)
    assert books.replace(number, YES_LEG, snapshot("1", {5_010: 5}, {5_020: 7}, at=2)) is Answer.APPLIED
    assert books.best(number) == (5_010, 5_020)
    assert books.levels_of(number, NO_LEG) == (((4_980, 7),), ((4_990, 5),))
    books.new_epoch(number, 100)
    assert books.levels_of(number) == ((), ())
    for tick in (0, 30, 20_000):
        with pytest.raises(ValueError, match="tick"):
            books.open("9", "", tick)


def test_room_grows_and_closed_markets_are_forgotten():
    books = Books()
    numbers = [books.open(f"{2 * k}", f"{2 * k + 1}", 10) for k in range(20)]
    for k, number in enumerate(numbers):
        books.replace(number, YES_LEG, snapshot(f"{2 * k}", {100 * (k + 1): 5}, {9_900: k + 1}))
    assert [books.best(number)[0] for number in numbers] == [100 * (k + 1) for k in range(20)]
    assert books.open("0", "1") == 0
    books.close(3)
    assert books.snapshot("6") is None
    assert "7" not in books.tokens


def test_the_last_price_is_of_the_yes_leg_for_both_tokens():
    book = snapshot("1", {5_000: 5}, {5_100: 7}, last_e4=5_100)
    assert book.mirrored("2").last_e4 == 5_100
    assert book.mirrored("2").bids == ((4_900, 7),)
