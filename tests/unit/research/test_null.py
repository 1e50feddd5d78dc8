import math
from itertools import product

import numpy as np
import pytest

from edgeworth.research import null


def binomial_tail(n: int, k: int, p: float) -> float:
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


def p_of(hits: int, n: int, price: float, side: int = 1) -> float:
    payout = np.zeros(n)
    payout[:hits] = 1.0
    return null.p_value(payout, np.full(n, price), np.full(n, side), np.arange(n), np.zeros(n, dtype=bool))


@pytest.mark.parametrize(("n", "k", "p"), [(164, 154, 0.9027), (400, 230, 0.5), (60, 12, 0.1), (1000, 80, 0.05)])
def test_independent_trades_have_the_binomial_tail(n: int, k: int, p: float) -> None:
    # the saddlepoint is continuous, so it lies between the tail with and without the observed count
    below, above = binomial_tail(n, k + 1, p), binomial_tail(n, k, p)
    assert below < p_of(k, n, p) < above


def test_straight_wins_are_worth_the_product_of_their_prices() -> None:
    assert p_of(10, 10, 0.99) == pytest.approx(0.99**10, rel=1e-9)
    assert p_of(60, 60, 0.99) == pytest.approx(0.99**60, rel=1e-9)
    assert p_of(5, 5, 0.5) == pytest.approx(0.5**5)


def test_small_p_values_are_resolved() -> None:
    exact = binomial_tail(500, 330, 0.5)
    assert p_of(330, 500, 0.5) == pytest.approx(exact, rel=0.3)
    assert exact < 1e-12


def test_losing_more_than_the_price_said_is_no_evidence() -> None:
    assert p_of(200, 500, 0.5) > 0.999
    assert p_of(250, 500, 0.5) == pytest.approx(0.5, abs=0.02)
    assert p_of(0, 500, 0.5) == 1.0
    assert p_of(0, 2, 0.3) == 1.0
    assert p_of(1, 500, 0.5) > 0.999


def test_trades_of_one_event_count_once() -> None:
    n = 100
    payout = np.ones(n)
    same = np.zeros(n, dtype=np.int64)
    assert null.p_value(payout, np.full(n, 0.5), np.ones(n), same, np.zeros(n, dtype=bool)) == pytest.approx(0.5)


def test_legs_that_exclude_each_other_have_one_winner() -> None:
    # NO on three legs of one event: the chance that all three NO win is 1 - (.2 + .1 + .3)
    price, side = np.array([0.8, 0.9, 0.7]), np.full(3, -1)
    event, exclusive = np.zeros(3, dtype=np.int64), np.ones(3, dtype=bool)
    assert null.p_value(np.ones(3), price, side, event, exclusive) == pytest.approx(0.4)
    atoms = null.null_atoms(price, side, event, exclusive)
    assert atoms.chance.sum() == pytest.approx(1.0)
    assert atoms.chance @ atoms.value == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("exclusive", [True, False])
def test_every_event_law_is_a_probability_with_mean_zero(exclusive: bool) -> None:
    generator = np.random.Generator(np.random.PCG64(2))
    event = generator.integers(0, 40, 150)
    side = generator.choice([-1, 1], 150)
    price = generator.uniform(0.02, 0.98, 150)
    atoms = null.null_atoms(price, side, event, np.full(150, exclusive))
    assert np.bincount(atoms.event, atoms.chance, atoms.events) == pytest.approx(np.ones(atoms.events))
    means = np.bincount(atoms.event, atoms.chance * atoms.value, atoms.events)
    assert means == pytest.approx(np.zeros(atoms.events), abs=1e-12)


def test_the_tail_of_tied_trades_equals_enumeration() -> None:
    price = np.array([0.3, 0.6, 0.8, 0.5, 0.4])
    event = np.array([0, 0, 1, 1, 2])
    atoms = null.null_atoms(price, np.ones(5), event, np.zeros(5, dtype=bool))
    groups = [np.flatnonzero(atoms.event == g) for g in range(3)]
    totals: dict[float, float] = {}
    for pick in product(*groups):
        value = round(float(atoms.value[list(pick)].sum()), 9)
        totals[value] = totals.get(value, 0.0) + float(np.prod(atoms.chance[list(pick)]))
    highest = max(totals)
    assert null.tail(atoms, highest) == pytest.approx(totals[highest])
    assert sum(totals.values()) == pytest.approx(1.0)


def test_calibrated_prices_are_rarely_found_wrong() -> None:
    generator = np.random.Generator(np.random.PCG64(8))
    event = np.arange(300) // 3
    found = 0
    for _ in range(400):
        price = generator.uniform(0.05, 0.95, 300)
        payout = (generator.uniform(size=100)[event] < price).astype(float)
        found += null.p_value(payout, price, np.ones(300), event, np.zeros(300, dtype=bool)) < 0.05
    assert 0.02 < found / 400 < 0.08


def test_many_tries_make_a_small_p_likely() -> None:
    assert null.adjusted(0.05, 1) == pytest.approx(0.05)
    assert null.adjusted(0.001, 60) == pytest.approx(1 - 0.999**60)
    assert null.adjusted(1.0, 5) == pytest.approx(1.0)
    assert null.adjusted(0.3, 0) == pytest.approx(0.3)
