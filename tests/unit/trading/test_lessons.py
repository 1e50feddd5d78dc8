"""What fills and results teach the breakers."""

import pytest
from tests.support.deeds import SHARE, T0, fill, instrument, intent, opened, report, sent

from edgeworth.core.clock import ManualClock
from edgeworth.core.units import Micros
from edgeworth.trading import events as ev
from edgeworth.trading.breakers import Executed, Settled
from edgeworth.trading.journal import MemoryDisk, MemoryJournal
from edgeworth.trading.lessons import SETTLED_NOTE, Lessons

NOW = Micros(T0 + 1_000)


@pytest.fixture
def journal():
    made = MemoryJournal(MemoryDisk(), ManualClock(T0))
    opened(made)
    return made


@pytest.fixture
def holding(journal):
    """Ten shares that cost four dollars."""
    sent(journal, intent(price=4_000))
    journal.record_fills([fill(price=4_000, settlement="confirmed")], "stream")
    return journal


def pay(journal, payout: int) -> None:
    journal.record_money(
        ev.Redeemed(at=NOW, move_id="r", token="yes", shares_e6=10 * SHARE, payout_e4=payout, event_time=NOW)
    )


def result(profit: int) -> list[Settled]:
    return [Settled(at=NOW, profit_e6=profit)]


@pytest.mark.parametrize(("is_buy", "price", "worse"), [(True, 5_200, 200), (True, 4_900, -100), (False, 4_900, 100)])
def test_a_fill_is_compared_once_with_what_was_expected(journal, is_buy, price, worse):
    if not is_buy:
        sent(journal, intent("i0"))
        journal.record_fills([fill("t0", "0xi0", settlement="confirmed")], "stream")
        journal.record_swept(Micros(T0 + 1), ["0xi0"])
    lessons, name = Lessons(), sent(journal, intent(buy=is_buy, price=5_300 if is_buy else 4_800))
    lessons.expect("i1", 5_000)
    assert lessons.executed(journal.account, NOW) == []
    journal.record_fills([fill("t1", name, buy=is_buy, price=price, shares=4)], "stream")
    assert lessons.executed(journal.account, NOW) == [Executed(at=NOW, shortfall_e4=worse)]
    assert lessons.executed(journal.account, NOW) == []
    journal.record_fills([fill("t2", name, buy=is_buy, price=5_000, shares=6)], "stream")
    assert lessons.executed(journal.account, NOW) == [Executed(at=NOW, shortfall_e4=0)]


def test_void_fills_and_those_of_an_earlier_process_teach_nothing(journal):
    lessons, name = Lessons(), sent(journal, intent(price=5_300))
    journal.record_fills([fill("t1", name, price=5_200, shares=4)], "stream")
    assert lessons.executed(journal.account, NOW) == []
    lessons.expect("i1", 5_000)
    journal.record_fills([fill("t2", name, price=5_200, shares=4, settlement="failed")], "stream")
    assert lessons.executed(journal.account, NOW) == []


def test_what_was_expected_of_an_order_is_kept_until_the_order_is_over(journal):
    lessons, name = Lessons(), sent(journal, intent(price=5_300))
    lessons.expect("i1", 5_000)
    journal.record_reports([report(name)], "submit")
    for _ in range(3):
        assert lessons.executed(journal.account, NOW) == []
    journal.record_fills([fill("t1", name, price=5_100, shares=4)], "stream")
    assert lessons.executed(journal.account, NOW) == [Executed(at=NOW, shortfall_e4=100)]
    journal.record_ended(name, "cancelled", "test")
    journal.record_fills([fill("t1", name, price=5_100, shares=4, settlement="confirmed")], "stream")
    journal.record_swept(NOW, [name])
    lessons.executed(journal.account, NOW)
    journal.record_fills([fill("t2", name, price=5_200, shares=1)], "stream")
    assert lessons.executed(journal.account, NOW) == []


def test_a_result_counts_once_though_nobody_redeems_and_the_process_starts_again(holding):
    account, lessons = holding.account, Lessons()
    assert lessons.settled(account, {}, lambda _: 7, NOW) == ([], "")
    found, note = lessons.settled(account, {"yes": 0}, lambda _: 7, NOW)
    assert (found, note) == (result(-4_000_000), "yes")
    holding.note(SETTLED_NOTE, note)
    assert lessons.settled(account, {"yes": 0}, lambda _: 7, NOW) == ([], "yes")
    assert Lessons().settled(account, {"yes": 0}, lambda _: 7, NOW) == ([], "yes")
    pay(holding, 0)
    assert lessons.settled(account, {"yes": 0}, lambda _: 7, NOW) == ([], "")


def test_what_was_paid_for_between_two_looks_counts_by_what_was_held(holding):
    lessons = Lessons()
    lessons.settled(holding.account, {}, lambda _: 7, NOW)
    pay(holding, 10_000)
    found, note = lessons.settled(holding.account, {"yes": 10_000}, lambda _: 7, NOW)
    assert (found, note) == (result(6_000_000), "")
    assert lessons.settled(holding.account, {"yes": 10_000}, lambda _: 7, NOW) == ([], "")


def test_the_legs_of_one_event_are_one_result(holding):
    other = intent("i2", price=3_000, terms=instrument("no", is_yes=False, market_no=2))
    sent(holding, other)
    holding.record_fills([fill("t2", "0xi2", price=3_000, settlement="confirmed", token="no")], "stream")
    lessons, payouts = Lessons(), {"yes": 10_000, "no": 0}
    assert lessons.settled(holding.account, payouts, lambda _: 7, NOW)[0] == result(3_000_000)
    apart = {"yes": 1, "no": 2}
    found, _ = Lessons().settled(holding.account, payouts, apart.get, NOW)
    assert [one.profit_e6 for one in found] == [6_000_000, -3_000_000]
