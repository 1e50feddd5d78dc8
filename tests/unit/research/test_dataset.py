"""Rows to learn from: as of then, weighed by event, combined by key; leaky ones are refused before any fit."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.support.panels import day, hourly, make_panel

from edgeworth.core.errors import DataError, LeakError, UsageError
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.research import training
from edgeworth.research.dataset import Dataset, Plan, build, combine, read_dataset
from edgeworth.research.training_lint import lint_rows, resolution_anchor, settled_price


def market(number: int, **options):
    """A market listed on day `number`, priced every six hours for forty days, due on day 40, resolved on day 41."""
    draw = stream(number, "dataset-market")
    prices = np.clip(0.5 + np.cumsum(draw.normal(0, 0.03, 160)), 0.05, 0.95)
    base = {
        "question": f"Will it rain in town {number}?",
        "prices": [(t, float(p)) for t, p in hourly(prices, day(number), 6 * HOUR)],
        "end": day(number + 40),
        "payout": int(draw.random() < prices[-1]),
        "resolved_at": day(number + 41),
        "created_at": day(number),
    }
    return base | options


def test_time_points_count_back_from_the_end_as_known_then():
    moved = market(0, end=[(day(0), day(40)), (day(35), day(60))])
    panel, outcomes = make_panel([market(0), moved])
    frame = build(panel, outcomes, Plan(time_points=(7.0,))).frame.sort("market_id", "t")
    first = frame.filter(pl.col("market_id") == panel.markets["market_id"][0])
    assert first["t"].to_list() == [day(33)]
    second = frame.filter(pl.col("market_id") == panel.markets["market_id"][1])
    assert second["t"].to_list() == [day(33)]  # what was known on day 33; the later move changes nothing
    assert (frame["scheduled_end"] == day(40)).all()


def test_rows_end_when_the_event_is_known_and_odd_payouts_do_not_train():
    panel, outcomes = make_panel(
        [market(0, event_known_at=day(34)), market(1, payout=0.5), market(2, payout="void"), market(3, payout=None)]
    )
    dataset = build(panel, outcomes, Plan(time_points=(7.0, 3.0)))
    assert dataset.frame["t"].to_list() == [day(33)]
    assert dataset.meta["unclassified"] == 4


def test_one_event_weighs_one():
    legs = [market(0, event="e"), market(0, event="e"), market(5)]
    panel, outcomes = make_panel(legs)
    dataset = build(panel, outcomes, Plan(time_points=(14.0, 7.0, 3.0)))
    by_event = dataset.frame.group_by("event").agg(pl.col("weight").sum()).sort("event")
    assert by_event["weight"].to_list() == pytest.approx([1.0, 1.0])
    assert dataset.frame.height == 9


def test_features_of_a_row_do_not_see_what_comes_later():
    panel, outcomes = make_panel([market(number) for number in range(6)])
    plan = Plan(time_points=(14.0,))
    before = build(panel, outcomes, plan)
    price = panel.price_e4.copy()
    t_cut = before.frame["t"].to_numpy()
    owner = panel.market_of_point()
    for index, cut in enumerate(t_cut):
        later = (owner == index) & (panel.t > cut)
        price[later] = 9_900
    after = build(replace(panel, price_e4=price), outcomes, plan)
    columns = [*before.names, "price", "t"]
    assert before.frame.select(columns).equals(after.frame.select(columns))


def test_written_and_read_back(tmp_path):
    panel, outcomes = make_panel([market(number) for number in range(4)])
    dataset = build(panel, outcomes, Plan(sample="calendar:monday"))
    again = read_dataset(dataset.write(tmp_path / "rows"))
    assert again.frame.equals(dataset.frame)
    assert (again.names, again.fingerprint) == (dataset.names, dataset.fingerprint)
    (tmp_path / "rows" / "dataset.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="dataset-unreadable"):
        read_dataset(tmp_path / "rows")


def test_a_plan_without_rows_or_with_a_bad_rule_says_so():
    panel, outcomes = make_panel([market(0)])
    with pytest.raises(DataError, match="too-few-rows"):
        build(panel, outcomes, Plan(start=day(500)))
    with pytest.raises(UsageError, match="bad-sample"):
        build(panel, outcomes, Plan(time_points=(-1.0,)))


def test_combining_keeps_keys_and_ties_events_through_shared_markets():
    panel, outcomes = make_panel([market(0, event="a"), market(0, event="a"), market(3)])
    whole = build(panel, outcomes, Plan(time_points=(7.0, 3.0)))
    ids = panel.markets["market_id"].to_list()
    one = replace(whole, frame=whole.frame.filter(pl.col("market_id") != ids[1]))
    two = replace(
        whole, frame=whole.frame.filter(pl.col("market_id") != ids[2]).with_columns(event=pl.col("event") + 77)
    )
    found = combine([one, two])
    assert found.dataset.frame.height == whole.frame.height
    assert found.repeated == 2
    assert found.conflicts == 0
    assert found.dataset.frame["event"].n_unique() == 2
    assert found.dataset.frame["weight"].sum() == pytest.approx(2.0)
    other = replace(two, frame=two.frame.with_columns(label=1 - pl.col("label")))
    assert combine([one, other]).conflicts == 2
    with pytest.raises(DataError, match="dataset-mismatch"):
        combine([one, replace(two, meta={**two.meta, "features": "else"})])


# leaky data


def honest(events: int = 150) -> Dataset:
    panel, outcomes = make_panel([market(2 * number) for number in range(events)])
    return build(panel, outcomes, Plan(time_points=(14.0, 7.0, 3.0)))


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return honest()


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def refused(dataset: Dataset, code: str) -> None:
    with pytest.raises(LeakError) as failure:
        training.train(dataset, training.Options(models=("logistic",)), quiet)
    assert code in failure.value.details["codes"]


def test_honest_rows_train_and_the_lint_is_quiet(rows):
    found = training.train(rows, training.Options(models=("logistic", "xgb"), cv="walk-forward-4"), quiet)
    assert all(line.passed is not False for line in found.lint)
    assert {score.model for score in found.scores} == {"logistic", "xgb", "ensemble"}
    again = training.train(rows, training.Options(models=("logistic", "xgb"), cv="walk-forward-4"), quiet)
    assert again.card["digest"] == found.card["digest"]
    assert again.scores == found.scores


def test_settled_prices_are_refused(rows):
    refused(replace(rows, frame=rows.frame.with_columns(price=pl.col("label") * 0.98 + 0.01)), "leak-settled-price")


def test_rows_after_the_event_are_refused(rows):
    refused(replace(rows, frame=rows.frame.with_columns(event_known_at=pl.col("t") - 1)), "leak-post-event")


def test_rows_anchored_on_the_resolution_are_refused(rows):
    frame = rows.frame.with_columns(
        scheduled_end=pl.col("resolved_at") + (pl.col("market_id").hash(1) % 20 + 1).cast(pl.Int64) * DAY + 5 * HOUR,
        t=pl.col("resolved_at") - pl.col("point").cast(pl.Int64) * DAY,
    )
    refused(replace(rows, frame=frame), "leak-resolution-anchor")


def test_final_volume_is_refused(rows):
    frame = rows.frame.with_columns(final_volume=pl.lit(1.0, pl.Float32))
    refused(replace(rows, frame=frame, names=(*rows.names, "final_volume")), "leak-hindsight-column")


def test_mirrored_rows_are_refused(rows):
    mirrored = rows.frame.with_columns(
        market_id=pl.col("market_id") + "-no", price=1 - pl.col("price"), label=1 - pl.col("label")
    )
    refused(replace(rows, frame=pl.concat([rows.frame, mirrored])), "bias-mirror")


def test_random_folds_are_refused(rows, monkeypatch):
    def shuffled(examples, options):
        order = stream(1, "shuffle").permutation(len(examples))
        return [
            (np.sort(np.delete(order, part)), np.sort(order[part])) for part in np.array_split(np.arange(len(order)), 5)
        ]

    monkeypatch.setattr(training, "make_folds", shuffled)
    refused(rows, "leak-split-random")


def test_the_checks_alone(rows):
    lines = {line.code: line for line in lint_rows(rows)}
    assert all(line.passed is not False for line in lines.values())
    few = np.arange(5)
    assert settled_price(few / 5, few * 0.0, few).passed is None
    assert resolution_anchor(few, few, few, few).passed is None


def test_the_holdout_is_not_read(rows):
    examples = rows.examples()
    development, locked = training.split_holdout(examples, 0.2)
    assert development.t.max() < locked.t.min()
    assert development.known_at.max() < locked.t.min()
    assert not np.isin(development.event, locked.event).any()
    frame = rows.frame.with_columns(
        label=pl.when(pl.col("t") >= int(locked.t.min())).then(1 - pl.col("label")).otherwise("label")
    )
    options = training.Options(models=("logistic",), cv="walk-forward-4")
    first = training.train(rows, options, quiet)
    second = training.train(replace(rows, frame=frame), options, quiet)
    assert first.card["digest"] == second.card["digest"]
    opened = training.train(rows, options, quiet, open_holdout=True)
    assert opened.holdout[0].rows == len(locked)


@pytest.mark.parametrize("cv", ["walk-forward-1", "kfold-5", "purged", "cpcv-3"])
def test_an_unknown_scheme_is_refused(rows, cv):
    with pytest.raises(UsageError, match="bad-option"):
        training.make_folds(rows.examples(), training.Options(cv=cv))


def test_the_schemes_leave_no_event_on_both_sides(rows):
    examples = rows.examples()
    for cv, number in (("purged-5", 5), ("cpcv", 15), ("walk-forward-4", 4)):
        folds = training.make_folds(examples, training.Options(cv=cv))
        assert len(folds) == number
        for train, test in folds:
            assert not np.isin(examples.event[train], examples.event[test]).any()
