"""A compiled model says what the model says, row by row, and one that cannot be compiled is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import planted_examples

from edgeworth.core.errors import DataError
from edgeworth.models.crossfit import Model, cross_fit, fit_model
from edgeworth.models.fast import TOLERANCE, compile_model, predict
from edgeworth.models.learners import make
from edgeworth.models.stack import Stack


@pytest.fixture(scope="module")
def model() -> Model:
    """An ensemble of all three kinds in which each member has a say."""
    examples, _ = planted_examples(3, 900)
    count = len(examples)
    x = examples.x.copy()
    x[::7, 1] = np.nan
    examples = dataclasses.replace(examples, x=x)
    members = {kind: make(kind, 1) for kind in ("logistic", "xgb", "lgbm")}
    folds = [
        (np.arange(count // 3), np.arange(count // 3, 2 * count // 3)),
        (np.arange(2 * count // 3), np.arange(2 * count // 3, count)),
    ]
    fitted = fit_model(members, examples, cross_fit(members, examples, folds, 7), 7)
    stack = Stack(fitted.stack.members, np.array([0.5, 0.4, 0.3]), 0.01, 0.01 * np.eye(4) + 0.001, 300)
    return Model(fitted.names, fitted.members, stack)


def test_says_what_the_model_says(model):
    compiled = compile_model(model)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, len(model.names))).astype(np.float32) * 2
    x[rng.random(x.shape) < 0.2] = np.nan
    price = rng.uniform(0.0, 1.0, 300)
    theirs = model.forecast(x, price)
    mine = np.array([predict(compiled, row.astype(float), float(p)) for row, p in zip(x, price, strict=True)])
    np.testing.assert_allclose(mine[:, 0], theirs.p, atol=TOLERANCE)
    np.testing.assert_allclose(mine[:, 1], theirs.se, atol=TOLERANCE)


@given(column=st.integers(0, 2), value=st.sampled_from([3e38, -3e38, 1e30, -1e30, 0.0, -0.0]))
def test_extreme_values_go_where_the_libraries_send_them(model, column, value):
    compiled = compile_model(model)
    x = np.zeros((1, len(model.names)), np.float32)
    x[0, column] = value
    p, _ = predict(compiled, x[0].astype(float), 0.4)
    assert abs(p - model.forecast(x, np.array([0.4])).p[0]) <= TOLERANCE


def test_a_member_without_a_say_costs_nothing(model):
    silent = Stack(model.stack.members, np.array([0.5, 0.0, 0.0]), 0.0, np.diag([0.01, 0.0, 0.0, 0.01]), 300)
    compiled = compile_model(Model(model.names, model.members, silent))
    assert not len(compiled.roots)


def test_a_compiled_form_that_disagrees_is_not_handed_out(model):
    class Lying(type(model.members["logistic"])):
        def correct(self, x):
            return super().correct(x) + 0.01

    members = {**model.members, "logistic": Lying(*vars(model.members["logistic"]).values())}
    with pytest.raises(DataError) as caught:
        compile_model(Model(model.names, members, model.stack))
    assert caught.value.code == "model-not-compiled"


def test_members_of_other_kinds_are_refused(model):
    class Other:
        kind = "other"

    with pytest.raises(DataError, match="neither linear nor trees"):
        compile_model(Model(model.names, {**model.members, "xgb": Other()}, model.stack))
