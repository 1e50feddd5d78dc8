"""Planted biases: exact size inside their band, nothing outside, prices stay proper."""

import math

import numpy as np
import pytest

from edgeworth.core.types import FeeSchedule, Side
from edgeworth.sandbox.biases import Distortion, latent_of_quoted, stated_cost
from edgeworth.sandbox.scenario import SCENARIOS, Bias

FEE = FeeSchedule(70_000, 1)


def bias(**changes: object) -> Bias:
    row: dict[str, object] = {"name": "b", "category": "c", "side": Side.NO, "points": 6.0, "low": 0.6, "high": 0.9}
    return Bias(**{**row, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [Side.YES, Side.NO])
@pytest.mark.parametrize("net", [True, False])
def test_the_band_is_off_by_exactly_the_points(side: Side, net: bool) -> None:
    quoted = np.linspace(0.4, 0.7, 50)
    planted = bias(side=side, net=net, low=0.4, high=0.7)
    latent = latent_of_quoted(quoted, (planted,), 0.01, FEE)
    cost = stated_cost(quoted, 0.01, FEE) if net else 0.0
    edge = latent - quoted if side is Side.YES else quoted - latent
    assert edge - cost == pytest.approx(0.06, abs=1e-12)


def test_quote_inverts_the_latent_map_and_stays_inside() -> None:
    latent = np.linspace(0.0005, 0.9995, 2000)
    planted = (bias(),)
    quoted = Distortion(planted, 0.01, FEE).quote(latent, np.full(2000, 24.0))
    assert latent_of_quoted(quoted, planted, 0.01, FEE) == pytest.approx(latent, abs=1e-4)
    assert np.all(np.diff(quoted) > 0)
    assert quoted.min() > 0
    assert quoted.max() < 1


def test_far_from_the_band_nothing_changes() -> None:
    latent = np.linspace(0.01, 0.40, 100)
    assert Distortion((bias(),), 0.01, FEE).quote(latent, np.full(100, 24.0)) == pytest.approx(latent, abs=1e-12)


def test_a_horizon_limits_the_bias() -> None:
    latent = np.full(4, 0.7)
    quoted = Distortion((bias(max_hours=24.0),), 0.0, FEE).quote(latent, np.array([1.0, 24.0, 25.0, math.inf]))
    assert quoted[2:].tolist() == [0.7, 0.7]
    assert np.all(quoted[:2] > 0.75)


def test_a_bias_too_large_for_its_band_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        Distortion((bias(points=20.0, low=0.05, high=0.3),), 0.0, FEE).quote(np.array([0.5]), np.array([1.0]))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_shipped_biases_fit_their_bands_under_every_fee(name: str) -> None:
    scenario = SCENARIOS[name]
    for planted in scenario.biases:
        for rate in (0, 30_000, 50_000, 70_000):
            fee = FeeSchedule(rate, 1)
            Distortion((planted,), scenario.half_spread, fee).quote(np.array([0.5]), np.array([1.0]))
