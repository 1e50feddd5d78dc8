"""The rejection funnel: where opinions were lost on the way to money, by strategy, each loss with its code.

The codes are those of the gate (`engine.gate`) up to `sized`, of risk (`trading.risk_codes`) at `allowed`, of the order
manager and the venue from `sent` on. What is counted at a step and not at the next one stands in its `lost`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from edgeworth.core.orders import Intent, OrderState, Settlement
from edgeworth.engine.gate import GateCode
from edgeworth.trading.account import Account
from edgeworth.trading.order import Order
from edgeworth.trading.record import Line
from edgeworth.trading.sizing import Planned

STEPS: Final = ("opinions", "free", "edge", "sized", "allowed", "sent", "accepted", "filled", "confirmed")
STEP_WORDS: Final = {
    "opinions": "said something about a market",
    "free": "the market was free: neither held, nor traded, nor over",
    "edge": "fair value above the all-in cost at the best ask",
    "sized": "Kelly, caps and the book left an order",
    "allowed": "risk allowed it, and its money was set aside",
    "sent": "its bytes left",
    "accepted": "the venue took it",
    "filled": "it traded, in part at least",
    "confirmed": "every fill is final",
}
_TAKEN: Final = frozenset({GateCode.ALREADY_HELD, GateCode.ALREADY_TRADED, GateCode.AFTER_RESOLUTION})
_NO_EDGE: Final = frozenset({GateCode.MIN_EDGE, GateCode.NO_NEXT_PRICE})
_REFUSED: Final = frozenset({OrderState.REJECTED, OrderState.UNKNOWN, OrderState.SENDING})


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How many came this far, and how many of those that came to the step before were lost, by code."""

    name: str
    count: int
    lost: dict[str, int] = {}


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of one strategy; sales that leave positions are counted apart and begin at `sized`."""

    strategy: str
    steps: tuple[Step, ...]
    exits: bool = False


def funnels(lines: Iterable[Line], account: Account, denials: Mapping[str, str]) -> list[Funnel]:
    """Return the funnels of recorded ticks, by strategy; `denials` are the journal's codes by intent."""
    ways: dict[tuple[str, bool], list[tuple[int, str]]] = {}
    for line in lines:
        said = {one.name: one.strategy for one in line.opinions}
        for planned in line.planned:
            way = _lost_before_risk(planned)
            found = way if way is not None else lost_at(planned.name, account.orders.get(planned.name), denials)
            ways.setdefault((said[planned.name], False), []).append(found)
        for intent in sales_of(line):
            found = lost_at(intent.intent_id, account.orders.get(intent.intent_id), denials)
            ways.setdefault((intent.strategy, True), []).append(found)
    return [
        Funnel(strategy=name, steps=_steps(found, STEPS.index("sized") if exits else 0), exits=exits)
        for (name, exits), found in sorted(ways.items())
    ]


def sales_of(line: Line) -> list[Intent]:
    """Return the orders of a tick that leave positions."""
    return [intent for intent in line.wanted if not intent.is_buy]


def _lost_before_risk(planned: Planned) -> tuple[int, str] | None:
    """Return (step that was not reached, why), None for an opinion that became an intent."""
    code = planned.code
    if code is GateCode.ALLOWED:
        return None
    if code in _TAKEN:
        return STEPS.index("free"), code.text
    if code in _NO_EDGE or planned.edge_e6 <= 0:
        return STEPS.index("edge"), code.text
    return STEPS.index("sized"), code.text


def lost_at(intent_id: str, order: Order | None, denials: Mapping[str, str]) -> tuple[int, str]:
    """Return (step that an intent's order did not reach, why); (len(STEPS), "") for a confirmed one."""
    if order is None:
        # after a halt the rest of a tick is dropped, so nothing is written down about it
        return STEPS.index("allowed"), denials.get(intent_id, "halted")
    state = str(order.state)
    if order.sent_at is None:
        return STEPS.index("sent"), order.code or state
    if order.state in _REFUSED:
        return STEPS.index("accepted"), order.code or state
    valid = [fill for fill in order.fills.values() if not fill.void]
    if not valid:
        return STEPS.index("filled"), state
    open_yet = [str(fill.settlement) for fill in valid if fill.settlement is not Settlement.CONFIRMED]
    if open_yet:
        return STEPS.index("confirmed"), open_yet[0]
    return len(STEPS), ""


def _steps(lost: Sequence[tuple[int, str]], first: int) -> tuple[Step, ...]:
    found = []
    for number in range(first, len(STEPS)):
        codes: dict[str, int] = {}
        for step, code in lost:
            if step == number:
                codes[code] = codes.get(code, 0) + 1
        count = sum(step > number for step, _ in lost)
        found.append(
            Step(name=STEPS[number], count=count, lost=dict(sorted(codes.items(), key=lambda c: (-c[1], c[0]))))
        )
    return tuple(found)
