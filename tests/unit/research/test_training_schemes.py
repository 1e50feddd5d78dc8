"""Purged and combinatorial schemes are scored path by path, and no scored label has a part in its own forecast."""

from dataclasses import replace

import numpy as np
import pytest
from tests.support.examples import planted_examples

from edgeworth.core.errors import UsageError
from edgeworth.core.units import DAY
from edgeworth.models.crossfit import Scheme, cross_fit, forecast_paths
from edgeworth.models.learners import make
from edgeworth.models.scores import cluster_mean, log_loss_gain
from edgeworth.research import schemes, training_lint
from edgeworth.research.splits import Rows, combinatorial
from edgeworth.research.training_scores import plain_scores, reliability_table, score_all

LOGISTIC = {"logistic": make("logistic")}


def told(examples, scheme, members=LOGISTIC):
    out = cross_fit(members, examples, scheme.folds, 7)
    return out, forecast_paths(out, scheme, examples, list(range(len(members))))


@pytest.mark.parametrize(
    ("cv", "splits", "paths", "teaching"),
    [
        ("cpcv", 15, 5, 0), ("cpcv-8-2", 28, 7, 0), ("cpcv-10-2", 45, 9, 0), ("cpcv-6-3", 20, 10, 0),
        ("cpcv-12-3", 220, 55, 0), ("purged-5", 5, 1, 10), ("walk-forward-4", 4, 1, 0),
    ],
)  # fmt: skip
def test_splits_and_paths_are_counted(cv, splits, paths, teaching):
    examples, _ = planted_examples(1, 240)
    scheme = schemes.make_scheme(examples, cv, DAY)
    assert (scheme.scored, scheme.paths, len(scheme.folds) - scheme.scored) == (splits, paths, teaching)
    if scheme.groups:
        assert np.array_equal(np.sort(np.concatenate(scheme.groups)), np.arange(len(examples)))
        times = np.bincount(np.concatenate([test for _, test in scheme.folds[: scheme.scored]]))
        assert (times == paths).all()


@pytest.mark.parametrize("cv", ["cpcv", "purged-4", "cpcv-5-3"])
def test_every_path_tells_of_every_row_once_and_differs(cv):
    examples, _ = planted_examples(2, 900)
    scheme = schemes.make_scheme(examples, cv, DAY)
    _, paths = told(examples, scheme)
    assert len(paths) == scheme.paths
    for path in paths:
        assert np.isfinite(path.p).all()
        assert ((path.low <= path.p) & (path.p <= path.high)).all()
    seen = {path.p.tobytes() for path in paths}
    assert len(seen) == len(paths)


@pytest.mark.parametrize("cv", ["cpcv", "purged-4", "cpcv-5-3"])
@pytest.mark.parametrize("group", [0, 2, -1])
def test_no_label_that_overlaps_a_scored_row_changes_its_forecast(cv, group):
    """The labels of a group and of all events that overlap it are turned around: its forecasts stay bit for bit."""
    examples, _ = planted_examples(3, 700)
    scheme = schemes.make_scheme(examples, cv, DAY)
    scored = scheme.groups[group]
    touched = np.setdiff1d(np.arange(len(examples)), scheme.clear[group])
    assert len(touched) > len(scored)
    label = examples.label.copy()
    label[touched] = 1 - label[touched]
    _, before = told(examples, scheme)
    _, after = told(replace(examples, label=label), scheme)
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.p[scored], other.p[scored])
        assert np.array_equal(one.se[scored], other.se[scored])
        assert not np.array_equal(one.p, other.p)


def test_a_stack_taught_by_overlapping_rows_would_be_seen():
    """The same audit on a scheme that lets every row teach: the forecasts of the scored group change."""
    examples, _ = planted_examples(3, 700)
    honest = schemes.make_scheme(examples, "cpcv", DAY)
    everything = np.arange(len(examples))
    careless = Scheme("cpcv", honest.folds, honest.groups, (everything,) * 6, honest.tests, honest.scored)
    scored = honest.groups[2]
    label = examples.label.copy()
    label[scored] = 1 - label[scored]
    _, before = told(examples, careless)
    _, after = told(replace(examples, label=label), careless)
    assert not np.array_equal(before[0].p[scored], after[0].p[scored])


def test_scores_pool_the_paths_and_keep_them_apart():
    examples, _ = planted_examples(4, 900)
    scheme = schemes.make_scheme(examples, "cpcv", DAY)
    out, paths = told(examples, scheme)
    (found,) = score_all(out, scheme, examples)
    gains = np.array([log_loss_gain(path.p, examples.price, examples.label) for path in paths])
    assert [path.gain for path in found.paths] == pytest.approx(gains.mean(axis=1).tolist())
    assert [path.path for path in found.paths] == [1, 2, 3, 4, 5]
    assert found.rows == len(examples)
    pooled = cluster_mean(gains.mean(axis=0), examples.event)
    assert (found.gain, found.gain_low, found.gain_high) == pytest.approx((pooled.value, pooled.low, pooled.high))
    assert sum(
        found.plain["model"][name] for name in ("true_positive", "false_positive", "false_negative", "true_negative")
    ) == 5 * len(examples)


@pytest.mark.parametrize("cv", ["cpcv", "purged-5"])
def test_the_lint_accepts_combinatorial_folds_and_sees_an_overlap(cv):
    examples, _ = planted_examples(5, 400)
    scheme = schemes.make_scheme(examples, cv, DAY)
    lines = training_lint.lint_folds(examples, scheme)
    assert {line.code: line.passed for line in lines} == {"leak-split-random": True, "leak-label-open": True}
    train, test = scheme.folds[0]
    late = np.setdiff1d(np.arange(len(examples)), scheme.clear[scheme.tests[0][-1]])
    others = late[~np.isin(examples.event[late], examples.event[test])]
    broken = Scheme(cv, [(np.union1d(train, others), test)], scheme.groups, scheme.clear, scheme.tests, 1)
    assert {line.code: line.passed for line in training_lint.lint_folds(examples, broken)}["leak-label-open"] is False


def test_purged_forecasts_find_what_is_planted_and_nothing_else():
    planted, _ = planted_examples(6, 2_500, 0.6)
    nothing, _ = planted_examples(7, 2_500, 0.0)
    for cv in ("purged-4", "cpcv-5-2"):
        for examples, low in ((planted, True), (nothing, False)):
            scheme = schemes.make_scheme(examples, cv, DAY)
            (found,) = score_all(told(examples, scheme)[0], scheme, examples)
            assert (found.gain_low > 0) is low, (cv, found.sentence)


def test_a_canary_is_quiet_under_every_scheme():
    examples, _ = planted_examples(8, 300, 0.6)
    for cv in ("walk-forward-3", "purged-3", "cpcv-4-2"):
        line = training_lint.canary(examples, schemes.make_scheme(examples, cv, DAY), 7, make("logistic"))
        assert line.passed, (cv, line)


@pytest.mark.parametrize(
    "cv", ["kfold-5", "purged", "purged-1", "purged-40", "cpcv-6", "cpcv-6-5", "cpcv-12-6", "walk-forward-5-2", ""]
)
def test_a_scheme_that_makes_no_sense_is_named(cv):
    with pytest.raises(UsageError, match="bad-option"):
        schemes.parse(cv)


def test_groups_are_those_of_the_splitter():
    examples, _ = planted_examples(9, 200)
    scheme = schemes.make_scheme(examples, "purged-4", DAY)
    expected = list(combinatorial(Rows(examples.t, examples.event, examples.known_at), 4, 1, DAY))
    for (train, test), clear, group in zip(expected, scheme.clear, scheme.groups, strict=True):
        assert np.array_equal(train, clear)
        assert np.array_equal(test, group)


def test_the_reliability_table_and_the_familiar_scores():
    examples, truth = planted_examples(10, 3_000)
    bins = reliability_table(truth, examples)
    assert sum(row["rows"] for row in bins) == len(examples)
    assert sum(row["low"] <= row["forecast"] <= row["high"] for row in bins) >= 8
    plain = plain_scores(np.array([0.9, 0.8, 0.3, 0.6]), np.array([1.0, 0.0, 1.0, 1.0]))
    assert (plain["true_positive"], plain["false_positive"], plain["false_negative"]) == (2, 1, 1)
    assert plain["precision"] == pytest.approx(2 / 3)
    assert plain["auc"] == pytest.approx(1 / 3)


@pytest.mark.slow
@pytest.mark.parametrize("cv", ["purged-5", "cpcv"])
def test_nothing_is_claimed_where_nothing_is(cv):
    """Fifty efficient worlds: hardly an interval lies above 0, and what noise costs is less than a thousandth of a nat.

    Intervals lie below 0 more often than in one of twenty: a fitted correction of a price that is right is worse than
    the price, and paths that share their noise show it more clearly than one path does.
    """
    found = []
    for seed in range(300, 350):
        examples, _ = planted_examples(seed, 800, 0.0)
        scheme = schemes.make_scheme(examples, cv, DAY)
        found += score_all(cross_fit(LOGISTIC, examples, scheme.folds, 7), scheme, examples)
    assert sum(score.gain_low > 0 for score in found) <= 2
    assert sum(score.gain_low <= 0 <= score.gain_high for score in found) >= 40
    assert -1e-3 < np.mean([score.gain for score in found]) <= 0
