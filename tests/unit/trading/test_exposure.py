"""The worst loss of an exclusive event, against brute force."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.trading.exposure import EventBook, OpenOrder, Position, convert

LOT = 10_000


@st.composite
def books(draw) -> EventBook:
    count = draw(st.integers(1, 8))
    market = st.integers(0, count - 1)
    shares = st.integers(1, 5_000).map(lambda lots: lots * LOT)
    positions = [
        Position(market_no=draw(market), is_yes=draw(st.booleans()), shares_e6=(n := draw(shares)), cost_e6=n * draw(st.integers(0, 110)) // 100)
        for _ in range(draw(st.integers(0, 6)))
    ]  # fmt: skip
    orders = [
        OpenOrder(market_no=draw(market), is_yes=draw(st.booleans()), is_buy=draw(st.booleans()), shares_e6=(n := draw(shares)), cost_e6=n * draw(st.integers(1, 104)) // 100)
        for _ in range(draw(st.integers(0, 6)))
    ]  # fmt: skip
    return EventBook(
        markets=tuple(range(count)), positions=tuple(positions), orders=tuple(orders), complete=draw(st.booleans())
    )


def _brute(book: EventBook) -> int:
    """Every winner, every subset of orders filled."""
    worst = 0
    for winner in [*book.markets, *([] if book.complete else [None])]:
        for filled in product((False, True), repeat=len(book.orders)):
            money, shares = 0, dict.fromkeys(product(book.markets, (True, False)), 0)
            for held in book.positions:
                money -= held.cost_e6
                shares[held.market_no, held.is_yes] += held.shares_e6
            for order, done in zip(book.orders, filled, strict=True):
                sign = 1 if order.is_buy else -1
                money -= sign * order.cost_e6 * done
                shares[order.market_no, order.is_yes] += sign * order.shares_e6 * done
            pays = sum(n for (market, is_yes), n in shares.items() if (market == winner) == is_yes)
            worst = max(worst, -(money + pays))
    return worst


@given(books())
def test_the_worst_loss_is_that_of_brute_force(book: EventBook) -> None:
    assert book.worst_e6() == _brute(book)


@given(books(), st.integers(0, 7), st.booleans(), st.integers(1, 5_000), st.integers(1, 99))
def test_a_purchase_within_the_room_keeps_the_limit(
    book: EventBook, pick: int, is_yes: bool, lots: int, cents: int
) -> None:
    """What a purchase adds to is the worst loss among the winners that do not pay it; nothing else can get worse."""
    market = book.markets[pick % len(book.markets)]
    order = OpenOrder(market_no=market, is_yes=is_yes, shares_e6=lots * LOT, cost_e6=lots * LOT * cents // 100)
    more = EventBook(
        markets=book.markets, positions=book.positions, orders=(*book.orders, order), complete=book.complete
    )
    room_used = max(book.worst_e6(), book.worst_without_e6(market, is_yes=is_yes) + order.cost_e6)
    assert more.worst_e6() <= room_used
    if any(not order.pays(winner) for winner in book.winners()):  # else the token cannot lose
        assert more.worst_e6() == room_used


@given(books(), st.integers(1, 255), st.integers(1, 1_000))
def test_conversion_changes_no_pay_out(book: EventBook, chosen: int, lots: int) -> None:
    markets = book.markets
    picked = [market for market in markets if chosen >> market & 1] or [markets[0]]
    cash, yes = convert(lots * LOT, markets, picked)
    for winner in markets:
        before = sum(lots * LOT for market in picked if market != winner)
        assert before == cash + yes.get(winner, 0)


def test_the_sum_of_all_outcomes() -> None:
    """NO of all three outcomes pays two dollars whatever happens; YES of all pays one, if the list is complete."""
    every = {
        is_yes: tuple(Position(market_no=m, is_yes=is_yes, shares_e6=100 * 10**6, cost_e6=40 * 10**6) for m in range(3))
        for is_yes in (True, False)
    }
    assert EventBook(markets=(0, 1, 2), positions=every[False], complete=True).worst_e6() == 0
    assert EventBook(markets=(0, 1, 2), positions=every[True], complete=True).worst_e6() == 20 * 10**6
    assert EventBook(markets=(0, 1, 2), positions=every[True]).worst_e6() == 120 * 10**6


@pytest.mark.parametrize("converted", [(), (9,)])
def test_only_outcomes_of_the_event_are_converted(converted: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one outcome"):
        convert(1, (0, 1), converted)
