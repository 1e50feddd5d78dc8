"""The table of forecasters on recorded data: nothing is left out, what cannot be scored says what it lacks."""

import numpy as np
import pytest
from tests.support.examples import planted_examples
from tests.support.worlds import efficient_world

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Outcomes
from edgeworth.core.random import stream
from edgeworth.core.units import DAY
from edgeworth.models.scores import log_losses
from edgeworth.research.learning_page import reality as page
from edgeworth.research.reality import DAILY, Options, measure, score
from edgeworth.research.study_learning import ENSEMBLE
from edgeworth.research.training_lint import resolution_anchor

MODELS = ("logistic", "lgbm")


@pytest.fixture(scope="module")
def planted() -> dict:
    """An exchange whose first text is over-priced by up to eight points: models can know more than the price."""
    panel, outcomes = efficient_world(11, 400, planted=0.08)
    return {"source": "made-up", "sample": DAILY} | measure(panel, outcomes, DAILY, None, Options(models=MODELS))


def test_every_model_stands_beside_the_price_on_the_same_rows(planted: dict) -> None:
    assert "reason" not in planted
    assert [found["model"] for found in planted["models"]] == [*MODELS, ENSEMBLE]
    for found in planted["models"]:
        assert found["rows"] == planted["models"][0]["rows"] < planted["rows"]
        assert found["gain"]["value"] == pytest.approx(found["market_log_loss"] - found["log_loss"])
        assert found["brier_gain"]["value"] == pytest.approx(found["market_brier"] - found["brier"])
        assert found["gain"]["low"] < found["gain"]["value"] < found["gain"]["high"]
        assert found["holdout"]["events"] > 30
    assert planted["market"]["brier"] < 0.25
    assert planted["dated"] == 1.0
    assert planted["lint"] == []


def test_a_score_is_what_it_says() -> None:
    rows, _ = planted_examples(3, 200)
    found = score("half", np.full(len(rows), 0.5), rows)
    assert found["log_loss"] == pytest.approx(np.log(2))
    assert found["brier"] == 0.25
    assert found["gain"]["value"] == pytest.approx(log_losses(rows.price, rows.label).mean() - np.log(2))
    assert found["slope"] is None


def test_what_cannot_be_scored_says_why_and_how_much_is_lacking() -> None:
    panel, outcomes = efficient_world(5, 12)
    few = measure(panel, outcomes, DAILY, None, Options(models=("logistic",)))
    assert "50 in each of 2 blocks are needed" in few["reason"]
    assert few["market"]["log_loss"] > 0
    late = int(panel.t.max())
    all_late = Outcomes(outcomes.payout_e4, outcomes.resolved_at, np.full(12, late), outcomes.event_known_at)
    assert "no label was known before the locked part" in measure(panel, all_late, DAILY, None, Options())["reason"]
    at_once = Outcomes(outcomes.payout_e4, outcomes.resolved_at, outcomes.known_at, np.zeros(12, np.int64))
    assert "it needs one row" in measure(panel, at_once, DAILY, None, Options())["reason"]
    unresolved = Outcomes(np.full(12, -1, np.int32), *(np.full(12, NEVER) for _ in range(3)))
    assert "it needs one row" in measure(panel, unresolved, DAILY, None, Options())["reason"]


def test_the_tables_hold_every_data_set(planted: dict) -> None:
    refused = planted | {"source": "linted", "lint": [{"code": "leak-x", "note": "why"}]}
    missing = {"source": "empty", "sample": DAILY, "reason": "nothing there"}
    told = page([planted, refused, missing])
    assert told["sets"].count("| made-up |") == 1
    assert "`leak-x`" in told["sets"]
    assert told["models"].count("(would not be saved)") == 3
    assert "| empty | calendar:daily | nothing there |" in told["missing"]
    assert "Of 6 models" in told["words"]
    assert told["refused"] == "linted, calendar:daily: why"
    assert page([missing])["words"] == "No model could be scored."


def test_times_of_whole_days_are_no_anchor_but_counting_back_from_the_end_is() -> None:
    draw = stream(1, "whole-days")
    market = np.repeat(np.arange(60), 10)
    ended = np.repeat(draw.integers(100, 500, 60), 10) * DAY
    unknown = np.full(600, UNKNOWN_TIME)
    any_day = ended - draw.integers(1, 90, 600) * DAY
    assert resolution_anchor(any_day, ended, unknown, market).passed is True
    counted = ended - np.tile([1, 3, 7, 14, 30] * 2, 60) * DAY
    assert resolution_anchor(counted, ended, unknown, market).passed is False
