"""The compiled inner loop of learning equals the formulas, evaluated column by column, to the last bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from edgeworth.core.random import stream
from edgeworth.models.shrinkage import HIGHEST, LOWEST, believe


def by_columns(points, firings, past, how):  # type: ignore[no-untyped-def]
    (t, price_e4), (row, side), (at, events_after, win_rate, paid_after), (prior, half, share, least) = (
        points, firings, past, how,
    )  # fmt: skip
    yes = price_e4[row].astype(np.int64)
    mid = np.where(side > 0, yes, 10_000 - yes) / 10_000
    price = np.minimum(mid + half + share * mid * (1.0 - mid), 1.0)
    step = np.searchsorted(at, t[row], side="right") - 1
    events, won, paid = np.zeros(len(row), np.int64), price, price
    if len(at):
        index, known = np.maximum(step, 0), step >= 0
        events = np.where(known, events_after[index], 0)
        won, paid = np.where(known, win_rate[index], price), np.where(known, paid_after[index], price)
    weight = events + prior
    mean = np.clip((events * won + prior * paid) / weight, 0.0, 1.0)
    edge = np.where(events >= max(least, 1), mean - paid, 0.0)
    return np.clip(price + edge, LOWEST, HIGHEST), np.sqrt(mean * (1.0 - mean) / (weight + 1.0)), events


@pytest.mark.parametrize("steps", [0, 1, 40, 3_000])
@pytest.mark.parametrize("how", [(100.0, 0.0, 0.0, 0), (0.5, 0.01, 0.02, 50), (3.0, 0.4, 2.0, 1)])
def test_equals_the_formulas(steps: int, how: tuple[float, float, float, int]) -> None:
    draw = stream(5, "shrinkage", steps)
    sizes = draw.integers(1, 80, 60)
    t = np.concatenate([np.sort(draw.integers(0, 10_000, size)) for size in sizes])  # ascending within a market only
    price_e4 = draw.integers(0, 10_001, len(t)).astype(np.int32)
    row = np.flatnonzero(draw.uniform(size=len(t)) < 0.7)
    side = draw.choice([-1, 1], len(row)).astype(np.int8)
    at = np.sort(draw.integers(500, 9_500, steps))
    past = at, np.arange(1, steps + 1), draw.uniform(size=steps), draw.uniform(size=steps)
    out = np.empty(len(row)), np.empty(len(row)), np.empty(len(row), np.int32)
    believe((t, price_e4), (row, side), past, how, out)
    for found, expected in zip(out, by_columns((t, price_e4), (row, side), past, how), strict=True):
        assert_array_equal(found, expected)
