"""Money by hand: every example is small enough to be checked on paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.deeds import CASH, SHARE, T0, allow, fill, instrument, intent, opened, report, sent

from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import DataError
from edgeworth.core.orders import OrderState, TimeInForce
from edgeworth.trading import events as ev
from edgeworth.trading.account import fold
from edgeworth.trading.accounting import Ledger, Lot, net
from edgeworth.trading.journal import MemoryDisk, MemoryJournal, Verdict, decoded
from edgeworth.trading.portfolio import OUTSIDE, PlaceOf, portfolio, unclaimed


@pytest.fixture
def journal():
    made = MemoryJournal(MemoryDisk(), ManualClock(T0))
    opened(made)
    return made


def bought(journal, *fills):
    journal.record_fills(fills, "stream")
    journal.account.ledger.audit()
    return journal.account.ledger


def test_a_sale_realises_against_the_average_cost(journal):
    ledger = bought(
        journal,
        fill("a", "0x1", price=4_000, shares=10, fee=1_000, settlement="confirmed", at=T0 + 1),
        fill("b", "0x2", price=6_000, shares=10, settlement="confirmed", at=T0 + 2),
        fill("c", "0x3", buy=False, price=5_500, shares=10, fee=500, settlement="confirmed", at=T0 + 3),
    )
    assert ledger["realised"] == 500_000  # ten shares at 0.55 that cost 0.50
    assert ledger["positions"] == 5_000_000
    assert ledger["fees"] == 1_500
    assert ledger["cash"] == CASH - 4_000_000 - 6_000_000 + 5_500_000 - 1_500


def test_a_purchase_that_is_heard_late_changes_what_a_sale_realised(journal):
    sale = fill("c", "0x3", buy=False, price=5_500, shares=10, settlement="confirmed", at=T0 + 3)
    early = fill("a", "0x1", price=4_000, shares=10, settlement="confirmed", at=T0 + 1)
    assert bought(journal, sale)["realised"] == 0  # sold before anything was bought: short
    assert bought(journal, early)["realised"] == 1_500_000
    assert journal.account.ledger["positions"] == 0


def test_a_failed_trade_leaves_no_trace(journal):
    before = dict(journal.account.ledger.accounts)
    path = [
        fill("a", "0x1", price=4_000, shares=10, fee=9, settlement=step) for step in ("matched", "retrying", "mined")
    ]
    ledger = bought(journal, *path)
    assert ledger["positions"] == 4_000_000
    assert journal.account.spendable_e6() == CASH - 4_000_009
    ledger = bought(journal, fill("a", "0x1", price=4_000, shares=10, fee=9, settlement="failed"))
    assert ledger.accounts == before
    assert ledger.position("yes").shares_e6 == 0


def test_a_failed_trade_heard_of_first_never_counts(journal):
    before = dict(journal.account.ledger.accounts)
    bought(journal, fill("a", "0x1", settlement="failed"), fill("a", "0x1", settlement="matched"))
    assert journal.account.ledger.accounts == before


def test_only_confirmed_shares_may_be_sold_and_only_settled_money_spent(journal):
    bought(journal, fill("a", "0x1", shares=10, settlement="mined"))
    assert journal.account.sellable_e6("yes") == 0
    bought(journal, fill("a", "0x1", shares=10, settlement="confirmed"))
    assert journal.account.sellable_e6("yes") == 10 * SHARE
    wanted = intent("i1", buy=False, shares=4, price=6_000)
    order_id = sent(journal, wanted)
    assert journal.account.sellable_e6("yes") == 6 * SHARE  # four are on offer
    bought(journal, fill("b", order_id, buy=False, price=6_000, shares=4, settlement="matched"))
    account = journal.account
    assert account.sellable_e6("yes") == 6 * SHARE
    assert account.ledger["cash"] - account.spendable_e6() == 2_400_000
    bought(journal, fill("b", order_id, buy=False, price=6_000, shares=4, settlement="confirmed"))
    assert journal.account.spendable_e6() == journal.account.ledger["cash"]


@pytest.mark.parametrize(("payout", "realised"), [(10_000, 6_000_000), (0, -4_000_000), (5_000, 1_000_000)])
def test_redemption_pays_what_the_outcome_is_worth(journal, payout, realised):
    bought(journal, fill("a", "0x1", price=4_000, shares=10, settlement="confirmed"))
    paid = ev.Redeemed(at=T0, move_id="r", token="yes", shares_e6=10 * SHARE, payout_e4=payout, event_time=T0 + 9)
    assert unclaimed(journal.account, {"yes": payout}.get) == ({"yes": payout * 1_000} if payout else {})
    journal.record_money(paid, paid)
    journal.record_money(paid)
    ledger = journal.account.ledger
    assert (ledger["realised"], ledger["positions"]) == (realised, 0)
    assert ledger["cash"] == CASH + realised


def test_both_legs_become_a_dollar_and_a_dollar_both_legs(journal):
    bought(
        journal,
        fill("a", "0x1", price=4_000, shares=10, settlement="confirmed"),
        fill("b", "0x2", price=5_500, shares=10, settlement="confirmed", token="no"),
    )
    merged = ev.Merged(at=T0, move_id="m", yes_token="yes", no_token="no", shares_e6=10 * SHARE, event_time=T0 + 5)
    journal.record_money(merged)
    ledger = journal.account.ledger
    assert ledger["realised"] == 500_000
    assert (ledger["positions"], ledger["cash"]) == (0, CASH + 500_000)
    split = ev.Merged(at=T0, move_id="s", yes_token="yes", no_token="no", shares_e6=-3 * SHARE, event_time=T0 + 6)
    journal.record_money(split)
    assert ledger["cash"] == CASH + 500_000 - 3_000_000
    assert [ledger.position(token).shares_e6 for token in ("yes", "no")] == [3 * SHARE, 3 * SHARE]
    assert ledger["realised"] == 500_000


def test_what_nobody_explains_waits_in_suspense_until_somebody_does(journal):
    bought(journal, fill("a", "0x1", price=4_000, shares=10, settlement="confirmed"))
    journal.record_money(
        ev.Suspended(at=T0 + 9, cash_e6=7_000_000),
        ev.Suspended(at=T0 + 9, cash_e6=0, token="yes", shares_e6=-10 * SHARE),
    )
    ledger = journal.account.ledger
    assert (ledger["suspense"], ledger["positions"], ledger["realised"]) == (-7_000_000 + 4_000_000, 0, 0)
    assert journal.account.strangeness == {"yes": -10 * SHARE}
    journal.record_money(ev.Moved(at=T0, move_id="d", what="deposit", usd_e6=7_000_000, from_suspense=True))
    journal.record_money(ev.Moved(at=T0, move_id="l", what="realised", usd_e6=-4_000_000, from_suspense=True))
    assert (ledger["suspense"], ledger["deposits"], ledger["realised"]) == (0, CASH + 7_000_000, -4_000_000)
    ledger.audit()


def test_a_posting_must_balance():
    ledger = Ledger()
    with pytest.raises(DataError) as caught:
        ledger.post(cash=5, deposits=4)
    assert caught.value.code == "ledger-unbalanced"
    ledger.post(cash=5, deposits=5)
    ledger.accounts["cash"] += 1
    with pytest.raises(DataError):
        ledger.check()


def test_an_audit_finds_a_position_that_is_not_its_lots():
    ledger = Ledger()
    ledger.put_lot("t", "a", Lot((T0, "a"), SHARE, 400_000))
    ledger.audit()
    ledger.positions["t"].shares_e6 += 1
    with pytest.raises(DataError):
        ledger.audit()


@given(st.integers(-9, 9), st.integers(-99, 99), st.integers(-9, 9), st.integers(-99, 99))
def test_netting_loses_nothing(shares, cost, lot_shares, paid):
    cost = cost if shares else 0
    after, held, realised = net(shares, cost, lot_shares, paid)
    assert after == shares + lot_shares
    assert realised == held - cost - paid  # what was paid is either still held or realised
    if after == 0 and shares:
        assert held == 0


moves = st.one_of(
    st.builds(lambda n, usd: ev.Moved(at=T0, move_id=f"m{n}", what="reward", usd_e6=usd), st.integers(0, 3), st.integers(-99, 99)),
    st.builds(
        lambda n, token, shares, payout: ev.Redeemed(
            at=T0, move_id=f"m{n}", token=token, shares_e6=shares, payout_e4=payout, event_time=T0 + n
        ),
        st.integers(0, 9), st.sampled_from(["yes", "no"]), st.integers(1, 9_999_999), st.sampled_from([0, 5_000, 10_000]),
    ),
    st.builds(
        lambda n, shares: ev.Merged(at=T0, move_id=f"m{n}", yes_token="yes", no_token="no", shares_e6=shares, event_time=T0 + n),
        st.integers(0, 9), st.integers(-9_999_999, 9_999_999),
    ),
    st.builds(
        lambda cash, token, shares: ev.Suspended(at=T0, cash_e6=cash, token=token, shares_e6=shares if token else 0),
        st.integers(-99, 99), st.sampled_from(["", "yes", "no"]), st.integers(-9_999_999, 9_999_999),
    ),
)  # fmt: skip
trades = st.builds(
    lambda n, buy, price, shares, step, at: fill(f"t{n}", "0xi1", buy=buy, price=price, shares=shares / 100, settlement=step, at=T0 + at),
    st.integers(0, 5), st.booleans(), st.integers(1, 9_999), st.integers(1, 999),
    st.sampled_from(["matched", "mined", "retrying", "confirmed", "failed"]), st.integers(1, 9),
)  # fmt: skip


@given(st.lists(st.one_of(moves, trades), max_size=15))
def test_any_program_balances_and_replays(program):
    journal = MemoryJournal(MemoryDisk(), ManualClock(T0))
    opened(journal, cash=1_000)
    sent(journal, intent(price=1, shares=5))
    for step in program:
        if isinstance(step, ev.Recorded):
            journal.record_money(step)
        else:
            journal.record_fills([step], "stream")
        journal.account.ledger.audit()
    assert fold(decoded(entry) for entry in journal.entries()).digest() == journal.account.digest()


def test_the_portfolio_adds_up(journal):
    mine = intent("i1", price=4_000, shares=10, strategy="favourites")
    sent(journal, mine)
    doubtful = intent("i2", price=5_000, shares=6, strategy="momentum", terms=instrument("no", is_yes=False))
    sent(journal, doubtful)
    journal.record_unsure("0xi2", "venue-timeout")
    bought(journal, fill("a", "0xi1", price=4_000, shares=10, fee=1_000, settlement="mined"))
    bought(journal, fill("z", "0xother", price=1_000, shares=10, settlement="confirmed", token="far", at=T0 + 1))
    found = portfolio(journal.account, T0, {"yes": 5_000}.get, lambda market: PlaceOf(event=f"e{market}", category="c"))
    assert journal.account.by_id["0xi2"].state is OrderState.UNKNOWN
    assert found.equity_e6 == CASH - 4_000_000 - 1_000 - 1_000_000 + 5_000_000 + 1_000_000
    assert (found.unrealised_e6, found.profit_e6) == (1_000_000, 999_000)
    assert found.exposures.total_e6 == 4_000_000 + 3_000_000 + 1_000_000
    assert found.exposures.by_market == {1: 7_000_000, 0: 1_000_000}
    assert found.exposures.by_event == {"e1": 7_000_000, "e0": 1_000_000}
    assert found.exposures.by_category == {"c": 8_000_000}
    assert found.exposures.by_strategy == {"favourites": 4_000_000, "momentum": 3_000_000, OUTSIDE: 1_000_000}
    (far, yes) = found.positions
    assert (yes.pending_e6, yes.sellable_e6, yes.average_e4) == (10 * SHARE, 0, 4_000)
    assert (far.instrument, far.mark_e4, far.value_e6) == (None, None, 1_000_000)


def test_a_purchase_that_does_not_rest_is_an_amount_of_dollars(journal):
    """Ten shares at up to 0.50 are five dollars: at 0.40 they buy ten shares for four, and may go on buying."""
    order_id = sent(journal, intent(tif=TimeInForce.FAK, price=5_000, shares=10))
    bought(journal, fill("a", order_id, price=4_000, shares=10))
    order = journal.account.order(order_id)
    assert (order.state, order.reserved_e6) == (OrderState.MATCHED, 1_000_000)
    bought(journal, fill("b", order_id, price=4_000, shares=2.5))
    assert (order.reserved_e6, order.filled_e6) == (0, 12_500_000)
    journal.record_reports([report(order_id, "matched", matched=12.5)], "submit")
    assert (order.final, order.settled) == (True, False)
    bought(
        journal,
        *(fill(name, order_id, price=4_000, shares=n, settlement="confirmed") for name, n in (("a", 10), ("b", 2.5))),
    )
    assert "i1" not in journal.account.open
    assert order.state is OrderState.CONFIRMED


def test_a_denied_intent_moves_nothing(journal):
    before = dict(journal.account.ledger.accounts)
    assert not journal.reserve(intent(), 7, lambda _account: Verdict(intent=None, code="no")).allowed
    assert journal.reserve(intent(), 7, allow(intent())).allowed
    assert before["cash"] - 5_000_000 == journal.account.ledger["cash"]
