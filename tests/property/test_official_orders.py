"""Order amounts and ids against the venue's own client, over every tick, side, kind of wallet and token (P15)."""

import os
from decimal import Decimal

import pytest

from edgeworth.core import random
from edgeworth.core.errors import Rejected
from edgeworth.core.orders import Instrument, Intent, TimeInForce
from edgeworth.venues.polymarket import typed_data
from edgeworth.venues.polymarket.order_amounts import amounts_of, market_amounts
from edgeworth.venues.polymarket.order_outcomes import posted_of, read_body
from edgeworth.venues.polymarket.order_wire import Terms, order_body
from edgeworth.venues.polymarket.signing import make_wallet

OWNER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
FUNDER = "0x000000000000000000000000000000000000dEaD"
TICKS = (1_000, 100, 50, 25, 10, 1)
KINDS = tuple(TimeInForce)


def drawn(draws, number):
    """Return a random intent and wallet; sizes run from nothing to millions, mostly with too many decimals."""
    tick = TICKS[number % 6]
    steps = 10_000 // tick
    size = int(10 ** draws.uniform(5.5, 12))
    token = int.from_bytes(draws.bytes(32), "big")
    if draws.random() < 0.2:
        token = (1 + number % 3) << 248 | int(draws.integers(0, 2**62)) << 120 | number % 2
    kind = KINDS[int(draws.integers(0, 4))]
    created = 1_795_000_000_000_000 + int(draws.integers(0, 10**14))
    intent = Intent(
        intent_id=f"i{number}",
        instrument=Instrument(
            market_no=1,
            condition="0x" + "ab" * 32,
            token=str(token),
            is_yes=True,
            tick_e4=tick,
            min_size_e6=0,
            neg_risk=bool(draws.random() < 0.5),
        ),
        is_buy=bool(draws.random() < 0.5),
        price_e4=int(draws.integers(1, steps)) * tick,
        shares_e6=size - size % 10 ** int(draws.integers(0, 5)),
        time_in_force=kind,
        created_at=created,
        expires_at=created + 900_000_000 if kind is TimeInForce.GTD else None,
        post_only=kind in {TimeInForce.GTC, TimeInForce.GTD} and bool(draws.random() < 0.3),
    )
    signature_type = int(draws.integers(0, 4))
    return (
        intent,
        make_wallet(OWNER, OWNER if signature_type == 0 else FUNDER, signature_type),
        int(draws.integers(0, 2**53)),
    )


class Official:
    """The client's own functions for amounts, hashes and bytes."""

    def __init__(self):
        from eth_account.messages import _hash_eip191_message, encode_typed_data
        from polymarket import environments
        from polymarket._internal.actions.orders import context, limit, market, orders, post, typed_data, types
        from polymarket._internal.protocol import is_v2_position_id
        from polymarket.models.clob.orders import SignedOrder

        self.limit, self.market, self.types, self.typed, self.post = limit, market, types, typed_data, post
        self.signed_order, self.encode, self.hash = SignedOrder, encode_typed_data, _hash_eip191_message
        self.create = orders.create_signed_order
        self.contract, self.is_second = context.resolve_order_exchange_address, is_v2_position_id
        self.config = environments.PRODUCTION._config

    def amounts(self, intent):
        side = "BUY" if intent.is_buy else "SELL"
        price, tick = Decimal(intent.price_e4) / 10_000, Decimal(intent.instrument.tick_e4) / 10_000
        size = Decimal(intent.shares_e6) / 1_000_000
        if intent.time_in_force in {TimeInForce.GTC, TimeInForce.GTD}:
            return self.limit._compute_limit_order_amounts(price=price, size=size, side=side, tick_size=tick)
        amount = size * price if intent.is_buy else size
        return self.market._compute_market_order_amounts(amount=amount, price=price, side=side, tick_size=tick)

    def unsigned(self, intent, wallet, salt, maker, taker):
        token, neg_risk = intent.instrument.token, intent.instrument.neg_risk
        return self.types.UnsignedOrder(
            chain_id=137,
            builder=self.types.BYTES32_ZERO,
            exchange_address=self.contract(self.config, asset_id=token, neg_risk=neg_risk),
            expiration=0 if intent.expires_at is None else intent.expires_at // 1_000_000,
            maker=wallet.funder,
            maker_amount=maker,
            metadata=self.types.BYTES32_ZERO,
            order_type=intent.time_in_force.value,
            salt=salt,
            side="BUY" if intent.is_buy else "SELL",
            signature_type=wallet.signature_type,
            signer=wallet.signer,
            taker_amount=taker,
            timestamp=intent.created_at // 1_000,
            token_id=token,
            protocol_version="3" if self.is_second(token) else "2",
        )


def check(official, draws, number):
    """Compare one random order; returns whether it was a valid one."""
    import json

    intent, wallet, salt = drawn(draws, number)
    expected = official.amounts(intent)
    try:
        found = amounts_of(intent)
    except Rejected:
        assert min(expected) <= 0 or expected[0] < 1_000_000
        return False
    assert tuple(found) == expected, intent
    unsigned = official.unsigned(intent, wallet, salt, *expected)
    exchange = typed_data.exchange_of(int(intent.instrument.token), neg_risk=intent.instrument.neg_risk)
    assert exchange == typed_data.Exchange(unsigned.protocol_version, unsigned.exchange_address)
    order = typed_data.OrderData(
        salt=salt,
        maker=wallet.funder,
        signer=wallet.signer,
        token=int(intent.instrument.token),
        maker_e6=found.maker_e6,
        taker_e6=found.taker_e6,
        is_buy=intent.is_buy,
        signature_type=wallet.signature_type,
        timestamp=intent.created_at // 1_000,
    )
    document = official.typed.build_order_typed_data(unsigned)
    assert typed_data.order_document(order, exchange) == document
    contents = official.typed._order_contents_hash(unsigned)
    separator = bytes.fromhex(official.typed._app_domain_separator(unsigned, protocol_version=exchange.version)[2:])
    keccak = official.typed.keccak
    assert typed_data.order_hash(order, exchange) == keccak(b"\x19\x01" + separator + contents)
    if number % 10 == 0:  # the library's own encoder of whole documents takes most of the time
        assert typed_data.signed_hash(order, exchange) == official.hash(official.encode(full_message=document))
    signature = typed_data.wire_signature(order, exchange, bytes(65))
    assert signature == official.typed.build_order_signature(unsigned, "0x" + "00" * 65)
    expiry = unsigned.expiration
    terms = Terms(owner="k", time_in_force=intent.time_in_force, expiry=expiry, post_only=intent.post_only)
    signed = official.create(unsigned, signature, post_only=intent.post_only)
    _, row = official.post.build_post_order_request(signed, owner_api_key="k")
    body = order_body(order, signature, terms)
    assert body == json.dumps(row, separators=(",", ":")).encode()
    assert posted_of(order, terms) == read_body(body)
    return True


def test_orders_equal_the_official_clients():
    official, draws = Official(), random.stream(15, "orders")
    valid = sum(check(official, draws, number) for number in range(2_000))
    assert valid > 1_900


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_orders_equal_the_official_clients():
    count = int(os.environ.get("EDGEWORTH_TEST_ORDERS", "20000"))
    official, draws = Official(), random.stream(15, "many orders")
    valid = number = 0
    while valid < count:
        valid += check(official, draws, number)
        number += 1
    assert number < 1.1 * count


def test_every_size_near_a_rounding_edge():
    official = Official()
    for tick in TICKS:
        for price in {tick, 3 * tick, 7 * tick % 10_000 or tick, 10_000 - tick}:
            for cents in (100, 101, 133, 999, 1_001, 33_333, 99_999_999):
                side = {"price": Decimal(price) / 10_000, "tick_size": Decimal(tick) / 10_000}
                amount = Decimal(cents) / 100
                for is_buy, word in ((True, "BUY"), (False, "SELL")):
                    theirs = official.market._compute_market_order_amounts(amount=amount, side=word, **side)
                    assert tuple(market_amounts(price, cents * 10_000, tick, is_buy=is_buy)) == theirs
