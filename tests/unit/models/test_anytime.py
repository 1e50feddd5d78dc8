import numpy as np
import pytest

from edgeworth.models import anytime, scores

M = np.array([0.1, 0.2, 0.3, 0.6, 0.8, 0.9])
F = np.array([0.15, 0.25, 0.2, 0.7, 0.75, 0.8])
Y = np.array([0.0, 1, 0, 1, 1, 0])
L = np.array([1.2, 0.8, 1.25, 0.9, 1.5, 1.1, 0.7, 1.3])


def test_the_e_value_is_the_wealth_of_full_kelly() -> None:
    path = anytime.wealth(anytime.likelihood_ratios(F, M, Y))
    assert path == pytest.approx([0.944444, 1.180556, 1.349206, 1.574074, 1.475694, 2.951389], abs=5e-7)
    money = 1.0
    for f, m, y in zip(F, M, Y, strict=True):
        stake = (f - m) / (1 - m) if f > m else (m - f) / m
        price = m if f > m else 1 - m
        won = y if f > m else 1 - y
        money *= 1 - stake + stake / price * won
    assert money == pytest.approx(path[-1], rel=1e-12)
    assert np.exp(6 * scores.log_loss_gain(F, M, Y).mean()) == pytest.approx(path[-1], rel=1e-12)


def test_the_robust_e_value_mixes_kelly_fractions() -> None:
    ratios = anytime.likelihood_ratios(F, M, Y)
    parts = [anytime.robust_wealth(ratios, (share,))[-1] for share in anytime.KELLY_MIXTURE]
    assert parts == pytest.approx([1.187751, 1.390894, 1.844788, 2.951389], abs=5e-7)
    assert anytime.robust_wealth(ratios)[-1] == pytest.approx(1.843705, abs=5e-7)


def test_two_equal_bets_at_once_are_not_an_e_value() -> None:
    ratio = anytime.likelihood_ratios(np.array([0.6, 0.6]), np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert 0.5 * ratio[0] ** 2 + 0.5 * ratio[1] ** 2 == pytest.approx(1.04)


def test_model_against_model() -> None:
    d = np.array([0.10, -0.05, 0.20, 0.05, -0.10, 0.15, 0.05, 0.10])
    assert anytime.comparison(d) == pytest.approx(
        [1.018750, 1.009109, 1.047122, 1.057166, 1.036790, 1.066472, 1.076791, 1.097728], abs=5e-7
    )


def test_decay_alarms() -> None:
    assert anytime.cusum(L) == pytest.approx([1.2, 0.96, 1.25, 1.125, 1.6875, 1.85625, 1.299375, 1.689188], abs=5e-7)
    assert anytime.shiryaev_roberts(L) == pytest.approx(
        [1.2, 1.76, 3.45, 4.005, 7.5075, 9.35825, 7.250775, 10.726008], abs=5e-7
    )


@pytest.mark.parametrize(("t", "width"), [(100, 0.3656395), (500, 0.1366738), (1000, 0.0960640), (4000, 0.0498690)])
def test_the_confidence_sequence(t: int, width: float) -> None:
    assert anytime.sequence_half_width(t) == pytest.approx(width, abs=5e-8)


def test_the_confidence_sequence_scales_with_the_spread() -> None:
    assert anytime.sequence_half_width(1000, sigma=0.25) == pytest.approx(0.0240160, abs=5e-8)


def test_p_from_e() -> None:
    assert anytime.p_from_e(0.0) == 1.0
    assert anytime.p_from_e(20.0) == 0.05


def test_peeking_at_e_values_keeps_its_promise() -> None:
    generator = np.random.Generator(np.random.PCG64(3))
    q = generator.uniform(0.1, 0.9, (2000, 400))
    y = (generator.uniform(size=q.shape) < q).astype(float)
    f = 1 / (1 + np.exp(-(scores.logit(q) + 0.25)))
    logs = np.log(anytime.likelihood_ratios(f, q, y))
    fired = (np.cumsum(logs, axis=1).max(axis=1) >= np.log(20)).mean()
    assert fired <= 0.05
