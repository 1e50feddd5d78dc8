"""The life of an order: one table of the steps it may take, and nothing that takes another.

    NEW -> SIGNED -> SENDING -> ACKED | UNKNOWN | REJECTED
    ACKED | UNKNOWN -> LIVE -> PARTIAL -> MATCHED -> MINED -> CONFIRMED | FAILED
    CANCELLED and EXPIRED from everything that may rest

Evidence may skip steps forward: a fill seen before the answer to the request makes a SENDING order MATCHED. An order
shows its least settled fill, so a fill found late takes a CONFIRMED order back to MATCHED. What we concluded without
the venue's word (that an order expired, was cancelled or never arrived) is overruled by a later sign of life; what the
venue itself said is not (`trading.order`).
"""

from collections.abc import Mapping
from typing import Final

from edgeworth.core.errors import DataError
from edgeworth.core.orders import OrderState

_S = OrderState
_SETTLING: Final = frozenset({_S.MATCHED, _S.MINED, _S.CONFIRMED, _S.FAILED})
_ALIVE: Final = frozenset({_S.LIVE, _S.PARTIAL}) | _SETTLING
_GONE: Final = frozenset({_S.CANCELLED, _S.EXPIRED})

STEPS: Final[Mapping[OrderState, frozenset[OrderState]]] = {
    _S.NEW: frozenset({_S.SIGNED, _S.REJECTED}),
    _S.SIGNED: frozenset({_S.SENDING, _S.REJECTED}),
    _S.SENDING: frozenset({_S.ACKED, _S.UNKNOWN, _S.REJECTED}) | _ALIVE | _GONE,
    _S.UNKNOWN: frozenset({_S.ACKED, _S.REJECTED}) | _ALIVE | _GONE,
    _S.ACKED: frozenset({_S.REJECTED}) | _ALIVE | _GONE,
    _S.LIVE: frozenset({_S.PARTIAL}) | _SETTLING | _GONE,
    _S.PARTIAL: _SETTLING | _GONE,
    _S.MATCHED: _SETTLING,
    _S.MINED: _SETTLING,
    _S.CONFIRMED: _SETTLING,
    _S.FAILED: _SETTLING,
    _S.CANCELLED: _ALIVE | {_S.EXPIRED},
    _S.EXPIRED: _ALIVE | {_S.CANCELLED},
    _S.REJECTED: _ALIVE | _GONE,
}
"""Every legal step; staying where one is is always legal."""

UNSENT: Final = frozenset({_S.NEW, _S.SIGNED})
"""The venue has never seen it."""
UNCERTAIN: Final = frozenset({_S.SENDING, _S.UNKNOWN})
"""The venue may have it."""
RESTING: Final = frozenset({_S.ACKED, _S.LIVE, _S.PARTIAL})
"""The venue has it and may still fill it."""
OPEN: Final = UNSENT | UNCERTAIN | RESTING
"""It may still be filled, now or later."""
TERMINAL: Final = frozenset({_S.REJECTED, _S.CONFIRMED, _S.FAILED}) | _GONE
"""Nothing more is expected, though a late fill is believed."""


def step(state: OrderState, target: OrderState) -> OrderState:
    """Take one step; raises DataError order-step where the table has none."""
    if target is not state and target not in STEPS[state]:
        raise DataError("order-step", f"an order that is {state} cannot become {target}")
    return target


def at_start(state: OrderState) -> OrderState:
    """Return what a state found at start-up means: SENDING may have been sent, NEW and SIGNED never were."""
    if state is _S.SENDING:
        return _S.UNKNOWN
    return _S.REJECTED if state in UNSENT else state
