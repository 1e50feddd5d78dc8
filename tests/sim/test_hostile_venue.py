"""What a venue, a market, a network or this machine may do to the bot: no order leaves that should not.

The bot runs as `edgeworth trade run --sandbox` does; what left is counted where the venue receives it. Every case says
how many orders may leave while it lasts, which codes denials carry, which halts stand, and who ends them.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.support.hostile import Stage, play, prepare

from edgeworth.trading.halts import HaltCause, Resume, TradingState, raise_halt


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    prepare(folder)
    return folder


@pytest.fixture
def folder(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "own")
    return tmp_path / "own"


@dataclass(frozen=True)
class Case:
    """One misfortune: how it begins and ends; `most` orders may leave while it lasts, none where it is 0."""

    begin: Callable[[Stage], Any]
    end: Callable[[Stage], Any]
    codes: frozenset[str] = frozenset()
    halts: frozenset[str] = frozenset()
    most: int = 0
    operator: bool = False
    grace: float = 0.0  # minutes until it can be known
    minutes: float = 2.0


def switch(name, **parameters):
    """Return how a fault of the catalogue begins and ends."""
    return (
        lambda stage: stage.faults.switch_on(name, with_=parameters),
        lambda stage: stage.faults.switch_off(name),
    )


def answering(choose):
    """Return how the network begins and ends to answer in the venue's place."""

    def begin(stage):
        async def meddle(request):
            return await choose(stage, request)

        stage.wire.meddle = meddle

    def end(stage):
        stage.wire.meddle = None

    return begin, end


def _no_heartbeat():
    async def choose(stage, request):
        if request.url.path == "/clob/v1/heartbeats":
            return httpx2.Response(500, json={"error": "internal"}, request=request)
        return None

    return answering(choose)


def _frozen_books():
    kept = {}

    async def choose(stage, request):
        if request.url.path != "/clob/books":
            return None
        body = await request.aread()
        if body not in kept:
            answer = await stage.wire.inner.handle_async_request(request)
            kept[body] = (answer.status_code, bytes(await answer.aread()))
        status, content = kept[body]
        return httpx2.Response(status, content=content, request=request)

    return answering(choose)


def _sockets_down():
    def begin(stage):
        stage.faults.switch_on("ws-close", with_={"seconds": 0})
        stage.faults.switch_on("ws-refused")

    def end(stage):
        stage.faults.switch_off("ws-close")
        stage.faults.switch_off("ws-refused")

    return begin, end


CASES = {
    "a frozen feed of books": Case(*_frozen_books(), grace=2.4, most=0),
    "books of minutes ago": Case(*switch("books-stale", seconds=300)),
    "a clock that is late": Case(
        *switch("clock-skew", seconds=12), frozenset({"halted"}), frozenset({"clock-skew"}), grace=1.1
    ),
    "a clock that is early": Case(
        *switch("clock-skew", seconds=-12), frozenset({"halted"}), frozenset({"clock-skew"}), grace=1.1
    ),
    "an engine that restarts": Case(
        *switch("engine-restart", restart=90, post_only=60), frozenset({"venue-disabled"}), most=9, minutes=1.5
    ),
    "cancels only": Case(*switch("cancel-only"), frozenset({"venue-cancel-only"}), most=6),
    "trading disabled": Case(*switch("trading-disabled"), frozenset({"venue-disabled"}), most=6),
    "a region that is refused": Case(
        *switch("geoblocked"), frozenset({"halted"}), frozenset({"geoblock"}), operator=True, grace=1.1
    ),
    "an account that may only close": Case(
        *switch("closed-only"), frozenset({"reducing"}), frozenset({"closed-only"}), operator=True, grace=1.1
    ),
    "a feed of own orders that is down": Case(*_sockets_down(), frozenset({"account-feed-gap"}), grace=0.4),
    "heartbeats that are not heard": Case(*_no_heartbeat(), frozenset({"halted"}), frozenset({"heartbeat"}), grace=0.4),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_leaves_that_should_not(folder, name):
    case = CASES[name]

    async def story(stage):
        await stage.live(1.5)
        assert stage.posts()
        case.begin(stage)
        await stage.live(case.grace)
        since, before = stage.clock.now(), stage.codes()
        await stage.live(case.minutes)
        left = stage.posts(since)
        assert len(left) <= case.most, left
        assert not [post for post in left if post[2] == 200]
        told = {code for code, count in stage.codes().items() if count > before.get(code, 0)}
        assert case.codes <= told
        assert "allowed" not in told
        assert stage.halts() == case.halts
        case.end(stage)
        await stage.live(0.5)
        if case.operator:
            stage.resume()
        again = stage.clock.now()
        await stage.live(3.0)
        assert [post for post in stage.posts(again) if post[2] == 200]
        assert not stage.halts()
        await stage.settled()

    play(folder, story)


LISTED = {
    "disputed": {"umaResolutionStatus": "disputed"},
    "proposed": {"umaResolutionStatus": "proposed"},
    "closed": {"closed": True, "active": False},
    "paused": {"acceptingOrders": False},
}


def _listed_as(word, condition):
    async def choose(stage, request):
        if not request.url.path.startswith("/gamma/markets"):
            return None
        answer = await stage.wire.inner.handle_async_request(request)
        told = json.loads(await answer.aread())
        for row in told["markets"]:
            if row["conditionId"] == condition:
                row.update(LISTED[word])
        return httpx2.Response(answer.status_code, json=told, request=request)

    return answering(choose)


@pytest.mark.parametrize("word", LISTED)
def test_a_market_that_is_not_open_is_left_alone_although_it_has_a_book(folder, word):
    async def story(stage):
        await stage.live(1.5)
        intent = stage.next_wanted()
        begin, end = _listed_as(word, intent.instrument.condition)
        begin(stage)
        await stage.live(1.2)
        since = stage.clock.now()
        await stage.live(3.0)
        market = stage.number(intent.instrument.token)
        left = {stage.number(token) for _, token, _, _ in stage.posts(since)}
        assert left
        assert market not in left
        assert any(book.market_no == intent.instrument.market_no for book in stage.lines[-1].tick.books) == (
            word != "closed"
        )
        plans = [one for one in stage.lines[-1].planned if f"/{intent.instrument.market_no}/" in one.name]
        assert {one.code.text for one in plans} <= {"after-resolution"}
        end(stage)
        again = stage.clock.now()
        await stage.live(3.0)
        assert market in {stage.number(token) for _, token, _, _ in stage.posts(again)}
        await stage.settled()

    play(folder, story)


def test_a_market_that_ends_and_pays_is_bought_no_more_and_redeemed(folder):
    async def story(stage):
        await stage.live(2.5)
        token = stage.posts()[0][1]
        market = stage.number(token)
        live, now = stage.sandbox.live, stage.clock.now()
        live.proposed_at, live.resolved_at = live.proposed_at.copy(), live.resolved_at.copy()
        live.proposed_at[market], live.resolved_at[market] = now, now + 30_000_000
        await stage.live(4.0)
        assert market not in {stage.number(one) for at, one, _, _ in stage.posts(now)}
        assert stage.posts(now)
        await stage.settled()
        assert not stage.halts()

    play(folder, story)


def test_events_that_pay_against_us_one_after_another_halt(folder):
    async def story(stage):
        await stage.live(8.5)
        live, now = stage.sandbox.live, stage.clock.now()
        live.proposed_at, live.resolved_at = live.proposed_at.copy(), live.resolved_at.copy()
        bought = [live.names.find_token(token) for _, token, _, _ in stage.posts()]
        lost = [market for market, leg in bought if live.world.final_e4[market] == (10_000 if leg else 0)]
        for market in lost[:2]:
            live.proposed_at[market], live.resolved_at[market] = now, now + 30_000_000
        await stage.live(4.0)
        assert stage.halts() == {"loss-streak"}
        sent = len(stage.posts())
        await stage.live(2.0)
        assert len(stage.posts()) == sent
        await stage.settled()

    play(folder, story, **{"trading.loss_streak": 2})


def test_a_tick_that_changes_makes_no_order_on_the_old_grid(folder):
    async def story(stage):
        await stage.live(1.5)
        for turn in range(4):
            (stage.faults.switch_off if turn % 2 else stage.faults.switch_on)("tick-change")
            await stage.live(1.5)
        assert len(stage.posts()) >= 5
        assert {status for _, _, status, _ in stage.posts()} == {200}
        await stage.settled()

    play(folder, story)


def test_a_silent_socket_of_own_orders_doubles_nothing(folder):
    async def story(stage):
        await stage.live(1.5)
        stage.faults.switch_on("ws-silent", with_={"seconds": 600})
        await stage.live(4.0)
        stage.faults.switch_off("ws-silent")
        tokens = [token for _, token, _, _ in stage.posts()]
        assert len(tokens) == len(set(tokens)) >= 4
        assert not stage.halts()
        await stage.settled()

    play(folder, story)


def test_a_full_disk_halts_until_there_is_room(folder, monkeypatch):
    async def story(stage):
        await stage.live(1.5)
        usage, room = shutil.disk_usage, 10_000
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=room))
        since = stage.clock.now()
        await stage.live(2.0)
        assert not stage.posts(since)
        assert stage.halts() == {"disk"}
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=10**12))
        await stage.live(2.0)
        assert stage.posts(since)
        assert not stage.halts()

    play(folder, story)


@pytest.mark.parametrize("cause", [HaltCause.KILLED, HaltCause.PAUSED])
def test_an_order_that_waits_in_the_queue_of_the_client_does_not_leave_after_a_halt(folder, cause):
    state = TradingState.HALTED if cause is HaltCause.KILLED else TradingState.REDUCING

    async def story(stage):
        await stage.live(1.5)
        stage.http.limiter.hold("clob/order", 40.0)
        since = stage.clock.now()
        while not stage.sending():
            await stage.clock.sleep(1.0)
        halt = raise_halt(cause, state, Resume.OPERATOR, "test", stage.clock.now())
        stage.bot.parts.journal.record_halt(halt)
        await stage.live(2.0)
        assert not stage.posts(since)
        assert not stage.sending()
        stage.resume()
        await stage.live(2.5)
        assert stage.posts(since)
        await stage.settled()

    play(folder, story)
