"""The audits catch what looks ahead, say where, and are silent about what does not."""

import dataclasses

import numpy as np
import pytest
from tests.support import leaky
from tests.support.panels import random_panel
from tests.support.worlds import efficient_world

from edgeworth.core.config import Settings
from edgeworth.core.panel import NEVER, UNKNOWN_TIME
from edgeworth.features.columns import owners
from edgeworth.features.definitions import Kind, feature
from edgeworth.forecasting.firing import fire_all
from edgeworth.forecasting.learning import Opinions
from edgeworth.research import audit_copies
from edgeworth.research.audit import CHECKS, COMPLETE, AuditResult, audit, memory, quick_audit
from edgeworth.research.audit_compare import Pipeline
from edgeworth.research.audit_copies import Fill
from edgeworth.research.collecting import decision_points
from edgeworth.strategies.base import label
from edgeworth.strategies.registry import all_strategies, find, with_params

PIPELINE = Pipeline.of_settings(Settings())
WORLD = efficient_world(3, 300)


def _sure(firings, panel, outcomes):
    """State an edge at every firing, so that the engine has something to do."""
    return dataclasses.replace(
        PIPELINE.learn(firings, panel, outcomes), p=np.full(len(firings), 0.97), se=np.full(len(firings), 0.01)
    )


SURE = dataclasses.replace(PIPELINE, learn=_sure)
UNEVEN = random_panel(5, markets=150, points=60)


def fired(rules, data=WORLD):
    panel, outcomes = data
    rows = decision_points(panel, outcomes, UNKNOWN_TIME, NEVER)
    return list(zip(rules, fire_all(panel, rules, rows), strict=True))


def complete(rule, data=WORLD, pipeline=PIPELINE, seed=0) -> AuditResult:
    return audit(*data, fired([rule], data)[0], pipeline, seed=seed)


def fast(rule, data=WORLD, pipeline=PIPELINE, seed=0) -> AuditResult:
    return quick_audit(*data, fired([rule], data), pipeline, seed=seed)[label(rule)]


def failed(result: AuditResult) -> set[str]:
    return {check.name for check in result.checks if check.passed is False}


@pytest.mark.parametrize("data", [WORLD, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("rule", all_strategies(), ids=label)
def test_what_ships_passes_the_complete_audit(rule, data):
    result = complete(rule, data)
    assert result.passed, [check.difference for check in result.checks]
    assert {check.name for check in result.checks} == set(CHECKS)
    scramble = result.checks[0]
    assert scramble.comparisons > 100_000
    assert result.cuts >= COMPLETE.cuts


@pytest.mark.parametrize("seed", range(5))
def test_what_ships_passes_the_fast_audit(seed):
    for data in (WORLD, UNEVEN):
        results = quick_audit(*data, fired(all_strategies(), data), PIPELINE, seed=seed)
        assert len(results) == len(all_strategies())
        for result in results.values():
            assert result.passed, [check.difference for check in result.checks]
            assert all(check.comparisons for check in result.checks[:1])


def test_variants_and_reversals_pass():
    rules = [with_params(find("crypto-favorite-fade"), {"threshold": "0.8"}), find("favorite-longshot-reverse")]
    assert all(result.passed for result in quick_audit(*WORLD, fired(rules), PIPELINE).values())


BROKEN = {
    "peeks one step": leaky.next_price,
    "peeks one step on 5 % of rows": leaky.rarely_next_price,
    "full range of the market": leaky.in_range,
    "centred window": leaky.centred,
    "share of the complete series": leaky.share_of_series,
}


@pytest.mark.parametrize("data", [WORLD, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("how", BROKEN)
def test_the_scramble_audit_catches(how, data):
    with leaky.registered(BROKEN[how]):
        for seed in range(2):
            result = complete(leaky.reader(), data, seed=seed)
            assert "scramble" in failed(result)
            assert leaky.NAME in result.checks[0].difference
            assert "market" in result.checks[0].difference


@pytest.mark.parametrize("how", BROKEN)
def test_the_fast_form_catches_it_too(how):
    with leaky.registered(BROKEN[how]):
        for seed in range(5):
            assert "scramble" in failed(fast(leaky.reader(), seed=seed)), seed


def test_a_range_over_all_markets_is_caught():
    with leaky.registered(leaky.in_whole_range):
        assert "scramble" in failed(complete(leaky.reader()))


@pytest.mark.parametrize("seed", range(3))
def test_a_peek_on_few_of_its_decisions_is_caught_by_the_complete_form(seed):
    with leaky.registered(leaky.sometimes_next_price):
        assert "scramble" in failed(complete(leaky.reader(), seed=seed))


def test_an_honest_feature_registered_by_a_user_passes():
    with leaky.registered(leaky.price):
        for seed in range(3):
            assert complete(leaky.reader(both=True), seed=seed).passed
            assert fast(leaky.reader(both=True), seed=seed).passed


def test_a_value_that_depends_on_where_the_data_begin_fails_the_warm_up():
    with leaky.registered(leaky.points_from_start_of_data):
        assert "warm-up" in failed(complete(leaky.reader(4.0)))


def test_a_value_that_differs_live_fails_batch_against_incremental():
    with leaky.registered(leaky.live_differs):
        assert "batch-incremental" in failed(complete(leaky.reader()))


def test_odds_learned_from_outcomes_not_known_yet_fail_the_permutation():
    def learns_from_everything(firings, panel, outcomes):
        market = owners(panel, firings.row)
        paid = np.where(outcomes.payout_e4[market] >= 0, outcomes.payout_e4[market] / 10_000, 0.5)
        p = np.clip(paid, 0.05, 0.95)
        return Opinions(firings.row, firings.side, p, np.full(len(p), 0.01), np.ones(len(p), np.int32))

    broken = dataclasses.replace(PIPELINE, learn=learns_from_everything)
    for form in (fast, complete):
        result = form(find("favorite-longshot"), pipeline=broken)
        assert {"outcome-permutation", "scramble"} <= failed(result)
        assert "learned probability" in result.checks[1].difference


def test_odds_learned_over_the_whole_range_fail_the_prefix():
    def compares_with_all(firings, panel, outcomes):
        said = PIPELINE.learn(firings, panel, outcomes)
        return dataclasses.replace(said, p=np.full(len(said.p), panel.price_e4.mean() / 10_000))

    result = complete(find("favorite-longshot"), pipeline=dataclasses.replace(PIPELINE, learn=compares_with_all))
    assert "prefix-stability" in failed(result)


def test_an_engine_that_sells_before_it_knows_fails():
    def with_hindsight(panel, outcomes, said, category):
        fills = PIPELINE.walk(panel, outcomes, said, category)
        market = fills["market"].astype(np.int64)
        fills["cash_e6"] = fills["cash_e6"] + outcomes.payout_e4[market]
        return fills

    result = complete(find("favorite-longshot"), pipeline=dataclasses.replace(SURE, walk=with_hindsight))
    assert "outcome-permutation" in failed(result)
    assert "engine" in result.checks[1].difference


def test_with_opinions_worth_an_order_the_engine_passes():
    result = complete(find("favorite-longshot"), pipeline=SURE)
    assert result.passed, [check.difference for check in result.checks]
    assert result.checks[1].comparisons > complete(find("favorite-longshot")).checks[1].comparisons  # fills, too


def test_a_rule_that_fires_nowhere_is_still_looked_at():
    with leaky.registered(leaky.next_price):
        assert "scramble" in failed(fast(leaky.reader(2.0)))
        assert "scramble" in failed(complete(leaky.reader(2.0)))


def test_the_same_seed_gives_the_same_audit():
    rule = find("weather-fade-longshots")
    assert complete(rule) == complete(rule)


def test_the_future_of_a_copy_changes_and_its_past_does_not():
    panel, outcomes = UNEVEN
    cut = int(np.median(panel.t))
    for fill in Fill:
        copy = audit_copies.another_future(panel, outcomes, cut, fill, 1)
        watched = copy.watched
        assert (copy.panel.t[watched] <= cut).all()
        assert np.array_equal(copy.panel.price_e4[watched], panel.price_e4[copy.base_row[watched]])
        assert len(watched) == int((panel.t <= cut).sum())
        known = outcomes.known_at <= cut
        assert np.array_equal(copy.outcomes.payout_e4[known], outcomes.payout_e4[known])
        assert (copy.outcomes.known_at[~known] > cut).all()
        if fill is Fill.TRUNCATE:
            assert copy.panel.point_count == len(watched)
        else:
            later = panel.t > cut
            assert (copy.panel.price_e4[later] != panel.price_e4[later]).mean() > 0.9


def test_a_stack_keeps_events_apart():
    panel, _ = random_panel(2, markets=12, points=9)
    both = audit_copies.stack([panel, panel])
    assert both.market_count == 24
    events = both.markets["event_no"].to_numpy()
    assert not set(events[:12]) & set(events[12:])
    assert len(np.unique(events[:12])) == panel.markets["event_no"].n_unique()
    assert np.array_equal(both.t[panel.point_count :], panel.t)


def test_a_shorter_past_keeps_what_a_lookback_needs():
    panel, outcomes = UNEVEN
    copy = audit_copies.shorter_past(panel, outcomes, 0.5, (0, 3))
    assert 0 < copy.panel.point_count < panel.point_count
    owner = owners(panel, copy.base_row)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    for market, row in zip(owner[first], copy.base_row[first], strict=True):
        watched = copy.base_row[copy.watched]
        mine = watched[owners(panel, watched) == market]
        assert not len(mine) or mine[0] - row >= min(3, mine[0] - panel.offsets[market])


def test_the_memory_of_features():
    assert memory("price") == (0, 2)
    assert memory("category") == (0, 0)
    assert memory("path_high") is None
    assert memory("rsi_14_wilder") is None
    week = feature("momentum_7d")
    assert week.kind is Kind.WINDOW
    assert memory("momentum_7d")[0] >= week.lookback


def test_every_feature_that_ships_passes():
    """One rule over each shipped feature, complete: the audit's own false alarms are 0."""
    from edgeworth.features.definitions import FEATURES

    names = [found.name for found in FEATURES.values() if found.dtype in {"Float64", "Int32", "Int8", "Int64"}]
    assert len(names) > 20
    rules = [leaky.reader(0.5, feature=name, name=f"reads-{number}") for number, name in enumerate(names)]
    for data in (WORLD, UNEVEN):
        for result in quick_audit(*data, fired(rules, data), PIPELINE).values():
            assert result.passed, [check.difference for check in result.checks]
