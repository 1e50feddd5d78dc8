"""Amounts, ticks and fees against published vectors."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.types import FeeSchedule
from edgeworth.sandbox.exchange.book import Level
from edgeworth.sandbox.exchange.money import PLACES, decimal, read_amounts, taker_fee_e6
from edgeworth.sandbox.exchange.render import Shown, best_prices, book_hash, book_object, sides


@pytest.mark.parametrize(
    ("price", "maker", "taker", "buy", "tick"),
    [
        (5200, 52_000_000, 100_000_000, True, 100),
        (5230, 5_292_760, 10_120_000, True, 10),
        (700, 33_330_000, 2_333_100, False, 100),
        (9975, 11_970_000, 12_000_000, True, 25),
        (7, 1_500_550_000, 1_050_385, False, 1),
    ],
)
def test_limit_amounts_give_the_price(price: int, maker: int, taker: int, buy: bool, tick: int) -> None:
    limit = read_amounts(maker, taker, buy, False, tick)
    assert limit is not None
    assert limit.price_e4 == price
    assert limit.shares_e6 == (taker if buy else maker)
    assert limit.budget_e6 is None


@pytest.mark.parametrize(
    ("price", "maker", "taker", "buy", "tick"),
    [
        (5300, 25_000_000, 47_169_800, True, 100),
        (3330, 100_120_000, 300_660_660, True, 10),
        (4800, 12_340_000, 5_923_200, False, 100),
    ],
)
def test_market_amounts_give_the_protection_price(price: int, maker: int, taker: int, buy: bool, tick: int) -> None:
    limit = read_amounts(maker, taker, buy, True, tick)
    assert limit is not None
    assert limit.price_e4 == price
    assert limit.budget_e6 == (maker if buy else None)


def test_prices_off_the_tick_or_outside_are_refused() -> None:
    assert read_amounts(52_300_000, 100_000_000, True, False, 100) is None  # 0.523 at a cent
    assert read_amounts(100_000_000, 100_000_000, True, False, 100) is None  # 1
    assert read_amounts(1, 100_000_000, True, False, 100) is None
    assert read_amounts(0, 100_000_000, True, False, 100) is None
    assert read_amounts(25_000_000, 46_000_000, True, True, 100) is None  # 0.543, far from any rounding


@given(
    tick=st.sampled_from(sorted(PLACES)),
    place=st.integers(1, 9_999),
    cents=st.integers(1, 5_000_000),
    buy=st.booleans(),
)
def test_every_order_the_official_client_can_round_is_understood(tick: int, place: int, cents: int, buy: bool) -> None:
    price = max(tick, min(place // tick * tick, 10_000 - tick))
    amount = PLACES[tick].amount
    shares = Decimal(cents) / 100
    cash = shares * Decimal(price) / 10_000
    assert cash == round(cash, amount)
    maker, taker = (cash, shares) if buy else (shares, cash)
    limit = read_amounts(int(maker * 10**6), int(taker * 10**6), buy, False, tick)
    assert limit == (price, int(shares * 10**6), None)


@pytest.mark.parametrize(
    ("shares", "price", "rate", "fee"),
    [(100, 5_000, 70_000, 1.75), (100, 9_000, 70_000, 0.63), (100, 5_000, 50_000, 1.25), (100, 1_000, 40_000, 0.36)],
)
def test_published_fees(shares: int, price: int, rate: int, fee: float) -> None:
    assert taker_fee_e6(shares * 10**6, price, FeeSchedule(rate, 1)) == round(fee * 1e6)


def test_a_fee_below_the_smallest_step_is_nothing_and_others_are_whole_steps() -> None:
    assert taker_fee_e6(500, 5_000, FeeSchedule(70_000, 1)) == 0  # 0.00000875 dollars
    assert taker_fee_e6(600, 5_000, FeeSchedule(70_000, 1)) == 20  # 0.0000105, rounded up
    assert taker_fee_e6(10**6, 5_000, FeeSchedule(250_000, 2)) == 15_630  # the legacy square
    assert taker_fee_e6(10**9, 5_000, FeeSchedule()) == 0


def test_decimals() -> None:
    assert [decimal(5300, 4), decimal(1, 6), decimal(10**6, 6), decimal(0, 4), decimal(-15, 1)] == [
        "0.53",
        "0.000001",
        "1",
        "0",
        "-1.5",
    ]


def test_the_books_hash() -> None:
    book = {
        "market": "0xaabbcc",
        "asset_id": "100",
        "timestamp": "123456789",
        "hash": "",
        "bids": [{"price": "0.3", "size": "100"}, {"price": "0.4", "size": "100"}],
        "asks": [{"price": "0.6", "size": "100"}, {"price": "0.7", "size": "100"}],
        "min_order_size": "100",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "0.5",
    }
    assert book_hash(book) == "0458ea5755c9f73d64a14636fa5c36ed460ec394"


levels = st.dictionaries(st.integers(1, 4_999), st.integers(1, 10**9), max_size=6)


@given(bids=levels, asks=levels)
def test_the_no_book_is_the_exact_mirror(bids: dict[int, int], asks: dict[int, int]) -> None:
    shown = Shown(
        "0xc",
        ("1", "2"),
        0,
        [Level(price, bids[price]) for price in sorted(bids, reverse=True)],
        [Level(5_000 + price, asks[price]) for price in sorted(asks)],
        100,
        False,
        None,
    )
    yes, no = book_object(shown, 0), book_object(shown, 1)
    for one, other in (("bids", "asks"), ("asks", "bids")):
        mirrored = [(str(1 - Decimal(row["price"])), row["size"]) for row in yes[one]]
        assert [(str(Decimal(row["price"])), row["size"]) for row in no[other]] == mirrored
    assert [Decimal(row["price"]) for row in yes["bids"]] == sorted(Decimal(row["price"]) for row in yes["bids"])
    best_bid, best_ask = best_prices(shown, 1)
    assert best_bid == (10_000 - min(asks) - 5_000 if asks else None)
    assert best_ask == (10_000 - max(bids) if bids else None)
    assert len(sides(shown, 1)[0]) == len(asks)
