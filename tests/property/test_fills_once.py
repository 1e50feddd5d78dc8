"""Fills count exactly once, whatever the order, repetition or overlap in which feed and lists tell of them."""

from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st
from tests.support.trading_venue import instruments

from edgeworth.core.clock import ManualClock
from edgeworth.core.orders import FillReport, Intent, PreparedOrder, Settlement, TimeInForce
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6
from edgeworth.trading import events as ev
from edgeworth.trading.journal import MemoryDisk, MemoryJournal, Verdict

START = Micros(1_790_000_000_000_000)
CASH, HELD = 10**9, 500_000_000
S = Settlement
PATHS = [
    (S.MATCHED, S.MINED, S.CONFIRMED), (S.MATCHED, S.RETRYING, S.MINED, S.CONFIRMED),
    (S.MATCHED, S.FAILED), (S.MATCHED, S.RETRYING, S.FAILED), (S.MATCHED, S.MINED), (S.MATCHED,), (S.CONFIRMED,),
]  # fmt: skip


@st.composite
def histories(draw):
    """Draw orders, the steps of their fills, and two deliveries of them: each tells the last step of each fill."""
    orders, told = [], []
    trades = 0
    for number in range(draw(st.integers(1, 3))):
        item = instruments()[draw(st.integers(0, 2))]
        buys = draw(st.booleans())
        price = 100 * draw(st.integers(1, 99))
        parts = draw(st.lists(st.integers(1, 40_000_000), min_size=1, max_size=4))
        orders.append((f"intent-{number}", item, buys, price, sum(parts)))
        for part in parts:
            trades += 0 if draw(st.booleans()) and number else 1  # two orders of ours may share a trade
            key = (f"trade-{trades}-{price}", f"0x{number}")
            if any(key == (report.trade_id, report.order_id) for path in told for report in path):
                key = (f"trade-{number}-{len(told)}", key[1])
            fee = draw(st.sampled_from((0, 10, 12_340)))
            path = draw(st.sampled_from(PATHS))
            at = START + draw(st.integers(0, 5))
            told.append([_fill(key, item.token, buys, price, part, fee, step, at) for step in path])
    return orders, told, draw(_deliveries(told)), draw(_deliveries(told))


def _fill(key, token, buys, price, part, fee, step, at):
    return FillReport(
        trade_id=key[0], order_id=key[1], token=token, is_buy=buys, price_e4=PriceE4(price), shares_e6=SharesE6(part),
        fee_e6=UsdE6(fee), settlement=step, event_time=Micros(at), known_at=Micros(at + 7),
    )  # fmt: skip


def _deliveries(told):
    every = [report for path in told for report in path]
    extra = st.lists(st.sampled_from(every), max_size=12)
    whole = extra.flatmap(lambda more: st.permutations([path[-1] for path in told] + more))
    return st.tuples(whole, st.lists(st.integers(1, 4), min_size=30, max_size=30))


def journal_of(orders):
    """Return a journal whose orders have been sent and are waited for."""
    journal = MemoryJournal(MemoryDisk(), ManualClock(START))
    held = tuple(
        ev.OpeningHolding(token=item.token, shares_e6=SharesE6(HELD), cost_e6=UsdE6(0)) for item in instruments()
    )
    journal.record_money(ev.Opened(at=START, cash_e6=UsdE6(CASH), holdings=held))
    for number, (name, item, buys, price, size) in enumerate(orders):
        intent = Intent(
            intent_id=name, instrument=item, is_buy=buys, price_e4=PriceE4(price), shares_e6=SharesE6(size),
            time_in_force=TimeInForce.GTD, created_at=START, expires_at=Micros(START + 10**9),
        )  # fmt: skip
        journal.reserve(intent, number, lambda _account, intent=intent: Verdict(intent=intent))
        order = PreparedOrder(order_id=f"0x{number}", intent_id=name, body=b"{}", maker_e6=1, taker_e6=1, salt=number)
        journal.record_signed(order, sending=True)
    return journal


def deliver(journal, delivery):
    reports, sizes = delivery
    sources = ("stream", "order", "account")
    for number, size in enumerate(sizes):
        if not reports:
            break
        journal.record_fills(reports[:size], sources[number % 3])
        reports = reports[size:]
    if reports:
        journal.record_fills(reports, "account")


def expected(told):
    """Add up, in fractions, what the last word on each fill makes of cash and shares."""
    cash, shares = Fraction(CASH), {item.token: HELD for item in instruments()}
    for path in told:
        last = path[-1]
        if last.settlement is S.FAILED:
            continue
        money = Fraction(last.price_e4 * last.shares_e6, 10_000)
        cash += -ceil(money) if last.is_buy else floor(money)
        cash -= last.fee_e6
        shares[last.token] += last.shares_e6 if last.is_buy else -last.shares_e6
    return cash, shares


@given(histories())
def test_any_order_and_any_repetition_of_deliveries_gives_the_same_ledger(history):
    orders, told, first, second = history
    digests = []
    for delivery in (first, second):
        journal = journal_of(orders)
        deliver(journal, delivery)
        deliver(journal, delivery)  # once more, in the same order: nothing is news
        account = journal.account
        cash, shares = expected(told)
        assert account.ledger["cash"] + account.ledger["reserved"] == cash
        assert {token: account.ledger.position(token).shares_e6 for token in shares} == shares
        assert account.contradictions == []
        journal.verify()
        digests.append(account.digest())
    assert digests[0] == digests[1]
