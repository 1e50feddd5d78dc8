"""Directions: as-of rows, honest candles raise nothing, a planted leak raises a report that names its column."""

import numpy as np
import pytest

from edgeworth.core.errors import DataError
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, MINUTE
from edgeworth.features.fairvalue import formulas
from edgeworth.features.fairvalue.path import History
from edgeworth.research.candle_gate import judge
from edgeworth.research.candle_walks import Walk, walk_candles
from edgeworth.research.direction import LIMIT, Question, answers, decisions, study
from edgeworth.research.learning_page import directions
from edgeworth.research.virtual_contracts import cut_touches

START = 1_640_995_200_000_000
STEP = 15 * MINUTE
WALK = Walk(bars=160 * 96, start=START)


def simple_columns(history: History, volume: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Two honest columns: the last return, and the turnover."""
    last = np.concatenate([[np.nan], np.diff(np.log(history.close))])
    return ("last_return", "turnover"), np.column_stack([last * 100, np.log(volume)]).astype(np.float32)


def leaky(history: History, volume: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """A third one that is merged by the open time of the coming candle: it knows some of it."""
    names, x = simple_columns(history, volume)
    coming = np.append(np.diff(np.log(history.close)), 0.0)
    noise = stream(1, "leak", round(history.close[0] * 1e6)).normal(size=len(coming))
    return (*names, "smoothed"), np.column_stack([x, 0.7 * coming / coming.std() + noise]).astype(np.float32)


@pytest.fixture(scope="module")
def series() -> list:
    return list(walk_candles(WALK, ["A", "B", "C"], 3))


def test_walks_are_candles_of_a_traded_price_and_do_not_depend_on_company(series) -> None:
    for _, history, volume in series:
        found = judge(history)
        assert found.reason == ""
        assert (np.diff(history.t) == STEP).all()
        assert history.open[1:] == pytest.approx(history.close[:-1])
        assert (volume > 0).all()
    ((_, alone, _),) = walk_candles(WALK, ["B"], 3)
    assert np.array_equal(alone.close, series[1][1].close)


def test_a_touch_of_a_walk_has_its_closed_form() -> None:
    walk = Walk(bars=100 * 96, start=START, shared=0.0, wandering=False)
    bars = {name: history.bars for name, history, _ in walk_candles(walk, [f"C{i}" for i in range(60)], 5)}
    cut = cut_touches(bars, 1.0, 1.0, 5)
    said = formulas.touch(cut.spot, cut.level, cut.years, walk.volatility)
    error = np.sqrt((said * (1 - said)).sum()) / len(cut)
    assert abs((cut.touched - said).mean()) < 3 * error
    assert error < 0.01


def test_answers_are_of_later_candles_without_holes() -> None:
    close = np.array([1.0, 2.0, 2.0, 1.0, 3.0, 4.0])
    t = START + np.array([0, 1, 2, 3, 5, 6]) * STEP
    history = History(t, close, close, close, close, STEP)
    rows, label = answers(history, Question(1, 1))
    assert rows.tolist() == [0, 2, 4]  # the one that did not move, and the one before the hole, are left out
    assert label.tolist() == [1.0, 0.0, 1.0]
    hourly, _ = answers(history, Question(1, 4))
    assert hourly.tolist() == []  # only the third candle closes on the hour, and the hole follows it


def test_rows_are_in_order_of_time_and_know_only_the_past(series) -> None:
    asked = decisions(series, Question(4, 4), simple_columns)
    rows = asked.examples
    assert (np.diff(rows.t) >= 0).all()
    assert (rows.known_at - rows.t == 4 * STEP).all()
    assert (rows.event == rows.t // DAY).all()
    cut = 30 * 96
    changed = []
    for name, history, volume in series:
        later = history.close.copy()
        later[cut:] *= 1.5
        other = History(history.t, history.open, history.high * 2, history.low, later, STEP)
        changed.append((name, other, volume))
    before = rows.t <= history.known_at[cut - 1]
    again = decisions(changed, Question(4, 4), simple_columns).examples
    assert np.array_equal(rows.x[before], again.x[: before.sum()], equal_nan=True)


def test_honest_candles_raise_no_suspicion_and_a_planted_leak_does(series) -> None:
    honest = study(decisions(series, Question(1, 4), simple_columns), 7)
    assert honest.suspicion is None
    assert [line for line in honest.lint if line.passed is False] == []
    assert all(found.accuracy.value < LIMIT for found in honest.claims)
    caught = study(decisions(series, Question(1, 4), leaky), 7)
    doubt = caught.suspicion
    assert doubt is not None
    assert doubt.claim.accuracy.low > LIMIT
    assert doubt.drivers[0].column == "smoothed"
    assert doubt.drivers[0].alone > 0.6
    assert doubt.dropped == ("smoothed",)
    assert doubt.without < 0.53
    assert doubt.older < 0.53
    assert "`smoothed` alone ranks outcomes" in doubt.checks[0]
    assert "older columns know nothing" in doubt.checks[1]
    assert doubt.sentence.startswith("leak suspected: ")
    rows = [
        {"candles": name, "asked": "the next", "coins": 3, **found.to_dict()}
        for name, found in (("honest", honest), ("leaky", caught))
    ]
    told = directions(rows)
    assert told["count"] == 1
    assert told["table"].count("RAISED") == 2
    assert "**leaky**: leak suspected" in told["reports"]
    assert "| `smoothed` |" in told["reports"]


def test_without_answers_there_is_no_study(series) -> None:
    short = [(name, History(*(getattr(h, f)[:3] for f in ("t", "open", "high", "low", "close")), STEP), volume[:3])
             for name, h, volume in series]  # fmt: skip
    with pytest.raises(DataError, match="too-few-rows"):
        decisions(short, Question(4, 4), simple_columns)
