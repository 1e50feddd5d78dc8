"""Matching against an oracle that sorts all orders anew for every taker."""

from hypothesis import given
from hypothesis import strategies as st

from edgeworth.sandbox.exchange.book import Book
from edgeworth.sandbox.exchange.state import Kind, Order

actions = st.lists(
    st.tuples(
        st.integers(0, 1),  # leg
        st.booleans(),  # buy
        st.integers(30, 70),  # price in cents
        st.integers(1, 50),  # shares
        st.booleans(),  # limited by dollars instead of shares
        st.integers(0, 9),  # cancels one of the resting orders when 0
    ),
    min_size=1,
    max_size=40,
)


def make(number: int, leg: int, buy: bool, cents: int, shares: int, budget: bool) -> Order:
    kind = Kind.FAK if budget else Kind.GTC
    dollars = shares * 10**6 if budget and buy else None
    size = shares * 10**6
    return Order(
        str(number), "w", "o", 0, leg, buy, cents * 100, size, size, kind=kind, created=number, budget_e6=dollars
    )


def oracle(resting: list[Order], taker: Order) -> list[tuple[str, int]]:
    """Best price first, oldest first; a budget buys whole millionths of shares at each maker's price."""
    against = [row for row in resting if row.bid != taker.bid and row.left_e6 > 0]
    if taker.bid:
        against = sorted((r for r in against if r.yes_e4 <= taker.yes_e4), key=lambda r: (r.yes_e4, r.created))
    else:
        against = sorted((r for r in against if r.yes_e4 >= taker.yes_e4), key=lambda r: (-r.yes_e4, r.created))
    result, left, budget = [], taker.left_e6, taker.budget_e6
    for maker in against:
        price = maker.yes_e4 if taker.leg == 0 else 10_000 - maker.yes_e4
        most = left if budget is None else budget * 10_000 // price
        shares = min(most, maker.left_e6)
        if shares <= 0:
            break
        result.append((maker.id, shares))
        if budget is None:
            left -= shares
        else:
            budget -= -(-shares * price // 10_000)
    return result


@given(rows=actions)
def test_price_then_time_and_never_crossed(rows: list[tuple[int, bool, int, int, bool, int]]) -> None:
    book, resting = Book(), []
    for number, (leg, buy, cents, shares, budget, cancel) in enumerate(rows):
        taker = make(number, leg, buy, cents, shares, budget)
        expected = oracle(resting, taker)
        fills = book.plan(taker)
        assert [(fill.maker.id, fill.shares_e6) for fill in fills] == expected
        assert bool(fills) == book.crosses(taker.bid, taker.yes_e4)
        book.take(fills)
        if taker.kind.rests:
            taker.left_e6 -= sum(fill.shares_e6 for fill in fills)
            if taker.left_e6:
                book.rest(taker)
                resting.append(taker)
        resting = [row for row in resting if row.left_e6]
        if cancel == 0 and resting:
            book.cancel(resting.pop(number % len(resting)))
        bid, ask = book.best_bid(), book.best_ask()
        assert bid is None or ask is None or bid < ask
        assert {row.id for row in book.orders()} == {row.id for row in resting}
        for bids in (True, False):
            prices = [level.price_e4 for level in book.side(bids)]
            assert prices == sorted(prices, reverse=bids)
            totals = {p: sum(r.left_e6 for r in resting if r.bid == bids and r.yes_e4 == p) for p in prices}
            assert dict(book.side(bids)) == totals


def test_a_no_order_stands_at_one_minus_p() -> None:
    book = Book()
    book.rest(make(1, 1, True, 40, 10, False))  # buys NO at 0.40 = offers YES at 0.60
    assert book.best_ask() == 6_000
    taker = make(2, 0, True, 61, 4, False)
    assert [(fill.yes_e4, fill.shares_e6) for fill in book.plan(taker)] == [(6_000, 4 * 10**6)]
