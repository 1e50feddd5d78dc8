import math

import numpy as np
import pytest

from edgeworth.research import bootstrap, power


@pytest.mark.parametrize(
    ("edge", "market", "n", "e20"),
    [
        (0.01, 0.50, 19_620, 14_978),
        (0.01, 0.20, 12_697, 9_705),
        (0.01, 0.05, 3_932, 3_020),
        (0.02, 0.50, 4_904, 3_744),
        (0.02, 0.20, 3_208, 2_455),
        (0.02, 0.05, 1_031, 796),
        (0.03, 0.50, 2_178, 1_664),
        (0.03, 0.20, 1_440, 1_104),
        (0.03, 0.05, 478, 371),
        (0.05, 0.50, 783, 599),
        (0.05, 0.20, 528, 406),
        (0.05, 0.05, 185, 146),
        (0.10, 0.50, 194, 149),
        (0.10, 0.20, 137, 107),
        (0.10, 0.05, 53, 43),
    ],
)
def test_events_to_proof(edge: float, market: float, n: int, e20: int) -> None:
    assert round(power.events_for_power(market, edge)) in {n, n - 1}
    assert abs(power.events_for_wealth(market, edge) - e20) <= 1


def test_no_edge_is_never_proven() -> None:
    assert math.isinf(power.events_for_power(0.4, 0.0))
    assert math.isinf(power.events_for_wealth(0.4, 0.0))


def test_the_bootstrap_matches_the_cluster_error() -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    event = np.repeat(np.arange(400), 4)
    profit = generator.normal(size=400)[event] + generator.normal(size=1600)
    sums = bootstrap.event_sums(np.column_stack([profit, np.ones(1600)]), event)
    totals = bootstrap.resample(sums, 4000, 7)
    assert (totals[:, 0] / totals[:, 1]).std() == pytest.approx(math.sqrt((sums[:, 0] ** 2).sum()) / 1600, rel=0.05)
    low, high = bootstrap.ratio_interval(totals, 0, 1, 0.95)
    assert low < profit.mean() < high


def test_the_bootstrap_repeats_itself_and_depends_on_the_seed() -> None:
    sums = np.arange(12.0).reshape(6, 2)
    first = bootstrap.resample(sums, 50, 7, "a")
    assert np.array_equal(first, bootstrap.resample(sums, 50, 7, "a"))
    assert not np.array_equal(first, bootstrap.resample(sums, 50, 8, "a"))
    assert not np.array_equal(first, bootstrap.resample(sums, 50, 7, "b"))


def test_no_events_have_no_interval() -> None:
    totals = bootstrap.resample(np.zeros((0, 2)), 10, 7)
    assert bootstrap.ratio_interval(totals, 0, 1, 0.95) == (-math.inf, math.inf)


@pytest.mark.parametrize(("events", "price"), [(50, 0.5), (626, 0.371), (4_000, 0.9)])
def test_the_smallest_edge_is_the_inverse_of_the_number_of_events(events, price):
    edge = power.detectable_edge(events, price)
    assert edge is not None
    assert power.events_for_power(price, edge) <= events
    assert power.events_for_power(price, edge - 2e-4) > events


def test_too_few_events_prove_nothing():
    assert power.detectable_edge(0) is None
    assert power.detectable_edge(3) is None
