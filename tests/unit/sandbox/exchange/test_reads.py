"""Books, prices and market descriptions as anybody may read them."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.unit.sandbox.exchange.desks import Desk

from edgeworth.core.types import Payout
from edgeworth.sandbox.exchange.ports import FixedFaults
from edgeworth.sandbox.exchange.render import book_hash
from edgeworth.sandbox.protocol import Request


def get(desk: Desk, path: str, **query: str) -> Any:
    response = desk.get(path, **query)
    assert response.status == 200, response.body
    return msgspec.json.decode(response.body)


def post(desk: Desk, path: str, rows: Any) -> Any:
    response = desk.exchange.handle(Request("clob", "POST", path, (), {}, json.dumps(rows).encode()))
    assert response is not None
    return response.status, msgspec.json.decode(response.body)


def some_tokens(desk: Desk, count: int) -> list[str]:
    now = desk.clock.now()
    markets = [m for m in range(desk.live.count) if desk.live.is_open(m, now)]
    return [token for market in markets[:count] for token in desk.live.names.tokens(market)]


def test_one_book_in_both_tokens() -> None:
    desk = Desk()
    yes, no = get(desk, "/book", token_id=desk.yes), get(desk, "/book", token_id=desk.no)
    assert book_hash(yes) == yes["hash"]
    assert list(yes) == [
        "market", "asset_id", "timestamp", "hash", "bids", "asks", "min_order_size", "tick_size", "neg_risk", "last_trade_price",
    ]  # fmt: skip
    assert [(1 - Decimal(r["price"]), r["size"]) for r in yes["bids"]] == [
        (Decimal(r["price"]), r["size"]) for r in no["asks"]
    ]
    bid, ask = (Decimal(side[-1]["price"]) for side in (yes["bids"], yes["asks"]))
    assert get(desk, "/price", token_id=desk.yes, side="BUY") == {"price": str(ask.normalize())}
    assert get(desk, "/price", token_id=desk.yes, side="SELL") == {"price": str(bid.normalize())}
    assert Decimal(get(desk, "/midpoint", token_id=desk.yes)["mid"]) == (bid + ask) / 2
    assert Decimal(get(desk, "/midpoint", token_id=desk.no)["mid"]) == 1 - (bid + ask) / 2
    assert Decimal(get(desk, "/spread", token_id=desk.no)["spread"]) == ask - bid
    assert get(desk, "/tick-size", token_id=desk.yes) == {"minimum_tick_size": 0.01}
    assert get(desk, "/neg-risk", token_id=desk.yes) == {"neg_risk": False}
    assert get(desk, "/fee-rate", token_id=desk.yes) == {"base_fee": 0}


def test_a_market_without_trades_says_so_and_the_last_price_is_in_yes_terms() -> None:
    desk = Desk()
    assert get(desk, "/book", token_id=desk.yes)["last_trade_price"] == ""
    assert get(desk, "/last-trade-price", token_id=desk.yes)["side"] == ""
    ask = desk.quote()[1]
    desk.client.placed(desk.yes, "BUY", ask, 10)
    price = str((Decimal(ask) / 10_000).normalize())
    assert get(desk, "/last-trade-price", token_id=desk.no) == {"price": price, "side": "BUY"}
    assert get(desk, "/book", token_id=desk.no)["last_trade_price"] == price
    assert get(desk, "/last-trades-prices", token_ids=desk.yes) == [
        {"token_id": desk.yes, "price": price, "side": "BUY"}
    ]


@pytest.mark.parametrize(
    ("token", "status", "text"),
    [
        ("abc", 400, "Invalid token id"),
        ("", 400, "Invalid token id"),
        ("123", 404, "No orderbook exists for the requested token id"),
    ],
)
def test_wrong_tokens(token: str, status: int, text: str) -> None:
    response = Desk().get("/book", token_id=token)
    assert (response.status, msgspec.json.decode(response.body)) == (status, {"error": text})


def test_batches() -> None:
    desk = Desk()
    tokens = some_tokens(desk, 4)
    status, books = post(desk, "/books", [{"token_id": token} for token in [*tokens, "77"]])
    assert status == 200
    assert sorted(book["asset_id"] for book in books) == sorted(tokens)
    assert [book["asset_id"] for book in books] != tokens  # order is not kept
    assert post(desk, "/midpoints", [{"token_id": desk.yes}])[1] == {
        desk.yes: get(desk, "/midpoint", token_id=desk.yes)["mid"]
    }
    assert post(desk, "/spreads", [{"token_id": desk.yes}])[1] == {
        desk.yes: get(desk, "/spread", token_id=desk.yes)["spread"]
    }
    prices = post(desk, "/prices", [{"token_id": desk.yes, "side": "BUY"}, {"token_id": desk.yes, "side": "SELL"}])[1]
    assert set(prices[desk.yes]) == {"BUY", "SELL"}
    assert post(desk, "/last-trades-prices", [{"token_id": desk.yes}])[1][0]["token_id"] == desk.yes
    assert post(desk, "/books", [{"token_id": "1"}] * 501) == (400, {"error": "Payload exceeds the limit"})
    assert post(desk, "/books", {"token_id": "1"})[0] == 400
    assert desk.get("/books").status == 400


def test_descriptions_agree_with_each_other_and_with_the_end() -> None:
    desk = Desk()
    condition = desk.live.names.condition_id(desk.market)
    full = get(desk, f"/markets/{condition}")
    compact = get(desk, f"/clob-markets/{condition}")
    assert [row["token_id"] for row in full["tokens"]] == [row["t"] for row in compact["t"]] == [desk.yes, desk.no]
    assert (full["accepting_orders"], full["closed"], compact["ao"]) == (True, False, True)
    assert "nr" not in compact
    assert "fd" not in compact
    assert get(desk, f"/markets-by-token/{desk.no}")["condition_id"] == condition
    assert desk.get("/markets/0x12").status == 404
    final = int(desk.live.world.final_e4[desk.market])
    desk.clock.advance(int(desk.live.resolved_at[desk.market]) - desk.clock.now())
    ended = get(desk, f"/markets/{condition}")
    assert ended["closed"]
    assert not ended["accepting_orders"]
    assert [row["winner"] for row in ended["tokens"]] == [final == Payout.YES, final == Payout.NO]


def test_fees_and_neg_risk_of_the_compact_form() -> None:
    desk = Desk()
    made = desk.live
    dear = next(m for m in range(made.count) if desk.exchange.floor.fee_e6(m, 10**9, 5_000) and made.kind(m).neg_risk)
    desk.clock.advance(int(made.created_at[dear]) - desk.clock.now())
    compact = get(desk, f"/clob-markets/{made.names.condition_id(dear)}")
    assert compact["nr"] is True
    assert compact["fd"] == {"r": 0.05, "e": 1, "to": True}
    assert get(desk, "/fee-rate", token_id=made.names.tokens(dear)[0]) == {"base_fee": 1000}


def test_pages_of_markets_end_with_the_end_marker() -> None:
    desk = Desk()
    desk.clock.advance(int(desk.live.created_at.max()) - desk.clock.now())
    first = get(desk, "/markets")
    assert first["count"] == len(first["data"]) == desk.live.count
    assert first["next_cursor"] == "LTE="
    assert get(desk, "/markets", next_cursor="LTE=")["data"] == []
    assert (
        get(desk, "/simplified-markets", next_cursor="Mg==")["data"][0]["condition_id"]
        == first["data"][2]["condition_id"]
    )
    assert desk.get("/markets", next_cursor="???").status == 400
    sampling = get(desk, "/sampling-simplified-markets")
    assert 0 < sampling["count"] < first["count"]


def test_time_and_version() -> None:
    desk = Desk(FixedFaults({"clock-skew": {"seconds": 45}}))
    assert get(desk, "/ok") == "OK"
    assert get(desk, "/version") == {"version": 2}
    assert get(desk, "/time") == desk.clock.now() // 1_000_000 + 45


def test_faults_of_reading() -> None:
    desk = Desk()
    names = [{"token_id": token} for token in some_tokens(desk, 8)]
    desk.faults.on = {"books-incomplete": {"share": 0.4}}
    answers = [tuple(book["asset_id"] for book in post(desk, "/books", names)[1]) for _ in range(4)]
    assert any(len(row) < len(names) for row in answers)
    assert len(set(answers)) > 1
    desk.faults.on = {"hydration": {"seconds": 180}}
    assert desk.get("/book", token_id=desk.yes).status == 404
    desk.wait(61)
    assert desk.get("/book", token_id=desk.yes).status == 200
    desk.faults.on = {"books-stale": {"seconds": 300}}
    desk.wait(600)
    stale = int(get(desk, "/book", token_id=desk.yes)["timestamp"])
    assert stale <= (desk.clock.now() - 300_000_000) // 1000


def test_there_are_no_rewards_here() -> None:
    desk = Desk()
    assert get(desk, "/rewards/markets/current") == {"limit": 1000, "count": 0, "next_cursor": "LTE=", "data": []}
    assert desk.get("/rewards/user").status == 401
    assert desk.client.json("GET", "/rewards/user", date="2026-01-01")["data"] == []
    assert desk.exchange.handle(Request("clob", "GET", "/no-such-route")) is None
