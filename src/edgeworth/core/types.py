"""Nouns of the field: Event → Market → Outcome, and what is said and known about them."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from edgeworth.core.units import Micros, PriceE4, SharesE6, UsdE6


class Side(IntEnum):
    """The leg that is bought: YES is outcome 0 whatever its label, NO its complement."""

    YES = 1
    NO = -1


class Payout(IntEnum):
    """What one YES share pays, in 1e-4 dollars; VOID returns what was paid for it."""

    NO = 0
    HALF = 5_000
    YES = 10_000
    VOID = -2


UNRESOLVED: Final = -1  # stands in payout columns where nothing is known; not a Payout


class ResolutionState(StrEnum):
    """How far a resolution has come; only FINAL settles."""

    PROPOSED = "proposed"
    DISPUTED = "disputed"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Taker fee per share = rate x (p(1-p))**exponent dollars; `rate_e6` is the rate in millionths.

    Source: the venue's published fee formula; exponent is 1 or 2 on every schedule seen.
    """

    rate_e6: int = 0
    exponent: int = 1


@dataclass(frozen=True, slots=True)
class Market:
    """One binary question as it was known when it was seen: never its outcome, final volume or closing time."""

    market_no: int
    market_id: str
    venue: str
    question: str
    slug: str
    event_id: str
    outcomes: tuple[str, str]
    tags: tuple[str, ...]
    scheduled_end: Micros | None
    tick_e4: int
    min_size_e6: SharesE6
    fee: FeeSchedule
    neg_risk: bool
    known_at: Micros


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one YES share paid, when that was decided, and when we could know it."""

    market_no: int
    payout: Payout
    state: ResolutionState
    resolved_at: Micros
    known_at: Micros
    proposed_at: Micros | None
    source: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """A strategy's belief about one market at one instant; not an order.

    `probability` and `standard_error` are of the side winning (not of YES).
    """

    market_no: int
    at: Micros
    side: Side
    probability: float
    standard_error: float
    strategy: str
    reason: str
    evidence: int


@dataclass(frozen=True, slots=True)
class Fill:
    """An executed quantity: signed cash is negative when paid out."""

    market_no: int
    at: Micros
    side: Side
    price_e4: PriceE4
    shares_e6: SharesE6
    fee_e6: UsdE6
    cash_e6: UsdE6
    reason: str
