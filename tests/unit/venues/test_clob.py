import json

import pytest
from tests.unit.venues.payloads import CONDITION, NO_TOKEN, YES_TOKEN, clob_market, cut

from edgeworth.core.instants import parse_instant
from edgeworth.core.records import MarketRecord, Rejected, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.venues.polymarket.clob import iter_clob_markets


def read(payload, size=10**9):
    return list(iter_clob_markets(cut(json.dumps(payload).encode(), size)))


def only(records, kind):
    found = [record for record in records if isinstance(record, kind)]
    assert len(found) == 1
    return found[0]


def tokens(first, second):
    return [
        {"token_id": YES_TOKEN, "outcome": "Outdoors", "winner": first},
        {"token_id": NO_TOKEN, "outcome": "Indoors", "winner": second},
    ]


def test_a_market():
    market = only(read(clob_market()), MarketRecord)
    assert market.ids == (
        ("condition", CONDITION.lower()),
        ("slug", "lantern-festival-outdoors"),
        ("token", YES_TOKEN),
        ("token1", NO_TOKEN),
    )
    assert market.outcomes == ("Outdoors", "Indoors")
    assert market.scheduled_end == parse_instant("2026-06-01")
    assert (market.tick_e4, market.min_size_e6, market.neg_risk) == (10, 15_000_000, True)
    assert market.tags == ("Culture", "All")


@pytest.mark.parametrize("size", [1, 50, 10**9])
@pytest.mark.parametrize("wrap", [lambda m: {"data": m, "next_cursor": "x", "count": 2}, lambda m: m])
def test_pages_and_arrays(wrap, size):
    assert len(read(wrap([clob_market(), clob_market(market_slug="b")]), size)) == 2


def test_simplified_markets_have_only_ids_and_labels():
    market = only(read({"condition_id": CONDITION, "tokens": tokens(False, False), "closed": False}), MarketRecord)
    assert market.question == ""
    assert market.outcomes == ("Outdoors", "Indoors")


@pytest.mark.parametrize(
    ("first", "second", "half", "payout"),
    [
        (True, False, False, Payout.YES),
        (False, True, False, Payout.NO),
        ("false", "true", False, Payout.NO),
        (False, False, True, Payout.HALF),
    ],
)
def test_the_winner_has_no_date(first, second, half, payout):
    records = read(clob_market(closed=True, tokens=tokens(first, second), is_50_50_outcome=half))
    resolution = only(records, ResolutionRecord)
    assert resolution.payout is payout
    assert resolution.resolved_at is None


@pytest.mark.parametrize(("first", "second"), [(False, False), (True, True), (None, True), (None, None)])
def test_an_unclear_ending_is_refused_only_when_closed(first, second):
    assert only(read(clob_market(closed=True, tokens=tokens(first, second))), Rejected).reason == "resolution-unclear"
    assert len(read(clob_market(closed=False, tokens=tokens(first, second)))) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tokens": []}, "outcomes-missing"),
        ({"tokens": "none"}, "outcomes-missing"),
        ({"tokens": [*tokens(True, False), {"token_id": "1"}]}, "outcomes-not-two"),
        ({"condition_id": "", "market_slug": None, "tokens": [{"outcome": "a"}, {"outcome": "b"}]}, "id-missing"),
    ],
)
def test_refusals(changes, reason):
    assert only(read(clob_market(**changes)), Rejected).reason == reason


@pytest.mark.parametrize("payload", [5, None, [1, 2], {}, {"data": 5}])
def test_nonsense_is_no_exception(payload):
    assert all(isinstance(record, Rejected) for record in read(payload))
