"""Where an order's way ended, step by step."""

import pytest
from tests.support.deeds import intent

from edgeworth.core.orders import OrderState, Settlement
from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6
from edgeworth.trading.funnel import STEPS, lost_at
from edgeworth.trading.order import Fill, Order


def order_in(state: OrderState, settlement: Settlement | None = None, code: str = "") -> Order:
    wanted = intent()
    sent_at = None if state is OrderState.SIGNED else Micros(2)
    order = Order(wanted, 1, Micros(1), state=state, sent_at=sent_at, code=code)
    if settlement is not None:
        order.fills["t"] = Fill(
            "t", "o", wanted.instrument.token, True, PriceE4(5_000), SharesE6(1_000_000), UsdE6(0), settlement,
            Micros(3), False, "",
        )  # fmt: skip
    return order


@pytest.mark.parametrize(
    ("order", "step", "code"),
    [
        (order_in(OrderState.SIGNED), "sent", "signed"),
        (order_in(OrderState.REJECTED, code="order-not-enough"), "accepted", "order-not-enough"),
        (order_in(OrderState.UNKNOWN), "accepted", "unknown"),
        (order_in(OrderState.EXPIRED), "filled", "expired"),
        (order_in(OrderState.FAILED, Settlement.FAILED), "filled", "failed"),
        (order_in(OrderState.MINED, Settlement.MINED), "confirmed", "mined"),
    ],
)
def test_an_order_is_lost_at_one_step_with_a_code(order, step, code):
    assert lost_at("i", order, {}) == (STEPS.index(step), code)


def test_a_confirmed_order_is_not_lost():
    assert lost_at("i", order_in(OrderState.CONFIRMED, Settlement.CONFIRMED), {}) == (len(STEPS), "")


def test_an_intent_without_an_order_was_denied_or_dropped():
    assert lost_at("i", None, {"i": "max-event"}) == (STEPS.index("allowed"), "max-event")
    assert lost_at("i", None, {}) == (STEPS.index("allowed"), "halted")
