"""One intent, at most one order: each answer counts for what it proves."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from tests.support.deeds import CASH, T0, affordable, allow, fill, intent, report
from tests.support.scripted_venue import ScriptedVenue

from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import AccessError, Fatal, Rejected, Retryable, Unknown
from edgeworth.core.orders import ContinuityLost, OrderState, TimeInForce
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.trading.halts import HaltCause, Resume, TradingState, lift, raise_halt
from edgeworth.trading.journal import MemoryDisk, MemoryJournal, Verdict
from edgeworth.trading.manager import Hooks, ManagerSettings, OrderManager

BUSY = Retryable("venue-rate-limited", "slow down")
LOST = Unknown("venue-timeout", "no answer")
REFUSED = Rejected("venue-refused", "not enough balance")
CALM = ManagerSettings(heartbeat_age=0)


class Bench:
    """A manager over a scripted venue in virtual time."""

    def __init__(self, settings=CALM, disk=None, **hooks):
        self.clock = VirtualClock(T0)
        self.disk = disk or MemoryDisk()
        self.settings, self.hooks = settings, Hooks(**hooks)

    def run(self, story, *, recovered=True):
        async def main():
            self.venue = ScriptedVenue(self.clock)
            self.start()
            if recovered:
                await self.manager.recover()
            await story(self)

        run_virtual(self.clock, main())

    def start(self):
        self.journal = MemoryJournal(self.disk, self.clock, self.hooks.fault)
        self.manager = OrderManager(self.journal, self.venue, self.clock, 1, self.settings, self.hooks)
        return self.manager

    async def submit(self, wanted=None, check=None):
        wanted = wanted or intent(at=self.clock.now())
        return await self.manager.submit(wanted, check or allow(wanted))

    async def resolve(self, seconds, step=1.0):
        for _ in range(int(seconds / step)):
            await self.clock.sleep(step)
            await self.manager.resolve_unknown()

    @property
    def order(self):
        return self.journal.account.orders["i1"]

    @property
    def ledger(self):
        return self.journal.account.ledger


def test_an_accepted_order_rests_with_its_money_set_aside():
    async def story(bench):
        found = await bench.submit()
        assert (found.code, found.order.state) == ("allowed", OrderState.LIVE)
        assert bench.ledger["reserved"] == 5_000_000
        again = await bench.submit()
        assert again.order is found.order
        assert len(bench.venue.sent()) == 1

    Bench().run(story)


def test_everything_is_on_the_disk_before_the_first_byte_leaves():
    seen = []

    async def story(bench):
        def look():
            order = MemoryJournal(bench.disk, bench.clock).account.orders["i1"]
            seen.append((order.state, order.prepared.body, order.salt, order.order_id))
            return bench.venue.accept("0xi1")

        bench.venue.told("submit", look)
        await bench.submit()
        ((_, _, salt),) = [call for call in bench.venue.calls if call[0] == "prepare"]
        assert seen == [(OrderState.SENDING, f"i1:{salt}".encode(), salt, "0xi1")]

    Bench().run(story)


def test_what_certainly_did_not_arrive_is_sent_again_with_the_same_bytes():
    async def story(bench):
        bench.venue.told("submit", BUSY, BUSY)
        found = await bench.submit()
        assert found.order.state is OrderState.LIVE
        assert len(bench.venue.sent()) == 3
        assert len(set(bench.venue.sent())) == 1

    Bench().run(story)


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ((), "accepted"), ((REFUSED,), "refused"), ((LOST,), "silent"), ((BUSY,), "accepted"), ((BUSY,) * 40, ""),
        ((Retryable("venue-unreachable", "no network"),) * 40, "silent"), ((ValueError("a bug of ours"),), ""),
        ((Fatal("venue-forbidden", "not from here"),), "refused"),
    ],
)  # fmt: skip
def test_an_outcome_tells_what_the_venue_itself_said(told, answer):
    async def story(bench):
        bench.venue.told("submit", *told)
        assert (await bench.submit()).answer == answer
        assert (await bench.submit()).answer == ""  # nothing is sent again

    Bench().run(story)


def test_what_we_hold_back_ourselves_is_no_answer_of_the_venue():
    async def story(bench):
        halted(bench)
        assert (await bench.submit()).answer == ""
        bench.manager.intake.resume("test", "go on")
        bench.venue.told("prepare", Rejected("order-malformed", "not on the grid"))
        found = await bench.submit(intent("i2", at=bench.clock.now()))
        assert (found.answer, found.order.state) == ("", OrderState.REJECTED)

    Bench().run(story)


def test_patience_ends_and_the_money_is_free_again():
    async def story(bench):
        bench.venue.told("submit", *[BUSY] * 40)
        found = await bench.submit()
        assert found.order.state is OrderState.REJECTED
        assert found.code == "venue-rate-limited"
        assert bench.ledger["reserved"] == 0
        assert 3 <= len(bench.venue.sent()) < 12

    Bench().run(story)


def test_a_refusal_ends_the_order_only_if_nothing_was_in_doubt_before():
    async def story(bench):
        bench.venue.told("submit", REFUSED)
        assert (await bench.submit()).order.state is OrderState.REJECTED
        doubted = intent("i2", at=bench.clock.now())
        bench.venue.told("submit", LOST, REFUSED)
        assert (await bench.submit(doubted)).order.state is OrderState.UNKNOWN
        await bench.resolve(60)
        order = bench.journal.account.orders["i2"]
        assert order.state is OrderState.UNKNOWN
        assert order.reserved_e6 == 5_000_000
        assert len(bench.venue.sent("0xi2")) == 2  # a refused repetition is not repeated
        await bench.resolve(16 * 60, 10.0)
        assert order.state is OrderState.EXPIRED
        await bench.clock.sleep(70)
        await bench.manager.reconcile()
        assert bench.ledger["reserved"] == 0
        assert "i2" not in bench.journal.account.open

    Bench().run(story)


@pytest.mark.parametrize("error", [LOST, Unknown("venue-restarting", "425"), ValueError("a bug of ours")])
def test_silence_makes_an_order_unknown_and_the_same_bytes_are_sent_again(error):
    async def story(bench):
        bench.venue.told("submit", error)
        found = await bench.submit()
        assert found.order.state is OrderState.UNKNOWN
        assert bench.ledger["reserved"] == 5_000_000
        bench.manager.intake.resume("test", "an unforeseen error halts")
        await bench.resolve(10)
        assert found.order.state is OrderState.LIVE
        assert len(set(bench.venue.sent())) == 1
        assert len(bench.venue.sent()) == 2

    Bench().run(story)


@pytest.mark.parametrize("rung", ["event", "order", "fills", "account"])
def test_each_rung_of_the_ladder_ends_the_doubt(rung):
    async def story(bench):
        bench.venue.told("submit", LOST)
        await bench.submit()
        if rung == "event":
            bench.manager.on_event(report(at=bench.clock.now()))
        elif rung == "order":
            bench.venue.accept("0xi1")
            await bench.resolve(1)
        elif rung == "fills":
            bench.venue.fills.append(fill(shares=4, at=bench.clock.now()))
            await bench.resolve(1)
        else:
            bench.venue.accept("0xi1")
            await bench.manager.reconcile()
        expected = OrderState.PARTIAL if rung == "fills" else OrderState.LIVE
        assert bench.order.state is expected
        assert len(bench.venue.sent()) == 1

    Bench().run(story)


def test_an_order_without_expiry_ends_in_doubt_no_sooner_than_its_horizon():
    async def story(bench):
        bench.venue.told("submit", LOST, *[LOST] * 20)
        await bench.submit(intent(tif=TimeInForce.FAK, at=bench.clock.now()))
        await bench.resolve(14 * 60, 5.0)
        assert bench.order.state is OrderState.UNKNOWN
        await bench.resolve(3 * 60, 5.0)
        assert bench.order.state is OrderState.EXPIRED

    Bench().run(story)


def test_a_cancel_in_doubt_is_executed_once_the_order_is_known_and_it_is_never_sent_again():
    async def story(bench):
        bench.venue.told("submit", LOST)
        await bench.submit()
        await bench.manager.cancel(["0xi1"], "not wanted")
        await bench.resolve(20)
        assert len(bench.venue.sent()) == 1
        assert not [call for call in bench.venue.calls if call[0] == "cancel"]
        bench.venue.accept("0xi1")  # the request arrives late
        await bench.resolve(40)
        assert ("cancel", "0xi1") in bench.venue.calls
        assert bench.order.state is OrderState.CANCELLED
        assert bench.ledger["reserved"] == 5_000_000  # its last fills may still come
        await bench.clock.sleep(61)
        await bench.manager.reconcile()
        assert bench.ledger["reserved"] == 0

    Bench().run(story)


def test_a_fill_that_comes_after_the_cancel_counts():
    async def story(bench):
        await bench.submit()
        await bench.manager.cancel(["0xi1"])
        assert bench.order.state is OrderState.CANCELLED
        bench.manager.on_event(fill(shares=4, at=bench.clock.now(), settlement="confirmed"))
        assert bench.order.filled_e6 == 4_000_000
        assert bench.ledger["cash"] + bench.ledger["reserved"] == CASH - 2_000_000
        await bench.clock.sleep(61)
        bench.venue.cash, bench.venue.holdings = CASH - 2_000_000, {"yes": 4_000_000}
        assert (await bench.manager.reconcile()).clean
        assert bench.ledger["reserved"] == 0

    Bench().run(story)


def test_nothing_leaves_before_recovery():
    async def story(bench):
        assert (await bench.submit()).code == "not-recovered"
        assert bench.venue.calls == []

    Bench().run(story, recovered=False)


def halted(bench, state=TradingState.HALTED):
    bench.journal.record_halt(raise_halt(HaltCause.PAUSED, state, Resume.OPERATOR, "t", bench.clock.now()))


def test_a_halt_during_any_await_holds_the_order_back():
    async def story(bench):
        def while_signing():
            halted(bench)
            return msgspec.structs.replace(prepared_of(bench), salt=1)

        bench.venue.told("prepare", while_signing)
        found = await bench.submit()
        assert (found.code, found.order) == ("halted", None)  # it was signed, and nobody will ever see it
        bench.manager.intake.resume("test", "over")
        other = intent("i2", at=bench.clock.now())

        def then_halt():
            halted(bench)
            return BUSY

        async def refuse():
            raise then_halt()

        bench.venue.told("submit", refuse)
        found = await bench.submit(other)
        assert (found.code, found.order.state) == ("halted", OrderState.REJECTED)
        assert len(bench.venue.sent("0xi2")) == 1
        assert bench.ledger["reserved"] == 0

    def prepared_of(_bench):
        from tests.support.deeds import prepared

        return prepared(intent())

    Bench().run(story)


def test_an_unknown_order_is_not_sent_again_while_halted():
    async def story(bench):
        bench.venue.told("submit", LOST)
        await bench.submit()
        halted(bench)
        await bench.resolve(30)
        assert len(bench.venue.sent()) == 1
        assert bench.order.state is OrderState.UNKNOWN

    Bench().run(story)


def test_a_halt_of_another_process_is_seen():
    async def story(bench):
        other = MemoryJournal(bench.disk, bench.clock)
        other.record_halt(raise_halt(HaltCause.KILLED, TradingState.HALTED, Resume.OPERATOR, "cli", bench.clock.now()))
        assert (await bench.submit()).code == "halted"
        assert bench.venue.sent() == []

    Bench().run(story)


def test_reducing_lets_only_sales_through():
    async def story(bench):
        halted(bench, TradingState.REDUCING)
        assert (await bench.submit()).code == "reducing"
        assert (await bench.submit(intent("i2", buy=False, at=bench.clock.now()))).code == "allowed"

    Bench().run(story)


def test_a_missed_heartbeat_blocks_at_once_and_reopens_after_ack_and_agreement():
    async def story(bench):
        manager, venue = bench.manager, bench.venue
        assert bench.venue.calls[-1] == ("heartbeat",)
        assert (await bench.submit()).order.state is OrderState.LIVE
        venue.told("heartbeat", LOST)
        await manager.heart.beat()
        assert manager.heart.lost
        assert (await bench.submit(intent("i2", at=bench.clock.now()))).code == "heartbeat-late"
        await manager.reconcile()
        assert manager.heart.lost  # agreed, but no beat was answered
        await manager.heart.beat()
        assert manager.heart.lost  # answered, but nobody has looked yet
        await manager.reconcile()
        assert not manager.heart.lost
        await bench.clock.sleep(11)
        assert manager.heart.lost  # too long ago
        await manager.heart.beat()
        assert manager.heart.lost  # the silence may have cancelled everything
        await manager.reconcile()
        assert not manager.heart.lost

    Bench(settings=ManagerSettings()).run(story)


def test_the_gate_is_asked_before_every_sending():
    asked = []

    def gate(wanted):
        asked.append(wanted.intent_id)
        return "stale-book" if len(asked) > 3 else ""

    async def story(bench):
        bench.venue.told("submit", *[BUSY] * 5)
        found = await bench.submit()  # asked: reserving, after signing, before the first and the second sending
        assert (found.code, found.order.state) == ("stale-book", OrderState.REJECTED)
        assert len(bench.venue.sent()) == 1

    Bench(gate=gate).run(story)


def test_a_check_that_fails_halts():
    def broken(_account):
        raise ZeroDivisionError("risk")

    async def story(bench):
        assert (await bench.submit(check=broken)).code == "risk-failed"
        assert [halt.cause for halt in bench.journal.account.standing()] == [HaltCause.RISK_FAILED]
        assert bench.ledger["reserved"] == 0

    Bench().run(story)


def test_a_gate_that_fails_halts():
    calls = []

    def gate(_wanted):
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError("gate")
        return ""

    async def story(bench):
        found = await bench.submit()
        assert (found.code, found.order.state) == ("risk-failed", OrderState.REJECTED)
        assert [halt.cause for halt in bench.journal.account.standing()] == [HaltCause.RISK_FAILED]
        assert bench.venue.sent() == []

    Bench(gate=gate).run(story)


def test_a_cancel_that_fails_is_tried_again():
    async def story(bench):
        await bench.submit()
        bench.venue.told("cancel", BUSY, LOST)
        await bench.manager.cancel(["0xi1"])
        assert bench.order.state is OrderState.LIVE
        await bench.resolve(5)
        assert bench.order.state is OrderState.CANCELLED

    Bench().run(story)


def test_a_feed_that_breaks_is_followed_again():
    async def story(bench):
        def broken():
            raise Retryable("venue-unreachable", "closed")

        task = asyncio.ensure_future(bench.manager.run())
        await bench.clock.sleep(3)
        bench.venue.feed.put_nowait(broken)
        await bench.clock.sleep(5)
        assert bench.manager.feed_whole
        assert bench.venue.calls.count(("events",)) == 2
        await bench.submit()
        bench.venue.feed.put_nowait(fill(shares=10, at=bench.clock.now()))
        await bench.clock.sleep(1)
        assert bench.order.state is OrderState.MATCHED
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    Bench(settings=ManagerSettings()).run(story)


def test_a_check_may_shrink_an_order():
    async def story(bench):
        wanted = intent(at=bench.clock.now())
        smaller = msgspec.structs.replace(wanted, shares_e6=6_000_000)
        found = await bench.submit(wanted, lambda _account: Verdict(intent=smaller))
        assert found.order.intent.shares_e6 == 6_000_000
        assert bench.ledger["reserved"] == 3_000_000
        assert [call[0] for call in bench.venue.calls if call[0] == "prepare"] == ["prepare"]

    Bench().run(story)


def test_what_shrinks_while_it_is_signed_is_signed_anew_and_never_grows():
    async def story(bench):
        def allowing(wanted, *shares):
            each = iter(shares)
            return lambda _account: Verdict(intent=msgspec.structs.replace(wanted, shares_e6=next(each) * 1_000_000))

        wanted = intent(shares=40, at=bench.clock.now())
        found = await bench.submit(wanted, allowing(wanted, 20, 8))
        assert (found.order.state, found.order.intent.shares_e6) == (OrderState.LIVE, 8_000_000)
        assert bench.ledger["reserved"] == 4_000_000
        assert len([call for call in bench.venue.calls if call[0] == "prepare"]) == 2
        other = intent("i2", shares=40, at=bench.clock.now())
        found = await bench.submit(other, allowing(other, 20, 30))
        assert found.order.intent.shares_e6 == 20_000_000

    Bench().run(story)


def test_an_order_is_reserved_signed_and_leaving_in_one_commit():
    async def story(bench):
        commits = []
        write = bench.journal.fault
        bench.journal.fault = lambda point: (commits.append((point, bench.venue.sent())), write(point))
        await bench.submit()
        before = [point for point, left in commits if not left]
        assert before == ["journal.before-commit", "journal.after-commit"]
        kinds = [entry.kind for entry in bench.journal.entries() if entry.subject in {"i1", "0xi1"}]
        assert kinds[:3] == ["reserved", "signed", "sending"]

    Bench().run(story)


def test_one_intent_twice_at_the_same_time_is_one_order():
    async def story(bench):
        wanted = intent(at=bench.clock.now())
        first, second = await asyncio.gather(bench.submit(wanted), bench.submit(wanted))
        assert (first.code, second.code) == ("allowed", "intent-known")
        assert len(bench.venue.sent()) == 1
        assert bench.ledger["reserved"] == 5_000_000

    Bench().run(story)


def test_what_another_process_lifted_is_known_before_a_denial():
    async def story(bench):
        halted(bench)
        other = MemoryJournal(bench.disk, bench.clock)
        for halt in other.account.standing():
            other.record_lift(lift(halt, Resume.OPERATOR, "t", "over", bench.clock.now()))
        assert (await bench.submit()).code == "allowed"

    Bench().run(story)


@pytest.mark.parametrize(("minutes", "code"), [(2, "bad-expiry"), (4, "allowed"), (15, "allowed"), (16, "bad-expiry")])
def test_an_order_lives_as_long_as_the_venue_and_we_allow(minutes, code):
    async def story(bench):
        now = bench.clock.now()
        wanted = msgspec.structs.replace(intent(at=now), expires_at=Micros(now + minutes * MINUTE))
        assert (await bench.submit(wanted)).code == code

    Bench().run(story)


def test_an_expiry_that_is_not_stated_is_the_default():
    async def story(bench):
        wanted = msgspec.structs.replace(intent(at=bench.clock.now()), expires_at=None)
        found = await bench.submit(wanted)
        life = found.order.intent.expires_at - bench.clock.now()
        assert 14 * MINUTE < life <= 15 * MINUTE
        assert found.order.intent.expires_at % SECOND == 0

    Bench().run(story)


def test_what_cannot_be_built_is_refused_without_a_word_to_the_venue():
    async def story(bench):
        bench.venue.told("prepare", Rejected("order-bad", "off the grid"))
        found = await bench.submit()
        assert (found.code, found.order.state) == ("order-bad", OrderState.REJECTED)
        assert bench.venue.sent() == []
        assert bench.ledger["reserved"] == 0

    Bench().run(story)


def test_a_fatal_answer_halts():
    async def story(bench):
        bench.venue.told("submit", Fatal("venue-forbidden", "restricted"))
        found = await bench.submit()
        assert found.order.state is OrderState.REJECTED
        assert [halt.cause for halt in bench.journal.account.standing()] == [HaltCause.GEOBLOCK]

    Bench().run(story)


def test_a_submission_that_is_interrupted_is_in_doubt():
    async def story(bench):
        async def hang():
            await bench.clock.sleep(1_000)

        bench.venue.told("submit", hang)
        task = asyncio.ensure_future(bench.submit())
        await bench.clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bench.order.state is OrderState.UNKNOWN

    Bench().run(story)


def test_restart_knows_what_every_state_means():
    async def story(bench):
        journal = bench.journal
        for name in ("new", "signed", "sending"):
            wanted = intent(name, at=bench.clock.now())
            journal.reserve(wanted, 7, allow(wanted))
            if name != "new":
                from tests.support.deeds import prepared

                journal.record_signed(prepared(wanted), sending=name == "sending")
        bench.start()
        await bench.manager.recover()
        states = {name: order.state for name, order in bench.journal.account.orders.items()}
        assert states == {
            "new": OrderState.REJECTED, "signed": OrderState.REJECTED, "sending": OrderState.UNKNOWN,
        }  # fmt: skip
        assert bench.ledger["reserved"] == 5_000_000

    Bench().run(story)


def test_cancel_all_reaches_zero_or_says_that_it_did_not():
    async def story(bench):
        await bench.submit()
        await bench.submit(intent("i2", at=bench.clock.now()))
        began = bench.clock.monotonic()
        swept = await bench.manager.kill("test", "me")
        assert swept.verified
        assert bench.clock.monotonic() - began < 5
        assert {order.state for order in bench.journal.account.orders.values()} == {OrderState.CANCELLED}
        assert (await bench.submit(intent("i3", at=bench.clock.now()))).code == "halted"
        bench.manager.intake.resume("me", "test")
        await bench.submit(intent("i4", at=bench.clock.now()))
        down = Retryable("venue-restarting", "503 disabled")
        bench.venue.told("cancel_all", *[down] * 50)
        swept = await bench.manager.cancel_all()
        assert (swept.verified, swept.text) == (False, "503 disabled")

    Bench().run(story)


def test_an_order_in_doubt_is_no_verified_zero():
    async def story(bench):
        bench.venue.told("submit", LOST)
        await bench.submit()
        swept = await bench.manager.cancel_all()
        assert (swept.verified, swept.doubtful, swept.open) == (False, ("0xi1",), ())

    Bench().run(story)


def test_cancelling_works_where_nothing_can_be_written():
    full = False

    def fault(point):
        if full and point == "journal.before-commit":
            raise AccessError("disk-full", "no space left")

    async def story(bench):
        nonlocal full
        await bench.submit()
        full = True
        assert (await bench.manager.cancel_all()).verified
        assert bench.venue.open == {}
        bench.venue.accept("0xlate")
        swept = await bench.manager.kill("test", "me")
        assert bench.venue.open == {}
        assert (swept.verified, swept.text) == (False, "no space left")
        assert (await bench.submit(intent("i2", at=bench.clock.now()))).code == "halted"

    Bench(fault=fault).run(story)


def test_the_loops_keep_the_account_true():
    async def story(bench):
        task = asyncio.ensure_future(bench.manager.run())
        await bench.clock.sleep(5)
        assert bench.manager.feed_whole
        assert (await bench.submit()).order.state is OrderState.LIVE
        bench.venue.feed.put_nowait(fill(shares=10, at=bench.clock.now()))
        await bench.clock.sleep(1)
        assert bench.order.state is OrderState.MATCHED
        bench.venue.feed.put_nowait(ContinuityLost(at=bench.clock.now(), since=bench.clock.now()))
        await bench.clock.sleep(0.1)
        assert not bench.manager.feed_whole
        bench.venue.open.clear()
        bench.venue.fills = [fill(shares=10, at=bench.clock.now(), settlement="confirmed")]
        bench.venue.cash, bench.venue.holdings = CASH - 5_000_000, {"yes": 10_000_000}
        await bench.clock.sleep(5)
        assert bench.manager.feed_whole
        assert bench.order.state is OrderState.CONFIRMED
        assert bench.journal.account.sellable_e6("yes") == 10_000_000
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    Bench(settings=ManagerSettings()).run(story)


def test_concurrent_strategies_never_reserve_more_than_there_is():
    async def story(bench):
        wanted = [intent(f"i{n}", price=9_000, shares=100, strategy=f"s{n}", at=bench.clock.now()) for n in range(32)]
        found = await asyncio.gather(*(bench.submit(one, affordable(one)) for one in wanted))
        assert sum(one.code == "allowed" for one in found) == 11  # 90 dollars each of 1,000
        assert bench.ledger["cash"] >= 0

    Bench().run(story)


def test_hooks_are_values():
    assert replace(Hooks(), gate=len).gate is len
