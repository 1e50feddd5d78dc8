"""Evidence and the real money that it allows."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.config import TradingSettings
from edgeworth.core.errors import ConfigError
from edgeworth.core.random import stream
from edgeworth.core.units import Micros
from edgeworth.models.anytime import cusum, likelihood_ratios, robust_wealth
from edgeworth.trading.stages import Evidence, Ladder, Stage, Standing, advance, played

LADDER = Ladder.of(TradingSettings())
M = (0.1, 0.2, 0.3, 0.6, 0.8, 0.9)
F = (0.15, 0.25, 0.2, 0.7, 0.75, 0.8)
Y = (0, 1, 0, 1, 1, 0)


def test_the_published_path_of_wealth() -> None:
    """Fixture A: full Kelly ends at 2.951389, the mean over fractions at 1.843705."""
    evidence = played("s", list(zip(F, M, Y, strict=True)))
    np.testing.assert_allclose(evidence.cash, [1.187751, 1.390894, 1.844788, 2.951389], atol=5e-7)
    assert evidence.e == pytest.approx(1.843705, abs=5e-7)
    assert evidence.events == 6
    path = [played("s", list(zip(F, M, Y, strict=True))[:k]).cash[3] for k in range(1, 7)]
    np.testing.assert_allclose(path, [0.944444, 1.180556, 1.349206, 1.574074, 1.475694, 2.951389], atol=5e-7)


sequences = st.lists(
    st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.integers(0, 1)), min_size=1, max_size=20
)


@given(sequences)
def test_bets_that_follow_one_another_equal_the_likelihood_ratios(bets) -> None:
    f, m, y = (np.array(column, np.float64) for column in zip(*bets, strict=True))
    evidence = played("s", bets)
    if (f != m).all():
        assert evidence.e == pytest.approx(float(robust_wealth(likelihood_ratios(f, m, y))[-1]), rel=1e-9)
        assert evidence.decay == pytest.approx(float(cusum(likelihood_ratios(m, f, y))[-1]), rel=1e-9)


@given(sequences)
def test_overlapping_bets_are_a_fair_game_at_fair_prices(bets) -> None:
    """Placing costs nothing, and a bet's mean over its outcomes at the price is its mark: wealth is a martingale."""
    evidence = Evidence(strategy="s")
    for k, (forecast, price, _) in enumerate(bets):
        after = evidence.placed((k, k), 1 - 2 * (k % 2), forecast, price)
        assert after.e == pytest.approx(evidence.e, rel=1e-12)
        assert min(after.cash) >= 0
        evidence = after
    for bet in evidence.bets:
        win = evidence.settled(bet.market_no, 1.0).e
        lose = evidence.settled(bet.market_no, 0.0).e
        chance = bet.price if bet.side > 0 else 1 - bet.price
        assert chance * win + (1 - chance) * lose == pytest.approx(evidence.e, rel=1e-9)


def test_false_promotion_is_as_rare_as_promised() -> None:
    """Fair prices, ten open bets at a time, looked at after every settlement: e >= 20 in at most 5 % of paths."""
    random = stream(7, "stages", "null")
    reached = 0
    for _ in range(100):
        evidence, peak = Evidence(strategy="s"), 1.0
        price = random.uniform(0.1, 0.9, 120)
        forecast = np.clip(price + random.normal(0, 0.08, 120), 0.02, 0.98)
        outcome = random.uniform(size=120) < price
        for k in range(120):
            evidence = evidence.placed((k, k), 1, float(forecast[k]), float(price[k]))
            if k >= 10:
                evidence = evidence.settled(k - 10, float(outcome[k - 10]))
                peak = max(peak, evidence.e)
        reached += peak >= 20
    assert reached <= 5


def test_one_bet_per_event_marks_and_refunds() -> None:
    evidence = Evidence(strategy="s").placed((1, 10), -1, 0.7, 0.5)
    assert evidence.placed((1, 11), 1, 0.9, 0.5) is evidence
    assert evidence.placed((2, 12), 1, 0.5, 0.5) is evidence
    assert evidence.placed((2, 12), 1, float("nan"), 0.5) is evidence
    assert evidence.marked(10, 0.4).e > 1.0 > evidence.marked(10, 0.6).e
    assert evidence.marked(10, 0.4).voided(10).e == pytest.approx(1.0)
    assert evidence.voided(99) is evidence.settled(99, 1.0) is evidence
    half = evidence.settled(10, 0.5)
    assert (half.e, half.decay, half.events) == (pytest.approx(1.0), 0.0, 1)


def _with(e: float, events: int, decay: float = 0.0) -> Evidence:
    return Evidence(strategy="s", cash=(e,) * 4, events=events, decay=decay)


def test_stages_are_won_one_by_one_and_lost_at_a_share_of_their_threshold() -> None:
    standing, stages = Standing(strategy="s"), []
    for number, e in enumerate([1.0, 4.9, 5.0, 500.0, 500.0, 500.0, 51.0, 50.0, 49.0, 26.0, 9.9, 2.4, 5.0], start=1):
        standing = advance(standing, _with(e, number), LADDER, Micros(number))
        stages.append(standing.stage.name[0])
    #            1    4.9  5    500  500  500  51   50   49   26   9.9  2.4  5
    assert stages == ["P", "P", "P", "Q", "H", "F", "F", "F", "H", "H", "P", "P", "P"]
    assert (standing.stage, standing.since) == (Stage.PROBE, 13)


def test_without_new_evidence_there_is_no_step_up() -> None:
    first = advance(Standing(strategy="s"), _with(500.0, 3), LADDER, Micros(1))
    again = advance(first, _with(500.0, 3), LADDER, Micros(2))
    assert (again.stage, again.since) == (Stage.PROBE, 1)
    assert advance(again, _with(500.0, 4), LADDER, Micros(3)).stage is Stage.QUARTER


def test_an_alarm_ends_every_stage_and_bars_the_way_back() -> None:
    full = Standing(strategy="s", stage=Stage.FULL)
    fallen = advance(full, _with(500.0, 9, decay=100.0), LADDER, Micros(1))
    assert (fallen.stage, fallen.reason) == (Stage.PAPER, "its forecasts no longer hold: e-CUSUM 100.0")
    assert advance(fallen, _with(500.0, 10, decay=100.0), LADDER, Micros(2)).stage is Stage.PAPER


def test_what_a_stage_allows() -> None:
    allowed = {stage: Standing(strategy="s", stage=stage).allowance(LADDER) for stage in Stage}
    assert allowed == {
        Stage.PAPER: (0, 0),
        Stage.PROBE: (1_000_000, 5_000_000),
        Stage.QUARTER: (250_000, 0),
        Stage.HALF: (500_000, 0),
        Stage.FULL: (1_000_000, 0),
    }
    assert Stage.PAPER.text == "paper only"


def test_rows_survive_writing_and_reading() -> None:
    evidence = played("s", list(zip(F, M, Y, strict=True))).placed((9, 9), 1, 0.7, 0.6)
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence) == evidence
    standing = Standing(strategy="s", stage=Stage.HALF, since=Micros(5), events=3, e=60.0)
    assert msgspec.json.decode(msgspec.json.encode(standing), type=Standing) == standing


def test_thresholds_must_rise() -> None:
    with pytest.raises(ConfigError, match="must rise"):
        Ladder.of(TradingSettings(stage_half=10.0))
