"""Whatever a client sends, the exchange answers and nothing moves."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sandbox.exchange.desks import Desk

from edgeworth.sandbox.exchange.members import hmac_signature
from edgeworth.sandbox.protocol import Request

FIELDS = [
    "builder",
    "expiration",
    "maker",
    "makerAmount",
    "metadata",
    "salt",
    "side",
    "signature",
    "signatureType",
    "signer",
    "takerAmount",
    "timestamp",
    "tokenId",
]
ROUTES = [
    ("POST", "/order"),
    ("POST", "/orders"),
    ("DELETE", "/order"),
    ("DELETE", "/orders"),
    ("DELETE", "/cancel-market-orders"),
    ("POST", "/v1/heartbeats"),
    ("DELETE", "/notifications"),
    ("GET", "/data/trades"),
    ("GET", "/data/orders"),
    ("GET", "/balance-allowance"),
    ("POST", "/books"),
    ("POST", "/prices"),
    ("POST", "/last-trades-prices"),
    ("GET", "/book"),
    ("GET", "/price"),
    ("GET", "/markets"),
    ("GET", "/markets/0x1"),
    ("POST", "/auth/api-key"),
]
words = st.sampled_from(
    ["orderID", "market", "asset_id", "heartbeat_id", "token_id", "side", "order", "owner", "type", "auth"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**90), 10**90) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


@cache
def desk() -> Desk:
    return Desk()


def ask(method: str, path: str, body: bytes, query: dict[str, str]) -> int:
    keys, stamp = desk().client.keys, desk().client.stamp()
    headers = {
        "poly_address": desk().client.person.address,
        "poly_api_key": keys["apiKey"],
        "poly_passphrase": keys["passphrase"],
        "poly_timestamp": stamp,
        "poly_signature": hmac_signature(keys["secret"], stamp, method, path, body),
    }
    response = desk().exchange.handle(Request("clob", method, path, tuple(query.items()), headers, body))
    assert response is not None
    json.loads(response.body)
    return response.status


@settings(max_examples=300)
@given(
    route=st.sampled_from(ROUTES),
    body=st.binary(max_size=20) | values.map(lambda value: json.dumps(value).encode()),
    query=st.dictionaries(
        st.sampled_from(
            ["token_id", "side", "next_cursor", "id", "market", "after", "before", "ids", "signature_type"]
        ),
        st.text(max_size=6) | st.integers(-5, 10**80).map(str),
        max_size=4,
    ),
)
def test_any_body_and_any_query_are_answered(route: tuple[str, str], body: bytes, query: dict[str, str]) -> None:
    assert ask(*route, body, query) in {200, 400, 401, 404}
    assert desk().client.money.free_e6 == 10_000_000_000


@settings(max_examples=60)
@given(field=st.sampled_from(FIELDS), value=values)
def test_a_signed_order_with_one_field_replaced_is_refused(field: str, value: Any) -> None:
    body = desk().client.body(desk().yes, "BUY", desk().quote()[0], 10)
    if body["order"][field] == value:
        return
    body["order"][field] = value
    assert ask("POST", "/order", json.dumps(body).encode(), {}) in {400, 404}


@settings(max_examples=100)
@given(
    frames=st.lists(st.text(max_size=8) | values.map(json.dumps), max_size=4),
    channel=st.sampled_from(["market", "user"]),
)
def test_sockets_ignore_what_they_do_not_understand(frames: list[str], channel: str) -> None:
    session = desk().exchange.connect(channel)
    for frame in [*frames, '{"assets_ids":7,"operation":"subscribe"}', '{"markets":[1],"operation":"unsubscribe"}']:
        session.receive(frame)
    for text in session.outgoing():
        assert text == "PONG" or json.loads(text)
    session.leave()


@pytest.mark.parametrize("wanted", [True, 7, ["x"], {"a": 1}])
@pytest.mark.parametrize("name", ["market", "asset_id"])
def test_cancelling_by_what_is_no_name_is_refused(name, wanted):
    assert ask("DELETE", "/cancel-market-orders", json.dumps({name: wanted}).encode(), {}) == 400
