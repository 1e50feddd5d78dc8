import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.panels import START, day, make_panel
from tests.support.worlds import efficient_world

from edgeworth.core.clock import ManualClock
from edgeworth.core.config import ProofSettings, Settings
from edgeworth.core.errors import AccessError, DataError, EdgeworthError, UsageError
from edgeworth.core.panel import NEVER, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.research import runs
from edgeworth.research.backtest import holdout_begin, run_backtest
from edgeworth.research.collecting import decision_points
from edgeworth.research.types import BacktestResult, VerdictClass
from edgeworth.store.ledger_db import Ledger
from edgeworth.strategies.base import no, strategy
from edgeworth.strategies.registry import find

SETTINGS = Settings(proof=ProofSettings(bootstraps=200))


@strategy
@dataclasses.dataclass(frozen=True)
class Broken:
    """Ask for what polars cannot do."""

    name, version, needs = "broken-rule", 1, ("price",)

    def opinions(self, row):
        return no(when=row.price.str.len_chars() > 3, reason="nonsense")


@pytest.fixture
def place(home: Path) -> Home:
    return Home(home)


def run(place: Home, data: tuple[Panel, Outcomes], *names: str, **options) -> BacktestResult:
    rules = options.pop("rules", [find(name) for name in names or ("crypto-favorite-fade", "follow-the-market")])
    return run_backtest(place, rules, options.pop("settings", SETTINGS), data=data, clock=ManualClock(START), **options)


def trial_count(place: Home, family: str) -> int:
    with Ledger.open(place) as ledger:
        return ledger.count_trials(family=family)


def test_a_planted_edge_is_found_and_nothing_else(place: Home) -> None:
    result = run(place, efficient_world(1, 2400, planted=0.2))
    verdicts = {item.strategy: item.verdict for item in result.results}
    assert verdicts["crypto-favorite-fade"].outcome is VerdictClass.EDGE
    assert verdicts["follow-the-market"].outcome is not VerdictClass.EDGE
    assert all(item.verdict.outcome is not VerdictClass.EDGE for item in result.reverses)


def test_in_an_efficient_world_nothing_is_found(place: Home) -> None:
    names = ("crypto-favorite-fade", "favorite-longshot", "weather-fade-longshots", "follow-the-market")
    found = 0
    for seed in range(6):
        result = run(place, efficient_world(seed, 500), *names)
        found += sum(item.verdict.outcome is VerdictClass.EDGE for item in (*result.results, *result.reverses))
    assert found <= 1


def test_the_run_folder_holds_what_was_returned(place: Home) -> None:
    data = efficient_world(1)
    result = run(place, data)
    assert result.folder == place.runs / result.run_id
    stored = runs.read_json(result.folder / runs.METRICS)
    assert stored["results"] == json.loads(json.dumps(result.to_dict()["results"]))
    trades = pl.read_parquet(result.folder / runs.TRADES)
    for item in result.results:
        mine = trades.filter((pl.col("strategy") == item.strategy) & (pl.col("status") == "settled"))
        assert len(mine) == item.verdict.trades
        assert mine["pnl_e6"].sum() / 1e6 == pytest.approx(item.verdict.profit)
        assert mine["event"].n_unique() == item.verdict.events
    equity = pl.read_parquet(result.folder / runs.EQUITY)
    assert set(equity["strategy"]) == {item.strategy for item in result.results}
    config = runs.read_json(result.folder / runs.CONFIG)
    assert config["seed"] == SETTINGS.run.seed
    assert config["data"]["fingerprint"] == data[0].fingerprint
    assert "numpy" in config["versions"]


def test_the_same_request_gives_the_same_numbers(place: Home) -> None:
    first, second = (run(place, efficient_world(1), "favorite-longshot") for _ in range(2))
    assert first.run_id != second.run_id
    one, two = (result.results[0].verdict for result in (first, second))
    assert dataclasses.replace(one, trials=0, dsr=None) == dataclasses.replace(two, trials=0, dsr=None)


def test_every_evaluation_is_a_trial(place: Home) -> None:
    data = efficient_world(1)
    assert run(place, data, "crypto-favorite-fade").results[0].verdict.trials == 1
    repeated = run(place, data, "crypto-favorite-fade").results[0].verdict
    assert (repeated.trials, repeated.trials_distinct) == (2, 1)
    other = run(place, data, "follow-the-market").results[0].verdict
    assert (other.trials, other.trials_distinct) == (1, 2)
    swept = run(place, data, "crypto-favorite-fade", grid=("threshold=0.5:0.8:0.1",))
    assert len(swept.variants) == 4
    assert swept.results[0].verdict.trials == 6
    assert swept.results[0].verdict.trials_distinct == 5  # 0.7 is the default
    assert trial_count(place, "crypto-favorite-fade-reverse") == 0


def test_a_sweep_reports_the_best_and_the_chance_that_it_is_overfitted(place: Home) -> None:
    result = run(place, efficient_world(1), "crypto-favorite-fade", grid=("threshold=0.4:0.8:0.1",))
    best = max(item.verdict.sharpe for item in result.variants if item.verdict.sharpe is not None)
    assert result.results[0].verdict.sharpe == pytest.approx(best)
    assert 0.0 <= result.results[0].verdict.pbo <= 1.0


def test_a_sweep_takes_one_strategy(place: Home) -> None:
    with pytest.raises(UsageError) as caught:
        run(place, efficient_world(1), grid=("threshold=0.5:0.8:0.1",))
    assert caught.value.code == "bad-grid"


def test_a_broken_rule_is_counted_and_does_not_stop_the_others(place: Home) -> None:
    data = efficient_world(1)
    result = run(place, data, rules=[Broken(), find("follow-the-market")])
    assert [item.strategy for item in result.failures] == ["broken-rule"]
    assert [item.strategy for item in result.results] == ["follow-the-market"]
    with pytest.raises(EdgeworthError):
        run(place, data, rules=[Broken()])
    assert trial_count(place, "broken-rule") == 2
    with Ledger.open(place) as ledger:
        assert sorted(row.status for row in ledger.runs()) == ["done", "failed"]
    assert len(runs.list_runs(place)) == 1


def test_the_last_share_of_time_is_locked(place: Home) -> None:
    panel, outcomes = efficient_world(1)
    begin = holdout_begin(panel, 0.2)
    locked = run(place, (panel, outcomes), "follow-the-market")
    assert pl.read_parquet(locked.folder / runs.TRADES)["t_decision"].max() < begin
    assert "locked" in locked.holdout["note"]
    opened = run(place, (panel, outcomes), "follow-the-market", holdout=True)
    assert pl.read_parquet(opened.folder / runs.TRADES)["t_decision"].min() >= begin
    assert opened.holdout["uses"] == 1
    assert run(place, (panel, outcomes), "follow-the-market", holdout=True).holdout["uses"] == 2


def test_without_a_holdout_everything_is_judged(place: Home) -> None:
    panel, outcomes = efficient_world(1)
    assert holdout_begin(panel, 0.0) == NEVER
    settings = SETTINGS.model_copy(update={"proof": ProofSettings(bootstraps=100, holdout=0.0)})
    assert run(place, (panel, outcomes), settings=settings).holdout["begins"] is None


def test_markets_without_an_outcome_are_refused(place: Home) -> None:
    panel, outcomes = efficient_world(1)
    none = dataclasses.replace(outcomes, payout_e4=np.full(panel.market_count, -1, dtype=np.int32))
    with pytest.raises(DataError) as caught:
        run(place, (panel, none))
    assert caught.value.code == "no-resolved"


def test_decided_prices_are_no_decisions_whether_or_not_they_recover() -> None:
    stays = {"prices": [(day(0), 0.5), (day(1), 0.98), (day(2), 0.99)], "payout": 1}
    recovers = {"prices": [(day(0), 0.5), (day(1), 0.98), (day(2), 0.40)], "payout": 0}
    proposed = {"prices": [(day(0), 0.5), (day(1), 0.90), (day(2), 0.95)], "payout": 1, "proposed_at": day(1)}
    panel, outcomes = make_panel([stays, recovers, proposed])
    assert decision_points(panel, outcomes, 0, NEVER).tolist() == [0, 3, 5, 6]


def test_what_happens_after_a_decision_does_not_move_it(place: Home) -> None:
    panel, outcomes = efficient_world(3)
    flipped = dataclasses.replace(outcomes, payout_e4=(10_000 - outcomes.payout_e4).astype(np.int32))
    decided = [
        pl.read_parquet(run(place, (panel, ending), "favorite-longshot").folder / runs.TRADES).select(
            "market_no", "t_decision", "t_fill", "side", "ask_e4"
        )
        for ending in (outcomes, flipped)
    ]
    assert decided[0].equals(decided[1])


def test_a_run_that_cannot_be_written_leaves_nothing(place: Home) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.json").write_text("{")
        raise OSError(28, "No space left on device")

    with pytest.raises(AccessError) as caught:
        runs.write_run(place, "x", fail)
    assert caught.value.code == "disk-full"
    assert list(place.runs.iterdir()) == []


def test_runs_are_found_by_id_beginning_or_last(place: Home) -> None:
    with pytest.raises(UsageError):
        runs.find_run(place, "last")
    first, second = (run(place, efficient_world(seed), "follow-the-market") for seed in (1, 2))
    assert runs.find_run(place, first.run_id) == first.folder
    assert runs.find_run(place, "last").name == max(first.run_id, second.run_id)
    assert runs.find_run(place, str(second.folder)) == second.folder
    for text in ("", "2", "nothing"):
        with pytest.raises(UsageError) as caught:
            runs.find_run(place, text)
        assert caught.value.code == "unknown-run"


def test_unreadable_runs_say_so(place: Home, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    for text in ("{", "[]"):
        path.write_text(text)
        with pytest.raises(DataError) as caught:
            runs.read_json(path)
        assert caught.value.code == "report-unreadable"
