"""Accidents of trading: what the client is told, and what is true."""

import msgspec
import pytest
from tests.unit.sandbox.exchange.desks import Client, Desk, Person, live, open_market

from edgeworth.core.clock import ManualClock
from edgeworth.core.units import SECOND, Micros
from edgeworth.sandbox.exchange.ports import FixedFaults
from edgeworth.sandbox.exchange.venue import Exchange
from edgeworth.sandbox.protocol import Response
from edgeworth.sandbox.server.faults import CATALOGUE


def error(response: Response) -> tuple[int, str]:
    return response.status, msgspec.json.decode(response.body)["error"]


def opened(desk: Desk) -> int:
    return len(desk.client.json("GET", "/data/orders")["data"])


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("order-timeout-accepted", 500, "order timed out"),
        ("match-delayed", 400, "order match delayed due to market conditions"),
    ],
)
def test_an_accepted_order_looks_lost(fault: str, status: int, text: str) -> None:
    desk = Desk(FixedFaults({fault: {}}))
    body = desk.client.body(desk.yes, "BUY", desk.quote()[0], 10)
    assert error(desk.client.call("POST", "/order", body)) == (status, text)
    assert opened(desk) == 1
    desk.faults.on = {}
    assert "is invalid. Duplicated." in error(desk.client.call("POST", "/order", body))[1]


def test_the_connection_ends_after_the_order_was_accepted() -> None:
    desk = Desk(FixedFaults({"timeout-after-accept": {"share": 1.0}}))
    assert desk.client.place(desk.yes, "BUY", desk.quote()[0], 10).dropped
    assert opened(desk) == 1


def test_a_request_that_arrives_twice_answers_for_the_second_copy() -> None:
    desk = Desk(FixedFaults({"duplicate-resend": {}}))
    status, text = error(desk.client.place(desk.yes, "BUY", desk.quote()[0], 10))
    assert (status, text.endswith("is invalid. Duplicated.")) == (400, True)
    assert opened(desk) == 1


def test_a_share_of_orders_is_hit_and_always_the_same_ones() -> None:
    def run() -> list[int]:
        desk = Desk(FixedFaults({"order-timeout-accepted": {"share": 0.5}}))
        return [desk.client.place(desk.yes, "BUY", desk.quote()[0] - 500, 5).status for _ in range(12)]

    assert set(run()) == {200, 500}
    assert run() == run()


def test_a_batch_with_mixed_results() -> None:
    desk = Desk(FixedFaults({"batch-mixed": {}}))
    rows = [desk.client.body(desk.yes, "BUY", desk.quote()[0], 10) for _ in range(3)]
    answers = desk.client.json("POST", "/orders", rows)
    assert [(row["success"], bool(row["orderID"])) for row in answers] == [(True, True), (True, False), (False, False)]
    assert opened(desk) == 1


@pytest.mark.parametrize(("fault", "state"), [("delayed-matched", "MATCHED"), ("delayed-unmatched", "UNMATCHED")])
def test_a_delayed_order(fault: str, state: str) -> None:
    desk = Desk(FixedFaults({fault: {"seconds": 3}}))
    row = desk.client.placed(desk.yes, "BUY", desk.quote()[1], 10)
    assert (row["status"], row["makingAmount"]) == ("delayed", "")
    order = desk.exchange.floor.orders[row["orderID"]]
    desk.wait(2.9)
    assert order.state.value == "DELAYED"
    stuck = desk.client.json("DELETE", "/order", {"orderID": row["orderID"]})
    assert row["orderID"] in stuck["not_canceled"]
    desk.wait(0.2)
    assert order.state.value == state
    desk.wait(10)
    assert desk.client.money.shares((desk.market, 0)) == (10_000_000 if state == "MATCHED" else 0)
    desk.exchange.bank.check()


def test_a_restart_refuses_orders_then_takes_post_only_then_all() -> None:
    desk = Desk()
    desk.faults.on = {"engine-restart": {"restart": 90, "post_only": 120}}
    desk.faults._begin = desk.clock.now()
    bid = desk.quote()[0] - 500
    assert desk.client.place(desk.yes, "BUY", bid, 10).status == 425
    assert desk.client.call("DELETE", "/cancel-all").status == 425
    assert desk.get("/book", token_id=desk.yes).status == 200
    desk.wait(131)
    response = desk.client.place(desk.yes, "BUY", bid, 10)
    assert (response.status, response.header("retry-after")) == (503, "79")
    assert msgspec.json.decode(response.body) == {
        "error": "post-only mode: only post-only orders and cancels are allowed",
        "code": "post_only_mode",
        "retry_after_seconds": 79,
    }
    assert desk.client.placed(desk.yes, "BUY", bid, 10, post_only=True)["status"] == "live"
    rows = [desk.client.body(desk.yes, "BUY", bid, 10), desk.client.body(desk.yes, "BUY", bid, 10, post_only=True)]
    assert [row["success"] for row in desk.client.json("POST", "/orders", rows)] == [False, True]
    assert len(desk.client.json("DELETE", "/cancel-all")["canceled"]) == 2
    desk.wait(80)
    assert desk.client.place(desk.yes, "BUY", bid, 10).status == 200


@pytest.mark.parametrize(
    ("fault", "status", "fragment"),
    [
        ("post-only", 503, "post-only mode"),
        ("cancel-only", 503, "cancel-only"),
        ("trading-disabled", 503, "Trading is currently disabled"),
        ("geoblocked", 403, "Trading restricted in your region"),
        ("address-banned", 400, "address banned"),
        ("closed-only", 400, "address in closed only mode"),
        ("order-version-mismatch", 400, "order_version_mismatch"),
        ("deposit-wallet-required", 400, "please use the deposit wallet flow"),
        ("hydration", 400, "the market is not yet ready to process new orders"),
    ],
)
def test_refusals_by_name(fault: str, status: int, fragment: str) -> None:
    desk = Desk(FixedFaults({fault: {}}))
    seen = error(desk.client.place(desk.yes, "BUY", desk.quote()[0], 10))
    assert seen[0] == status
    assert fragment in seen[1]
    assert opened(desk) == 0


def test_a_closed_only_account_may_still_sell() -> None:
    desk = Desk()
    bid, ask = desk.quote()
    desk.client.placed(desk.yes, "BUY", ask, 10)
    desk.wait(5)
    desk.faults.on = {"closed-only": {}}
    assert desk.client.json("GET", "/auth/ban-status/closed-only") == {"closed_only": True}
    assert desk.client.placed(desk.yes, "SELL", bid, 10)["status"] == "matched"


def test_a_signature_for_an_older_protocol_is_named_as_such() -> None:
    from edgeworth.sandbox.exchange import eip712

    desk = Desk()
    body = desk.client.body(desk.yes, "BUY", desk.quote()[0], 10)
    order = body["order"]
    fields = eip712.OrderFields(
        order["salt"], order["maker"], order["signer"], int(order["tokenId"]), int(order["makerAmount"]),
        int(order["takerAmount"]), 0, 0, int(order["timestamp"]), order["metadata"], order["builder"],
    )  # fmt: skip
    old = eip712.Domain("1", eip712.EXCHANGE)
    order["signature"] = desk.client.person.sign(eip712.order_digest(fields, old))
    assert error(desk.client.call("POST", "/order", body)) == (400, "order_version_mismatch")


def test_heartbeats_are_refused_with_another_id_while_the_fault_is_on() -> None:
    desk = Desk()
    first = desk.client.json("POST", "/v1/heartbeats", {"heartbeat_id": ""})["heartbeat_id"]
    desk.faults.on = {"heartbeat-mismatch": {}}
    refused = desk.client.call("POST", "/v1/heartbeats", {"heartbeat_id": first})
    body = msgspec.json.decode(refused.body)
    assert (refused.status, body["error_msg"]) == (400, "Invalid Heartbeat ID")
    assert desk.client.call("POST", "/v1/heartbeats", {"heartbeat_id": body["heartbeat_id"]}).status == 200


def test_a_stale_balance_stays_until_the_venue_is_told_to_look() -> None:
    desk = Desk(FixedFaults({"balance-stale": {}}))
    query = {"asset_type": "COLLATERAL", "signature_type": "0"}
    before = desk.client.json("GET", "/balance-allowance", **query)["balance"]
    desk.client.placed(desk.yes, "BUY", desk.quote()[1], 10)
    desk.wait(10)
    assert desk.client.json("GET", "/balance-allowance", **query)["balance"] == before
    desk.client.call("GET", "/balance-allowance/update", **query)
    assert int(desk.client.json("GET", "/balance-allowance", **query)["balance"]) < int(before)


def test_every_fault_the_exchange_asks_for_is_in_the_catalogue() -> None:
    asked: set[str] = set()

    class Spy(FixedFaults):
        def active(self, name: str):  # type: ignore[no-untyped-def]
            asked.add(name)
            return super().active(name)

    desk = Desk(Spy())
    session = desk.exchange.connect("market")
    session.receive('{"type":"market","assets_ids":["' + desk.yes + '"]}')
    session.outgoing()
    desk.client.placed(desk.yes, "BUY", desk.quote()[1], 10)
    rows = [desk.client.body(desk.yes, "BUY", desk.quote()[0], 10)]
    desk.client.json("POST", "/orders", rows)
    for path in ("/balance-allowance", "/auth/ban-status/closed-only"):
        desk.client.call("GET", path, asset_type="COLLATERAL")
    desk.client.json("POST", "/v1/heartbeats", {"heartbeat_id": ""})
    desk.get("/time")
    desk.get("/book", token_id=desk.yes)
    assert len(asked) > 25
    assert asked <= set(CATALOGUE)


def test_equal_requests_at_equal_instants_give_equal_bytes() -> None:
    def run() -> bytes:
        made = live()
        market, at = open_market(made)
        clock = ManualClock(Micros(at))
        exchange = Exchange(made, clock)
        client = Client(exchange, clock, Person(5))
        seen = [client.login().body]
        socket, user = exchange.connect("market"), exchange.connect("user")
        yes, no = made.names.tokens(market)
        socket.receive('{"type":"market","assets_ids":["' + yes + '","' + no + '"],"custom_feature_enabled":true}')
        user.receive(msgspec.json.encode({"type": "user", "auth": client.keys}).decode())
        for turn in range(30):
            clock.advance(47 * SECOND)
            shown = exchange.book(market)
            assert shown is not None
            price = shown.asks[0].price_e4 if turn % 2 else shown.bids[0].price_e4
            seen.append(
                client.place((yes, no)[turn % 3 == 0], "BUY", price if turn % 3 else 10_000 - price, 10 + turn).body
            )
            if turn % 7 == 6:
                seen.append(client.call("DELETE", "/cancel-all").body)
            seen += [client.call("GET", path).body for path in ("/data/orders", "/data/trades")]
            seen += [frame.encode() for session in (socket, user) for frame in session.outgoing()]
        return b"\n".join(seen)

    one = run()
    assert one == run()
    assert len(one) > 100_000


def test_a_signer_above_its_rate_is_warned_and_under_the_fault_refused() -> None:
    desk = Desk()
    bid = desk.quote()[0] - 500
    rows = [desk.client.body(desk.yes, "BUY", bid, 5) for _ in range(15)]
    for left in (45, 30, 15, 0):
        response = desk.client.call("POST", "/orders", rows)
        assert response.header("poly-ratelimit-remaining") == str(left)
        assert response.header("poly-ratelimit-tier") == "Standard"
        assert response.header("poly-ratelimit-warning") == ""
    over = desk.client.call("POST", "/orders", rows)
    assert (over.status, over.header("poly-ratelimit-warning")) == (200, "true")
    desk.faults.on = {"signer-limited": {}}
    refused = desk.client.call("POST", "/orders", rows)
    assert (refused.status, refused.header("retry-after")) == (429, "1")
    assert desk.client.call("DELETE", "/cancel-all").status == 200  # cancels have a bucket of their own
    desk.wait(1)
    assert desk.client.call("POST", "/orders", rows[:1]).header("poly-ratelimit-remaining") == "39"
