"""Calibration after the fact is learned from rows the learner did not know, so a greedy learner is held back."""

import numpy as np
import pytest
from tests.support.examples import planted_examples

from edgeworth.models.crossfit import cross_fit, fit_model
from edgeworth.models.learners import make
from edgeworth.models.scores import cluster_mean, log_loss_gain, recalibrate
from edgeworth.models.stack import Evidence, fit_stack
from edgeworth.research.splits import Rows, walk_forward

GREEDY = {"depth": 6, "rounds": 120, "rate": 0.15, "least_weight": 1.0, "ridge": 1.0, "rows": 0.9, "columns": 0.9}


@pytest.fixture(scope="module")
def greedy():
    examples, _ = planted_examples(21, 1_500)
    folds = list(walk_forward(Rows(examples.t, examples.event, examples.known_at), 4))
    members = {"xgb": make("xgb", 1, GREEDY)}
    return examples, fit_model(members, examples, cross_fit(members, examples, folds, 7), 7)


def test_a_learner_that_knows_its_rows_by_heart_is_not_believed(greedy):
    examples, model = greedy
    by_heart = Evidence(model.corrections(examples.x), examples.price, examples.label, examples.event, examples.weight)
    assert fit_stack(("xgb",), by_heart).weights[0] > 1.0
    assert 0.05 < model.stack.weights[0] < 0.5


def test_what_it_says_of_fresh_rows_is_calibrated_and_no_worse_than_the_price(greedy):
    model = greedy[1]
    fresh, _ = planted_examples(22, 4_000)
    raw = 1 / (1 + np.exp(-(fresh.offset + model.corrections(fresh.x)[:, 0])))
    calibrated = model.forecast(fresh.x, fresh.price).p
    gains = [cluster_mean(log_loss_gain(p, fresh.price, fresh.label), fresh.event) for p in (raw, calibrated)]
    assert gains[0].high < 0 < gains[1].low
    slopes = [recalibrate(p, fresh.label, fresh.event) for p in (raw, calibrated)]
    assert slopes[0].slope < 0.7
    assert slopes[1].slope == pytest.approx(1.0, abs=0.12)
    assert slopes[1].wald_p > 0.001


@pytest.mark.parametrize("kind", ["xgb", "lgbm"])
def test_shares_of_features_add_up_to_the_margin(kind):
    examples, _ = planted_examples(23, 800)
    fitted = make(kind, 1, {"rounds": 300, "rate": 0.1}).fit(examples, 7)
    shares, margin = fitted.contributions(examples.x), fitted.correct(examples.x)
    assert np.abs(shares.sum(axis=1) - margin).max() < 1e-5
    assert np.ptp(shares[:, -1]) < 1e-9
    assert margin.std() > 0.1
