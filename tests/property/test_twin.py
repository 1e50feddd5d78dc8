"""The parts of the execution twin add up to the ledger's own profit, to the millionth, whatever happened."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.deeds import intent

from edgeworth.core.orders import Settlement
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6
from edgeworth.trading.accounting import Ledger, Lot, dollars
from edgeworth.trading.looks import Looks
from edgeworth.trading.order import Fill, Order
from edgeworth.trading.twin import PARTS, Move, decompose, total, twin, worth

PRICES = st.integers(1, 9_999)
MARKS = st.integers(0, 10_000)


@st.composite
def moves(draw: st.DrawFn) -> Move:
    shares = draw(st.integers(1, 10**9)) * draw(st.sampled_from([1, -1]))
    paid = dollars(PriceE4(draw(PRICES)), SharesE6(abs(shares)), is_buy=shares > 0)
    return Move(
        shares_e6=shares, paid_e6=paid if shares > 0 else -paid, fee_e6=draw(st.integers(0, 10**6)),
        decided_e4=draw(MARKS), arrived_e4=draw(MARKS), touch_e4=draw(MARKS),
    )  # fmt: skip


def profit_of(found: list[Move], mark: int) -> int:
    """Return what the ledger says: realised, plus value less cost, minus fees."""
    ledger = Ledger()
    for k, move in enumerate(found):
        ledger.put_lot("T", str(k), Lot((Micros(k), str(k)), move.shares_e6, move.paid_e6), move.fee_e6)
    position = ledger.position("T")
    ledger.audit()
    return ledger["realised"] + worth(mark, position.shares_e6) - position.cost_e6 - ledger["fees"]


@given(st.lists(moves(), max_size=12), MARKS)
def test_parts_add_up_to_the_ledgers_profit(found: list[Move], mark: int) -> None:
    split = decompose(found, mark)
    assert sum(parts.profit_e6 for parts in split) == profit_of(found, mark)
    for move, parts in zip(found, split, strict=True):
        assert parts.fee == -move.fee_e6
        assert parts.profit_e6 == sum(getattr(parts, name) for name in PARTS)


@given(moves(), MARKS)
def test_each_part_is_the_step_it_is_named_for(move: Move, mark: int) -> None:
    """An order that paid the mid it was decided on, without a fee, owes everything to the direction."""
    calm = Move(
        shares_e6=move.shares_e6, paid_e6=worth(move.decided_e4, move.shares_e6), fee_e6=0,
        decided_e4=move.decided_e4, arrived_e4=move.decided_e4, touch_e4=move.decided_e4,
    )  # fmt: skip
    parts = decompose([calm], mark)[0]
    assert (parts.latency, parts.spread, parts.impact, parts.fee) == (0, 0, 0, 0)
    assert parts.direction == worth(mark, move.shares_e6) - worth(move.decided_e4, move.shares_e6)


def filled(number: int, **values: Any) -> Order:
    """Return an order of the intent `number` with one fill."""
    wanted = intent(f"i{number}")
    order = Order(wanted, number, Micros(number))
    facts: dict[str, Any] = {
        "trade_id": f"t{number}", "order_id": f"o{number}", "token": wanted.instrument.token, "is_buy": True,
        "price_e4": PriceE4(4_000), "shares_e6": SharesE6(10_000_000), "fee_e6": UsdE6(100),
        "settlement": Settlement.CONFIRMED, "event_time": Micros(number), "is_maker": False, "transaction": "",
    }  # fmt: skip
    fill = Fill(**{**facts, **values})
    order.fills[fill.trade_id] = fill
    return order


def test_void_fills_leave_no_trace_and_missing_books_are_said() -> None:
    orders = [filled(1), filled(2, settlement=Settlement.FAILED)]
    found = twin(orders, Looks([]), lambda _token: 5_000)
    assert [one.intent_id for one in found] == [orders[0].intent.intent_id]
    assert found[0].guessed
    assert found[0].profit_e6 == 1_000_000 - 100
    unknown = twin(orders, Looks([]), lambda _token: None)
    assert total(unknown).profit_e6 == -100  # nobody knows what it is worth: it counts at cost
