"""Both sockets: what is sent when, and that a follower of the stream holds the venue's book."""

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sandbox.exchange.desks import Desk

from edgeworth.core.units import MINUTE
from edgeworth.sandbox.exchange.ports import FixedFaults
from edgeworth.sandbox.protocol import Session


def drain(session: Session) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for text in session.outgoing():
        value = json.loads(text) if text != "PONG" else {"event_type": "PONG"}
        events += value if isinstance(value, list) else [value]
    return events


def subscribe(desk: Desk, *tokens: str, custom: bool = False) -> Session:
    session = desk.exchange.connect("market")
    frame = {"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": custom}
    session.receive(json.dumps(frame))
    return session


def login(desk: Desk, number: int = 0, **frame: Any) -> Session:
    session = desk.exchange.connect("user")
    keys = desk.clients[number].keys
    session.receive(json.dumps({"type": "user", "auth": keys, **frame}))
    return session


class Follower:
    """A client's copy of one token's book, kept by snapshots and level changes alone."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.sides: dict[str, dict[Decimal, Decimal]] = {"BUY": {}, "SELL": {}}

    def apply(self, event: dict[str, Any]) -> None:
        if event["event_type"] == "book" and event["asset_id"] == self.token:
            for side, name in (("BUY", "bids"), ("SELL", "asks")):
                self.sides[side] = {Decimal(row["price"]): Decimal(row["size"]) for row in event[name]}
        for row in event.get("price_changes", ()):
            if row["asset_id"] == self.token:
                levels = self.sides[row["side"]]
                levels[Decimal(row["price"])] = Decimal(row["size"])
                if Decimal(row["size"]) == 0:
                    del levels[Decimal(row["price"])]

    def same(self, desk: Desk) -> bool:
        book = json.loads(desk.get("/book", token_id=self.token).body)
        pairs = (("BUY", "bids"), ("SELL", "asks"))
        return all(
            self.sides[side] == {Decimal(row["price"]): Decimal(row["size"]) for row in book[name]}
            for side, name in pairs
        )


def test_the_first_frame_is_an_array_of_books_and_pings_are_answered() -> None:
    desk = Desk()
    session = subscribe(desk, desk.yes, desk.no, "77")
    frames = session.outgoing()
    assert len(frames) == 1
    books = json.loads(frames[0])
    assert [(row["event_type"], row["asset_id"]) for row in books] == [("book", desk.yes), ("book", desk.no)]
    session.receive("PING")
    session.receive("not json")
    assert session.outgoing() == ["PONG"]


def test_a_follower_holds_the_venues_book_through_trades_and_reconnects() -> None:
    desk = Desk()
    session, yes, no = subscribe(desk, desk.yes, desk.no), Follower(desk.yes), Follower(desk.no)
    late: Session | None = None
    after = Follower(desk.yes)
    for turn in range(40):
        due = session.next_due()
        assert due is not None
        desk.clock.advance(max(due - desk.clock.now(), 0))
        if turn % 9 == 4:
            bid, ask = desk.quote()
            desk.client.placed(desk.yes, "BUY", ask, 30 + turn)
            desk.client.placed(desk.no, "BUY", 10_000 - bid - 100, 20)
        if turn == 20:
            late = subscribe(desk, desk.yes)
        for event in drain(session):
            yes.apply(event)
            no.apply(event)
        for event in drain(late) if late else ():
            after.apply(event)
        assert yes.same(desk)
        assert no.same(desk)
    assert after.same(desk)


def test_nothing_is_due_before_its_time_and_everything_afterwards() -> None:
    desk = Desk()
    session = subscribe(desk, desk.yes)
    drain(session)
    due = session.next_due()
    assert due is not None
    assert desk.clock.now() < due <= desk.clock.now() + MINUTE
    desk.clock.advance(due - desk.clock.now() - 1)
    assert session.outgoing() == []
    desk.clock.advance(1)
    assert drain(session)


def test_level_changes_name_both_tokens_and_trades_are_followed_by_a_book() -> None:
    desk = Desk()
    session = subscribe(desk, desk.yes, custom=True)
    drain(session)
    bid, ask = desk.quote()
    desk.client.placed(desk.yes, "BUY", bid + 100, 10)
    change, best = drain(session)
    assert [row["asset_id"] for row in change["price_changes"]] == [desk.yes, desk.no]
    first, second = change["price_changes"]
    assert (first["side"], second["side"]) == ("BUY", "SELL")
    assert Decimal(first["price"]) + Decimal(second["price"]) == 1
    assert Decimal(first["best_bid"]) == Decimal(bid + 100) / 10_000
    assert (best["event_type"], Decimal(best["spread"])) == ("best_bid_ask", Decimal(ask - bid - 100) / 10_000)
    desk.client.placed(desk.yes, "BUY", ask, 10)
    kinds = [row["event_type"] for row in drain(session)]
    assert kinds == ["last_trade_price", "book", "price_change"]


def test_unsubscribing_ends_it_and_the_book_sleeps_again() -> None:
    desk = Desk()
    session = subscribe(desk, desk.yes)
    session.receive(json.dumps({"operation": "unsubscribe", "assets_ids": [desk.yes]}))
    drain(session)
    assert session.next_due() is None
    desk.wait(180)
    assert drain(session) == []
    assert not desk.exchange.floor.pits


def test_above_five_hundred_assets_snapshots_go_missing() -> None:
    desk = Desk()
    desk.live.names.find_token(desk.yes)
    session = desk.exchange.connect("market")
    many = [token for market in range(desk.live.count) for token in desk.live.names.tokens(market)]
    for place, token in enumerate(many[:500] + [f"{n}" for n in range(9)]):
        if token != desk.yes:
            session._assets.setdefault(token if place < len(many) else f"x{place}", (0, 0))  # type: ignore[attr-defined]
    while len(session._assets) < 500:  # type: ignore[attr-defined]
        session._assets[f"filler{len(session._assets)}"] = (0, 0)  # type: ignore[attr-defined]
    session.receive(json.dumps({"operation": "subscribe", "assets_ids": [desk.yes]}))
    assert drain(session) == []
    desk.wait(90)
    assert drain(session)  # changes come nevertheless


def test_a_new_tick_is_announced_and_followed_by_a_book() -> None:
    desk = Desk()
    session = subscribe(desk, desk.yes)
    drain(session)
    desk.faults.on = {"tick-change": {"tick_e4": 10}}
    events = drain(session)
    assert [row["event_type"] for row in events] == ["tick_size_change", "book"]
    assert (events[0]["old_tick_size"], events[0]["new_tick_size"], events[1]["tick_size"]) == (
        "0.01",
        "0.001",
        "0.001",
    )
    assert desk.client.placed(desk.yes, "BUY", desk.quote()[0] + 10, 10)["status"] == "live"


def test_a_coarser_tick_refuses_an_order_made_for_the_old_one() -> None:
    desk = Desk()
    body = desk.client.body(desk.yes, "BUY", desk.quote()[0] + 100, 10)
    desk.faults.on = {"tick-change": {"tick_e4": 1000}}
    assert b"breaks minimum tick size rule: 0.1" in desk.client.call("POST", "/order", body).body


def test_news_of_markets_come_only_when_asked_for() -> None:
    desk = Desk()
    plain, custom = subscribe(desk, desk.yes), subscribe(desk, desk.yes, custom=True)
    desk.clock.advance(int(desk.live.resolved_at[desk.market]) - desk.clock.now())
    events = drain(custom)
    ended = [row for row in events if row["event_type"] == "market_resolved"]
    assert [row["market"] for row in ended] == [desk.live.names.condition_id(desk.market)]
    assert ended[0]["winning_asset_id"] in {desk.yes, desk.no}
    upcoming = sorted({int(at) for at in desk.live.created_at if at > desk.clock.now()})[:2]
    desk.clock.advance(upcoming[-1] - desk.clock.now())
    listed = [row for row in drain(custom) if row["event_type"] == "new_market"]
    assert sorted({int(row["timestamp"]) * 1000 for row in listed}) == [at // 1000 * 1000 for at in upcoming]
    assert all(len(row["assets_ids"]) == 2 and row["condition_id"] == row["market"] for row in listed)
    assert not {"new_market", "market_resolved"} & {row["event_type"] for row in drain(plain)}


def test_a_subscription_made_before_the_listing_wakes_up() -> None:
    desk = Desk()
    fresh = min(
        (m for m in range(desk.live.count) if desk.live.created_at[m] > desk.clock.now()),
        key=lambda m: desk.live.created_at[m],
    )
    token = desk.live.names.tokens(fresh)[0]
    session = subscribe(desk, token)
    assert drain(session) == []
    assert session.next_due() == desk.live.created_at[fresh]
    other = subscribe(desk, token)
    other.receive(json.dumps({"operation": "unsubscribe", "assets_ids": [token]}))
    assert other.next_due() is None
    desk.clock.advance(int(desk.live.created_at[fresh]) - desk.clock.now())
    assert "book" in {row["event_type"] for row in drain(session)}


def test_the_user_channel_tells_orders_and_every_step_of_trades() -> None:
    desk = Desk(people=2)
    mine, other = login(desk), login(desk, 1)
    bid, ask = desk.quote()
    name = desk.client.placed(desk.yes, "BUY", bid, 50)["orderID"]
    desk.client.json("DELETE", "/order", {"orderID": name})
    events = drain(mine)
    assert [(row["type"], row["status"], row["size_matched"]) for row in events] == [
        ("PLACEMENT", "LIVE", "0"),
        ("CANCELLATION", "CANCELED", "0"),
    ]
    assert drain(other) == []
    desk.client.placed(desk.yes, "BUY", ask, 10)
    desk.clock.advance(10 * 1_000_000)
    steps = [row for row in drain(mine) if row["event_type"] == "trade"]
    assert [row["status"] for row in steps] == ["MATCHED", "MINED", "CONFIRMED"]
    assert len({row["id"] for row in steps}) == 1
    assert [int(row["timestamp"]) - int(steps[0]["timestamp"]) for row in steps] == [0, 2000, 5000]


def test_a_killed_order_is_told_with_empty_numbers() -> None:
    desk = Desk()
    session = login(desk)
    desk.client.refused(desk.yes, "BUY", desk.quote()[1], kind="FOK", budget=9_000)
    (event,) = drain(session)
    assert (event["type"], event["size_matched"], event["created_at"], event["outcome"]) == ("CANCELLATION", "", "", "")
    assert event["status"] == "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."


def test_makers_hear_of_their_fills_and_markets_can_be_chosen() -> None:
    desk = Desk(people=2)
    condition = desk.live.names.condition_id(desk.market)
    here, elsewhere = login(desk, markets=[condition]), login(desk, markets=["0xother"])
    price = desk.quote()[0] + 100
    resting = desk.client.placed(desk.yes, "BUY", price, 20)["orderID"]
    desk.clients[1].placed(desk.no, "BUY", 10_000 - price, 8)
    events = drain(here)
    assert drain(elsewhere) == []
    assert [(row["event_type"], row.get("type")) for row in events] == [
        ("order", "PLACEMENT"),
        ("order", "UPDATE"),
        ("trade", "TRADE"),
    ]
    assert (events[1]["id"], events[1]["size_matched"]) == (resting, "8")
    assert events[2]["trader_side"] == "MAKER"
    elsewhere.receive(json.dumps({"operation": "subscribe", "markets": [condition]}))
    desk.client.json("DELETE", "/cancel-all")
    assert [row["type"] for row in drain(elsewhere)] == ["CANCELLATION"]


@pytest.mark.parametrize("auth", [None, {"apiKey": "x", "secret": "y", "passphrase": "z"}, "text"])
def test_bad_credentials_close_the_socket_without_a_word(auth: Any) -> None:
    desk = Desk()
    session = desk.exchange.connect("user")
    session.receive(json.dumps({"type": "user", "auth": auth}))
    assert session.outgoing() == []
    assert session.closed == (1006, "")


def test_unknown_channels_do_not_exist() -> None:
    with pytest.raises(ValueError, match="no channel"):
        Desk().exchange.connect("sports")


# accidents


def test_a_silent_socket_still_answers_pings() -> None:
    desk = Desk()
    session = subscribe(desk, desk.yes)
    drain(session)
    desk.faults.on = {"ws-silent": {"seconds": 120}}
    desk.clock.advance(5 * MINUTE)
    session.receive("PING")
    assert session.outgoing() == ["PONG"]
    desk.faults.on = {}
    desk.clock.advance(MINUTE)
    assert drain(session)


def test_a_socket_is_closed_without_a_reason() -> None:
    desk = Desk()
    session = subscribe(desk, desk.yes)
    desk.faults = desk.exchange._faults = FixedFaults()  # type: ignore[assignment]
    session._faults = FixedFaults({"ws-close": {"seconds": 30}}, begin=desk.clock.now())  # type: ignore[attr-defined]
    desk.clock.advance(29 * 1_000_000)
    session.outgoing()
    assert session.closed is None
    assert session.next_due() == desk.clock.now() + 1_000_000
    desk.clock.advance(1_000_000)
    session.outgoing()
    assert session.closed == (1006, "")
    assert session.next_due() is None


def test_new_sockets_are_refused() -> None:
    desk = Desk(FixedFaults({"ws-refused": {}}))
    assert desk.exchange.connect("market").closed == (1006, "")


def test_arrays_duplicates_strangers_and_empty_numbers() -> None:
    desk = Desk()
    session, mine = subscribe(desk, desk.yes), login(desk)
    drain(session)
    names = ("ws-arrays", "ws-duplicate-trades", "ws-unknown-event", "ws-empty-numbers")
    desk.faults.on = {name: {} for name in names}
    ask = desk.quote()[1]
    for _ in range(3):
        desk.client.placed(desk.yes, "BUY", ask, 10)
    values = [json.loads(text) for text in session.outgoing()]
    assert {type(value) for value in values} == {list, dict}
    events = [row for value in values for row in (value if isinstance(value, list) else [value])]
    trades = [row for row in events if row["event_type"] == "last_trade_price"]
    assert len(trades) == 6
    assert all(row["size"] == "" for row in trades)
    assert "market_mood" in {row["event_type"] for row in events}
    changes = [row for row in events if row["event_type"] == "price_change"]
    assert {row["best_bid"] for event in changes for row in event["price_changes"]} == {""}
    own = [row for row in drain(mine) if row["event_type"] == "trade"]
    assert len(own) == 6
    assert len({row["id"] for row in own}) == 3


def test_some_snapshots_go_missing() -> None:
    desk = Desk(FixedFaults({"ws-missing-snapshots": {"share": 1.0}}))
    assert drain(subscribe(desk, desk.yes)) == []


def test_the_worlds_own_tick_change_reaches_whoever_watches() -> None:
    desk = Desk()
    made = desk.live
    market = next(
        m
        for m in range(made.count)
        if made.created_at[m] + 10 * MINUTE < made.tick_change_at[m] < made.proposed_at[m] - 10 * MINUTE
        and made.created_at[m] > desk.clock.now()
    )
    at = int(made.tick_change_at[market])
    desk.clock.advance(at - 30_000_000 - desk.clock.now())
    token = made.names.tokens(market)[0]
    follower, session = Follower(token), subscribe(desk, token)
    price = desk.exchange.book(market)
    assert price is not None
    desk.client.placed(token, "BUY", 400, 10)
    before = drain(session)
    desk.clock.advance(60_000_000)
    events = drain(session)
    (change,) = [row for row in events if row["event_type"] == "tick_size_change"]
    assert (change["new_tick_size"], int(change["timestamp"])) == ("0.001", at // 1000)
    assert events[events.index(change) + 1]["tick_size"] == "0.001"
    for event in [*before, *events]:
        follower.apply(event)
    assert follower.same(desk)
