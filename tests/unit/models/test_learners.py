"""Learners correct the market, save and load exactly, explain themselves, and find what is planted and nothing else."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from tests.support.examples import planted_examples

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.random import stream
from edgeworth.models import learners
from edgeworth.models.crossfit import Model, cross_fit, fit_model, forecast_in_turn
from edgeworth.models.learners import make
from edgeworth.models.scores import cluster_mean, log_loss_gain
from edgeworth.models.stack import Evidence, Stack, fit_stack, no_evidence
from edgeworth.research.splits import Rows, walk_forward

NEURAL = pytest.param("nn", marks=pytest.mark.skipif(find_spec("torch") is None, reason="the neural extra is missing"))
KINDS = ("market", "logistic", "xgb", "lgbm", NEURAL)
TRAINED = ("logistic", "xgb", "lgbm")


def folds_of(examples, number=6):
    return list(walk_forward(Rows(examples.t, examples.event, examples.known_at), number))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_loads_to_the_same(kind):
    examples, _ = planted_examples(3, 400)
    fitted = make(kind).fit(examples, 7)
    files = fitted.save()
    again = learners.load(kind, files)
    assert np.array_equal(again.correct(examples.x), fitted.correct(examples.x))
    assert again.save() == files
    assert make(kind).fit(examples, 7).save() == files
    shares = fitted.contributions(examples.x)
    assert shares.shape == (len(examples), 13)
    assert shares.sum(axis=1) == pytest.approx(fitted.correct(examples.x), abs=1e-4)
    importance = fitted.importance()
    assert importance.sum() == pytest.approx(0.0 if kind == "market" else 1.0)
    if kind != "market":
        assert 0 in np.argsort(importance)[-2:]


@pytest.mark.parametrize("kind", [*TRAINED, NEURAL])
def test_damaged_files_are_refused(kind):
    files = dict(make(kind).fit(planted_examples(3, 200)[0], 7).save())
    name = next(name for name in files if not name.endswith(".json") or kind == "logistic")
    for damage in (files[name][: len(files[name]) // 2], b"", b"not a model"):
        with pytest.raises(DataError) as refused:
            learners.load(kind, {**files, name: damage})
        assert refused.value.code == "model-corrupt"


def test_an_unknown_model_is_named():
    with pytest.raises(UsageError, match="unknown-model") as refused:
        make("xgbost")
    assert "xgb" in refused.value.hint


def test_without_rows_for_a_stack_the_market_alone_is_trusted():
    stack = no_evidence(("xgb",))
    price = np.array([0.2, 0.7])
    forecast = stack.forecast(np.array([[1.0], [-1.0]]), price)
    assert forecast.p == pytest.approx(price)
    assert (forecast.low < price).all()
    assert (forecast.high > price).all()


def test_a_stack_weighs_members_by_what_they_showed_and_never_bets_against_one():
    examples, truth = planted_examples(5, 4_000)
    useful = np.log(truth / (1 - truth)) - examples.offset
    noise = np.random.Generator(np.random.PCG64(1)).normal(0, 0.3, len(truth))
    evidence = Evidence(
        np.column_stack([useful, -useful, noise]), examples.price, examples.label, examples.event, examples.weight
    )
    stack = fit_stack(("right", "wrong", "noise"), evidence)
    assert stack.weights[0] == pytest.approx(1.0, abs=0.2)
    assert stack.weights[1] == 0.0
    assert stack.weights[2] < 0.15
    assert Stack.from_json(stack.to_json()).to_json() == stack.to_json()
    inside = stack.forecast(evidence.corrections, examples.price)
    assert ((inside.low <= truth) & (truth <= inside.high)).mean() > 0.9


def test_forecasts_never_use_later_labels():
    examples, _ = planted_examples(4, 800)
    folds = folds_of(examples)
    members = {"logistic": make("logistic")}
    before = forecast_in_turn(cross_fit(members, examples, folds, 1), examples, [0]).p
    cut = np.quantile(examples.t, 0.6)
    late = examples.known_at > cut
    label = np.where(late, 1 - examples.label, examples.label)
    changed = type(examples)(
        examples.x,
        examples.names,
        examples.price,
        label,
        examples.event,
        examples.weight,
        examples.t,
        examples.known_at,
    )
    after = forecast_in_turn(cross_fit(members, changed, folds, 1), changed, [0]).p
    starts = [examples.t[test].min() for _, test in folds]
    early = np.zeros(len(examples), dtype=bool)
    for (_, test), start in zip(folds, starts, strict=True):
        if start <= cut:
            early[test] = True
    assert early.sum() > 100
    assert np.array_equal(before[early], after[early], equal_nan=True)
    assert not np.array_equal(before[~early], after[~early], equal_nan=True)


def test_a_model_is_the_same_in_a_fresh_process(tmp_path):
    examples, _ = planted_examples(6, 500)
    members = {kind: make(kind) for kind in TRAINED}
    model = fit_model(members, examples, cross_fit(members, examples, folds_of(examples, 4), 3), 3)
    for name, data in model.save().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    np.save(tmp_path / "x.npy", examples.x[:50])
    np.save(tmp_path / "price.npy", examples.price[:50])
    code = """
import json, sys, numpy as np
from pathlib import Path
from edgeworth.models.crossfit import Model
root = Path(sys.argv[1])
files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.suffix != ".npy"}
model = Model.load(tuple(f"f{i}" for i in range(12)), files)
p = model.forecast(np.load(root / "x.npy"), np.load(root / "price.npy")).p
print(json.dumps({"p": p.tolist(), "digest": model.digest()}))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["p"] == model.forecast(examples.x[:50], examples.price[:50]).p.tolist()
    assert answer["digest"] == model.digest()
    again = Model.load(model.names, model.save())
    assert again.contributions(examples.x[:5]).sum(axis=1) == pytest.approx(
        np.log(
            model.forecast(examples.x[:5], examples.price[:5]).p
            / (1 - model.forecast(examples.x[:5], examples.price[:5]).p)
        )
        - examples.offset[:5],
        abs=1e-4,
    )


def gains(seed, planted, events):
    examples, truth = planted_examples(seed, events, planted)
    members = {kind: make(kind) for kind in TRAINED}
    out = cross_fit(members, examples, folds_of(examples, 8), 7)
    result = {}
    columns = {"logistic": [0], "xgb": [1], "lgbm": [2], "ensemble": [0, 1, 2]}
    for name, chosen in columns.items():
        p = forecast_in_turn(out, examples, chosen).p
        scored = np.isfinite(p)
        result[name] = cluster_mean(
            log_loss_gain(p[scored], examples.price[scored], examples.label[scored]), examples.event[scored]
        )
    best = log_loss_gain(truth[scored], examples.price[scored], examples.label[scored])
    return result, float(best.mean())


def test_without_torch_the_network_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="extra-missing") as refused:
        make("nn").fit(planted_examples(1, 60)[0], 1)
    assert "neural" in refused.value.hint


@pytest.mark.skipif(find_spec("torch") is None, reason="the neural extra is missing")
def test_the_network_learns_an_embedded_category_and_starts_at_the_market():
    examples, _ = planted_examples(8, 1_500, 0.0)
    odd = examples.event % 2 == 1
    flags = np.column_stack([~odd, odd]).astype(np.float32)
    lucky = stream(8, "lucky").random(1_500)[examples.event]
    label = np.where(odd, lucky < 0.6 * examples.price, examples.label == 1).astype(float)
    names = (*examples.names, "is_a", "is_b")
    category = replace(examples, x=np.concatenate([examples.x, flags], axis=1), names=names, label=label)
    said = make("nn").fit(category, 3).correct(category.x)
    assert said[odd].mean() < said[~odd].mean() - 0.3
    untrained = replace(make("nn"), epochs=0).fit(examples, 3)
    assert np.abs(untrained.correct(examples.x)).max() == 0.0


@pytest.mark.slow
def test_planted_mispricing_is_found_and_most_of_it():
    """Ten worlds: every interval lies above 0, the ensemble recovers 70 % of what the truth would gain."""
    worlds = [gains(seed, 0.5, 9_000) for seed in range(500, 510)]
    oracle = np.mean([best for _, best in worlds])
    for name in ("logistic", "xgb", "lgbm", "ensemble"):
        assert all(result[name].low > 0 for result, _ in worlds), name
    mean = {name: np.mean([result[name].value for result, _ in worlds]) for name in worlds[0][0]}
    assert mean["ensemble"] >= 0.7 * oracle
    assert mean["ensemble"] >= max(mean["logistic"], mean["xgb"], mean["lgbm"])


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is():
    """Fifty efficient worlds: 95 % intervals of the skill contain 0 in 90 to 99 % of them, or more on the safe side."""
    inside = dict.fromkeys(("logistic", "xgb", "lgbm", "ensemble"), 0)
    above = dict(inside)
    for seed in range(100, 150):
        result, _ = gains(seed, 0.0, 1_000)
        for name, gain in result.items():
            inside[name] += gain.low <= 0 <= gain.high
            above[name] += gain.low > 0
    assert all(count >= 45 for count in inside.values()), inside
    assert all(count <= 3 for count in above.values()), above
