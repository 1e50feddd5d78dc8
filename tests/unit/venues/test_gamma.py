import json

import pytest
from tests.unit.venues.payloads import CONDITION, NO_TOKEN, YES_TOKEN, gamma_event, gamma_market, resolved_market

from edgeworth.core.instants import parse_instant
from edgeworth.core.records import EventRecord, MarketRecord, Rejected, ResolutionRecord, SnapshotRecord
from edgeworth.core.types import FeeSchedule, Payout, ResolutionState
from edgeworth.venues.polymarket.parse import Origin, parse_gamma

ORIGIN = Origin("gamma", "file")


def records_of(payload):
    return parse_gamma(json.dumps(payload).encode(), ORIGIN)


def only(records, kind):
    found = [record for record in records if isinstance(record, kind)]
    assert len(found) == 1
    return found[0]


def test_a_market_keeps_every_id_as_text_and_its_terms():
    market = only(records_of(gamma_market()), MarketRecord)
    assert market.ids == (
        ("condition", CONDITION.lower()),
        ("gamma", "900001"),
        ("slug", "lantern-festival-outdoors"),
        ("token", YES_TOKEN),
        ("token1", NO_TOKEN),
    )
    assert market.tick_e4 == 10
    assert market.min_size_e6 == 5_000_000
    assert market.fee == FeeSchedule(50_000, 1)
    assert market.scheduled_end == parse_instant("2026-06-01T12:00:00Z")
    assert market.created_at == parse_instant("2026-05-01T09:00:00.123456Z")
    assert market.known_at == parse_instant("2026-05-20T00:00:00Z")
    assert market.backdated
    assert market.tags == ("Culture",)
    assert market.event_native_id == "7001"


def test_token_ids_sent_as_numbers_stay_exact():
    market = only(records_of(gamma_market(clobTokenIds=[int(YES_TOKEN), int(NO_TOKEN)], id=900001)), MarketRecord)
    assert ("token", YES_TOKEN) in market.ids
    assert ("gamma", "900001") in market.ids


def test_a_second_generation_market_trades_its_position_ids():
    market = only(records_of(gamma_market(version="v2", positionIds=["111", "112"])), MarketRecord)
    assert ("token", "111") in market.ids


def test_a_structural_condition_of_31_bytes_is_padded():
    market = only(records_of(gamma_market(conditionId="0x01" + "0" * 60)), MarketRecord)
    assert ("condition", "0x01" + "0" * 60 + "00") in market.ids


def test_quotes_and_totals_are_a_snapshot_at_the_payloads_own_instant():
    snapshot = only(records_of(gamma_market()), SnapshotRecord)
    assert (snapshot.bid_e4, snapshot.ask_e4, snapshot.last_e4) == (6_000, 6_200, 6_100)
    assert snapshot.volume_e6 == 1_234_567_891
    assert snapshot.volume_24h_e6 == 12_500_000
    assert snapshot.liquidity_e6 == 88_250_000
    assert snapshot.event_time == parse_instant("2026-05-20T00:00:00Z")


def test_the_event_gives_title_tags_and_exclusivity_to_its_markets():
    records = records_of(gamma_event([gamma_market(tags=None, events=None), gamma_market(id="900002", events=None)]))
    event = only(records, EventRecord)
    assert event.native_id == "7001"
    assert event.neg_risk
    markets = [record for record in records if isinstance(record, MarketRecord)]
    assert [market.tags for market in markets] == [("Culture", "Asia"), ("Culture",)]
    assert all(market.neg_risk and market.event_title == "Lantern festival" for market in markets)


def test_a_clear_ending_is_a_resolution_dated_by_the_closing_time():
    resolution = only(records_of(resolved_market()), ResolutionRecord)
    assert resolution.payout is Payout.NO
    assert resolution.state is ResolutionState.FINAL
    assert resolution.resolved_at == resolution.known_at == parse_instant("2026-06-02T16:31:01Z")
    assert resolution.disputed


def test_the_scheduled_end_never_dates_a_resolution():
    resolution = only(records_of(resolved_market(closedTime=None, umaEndDate=None)), ResolutionRecord)
    assert resolution.resolved_at is None


@pytest.mark.parametrize(
    ("prices", "payout"),
    [
        ('["1", "0"]', Payout.YES),
        ('["0.9995", "0.0005"]', Payout.YES),
        ('["0.000000043", "0.999999957"]', Payout.NO),
        ('["0.5", "0.5"]', Payout.HALF),
        ('["0", "0"]', Payout.VOID),
        ([1, 0], Payout.YES),
    ],
)
def test_final_prices_that_say_how_it_ended(prices, payout):
    assert only(records_of(resolved_market(outcomePrices=prices)), ResolutionRecord).payout is payout


@pytest.mark.parametrize(
    "prices", ['["0.6", "0.4"]', '["0.9989999", "0.001"]', '["1"]', "not json", None, '["NaN", "0"]', '["1", "1"]']
)
def test_final_prices_that_do_not_are_set_aside_only_when_closed(prices):
    rejected = only(records_of(resolved_market(outcomePrices=prices)), Rejected)
    assert (rejected.kind, rejected.reason) == ("resolution", "resolution-unclear")
    assert json.loads(rejected.raw)["id"] == "900001"
    open_market = records_of(resolved_market(outcomePrices=prices, closed=False))
    assert not [record for record in open_market if isinstance(record, Rejected | ResolutionRecord)]


@pytest.mark.parametrize(
    ("status", "state"), [("proposed", ResolutionState.PROPOSED), ("disputed", ResolutionState.DISPUTED)]
)
def test_a_proposal_is_not_final(status, state):
    resolution = only(records_of(resolved_market(umaResolutionStatus=status)), ResolutionRecord)
    assert resolution.state is state
    assert resolution.resolved_at is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outcomes": '["A", "B", "C"]'}, "outcomes-not-two"),
        ({"outcomes": '["A"]'}, "outcomes-not-two"),
        ({"outcomes": "Yes,No"}, "outcomes-unreadable"),
        ({"outcomes": None, "clobTokenIds": None}, "outcomes-missing"),
        ({"marketType": "scalar"}, "scalar-market"),
        ({"question": ""}, "question-missing"),
        ({"question": None}, "question-missing"),
        ({"version": "v3"}, "version-unknown"),
        ({"id": None, "conditionId": "nonsense", "slug": "", "clobTokenIds": "[]"}, "id-missing"),
    ],
)
def test_what_is_no_binary_market_is_refused_with_a_reason(changes, reason):
    rejected = only(records_of(gamma_market(**changes)), Rejected)
    assert (rejected.kind, rejected.reason, rejected.where) == ("market", reason, "file")


def test_a_refused_child_keeps_its_own_payload():
    records = records_of(gamma_event([gamma_market(), gamma_market(id="900009", marketType="scalar")]))
    assert json.loads(only(records, Rejected).raw)["id"] == "900009"


def test_fields_outside_the_list_change_nothing():
    plain = records_of(gamma_market())
    assert records_of(gamma_market(surprise={"deep": [1, 2]}, winner="Yes", resolvedBy="0x1")) == plain


@pytest.mark.parametrize(
    ("changes", "fee"),
    [
        ({"feesEnabled": False}, FeeSchedule()),
        ({"feesEnabled": None, "feeType": None, "feeSchedule": None}, FeeSchedule()),
        ({"feeSchedule": '{"rate": "0.25", "exponent": "2"}'}, FeeSchedule(250_000, 2)),
        ({"feeSchedule": None}, FeeSchedule(50_000, 1)),
        ({"feeSchedule": None, "createdAt": "2026-03-29T00:00:00Z"}, FeeSchedule()),
        (
            {"feeSchedule": None, "feeType": "crypto_15_min", "createdAt": "2026-01-10T00:00:00Z"},
            FeeSchedule(250_000, 2),
        ),
        ({"feeSchedule": None, "feeType": "sports_fees_v2"}, FeeSchedule(30_000, 1)),
        (
            {"feeSchedule": None, "feeType": "sports_fees_v3", "createdAt": "2026-07-11T00:00:00Z"},
            FeeSchedule(50_000, 1),
        ),
        ({"feeSchedule": None, "feeType": "zero_fees"}, FeeSchedule(0, 1)),
        ({"feeSchedule": None, "feeType": None, "tags": [{"label": "Crypto"}]}, FeeSchedule(70_000, 1)),
        ({"feeSchedule": {"rate": -1, "exponent": 1}}, FeeSchedule(50_000, 1)),
    ],
)
def test_the_fee_is_the_markets_own_or_the_dated_table(changes, fee):
    assert only(records_of(gamma_market(**changes)), MarketRecord).fee == fee


@pytest.mark.parametrize("value", [None, "", "abc", -1, 0, 3, True, {}, "1e400"])
def test_an_absurd_tick_becomes_a_cent(value):
    assert only(records_of(gamma_market(orderPriceMinTickSize=value)), MarketRecord).tick_e4 == 100


def test_booleans_and_numbers_may_come_as_text():
    records = records_of(resolved_market(closed="true", negRisk="True", bestBid="0.6", orderMinSize="15"))
    assert only(records, ResolutionRecord).payout is Payout.NO
    assert only(records, MarketRecord).neg_risk
    assert only(records, MarketRecord).min_size_e6 == 15_000_000
    assert only(records, SnapshotRecord).bid_e4 == 6_000


@pytest.mark.parametrize("payload", [[], 5, "text", None, {}, {"markets": 5}, {"id": "1"}])
def test_what_is_no_market_is_no_exception(payload):
    assert all(isinstance(record, Rejected) for record in records_of(payload))
