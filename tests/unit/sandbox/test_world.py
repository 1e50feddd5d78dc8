"""Whole worlds: calibration, coherence, planted edges, early YES, settlement detours, clocks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.unit.sandbox.worlds import Array, clustered, decisions, small, world

from edgeworth.core.errors import UsageError
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.random import stream
from edgeworth.core.types import Side
from edgeworth.core.units import DAY
from edgeworth.sandbox.fees import fee_schedule
from edgeworth.sandbox.kinds import KINDS
from edgeworth.sandbox.scenario import SCENARIOS, Bias, describe
from edgeworth.sandbox.world import World, generate

BINS = np.array([0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_null_world_is_calibrated_in_every_price_band(seed: int) -> None:
    quoted, outcome, event, _ = decisions(world("null", seed))
    for low, high in pairwise(BINS):
        inside = (quoted >= low) & (quoted < high)
        gap = clustered((outcome - quoted)[inside], event[inside])
        assert gap.events > 50
        assert abs(gap.z) < 3.3, (low, high, gap)


def test_every_kind_is_calibrated_over_seeds() -> None:
    values: dict[str, list[float]] = {}
    for seed in range(1, 9):
        made = world("null", seed)
        quoted, outcome, event, kind = decisions(made)
        for number, name in enumerate(made.arrays.kind_names):
            own = kind == number
            values.setdefault(name, []).append(clustered((outcome - quoted)[own], event[own]).value)
    for name, means in values.items():
        error = np.std(means, ddof=1) / np.sqrt(len(means))
        assert abs(np.mean(means)) < 4.5 * error + 0.002, name


def test_random_decision_times_are_calibrated() -> None:
    made = generate(small(events=(("nba", 300), ("soccer", 300), ("temperature", 100), ("fed", 60))), 5)
    arrays = made.panel_arrays()
    rng = stream(5, "decision times")
    misses, events = [], []
    for market in range(made.market_count):
        points = np.arange(arrays.offsets[market], arrays.offsets[market + 1])
        points = points[arrays.t[points] < arrays.event_at[market]]
        point = int(rng.choice(points))
        misses.append(made.final_e4[market] / 1e4 - arrays.price_e4[point] / 1e4)
        events.append(int(arrays.event[market]))
    assert abs(clustered(np.array(misses), np.array(events)).z) < 3.3


def test_quoted_is_latent_where_nothing_is_planted() -> None:
    made = world("null", 1)
    before = made.arrays.before_event()
    gap = np.abs(made.arrays.price_e4 / 1e4 - made.arrays.latent)[before]
    assert gap.max() <= 0.0026
    twin = world("newcomer", 1).arrays
    assert np.array_equal(twin.latent, made.arrays.latent)
    assert np.array_equal(twin.payout_e4, made.arrays.payout_e4)
    assert not np.array_equal(twin.price_e4, made.arrays.price_e4)


def test_exclusive_events_have_one_winner_and_prices_near_one() -> None:
    made = world("null", 1)
    arrays = made.arrays
    for event, kind in enumerate(made.event_kind):
        if kind.neg_risk:
            members = np.flatnonzero(arrays.event == event)
            assert (made.final_e4[members] == 10_000).sum() == 1
            opening = arrays.latent[arrays.offsets[members]]
            assert opening.sum() == pytest.approx(1.0, abs=1e-5)


def first_entries(made: World, category: str, band: tuple[float, float], side: Side) -> tuple[Array, Array]:
    """Buy `side` at the first quote inside the band, after half the spread and the fee: profit and event per trade."""
    arrays, before = made.arrays, made.arrays.before_event()
    profit, events = [], []
    for market in range(made.market_count):
        event = int(arrays.event[market])
        if made.event_kind[event].category != category or made.final_e4[market] < 0:
            continue
        points = slice(int(arrays.offsets[market]), int(arrays.offsets[market + 1]))
        quoted = arrays.price_e4[points] / 1e4
        hit = np.flatnonzero((quoted >= band[0]) & (quoted <= band[1]) & before[points])
        if len(hit):
            price = quoted[hit[0]]
            fee = fee_schedule(category, int(arrays.created_at[market])).rate_e6 / 1e6 * price * (1 - price)
            won = made.final_e4[market] / 1e4 - price
            profit.append(int(side) * won - made.scenario.half_spread - fee)
            events.append(event)
    return np.array(profit), np.array(events)


def test_the_power_world_pays_five_cents_net_per_share() -> None:
    total, error = 0.0, 0.0
    for seed in range(1, 6):
        profit, events = first_entries(world("power", seed), "sports/nba", (0.2, 0.8), Side.NO)
        result = clustered(profit, events)
        assert result.events == 1000
        total, error = total + result.value / 5, error + result.error**2 / 25
    assert total == pytest.approx(0.05, abs=3 * error**0.5)
    assert error**0.5 < 0.008


@pytest.mark.parametrize("planted", SCENARIOS["newcomer"].biases, ids=lambda planted: planted.name)
def test_newcomer_biases_have_their_stated_size(planted: Bias) -> None:
    profits, groups = [], []
    for seed in range(1, 5):
        for name in ("newcomer", "null"):
            profit, events = first_entries(
                world(name, seed), planted.category, (planted.low, planted.high), planted.side
            )
            profits.append(profit)
            groups.append(events + 10_000 * seed)
    biased = clustered(np.concatenate(profits[::2]), np.concatenate(groups[::2]))
    honest = clustered(np.concatenate(profits[1::2]), np.concatenate(groups[1::2]))
    assert biased.value == pytest.approx(planted.points / 100, abs=3.3 * biased.error)
    assert biased.z > 3
    assert honest.value < 2 * honest.error  # costs without an edge


def test_resolved_so_far_is_biased_and_the_guard_removes_it() -> None:
    made = generate(small(events=(("deadline", 900),)), 3)
    arrays = made.arrays
    cut = made.scenario.start + 0.5 * (made.scenario.end - made.scenario.start)
    opening = arrays.latent[arrays.offsets[:-1]].astype(float)
    miss = made.final_e4 / 1e4 - opening
    recent = arrays.created_at > cut - 80 * DAY
    naive = recent & (arrays.resolved_at < cut)
    guarded = recent & (arrays.scheduled_end < cut - 2 * DAY)
    events = np.arange(made.market_count)
    assert clustered(miss[naive], events[naive]).value > 0.10
    assert abs(clustered(miss[guarded], events[guarded]).z) < 3


def test_early_yes_settles_early() -> None:
    made = generate(small(events=(("btc-touch", 22), ("deadline", 100))), 4)
    early = made.arrays.event_at < made.arrays.scheduled_end
    assert np.array_equal(early, made.final_e4 == 10_000)
    assert early.sum() > 20


def test_settlement_detours_have_the_stated_shares() -> None:
    scenario = small(events=(("nba", 2000),), half_share=0.1, void_share=0.05, dispute_share=0.2, overrun=0.0)
    made = generate(scenario, 2)
    assert (made.final_e4 == 5_000).mean() == pytest.approx(0.1, abs=0.025)
    assert (made.final_e4 == -2).mean() == pytest.approx(0.05, abs=0.02)
    assert made.disputed.mean() == pytest.approx(0.2, abs=0.03)
    wait = made.arrays.resolved_at - made.arrays.proposed_at
    assert wait[made.disputed].min() > 2 * DAY
    assert wait[~made.disputed].max() < DAY


def test_clocks_are_ordered_and_points_lie_between_them() -> None:
    made = world("newcomer", 1)
    arrays = made.arrays
    assert np.all(arrays.created_at < arrays.event_at)
    assert np.all(arrays.event_at < arrays.proposed_at)
    assert np.all(arrays.proposed_at < arrays.resolved_at)
    market = arrays.market_of_point()
    assert np.all(arrays.t < np.minimum(arrays.resolved_at, made.scenario.end)[market])
    assert np.all(arrays.t >= arrays.created_at[market])
    inner = np.diff(arrays.t)[np.diff(market) == 0]
    assert inner.min() > 0
    assert arrays.price_e4.min() >= 5
    assert arrays.price_e4.max() <= 9_995
    still_open = arrays.payout_e4 == -1
    assert 0.002 < still_open.mean() < 0.06
    assert (arrays.scheduled_end == UNKNOWN_TIME).sum() == dict(made.scenario.events)["open-ended"]


def test_after_the_event_prices_stand_near_the_outcome() -> None:
    made = world("newcomer", 1)
    market = made.arrays.market_of_point()
    late = made.arrays.t >= made.arrays.event_at[market] + 2 * 3_600_000_000
    plain = late & ~made.disputed[market] & (made.final_e4[market] == 10_000)
    assert plain.sum() > 200
    assert np.quantile(made.arrays.price_e4[plain], 0.02) > 9_700


def test_gaps_are_there_and_say_nothing() -> None:
    made = generate(small(events=(("nba", 600),), gap_share=0.5, overrun=0.0), 9)
    plain = generate(small(events=(("nba", 600),), gap_share=0.0, overrun=0.0), 9)
    missing = 1 - np.diff(made.arrays.offsets) / np.diff(plain.arrays.offsets)
    assert 0.4 < (missing > 0.01).mean() < 0.6
    won = made.final_e4 == 10_000
    assert abs((missing > 0.01)[won].mean() - (missing > 0.01)[~won].mean()) < 0.15


def test_markets_keep_the_fee_of_their_listing_day() -> None:
    assert fee_schedule("crypto/btc-price", 1_700_000_000_000_000).rate_e6 == 0
    assert fee_schedule("crypto/btc-price", 1_777_000_000_000_000).rate_e6 == 70_000
    assert fee_schedule("sports/nba", 1_777_000_000_000_000).rate_e6 == 30_000
    assert fee_schedule("sports/nba", 1_785_000_000_000_000).rate_e6 == 50_000


def test_the_large_world_has_the_size_of_the_benchmarks() -> None:
    scenario = SCENARIOS["large"]
    assert sum(KINDS[kind].markets * number for kind, number in scenario.events) == 17_324


def test_an_unknown_world_is_a_users_mistake() -> None:
    with pytest.raises(UsageError) as caught:
        generate("newcommer", 1)
    assert caught.value.code == "unknown-scenario"
    assert "newcomer" in caught.value.hint


def test_about_names_every_planted_bias() -> None:
    for name, scenario in SCENARIOS.items():
        text = describe(name)
        assert all(planted.name in text for planted in scenario.biases)
    assert "nothing" in describe("null")


def test_a_world_of_ones_own_is_a_replaced_scenario() -> None:
    made = generate(replace(SCENARIOS["tiny"], name="mine", points=10), 1)
    assert 300 < len(made.arrays.t) < len(world("tiny", 1).arrays.t)
