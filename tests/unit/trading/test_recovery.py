"""The ledger equals the venue, or trading halts: what counts as a difference, what explains it, what is set aside."""

import pytest
from tests.support.deeds import CASH, SHARE, T0, fill, instrument, intent, opened, sent
from tests.support.scripted_venue import ScriptedVenue

from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import Fatal, Retryable
from edgeworth.core.orders import AccountSnapshot, Holding, OrderState
from edgeworth.core.units import MINUTE, SECOND
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.trading.halts import HaltCause
from edgeworth.trading.intake import Intake
from edgeworth.trading.journal import MemoryDisk, MemoryJournal
from edgeworth.trading.reconcile import Difference, Watch, differences
from edgeworth.trading.recovery import Recovery

LAG = 60 * SECOND


class Bench:
    """A recovery over a scripted venue."""

    def __init__(self):
        self.clock = VirtualClock(T0)
        self.disk, self.payouts, self.marks = MemoryDisk(), {}, {}

    def run(self, story, *, opens=True):
        async def main():
            self.venue = ScriptedVenue(self.clock)
            self.start()
            if opens:
                opened(self.journal)
                self.clock.advance(SECOND)
            await story(self)

        run_virtual(self.clock, main())

    def start(self):
        self.journal = MemoryJournal(self.disk, self.clock)
        self.recovery = Recovery(
            Intake(self.journal, self.clock), self.venue, lag=LAG, overlap=MINUTE,
            payouts=self.payouts.get, marks=self.marks.get,
        )  # fmt: skip
        return self.recovery

    async def minutes(self, count):
        for _ in range(count):
            await self.clock.sleep(61)
            found = await self.recovery.reconcile()
        return found

    @property
    def ledger(self):
        return self.journal.account.ledger

    @property
    def causes(self):
        return [halt.cause for halt in self.journal.account.standing()]


def test_an_empty_journal_opens_with_what_is_there():
    async def story(bench):
        bench.venue.holdings, bench.marks = {"yes": 7 * SHARE, "odd": SHARE}, {"yes": 4_000}
        bench.start()
        found = await bench.recovery.recover()
        assert found.clean
        assert (bench.ledger["deposits"], bench.ledger["positions"]) == (CASH + 2_800_000, 2_800_000)
        assert bench.journal.account.sellable_e6("yes") == 7 * SHARE
        assert bench.recovery.ready

    Bench().run(story, opens=False)


def test_nothing_agrees_with_an_account_that_is_not_complete():
    async def story(bench):
        bench.venue.told(
            "account", *[lambda: bench.venue.snapshot(complete=False)] * 3, Retryable("venue-timeout", "x")
        )
        found = await bench.recovery.recover()
        assert found.clean
        assert len([call for call in bench.venue.calls if call[0] == "account"]) == 5
        bench.venue.told("account", Fatal("venue-forbidden", "x"))
        with pytest.raises(Fatal):
            await bench.recovery.recover()

    Bench().run(story)


@pytest.mark.parametrize(("cash", "clean"), [(10_000, True), (-10_000, True), (10_001, False), (-10_001, False)])
def test_a_cent_is_tolerated(cash, clean):
    async def story(bench):
        bench.venue.cash += cash
        assert (await bench.recovery.reconcile()).clean is clean

    Bench().run(story)


@pytest.mark.parametrize(("shares", "clean"), [(10_000, True), (10_001, False)])
def test_a_hundredth_of_a_share_is_tolerated(shares, clean):
    async def story(bench):
        bench.venue.holdings["yes"] = shares
        assert (await bench.recovery.reconcile()).clean is clean

    Bench().run(story)


def test_a_difference_that_lasts_goes_to_suspense_and_halts():
    async def story(bench):
        bench.venue.cash += 7_000_000
        found = await bench.recovery.reconcile()
        assert (found.clean, found.suspects) == (False, (Difference(token="", amount_e6=7_000_000),))
        assert bench.causes == []
        assert not bench.recovery.ready
        found = await bench.minutes(1)
        assert found.suspended == (Difference(token="", amount_e6=7_000_000),)
        assert bench.ledger["suspense"] == -7_000_000
        assert bench.ledger["cash"] == CASH + 7_000_000
        assert bench.causes == [HaltCause.LEDGER_DIFFERENCE]
        assert (await bench.minutes(1)).clean
        assert len(bench.causes) == 1
        intake = bench.recovery._intake
        assert intake.clear_suspense("deposit", "me") == 7_000_000
        assert intake.clear_suspense("deposit", "me") == 0
        assert (bench.ledger["suspense"], bench.ledger["deposits"]) == (0, CASH + 7_000_000)
        assert (intake.resume("me", "it was a deposit"), bench.causes) == (1, [])

    Bench().run(story)


def test_a_difference_that_passes_is_none():
    async def story(bench):
        bench.venue.cash += 7_000_000
        await bench.recovery.reconcile()
        bench.venue.cash -= 7_000_000
        assert (await bench.minutes(1)).clean
        bench.venue.cash += 7_000_000
        found = await bench.minutes(1)
        assert found.suspects
        assert bench.causes == []

    Bench().run(story)


def test_a_trade_on_its_way_to_the_chain_is_no_difference():
    async def story(bench):
        sent(bench.journal, intent(price=5_000, shares=10))
        bench.venue.fills = [fill(at=bench.clock.now())]
        for settlement in ("matched", "mined"):
            bench.venue.fills = [fill(at=bench.clock.now(), settlement=settlement)]
            assert (await bench.minutes(2)).clean  # not counted by the venue yet
        bench.venue.cash, bench.venue.holdings = CASH - 5_000_000, {"yes": 10 * SHARE}
        assert (await bench.minutes(1)).clean
        bench.venue.fills = [fill(at=bench.clock.now(), settlement="confirmed")]
        assert (await bench.minutes(3)).clean
        bench.venue.cash = CASH  # confirmed, and yet not paid
        assert (await bench.minutes(2)).suspended

    Bench().run(story)


def test_beyond_what_is_on_its_way_a_difference_shows():
    journal = MemoryJournal(MemoryDisk(), VirtualClock(T0))
    opened(journal)
    sent(journal, intent(price=5_000, shares=10))
    journal.record_fills([fill(fee=100)], "stream")

    def seen(cash, shares):
        holdings = (Holding(token="yes", shares_e6=shares),)
        shot = AccountSnapshot(taken_at=T0, cash_e6=CASH + cash, holdings=holdings, orders=(), fills=())
        return {one.token: one.amount_e6 for one in differences(journal.account, shot, LAG)}

    assert seen(0, 0) == seen(-5_000_100, 10 * SHARE) == {}
    assert seen(20_000, 0) == {"": 20_000}
    assert seen(-5_020_100, 10_020_000) == {"": -20_000, "yes": 20_000}


def test_a_redemption_and_a_merge_explain_themselves():
    async def story(bench):
        for name, token, price in (("i1", "yes", 4_000), ("i2", "no", 5_000)):
            sent(bench.journal, intent(name, price=price, shares=10, terms=instrument(token, is_yes=token == "yes")))
            bench.venue.fills.append(
                fill(f"t{name}", f"0x{name}", price=price, settlement="confirmed", at=bench.clock.now(), token=token)
            )
        bench.venue.cash, bench.venue.holdings = CASH - 9_000_000, {"yes": 10 * SHARE, "no": 10 * SHARE}
        assert (await bench.minutes(2)).clean
        bench.venue.cash += 4_000_000
        bench.venue.holdings = {"yes": 6 * SHARE, "no": 6 * SHARE}  # four pairs were merged elsewhere
        found = await bench.minutes(2)
        assert (found.clean, len(found.explained)) == (True, 1)
        bench.payouts |= {"yes": 10_000, "no": 0}
        bench.venue.cash += 6_000_000
        bench.venue.holdings = {}
        found = await bench.minutes(2)
        assert len(found.explained) == 2
        assert (bench.ledger["positions"], bench.ledger["realised"], bench.ledger["suspense"]) == (0, 1_000_000, 0)
        assert bench.causes == []

    Bench().run(story)


def test_shares_that_vanish_without_their_money_are_not_a_redemption():
    async def story(bench):
        sent(bench.journal, intent(price=5_000, shares=10))
        bench.venue.fills = [fill(at=bench.clock.now(), settlement="confirmed")]
        bench.venue.cash, bench.venue.holdings = CASH - 5_000_000, {"yes": 10 * SHARE}
        await bench.minutes(2)
        bench.payouts["yes"] = 10_000
        bench.venue.holdings = {}
        found = await bench.minutes(2)
        assert found.suspended == (Difference(token="yes", amount_e6=-10 * SHARE),)
        assert bench.ledger["suspense"] == 5_000_000

    Bench().run(story)


def test_a_trade_and_an_order_of_somebody_else_are_noticed():
    async def story(bench):
        bench.venue.accept("0xstranger")
        bench.venue.fills = [fill("t9", "0xother", at=bench.clock.now(), settlement="confirmed")]
        bench.venue.cash, bench.venue.holdings = CASH - 5_000_000, {"yes": 10 * SHARE}
        found = await bench.recovery.reconcile()
        assert (found.outside_orders, found.outside_fills) == (("0xstranger",), ("t9",))
        assert found.clean  # the trade is booked, so the money agrees
        assert bench.causes == [HaltCause.LEDGER_DIFFERENCE]
        assert bench.ledger["positions"] == 5_000_000

    Bench().run(story)


def test_trades_of_before_the_journal_are_part_of_its_opening():
    async def story(bench):
        bench.venue.fills = [fill("t9", "0xother", at=T0 - 5, settlement="confirmed")]
        assert (await bench.recovery.reconcile()).clean
        assert bench.journal.account.alien == {}

    Bench().run(story)


def test_fills_are_asked_for_from_where_one_could_have_been_missed():
    async def story(bench):
        await bench.minutes(5)
        first = bench.journal.account.swept_at
        assert bench.recovery.since() == first - MINUTE
        sent(bench.journal, intent(at=bench.clock.now()))
        began = bench.clock.now()
        bench.journal.record_fills([fill(shares=10, at=began - 30 * MINUTE)], "stream")
        await bench.minutes(20)
        assert bench.recovery.since() == began - 31 * MINUTE  # it is not settled yet
        bench.journal.record_fills([fill(shares=10, at=began, settlement="confirmed")], "stream")
        assert bench.recovery.since() == bench.journal.account.swept_at - MINUTE

    Bench().run(story)


def test_a_contradiction_halts():
    async def story(bench):
        sent(bench.journal, intent())
        bench.venue.fills = [fill(shares=10, at=bench.clock.now()), fill(shares=9, at=bench.clock.now())]
        await bench.recovery.reconcile()
        assert bench.causes == [HaltCause.LEDGER_DIFFERENCE]

    Bench().run(story)


def test_no_account_makes_an_order_in_doubt_final():
    async def story(bench):
        order_id = sent(bench.journal, intent(at=bench.clock.now()))
        bench.journal.record_unsure(order_id, "venue-timeout")
        bench.journal.record_swept(bench.clock.now(), [order_id])
        await bench.minutes(5)
        assert bench.journal.account.order(order_id).state is OrderState.UNKNOWN
        assert bench.ledger["reserved"] == 5_000_000

    Bench().run(story)


def test_an_order_that_should_rest_and_is_not_listed_is_looked_for():
    async def story(bench):
        order_id = sent(bench.journal, intent(at=bench.clock.now()))
        bench.journal.record_reports([bench.venue.accept(order_id)], "submit")
        await bench.minutes(1)
        assert bench.recovery.missing == set()
        bench.venue.open.clear()
        await bench.minutes(1)
        assert bench.recovery.missing == {order_id}
        assert bench.journal.account.order(order_id).state is OrderState.LIVE

    Bench().run(story)


def test_a_watch_starts_again_when_the_difference_changes():
    watch = Watch(LAG)
    one, two = Difference(token="", amount_e6=50_000), Difference(token="", amount_e6=90_000)
    assert watch.believe([one], T0) == []
    assert watch.believe([two], T0 + LAG) == []
    assert watch.believe([two], T0 + LAG + 1) == []
    assert watch.believe([two], T0 + 2 * LAG) == [two]
    watch.clear()
    assert watch.believe([two], T0 + 3 * LAG) == []


def test_what_may_belong_together_is_believed_together():
    watch = Watch(LAG)
    one, two = Difference(token="yes", amount_e6=-50_000), Difference(token="no", amount_e6=-50_000)
    assert watch.believe([one], T0) == []
    assert watch.believe([one, two], T0 + LAG) == []
    assert watch.believe([one, two], T0 + 2 * LAG, moving=True) == []
    assert watch.believe([one, two], T0 + 2 * LAG + 1) == [one, two]
    flapping = [Difference(token="no", amount_e6=50_000 * n) for n in range(1, 9)]
    watch.clear()
    believed = [watch.believe([one, other], T0 + n * LAG, moving=True) for n, other in enumerate(flapping)]
    assert believed[:4] == [[], [], [], [one]]


def test_a_merge_whose_legs_show_one_after_the_other_is_one_merge():
    async def story(bench):
        for name, token in (("i1", "yes"), ("i2", "no")):
            sent(bench.journal, intent(name, price=5_000, shares=10, terms=instrument(token, is_yes=token == "yes")))
            bench.venue.fills.append(
                fill(f"t{name}", f"0x{name}", settlement="confirmed", at=bench.clock.now(), token=token)
            )
        bench.venue.cash, bench.venue.holdings = CASH - 10_000_000, {"yes": 10 * SHARE, "no": 10 * SHARE}
        assert (await bench.minutes(2)).clean
        bench.venue.holdings["yes"] -= 4 * SHARE
        await bench.minutes(1)
        bench.venue.holdings["no"] -= 4 * SHARE
        bench.venue.cash += 4_000_000
        found = await bench.minutes(2)
        assert (found.clean, len(found.explained), bench.causes) == (True, 1, [])

    Bench().run(story)
