"""What fills and results teach the breakers."""

from types import SimpleNamespace
from typing import Any

import pytest

from edgeworth.core.units import Micros
from edgeworth.trading.breakers import Executed, Settled
from edgeworth.trading.lessons import SETTLED_NOTE, Lessons

NOW = Micros(1_000)


def an_account(**more: Any) -> Any:
    account = SimpleNamespace(fresh={}, by_id={}, open={}, notes={}, ledger=SimpleNamespace(positions={}))
    for name, value in more.items():
        setattr(account, name, value)
    return account


def a_fill(price: int, *, is_buy: bool = True, void: bool = False) -> Any:
    return SimpleNamespace(order_id="0x1", price_e4=price, is_buy=is_buy, void=void)


def holding(shares: int, cost: int) -> Any:
    return SimpleNamespace(positions={"yes": SimpleNamespace(shares_e6=shares, cost_e6=cost)})


@pytest.mark.parametrize(("is_buy", "price", "worse"), [(True, 5_200, 200), (True, 4_900, -100), (False, 4_900, 100)])
def test_a_fill_is_compared_once_with_what_was_expected(is_buy: bool, price: int, worse: int) -> None:
    lessons = Lessons()
    lessons.expect("intent", 5_000)
    order = SimpleNamespace(intent=SimpleNamespace(intent_id="intent"))
    account = an_account(fresh={"t/0x1": a_fill(price, is_buy=is_buy)}, by_id={"0x1": order})
    assert lessons.executed(account, NOW) == [Executed(at=NOW, shortfall_e4=worse)]
    assert lessons.executed(account, NOW) == []
    account.fresh["t2/0x1"] = a_fill(5_000)
    assert lessons.executed(account, NOW) == [Executed(at=NOW, shortfall_e4=0)]


def test_void_fills_and_those_of_an_earlier_process_teach_nothing() -> None:
    lessons = Lessons()
    order = SimpleNamespace(intent=SimpleNamespace(intent_id="intent"))
    account = an_account(fresh={"t/0x1": a_fill(5_200)}, by_id={"0x1": order})
    assert lessons.executed(account, NOW) == []
    lessons.expect("intent", 5_000)
    account.fresh["t2/0x1"] = a_fill(5_200, void=True)
    assert lessons.executed(account, NOW) == []


def test_a_result_counts_once_though_nobody_redeems_and_the_process_starts_again() -> None:
    account, lessons = an_account(ledger=holding(10_000_000, 4_000_000)), Lessons()
    assert lessons.settled(account, {}, lambda _: 7, NOW) == ([], "")
    found, note = lessons.settled(account, {"yes": 0}, lambda _: 7, NOW)
    assert (found, note) == ([Settled(at=NOW, profit_e6=-4_000_000)], "yes")
    account.notes[SETTLED_NOTE] = note
    assert lessons.settled(account, {"yes": 0}, lambda _: 7, NOW) == ([], "yes")
    assert Lessons().settled(account, {"yes": 0}, lambda _: 7, NOW) == ([], "yes")
    account.ledger = holding(0, 0)
    assert lessons.settled(account, {"yes": 0}, lambda _: 7, NOW) == ([], "")


def test_what_was_paid_for_between_two_looks_counts_by_what_was_held() -> None:
    account, lessons = an_account(ledger=holding(10_000_000, 4_000_000)), Lessons()
    lessons.settled(account, {}, lambda _: 7, NOW)
    account.ledger = holding(0, 0)
    found, note = lessons.settled(account, {"yes": 10_000}, lambda _: 7, NOW)
    assert (found, note) == ([Settled(at=NOW, profit_e6=6_000_000)], "")
    assert lessons.settled(account, {"yes": 10_000}, lambda _: 7, NOW) == ([], "")
