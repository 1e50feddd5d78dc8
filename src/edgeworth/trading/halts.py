"""Trading states and the halts they are made of: who stopped trading, why, and who may resume it.

There is no variable that holds the state: it is the most severe of all halts that stand, each one a row of the journal
with its cause, its reason and who may lift it. A restart reads the rows back and therefore never re-arms anything.

    ACTIVE -> REDUCING -> HALTED     by raising a halt: always allowed, by anybody
    HALTED -> REDUCING -> ACTIVE     by lifting one: by an operator; by the machine only where the halt says so
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from edgeworth.core.errors import RiskError
from edgeworth.core.units import Micros

EVERYTHING: Final = ""  # the scope of a halt that stands for the whole account


class TradingState(StrEnum):
    """What may be sent: anything, only what reduces a position, or nothing but cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"

    @property
    def severity(self) -> int:
        """Return 0, 1 or 2."""
        return _SEVERITY[self]


_SEVERITY: Final = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


class Resume(StrEnum):
    """Who may lift a halt: an operator, or also the machine once the condition is over."""

    OPERATOR = "operator"
    AUTOMATIC = "automatic"


class HaltCause(StrEnum):
    """Why trading was stopped."""

    PAUSED = "paused"
    KILLED = "killed"
    NOT_RECONCILED = "not-reconciled"
    LEDGER_DIFFERENCE = "ledger-difference"
    RISK_FAILED = "risk-failed"
    DAILY_LOSS = "daily-loss"
    DRAWDOWN = "drawdown"
    LOSS_STREAK = "loss-streak"
    ERROR_RATE = "error-rate"
    REJECT_STREAK = "reject-streak"
    SLIPPAGE = "slippage"
    MODEL_DRIFT = "model-drift"
    HEARTBEAT = "heartbeat"
    DISK = "disk"
    CLOCK_SKEW = "clock-skew"
    GEOBLOCK = "geoblock"
    CLOSED_ONLY = "closed-only"
    PROTOCOL = "protocol"


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """One halt that stands: a row. `scope` is "" for everything, else "strategy:NAME" or "market:NUMBER".

    `halt_id` names it for ever; the same cause and scope at the same instant is the same halt.
    """

    halt_id: str
    cause: HaltCause
    state: TradingState
    resume: Resume
    reason: str
    at: Micros
    scope: str = EVERYTHING


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one halt: a row. `by` is the authority, `who` the person or the part of the program."""

    halt_id: str
    by: Resume
    who: str
    reason: str
    at: Micros


def raise_halt(
    cause: HaltCause, state: TradingState, resume: Resume, reason: str, at: Micros, scope: str = EVERYTHING
) -> Halt:  # fmt: skip
    """Return a new halt; ValueError for a state that stops nothing."""
    if state is TradingState.ACTIVE:
        raise ValueError("a halt reduces or halts")
    halt_id = f"{cause.value}:{scope or 'all'}:{at}"
    return Halt(halt_id=halt_id, cause=cause, state=state, resume=resume, reason=reason, at=at, scope=scope)


def lift(halt: Halt, by: Resume, who: str, reason: str, at: Micros) -> Lift:
    """Return the end of a halt; raises RiskError `halt-needs-operator` when the machine may not end this one."""
    if by is Resume.AUTOMATIC and halt.resume is Resume.OPERATOR:
        raise RiskError("halt-needs-operator", f"the halt '{halt.cause.value}' waits for an operator: {halt.reason}")
    return Lift(halt_id=halt.halt_id, by=by, who=who, reason=reason, at=at)


def standing(rows: Iterable[Halt | Lift]) -> tuple[Halt, ...]:
    """Fold rows in journal order into the halts that stand; a lift of what does not stand changes nothing."""
    found: dict[str, Halt] = {}
    for row in rows:
        if isinstance(row, Halt):
            found.setdefault(row.halt_id, row)
        else:
            found.pop(row.halt_id, None)
    return tuple(found.values())


def concerning(halts: Sequence[Halt], strategy: str, market_no: int) -> tuple[Halt, ...]:
    """Return the halts that stand in the way of one strategy in one market, the most severe first."""
    if not halts:
        return ()
    scopes = (EVERYTHING, f"strategy:{strategy}", f"market:{market_no}")
    found = [halt for halt in halts if halt.scope in scopes]
    return tuple(sorted(found, key=lambda halt: -halt.state.severity))


def state_of(halts: Sequence[Halt]) -> TradingState:
    """Return the most severe state among halts, ACTIVE without any."""
    if not halts:
        return TradingState.ACTIVE
    return max((halt.state for halt in halts), key=lambda state: state.severity)


def overall(halts: Sequence[Halt]) -> TradingState:
    """Return the state of the whole account; a halt of one strategy or market does not count."""
    return state_of([halt for halt in halts if halt.scope == EVERYTHING])
