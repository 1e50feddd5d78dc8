"""Orders before and on the wire: published vectors, hashes, fees, and what a broken network proves."""

import asyncio
import hashlib
import subprocess
import sys

import pytest
from tests.support.order_venues import SandboxSide, listening, quiet_market

from edgeworth.app.order_venues import sandbox_venue
from edgeworth.app.serving import listen, make_server
from edgeworth.core import random
from edgeworth.core.clock import ScaledClock, SystemClock
from edgeworth.core.errors import Fatal, Rejected, Retryable, Unknown
from edgeworth.core.orders import ContinuityLost, FillReport, Settlement
from edgeworth.core.units import Micros
from edgeworth.engine.fees import taker_fee_e6 as engine_fee
from edgeworth.sandbox.exchange import eip712
from edgeworth.sandbox.server.asgi import SandboxApp
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket import typed_data
from edgeworth.venues.polymarket.fees import taker_fee_e6
from edgeworth.venues.polymarket.keccak import keccak256, keccak256_plain
from edgeworth.venues.polymarket.order_amounts import limit_amounts, market_amounts
from edgeworth.venues.polymarket.orders import Account, ClobVenue
from edgeworth.venues.polymarket.signing import KeySigner, Unsigned, make_wallet, sandbox_signer
from edgeworth.venues.polymarket.user_stream import Credentials

OWNER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
ONE = KeySigner(bytes(31) + b"\x01")
ORDER = typed_data.OrderData(
    salt=479249096354,
    maker=OWNER,
    signer=OWNER,
    token=71321045679252212594626385532706912750332728571942532289631379312455583992563,
    maker_e6=52_000_000,
    taker_e6=100_000_000,
    is_buy=True,
    signature_type=0,
    timestamp=1763640000123,
)


def changed(**fields):
    import msgspec

    return msgspec.structs.replace(ORDER, **fields)


def test_keccak():
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    draws = random.stream(1, "keccak")
    for size in (0, 1, 64, 135, 136, 137, 271, 272, 273, 1_000):
        data = bytes(draws.bytes(size)) if size else b""
        assert keccak256_plain(data) == keccak256(data)
    assert keccak256(b"") != hashlib.sha3_256(b"").digest()


def test_published_order_hashes():
    plain, neg_risk, third = typed_data.PINNED
    assert typed_data.order_id(ORDER, plain) == "0xfd2f1cb471b45a5963e7fe4b2e160000ce02efb57886654e020d385cad55aa1a"
    assert typed_data.order_id(ORDER, neg_risk) == "0xbeb4473b3ce8ccc324751df0a73eaaf4fc8c8e39b299d5cf27d5d32f1efbbd6f"
    token = 737897720731433783083900042093583114245886978944891043660428563367478691584
    assert typed_data.exchange_of(token, neg_risk=True) == third
    assert (
        typed_data.order_id(changed(token=token), third)
        == "0xf8886a1b49f803cfe503eef16ddc2798a543b6e0950a3164ed2b4d7161b1a0d1"
    )
    dead = "0x000000000000000000000000000000000000dEaD"
    wrapped = changed(maker=dead, signer=dead, signature_type=3)
    assert (
        typed_data.signed_hash(wrapped, plain).hex()
        == "b4713f202c9a0774b27af77c81a57b025e65eccad45d8cfe6aaf058f5feb8e1f"
    )
    wire = typed_data.wire_signature(wrapped, plain, bytes(65))
    assert len(bytes.fromhex(wire[2:])) == 317
    assert wire.endswith("00ba")


def test_published_signatures():
    signature = asyncio.run(ONE.sign_order(ORDER, typed_data.PINNED[0]))
    assert signature.hex().startswith("8c9b38672da98aa963887166f85890346482d2eefa64720af495377c62db0c232f9b87")
    assert signature.hex().endswith("4ed1b")
    login = asyncio.run(ONE.sign_login(1763640000, 0))
    assert (
        typed_data.login_hash(OWNER, 1763640000, 0).hex()
        == "55754ba413f3458e17671c73b519a2ff77f5a510f92522609688090311efd94c"
    )
    assert login.hex().endswith("620d841ee6671c")
    assert ONE.address == OWNER


def test_published_amounts():
    vectors = [
        (5_200, 100_000_000, True, (52_000_000, 100_000_000)),
        (5_230, 10_129_000, True, (5_292_760, 10_120_000)),
        (700, 33_330_000, False, (33_330_000, 2_333_100)),
        (9_975, 12_000_000, True, (11_970_000, 12_000_000)),
        (7, 1_500_550_000, False, (1_500_550_000, 1_050_385)),
    ]
    for price, shares, is_buy, amounts in vectors:
        assert limit_amounts(price, shares, is_buy=is_buy) == amounts
    assert market_amounts(5_300, 25_000_000, 100, is_buy=True) == (25_000_000, 47_169_800)
    assert market_amounts(3_330, 100_129_000, 10, is_buy=True) == (100_120_000, 300_660_660)
    assert market_amounts(4_800, 12_345_000, 100, is_buy=False) == (12_340_000, 5_923_200)


def test_hashes_equal_the_judges_own():
    draws = random.stream(3, "hashes")
    for number in range(50):
        order = changed(
            salt=int(draws.integers(1, 2**53)),
            token=int.from_bytes(draws.bytes(32), "big"),
            maker_e6=int(draws.integers(1, 2**60)),
            is_buy=number % 2 == 0,
            maker="0x" + draws.bytes(20).hex(),
            signature_type=number % 4,
        )
        exchange = typed_data.exchange_of(order.token, neg_risk=number % 3 == 0)
        fields = eip712.OrderFields(
            order.salt, order.maker, order.signer, order.token, order.maker_e6, order.taker_e6, int(not order.is_buy),
            order.signature_type, order.timestamp, order.metadata, order.builder,
        )  # fmt: skip
        domain = eip712.order_domain(order.token, number % 3 == 0)
        assert (domain.version, domain.contract) == (exchange.version, exchange.contract)
        assert typed_data.order_id(order, exchange) == eip712.order_id(fields, domain)


def test_fees_equal_the_engines():
    draws = random.stream(4, "fees")
    for _ in range(500):
        shares, price = int(draws.integers(1, 10**11)), int(draws.integers(1, 10_000))
        rate, exponent = int(draws.integers(0, 300_000)), int(draws.integers(0, 3))
        assert taker_fee_e6(shares, price, rate, exponent * 1_000_000) == engine_fee(shares, price, rate, exponent)
    assert taker_fee_e6(100_000_000, 5_000, 70_000, 1_000_000) == 1_750_000


def test_wallets_that_do_not_fit_are_refused():
    assert make_wallet(OWNER.lower()).funder == OWNER
    assert make_wallet(OWNER, "0x" + "de" * 20, 3).tail == "dedede"
    for owner, funder, kind in (
        (OWNER, "", 1),
        (OWNER, "0x" + "de" * 20, 0),
        (OWNER, "0x12", 3),
        ("x", "", 0),
        (OWNER, "", 4),
    ):
        with pytest.raises(Fatal):
            make_wallet(owner, funder, kind)


def test_without_the_library_a_sandbox_is_traded_on_and_nothing_else():
    code = (
        "import sys; sys.modules['eth_account'] = None\n"
        "from edgeworth.venues.polymarket import signing\n"
        "from edgeworth.core.errors import AccessError\n"
        "signing.has_library = lambda: False\n"
        "assert isinstance(signing.sandbox_signer(), signing.Unsigned)\n"
        "try: signing.KeySigner(bytes(31) + b'\\x01')\n"
        "except AccessError as error: print(error.code, error.hint)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "extra-missing pip install 'edgeworth[live]'"
    assert sandbox_signer().address == sandbox_signer().address != sandbox_signer("other").address
    assert Unsigned().address == Unsigned().address != Unsigned("other").address


# the network


def test_what_a_broken_network_proves():
    """Nothing listens: certainly not sent. Somebody listens and hangs up: nobody knows."""
    side = SandboxSide()

    async def story(order, port):
        http = HttpClient(Endpoints.sandbox(f"http://127.0.0.1:{port}"), SystemClock())
        signer = Unsigned("contract")
        venue = ClobVenue(http, signer, Account(make_wallet(signer.address), Credentials("k", "c2VjcmV0", "p")))
        try:
            await venue.submit(order)
        finally:
            await http.close()

    async def prepared():
        await side.open()
        return await side.venue.prepare(side.intent(side.quotes()[0], 10), 5)

    order = side.run(prepared())

    async def hang_up(reader, writer):
        await reader.readexactly(10)
        writer.close()

    async def both():
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unknown):
            await story(order, port)
        server.close()
        await server.wait_closed()
        with pytest.raises(Retryable) as caught:
            await story(order, port)
        assert caught.value.details["sent"] is False

    asyncio.run(both())


def test_bytes_that_are_no_order_never_leave():
    import msgspec

    side = SandboxSide()

    async def story():
        await side.open()
        good = await side.venue.prepare(side.intent(side.quotes()[0], 10), 5)
        for body in (b"", b"{}", b"[]", good.body[:-1]):
            with pytest.raises(Rejected) as caught:
                await side.venue.submit(msgspec.structs.replace(good, body=body))
            assert caught.value.code == "order-malformed"
        with pytest.raises(Rejected):
            await side.venue.prepare(side.intent(side.quotes()[0], 10), 2**53)

    side.run(story())


def test_a_whole_trade_over_real_sockets():
    world, _, at = quiet_market()

    async def served():
        clock = ScaledClock(Micros(at), 6.0)
        sandbox = Sandbox(world, clock)
        sock = listen("127.0.0.1", 0)
        server = make_server(SandboxApp(sandbox))
        running = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            await trade(sandbox, clock, "http://{}:{}".format(*sock.getsockname()[:2]))
        finally:
            server.should_exit = True
            await running
            sock.close()

    asyncio.run(asyncio.wait_for(served(), 30))


async def trade(sandbox, clock, base):
    side = SandboxSide(sandbox_signer())
    side.clock, side.sandbox = clock, sandbox
    http = HttpClient(Endpoints.sandbox(base), clock)
    venue = side.venue = await sandbox_venue(http)
    events = []
    async with listening(side, events):
        order = await venue.prepare(side.intent(side.quotes()[1], 10, kind="FAK"), 77)
        assert (await venue.submit(order)).status == "matched"
        assert order.order_id == (await venue.submit(order)).order_id
        while not any(isinstance(event, FillReport) and event.settlement is Settlement.CONFIRMED for event in events):
            await asyncio.sleep(0.02)
        snapshot = await venue.account(Micros(0))
    await http.close()
    assert isinstance(events[0], ContinuityLost)
    assert snapshot.complete
    assert [one.shares_e6 for one in snapshot.holdings] == [10_000_000]
    sandbox.exchange.bank.check()


def test_a_fill_at_an_average_price_is_a_fill():
    from edgeworth.venues.polymarket.account_rows import Owner, fill_reports
    from edgeworth.venues.polymarket.user_wire import read_trade

    part = {
        "order_id": "0x0a",
        "owner": "x",
        "maker_address": "0xAB",
        "matched_amount": "5",
        "price": "0.53",
        "asset_id": "2",
    }
    row = {
        "id": "t",
        "taker_order_id": "0xFF",
        "asset_id": "1",
        "side": "BUY",
        "size": "15",
        "price": "0.523333333",
        "status": "TRADE_STATUS_MATCHED_NOT_BROADCASTED",
        "trader_side": "TAKER",
        "match_time": "2026-05-01T00:00:00Z",
        "maker_orders": [part],
    }
    trade = read_trade(row, 7)
    (fill,) = fill_reports(trade, Owner("0xcd", "k"), 8)
    assert (fill.order_id, fill.price_e4, fill.shares_e6, fill.settlement) == (
        "0xff",
        5_233,
        15_000_000,
        Settlement.MATCHED,
    )
    assert fill.event_time == 1_777_593_600_000_000
    # the same trade seen by the maker on the other token: two buyers make a pair
    (made,) = fill_reports(read_trade({**row, "trader_side": "MAKER"}, 7), Owner("0xab", "k"), 8)
    assert (made.order_id, made.token, made.is_buy, made.price_e4, made.is_maker) == ("0x0a", "2", True, 5_300, True)
    # on the same token they stand against each other, and parts of one order add up
    same = {**part, "asset_id": "1"}
    (sold,) = fill_reports(
        read_trade({**row, "trader_side": "MAKER", "maker_orders": [same, same]}, 7), Owner("0xab", "k"), 8
    )
    assert (sold.is_buy, sold.shares_e6) == (False, 10_000_000)
    # a payload that does not say who we are: a maker's part of ours decides
    silent = {name: value for name, value in row.items() if name != "trader_side"}
    assert fill_reports(read_trade(silent, 7), Owner("0xab", "k"), 8)[0].is_maker
    assert not fill_reports(read_trade(silent, 7), Owner("0xcd", "k"), 8)[0].is_maker
