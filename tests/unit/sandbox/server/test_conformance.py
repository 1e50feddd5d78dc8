"""What the simulated venue says, our own parsers of the real venue understand, and it means the same."""

import json
from decimal import Decimal

import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.records import EventRecord, MarketRecord, PriceBlock, Rejected, ResolutionRecord, SnapshotRecord
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, SECOND
from edgeworth.sandbox.fees import fee_schedule
from edgeworth.venues.polymarket.history import iter_token_history
from edgeworth.venues.polymarket.parse import Origin, parse_gamma

BOTH = "version=v1&version=v2"
ORIGIN = Origin("sandbox")


@pytest.fixture(scope="module")
def venue() -> Venue:
    made = Venue()
    made.clock.advance(3 * DAY)
    return made


def records(venue: Venue, url: str) -> list[object]:
    found: list[object] = []
    for page in venue.pages(url, "markets" if "/markets/" in url else "events"):
        found += parse_gamma(json.dumps({"markets" if "/markets/" in url else "events": page}).encode(), ORIGIN)
    return found


def test_every_open_market_parses_and_means_what_the_world_knows(venue: Venue) -> None:
    found = records(venue, f"/gamma/markets/keyset?limit=100&include_tag=true&{BOTH}")
    assert not [record for record in found if isinstance(record, Rejected)]
    markets = [record for record in found if isinstance(record, MarketRecord)]
    assert len(markets) > 130
    for record in markets:
        ids = dict(record.ids)
        market = venue.live.names.find_condition(ids["condition"])
        assert market is not None
        own, end = venue.live.text(market), int(venue.live.scheduled_end[market])
        assert record.question == own.question
        assert tuple(record.outcomes) == own.outcomes
        assert record.scheduled_end == (None if end == UNKNOWN_TIME else end)
        assert record.tick_e4 == venue.live.tick_e4(market, venue.now)
        assert record.fee == fee_schedule(venue.live.kind(market).category, int(venue.live.created_at[market]))
        assert record.neg_risk == venue.live.kind(market).neg_risk
        assert ids["token"] == venue.live.names.tokens(market)[0]


def test_snapshots_hold_the_worlds_prices(venue: Venue) -> None:
    found = records(venue, f"/gamma/markets/keyset?limit=100&{BOTH}")
    snapshots = [record for record in found if isinstance(record, SnapshotRecord)]
    assert snapshots
    for record in snapshots:
        market = venue.live.names.find_condition(dict(record.ids)["condition"])
        assert market is not None
        if venue.live.is_open(market, venue.now):
            bid, ask = venue.live.quote_e4(market, venue.now)
            assert (record.bid_e4 or 0, record.ask_e4 or 10_000) == (bid, ask)
        volume = venue.live.volume_e6(market, venue.now)
        assert (record.volume_e6, record.known_at) == (volume, venue.now // SECOND * SECOND)
        assert record.volume_24h_e6 == volume - venue.live.volume_e6(market, venue.now - DAY)


def test_resolved_markets_resolve_to_the_worlds_payouts(venue: Venue) -> None:
    found = records(venue, f"/gamma/markets/keyset?limit=100&closed=true&{BOTH}")
    resolutions = [record for record in found if isinstance(record, ResolutionRecord)]
    assert len(resolutions) > 500
    for record in resolutions:
        market = venue.live.names.find_condition(dict(record.ids).get("condition", ""))
        if market is not None:
            assert record.payout == Payout(int(venue.live.world.final_e4[market]))
    refused = {record.reason for record in found if isinstance(record, Rejected)}
    assert "scalar-market" in refused


def test_events_parse_with_their_markets(venue: Venue) -> None:
    found = records(venue, f"/gamma/events/keyset?limit=100&{BOTH}")
    assert not [record for record in found if isinstance(record, Rejected)]
    assert len([record for record in found if isinstance(record, EventRecord)]) > 40


def test_histories_parse(venue: Venue) -> None:
    market = venue.open_market()
    token = venue.live.names.tokens(market)[0]
    for url in (f"/clob/prices-history?market={token}&interval=1d&fidelity=60",
                f"/data/v2/prices-history?token_id={token}&interval=1d&bucket_seconds=3600"):  # fmt: skip
        blocks = list(iter_token_history([venue.ask(url).body], market_id=token))
        points = [
            point
            for block in blocks
            if isinstance(block, PriceBlock)
            for point in zip(block.t, block.price_e4, strict=True)
        ]
        assert len(points) >= 24
        for t, price in points:
            assert price == venue.live.fair_e4(market, int(t) // SECOND * SECOND)


def test_numbers_are_exact_decimals(venue: Venue) -> None:
    row = json.loads(
        venue.ask(f"/gamma/markets/{venue.live.names.market_id(venue.open_market())}").body, parse_float=Decimal
    )
    tick = row["orderPriceMinTickSize"]
    for name in ("bestBid", "bestAsk"):
        assert Decimal(row[name]) % Decimal(tick) == 0
