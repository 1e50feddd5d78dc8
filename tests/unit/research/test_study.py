import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from edgeworth.collect.importing.pipeline import import_paths
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import ProofSettings, Settings
from edgeworth.core.panel import NEVER
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent
from edgeworth.research import study
from edgeworth.research.study import PLANS, Kept, Plan, Study, is_found, seeds
from edgeworth.research.study_facts import HINDSIGHT, Rows, by_structure, flips, longshot_lenses, sampled, slopes
from edgeworth.research.study_tables import by_rule, hurdles, share, worlds_with_claim
from edgeworth.research.study_worlds import world_data
from edgeworth.sandbox.world import generate
from edgeworth.store.asof import load_panel

SETTINGS = Settings(proof=ProofSettings(bootstraps=100))
TINY = Plan("tiny", "tiny", "shipped", 0.2)


class Counting(Silent):
    """Count what a task says it has done, and stop it after a while."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.done, self.total, self.stop_after = 0, 0, stop_after

    def start(self, task: str, total: int = 0, unit: str = "") -> None:
        self.total = total

    def advance(self, amount: int) -> None:
        self.done += amount
        if amount and self.done >= self.stop_after:
            raise KeyboardInterrupt


def examined(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make examining cheap, and return the list of seeds it is asked for."""
    asked: list[int] = []

    def examine(task: study.Task) -> study.Row:
        asked.append(task.seed)
        return {"seed": task.seed, "rules": [], "reverses": []}

    monkeypatch.setattr(study, "examine", examine)
    return asked


def test_a_world_in_memory_is_the_world_an_import_leaves(tmp_path: Path) -> None:
    world = generate("tiny", 5)
    home = Home(tmp_path / "home")
    import_paths(world.write(tmp_path / "files"), home, mapping=None, progress=Silent(), clock=SystemClock())
    panel, outcomes = load_panel(home)
    mine, ended = world_data(world)
    place = {name: number for number, name in enumerate(mine.markets["market_id"])}
    order = np.array([place[name] for name in panel.markets["market_id"]])
    assert sorted(order) == list(range(mine.market_count))
    for name in ("payout_e4", "resolved_at", "known_at", "event_known_at"):
        assert (getattr(outcomes, name) == getattr(ended, name)[order]).all(), name
    for name in panel.markets.columns:
        if name not in {"market_no", "event_no"}:
            assert (panel.markets[name] == mine.markets[name].gather(order)).all(), name
    for number, other in enumerate(order):
        own = slice(panel.offsets[number], panel.offsets[number + 1])
        same = slice(mine.offsets[other], mine.offsets[other + 1])
        assert (panel.t[own] == mine.t[same]).all()
        assert (panel.price_e4[own] == mine.price_e4[same]).all()


def test_open_markets_have_no_outcome_yet() -> None:
    _, outcomes = world_data(generate("null", 5))
    still = outcomes.payout_e4 == -1
    assert still.any()
    assert (outcomes.resolved_at[still] == NEVER).all()
    assert (outcomes.event_known_at[still] == NEVER).all()


def test_seeds_are_random_distinct_and_a_longer_study_contains_a_shorter() -> None:
    few, many = seeds(PLANS["null"], 20), seeds(PLANS["null"], 200)
    assert many[:20] == few
    assert len(set(many)) == 200
    assert seeds(PLANS["power"], 20) != few


def test_an_interrupted_study_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = examined(monkeypatch)
    whole = Study(tmp_path, SETTINGS, workers=0)
    with pytest.raises(KeyboardInterrupt):
        whole.run(TINY, 6, Counting(stop_after=3))
    assert len(asked) == 3
    progress = Counting()
    rows = whole.run(TINY, 6, progress)
    assert asked == seeds(TINY, 6)
    assert [row["seed"] for row in rows] == seeds(TINY, 6)
    assert progress.done == progress.total == 6
    whole.run(TINY, 6)
    assert len(asked) == 6


def test_a_torn_line_is_done_again_and_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = examined(monkeypatch)
    whole = Study(tmp_path, SETTINGS, workers=0)
    whole.run(TINY, 3)
    (path,) = tmp_path.iterdir()
    text = path.read_text()
    path.write_text(text[: len(text) - 9])
    assert len(whole.run(TINY, 4)) == 4
    assert asked[3:] == seeds(TINY, 4)[2:]
    assert len(Kept(tmp_path, TINY, SETTINGS).rows()) == 4
    assert len(path.read_text().splitlines()) == 5


def test_rows_of_another_code_setting_or_plan_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = examined(monkeypatch)
    Study(tmp_path, SETTINGS, workers=0).run(TINY, 2)
    Study(tmp_path, Settings(proof=ProofSettings(bootstraps=101)), workers=0).run(TINY, 2)
    Study(tmp_path, SETTINGS, workers=0).run(dataclasses.replace(TINY, costs=0.0), 2)
    monkeypatch.setattr(study, "code_key", lambda: "another")
    Study(tmp_path, SETTINGS, workers=0).run(TINY, 2)
    assert len(asked) == 8
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
def test_two_processes_give_the_rows_of_one(tmp_path: Path) -> None:
    alone = Study(tmp_path / "one", SETTINGS, workers=0).run(TINY, 2)
    together = Study(tmp_path / "two", SETTINGS, workers=2).run(TINY, 2)
    assert json.dumps(alone, sort_keys=True) == json.dumps(together, sort_keys=True)


def test_the_interval_of_a_share_is_exact() -> None:
    nothing, some = share(0, 200), share(3, 10)
    assert (nothing.low, nothing.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 200)))
    # tabulated: Clopper and Pearson for 3 of 10
    assert (some.low, some.high) == (pytest.approx(0.06674, abs=1e-5), pytest.approx(0.65245, abs=1e-5))
    assert share(10, 10).high == 1.0
    assert "3 of 10 = 30.0 % [6.7, 65.2]" in some.text()


def rule(outcome: str, **values: float | None) -> dict:
    base = {
        "strategy": "a", "outcome": outcome, "true_edge": 0.0, "trades": 100, "events": 100, "events_needed": 150,
        "events_floor": 40, "roi": 0.1, "roi_low": 0.01, "roi_high": 0.2, "p_value": 0.01, "p_adjusted": 0.02, "dsr": 0.97,
    }  # fmt: skip
    return base | values


def test_worlds_rules_and_conditions_are_counted() -> None:
    found, quiet = rule("edge at this size"), rule("unproven", roi_low=-0.1, p_value=None, p_adjusted=None)
    back = rule("no edge", strategy="a-reverse")
    rows = [
        {"seed": 1, "rules": [found, rule("no edge", strategy="b")], "reverses": [back]},
        {"seed": 2, "rules": [quiet, rule("no edge", strategy="b")], "reverses": [back]},
    ]
    assert worlds_with_claim(rows).hits == 1
    assert worlds_with_claim(rows, before=True).hits == 0
    assert worlds_with_claim(rows, "reverses").hits == 0
    assert is_found(rule("edge at this size", events_needed=90), before=True)
    assert [(line["strategy"], line["claims"].hits) for line in by_rule(rows)] == [("a", 1), ("b", 0)]
    passed = {name: value.hits for name, value in hurdles([{**row, "rules": row["rules"][:1]} for row in rows])}
    assert passed["interval of the return above zero"] == 1
    assert passed["p below 0.05 after adjustment"] == 1
    assert passed["events: enough for the largest edge in the interval"] == 2
    assert passed["events: 80 % power at the estimate (the earlier condition)"] == 0


def walks(seed: int, markets: int = 6000, steps: int = 30) -> Rows:
    """Right prices that move: each market's price is the probability that a random walk ends above zero."""
    from scipy.special import ndtr

    generator = np.random.Generator(np.random.PCG64(seed))
    path = np.cumsum(generator.normal(0, 1 / np.sqrt(steps + 1), (markets, steps + 1)), axis=1) - 1.4
    left = np.sqrt(1 - np.arange(1, steps + 1) / (steps + 1))
    price = np.clip(ndtr(path[:, :-1] / left), 1e-4, 1 - 1e-4)
    market = np.repeat(np.arange(markets), steps)
    won = np.repeat(path[:, -1] > 0, steps).astype(float)
    days = np.tile(np.arange(steps, 0, -1.0), markets)
    t = np.tile(np.arange(steps), markets)
    return Rows(price.ravel(), won, market, market, np.zeros(len(market), dtype=bool), days, t)


def test_right_prices_pass_every_fair_lens_and_only_hindsight_finds_a_bias() -> None:
    lenses = longshot_lenses(walks(1))
    counted = flips(lenses)
    assert counted["lenses"] >= 8
    assert counted["beyond_corrected"] == 0
    whole = {lens.weight: lens for lens in lenses if lens.structure == lens.horizon == "all" and lens.side == "YES"}
    assert whole[HINDSIGHT].low > 0.01
    assert abs(whole["first in market"].bias) < 3 * whole["first in market"].error


def test_dear_longshots_are_seen_by_every_fair_lens() -> None:
    rows = walks(2)
    dear = dataclasses.replace(rows, m=np.minimum(rows.m + 0.03 * (rows.m < 0.2), 0.999))
    lenses = longshot_lenses(dear)
    assert lenses[0].high < 0
    assert flips(lenses)["beyond_corrected"] >= 1


def test_too_little_data_gives_no_lens() -> None:
    assert longshot_lenses(walks(1, markets=50)) == []
    assert flips([])["lenses"] == 0


def test_the_slope_of_right_prices_is_one_at_every_horizon() -> None:
    fits = slopes(walks(3))
    assert [fit["horizon"] for fit in fits] == ["all", "1-2 d", "2-7 d", "7-30 d", "over 30 d"]
    assert all(fit["low"] - 0.05 < 1.0 < fit["high"] + 0.05 for fit in fits)


def test_bands_of_structure_hold_their_own_rows() -> None:
    bands = by_structure(walks(4))
    assert {band["structure"] for band in bands} == {"plain binary"}
    assert bands[0]["band"] == "0.1-0.2"
    assert all(band["n"] >= band["events"] for band in bands)


def test_only_decided_yes_no_markets_are_sampled() -> None:
    panel, outcomes = world_data(generate("tiny", 5))
    rows = sampled(panel, outcomes)
    assert set(np.unique(rows.y)) == {0.0, 1.0}
    assert set(np.unique(outcomes.payout_e4[np.unique(rows.market)])) <= {0, 10_000}
