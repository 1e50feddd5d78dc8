"""The data service: trades, positions, holders, tokens and resolutions, with cursors and refusals of its own kind."""

import json

import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.units import DAY, HOUR, SECOND
from edgeworth.sandbox.server.live import Phase


@pytest.fixture(scope="module")
def venue() -> Venue:
    made = Venue()
    made.clock.advance(5 * DAY + HOUR)
    return made


def busy_market(venue: Venue) -> int:
    moment = venue.live.moment(venue.now)
    return max(venue.live.open_markets(venue.now).tolist(), key=lambda market: int(moment.volume_24h_e6[market]))


def wallet(venue: Venue) -> str:
    return venue.sandbox.data.holdings.address(0)


def test_offset_is_refused_in_the_services_own_words(venue: Venue) -> None:
    response = venue.ask("/data/v2/trades?offset=0")
    body = json.loads(response.body)
    assert response.status == 400
    assert body["error"] == "offset is not supported"
    assert (body["code"], body["retryable"], body["parameter"]) == ("invalid_request", False, "offset")
    assert body["trace_id"] == response.header("x-trace-id")


def test_the_first_version_is_gone(venue: Venue) -> None:
    assert venue.ask("/data/trades").status == 404
    assert venue.ask("/data/v2/trades", method="POST").status == 405


def test_trades_of_a_market_are_its_prints_newest_first(venue: Venue) -> None:
    market = busy_market(venue)
    condition = venue.live.names.condition_id(market)
    rows = venue.json(f"/data/v2/trades?condition={condition}&limit=200&filter_amount=0")["data"]
    prints = venue.sandbox.exchange.trades(market, venue.now - 5 * DAY, venue.now)[::-1][: len(rows)]
    assert len(rows) == 200
    assert sorted((row["timestamp"], row["transaction_hash"]) for row in rows) == sorted(
        (row.at // SECOND, row.transaction) for row in prints
    )
    assert [row["timestamp"] for row in rows] == sorted((row["timestamp"] for row in rows), reverse=True)
    assert {row["condition_id"] for row in rows} == {condition}
    assert {row["token_id"] for row in rows} <= set(venue.live.names.tokens(market))


def test_pages_of_trades_join_even_while_new_ones_come() -> None:
    venue = Venue()
    venue.clock.advance(2 * DAY)
    condition = venue.live.names.condition_id(busy_market(venue))
    url = f"/data/v2/trades?conditionId={condition}&limit=50"
    whole = venue.json(url.replace("limit=50", "limit=150"))["data"]
    first = venue.json(url)
    venue.clock.advance(2 * HOUR)
    second = venue.json(f"{url}&cursor={first['pagination']['next_cursor']}")
    third = venue.json(f"{url}&cursor={second['pagination']['next_cursor']}")
    assert first["data"] + second["data"] + third["data"] == whole
    assert first["pagination"]["has_more"] is True


def test_trade_filters(venue: Venue) -> None:
    rows = venue.json("/data/v2/trades?filter_type=CASH&filterAmount=200&limit=20&side=BUY")["data"]
    assert rows
    assert all(row["size"] * row["price"] >= 200 and row["side"] == "BUY" for row in rows)
    both = venue.json("/data/v2/trades?taker_only=false&limit=40")["data"]
    sides: dict[str, set[str]] = {}
    for row in both[:-1]:
        sides.setdefault(row["transaction_hash"], set()).add(row["side"])
    assert any(len(found) == 2 for found in sides.values())
    assert venue.ask("/data/v2/trades?side=UP").status == 400
    assert venue.ask("/data/v2/trades?filter_type=WORDS").status == 400
    too_many = ",".join(f"0x{number:064x}" for number in range(21))
    assert venue.ask(f"/data/v2/trades?condition={too_many}").status == 400


def test_all_trades_carry_what_they_are_about(venue: Venue) -> None:
    for row in venue.json("/data/v2/trades?limit=30")["data"]:
        market, leg = venue.live.names.find_token(row["token_id"]) or (-1, -1)
        assert row["condition_id"] == venue.live.names.condition_id(market)
        assert row["outcome_index"] == leg
        assert row["outcome"] == venue.live.text(market).outcomes[leg]
        assert 0 < row["price"] < 1


def test_positions_of_a_wallet_and_of_a_market_agree(venue: Venue) -> None:
    user = wallet(venue)
    mine = [row for page in venue.pages(f"/data/v2/positions?user={user}&limit=100", "data", "cursor") for row in page]
    assert mine
    assert [row["current_value"] for row in mine] == sorted((row["current_value"] for row in mine), reverse=True)
    sample = mine[0]
    theirs = venue.json(f"/data/v2/positions?condition={sample['condition_id']}")["data"]
    assert sample in theirs
    assert sample["total_pnl"] == pytest.approx(sample["current_value"] - sample["entry_cost_usdc"], abs=1e-5)
    opened = venue.json(f"/data/v2/positions?user={user}&status=OPEN&limit=1000")["data"]
    assert {row["status"] for row in opened} == {"OPEN"}
    assert venue.json(f"/data/v2/value?user={user}")["data"]["value"] == pytest.approx(
        sum(row["current_value"] for row in mine), rel=1e-6
    )
    assert venue.ask("/data/v2/positions").status == 400
    assert venue.ask("/data/v2/positions?user=me").status == 400
    assert venue.ask(f"/data/v2/positions?user={user}&sort_by=LUCK").status == 400


def test_resolved_positions_can_be_redeemed_or_are_lost(venue: Venue) -> None:
    live = venue.live
    market = next(i for i in reversed(live.resolved_between(0, venue.now)) if live.world.final_e4[i] == 10_000)
    rows = venue.json(f"/data/v2/positions?condition={live.names.condition_id(market)}")["data"]
    for row in rows:
        assert row["status"] == ("REDEEMABLE" if row["outcome_index"] == 0 else "REDEEMABLE_LOST")
        assert row["current_price"] == (1.0 if row["outcome_index"] == 0 else 0.0)


def test_holders_by_outcome(venue: Venue) -> None:
    market = busy_market(venue)
    condition = venue.live.names.condition_id(market)
    found = venue.json(f"/data/v2/holders?condition={condition}&include_pnl=true")["data"]
    assert [row["token_id"] for row in found] == list(venue.live.names.tokens(market))
    amounts = [row["amount"] for row in found[0]["holders"]]
    assert amounts == sorted(amounts, reverse=True)
    assert "total_pnl" in found[0]["holders"][0]
    two = f"{condition},{venue.live.names.condition_id(venue.open_market())}"
    assert venue.ask(f"/data/v2/holders?condition={two}&include_pnl=true").status == 400


def test_figures_of_wallets(venue: Venue) -> None:
    user = wallet(venue)
    assert venue.json(f"/data/v2/user-stats?user={user}")["data"]["trades"] > 0
    assert venue.json(f"/data/v2/user-stats?user=0x{0:040x}")["data"] is None
    points = venue.json(f"/data/v2/user-pnl?user={user}&interval=1w&fidelity=1d")["data"]["points"]
    assert [row["timestamp"] % 86_400 for row in points] == [0] * 7
    assert venue.json(f"/data/v2/user-volume?user={user}")["data"]["trade_count"] >= 0
    board = venue.json("/data/v2/leaderboard?limit=50")["data"]
    assert [row["rank"] for row in board] == list(range(1, 51))
    own = venue.json(f"/data/v2/leaderboard?user={board[3]['user_id']}")["data"]
    assert (own["rank_pnl"], own["rank_volume"]) == (4, 0)
    winners = venue.json("/data/v2/biggest-winners?limit=5")["data"]
    assert [row["win_rank"] for row in winners] == [1, 2, 3, 4, 5]
    activity = venue.json(f"/data/v2/activity?user={user}")["data"]
    assert all(row["type"] == "TRADE" and row["proxy_wallet"] == user for row in activity)
    assert venue.ask("/data/v2/activity").status == 400


def test_figures_of_markets(venue: Venue) -> None:
    market = busy_market(venue)
    condition, event = venue.live.names.condition_id(market), venue.live.event_of(market)
    assert venue.json("/data/v2/oi")["data"][0]["condition_id"] == "GLOBAL"
    assert venue.json(f"/data/v2/oi?condition={condition}")["data"][0]["value"] > 0
    volume = venue.json(f"/data/v2/live-volume?event_id={venue.live.names.event_id(event)}")["data"]
    assert len(volume["conditions"]) == len(venue.live.members(event))
    assert volume["taker_volume_total"] == pytest.approx(
        sum(row["taker_volume"] for row in volume["conditions"]), abs=1e-4
    )


def test_tokens_are_silent_about_the_outcome_until_it_is_final() -> None:
    venue = Venue()
    live = venue.live
    market = next(i for i in live.resolved_between(venue.now, live.end) if live.world.final_e4[i] == 0)
    condition = live.names.condition_id(market)
    venue.clock.advance(int(live.resolved_at[market]) - 1 - venue.now)
    before = venue.json(f"/data/v2/tokens?condition={condition}")["data"]
    assert [(row["resolved"], row["final_price"], row["closed"]) for row in before] == [(False, None, False)] * 2
    assert venue.json(f"/data/v2/resolutions?condition={condition}")["data"][0]["payouts"] is None
    venue.clock.advance(1)
    after = venue.json(f"/data/v2/tokens?condition={condition}")["data"]
    assert [(row["resolved"], row["final_price"]) for row in after] == [(True, 0.0), (True, 1.0)]
    resolution = venue.json(f"/data/v2/resolutions?condition={condition}")["data"][0]
    assert (resolution["status"], resolution["price"], resolution["payouts"]) == ("resolved", "0", [0, 1_000_000])


def test_a_disputed_proposal_is_overturned() -> None:
    venue = Venue()
    live = venue.live
    market = next(
        i for i in range(live.count) if live.world.disputed[i] and live.world.final_e4[i] == 0
        and live.start < live.proposed_at[i] and live.resolved_at[i] < live.end
    )  # fmt: skip
    url = f"/data/v2/resolutions?question_id={live.names.question_id(market)}"
    seen = []
    for at in (live.proposed_at, live.disputed_at, live.reproposed_at, live.resolved_at):
        venue.clock.advance(int(at[market]) - venue.now)
        row = venue.json(url)["data"][0]
        seen.append((row["status"], row["proposed_price"], row["reproposed_price"], row["price"]))
    assert seen == [
        ("proposed", "1", "69", "69"),
        ("disputed", "1", "69", "69"),
        ("reproposed", "1", "0", "69"),
        ("resolved", "1", "0", "0"),
    ]


def test_half_and_void_payouts_are_not_taken_for_a_winner(venue: Venue) -> None:
    live = venue.live
    for payout, micro in ((5_000, [500_000, 500_000]), (-2, [0, 0])):
        found = [
            i
            for i in range(live.count)
            if live.world.final_e4[i] == payout and live.phase(i, venue.now) is Phase.RESOLVED
        ]
        if found:
            row = venue.json(f"/data/v2/resolutions?condition={live.names.condition_id(found[0])}")["data"][0]
            assert row["payouts"] == micro
    assert any(live.world.final_e4 == 5_000)
