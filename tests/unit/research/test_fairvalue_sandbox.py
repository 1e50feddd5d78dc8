"""The sandbox words its coin markets as it settles them: rules read from its descriptions, replayed on its candles."""

from collections import Counter

import pytest
from tests.support.replay import settle

from edgeworth.core.contract import ContractKind
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.fairvalue.path import History
from edgeworth.features.fairvalue.terms import Listing, parse_terms
from edgeworth.sandbox.rules import HIDDEN, rule_text
from edgeworth.sandbox.spot import COIN_INDEX
from edgeworth.sandbox.world import generate


@pytest.mark.parametrize("seed", [7, 8])
def test_rules_read_from_descriptions_settle_as_the_world_did(seed):
    world = generate("tiny", seed)
    arrays, paths = world.arrays, {}
    seen, market = Counter(), 0
    for event, text in enumerate(world.texts):
        kind = world.event_kind[event]
        for own in text.markets:
            created, end = int(arrays.created_at[market]), int(arrays.scheduled_end[market])
            words = rule_text(kind, own, created, end)
            terms = parse_terms(own.question, words, Listing(created, end))
            payout = int(world.final_e4[market])
            market += 1
            if kind.family not in {"above", "touch", "updown"}:
                assert words == HIDDEN
                assert terms.kind is ContractKind.NONE
                continue
            if "skipped or repeated" in terms.reason:
                continue
            assert terms.kind is not ContractKind.NONE, (own.question, words, terms.reason)
            assert abs(int(terms.window_end) - end) <= HOUR if kind.family == "updown" else terms.window_end == end
            if terms.underlying not in paths:
                scenario = world.scenario
                row = COIN_INDEX[terms.underlying]
                t, values = world.spot.candles(row, scenario.start, scenario.end + 31 * DAY)
                paths[terms.underlying] = History(t, *(values[:, i] for i in range(4)), HOUR)
            if payout in {Payout.YES, Payout.NO}:
                seen[terms.kind] += 1
                assert settle(terms, paths[terms.underlying]) == (payout == Payout.YES), own.question
    assert market == world.market_count
    assert {ContractKind.TOUCH_UP, ContractKind.TOUCH_DOWN, ContractKind.ABOVE_ON_DAY} <= set(seen)
    assert seen.total() > 20
