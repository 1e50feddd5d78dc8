"""The quality of a snapshot, against values worked out by hand."""

import numpy as np
import pytest

from edgeworth.core.units import MINUTE
from edgeworth.features.quality import Quotes, quality

QUARTER = 15 * MINUTE
DOLLARS = 1_000_000


def one(bid=5_000, ask=5_200, depth=100 * DOLLARS, age=0, facts=(), other=None):
    found = quality(Quotes([bid], [ask], [depth], [age], tuple([fact] for fact in facts), other and [other]), QUARTER)
    return {name: float(getattr(found, name)[0]) for name in found.__slots__}


def test_a_full_fresh_tight_and_deep_quote_scores_one():
    found = one(facts=(5_100, 10**9))
    assert found["score"] == 1.0
    assert np.isnan(found["agreement"])  # nobody else was asked


def test_completeness_is_the_share_of_filled_fields():
    assert one(facts=(None, 10**9))["completeness"] == pytest.approx(4 / 5)  # bid, ask, depth and one of two facts
    assert one(bid=None)["completeness"] == pytest.approx(2 / 3)
    assert one(bid=None, ask=None)["completeness"] == 0.0  # sizes without a price are worth nothing


@pytest.mark.parametrize(
    ("age", "fresh"), [(0, 1.0), (15 * MINUTE, 1.0), (30 * MINUTE, 0.5), (60 * MINUTE, 0.25), (None, 0.5)]
)
def test_freshness_halves_when_the_age_doubles_beyond_one_interval(age, fresh):
    assert one(age=age)["freshness"] == pytest.approx(fresh)


@pytest.mark.parametrize(
    ("bid", "ask", "factor"),
    [
        (5_000, 5_400, 1.0),  # four cents
        (4_000, 6_200, 0.5),  # 22 cents: half way from 4 to 40
        (1_000, 5_500, 0.0),  # 45 cents
        (0, 10_000, 0.0),  # an empty book
        (9_980, 10_000, 0.5),  # nobody sells
        (5_000, 5_000, 0.5),  # locked: no spread to speak of, so no statement
        (None, 5_000, 0.5),
    ],
)
def test_spread(bid, ask, factor):
    assert one(bid=bid, ask=ask)["spread"] == pytest.approx(factor)


def test_depth_grows_with_the_square_root_and_the_weaker_side_counts():
    assert one(depth=25 * DOLLARS)["depth"] == pytest.approx(0.5)
    assert one(depth=400 * DOLLARS)["depth"] == 1.0
    assert one(depth=None)["depth"] == 0.5
    found = one(bid=4_000, ask=4_760, depth=81 * DOLLARS)  # 7.6 cents: (40 - 7.6) / 36 = 0.9 = sqrt(0.81)
    assert found["adequacy"] == pytest.approx(0.9)
    assert found["score"] == pytest.approx(0.9)


def test_two_sources_that_differ_lower_the_score():
    assert one(other=5_290)["agreement"] == 1.0  # 1.9 cents from the mid of 51 cents
    assert one(other=5_800)["agreement"] == pytest.approx(0.5)  # 7 cents
    assert one(other=5_800)["score"] == pytest.approx(0.5)
    assert one(other=7_000)["score"] == 0.0


def test_scores_are_products_within_bounds_and_integers_on_demand():
    rng = np.random.default_rng(5)
    bid = rng.integers(0, 9_000, 1_000).astype(float)
    ask = bid + rng.integers(-50, 1_000, 1_000)
    found = quality(Quotes(bid, ask, rng.uniform(0, 3e8, 1_000), rng.uniform(0, 3e9, 1_000), (bid,), bid + 150))
    assert np.all((found.score >= 0) & (found.score <= 1))
    agreement = np.nan_to_num(found.agreement, nan=1.0)
    assert np.allclose(found.score, found.completeness * found.freshness * found.adequacy * agreement)
    assert np.array_equal(found.score_e4, np.rint(found.score * 10_000))
