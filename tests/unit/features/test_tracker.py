"""The tracker's features against values worked out by hand."""

import math
from pathlib import Path

import polars as pl
import pytest

from edgeworth.core.units import HOUR, MINUTE
from edgeworth.features.tracker import BESIDES, FEATURES, reference_page, tracker_frame

T0 = 1_767_225_600_000_000  # 2026-01-01, on the grid
QUARTER = 15 * MINUTE


def rows(prices, *, start=T0, step=QUARTER, source="track", market=1, **columns):
    """Snapshots with a bid and ask one cent around each price (in cents), None = a slot without a book."""
    count = len(prices)
    slots = [start + index * step for index in range(count)]
    return pl.DataFrame(
        {
            "market_no": pl.Series([market] * count, dtype=pl.Int32),
            "source": [source] * count,
            "slot": slots,
            "event_time": [slot + 700_000 for slot in slots],
            "known_at": [slot + 900_000 for slot in slots],
            "bid_e4": pl.Series([None if p is None else p * 100 - 100 for p in prices], dtype=pl.Int32),
            "ask_e4": pl.Series([None if p is None else p * 100 + 100 for p in prices], dtype=pl.Int32),
            **columns,
        }
    )


def column(frame, name):
    return tracker_frame(frame)[name].to_list()


def test_probability_is_the_mid_else_the_last_trade_and_certainty_its_distance_from_one_half():
    frame = rows([30, None, 60, 99], last_e4=[3_333, 4_000, 7_000, 9_990])
    frame = frame.with_columns(ask_e4=pl.Series([3_150, None, 6_100, 10_000], dtype=pl.Int32))
    assert column(frame, "market_probability") == pytest.approx([0.3025, 0.40, 0.60, 0.999])  # nobody sells at the end
    assert column(frame, "market_edge") == pytest.approx([0.1975, 0.10, 0.10, 0.499])


def test_momentum_looks_back_by_time_not_by_rows():
    frame = rows([50, 53, 51, 58, 60, 41])
    assert column(frame, "price_momentum_15m") == [None, *(pytest.approx(x) for x in (0.03, -0.02, 0.07, 0.02, -0.19))]
    assert column(frame, "price_momentum_1h") == [None] * 4 + [pytest.approx(0.10), pytest.approx(-0.12)]


def test_momentum_bridges_two_missing_slots_and_no_more():
    frame = rows([50, 51, 52, 53, 54, 55, 56])
    two_missing = frame.filter(~pl.col("slot").is_in([T0 + QUARTER, T0 + 2 * QUARTER]))
    # at 45 min the price as of 30 min is that of 0 min, two intervals old
    assert column(two_missing, "price_momentum_15m")[1] == pytest.approx(0.03)
    three_missing = frame.filter((pl.col("slot") == T0) | (pl.col("slot") >= T0 + 4 * QUARTER))
    assert column(three_missing, "price_momentum_15m") == [None, None, pytest.approx(0.01), pytest.approx(0.01)]
    assert column(three_missing, "price_momentum_1h")[1] == pytest.approx(0.04)  # 60 min ago a price stood


def test_jitter_within_a_slot_does_not_move_the_grid():
    late = rows([50, 52, 57]).with_columns(
        event_time=pl.Series([T0 + 9_000_000, T0 + QUARTER + 1, T0 + 2 * QUARTER + 5])
    )
    assert column(late, "price_momentum_15m")[1:] == [pytest.approx(0.02), pytest.approx(0.05)]
    # imported snapshots: the interval of the instant counts
    for unscheduled in (late.drop("slot"), late.with_columns(slot="event_time")):
        assert column(unscheduled, "price_momentum_15m")[1:] == [pytest.approx(0.02), pytest.approx(0.05)]


def test_volatility_is_the_population_sd_of_the_last_five_and_the_current():
    found = column(rows([50, 52, 49, 53, 50, 52, 60]), "price_volatility")
    assert found[:5] == [None] * 5
    # cents 50 52 49 53 50 52: mean 51, squares 1 1 4 4 1 1 = 12, / 6 = 2
    assert found[5] == pytest.approx(math.sqrt(2) / 100)
    # cents 52 49 53 50 52 60: mean 316/6, sum of squares 16 718 - 316^2/6 = 75.3333
    assert found[6] == pytest.approx(math.sqrt(75.33333333 / 6) / 100)


def test_logit_volatility_is_level_free():
    found = column(rows([50, 60, 50, 60, 50, 60]), "logit_volatility")
    step = math.log(0.6 / 0.4)  # changes +s -s +s -s +s: mean s/5, variance s^2 (1 - 1/25)
    assert found[5] == pytest.approx(step * math.sqrt(24 / 25))
    assert found[:5] == [None] * 5


CENTS = [50, 52, 51, 55, 54, 54, 57, 56, 58, 55, 56, 59, 58, 60, 61, 57]
# changes  +2 -1 +4 -1  0 +3 -1 +2 -3 +1 +3 -1 +2 +1 | -4


def test_rsi_of_fourteen_simple_changes():
    found = column(rows(CENTS), "rsi_14")
    assert found[:14] == [None] * 14
    assert found[14] == pytest.approx(100 * 18 / (18 + 7))  # gains 2+4+3+2+1+3+2+1 = 18, losses 1+1+1+3+1 = 7
    assert found[15] == pytest.approx(100 * 16 / (16 + 11))  # the first +2 leaves, a -4 enters


def test_rsi_of_wilder_is_named_apart_and_smooths():
    found = column(rows(CENTS), "rsi_14_wilder")
    assert found[:14] == [None] * 14
    assert found[14] == pytest.approx(72.0)
    gain, loss = 13 * (18 / 14) / 14, (13 * (7 / 14) + 4) / 14
    assert found[15] == pytest.approx(100 * gain / (gain + loss))


def test_rsi_at_its_ends():
    assert column(rows(list(range(20, 35))), "rsi_14")[14] == 100.0
    assert column(rows(list(range(35, 20, -1))), "rsi_14")[14] == 0.0
    assert column(rows([40] * 15), "rsi_14")[14] == 50.0  # no change is no strength


def test_wilder_starts_again_after_a_hole():
    whole = rows([*CENTS, *CENTS])
    holed = whole.with_columns(
        pl.when(pl.col("slot") >= T0 + 16 * QUARTER)
        .then(pl.col(name) + 3 * QUARTER)
        .otherwise(pl.col(name))
        .alias(name)
        for name in ("slot", "event_time", "known_at")
    )
    found = column(holed, "rsi_14_wilder")
    assert found[16:30] == [None] * 14
    assert found[30] == pytest.approx(72.0)


def test_traded_volume_is_per_interval_and_the_spike_compares_it_with_its_past():
    dollars = [1_000, 1_010, 1_030, 1_060, 1_140, 1_140]
    frame = rows([50] * 6, volume_e6=[value * 10**6 for value in dollars])
    assert column(frame, "traded_volume") == [None, 10, 20, 30, 80, 0]
    found = column(frame, "volume_spike")
    assert found[:4] == [None] * 4
    assert found[4] == pytest.approx((80 - 20) / 20)
    assert found[5] == pytest.approx((0 - 130 / 3) / (130 / 3))
    assert column(frame, "volume") == [pytest.approx(math.log1p(value)) for value in dollars]


def test_a_total_that_grows_evenly_is_no_spike_however_old_the_market():
    frame = rows([50] * 8, volume_e6=[100 * index * 10**6 for index in range(1, 9)])
    assert column(frame, "volume_spike")[4:] == [0.0] * 4  # the running total itself would have "spiked" by 100 %


def test_a_missing_slot_halves_a_longer_hole_hides_and_a_revision_hides():
    frame = rows([50] * 6, volume_e6=[0, 10**7, 2 * 10**7, 3 * 10**7, 10**6, 2 * 10**6])
    assert column(frame, "traded_volume")[4] is None  # the total fell
    assert column(frame.filter(pl.col("slot") != T0 + QUARTER), "traded_volume")[1] == 10  # 20 in two intervals
    hole = frame.filter((pl.col("slot") == T0) | (pl.col("slot") == T0 + 3 * QUARTER))
    assert column(hole, "traded_volume") == [None, None]
    assert column(rows([50] * 5, volume_e6=[10**6] * 5), "volume_spike")[4] is None  # nothing to compare with


def test_stated_numbers_and_time_to_expiry():
    frame = rows([50], liquidity_e6=[1_234_500_000], spot_e4=[1_012_345_600], spot_change_24h_e6=[-25_000])
    frame = frame.with_columns(scheduled_end=pl.lit(T0 + 36 * HOUR), book_age_us=2_500_000, depth_e6=7_000_000)
    found = tracker_frame(frame).row(0, named=True)
    assert found["liquidity"] == 1_234.5
    assert found["btc_spot_price"] == 101_234.56
    assert found["btc_24h_change_pct"] == -2.5
    assert found["time_to_expiry_hours"] == 36.0
    assert (found["price_age_s"], found["depth"]) == (2.5, 7.0)
    bare = tracker_frame(rows([50])).row(0, named=True)
    assert all(bare[name] is None for name in ("liquidity", "btc_spot_price", "time_to_expiry_hours", "volume"))


def test_markets_and_sources_are_never_mixed():
    one, two = rows([50, 51]), rows([70, 75], market=2)
    other = rows([10, 11], source="scan")
    found = tracker_frame(pl.concat([two, other, one]))
    key = dict(zip(found.select("market_no", "source", "slot").iter_rows(), found["price_momentum_15m"], strict=True))
    assert key[1, "track", T0 + QUARTER] == pytest.approx(0.01)
    assert key[2, "track", T0 + QUARTER] == pytest.approx(0.05)
    assert key[1, "scan", T0] is None


def test_what_became_known_late_is_not_looked_back_upon():
    frame = rows([50, 90, 52]).with_columns(
        known_at=pl.when(pl.col("slot") == T0 + QUARTER).then(pl.col("slot") + 24 * HOUR).otherwise("known_at")
    )
    assert column(frame, "price_momentum_15m")[2] == pytest.approx(0.02)  # against 50 cents, 30 minutes ago


def test_nothing_after_a_row_changes_it():
    """Replace everything after each row by noise: its features stay the same, to the bit."""
    prices = [50, 52, 49, None, 50, 52, 60, 61, 58, 55, 57, 59, 40, 44, 45, 47, 46, 48, 52, 51]
    volumes = [index * index * 10**6 for index in range(20)]
    frame = rows(prices, volume_e6=volumes)
    whole = tracker_frame(frame).select(*FEATURES, *(d.name for d in BESIDES))
    for cut in range(1, 20):
        noise = rows([97] * (20 - cut), start=T0 + cut * QUARTER, volume_e6=[5] * (20 - cut))
        mixed = tracker_frame(pl.concat([frame.head(cut), noise])).select(whole.columns)
        assert mixed.head(cut).equals(whole.head(cut)), cut
        assert tracker_frame(frame.head(cut)).select(whole.columns).equals(whole.head(cut)), cut


def test_an_empty_table_has_the_columns():
    assert set(FEATURES) <= set(tracker_frame(rows([50]).clear()).columns)


def test_the_page_is_what_the_code_says():
    page = Path(__file__).parents[3] / "docs" / "reference" / "tracker-features.md"
    assert page.read_text("utf-8") == reference_page()
