import math

import numpy as np
import pytest

from edgeworth.research import deflation as d

RETURNS = np.array(
    [[1, 3, 3], [-1, 1, -2], [-2, 2, -2], [2, 2, -1], [2, 0, 3], [3, 1, 1], [2, 1, 2], [-1, 2, 1]], dtype=float
)


@pytest.mark.parametrize(
    ("trials", "value"), [(2, 0.5197553), (5, 1.1925940), (24, 1.9797731), (60, 2.3453377), (1000, 3.2551215)]
)
def test_the_expected_best_of_many(trials: int, value: float) -> None:
    assert d.expected_maximum(trials) == pytest.approx(value, abs=5e-8)


def test_a_single_trial_is_not_deflated() -> None:
    assert d.expected_maximum(1) == 0.0
    assert d.expected_maximum(0) == 0.0


@pytest.mark.parametrize(
    ("trials", "benchmark", "dsr"),
    [(100, 0.1131720, 0.9003968), (88, 0.1111458, 0.9101530), (46, 0.1003624, 0.9505017)],
)
def test_the_deflated_sharpe_ratio(trials: int, benchmark: float, dsr: float) -> None:
    best = math.sqrt(0.5 / 250) * d.expected_maximum(trials)
    assert best == pytest.approx(benchmark, abs=5e-8)
    assert d.probabilistic_sharpe(2.5 / math.sqrt(250), best, 1250, -3, 10) == pytest.approx(dsr, abs=5e-8)


def test_the_deflated_sharpe_ratio_of_normal_returns() -> None:
    best = math.sqrt(0.5 / 250) * d.expected_maximum(88)
    assert d.probabilistic_sharpe(2.5 / math.sqrt(250), best, 1250) == pytest.approx(0.9504908, abs=5e-8)


def test_moments_of_constant_or_few_returns_are_no_evidence() -> None:
    assert d.moments(np.full(50, 0.01)) == (0.0, 0.0, 3.0)
    assert d.deflated_sharpe(np.array([1.0, 2.0]), 1, 0.0) == 0.0


def test_the_probability_of_overfitting_split_by_split() -> None:
    logits = d.overfitting_logits(RETURNS, 4)
    assert logits == pytest.approx([0, 1.0986, 1.0986, 1.0986, 1.0986, -1.0986], abs=5e-5)
    assert d.overfitting_probability(RETURNS, 4) == pytest.approx(1 / 3)


def test_overfitting_of_null_and_of_true_strategies() -> None:
    generator = np.random.Generator(np.random.PCG64(11))
    null = np.mean([d.overfitting_probability(generator.normal(size=(500, 50))) for _ in range(10)])
    assert 0.4 < null < 0.7
    shift = np.zeros(50)
    shift[7] = 0.2
    true = np.mean([d.overfitting_probability(generator.normal(size=(500, 50)) + shift) for _ in range(10)])
    assert true < 0.2


@pytest.mark.parametrize(("rows", "width", "blocks"), [(8, 3, 5), (3, 3, 4), (8, 1, 4)])
def test_impossible_overfitting_designs_are_refused(rows: int, width: int, blocks: int) -> None:
    with pytest.raises(ValueError, match="blocks"):
        d.overfitting_logits(np.ones((rows, width)), blocks)


def test_the_best_of_sixty_filters() -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    naive = fired = found = 0
    for index in range(100):
        gains = generator.normal(size=(300, 60))
        t = gains.mean(axis=0) / gains.std(axis=0, ddof=1) * math.sqrt(300)
        naive += t.max() > 1.645
        fired += d.superior_ability(gains, 200, index) < 0.05
        gains[:, 3] += 0.25
        found += d.superior_ability(gains, 200, index) < 0.05
    assert naive >= 88
    assert fired <= 12
    # theory: the best of 60 must pass 3.14 standard errors, a mean of .25 sd lies 4.33 out: 88 %
    assert found >= 78


def test_step_down_finds_the_true_ones_and_keeps_its_level() -> None:
    generator = np.random.Generator(np.random.PCG64(6))
    wrong = 0
    for index in range(60):
        gains = generator.normal(size=(300, 20))
        wrong += bool(d.step_down(gains, 0.05, 200, index))
    assert wrong <= 8
    gains = generator.normal(size=(300, 20))
    gains[:, [2, 9]] += 0.5
    assert set(d.step_down(gains)) >= {2, 9}


def test_filters_that_never_trade_have_no_ability() -> None:
    assert d.superior_ability(np.zeros((50, 4))) == 1.0
