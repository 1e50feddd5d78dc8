"""Scramble audit: whatever is put in place of the future, firings and opinions up to the cut do not change."""

import numpy as np
import pytest
from tests.support.panels import random_panel, scramble

from edgeworth.forecasting.firing import fire_all
from edgeworth.forecasting.learning import learn
from edgeworth.strategies.registry import all_strategies

CUTS = 20


def opinions(panel, outcomes):
    """Every opinion, exactly as bits, keyed so that row numbers do not matter."""
    said = {}
    owner = panel.market_of_point()
    rules = all_strategies()
    for found in fire_all(panel, rules):
        learned = learn(found, panel, outcomes, prior_events=10, half_spread=0.01)
        for index, row in enumerate(found.row.tolist()):
            said[found.strategy, int(owner[row]), int(panel.t[row])] = (
                int(found.side[index]),
                found.reasons[found.reason[index]],
                float(learned.p[index]).hex(),
                float(learned.se[index]).hex(),
                int(learned.evidence[index]),
            )
    return said


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("how", ["noise", "constant", "truncate"])
def test_the_future_does_not_change_what_was_said(seed, how):
    panel, outcomes = random_panel(seed, markets=40, points=20)
    whole = opinions(panel, outcomes)
    instants = np.unique([t for _, _, t in whole])
    cuts = instants[np.linspace(0, len(instants) - 1, CUTS).astype(int)]
    changed_later = 0
    for number, cut in enumerate(cuts.tolist()):
        after = opinions(*scramble(panel, outcomes, cut, how, seed * 100 + number))
        assert up_to(cut, after) == up_to(cut, whole)
        changed_later += after != whole
    assert changed_later > CUTS // 2  # the audit itself must be able to see a change


def up_to(cut, said):
    return {key: value for key, value in said.items() if key[2] <= cut}
