"""No sequence of events takes an order off its table, out of proof, or the ledger out of balance."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.deeds import T0, allow, fill, intent, opened, prepared, report

from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import DataError
from edgeworth.core.orders import OrderState, TimeInForce
from edgeworth.trading.account import fold
from edgeworth.trading.journal import MemoryDisk, MemoryJournal, decoded
from edgeworth.trading.states import OPEN, RESTING, STEPS, TERMINAL, UNCERTAIN, UNSENT, at_start

SIZE = 10
STATUSES = ("live", "matched", "delayed", "cancelled", "expired", "unmatched", "rejected")
SETTLEMENTS = ("matched", "mined", "retrying", "confirmed", "failed")

reports = st.builds(
    lambda status, matched, at: ("report", status, matched, at),
    st.sampled_from(STATUSES), st.sampled_from([0, 3, 5, 9.995, 10]), st.integers(0, 9),
)  # fmt: skip
fills = st.builds(
    lambda trade, settlement, at: ("fill", trade, settlement, at),
    st.sampled_from(["a", "b", "c"]), st.sampled_from(SETTLEMENTS), st.integers(0, 9),
)  # fmt: skip
deeds = st.sampled_from([
    ("sign",), ("send",), ("unsure",), ("refuse", "illegal"), ("refuse", "never-sent"), ("refuse", "withheld"),
    ("refuse", "refused"), ("refuse", "absent"), ("cancel",), ("end", "cancelled"), ("end", "expired"), ("sweep",),
])  # fmt: skip
PARTS = {"a": 3.0, "b": 5.0, "c": 2.0}


def begun(tif=TimeInForce.GTD, *, buy=True):
    journal = MemoryJournal(MemoryDisk(), ManualClock(T0))
    opened(journal)
    wanted = intent(shares=SIZE, tif=tif, buy=buy)
    journal.reserve(wanted, 7, allow(wanted))
    return journal, wanted


def do(journal, wanted, deed):
    """Do one deed as the manager would ask for it."""
    match deed:
        case ("sign",):
            journal.record_signed(prepared(wanted))
        case ("send",):
            journal.record_sending("0xi1")
        case ("unsure",):
            journal.record_unsure("0xi1", "venue-timeout")
        case ("refuse", proof):
            journal.record_refused("i1", proof, "code")
        case ("cancel",):
            journal.record_cancel_wanted(["0xi1"])
        case ("end", how):
            journal.record_ended("0xi1", how, "test")
        case ("sweep",):
            journal.record_swept(T0, ["0xi1"])
        case ("report", status, matched, at):
            journal.record_reports([report(status=status, matched=matched, at=T0 + at)], ("stream", "order")[at % 2])
        case ("fill", trade, settlement, at):
            told = fill(trade, shares=PARTS[trade], settlement=settlement, at=T0 + at, buy=wanted.is_buy)
            journal.record_fills([told], "stream")


def refused(journal, wanted, deed):
    """Do a deed and return the code of the journal's refusal, "" where it took place."""
    try:
        do(journal, wanted, deed)
    except DataError as error:
        return error.code
    return ""


@given(
    st.sampled_from(list(TimeInForce)),
    st.booleans(),
    st.lists(st.one_of(deeds, reports, fills), max_size=22),
    st.booleans(),
)
def test_every_step_is_legal_and_no_doubt_ends_without_proof(tif, buy, sequence, sent):
    journal, wanted = begun(tif, buy=buy)
    start = [("sign",), ("send",)] if sent else []
    for deed in [*start, *sequence]:
        order = journal.account.orders["i1"]
        before, uncertain = order.state, order.uncertain
        digest = journal.account.digest()
        refusal = refused(journal, wanted, deed)
        if refusal:
            assert refusal in {"order-step", "order-unknown"}
            assert journal.account.digest() == digest
            continue
        order = journal.account.orders["i1"]
        assert order.state is before or order.state in STEPS[before]
        if uncertain and before in UNCERTAIN and order.state is OrderState.REJECTED:
            assert deed in {("refuse", "absent")} or deed[:2] == ("report", "rejected")
        if order.state in UNCERTAIN:
            assert order.unseen_e6 + order.told_e6 >= order.intent.shares_e6
            need = order.intent.price_e4 * order.unseen_e6 // 10_000 if buy else 0
            assert order.reserved_e6 >= need
        assert journal.account.ledger["reserved"] == order.reserved_e6
        journal.account.ledger.audit()
    again = fold(decoded(entry) for entry in journal.entries())
    assert again.digest() == journal.account.digest()


@given(st.lists(st.one_of(reports, fills), min_size=1, max_size=8), st.randoms(use_true_random=False), st.data())
def test_what_the_venue_says_counts_the_same_in_any_order_and_number(said, shuffler, data):
    """Reports without our own conclusions between them: facts only grow, so their order cannot matter."""
    found = []
    tif = data.draw(st.sampled_from(list(TimeInForce)))
    mixed = said + data.draw(st.lists(st.sampled_from(said), max_size=5))
    shuffler.shuffle(mixed)
    for deliveries in (said, mixed):
        journal, wanted = begun(tif)
        for deed in [("sign",), ("send",), *deliveries]:
            do(journal, wanted, deed)
        order = journal.account.orders["i1"]
        facts = [order.state, order.filled_e6, order.matched_e6, order.closed, order.unseen_e6, order.reserved_e6]
        found.append(
            (facts, journal.account.ledger.facts(), {name: one.settlement for name, one in order.fills.items()})
        )
    assert found[0] == found[1]


@given(st.permutations(range(6)), st.data())
def test_a_position_is_folded_in_the_order_in_which_things_happened(order, data):
    """Buys and sales of one token in any order of hearing give the same cost and profit to the last millionth."""
    lots = [
        fill(f"t{n}", f"0x{n}", buy=data.draw(st.booleans()), price=data.draw(st.integers(1, 9_999)),
             shares=data.draw(st.integers(1, 900)) / 100, fee=data.draw(st.integers(0, 9)), settlement="confirmed",
             at=T0 + 1 + data.draw(st.integers(0, 3)))
        for n in range(6)
    ]  # fmt: skip
    found = []
    for sequence in (range(6), order):
        journal = MemoryJournal(MemoryDisk(), ManualClock(T0))
        opened(journal)
        for number in sequence:
            journal.record_fills([lots[number]], "stream")
        journal.account.ledger.audit()
        found.append(journal.account.ledger.facts())
    assert found[0] == found[1]
    position = journal.account.ledger.positions["yes"]
    assert position.shares_e6 == sum(lot.shares_e6 if lot.is_buy else -lot.shares_e6 for lot in lots)


def test_the_table_says_what_the_states_mean():
    assert set(STEPS) == set(OrderState)
    assert OPEN | TERMINAL | {OrderState.MATCHED, OrderState.MINED} == set(OrderState)
    for state, targets in STEPS.items():
        assert targets
        assert not targets & UNSENT or state is OrderState.NEW  # nothing becomes unsent again
        if state not in UNSENT | {OrderState.SENDING}:
            assert not targets & UNCERTAIN  # knowledge is not lost
    settling = {OrderState.MATCHED, OrderState.MINED, OrderState.CONFIRMED, OrderState.FAILED}
    for state in settling:
        assert STEPS[state] <= settling  # a matched order never rests again
    assert {state for state, targets in STEPS.items() if OrderState.UNKNOWN in targets} == {OrderState.SENDING}
    assert {at_start(state) for state in UNSENT} == {OrderState.REJECTED}
    assert at_start(OrderState.SENDING) is OrderState.UNKNOWN
    assert all(at_start(state) is state for state in RESTING | {OrderState.UNKNOWN})
