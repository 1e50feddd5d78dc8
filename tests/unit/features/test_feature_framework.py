"""The registry: what can be registered, what is refused, and what a fingerprint covers."""

import dataclasses
import math

import numpy as np
import polars as pl
import pytest
from tests.support.panels import hourly, make_panel, random_panel

from edgeworth.core.errors import DataError, LeakError, UsageError
from edgeworth.core.schema import is_hindsight
from edgeworth.features import definitions
from edgeworth.features.document import reference_page
from edgeworth.features.drivers import driver
from edgeworth.features.registry import FEATURES, FeatureSet, View, compute, expression_feature, kernel_feature
from edgeworth.features.rowwise import first_disagreement


@pytest.fixture
def clean():
    """Forget the features a test registers."""
    before = dict(FEATURES)
    yield
    for name in FEATURES.keys() - before.keys():
        del FEATURES[name]


def test_an_unknown_feature_is_named_with_a_suggestion():
    panel, _ = make_panel([{"prices": hourly([0.5])}])
    with pytest.raises(UsageError, match="no feature is called 'momentum_1hr'") as caught:
        compute(panel, ["momentum_1hr"])
    assert (caught.value.code, caught.value.hint) == ("unknown-feature", "did you mean 'momentum_1h'?")


def test_no_feature_has_a_hindsight_name_and_none_can_get_one(clean):
    assert not [name for name in FEATURES if is_hindsight(name)]
    with pytest.raises(LeakError) as caught:
        expression_feature("final_price", inputs=["price"], group="x", unit="", doc="")(lambda price: price)
    assert caught.value.code == "hindsight-column"


def test_every_feature_is_documented_and_the_page_matches(pytestconfig):
    assert all(found.doc and found.group for found in FEATURES.values())
    page = pytestconfig.rootpath / "docs" / "reference" / "features.md"
    assert page.read_text("utf-8") == reference_page()


def test_an_expression_that_looks_at_its_neighbours_is_refused(clean):
    expression_feature("peek", inputs=["price"], group="x", unit="$", doc="next price")(lambda price: price.shift(-1))
    panel, _ = make_panel([{"prices": hourly([0.5, 0.6, 0.7])}])
    with pytest.raises(DataError, match="peek") as caught:
        compute(panel, ["peek"])
    assert caught.value.code == "not-row-wise"


def span(t, x, parameter):
    return (t[-1] - t[0]) / 3.6e9


def test_a_new_kernel_is_one_function_and_sees_its_window_only(clean):
    kernel_feature("span", lookback=2 * 3_600_000_000, group="x", unit="h", doc="hours seen")(span)
    panel, _ = make_panel([{"prices": hourly([0.5] * 5)}, {"prices": hourly([0.5])}])
    assert compute(panel, ["span"])["span"].to_list() == [0.0, 1.0, 2.0, 2.0, 2.0, 0.0]


def test_a_name_cannot_be_taken_twice_and_inputs_must_exist(clean):
    with pytest.raises(ValueError, match="exists already"):
        expression_feature("price", inputs=["logit"], group="x", unit="", doc="")(lambda logit: logit)
    with pytest.raises(ValueError, match="which no feature is called"):
        expression_feature("fresh", inputs=["nothing"], group="x", unit="", doc="")(lambda nothing: nothing)
    with pytest.raises(ValueError, match="reads one input"):
        kernel_feature("fresh", "window", inputs=["price", "logit"], group="x", unit="", doc="")(span)


def test_the_fingerprint_covers_versions_parameters_and_what_is_read(clean, monkeypatch):
    before = FeatureSet(("drawdown",)).fingerprint
    assert FeatureSet(("drawdown",)).fingerprint == before
    assert FeatureSet(("drawdown", "price")).fingerprint == before  # price is read by it anyway
    changed = dataclasses.replace(FEATURES["path_high"], version=2)
    monkeypatch.setitem(definitions.FEATURES, "path_high", changed)
    assert FeatureSet(("drawdown",)).fingerprint != before
    prints = {FeatureSet((name,)).fingerprint for name in FEATURES}
    assert len(prints) == len(FEATURES)


def test_rows_must_ascend_and_subsets_equal_the_whole():
    panel, _ = random_panel(5, markets=8)
    names = ["price", "momentum_1d", "rsi_14_wilder", "event_price_sum", "question"]
    rows = np.arange(3, panel.point_count, 7)
    assert compute(panel, names, rows).equals(compute(panel, names)[rows])
    with pytest.raises(ValueError, match="ascend"):
        compute(panel, names, rows[::-1])
    assert compute(panel, names, np.empty(0, np.int64)).height == 0


def test_threads_do_not_change_values(monkeypatch):
    panel, _ = random_panel(6, markets=12)
    names = [found.name for found in FEATURES.values() if found.kind in definitions.KERNELS]
    single = View(panel, threads=1).compute(names)
    monkeypatch.setattr("edgeworth.features.registry._PARALLEL_FROM", 1)
    assert View(panel, threads=3).compute(names).equals(single)


@pytest.mark.parametrize("name", [found.name for found in FEATURES.values() if found.kind in definitions.KERNELS])
def test_every_compiled_loop_equals_its_plain_python(name, monkeypatch):
    panel, _ = random_panel(7, markets=6, points=30)
    compiled = compute(panel, [name])[name].to_list()
    monkeypatch.setattr("edgeworth.features.registry.driver", lambda found: driver(found, compiled=False))
    plain = compute(panel, [name])[name].to_list()
    assert [value is None for value in plain] == [value is None for value in compiled]
    assert [value or 0.0 for value in plain] == pytest.approx([value or 0.0 for value in compiled], abs=1e-12)


def test_compiled_functions_keep_their_python_form():
    bound = driver(FEATURES["momentum_1h"])
    out = np.full(1, math.nan)
    arguments = (np.array([0, 3_600_000_000]), np.array([0.1, 0.4]), np.array([1]), np.array([0]))
    bound.py_func(*arguments, (7_200_000_000, 0, 3_600_000_000), out)
    assert out[0] == pytest.approx(0.3)


@pytest.mark.parametrize(
    "expression",
    [
        pl.col("x").shift(1) > 0.5,
        pl.col("x") > pl.col("x").mean(),
        pl.col("x").cum_sum() > 5,
        pl.col("x").rank() > 3,
        pl.col("x") == pl.col("x").max(),
        pl.col("x").is_first_distinct(),
        pl.col("x").reverse() > 0.5,
        pl.col("x").fill_null(strategy="forward") > 0.5,
        pl.col("x").diff() > 0,
        pl.int_range(pl.len()) > 3,
        pl.col("x").head(5).sum() > 2,
    ],
)
def test_expressions_beyond_their_row_are_caught(expression):
    values = [None if i % 7 == 0 else (i * 37 % 100) / 100 for i in range(200)]
    assert first_disagreement(pl.DataFrame({"x": values}), {"e": expression})


@pytest.mark.parametrize("expression", [pl.col("x") > 0.5, pl.col("x").is_null(), pl.lit(value=True), pl.col("x") / 3])
def test_row_wise_expressions_pass(expression):
    values = [None if i % 7 == 0 else (i * 37 % 100) / 100 for i in range(200)]
    assert first_disagreement(pl.DataFrame({"x": values}), {"e": expression}) == ""
