"""The world as of an instant: never ahead of the clock, moving with it, and the same whoever asks and how."""

import numpy as np
import pytest
from scipy.special import ndtr
from tests.unit.sandbox.server.venue import Venue
from tests.unit.sandbox.worlds import world

from edgeworth.core.panel import NEVER
from edgeworth.core.types import UNRESOLVED
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.sandbox.server.figures import figures
from edgeworth.sandbox.server.live import LIFE, LiveWorld, Phase, quote, quotes_e4


@pytest.fixture(scope="module")
def live() -> LiveWorld:
    return LiveWorld(world("live-small", 7))


def test_a_venue_starts_thirty_days_before_its_world_ends(live: LiveWorld) -> None:
    assert live.end - live.start == LIFE == 30 * DAY


def test_the_large_venue_is_fit_for_collecting() -> None:
    large = LiveWorld(world("live", 7))
    for day in (0, 10, 20, 29):
        assert len(large.open_markets(large.start + day * DAY)) >= 2_000
    later = large.listed_between(large.start, large.end)
    assert len(later) >= 300
    assert len(large.resolved_between(large.start, large.end)) >= 300
    assert {large.names.version(market) for market in later} == {"v1", "v2"}


def test_the_small_venue_has_every_kind_and_about_150_open_markets(live: LiveWorld) -> None:
    for day in range(0, 30, 5):
        assert 100 < len(live.open_markets(live.start + day * DAY)) < 220
    assert {live.kind(market).name for market in live.listed_between(live.start, live.end)} >= {
        "btc-above", "temperature", "tweets", "election", "nba", "btc-updown", "deadline",
    }  # fmt: skip


def test_phases_follow_each_other_at_the_worlds_own_instants(live: LiveWorld) -> None:
    disputed = int(np.flatnonzero(live.world.disputed)[0])
    steps = [
        (int(live.created_at[disputed]) - 1, Phase.UNLISTED, ()),
        (int(live.created_at[disputed]), Phase.OPEN, ()),
        (int(live.proposed_at[disputed]), Phase.PROPOSED, ("proposed",)),
        (int(live.disputed_at[disputed]), Phase.DISPUTED, ("proposed", "disputed")),
        (int(live.reproposed_at[disputed]), Phase.PROPOSED, ("proposed", "disputed", "proposed")),
        (int(live.resolved_at[disputed]), Phase.RESOLVED, ("proposed", "disputed", "proposed", "resolved")),
    ]
    for at, phase, history in steps:
        status = live.status(disputed, at)
        assert (status.phase, status.history) == (phase, history)
        assert (status.payout_e4 == UNRESOLVED) == (phase is not Phase.RESOLVED)
    assert live.status(disputed, steps[-1][0]).payout_e4 == live.world.final_e4[disputed]


def test_a_book_is_open_from_the_listing_until_the_first_proposal(live: LiveWorld) -> None:
    market = int(live.open_markets(live.start)[0])
    assert live.is_open(market, int(live.created_at[market]))
    assert not live.is_open(market, int(live.created_at[market]) - 1)
    assert live.is_open(market, int(live.proposed_at[market]) - 1)
    assert not live.is_open(market, int(live.proposed_at[market]))


def test_prices_are_the_last_recorded_ones_and_never_later_ones(live: LiveWorld) -> None:
    arrays = live.world.arrays
    for market in range(0, live.count, 97):
        first, stop = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
        for place in range(first, stop, max((stop - first) // 5, 1)):
            at = int(arrays.t[place])
            assert live.fair_e4(market, at) == arrays.price_e4[place]
            if place > first:
                assert live.fair_e4(market, at - 1) == arrays.price_e4[place - 1]


def test_asking_for_many_equals_asking_for_each(live: LiveWorld) -> None:
    markets = np.arange(0, live.count, 11)
    for now in (live.start, live.start + 3 * DAY + 12_345_678, live.end):
        fairs, volumes = live.fairs_e4(now, markets).tolist(), live.volumes_e6(now, markets).tolist()
        rows = figures(live, markets.tolist(), now)
        for market, fair, volume, row in zip(markets.tolist(), fairs, volumes, rows, strict=True):
            assert fair == live.fair_e4(market, now) == row.fair
            assert volume == live.volume_e6(market, now) == row.volume
            assert row.tick == live.tick_e4(market, now)
            assert row.open == live.is_open(market, now)
            if row.open:
                assert (row.bid, row.ask) == live.quote_e4(market, now)
            assert row.day == volume - live.volume_e6(market, now - DAY)


def test_quotes_lie_on_the_tick_around_the_price_and_never_cross(live: LiveWorld) -> None:
    rng = np.arange(5, 10_000, 5, dtype=np.int64)
    for half in (25, 50, 100, 400):
        for tick in (10, 25, 100):
            bids, asks = quotes_e4(rng, np.full_like(rng, half), np.full_like(rng, tick))
            for fair, bid, ask in zip(rng.tolist(), bids.tolist(), asks.tolist(), strict=True):
                assert (bid, ask) == quote(fair, half, tick)
                assert bid < ask
                assert bid == 0 or (bid % tick == 0 and bid <= fair)
                assert ask == 10_000 or (ask % tick == 0 and ask >= fair)


def test_volume_only_grows_while_the_book_is_open_and_says_nothing_of_the_end(live: LiveWorld) -> None:
    market = int(live.open_markets(live.start)[3])
    begun, stop = int(live.created_at[market]), int(live.proposed_at[market])
    path = [live.volume_e6(market, begun + step * HOUR) for step in range(400)]
    assert path == sorted(path)
    assert live.volume_e6(market, begun) == 0
    assert live.volume_e6(market, stop) == live.volume_e6(market, stop + 90 * DAY)


def test_the_tick_shrinks_once_and_for_good(live: LiveWorld) -> None:
    market = int(np.flatnonzero((live.tick_change_at != NEVER) & (live.tick_change_at > live.created_at))[0])
    at = int(live.tick_change_at[market])
    assert live.tick_e4(market, at - 1) == 100
    assert live.tick_e4(market, at) == live.tick_e4(market, at + 30 * DAY) == 10
    assert not 400 <= live.fair_e4(market, at) <= 9_600


def test_every_id_leads_back_to_its_market(live: LiveWorld) -> None:
    names = live.names
    for market in range(0, live.count, 31):
        assert names.find_market(names.market_id(market)) == market
        assert names.find_condition(names.condition_id(market)) == market
        assert names.find_slug(names.numbering.market_slug(market)) == market
        assert names.find_question(names.question_id(market)) == market
        assert [names.find_token(token) for token in names.tokens(market)] == [(market, 0), (market, 1)]
        event = live.event_of(market)
        assert names.find_event(names.event_id(event)) == event
        assert names.find_event_slug(names.numbering.event_slug(event)) == event
    ids = [names.market_id(market) for market in range(live.count)]
    conditions = [names.condition_id(market) for market in range(live.count)]
    assert len(set(ids)) == len(set(conditions)) == live.count


def test_second_protocol_ids_have_the_venues_layout(live: LiveWorld) -> None:
    names = live.names
    second = [market for market in range(live.count) if names.version(market) == "v2"]
    assert 0.02 < len(second) / live.count < 0.3
    for market in second:
        condition = names.condition_id(market)
        yes, no = (int(token) for token in names.tokens(market))
        assert condition.endswith("00")
        assert len(condition) == 66
        assert yes & (((1 << 64) - 1) << 40) == 0  # how a client tells a position id
        assert no == yes + 1
        assert yes.to_bytes(32)[:31].hex() == condition[2:64]
        assert yes.to_bytes(32)[0] == (2 if live.kind(market).neg_risk else 1)
        assert names.find_condition(condition[:64]) == market
    first = next(market for market in range(live.count) if names.version(market) == "v1")
    assert int(names.tokens(first)[0]) & (((1 << 64) - 1) << 40) != 0


def test_time_lists_and_resolves_markets() -> None:
    venue = Venue()
    before = set(venue.live.visible(venue.now).tolist())
    venue.clock.advance(10 * DAY)
    after = set(venue.live.visible(venue.now).tolist())
    assert before < after
    assert set(venue.live.listed_between(venue.now - 10 * DAY, venue.now)) == after - before
    venue.clock.advance(MINUTE)
    assert venue.live.resolved_between(venue.now - 10 * DAY, venue.now)


def test_crypto_prices_follow_the_spot_every_five_minutes(live: LiveWorld) -> None:
    spot, coin = live.world.spot, 1
    markets = [i for i in live.listed_between(live.start, live.end) if live.kind(i).name == "eth-above"]
    market = next(i for i in markets if 2_000 < live.fair_e4(i, int(live.created_at[i])) < 8_000)
    strike = float(live.text(market).label.replace(",", ""))
    end = (int(live.scheduled_end[market]) - spot.origin) // (5 * MINUTE)
    moved = set()
    for step in range(24):
        at = int(live.created_at[market]) + step * 5 * MINUTE
        place = (at - spot.origin) // (5 * MINUTE)
        left = spot.variance[coin, end] - spot.variance[coin, place]
        chance = ndtr((spot.log_price[coin, place] - np.log(strike) - left / 2) / np.sqrt(left))
        price = live.fair_e4(market, at + MINUTE)  # a poll is at most half a minute late
        assert price / 10_000 == pytest.approx(chance, abs=0.00251)
        moved.add(price)
    assert len(moved) > 3
