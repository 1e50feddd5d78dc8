"""Latent probabilities are conditional probabilities: formulas against fixtures, martingale increments, coherence."""

import numpy as np
import pytest
from scipy.special import ndtr
from tests.unit.sandbox.worlds import clustered

from edgeworth.core.random import stream
from edgeworth.sandbox import prices
from edgeworth.sandbox.spot import STEP, Spot


def flat_spot(volatility: float, years: float, start: float, steps: int) -> Spot:
    """One coin whose price never moved, with constant variance to come."""
    variance = np.linspace(0.0, volatility**2 * years, steps + 1)[None, :]
    log = np.full((1, steps + 1), np.log(start))
    return Spot(0, log, variance, log[:, 1:], log[:, 1:])


def brownian_spot(paths: int, steps: int, seed: int) -> Spot:
    """Many coins with their own paths, total volatility 0.3, extremes from the Brownian bridge."""
    rng = stream(seed, "paths")
    v = 0.09 / steps
    moves = rng.standard_normal((paths, steps)) * np.sqrt(v) - v / 2
    log = np.log(100.0) + np.concatenate([np.zeros((paths, 1)), np.cumsum(moves, axis=1)], axis=1)
    a, b = log[:, :-1], log[:, 1:]
    up, down = (np.sqrt((b - a) ** 2 - 2 * v * np.log1p(-rng.random(a.shape))) for _ in range(2))
    variance = np.broadcast_to(np.arange(steps + 1) * v, log.shape)
    return Spot(0, log, variance, (a + b + up) / 2, (a + b - down) / 2)


ZERO = np.zeros(1, dtype=np.int64)


def test_above_is_the_lognormal_digital() -> None:
    spot = flat_spot(0.5, 1.0, 100.0, 10)
    paths = prices.above(spot, ZERO, np.array([[0]]), np.array([10]), np.array([[100.0, 120.0]]))
    # Phi(-0.25) and Phi((ln(1/1.2) - 0.125) / 0.5)
    assert paths.latent[0, :, 0] == pytest.approx([0.4012937, 0.2693952], abs=1e-6)


def test_touch_has_twice_the_terminal_value_without_drift_and_obeys_reflection() -> None:
    spot = flat_spot(0.5, 1.0, 100.0, 10)
    end, grid = np.array([10]), np.array([[0]])
    up = prices.touch(spot, ZERO, grid, end, np.array([[120.0, 150.0]]), np.array([True, True])).latent[0, :, 0]
    digital = prices.above(spot, ZERO, grid, end, np.array([[120.0, 150.0]])).latent[0, :, 0]
    # the put-call mirror of the spot's own measure: touch = digital + (S/K) * digital of the mirrored process
    z = np.log(np.array([1.2, 1.5]))
    mirrored = ndtr((-z + 0.125) / 0.5)
    assert up == pytest.approx(digital + np.exp(-z) * mirrored, abs=1e-12)
    assert np.all(up > digital)


@pytest.mark.parametrize("up", [True, False])
def test_touch_price_is_the_frequency_of_touches_at_every_time(up: bool) -> None:
    spot = brownian_spot(6000, 60, 3)
    rows = np.arange(6000)
    grid = np.broadcast_to(np.arange(0, 60, 10), (6000, 6))
    strikes = np.broadcast_to([[115.0, 130.0] if up else [88.0, 75.0]], (6000, 2))
    paths = prices.touch(spot, rows, grid, np.full(6000, 60), strikes, np.array([up, up]))
    for market in range(2):
        for time in range(6):
            gap = clustered(paths.yes[:, market] - paths.latent[:, market, time], rows)
            assert abs(gap.z) < 3.3, (market, time, gap)


def test_ladders_are_monotone_at_all_times() -> None:
    spot = brownian_spot(200, 60, 4)
    rows, grid = np.arange(200), np.broadcast_to(np.arange(60), (200, 60))
    strikes = np.broadcast_to([[105.0, 110.0, 120.0, 90.0, 80.0]], (200, 5))
    paths = prices.touch(spot, rows, grid, np.full(200, 60), strikes, np.array([True, True, True, False, False]))
    assert np.all(paths.latent[:, 0] >= paths.latent[:, 1])
    assert np.all(paths.latent[:, 1] >= paths.latent[:, 2])
    assert np.all(paths.latent[:, 3] >= paths.latent[:, 4])
    assert np.all(paths.touch[:, 0] <= paths.touch[:, 1])
    digital = prices.above(spot, rows, grid, np.full(200, 60), strikes[:, :3])
    assert np.all(np.diff(digital.latent, axis=1) <= 0)
    assert np.all(paths.latent[:, :3] >= digital.latent - 1e-12)
    assert np.all(paths.yes[:, :3] >= digital.yes)


def test_a_touch_is_final_and_dated_by_its_step() -> None:
    spot = brownian_spot(300, 60, 5)
    grid = np.broadcast_to(np.arange(60), (300, 60))
    paths = prices.touch(spot, np.arange(300), grid, np.full(300, 60), np.full((300, 1), 112.0), np.array([True]))
    steps = paths.touch[:, 0] / STEP
    assert np.all((paths.latent[:, 0] == 1.0) == (np.arange(60) >= steps[:, None]))
    assert np.array_equal(np.isfinite(steps), paths.yes[:, 0])


def test_up_or_down_is_constant_before_its_window() -> None:
    spot = brownian_spot(4000, 60, 6)
    rows, grid = np.arange(4000), np.broadcast_to(np.arange(0, 60, 5), (4000, 12))
    paths = prices.up_or_down(spot, rows, grid, np.full(4000, 30), np.full(4000, 60))
    assert np.ptp(paths.latent[:, 0, :7]) == 0
    for time in (0, 8, 11):
        assert abs(clustered(paths.yes[:, 0] - paths.latent[:, 0, time], rows).z) < 3.3


def test_exclusive_outcomes_sum_to_one_and_one_wins() -> None:
    rng = stream(1, "test")
    prior = rng.dirichlet(np.full(5, 0.8), 400)
    paths = prices.choices(rng, prior, np.linspace(0, 0.98, 30), 5.0)
    assert paths.latent.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert paths.yes.sum(axis=1).tolist() == [1] * 400
    assert paths.latent[:, :, 0] == pytest.approx(prior)
    clock = np.linspace(0, 0.98, 30)
    forecast, left, final = prices.gaussian_forecast(rng, np.full(400, 12.0), np.full(400, 2.0), clock)
    buckets = prices.buckets(forecast, left, final, np.broadcast_to([[10.5, 11.5, 12.5]], (400, 3)))
    assert buckets.latent.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert buckets.yes.sum(axis=1).tolist() == [1] * 400


def draw(family: str, events: int) -> prices.Paths:
    rng = stream(11, family)
    if family == "choices":
        return prices.choices(rng, rng.dirichlet(np.full(4, 0.8), events), np.linspace(0, 0.95, 20), 5.0)
    if family == "deadline":
        return prices.deadline(rng, rng.uniform(0.1, 0.7, events), 20, 60_000_000)
    forecast, left, final = prices.gaussian_forecast(
        rng, rng.uniform(9, 15, events), np.full(events, 2.0), np.linspace(0, 0.95, 20)
    )
    return prices.buckets(forecast, left, final, np.broadcast_to([[10.5, 11.5, 12.5, 13.5]], (events, 4)))


@pytest.mark.parametrize("family", ["choices", "deadline", "buckets"])
def test_increments_are_unpredictable_and_the_end_is_the_outcome(family: str) -> None:
    paths = draw(family, 5000)
    events = np.arange(5000)
    first = paths.latent[:, 0]
    for time in range(1, paths.latent.shape[2], 3):
        step = first[:, time] - first[:, time - 1]
        assert abs(clustered(step, events).z) < 3.6
        # neither the level nor the last move says anything about the next one
        assert abs(clustered(step * (first[:, time - 1] - 0.3), events).z) < 3.6
        if time > 1:
            assert abs(clustered(step * np.sign(first[:, time - 1] - first[:, time - 2]), events).z) < 3.6
    for time in (0, 7, 19):
        miss = paths.yes[:, 0] - first[:, time]
        assert abs(clustered(miss, events).z) < 3.3
        assert abs(clustered(miss * (first[:, time] > 0.4), events).z) < 3.3
