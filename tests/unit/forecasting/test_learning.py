"""Fair values learned from a rule's own past: the published example, the order of time, independent events."""

from dataclasses import dataclass

import numpy as np
import pytest
from tests.support.panels import day, hour, make_panel, random_panel

from edgeworth.forecasting.firing import fire
from edgeworth.forecasting.learning import learn
from edgeworth.strategies.base import Row, no, strategy, yes
from edgeworth.strategies.registry import find


@strategy
@dataclass(frozen=True)
class Always:
    """Take NO everywhere."""

    name, version, needs = "always", 1, ("price",)

    def opinions(self, row: Row):
        return no(when=row.price >= 0, reason="x")


@strategy
@dataclass(frozen=True)
class States:
    """Take YES at a stated probability."""

    name, version, needs = "states", 1, ("price",)

    def opinions(self, row: Row):
        return yes(when=row.price >= 0, reason="x", p=0.66)


def past(wins, losses, price, **more):
    payouts = [0] * wins + [1] * losses
    return [
        {"prices": [(day(1), price)], "payout": payout, "resolved_at": day(2), **more, "event": f"e{index}"}
        for index, payout in enumerate(payouts)
    ]


def last(panel, outcomes, rule=None, **settings):
    """The opinion on the panel's last point."""
    said = learn(fire(panel, rule or Always()), panel, outcomes, **settings)
    assert said.row[-1] == panel.point_count - 1
    return float(said.p[-1]), float(said.se[-1]), int(said.evidence[-1])


def test_the_published_example():
    now = {"prices": [(day(3), 0.0973)]}
    p, se, evidence = last(*make_panel([*past(154, 10, 0.0973), now]))
    assert p == pytest.approx(0.92527, abs=5e-6)
    assert evidence == 164
    assert se == pytest.approx((0.92527 * (1 - 0.92527) / 265) ** 0.5, rel=1e-4)


def test_an_unproven_rule_believes_the_price_it_pays():
    panel, outcomes = make_panel([{"prices": [(day(1), 0.30), (day(2), 0.25)], "payout": 0, "resolved_at": day(9)}])
    said = learn(fire(panel, Always()), panel, outcomes, half_spread=0.01)
    assert said.p.tolist() == pytest.approx([0.71, 0.76])
    assert said.evidence.tolist() == [0, 0]
    assert said.se[0] == pytest.approx((0.71 * 0.29 / 101) ** 0.5)


def test_the_learned_edge_moves_to_the_price_of_the_moment():
    now = {"prices": [(day(3), 0.60)]}
    p, _, _ = last(*make_panel([*past(80, 20, 0.30), now]), prior_events=100)
    assert p == pytest.approx(0.40 + (0.75 - 0.70))


def test_an_outcome_counts_from_the_instant_it_is_known():
    known = {"prices": [(hour(0), 0.5)], "payout": 0, "resolved_at": hour(1), "known_at": hour(5)}
    watch = {"prices": [(hour(5) - 1, 0.5), (hour(5), 0.5), (hour(6), 0.5)]}
    panel, outcomes = make_panel([known, watch])
    assert learn(fire(panel, Always()), panel, outcomes).evidence.tolist() == [0, 0, 1, 1]


def test_an_early_outcome_waits_for_the_end_scheduled_when_the_rule_fired():
    early = {
        "prices": [(hour(0), 0.5)],
        "payout": 0,
        "resolved_at": hour(1),
        "end": [(hour(0), hour(6)), (hour(1), hour(2))],
    }
    watch = {"prices": [(hour(5), 0.5), (hour(6), 0.5)]}
    panel, outcomes = make_panel([early, watch])
    assert learn(fire(panel, Always()), panel, outcomes).evidence.tolist() == [0, 0, 1]
    assert learn(fire(panel, Always()), panel, outcomes, mature=False).evidence.tolist() == [0, 1, 1]


def test_only_the_first_firing_of_a_market_counts():
    market = {"prices": [(day(1), 0.2), (day(1.5), 0.9)], "payout": 0, "resolved_at": day(2)}
    now = {"prices": [(day(3), 0.5)]}
    p, _, evidence = last(*make_panel([market, now]), prior_events=1)
    assert evidence == 1
    assert p == pytest.approx(0.5 + (1.0 - 0.8) / 2)


def test_the_markets_of_an_event_weigh_one_together():
    legs = [
        {"event": "e", "prices": [(day(1), 0.2)], "payout": payout, "resolved_at": day(2)} for payout in (0, 0, 0, 1)
    ]
    alone = {"prices": [(day(1), 0.4)], "payout": 1, "resolved_at": day(2)}
    now = {"prices": [(day(3), 0.5)]}
    p, _, evidence = last(*make_panel([*legs, alone, now]), prior_events=2)
    assert evidence == 2
    assert p == pytest.approx(0.5 + ((0.75 + 0.0) / 2 - (0.8 + 0.6) / 2) / 2)


def test_an_events_average_moves_as_its_markets_resolve():
    legs = [
        {"event": "e", "prices": [(hour(0), 0.2)], "payout": 0, "resolved_at": hour(2)},
        {"event": "e", "prices": [(hour(0), 0.6)], "payout": 1, "resolved_at": hour(4)},
    ]
    watch = {"prices": [(hour(3), 0.5), (hour(5), 0.5)]}
    panel, outcomes = make_panel([*legs, watch])
    said = learn(fire(panel, Always()), panel, outcomes, prior_events=1)
    assert said.evidence.tolist()[2:] == [1, 1]
    assert said.p.tolist()[2:] == pytest.approx([0.5 + (1.0 - 0.8) / 2, 0.5 + (0.5 - 0.6) / 2])


def test_half_counts_as_half_and_void_and_open_do_not_count():
    markets = [{"prices": [(day(1), 0.5)], "payout": payout, "resolved_at": day(2)} for payout in (0.5, "void", None)]
    panel, outcomes = make_panel([*markets, {"prices": [(day(3), 0.3)]}])
    p, _, evidence = last(panel, outcomes, prior_events=1)
    assert (p, evidence) == (pytest.approx(0.7), 1)


def test_a_firing_after_its_outcome_was_known_proves_nothing():
    late = {"prices": [(hour(5), 0.01)], "payout": 0, "resolved_at": hour(1), "known_at": hour(5)}
    panel, outcomes = make_panel([late, {"prices": [(hour(6), 0.5)]}])
    assert learn(fire(panel, Always()), panel, outcomes).evidence.tolist() == [0, 0]


def test_below_min_events_the_price_stands():
    now = {"prices": [(day(3), 0.30)]}
    panel, outcomes = make_panel([*past(9, 0, 0.30), now])
    assert last(panel, outcomes, min_events=10)[0] == pytest.approx(0.70)
    assert last(panel, outcomes, min_events=9)[0] > 0.70


def test_values_stay_inside_the_open_interval():
    now = {"prices": [(day(3), 0.0)]}
    panel, outcomes = make_panel([*past(50, 0, 0.5), now])
    p, se, _ = last(panel, outcomes, prior_events=1)
    assert p == 0.999
    assert se > 0


def test_a_stated_probability_stands_and_its_error_is_learned():
    panel, outcomes = make_panel([*past(10, 10, 0.30), {"prices": [(day(3), 0.4)]}])
    p, se, evidence = last(panel, outcomes, rule=States())
    assert (p, evidence) == (0.66, 20)
    assert 0.03 < se < 0.06
    null = learn(fire(panel, find("follow-the-market")), panel, outcomes, half_spread=0.01)
    assert null.p.tolist() == pytest.approx([0.7] * 20 + [0.6])
    assert not null.se.any()


def slow(firings, panel, outcomes, prior, half_spread, mature):
    """The definition, word for word: for every firing, look at every earlier outcome again."""
    market = panel.market_of_point()
    events = panel.markets["event_no"].to_list()
    first = {}
    for row, side in zip(firings.row.tolist(), firings.side.tolist(), strict=True):
        first.setdefault(int(market[row]), (row, side))

    def cost(row, side):
        price = int(panel.price_e4[row])
        return (price if side > 0 else 10_000 - price) / 10_000 + half_spread

    result = []
    for row, side in zip(firings.row.tolist(), firings.side.tolist(), strict=True):
        now, groups = panel.t[row], {}
        for index, (start, taken) in first.items():
            usable = outcomes.known_at[index]
            versions = [
                panel.end_value[k]
                for k in range(panel.end_offsets[index], panel.end_offsets[index + 1])
                if panel.end_known_at[k] <= panel.t[start]
            ]
            if mature and versions:
                usable = max(usable, versions[-1])
            payout = int(outcomes.payout_e4[index])
            if payout < 0 or usable > now or outcomes.known_at[index] <= panel.t[start]:
                continue
            won = payout if taken > 0 else 10_000 - payout
            groups.setdefault(events[index], []).append((won / 10_000, cost(start, taken)))
        count = len(groups)
        price, edge = cost(row, side), 0.0
        if count:
            rate = np.mean([np.mean([won for won, _ in group]) for group in groups.values()])
            paid = np.mean([np.mean([c for _, c in group]) for group in groups.values()])
            edge = (count * rate + prior * paid) / (count + prior) - paid
        result.append((min(max(price + edge, 0.001), 0.999), count))
    return result


@pytest.mark.parametrize("mature", [True, False])
@pytest.mark.parametrize("name", ["favorite-longshot", "btc-time-bias", "musk-fade-extremes"])
def test_it_equals_the_definition_written_slowly(name, mature):
    panel, outcomes = random_panel(21, markets=150, points=8)
    found = fire(panel, find(name))
    said = learn(found, panel, outcomes, prior_events=5, half_spread=0.01, mature=mature)
    expected = slow(found, panel, outcomes, 5, 0.01, mature)
    assert said.p.tolist() == pytest.approx([p for p, _ in expected], abs=1e-9)
    assert said.evidence.tolist() == [count for _, count in expected]
    assert max(said.evidence) > 3
