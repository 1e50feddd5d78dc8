"""A saved model speaks beside the rules, is silent where it must be, and everything it says is stored and scored later."""

import dataclasses
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from tests.support.homes import still_open, store_panel
from tests.support.panels import START
from tests.support.worlds import efficient_world

from edgeworth.app import reporting, signalling
from edgeworth.core.clock import ManualClock
from edgeworth.core.config import Config, Settings
from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, Micros
from edgeworth.models.registry import Registry
from edgeworth.research import training
from edgeworth.research.batch_signals.forecaster import find_voice
from edgeworth.research.batch_signals.types import Batch
from edgeworth.research.dataset import Plan, build
from edgeworth.research.forecast_report import score_model
from edgeworth.store.forecasts import StoredForecast
from edgeworth.store.ledger_db import Ledger

NOW = START + 450 * DAY
MODEL = "20250101-000000-abcdef"


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, tuple[Panel, Outcomes]]:
    """Markets with a planted bias, 200 of them open at NOW, and a model trained on those that resolved before."""
    place = Home(tmp_path_factory.mktemp("forecasts"))
    data = still_open(efficient_world(11, 1_000, planted=0.3), 200, NOW)
    store_panel(place, *data)
    rows = build(*data, Plan(time_points=(1.0, 3.0, 5.0)))
    found = training.train(rows, training.Options(models=("logistic",), cv="walk-forward-4", holdout=0.0), quiet)
    card = {**found.card, "scores": [dataclasses.asdict(score) for score in found.scores]}
    Registry(place.root / "models").save(MODEL, found.model, card)
    return place, data


@pytest.fixture
def place(world: tuple[Home, tuple[Panel, Outcomes]], tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    for name in ("market.db", "lake", "cache", "models"):
        (home.root / name).symlink_to(world[0].root / name)
    return home


def config(place: Home) -> Config:
    return Config(home=place, settings=Settings(), origins={}, file=None)


def scan(place: Home, clock: ManualClock | None = None, **asked: object) -> Batch:
    request = signalling.Request(rules=("favorite-longshot",), size=None, **asked)  # type: ignore[arg-type]
    return signalling.scanner(config(place), request, clock or ManualClock(Micros(NOW))).next_batch()


def stored(place: Home):
    with Ledger.open(place, clock=ManualClock(Micros(NOW))) as ledger:
        return ledger.forecasts()


def test_the_champion_speaks_with_interval_value_and_drivers(place: Home) -> None:
    batch = scan(place)
    assert batch.model is not None
    assert (batch.model.model, batch.model.asked, batch.model.speaks) == (MODEL, "champion", True)
    assert batch.model.gain_low is not None
    assert batch.model.gain_low > 0
    said = [entry for entry in batch.review_queue if entry.rule == f"model:{MODEL}"]
    bought = [entry for entry in said if entry.action != "PASS"]
    assert bought, "a bias of 0.3 at one half clears every cost"
    for entry in said:
        assert entry.fair_low <= entry.fair <= entry.fair_high
        assert entry.edge == pytest.approx(entry.fair - entry.cost, abs=2e-5)
        assert entry.action == "PASS" or entry.fair_low > entry.cost
        assert entry.drivers
        assert all(driver.log_odds for driver in entry.drivers)
        assert entry.decided_by == (entry.gate if entry.gate != "allowed" or entry.action != "PASS" else "interval")
        assert entry.per_day is not None
        assert np.sign(entry.per_day) == np.sign(entry.edge)
    assert "is_crypto" in {entry.drivers[0].feature for entry in bought}
    assert f"model:{MODEL}" in bought[0].reasoning


def test_without_a_model_only_rules_speak_and_nothing_is_stored(place: Home) -> None:
    batch = scan(place, no_model=True)
    assert batch.model is None
    assert {entry.rule for entry in batch.review_queue} <= {"favorite-longshot"}
    assert not any(entry.drivers for entry in batch.review_queue)
    assert stored(place) == []


def test_every_open_market_s_forecast_is_stored_once(place: Home, world) -> None:
    batch = scan(place)
    rows = stored(place)
    assert len(rows) == batch.dedupe_summary.input_items > 100
    assert {row.model_id for row in rows} == {MODEL}
    assert all(row.recorded_at == NOW and row.t <= NOW for row in rows)
    assert all(0 < row.low <= row.p <= row.high < 1 for row in rows)
    entry = next(entry for entry in batch.review_queue if entry.rule.startswith("model:"))
    row = next(row for row in rows if row.market_no == entry.market_no)
    assert row.cost_e6 == round(entry.cost * 1e6)
    assert entry.fair == pytest.approx(row.p if entry.side == "YES" else 1 - row.p, abs=1e-3)
    scan(place)
    assert stored(place) == rows, "the same price point says the same"


def test_a_replay_is_not_stored_and_never_hears_what_came_later(place: Home) -> None:
    batch = scan(place, as_of="2024-09-01")
    assert batch.model is not None
    assert not batch.model.speaks
    assert batch.model.code == "model-looks-ahead"
    assert batch.dedupe_summary.input_items > 0
    assert {entry.rule for entry in batch.review_queue} <= {"favorite-longshot"}
    assert stored(place) == []


def test_a_model_of_other_features_is_silent_or_refused(place: Home, world, tmp_path: Path) -> None:
    models = Registry(tmp_path / "home" / "others")
    model, card = Registry(world[0].root / "models").load(MODEL)
    models.save("old", model, {**card, "data": {**card["data"], "features": "0" * 32}})
    (place.root / "models").unlink()
    (tmp_path / "home" / "others").rename(place.root / "models")
    batch = scan(place)
    assert batch.model is not None
    assert (batch.model.speaks, batch.model.code) == (False, "model-outdated")
    assert stored(place) == []
    with pytest.raises(DataError, match="model-outdated"):
        find_voice(place, "old", Settings())
    with pytest.raises(UsageError, match="unknown-model"):
        find_voice(place, "nobody", Settings())


def test_a_home_without_models_has_no_voice(tmp_path: Path) -> None:
    assert find_voice(Home(tmp_path), None, Settings()) is None


def test_changed_forecasts_are_noticed(place: Home) -> None:
    scan(place)
    with sqlite3.connect(place.ledger_db) as connection:
        connection.execute("UPDATE forecasts SET p = 0.5 WHERE forecast_no = 7")
    connection.close()
    with pytest.raises(DataError, match="forecasts-altered"):
        stored(place)


# what became of them


def resolved_world(place: Home, data: tuple[Panel, Outcomes], folder: Path, *, open_share: float = 0.0) -> Home:
    """The home again after its open markets resolved, each at its end, with all that was stored before."""
    panel, outcomes = data
    last = panel.end_value[panel.end_offsets[1:] - 1]
    unknown = outcomes.payout_e4 == -1
    price = panel.price_e4[panel.offsets[1:] - 1] / 10_000
    yes = np.where(np.arange(len(last)) % 3 == 0, price - 1.2 * price * (1 - price), price) > 0.5
    left = unknown & (np.arange(len(last)) % 10 < 10 * open_share)
    decided = unknown & ~left
    after = dataclasses.replace(
        outcomes,
        payout_e4=np.where(decided, np.where(yes, 10_000, 0), outcomes.payout_e4).astype(np.int32),
        resolved_at=np.where(decided, last, outcomes.resolved_at),
        known_at=np.where(decided, last, outcomes.known_at),
    )
    later = Home(folder)
    store_panel(later, panel, after)
    (later.root / "models").symlink_to(place.root / "models")
    later.ledger_db.write_bytes(place.ledger_db.read_bytes())
    for name in ("-wal", "-shm"):
        side = place.ledger_db.with_name(place.ledger_db.name + name)
        if side.is_file():
            later.ledger_db.with_name(later.ledger_db.name + name).write_bytes(side.read_bytes())
    return later


def test_nothing_is_scored_before_its_cohort_is_whole(place: Home) -> None:
    scan(place)
    (score,) = reporting.score_forecasts(config(place), None, ManualClock(Micros(NOW)))
    assert score.counts.scored == 0
    assert score.counts.pending == score.counts.markets == score.counts.stored
    assert "no cohort" in score.sentence
    assert "due on" in score.sentence
    assert score.score is None


def test_whole_cohorts_are_scored_against_the_price(place: Home, world, tmp_path: Path) -> None:
    scan(place)
    later = resolved_world(place, world[1], tmp_path / "later")
    then = ManualClock(Micros(NOW + 30 * DAY))
    (score,) = reporting.score_forecasts(config(later), "champion", then)
    assert score.counts.scored == score.counts.markets > 100
    assert all(cohort.whole for cohort in score.cohorts)
    assert score.score is not None
    assert score.score.gain > 0
    assert score.e_value is not None
    assert score.e_value > 1
    assert sum(row["rows"] for row in score.calibration) == score.counts.scored
    told = score.to_dict()
    assert told["scored"] == score.counts.scored
    early = reporting.score_forecasts(config(later), None, ManualClock(Micros(NOW + DAY)))[0]
    assert (early.counts.scored, early.counts.pending) == (0, score.counts.markets)


def row(number: int, end: int | None, p: float = 0.6, **changes: object) -> StoredForecast:
    base = StoredForecast(
        "m", number, f"m{number}", 0, NOW, NOW, end, 5_000, 1 if p > 0.5 else -1, 510_000, p, p - 0.05, p + 0.05, "f"
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_early_outcomes_of_a_cohort_that_is_not_due_are_left_alone() -> None:
    soon, later = NOW + DAY, NOW + 9 * DAY
    rows = [row(number, soon if number <= 40 else later) for number in range(1, 81)] + [row(81, None)]
    rows += [row(1, soon, p=0.99, t=NOW + 1, recorded_at=NOW + 1)]  # a later word on the same market changes nothing
    ended = {number: (10_000 if number % 5 else 0, NOW + DAY) for number in range(1, 81)}
    ended |= {3: (5_000, NOW + DAY), 4: (-2, NOW + DAY), 5: (0, NOW - 1)}
    score = score_model("m", rows, ended, NOW + 3 * DAY)
    counts = score.counts
    assert (counts.stored, counts.markets, counts.pending, counts.undated) == (82, 81, 40, 1)
    assert (counts.halves, counts.late, counts.scored) == (2, 1, 37)
    assert [cohort.whole for cohort in score.cohorts] == [True, False]
    assert score.score is not None
    won = 30 / 37
    assert score.score.log_loss == pytest.approx(-(won * np.log(0.6) + (1 - won) * np.log(0.4)))
    assert score.score.market_log_loss == pytest.approx(np.log(2))
    ratio = [1.2 if number % 5 else 0.8 for number in range(1, 41) if number not in {3, 4, 5}]
    wealth = [np.prod([1 + k * (each - 1) for each in ratio]) for k in (0.125, 0.25, 0.5, 1.0)]
    assert score.e_value == pytest.approx(np.mean(wealth))


def test_one_event_is_no_evidence() -> None:
    rows = [row(number, NOW + DAY, event_no=9) for number in range(1, 6)]
    score = score_model("m", rows, dict.fromkeys(range(1, 6), (0, NOW + DAY)), NOW + 3 * DAY)
    assert (score.counts.scored, score.counts.events) == (5, 1)
    assert "no evidence" in score.sentence
    assert score.score is None


def test_a_cohort_waits_for_its_last_outcome_but_not_for_ever(place: Home, world, tmp_path: Path) -> None:
    scan(place)
    later = resolved_world(place, world[1], tmp_path / "later", open_share=0.1)
    ends = [row.scheduled_end or 0 for row in stored(place)]
    soon = reporting.score_forecasts(config(later), None, ManualClock(Micros(max(ends) + 2 * DAY)))[0]
    waiting = [cohort for cohort in soon.cohorts if not cohort.whole]
    assert waiting
    assert all(cohort.open for cohort in waiting)
    done = reporting.score_forecasts(config(later), None, ManualClock(Micros(max(ends) + 10 * DAY)))[0]
    assert all(cohort.whole for cohort in done.cohorts)
    assert done.counts.missing > 0
    assert done.counts.scored + done.counts.missing == done.counts.markets


def test_a_forecast_stored_after_the_outcome_does_not_count(place: Home, world, tmp_path: Path) -> None:
    scan(place, ManualClock(Micros(NOW)))
    rows = stored(place)
    late = [dataclasses.replace(row, model_id="late", recorded_at=NOW + 40 * DAY) for row in rows]
    with Ledger.open(place, clock=ManualClock(Micros(NOW))) as ledger:
        assert ledger.record_forecasts(late) == len(late)
        assert ledger.record_forecasts(late) == 0
    later = resolved_world(place, world[1], tmp_path / "later")
    found = reporting.score_forecasts(config(later), "late", ManualClock(Micros(NOW + 60 * DAY)))
    assert [score.model for score in found] == ["late"]
    assert (found[0].counts.scored, found[0].counts.late) == (0, len(late))
    with pytest.raises(UsageError, match="unknown-model"):
        reporting.score_forecasts(config(later), "nobody", ManualClock(Micros(NOW)))


def test_a_card_without_an_interval_or_a_date_does_not_break_a_batch(place: Home, world, tmp_path: Path) -> None:
    models = Registry(tmp_path / "home" / "others")
    model, card = Registry(world[0].root / "models").load(MODEL)
    alone = {**card["scores"][-1], "gain_low": -np.inf, "gain_high": np.inf}
    models.save("alone", model, {**card, "scores": [alone]})
    undated = {name: value for name, value in card["data"].items() if name != "known_to"}
    models.save("undated", model, {**card, "data": undated})
    (place.root / "models").unlink()
    (tmp_path / "home" / "others").rename(place.root / "models")
    batch = scan(place)
    assert batch.model is not None
    assert batch.model.speaks
    assert batch.model.gain is not None
    assert batch.model.gain_low is None
    with pytest.raises(DataError, match="model-outdated"):
        find_voice(place, "undated", Settings())
