"""Where rules fire, that they are row-wise, and that narrowing the work changes nothing."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from tests.support.panels import hour, hourly, make_panel, random_panel

from edgeworth.core.errors import DataError
from edgeworth.features.registry import compute, compute_tail, tail_rows
from edgeworth.forecasting import firing
from edgeworth.forecasting.firing import excluding_after_event, fire, fire_all
from edgeworth.strategies.base import Row, no, strategy, yes
from edgeworth.strategies.evaluate import calls_of, decide
from edgeworth.strategies.registry import all_strategies, find

BTC = "Will Bitcoin reach $90,000 in May?"


@strategy
@dataclass(frozen=True)
class Mixed:
    """Read static text, a cheap column and kernels, in two calls."""

    name, version, needs = (
        "mixed",
        1,
        ("price", "category", "momentum_1h", "path_high", "hours_to_end", "question_hour"),
    )

    def opinions(self, row: Row):
        crypto = row.category.str.starts_with("crypto/")
        return (
            yes(when=crypto & (row.price < 0.6) & (row.momentum_1h > 0.0), reason="rise", p=row.path_high, se=0.1),
            no(when=(row.price > 0.4) & ((row.hours_to_end < 200) | (row.question_hour == 7)), reason="late"),
        )


def rule_of(condition):
    @strategy
    @dataclass(frozen=True)
    class Custom:
        """Fire where a condition holds."""

        name, version, needs = "custom", 1, ("price", "category", "rsi_14")

        def opinions(self, row: Row):
            return no(when=condition(row), reason="x")

    return Custom()


def test_a_rule_fires_at_every_row_that_meets_it_and_nowhere_else():
    panel, _ = make_panel([{"question": BTC, "prices": hourly([0.6, 0.7, 0.8, 0.9])}, {"prices": hourly([0.9])}])
    found = fire(panel, find("crypto-favorite-fade"))
    assert (found.row.tolist(), found.side.tolist()) == ([2, 3], [-1, -1])
    assert [found.reasons[index] for index in found.reason] == ["bitcoin favourite"] * 2
    assert found.p is None
    assert found.row.dtype == np.int64


def test_a_missing_value_does_not_fire():
    panel, _ = make_panel([{"prices": hourly([0.6, 0.7])}])
    assert len(fire(panel, rule_of(lambda row: row.rsi_14 < 101))) == 0
    assert len(fire(panel, rule_of(lambda row: ~(row.rsi_14 > 101)))) == 0
    assert fire(panel, rule_of(lambda row: row.rsi_14.is_null())).row.tolist() == [0, 1]


def test_the_first_call_that_holds_counts():
    @strategy
    @dataclass(frozen=True)
    class Both:
        """Say YES above 0.5 and NO everywhere."""

        name, version, needs = "both", 1, ("price",)

        def opinions(self, row: Row):
            return yes(when=row.price > 0.5, reason="a", p=0.9), no(when=True, reason="b")

    panel, _ = make_panel([{"prices": hourly([0.6, 0.4])}])
    found = fire(panel, Both())
    assert (found.side.tolist(), found.reason.tolist()) == ([1, -1], [0, 1])
    assert found.p[0] == 0.9
    assert np.isnan(found.p[1])


@pytest.mark.parametrize(
    "condition",
    [
        lambda row: row.price.shift(1) > 0.5,
        lambda row: row.price > row.price.mean(),
        lambda row: row.price.cum_sum() > 10,
        lambda row: (row.category == "crypto/btc-price") & (row.price.diff() > 0),
        lambda row: (row.category == "crypto/btc-price") & (row.price == row.price.max()),
        lambda row: row.category.is_first_distinct(),
        lambda row: (row.price > 0.2) & (row.price.rank() < 5),
        lambda row: (row.price > 0.5) & (row.rsi_14.fill_null(strategy="backward") > 10),
        lambda row: row.price.sort() > 0.5,
        lambda row: row.price.shuffle(seed=1) > 0.5,
        lambda row: pl.int_range(pl.len()) % 2 == 0,
    ],
)
def test_a_rule_that_looks_beyond_its_row_is_refused(condition):
    panel, _ = random_panel(4, markets=60)
    with pytest.raises(DataError) as caught:
        fire(panel, rule_of(condition))
    assert caught.value.code == "not-row-wise"


def test_a_look_beyond_the_row_is_found_where_the_rule_fires_rarely():
    markets = [{"question": "Will candidate 1 win?", "prices": hourly([0.4] * 400)} for _ in range(50)]
    panel, _ = make_panel([*markets, {"question": BTC, "prices": hourly([0.3, 0.8, 0.3])}])
    with pytest.raises(DataError) as caught:
        fire(panel, rule_of(lambda row: (row.category == "crypto/btc-price") & (row.price.shift(1) > 0.7)))
    assert caught.value.code == "not-row-wise"


@pytest.mark.parametrize(("chunk", "threads"), [(1, 2), (50, 1), (50, 3), (10**9, 2)])
def test_narrowing_chunks_and_threads_give_what_the_plain_evaluation_gives(monkeypatch, chunk, threads):
    monkeypatch.setattr(firing, "CHUNK", chunk)
    panel, _ = random_panel(8, markets=30, points=25)
    rules = [*all_strategies(), Mixed(), find("btc-time-bias-reverse")]
    for rule, found in zip(rules, fire_all(panel, rules, threads=threads), strict=True):
        said = decide(rule, compute(panel, list(rule.needs)), calls_of(rule))
        rows = np.flatnonzero(said.side)
        assert found.row.tolist() == rows.tolist()
        assert found.side.tolist() == said.side[rows].tolist()
        assert found.reason.tolist() == said.reason[rows].tolist()
        for mine, plain in ((found.p, said.p), (found.se, said.se)):
            assert (mine is None) == (plain is None)
            if mine is not None:
                np.testing.assert_array_equal(mine, plain[rows])
    assert len(fire(panel, Mixed())) > 20


def test_chosen_rows_and_the_tail_agree_with_all_rows():
    panel, _ = random_panel(9, markets=20)
    every = fire(panel, Mixed())
    rows = np.arange(0, panel.point_count, 3)
    some = fire(panel, Mixed(), rows=rows)
    assert some.row.tolist() == np.intersect1d(every.row, rows).tolist()
    last = tail_rows(panel)
    live = fire(panel, Mixed(), features=compute_tail(panel, list(Mixed.needs)), rows=last)
    assert live.row.tolist() == np.intersect1d(every.row, last).tolist()
    with pytest.raises(ValueError, match="one row for each"):
        fire(panel, Mixed(), features=compute_tail(panel, list(Mixed.needs)))


def test_only_chosen_markets_reach_a_kernel(monkeypatch):
    panel, _ = make_panel(
        [{"question": BTC, "prices": hourly([0.9] * 20)}]
        + [{"question": f"Will candidate {i} win?", "prices": hourly([0.9] * 20)} for i in range(30)]
    )
    computed = []
    monkeypatch.setattr(firing, "_check_sample", lambda view, rules, chosen: None)
    original = firing.View.compute
    monkeypatch.setattr(
        firing.View,
        "compute",
        lambda view, names, rows: computed.append((names, len(rows))) or original(view, names, rows),
    )
    rule = rule_of(lambda row: (row.category == "crypto/btc-price") & (row.price > 0.5) & (row.rsi_14 == 50))
    assert len(fire(panel, rule)) == 6
    assert (["rsi_14"], 20) in computed


def test_an_empty_panel_fires_nothing():
    panel, _ = make_panel([{"prices": []}])
    for found in fire_all(panel, all_strategies()):
        assert len(found) == 0


def test_decisions_at_or_after_the_known_event_can_be_left_out():
    panel, outcomes = make_panel([{"question": BTC, "prices": hourly([0.8, 0.9, 0.8]), "event_known_at": hour(1)}])
    found = fire(panel, find("crypto-favorite-fade"))
    assert found.row.tolist() == [0, 1, 2]
    assert excluding_after_event(found, panel, outcomes).row.tolist() == [0]
