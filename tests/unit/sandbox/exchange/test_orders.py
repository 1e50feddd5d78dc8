"""The order desk: every refusal in its place, and what each kind of order does."""

from typing import Any

import msgspec
import pytest
from tests.unit.sandbox.exchange.desks import Desk

from edgeworth.core.units import MINUTE, SECOND
from edgeworth.sandbox.exchange.ports import FixedFaults


def status_of(desk: Desk, name: str) -> str:
    return desk.exchange.floor.orders[name].state.value


def test_login_creates_once_and_derives_afterwards() -> None:
    desk = Desk()
    first = desk.client.keys
    assert desk.client.login().status == 400
    assert desk.client.login("GET", "/auth/derive-api-key").status == 200
    assert desk.client.keys == first
    assert desk.client.json("GET", "/auth/api-keys") == {"apiKeys": [first["apiKey"]]}


def test_a_login_signed_by_another_key_is_refused() -> None:
    desk = Desk(people=2)
    one, two = desk.clients
    one.person, two.person = two.person, one.person
    stolen = one.login("GET", "/auth/derive-api-key")
    assert stolen.status == 200  # it is that person's own login
    two.person.address = one.person.address
    response = two.login("GET", "/auth/derive-api-key")
    assert response.status == 401
    assert msgspec.json.decode(response.body) == {"error": "Invalid L1 Request headers"}


def test_requests_must_be_signed_over_the_exact_bytes() -> None:
    desk = Desk()
    keys = desk.client.keys
    for name in ("secret", "passphrase", "apiKey"):
        desk.client.keys = keys | {name: "AAAA"}
        response = desk.client.call("GET", "/data/orders")
        assert response.status == 401
        assert msgspec.json.decode(response.body) == {"error": "Unauthorized/Invalid api key"}
    desk.client.keys = keys
    assert desk.get("/data/orders").status == 401
    assert desk.client.call("GET", "/data/orders").status == 200


def test_timestamps_count_only_while_the_fault_is_on() -> None:
    desk = Desk(FixedFaults({"strict-timestamps": {"window_s": 30}}))
    assert desk.client.call("GET", "/data/orders").status == 200
    late = desk.client.stamp
    desk.client.stamp = lambda: str(int(late()) - 31)  # type: ignore[method-assign]
    assert desk.client.call("GET", "/data/orders").status == 401
    desk.faults.on.clear()
    assert desk.client.call("GET", "/data/orders").status == 200


def test_refusals_come_in_the_venues_order() -> None:
    """Each order has one more mistake repaired than the one before; the first remaining one is named."""
    desk = Desk(people=2)
    client, (bid, ask) = desk.client, desk.quote()
    soon = client.clock.now() // SECOND
    bad: dict[str, Any] = {"shares": 4, "kind": "GTD", "expiration": soon + 100}
    owner = client.body(desk.yes, "BUY", bid, 10) | {"owner": desk.clients[1].keys["apiKey"]}
    assert b"owner has to be the owner" in client.call("POST", "/order", owner).body
    other = desk.clients[1].person.address
    assert "signer address" in client.refused(desk.yes, "BUY", bid + 30, signer=other, **bad)
    assert client.refused(desk.yes, "BUY", bid + 30, signature="0x" + "11" * 65, **bad) == "invalid signature"
    desk.faults.on["closed-only"] = {}
    assert "closed only mode" in client.refused(desk.yes, "BUY", bid + 30, **bad)
    desk.faults.on.clear()
    assert "breaks minimum tick size rule: 0.01" in client.refused(desk.yes, "BUY", bid + 30, **bad)
    assert "lower than the minimum: 5" in client.refused(desk.yes, "BUY", bid, **bad)
    assert client.refused(desk.yes, "BUY", bid, 10, kind="GTD", expiration=soon + 100) == "invalid expiration"
    assert "not enough balance / allowance" in client.refused(desk.yes, "BUY", ask, 10**6, post_only=True)
    assert client.refused(desk.yes, "BUY", ask, 10, post_only=True) == "invalid post-only order: order crosses book"
    body = client.body(desk.yes, "BUY", bid, 10)
    assert client.call("POST", "/order", body).status == 200
    again = client.call("POST", "/order", body)
    assert again.status == 400
    assert msgspec.json.decode(again.body)["error"].endswith("is invalid. Duplicated.")


@pytest.mark.parametrize(
    "change",
    [
        {"salt": "1"},
        {"maker": "0x12"},
        {"makerAmount": 52},
        {"makerAmount": "-1"},
        {"makerAmount": "0"},
        {"side": "LONG"},
        {"signatureType": 7},
        {"tokenId": "x"},
        {"builder": "0x00"},
    ],
)
def test_payloads_that_are_no_order(change: dict[str, Any]) -> None:
    desk = Desk()
    body = desk.client.body(desk.yes, "BUY", desk.quote()[0], 10)
    body["order"] |= change
    response = desk.client.call("POST", "/order", body)
    assert (response.status, response.body) == (400, b'{"error":"Invalid order payload"}')


def test_unknown_and_closed_markets_take_no_orders() -> None:
    desk = Desk()
    assert desk.client.refused("1" + desk.yes[1:], "BUY", 5000, 10) == "market not found"
    body = desk.client.body(desk.yes, "BUY", 5000, 10)
    desk.clock.advance(int(desk.live.proposed_at[desk.market]) - desk.clock.now())
    response = desk.client.call("POST", "/order", body)
    assert response.status == 404
    assert desk.get("/book", token_id=desk.yes).status == 404


def test_a_market_listed_a_moment_ago_is_not_ready() -> None:
    desk = Desk()
    desk.clock = desk.client.clock
    fresh = next(m for m in range(desk.live.count) if desk.live.created_at[m] > desk.clock.now())
    desk.clock.advance(int(desk.live.created_at[fresh]) - desk.clock.now() + 30 * SECOND)
    token = desk.live.names.tokens(fresh)[0]
    text = desk.client.refused(token, "BUY", 5000, 10)
    assert text == "the market is not yet ready to process new orders"


def test_a_limit_order_rests_reserves_and_is_cancelled() -> None:
    desk = Desk()
    client, (bid, _) = desk.client, desk.quote()
    row = client.placed(desk.yes, "BUY", bid, 100)
    assert (row["status"], row["takingAmount"], row["success"]) == ("live", "", True)
    assert client.money.reserved_e6 == 100 * bid * 100
    assert client.json("GET", f"/data/order/{row['orderID']}")["size_matched"] == "0"
    assert client.json("DELETE", "/order", {"orderID": row["orderID"]}) == {
        "canceled": [row["orderID"]],
        "not_canceled": {},
    }
    assert client.money.reserved_e6 == 0
    assert client.call("GET", f"/data/order/{row['orderID']}").status == 404
    again = client.json("DELETE", "/orders", [row["orderID"], "0xabc"])
    assert again["not_canceled"] == {row["orderID"]: "already canceled or matched", "0xabc": "order not found"}


def test_nobody_cancels_anothers_order() -> None:
    desk = Desk(people=2)
    row = desk.client.placed(desk.yes, "BUY", desk.quote()[0], 10)
    assert desk.clients[1].json("DELETE", "/order", {"orderID": row["orderID"]})["canceled"] == []
    assert desk.clients[1].json("GET", "/data/orders")["data"] == []
    assert status_of(desk, row["orderID"]) == "LIVE"


def test_cancels_of_a_market_and_of_everything() -> None:
    desk = Desk()
    client, (bid, ask) = desk.client, desk.quote()
    yes = client.placed(desk.yes, "BUY", bid, 10)["orderID"]
    no = client.placed(desk.no, "BUY", 10_000 - ask, 10)["orderID"]
    condition = desk.live.names.condition_id(desk.market)
    assert client.json("DELETE", "/cancel-market-orders", {"market": condition, "asset_id": desk.no})["canceled"] == [
        no
    ]
    assert client.json("DELETE", "/cancel-all")["canceled"] == [yes]
    assert client.call("DELETE", "/cancel-market-orders", {}).status == 400
    assert client.call("DELETE", "/orders", ["0x1"] * 1001).status == 400


def test_a_good_till_date_order_is_dropped_a_minute_early() -> None:
    desk = Desk()
    client, (bid, _) = desk.client, desk.quote()
    end = client.clock.now() // SECOND + 200
    name = client.placed(desk.yes, "BUY", bid - 500, 10, kind="GTD", expiration=end)["orderID"]
    assert client.json("GET", "/data/orders")["data"][0]["expiration"] == str(end)
    client.clock.advance(end * SECOND - 60 * SECOND - client.clock.now() - 1)
    assert [row["id"] for row in client.json("GET", "/data/orders")["data"]] == [name]
    client.clock.advance(1)
    assert client.json("GET", "/data/orders")["data"] == []
    assert client.money.reserved_e6 == 0


def test_fok_is_all_or_nothing_and_fak_takes_what_is_there() -> None:
    desk = Desk()
    client, (_, ask) = desk.client, desk.quote()
    there = desk.exchange.book(desk.market)
    assert there is not None
    best = there.asks[0].shares_e6 / 1e6
    text = client.refused(desk.yes, "BUY", ask, kind="FOK", budget=best * ask / 10_000 + 50)
    assert text == "order couldn't be fully filled. FOK orders are fully filled or killed."
    assert client.money.pending_e6 == 0
    text = client.refused(desk.yes, "BUY", ask - 200, kind="FAK", budget=50)
    assert text.startswith("no orders found to match with FAK order.")
    row = client.placed(desk.yes, "BUY", ask, kind="FAK", budget=best * ask / 10_000 + 50)
    assert row["status"] == "matched"
    assert float(row["takingAmount"]) == pytest.approx(best, abs=0.01)
    assert desk.quote()[1] > ask
    assert client.json("GET", "/data/orders")["data"] == []
    whole = client.placed(desk.yes, "BUY", desk.quote()[1], kind="FOK", budget=25)
    assert float(whole["makingAmount"]) == pytest.approx(25, abs=1e-4)


def test_a_crossing_limit_order_fills_level_by_level_and_rests() -> None:
    desk = Desk()
    client = desk.client
    shown = desk.exchange.book(desk.market)
    assert shown is not None
    first, second = shown.asks[0], shown.asks[1]
    shares = (first.shares_e6 + second.shares_e6) / 1e6 + 20
    row = client.placed(desk.yes, "BUY", second.price_e4, shares)
    assert row["status"] == "matched"
    assert len(row["tradeIDs"]) == 2
    assert len(row["transactionsHashes"]) == 1
    order = client.json("GET", f"/data/order/{row['orderID']}")
    assert float(order["size_matched"]) == (first.shares_e6 + second.shares_e6) / 1e6
    assert client.money.reserved_e6 == 20 * second.price_e4 * 100
    assert desk.quote()[0] == second.price_e4
    spent = first.shares_e6 * first.price_e4 // 10_000 + second.shares_e6 * second.price_e4 // 10_000
    assert client.money.pending_e6 == pytest.approx(spent, abs=2)


def test_small_market_orders_are_refused() -> None:
    desk = Desk()
    text = desk.client.refused(desk.yes, "BUY", desk.quote()[1], kind="FAK", budget=0.5)
    assert "lower than the minimum: $1" in text


def test_shares_are_sold_only_once_they_are_mined() -> None:
    desk = Desk()
    client, (bid, ask) = desk.client, desk.quote()
    client.placed(desk.yes, "BUY", ask, 20)
    assert "not enough balance" in client.refused(desk.yes, "SELL", bid, 20)
    desk.wait(2)
    assert client.placed(desk.yes, "SELL", bid, 20)["status"] == "matched"
    assert "not enough balance" in client.refused(desk.yes, "SELL", bid, 20)
    desk.wait(2)
    desk.exchange.bank.check()
    assert client.money.shares((desk.market, 0)) == 0


def test_a_batch_carries_its_own_refusals() -> None:
    desk = Desk()
    client, (bid, ask) = desk.client, desk.quote()
    rows = [
        client.body(desk.yes, "BUY", bid, 10),
        client.body(desk.yes, "BUY", bid, 10**6),
        client.body(desk.yes, "BUY", ask, 10, post_only=True),
        client.body(desk.yes, "BUY", ask, 10),
    ]
    answers = client.json("POST", "/orders", rows)
    assert [row["status"] for row in answers] == ["live", "", "", "matched"]
    assert (answers[1]["success"], answers[1]["orderID"]) == (True, "")
    assert answers[1]["errorMsg"].startswith("not enough balance / allowance")
    assert (answers[2]["success"], answers[2]["errorMsg"]) == (False, "invalid post-only order: order crosses book")
    many = client.call("POST", "/orders", [rows[0]] * 16)
    assert (many.status, many.body) == (400, b'{"error":"Too many orders in payload: 16, max allowed: 15"}')


def test_heartbeats_cancel_when_they_stop() -> None:
    desk = Desk()
    client = desk.client
    name = client.placed(desk.yes, "BUY", desk.quote()[0] - 500, 10)["orderID"]
    first = client.json("POST", "/v1/heartbeats", {"heartbeat_id": ""})["heartbeat_id"]
    wrong = client.call("POST", "/v1/heartbeats", {"heartbeat_id": "hb-99"})
    assert (wrong.status, msgspec.json.decode(wrong.body)) == (
        400,
        {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": first},
    )
    desk.wait(14)
    second = client.json("POST", "/v1/heartbeats", {"heartbeat_id": first})["heartbeat_id"]
    assert second != first
    desk.wait(14.9)
    assert status_of(desk, name) == "LIVE"
    desk.wait(0.2)
    assert status_of(desk, name) == "CANCELED"


def test_balances_and_small_routes() -> None:
    desk = Desk()
    client = desk.client
    balance = client.json("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="0")
    assert balance["balance"] == "10000000000"
    assert len(balance["allowances"]) == 3
    client.placed(desk.yes, "BUY", desk.quote()[1], 10)
    desk.wait(5)
    held = client.json("GET", "/balance-allowance", asset_type="CONDITIONAL", token_id=desk.yes, signature_type="0")
    assert held["balance"] == "10000000"
    assert client.json("GET", "/auth/ban-status/closed-only") == {"closed_only": False}
    assert client.json("GET", "/order-scoring", order_id="x") == {"scoring": False}
    notices = client.json("GET", "/notifications", signature_type="0")
    assert [row["type"] for row in notices] == [2]
    assert client.json("DELETE", "/notifications", ids=str(notices[0]["id"])) == "OK"
    assert client.json("GET", "/notifications", signature_type="0") == []
    assert client.json("DELETE", "/auth/api-key") == "OK"
    assert client.call("GET", "/data/orders").status == 401


def test_trades_are_listed_for_both_parties_with_filters() -> None:
    desk = Desk(people=2)
    maker, taker = desk.clients
    bid, ask = desk.quote()
    inside = bid + 100
    assert inside < ask
    resting = maker.placed(desk.yes, "BUY", inside, 10)["orderID"]
    done = taker.placed(desk.no, "BUY", 10_000 - inside, 10)  # both buy: a pair is made
    assert done["status"] == "matched"
    mine = maker.json("GET", "/data/trades")["data"]
    theirs = taker.json("GET", "/data/trades", id=done["tradeIDs"][0])["data"]
    assert [row["trader_side"] for row in (*mine, *theirs)] == ["MAKER", "TAKER"]
    part = mine[0]["maker_orders"][0]
    assert (part["order_id"], part["side"], part["outcome"]) == (resting, "BUY", "Yes")
    assert part["asset_id"] == desk.yes
    assert mine[0]["asset_id"] == desk.no
    stamp = int(mine[0]["match_time"])
    assert maker.json("GET", "/data/trades", after=str(stamp + 1))["data"] == []
    assert maker.json("GET", "/data/trades", before=str(stamp))["count"] == 1
    assert maker.json("GET", "/data/trades", market="0x12")["data"] == []
    desk.wait(2)
    desk.exchange.bank.check()
    assert desk.exchange.bank.pools[desk.market] == 10_000_000


def test_a_deposit_wallet_signs_by_wrapping_and_pays_from_its_own_purse() -> None:
    from edgeworth.sandbox.exchange import eip712

    desk = Desk(FixedFaults({"deposit-wallet-required": {}}), people=2)
    client, wallet = desk.client, "0x" + "d0" * 20
    body = client.body(desk.yes, "BUY", desk.quote()[1], 10, maker=wallet, signer=wallet, signatureType=3)
    order = body["order"]
    fields = eip712.OrderFields(
        order["salt"],
        wallet,
        wallet,
        int(desk.yes),
        int(order["makerAmount"]),
        int(order["takerAmount"]),
        0,
        3,
        int(order["timestamp"]),
        order["metadata"],
        order["builder"],
    )
    domain = eip712.order_domain(fields.token_id, neg_risk=False)
    kind = eip712.ORDER_TYPE.encode()
    trailer = eip712.domain_separator(domain) + eip712.struct_hash(fields) + kind + len(kind).to_bytes(2, "big")
    order["signature"] = client.person.sign(eip712.wrapped_digest(fields, domain)) + trailer.hex()
    row = client.json("POST", "/order", body)
    assert row["orderID"] == eip712.order_id(fields, domain)
    desk.wait(5)
    purse = desk.exchange.bank.wallet(wallet)
    assert purse.shares((desk.market, 0)) == 10_000_000
    assert client.money.cash_e6 == 10_000_000_000
    shown = client.json("GET", "/balance-allowance", asset_type="CONDITIONAL", token_id=desk.yes, signature_type="3")
    assert shown["balance"] == "10000000"
    assert client.json("GET", "/data/trades")["data"][0]["maker_address"].lower() == wallet
    thief = desk.clients[1]
    stolen = thief.body(desk.yes, "BUY", desk.quote()[0], 10, maker=wallet, signer=wallet, signatureType=3)
    assert b"maker address not allowed" in thief.call("POST", "/order", stolen).body


def test_without_the_library_orders_are_taken_on_their_structure_and_the_control_says_so() -> None:
    from edgeworth.sandbox.exchange.remote import ExchangeControl
    from edgeworth.sandbox.exchange.signatures import Verifier
    from edgeworth.sandbox.protocol import Request

    desk = Desk()
    control = ExchangeControl(desk.exchange)
    asked = control.handle(Request("control", "GET", "/exchange"))
    assert asked is not None
    assert msgspec.json.decode(asked.body)["signatures"] == "checked"
    desk.exchange.members.verifier = Verifier(exact=False)
    asked = control.handle(Request("control", "GET", "/exchange"))
    assert asked is not None
    assert msgspec.json.decode(asked.body)["signatures"] == "structure only"
    forged = desk.client.body(desk.yes, "BUY", desk.quote()[0], 10, salt=4242)
    assert desk.client.call("POST", "/order", forged).status == 200


def test_the_control_channel_hands_out_money_and_pairs() -> None:
    from edgeworth.sandbox.exchange.remote import ExchangeControl
    from edgeworth.sandbox.protocol import Request

    desk = Desk()
    control, condition = ExchangeControl(desk.exchange), desk.live.names.condition_id(desk.market)

    def post(path: str, **body: str) -> tuple[int, Any]:
        response = control.handle(Request("control", "POST", path, (), {}, msgspec.json.encode(body)))
        assert response is not None
        return response.status, msgspec.json.decode(response.body)

    wallet = desk.client.person.address
    assert post("/deposit", wallet=wallet, usd="12.5") == (200, {"cash": "10012500000"})
    assert post("/split", wallet=wallet, usd="10", market=condition) == (200, {"cash": "10002500000"})
    assert post("/merge", wallet=wallet, usd="4", market=condition) == (200, {"cash": "10006500000"})
    assert post("/merge", wallet=wallet, usd="40", market=condition)[0] == 400
    assert post("/split", wallet=wallet, usd="1", market="0x1")[0] == 400
    assert post("/deposit", wallet="me", usd="1")[0] == 400
    assert control.handle(Request("control", "GET", "/clock")) is None
    desk.exchange.bank.check()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("neg_risk", [False, True])
def test_orders_in_markets_of_either_protocol_and_kind(version: str, neg_risk: bool) -> None:
    desk = Desk(name="newcomer")
    made, now = desk.live, desk.clock.now()
    market = next(
        m
        for m in range(made.count)
        if made.names.version(m) == version
        and made.kind(m).neg_risk == neg_risk
        and made.created_at[m] > now
        and made.quote_e4(m, int(made.created_at[m]) + 5 * MINUTE)[1] < 9_000
    )
    desk.clock.advance(int(made.created_at[market]) + 5 * MINUTE - now)
    desk.market, (desk.yes, desk.no) = market, made.names.tokens(market)
    assert desk.client.placed(desk.yes, "BUY", desk.quote()[1], 10)["status"] == "matched"
    assert made.names.find_condition(made.names.condition_id(market)) == market
    desk.wait(5)
    desk.exchange.bank.check()


def test_readonly_keys_look_but_do_not_trade() -> None:
    desk = Desk()
    own = desk.client.keys
    row = desk.client.placed(desk.yes, "BUY", desk.quote()[0], 10)
    desk.client.keys = desk.client.json("POST", "/auth/readonly-api-key")
    assert desk.client.json("GET", "/auth/readonly-api-keys") == {"readonlyApiKeys": [desk.client.keys["apiKey"]]}
    assert desk.client.json("GET", "/data/orders")["count"] == 1
    assert desk.client.place(desk.yes, "BUY", desk.quote()[0], 10).status == 401
    assert desk.client.call("DELETE", "/order", {"orderID": row["orderID"]}).status == 401
    desk.client.keys = own
    assert desk.client.json("DELETE", "/order", {"orderID": row["orderID"]})["canceled"] == [row["orderID"]]
