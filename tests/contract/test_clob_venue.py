"""The order service's adapter against every way the simulated venue can misbehave: what is proven, and what is not."""

import asyncio

import httpx2
import msgspec
import pytest
from tests.support.order_venues import PaperSide, SandboxSide, listening, tries

from edgeworth.core import random
from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import Fatal, Rejected, Retryable, Unknown
from edgeworth.core.orders import ContinuityLost, FillReport, OrderReport, Settlement
from edgeworth.core.units import Micros
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket.auth import log_in, request_signature
from edgeworth.venues.polymarket.order_outcomes import read_answer
from edgeworth.venues.polymarket.orders import Account, ClobVenue
from edgeworth.venues.polymarket.signing import KeySigner, Unsigned, make_wallet
from edgeworth.venues.polymarket.user_stream import Credentials

START = Micros(0)
NAME = "0x" + "ab" * 32


def play(story, signer=None, limits=None):
    side = SandboxSide(signer, limits)
    side.sent = []
    inner = side.transport.handle_async_request

    async def watched(request):
        side.sent.append((request.method, request.url.path, await request.aread()))
        return await inner(request)

    side.transport.handle_async_request = watched

    async def main():
        await side.open()
        await story(side, side.venue)
        side.bank().check()

    side.run(main())
    return side


async def prepared(side, price=None, shares=10, **terms):
    intent = side.intent(side.quotes()[0] - 300 if price is None else price, shares, **terms)
    return await side.venue.prepare(intent, side.salt())


def posts(side):
    return [body for method, path, body in side.sent if (method, path) == ("POST", "/clob/order")]


@pytest.mark.parametrize(
    "fault",
    [
        "timeout-after-accept",
        "order-timeout-accepted",
        "match-delayed",
        "html-for-json",
        "truncated-body",
        "empty-body",
        "timeout",
    ],
)
def test_a_lost_answer_proves_nothing_and_evidence_finds_the_order(fault):
    async def story(side, venue):
        order = await prepared(side)
        side.faults.switch_on(fault, 60, share=1.0, services=("clob",))
        with pytest.raises(Unknown) as caught:
            await venue.submit(order)
        assert caught.value.code == "order-uncertain"
        assert not caught.value.details.get("refused")
        side.faults.switch_off(fault)
        assert (await venue.order(order.order_id)).status == "live"
        again = await venue.submit(order)
        assert (again.status, again.order_id) == ("live", order.order_id)
        assert posts(side) == [order.body, order.body]
        assert len((await venue.account(START)).orders) == 1

    play(story)


@pytest.mark.parametrize("fault", ["outage", "server-error", "unavailable"])
def test_an_order_that_never_arrived_is_as_unknown_as_one_that_did(fault):
    async def story(side, venue):
        order = await prepared(side)
        side.faults.switch_on(fault, 60, share=1.0, services=("clob",))
        with pytest.raises(Unknown):
            await venue.submit(order)
        side.faults.switch_off(fault)
        await side.clock.sleep(60)
        assert await venue.order(order.order_id) is None
        assert await venue.order_fills(order.order_id) == []
        assert (await venue.submit(order)).status == "live"

    play(story)


def test_a_filled_order_whose_answer_was_lost_is_found_in_the_trades():
    async def story(side, venue):
        order = await prepared(side, side.quotes()[1], kind="FAK")
        side.faults.switch_on("timeout-after-accept", 5)
        with pytest.raises(Unknown):
            await venue.submit(order)
        await side.clock.sleep(10)
        assert await venue.order(order.order_id) is None
        (fill,) = await venue.order_fills(order.order_id)
        assert (fill.shares_e6, fill.settlement) == (10_000_000, Settlement.CONFIRMED)
        again = await venue.submit(order)
        assert again.status == "delayed"  # it was taken; where it stands is told by its fills
        assert len(await venue.order_fills(order.order_id)) == 1

    play(story)


def test_a_copy_on_the_wire_is_no_second_order():
    async def story(side, venue):
        side.faults.switch_on("duplicate-resend", 60)
        order = await prepared(side)
        assert (await venue.submit(order)).status == "live"
        assert len((await venue.account(START)).orders) == 1

    play(story)


def test_a_failure_to_look_after_a_duplicate_is_no_refusal():
    async def story(side, venue):
        order = await prepared(side)
        await venue.submit(order)
        inner = side.transport.handle_async_request

        async def blind(request):
            if request.url.path.startswith("/clob/data"):
                return httpx2.Response(401, json={"error": "Unauthorized/Invalid api key"}, request=request)
            return await inner(request)

        side.transport.handle_async_request = blind
        assert (await venue.submit(order)).status == "delayed"

    play(story)


def test_a_restart_lets_nothing_leave_that_would_be_refused():
    async def story(side, venue):
        begun = side.clock.now()
        side.faults.switch_on("engine-restart", 300, restart=90, post_only=120)
        order = await prepared(side)
        with pytest.raises(Unknown) as caught:
            await venue.submit(order)
        assert caught.value.details["restriction"] == "restarting"
        count = len(posts(side))
        with pytest.raises(Retryable) as held:
            await venue.submit(await prepared(side))
        assert held.value.details["sent"] is False
        assert len(posts(side)) == count
        await side.clock.sleep(95)
        with pytest.raises(Unknown) as limited:
            await venue.submit(await prepared(side))
        assert limited.value.details["restriction"] == "post-only"
        assert venue.restriction.until > begun + 200_000_000
        assert (await venue.submit(await prepared(side, post_only=True))).status == "live"
        count = len(posts(side))
        with pytest.raises(Retryable):
            await venue.submit(await prepared(side))
        assert len(posts(side)) == count
        await side.clock.sleep(140)
        assert (await venue.submit(order)).status == "live"
        assert venue.restriction is None

    play(story)


@pytest.mark.parametrize(
    ("fault", "word", "cancels"), [("cancel-only", "cancel-only", True), ("trading-disabled", "disabled", False)]
)
def test_a_venue_that_takes_no_orders(fault, word, cancels):
    async def story(side, venue):
        resting = await prepared(side)
        await venue.submit(resting)
        side.faults.switch_on(fault, 20)
        with pytest.raises(Unknown) as caught:
            await venue.submit(await prepared(side))
        assert caught.value.details["restriction"] == word
        if cancels:
            assert await venue.cancel([resting.order_id]) == {resting.order_id: ""}
        else:
            with pytest.raises(Retryable, match="503"):
                await venue.cancel([resting.order_id])

    play(story)


def test_too_many_requests_were_certainly_not_taken():
    async def story(side, venue):
        order = await prepared(side)
        side.faults.switch_on("rate-limited", 5, share=1.0, retry_after=5)
        with pytest.raises(Retryable) as caught:
            await venue.submit(order)
        assert caught.value.details["retry_after_s"] == 5
        assert caught.value.details["refused"]
        begun = side.clock.now()
        assert (await venue.submit(order)).status == "live"
        assert side.clock.now() - begun >= 5_000_000

    play(story)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("closed-only", "account-restricted"),
        ("address-banned", "account-restricted"),
        ("deposit-wallet-required", "wallet-mismatch"),
        ("order-version-mismatch", "venue-protocol"),
    ],
)
def test_what_a_person_must_look_at_stops_everything(fault, code):
    async def story(side, venue):
        order = await prepared(side)
        side.faults.switch_on(fault, 60)
        with pytest.raises(Fatal) as caught:
            await venue.submit(order)
        assert (caught.value.code, caught.value.details["refused"]) == (code, True)
        assert (await venue.account(START)).orders == ()

    play(story)


def test_a_delayed_order_is_told_when_it_is_decided():
    async def story(side, venue):
        events = []
        async with listening(side, events):
            side.faults.switch_on("delayed-matched", 2, {"seconds": 3})
            order = await prepared(side, side.quotes()[1])
            assert (await venue.submit(order)).status == "delayed"
            await side.clock.sleep(12)
            side.faults.switch_on("delayed-unmatched", 2, {"seconds": 3})
            other = await prepared(side, side.quotes()[1])
            assert (await venue.submit(other)).status == "delayed"
            await side.clock.sleep(12)
        last = {event.order_id: event.status for event in events if isinstance(event, OrderReport)}
        assert last == {order.order_id: "matched", other.order_id: "unmatched"}
        assert len(await venue.order_fills(order.order_id)) == 1
        assert await venue.order_fills(other.order_id) == []

    play(story)


def test_a_trade_that_fails_on_chain_moves_nothing():
    async def story(side, venue):
        events = []
        async with listening(side, events):
            side.faults.switch_on("trade-failed", 2)
            order = await prepared(side, side.quotes()[1], kind="FAK")
            assert (await venue.submit(order)).status == "matched"
            await side.clock.sleep(10)
        steps = [event.settlement for event in events if isinstance(event, FillReport)]
        assert steps == [Settlement.MATCHED, Settlement.RETRYING, Settlement.FAILED]
        snapshot = await venue.account(START)
        assert (snapshot.cash_e6, snapshot.holdings) == (10_000_000_000, ())
        assert [fill.settlement for fill in snapshot.fills] == [Settlement.FAILED]

    play(story)


def test_a_resting_order_hears_of_its_own_part_of_a_trade():
    """A second account takes what the first one offers inside the spread."""

    async def story(side, venue):
        other = Unsigned("somebody else")
        keys = await log_in(side.http, other, side.clock.now())
        taker = ClobVenue(side.http, other, Account(make_wallet(other.address), keys), name="sandbox")
        bid, ask = side.quotes()
        middle = (bid + ask) // 200 * 100
        events = []
        async with listening(side, events):
            order = await prepared(side, middle, 20)
            await venue.submit(order)
            # whoever buys NO at the complement meets a buyer of YES: a pair is made for them
            crossing = side.intent(10_000 - middle, 12, token=side.no)
            hit = await taker.prepare(crossing, side.salt())
            assert (await taker.submit(hit)).matched_e6 == 12_000_000
            await side.clock.sleep(10)
        (fill,) = await venue.order_fills(order.order_id)
        assert (fill.price_e4, fill.shares_e6, fill.is_buy, fill.is_maker, fill.token) == (
            middle,
            12_000_000,
            True,
            True,
            side.yes,
        )
        assert fill.fee_e6 == 0
        assert {(e.trade_id, e.order_id, e.shares_e6) for e in events if isinstance(e, FillReport)} == {
            (fill.trade_id, order.order_id, 12_000_000)
        }
        (theirs,) = await taker.order_fills(hit.order_id)
        assert (theirs.token, theirs.is_buy, theirs.is_maker, theirs.price_e4) == (
            side.no,
            True,
            False,
            10_000 - middle,
        )
        assert (await venue.order(order.order_id)).matched_e6 == 12_000_000

    play(story)


def test_a_socket_that_breaks_says_that_something_may_be_missing():
    async def story(side, venue):
        events = []
        async with listening(side, events):
            side.faults.switch_on("ws-close", 40)
            await side.clock.sleep(60)
            order = await prepared(side)
            await venue.submit(order)
            await side.clock.sleep(1)
        gaps = [event for event in events if isinstance(event, ContinuityLost)]
        assert isinstance(events[0], ContinuityLost)
        assert len(gaps) >= 2
        assert [event.order_id for event in events if isinstance(event, OrderReport)] == [order.order_id]

    play(story)


def test_steps_of_a_trade_that_come_twice_are_told_once():
    async def story(side, venue):
        events = []
        async with listening(side, events):
            side.faults.switch_on("ws-duplicate-trades", 60)
            await venue.submit(await prepared(side, side.quotes()[1], kind="FAK"))
            await side.clock.sleep(10)
        assert len([event for event in events if isinstance(event, FillReport)]) == 3

    play(story)


def test_the_balance_is_the_chains_not_the_venues_memory():
    async def story(side, venue):
        await venue.account(START)
        side.faults.switch_on("balance-stale", 600)
        await venue.reads.cash()
        order = await prepared(side, side.quotes()[1], kind="FAK")
        await venue.submit(order)
        await side.clock.sleep(10)
        assert await venue.reads.cash() == 10_000_000_000
        (fill,) = await venue.order_fills(order.order_id)
        assert fill.fee_e6 > 0
        spent = 10 * fill.price_e4 * 100 + fill.fee_e6
        assert (await venue.account(START)).cash_e6 == 10_000_000_000 - spent

    play(story)


def test_a_heartbeat_of_the_wrong_number_is_repeated_with_the_right_one():
    async def story(side, venue):
        await venue.submit(await prepared(side))
        side.faults.switch_on("heartbeat-mismatch", 600)
        for _ in range(6):
            await venue.heartbeat()
            await side.clock.sleep(5)
        assert len((await venue.account(START)).orders) == 1

    play(story)


class OffClock:
    """A machine whose clock is off."""

    def __init__(self, clock, off_s):
        self.clock, self.off = clock, off_s * 1_000_000

    def now(self):
        return Micros(self.clock.now() + self.off)

    def __getattr__(self, name):
        return getattr(self.clock, name)


@pytest.mark.parametrize("off_s", [45, -400])
def test_requests_are_signed_on_the_venues_clock(off_s):
    async def story(side, venue):
        side.faults.switch_on("strict-timestamps", 600, window_s=30)
        http = HttpClient(side.http.endpoints, OffClock(side.clock, off_s), transport=side.transport)
        keys = await log_in(http, side.signer, side.clock.now())
        astray = ClobVenue(http, side.signer, Account(make_wallet(side.signer.address), keys))
        order = await prepared(side)
        with pytest.raises(Fatal) as caught:
            await astray.submit(order)
        assert caught.value.code == "venue-unauthorised"
        assert abs(await astray.server_time() - side.clock.now()) <= 1_000_000
        assert abs(astray.clock_offset + off_s * 1_000_000) <= 1_000_000
        assert (await astray.submit(order)).status == "live"

    play(story)


def test_what_may_not_be_sent_stays_here_until_the_last_instant():
    async def story(side, venue):
        stopped = []

        def guard(_is_buy):
            if stopped:
                raise Retryable("venue-restarting", "held back")

        account = Account(make_wallet(side.signer.address), await log_in(side.http, side.signer, side.clock.now()))
        guarded = ClobVenue(side.http, side.signer, account, may_send=guard)
        order = await prepared(side)
        side.http.limiter.hold("clob/order", 3.0)
        waiting = asyncio.create_task(guarded.submit(order))
        await side.clock.sleep(1)
        stopped.append(True)
        with pytest.raises(Retryable):
            await waiting
        assert posts(side) == []

    play(story)


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
def test_real_signatures_of_every_kind_of_wallet_are_accepted_by_the_judge(signature_type):
    signer = KeySigner(bytes(31) + b"\x07")
    funder = signer.address if signature_type == 0 else "0x" + "00" * 18 + "dEaD"

    async def story(side, venue):
        assert side.sandbox.exchange.members.verifier.exact
        keys = await log_in(side.http, signer, side.clock.now())
        other = ClobVenue(side.http, signer, Account(make_wallet(signer.address, funder, signature_type), keys))
        intent = side.intent(side.quotes()[1], 10, kind="FAK")
        order = await other.prepare(intent, side.salt())
        assert (await other.submit(order)).status == "matched"
        await side.clock.sleep(6)
        snapshot = await other.account(START)
        assert snapshot.complete
        assert [one.shares_e6 for one in snapshot.holdings] == [10_000_000]
        forged = msgspec.json.decode(order.body)
        forged["order"]["salt"] += 1
        broken = msgspec.structs.replace(order, body=msgspec.json.encode(forged), order_id="0x" + "1" * 64)
        with pytest.raises(Fatal) as caught:
            await other.submit(broken)
        assert caught.value.code == "wallet-mismatch"

    play(story, signer)


def test_a_signer_without_a_key_is_for_this_machine_alone():
    clock = VirtualClock(Micros(1_795_000_000_000_000))
    account = Account(make_wallet(Unsigned().address), Credentials("k", "c2VjcmV0", "p"))
    with pytest.raises(Fatal) as caught:
        ClobVenue(HttpClient(Endpoints(), clock), Unsigned(), account)
    assert caught.value.code == "signing-failed"
    with pytest.raises(Fatal) as other:
        ClobVenue(HttpClient(Endpoints.sandbox("http://127.0.0.1:1"), clock), Unsigned("another"), account)
    assert other.value.code == "wallet-mismatch"


def answer(status, body, **headers):
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Payload(body=raw, status=status, headers=headers, observed_at=Micros(0), url="http://x/order")


GOOD = {"errorMsg": "", "orderID": NAME, "takingAmount": "", "makingAmount": "", "status": "live", "success": True}
WORDS = {
    "Invalid order payload": (400, Rejected, "order-malformed"),
    "order 0xab is invalid. Price (0.5) breaks minimum tick size rule: 0.01": (400, Rejected, "order-off-tick"),
    "order 0xab is invalid. Size (3) lower than the minimum: 5": (400, Rejected, "order-too-small"),
    "not enough balance / allowance: balance: 0, order amount: 5": (400, Rejected, "order-no-money"),
    "invalid expiration": (400, Rejected, "order-bad-expiry"),
    "invalid nonce": (400, Rejected, "order-malformed"),
    "invalid post-only order: order crosses book": (400, Rejected, "order-would-cross"),
    "order couldn't be fully filled. FOK orders are fully filled or killed.": (400, Rejected, "order-not-filled"),
    "no orders found to match with FAK order. FAK orders are partially filled": (400, Rejected, "order-not-filled"),
    "the market is not yet ready to process new orders": (400, Retryable, "venue-restarting"),
    "order match delayed due to market conditions": (400, Unknown, "order-uncertain"),
    "the order owner has to be the owner of the API KEY": (400, Fatal, "venue-unauthorised"),
    "the order signer address has to be the address of the API KEY": (400, Fatal, "wallet-mismatch"),
    "'0xab' address banned": (400, Fatal, "account-restricted"),
    "'0xab' address in closed only mode": (400, Fatal, "account-restricted"),
    "maker address not allowed, please use the deposit wallet flow": (400, Fatal, "wallet-mismatch"),
    "order_version_mismatch": (400, Fatal, "venue-protocol"),
    "Unauthorized/Invalid api key": (401, Fatal, "venue-unauthorised"),
    "Invalid L1 Request headers": (401, Fatal, "venue-unauthorised"),
    "Trading restricted in your region": (403, Fatal, "venue-forbidden"),
    "No orderbook exists for the requested token id": (404, Rejected, "order-no-market"),
    "market not found": (404, Rejected, "order-no-market"),
    "the matching engine is restarting": (425, Unknown, "order-uncertain"),
    "Too Many Requests": (429, Retryable, "venue-rate-limited"),
    "order timed out": (500, Unknown, "order-uncertain"),
    "post-only mode: only post-only orders and cancels are allowed": (503, Unknown, "order-uncertain"),
    "Trading is currently cancel-only. New orders are not accepted": (503, Unknown, "order-uncertain"),
    "Trading is currently disabled.": (503, Unknown, "order-uncertain"),
    "something nobody has documented": (400, Unknown, "order-uncertain"),
    "something else nobody has documented": (404, Unknown, "order-uncertain"),
}


@pytest.mark.parametrize("words", WORDS)
def test_the_catalogue_of_refusals(words):
    status, kind, code = WORDS[words]
    with pytest.raises(kind) as caught:
        read_answer(answer(status, {"error": words}), NAME)
    assert caught.value.code == code
    assert bool(caught.value.details["refused"]) == (kind is not Unknown)
    if status == 400 and kind is not Unknown:  # the same words may come with status 200
        with pytest.raises(kind) as again:
            read_answer(answer(200, {**GOOD, "success": False, "errorMsg": words, "orderID": "", "status": ""}), NAME)
        assert again.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        {**GOOD, "orderID": ""},
        {**GOOD, "success": False},
        {**GOOD, "success": "true"},
        {**GOOD, "status": "unmatched"},
        {**GOOD, "status": "eaten"},
        {**GOOD, "errorMsg": "not enough balance / allowance", "orderID": ""},
        {**GOOD, "errorMsg": "odd", "success": True},
        {},
        [],
        [GOOD],
        None,
        b"",
        b"<html>",
        b'{"success":true',
    ],
)
def test_a_success_that_is_none_proves_nothing(body):
    with pytest.raises(Unknown):
        read_answer(answer(200, body), NAME)


def test_acceptance_and_its_amounts():
    taken = read_answer(
        answer(200, {**GOOD, "status": "matched", "takingAmount": "12.5", "makingAmount": 6, "tradeIDs": ["t"]}), NAME
    )
    assert taken == ("matched", 12_500_000, 6_000_000, ("t",))
    assert read_answer(answer(400, {"error": f"order {NAME} is invalid. Duplicated."}), NAME).status == "duplicate"
    assert read_answer(answer(201, GOOD), NAME).status == "live"
    with pytest.raises(Unknown) as caught:
        read_answer(answer(200, {**GOOD, "orderID": "0x12"}), NAME)
    assert caught.value.code == "order-id-differs"
    with pytest.raises(Unknown):
        read_answer(answer(403, b"error code: 1010"), NAME)


def test_request_signatures():
    secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert (
        request_signature(secret, 1763640000, "GET", "/data/orders") == "0LbwV_s463IWU5fogIkRWPl-_iAuDUpH9BynrPCWIwI="
    )
    signed = request_signature(secret, 1763640000, "DELETE", "/order", b'{"orderID":"0xabc"}')
    assert signed == "vckLeoCutLTpT4_A5L9u8SKKDGTIWFLDIfHEnbFahRo="


def test_reading_gives_up_where_the_venue_does_not_answer():
    async def story(side, venue):
        side.faults.switch_on("server-error", 600, share=1.0, services=("clob",))
        with pytest.raises(Retryable):
            await venue.order(NAME)
        with pytest.raises(Retryable):
            await venue.account(START)

    play(story, limits=tries(2))


def test_paper_and_the_simulated_venue_agree_order_by_order():
    """The same takers, one after the other, on the same quiet book: equal fills, fees and money."""
    draws = random.stream(6, "agreement")
    tape = []
    for _ in range(30):
        buy = bool(draws.random() < 0.7)
        tape.append(
            (
                buy,
                int(draws.integers(-3, 6)) * 100,
                float(draws.integers(5, 40)),
                ("FAK", "FOK", "GTD")[int(draws.integers(0, 3))],
            )
        )

    def played(side):
        found = []

        async def main():
            await side.open()
            for buy, beyond, shares, kind in tape:
                bid, ask = side.quotes()
                price = ask + beyond if buy else bid - beyond
                order = await side.venue.prepare(side.intent(price, shares, buy=buy, kind=kind), side.salt())
                try:
                    report = await side.venue.submit(order)
                    found.append((report.status, report.matched_e6))
                except Rejected as error:
                    found.append(error.code)
                fills = await side.venue.order_fills(order.order_id)
                found.append(sorted((fill.price_e4, fill.shares_e6, fill.fee_e6, fill.is_buy) for fill in fills))
                await side.venue.cancel([order.order_id])
                await side.settle(6)
            snapshot = await side.venue.account(START)
            found.append((snapshot.cash_e6, sorted((one.token, one.shares_e6) for one in snapshot.holdings)))

        side.run(main())
        return found

    paper, sandbox = played(PaperSide()), played(SandboxSide())
    assert paper == sandbox
    assert any(fill[2] for fills in paper[1:-1:2] for fill in fills)
    assert sum(bool(fills) for fills in paper[1::2]) > 8
