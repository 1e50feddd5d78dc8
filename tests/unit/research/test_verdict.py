import dataclasses

import numpy as np
import pytest

from edgeworth.core.config import CostSettings, ProofSettings
from edgeworth.core.units import DAY, HOUR
from edgeworth.research.evidence import Evidence
from edgeworth.research.lint import LintInput, lint
from edgeworth.research.power import events_for_power
from edgeworth.research.trials import Trials
from edgeworth.research.types import Coverage, LintLine, Verdict, VerdictClass
from edgeworth.research.verdict import FEWEST_EVENTS, Case, doubts_of, events_needed, judge

PROOF, COSTS = ProofSettings(bootstraps=300), CostSettings()


def evidence(
    seed: int, n: int, edge: float, *, per_event: int = 1, price: float | None = None, extra: float = 0.01
) -> Evidence:
    """Trades at uniform prices whose side wins with probability price + edge."""
    generator = np.random.Generator(np.random.PCG64(seed))
    mid = np.full(n, price) if price is not None else generator.uniform(0.2, 0.8, n)
    t = np.arange(n, dtype=np.int64) * DAY // 4
    return Evidence(
        market=np.arange(n),
        event=np.arange(n) // per_event,
        exclusive=np.zeros(n, dtype=bool),
        t=t,
        t_fill=t + HOUR,
        side=np.ones(n, dtype=np.int64),
        mid=mid,
        cost=np.stack([mid, mid + extra, mid + 2 * extra]),
        payout=(generator.uniform(size=n) < mid + edge).astype(float),
        known_at=t + 10 * DAY,
        fair=np.full(n, np.nan),
    )


def case(trials: Trials | None = None, lines: tuple[LintLine, ...] = (), **options) -> Case:
    return Case(
        "rule", options.pop("coverage", Coverage(100, 100, 100, 100, 100)), lines, trials or Trials(), **options
    )


def verdict(found: Evidence, given: Case | None = None, proof: ProofSettings = PROOF) -> Verdict:
    return judge(found, given or case(), proof, COSTS, 7)


def test_a_large_edge_on_many_events_is_an_edge() -> None:
    result = verdict(evidence(1, 1500, 0.15))
    assert result.outcome is VerdictClass.EDGE
    assert result.roi_low > 0
    assert result.p_value < 1e-6
    assert result.dsr > 0.95
    assert "breaks even" in result.sentence
    assert result.sentence.startswith("Edge at this size")


def test_no_information_is_no_edge_after_costs() -> None:
    result = verdict(evidence(2, 2000, 0.0))
    assert result.outcome is VerdictClass.NO_EDGE
    assert "breaks even" in result.sentence


def test_a_small_edge_on_few_events_is_unproven_and_says_what_it_would_take() -> None:
    result = verdict(evidence(11, 120, 0.04))
    assert result.outcome is VerdictClass.UNPROVEN
    assert result.events_needed is not None
    assert result.events_needed > 120
    assert f"{result.events_needed:,}" in result.what_would_change
    assert result.days_needed == pytest.approx((result.events_needed - 120) / (120 / (119 / 4)))


def test_an_edge_whose_interval_is_clear_need_not_have_the_power_it_was_planned_with_once_more() -> None:
    result = verdict(evidence(11, 120, 0.08))
    assert result.roi_low > 0
    assert result.events_floor <= 120 < result.events_needed
    assert result.outcome is VerdictClass.EDGE
    assert f"{result.events_needed:,} fresh events" in result.what_would_change


def test_the_floor_of_events_is_that_of_the_largest_edge_in_the_interval() -> None:
    found = evidence(2, 400, 0.1)
    result = verdict(found)
    best = result.roi_high * result.break_even
    assert result.events_floor == events_needed(found, best)
    assert result.events_floor < result.events_needed
    # an interval that is far too narrow for so few events is not believed
    narrow = dataclasses.replace(result, events=result.events_floor - 1)
    assert any("largest edge" in doubt for doubt in doubts_of(narrow, PROOF))


def test_too_few_events_are_a_verdict() -> None:
    result = verdict(evidence(1, FEWEST_EVENTS - 1, 0.4, price=0.5))
    assert result.outcome is VerdictClass.UNPROVEN
    assert "independent events" in result.sentence
    assert result.sharpe is None
    assert result.dsr is None


def test_no_trades_are_a_verdict() -> None:
    result = verdict(evidence(1, 0, 0.0))
    assert result.outcome is VerdictClass.UNPROVEN
    assert result.roi is None
    assert result.win_rate is None
    assert result.p_value is None
    assert "no settled trade" in result.sentence


def test_one_lucky_event_is_not_five_hundred() -> None:
    found = evidence(1, 500, 0.0, price=0.5)
    lucky = dataclasses.replace(found, event=np.zeros(500, dtype=np.int64), payout=np.ones(500))
    result = verdict(lucky)
    assert result.events == 1
    assert result.outcome is VerdictClass.UNPROVEN
    assert result.p_value == pytest.approx(0.5)
    assert result.roi_low is None


def test_ninety_nine_percent_wins_at_ninety_nine_cents_prove_nothing() -> None:
    found = evidence(1, 150, 0.01, price=0.99, extra=0.0)
    assert found.payout.mean() == 1.0
    result = verdict(found)
    assert result.win_rate == 1.0
    assert result.break_even == pytest.approx(0.99)
    assert result.p_value == pytest.approx(0.99**150)
    assert result.outcome is VerdictClass.UNPROVEN


def test_many_tries_undo_a_lucky_one() -> None:
    found = evidence(9, 500, 0.06)
    alone = verdict(found)
    tried = verdict(found, case(Trials(total=200, distinct=200, variance=0.02)))
    assert alone.p_value < 0.05
    assert tried.p_value == alone.p_value
    assert tried.p_adjusted > 0.05
    assert tried.dsr < 0.95
    assert tried.outcome is VerdictClass.UNPROVEN


def test_overfitting_undoes_an_edge() -> None:
    found = evidence(1, 1500, 0.15)
    assert verdict(found, case(pbo=0.1)).outcome is VerdictClass.EDGE
    assert verdict(found, case(pbo=0.6)).outcome is VerdictClass.UNPROVEN


@pytest.mark.parametrize(
    "given",
    [
        case(look_ahead=True),
        case(lines=(LintLine("price-label", False, "planted"),)),
        case(coverage=Coverage(100, 20, 20, 20, 20)),
    ],
)
def test_leaks_and_gaps_are_invalid_however_good_they_look(given: Case) -> None:
    result = verdict(evidence(1, 1500, 0.15), given)
    assert result.outcome is VerdictClass.INVALID
    assert result.sentence.startswith("Invalid")


def test_costs_are_reported_at_three_multiples_and_only_cost_more() -> None:
    result = verdict(evidence(3, 400, 0.0))
    assert [line.multiplier for line in result.costs] == [0.0, 1.0, 2.0]
    returns = [line.roi for line in result.costs]
    assert returns == sorted(returns, reverse=True)
    assert result.roi == result.costs[1].roi
    assert result.break_even == pytest.approx(result.costs[0].break_even + 0.01)


def test_events_needed_are_those_of_independent_bets_when_every_event_has_one() -> None:
    found = evidence(5, 800, 0.1, price=0.5)
    edge = float(found.profit.mean())
    assert events_needed(found) == pytest.approx(events_for_power(0.51, edge), abs=1)
    # four copies of every trade change nothing: the same events are needed
    copied = dataclasses.replace(
        found,
        **{
            name: np.repeat(getattr(found, name), 4)
            for name in ("market", "event", "exclusive", "t", "t_fill", "side", "mid", "payout", "known_at", "fair")
        },
        cost=np.repeat(found.cost, 4, axis=1),
    )
    assert events_needed(copied) == pytest.approx(events_needed(found), rel=0.01)


def test_the_same_seed_gives_the_same_verdict() -> None:
    found = evidence(6, 300, 0.02)
    assert verdict(found) == verdict(found)
    assert verdict(found).to_dict()["outcome"] == verdict(found).outcome


def test_efficient_prices_are_hardly_ever_called_an_edge() -> None:
    found = [verdict(evidence(seed, 400, 0.0, per_event=2, extra=0.0)).outcome for seed in range(60)]
    assert sum(outcome is VerdictClass.EDGE for outcome in found) <= 2


def test_the_e_value_grows_with_right_odds_and_not_without() -> None:
    found = evidence(8, 1500, 0.1)
    right = dataclasses.replace(found, fair=found.mid + 0.1)
    assert verdict(right).e_value > 100
    wrong = evidence(8, 1500, 0.0)
    assert verdict(dataclasses.replace(wrong, fair=wrong.mid + 0.1)).e_value < 20
    assert verdict(found).e_value is None


def checks(found: Evidence, **options) -> dict[str, bool | None]:
    known = options.pop("known", np.full(len(found), np.iinfo(np.int64).max))
    given = LintInput(options.pop("needs", ("price",)), known, 0, **options)
    return {line.code: line.passed for line in lint(found, given)}


def test_the_lint_is_silent_on_a_clean_set() -> None:
    for seed in range(30):
        assert False not in checks(evidence(seed, 600, 0.0)).values()
        assert False not in checks(evidence(seed, 600, 0.1)).values()


def test_the_lint_finds_each_planted_leak() -> None:
    found = evidence(1, 600, 0.0)
    assert checks(found, look_ahead=True)["look-ahead"] is False
    assert checks(found, needs=("price", "winner"))["leak-hindsight-column"] is False
    assert checks(found, known=found.t - 1)["leak-post-event"] is False
    late = dataclasses.replace(found, t_fill=found.t)
    assert checks(late)["fill-before-decision"] is False
    label = dataclasses.replace(found, mid=np.where(found.payout > 0.5, 0.995, 0.005))
    assert checks(label)["price-label"] is False
    # losers bought near zero, winners in the middle: entries after the move
    moved = dataclasses.replace(found, mid=np.where(found.payout > 0.5, 0.6, 0.04))
    assert checks(moved)["leak-loser-price"] is False


def test_the_lint_says_when_it_cannot_tell() -> None:
    few = checks(evidence(1, 5, 0.0))
    assert few["price-label"] is None
    assert few["leak-loser-price"] is None


def test_the_lint_says_when_late_outcomes_may_be_missing() -> None:
    found = evidence(1, 100, 0.0)
    assert checks(found)["leak-resolved-so-far"] is True
    assert checks(found, undated=0.5)["leak-resolved-so-far"] is None
    assert checks(found, immature=0.5)["leak-resolved-so-far"] is None
