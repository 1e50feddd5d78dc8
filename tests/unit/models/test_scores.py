import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.models import scores

M = np.array([0.1, 0.2, 0.3, 0.6, 0.8, 0.9])
F = np.array([0.15, 0.25, 0.2, 0.7, 0.75, 0.8])
Y = np.array([0.0, 1, 0, 1, 1, 0])
ROWS = np.arange(6)
B_F = np.repeat([0.2, 0.5, 0.8], 10)
B_Y = np.concatenate([np.arange(10) < hits for hits in (3, 5, 9)]).astype(float)


def test_the_cluster_error_of_three_events() -> None:
    d = np.array([0.02, 0.03, -0.01, 0.05, 0.04, -0.02])
    clustered = scores.cluster_mean(d, np.array([0, 0, 1, 2, 2, 2]))
    assert clustered.value == pytest.approx(0.0183333, abs=5e-8)
    assert clustered.error == pytest.approx(0.0070874, abs=5e-8)
    assert scores.cluster_mean(d, np.arange(6)).error == pytest.approx(0.0113774, abs=5e-8)


def test_the_gain_over_the_price_row_by_row() -> None:
    gain = scores.log_loss_gain(F, M, Y)
    assert gain == pytest.approx([-0.057158, 0.223144, 0.133531, 0.154151, -0.064539, 0.693147], abs=5e-7)
    result = scores.skill(F, M, Y, ROWS)
    assert result.log_loss_gain.value == pytest.approx(0.1803793, abs=5e-8)
    assert result.brier_market == pytest.approx(0.2916667, abs=5e-8)
    assert result.brier_forecast == pytest.approx(0.23625, abs=5e-8)
    assert result.brier_skill.value == pytest.approx(0.19, abs=1e-12)
    assert result.log_loss_market == pytest.approx(0.8513379, abs=5e-8)


def test_the_error_of_brier_skill_agrees_with_a_jackknife_over_events() -> None:
    generator = np.random.Generator(np.random.PCG64(4))
    event = np.repeat(np.arange(150), 3)
    m = generator.uniform(0.1, 0.9, 450)
    y = (generator.uniform(size=450) < m).astype(float)
    f = np.clip(m + generator.normal(0, 0.05, 450), 0.02, 0.98)

    def point(keep: np.ndarray) -> float:
        return 1 - float(((f - y)[keep] ** 2).mean() / ((m - y)[keep] ** 2).mean())

    left_out = np.array([point(event != g) for g in range(150)])
    jackknife = math.sqrt(149 / 150 * float(((left_out - left_out.mean()) ** 2).sum()))
    assert scores.skill(f, m, y, event).brier_skill.error == pytest.approx(jackknife, rel=0.03)


def test_murphy_of_three_forecasts() -> None:
    parts = scores.murphy(B_F, B_Y)
    assert (parts.reliability, parts.resolution, parts.uncertainty) == pytest.approx(
        (0.0066667, 0.0622222, 0.2455556), abs=5e-8
    )
    assert parts.total == pytest.approx(0.19, abs=1e-12)
    assert parts.total == pytest.approx(scores.brier(B_F, B_Y), abs=1e-12)


def test_corp_of_eight_forecasts() -> None:
    x = np.arange(1, 9) / 10
    y = np.array([0.0, 1, 0, 0, 1, 0, 1, 1])
    assert scores.isotonic(x, y) == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0.5, 0.5, 1, 1])
    parts = scores.corp(x, y)
    assert scores.brier(x, y) == pytest.approx(0.205, abs=1e-12)
    assert (parts.reliability, parts.resolution, parts.uncertainty) == pytest.approx(
        (0.0591667, 0.1041667, 0.25), abs=5e-8
    )


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=60))
def test_isotonic_is_monotone_keeps_the_mean_and_treats_ties_alike(rows: list[tuple[int, bool]]) -> None:
    x = np.array([row[0] / 20 for row in rows])
    y = np.array([float(row[1]) for row in rows])
    fitted = scores.isotonic(x, y)
    order = np.argsort(x, kind="stable")
    assert np.all(np.diff(fitted[order]) >= -1e-12)
    assert fitted.mean() == pytest.approx(y.mean())
    for value in np.unique(x):
        assert np.ptp(fitted[x == value]) == 0
    parts = scores.corp(x, y)
    assert parts.reliability >= -1e-12
    assert parts.resolution >= -1e-12


def test_isotonic_equals_scipys() -> None:
    from scipy.optimize import isotonic_regression

    generator = np.random.Generator(np.random.PCG64(1))
    x = np.sort(generator.uniform(size=500))
    y = (generator.uniform(size=500) < x).astype(float)
    assert scores.isotonic(x, y) == pytest.approx(isotonic_regression(y).x)


def test_logistic_recalibration_of_three_forecasts() -> None:
    fit = scores.recalibrate(B_F, B_Y, np.arange(30))
    assert fit is not None
    assert fit.intercept == pytest.approx(0.3568606, abs=5e-8)
    assert fit.slope == pytest.approx(1.0275307, abs=5e-8)
    assert fit.likelihood_ratio == pytest.approx(0.7076695, abs=5e-8)
    assert fit.p_value == pytest.approx(0.702, abs=5e-4)


@pytest.mark.parametrize(
    ("f", "y"), [([0.2, 0.2, 0.2], [0, 1, 0]), ([0.1, 0.5, 0.9], [1, 1, 1]), ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])]
)
def test_recalibration_without_a_finite_fit_is_none(f: list[float], y: list[float]) -> None:
    assert scores.recalibrate(np.array(f), np.array(y, dtype=float), np.arange(len(y))) is None


def test_spiegelhalter() -> None:
    assert scores.spiegelhalter(M, Y) == pytest.approx(1.5294382, abs=5e-8)
    assert scores.spiegelhalter(B_F, B_Y) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "auc", "accuracy", "brier", "loss"),
    [
        (1.0, 0.83333, 0.75, 0.16667, 0.5),
        (0.5, 0.90528, 0.81831, 0.125, 0.38629),
        (0.3, 0.94585, 0.86594, 0.09375, 0.29524),
        (2.0, 0.75714, 0.6875, 0.2, 0.58333),
    ],
)
def test_the_twins_without_skill(a: float, auc: float, accuracy: float, brier: float, loss: float) -> None:
    twin = scores.beta_twin(a, a)
    assert twin["auc"] == pytest.approx(auc, abs=5e-6)
    assert twin["accuracy"] == pytest.approx(accuracy, abs=5e-6)
    assert twin["brier"] == pytest.approx(brier, abs=5e-6)
    assert twin["log_loss"] == pytest.approx(loss, abs=5e-6)


def test_wilson_brackets_the_rate_and_survives_no_rows() -> None:
    low, high = scores.wilson(np.array([66.0, 0.0, 5.0]), np.array([68.0, 0.0, 5.0]))
    assert low[0] < 66 / 68 < high[0]
    assert (low[1], high[1]) == (0.0, 1.0)
    assert high[2] == pytest.approx(1.0)
    assert low[2] == pytest.approx(0.5655, abs=1e-4)


def test_one_cluster_knows_nothing_of_its_error() -> None:
    estimate = scores.cluster_mean(np.array([1.0, 2.0]), np.zeros(2, dtype=np.int64))
    assert math.isinf(estimate.error)


def test_twins_on_rows() -> None:
    table = scores.twins(M, Y, np.array([0, 0, 0, 1, 1, 1]))
    assert table["market"]["brier"] == pytest.approx(0.2916667, abs=5e-8)
    assert table["base rate"]["brier"] == pytest.approx(0.25)
    assert table["category base rate"]["brier"] == pytest.approx(2 / 9)
