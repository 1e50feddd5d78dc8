"""Executable prices: never better than the mid, on the tick, mirrored for NO."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.engine.fills import ask_e4, bid_e4, half_spread_e4, leg_price_e4, quote_table


def test_examples() -> None:
    assert ask_e4(5_000, 100, 100) == 5_100
    assert ask_e4(5_050, 100, 100) == 5_200
    assert bid_e4(5_050, 100, 100) == 4_900
    assert ask_e4(9_950, 100, 100) == 9_950
    assert ask_e4(9_850, 100, 100) == 9_900
    assert bid_e4(20, 100, 10) == 10
    assert bid_e4(5, 100, 10) == 5
    assert ask_e4(0, 0, 10) == 10
    assert ask_e4(5_055, 0, 100) == bid_e4(5_055, 0, 100) == 5_055
    assert leg_price_e4(3_000, -1) == 7_000
    assert half_spread_e4(5_000, 1_000_000, 40_000) == 200
    assert half_spread_e4(5_000, 1, 0) == 1


@given(st.integers(0, 10_000), st.integers(0, 500), st.sampled_from([1, 10, 100]))
def test_never_better_than_the_mid(mid: int, half: int, tick: int) -> None:
    ask, bid = ask_e4(mid, half, tick), bid_e4(mid, half, tick)
    assert bid <= mid <= ask
    assert ask >= tick
    assert ask <= max(10_000 - tick, mid, tick)
    assert ask == ask_e4.py_func(mid, half, tick)
    assert bid == bid_e4.py_func(mid, half, tick)


def test_table_holds_every_quote() -> None:
    ticks = np.array([1, 100])
    for buy, quote in ((True, ask_e4), (False, bid_e4)):
        table = quote_table(ticks, 1_000_000, 20_000, buy)
        np.testing.assert_array_equal(table, quote_table.py_func(ticks, 1_000_000, 20_000, buy))
        assert table[1, 3_333] == quote(3_333, half_spread_e4(3_333, 1_000_000, 20_000), 100)
