"""The gate: allows, shrinks or denies an intended stake, and says why with one enumerated code.

The same pure function stands before every order in backtest, paper and live. `docs/reference/gate-codes.md` is made
from `GATE_DOCS`.
"""

from enum import IntEnum
from typing import Final

from edgeworth.engine.compiled import kernel


class GateCode(IntEnum):
    """Why an opinion became an order, or did not; every opinion ends with exactly one code."""

    ALLOWED = 0
    AFTER_RESOLUTION = 1
    ALREADY_HELD = 2
    ALREADY_TRADED = 3
    UNPROVEN = 4
    MIN_EDGE = 5
    DRAWDOWN_STOP = 6
    MAX_ORDER = 7
    DEPTH = 8
    MAX_MARKET = 9
    MAX_EVENT = 10
    MAX_CATEGORY = 11
    MAX_TOTAL = 12
    NO_CASH = 13
    BETTER_SIBLING = 14
    MIN_SIZE = 15
    TOO_LARGE = 16
    PRICE_LIMIT = 17
    NO_NEXT_PRICE = 18

    @property
    def text(self) -> str:
        """Return the kebab name shown to people."""
        return self.name.lower().replace("_", "-")


GATE_DOCS: Final[dict[GateCode, str]] = {
    GateCode.ALLOWED: "The order was filled. It may have been shrunk: the cap that did so is counted apart.",
    GateCode.AFTER_RESOLUTION: "The market's resolution is already known.",
    GateCode.ALREADY_HELD: "A position or a pending order in this market exists; there is no scaling in.",
    GateCode.ALREADY_TRADED: "The market was entered as often as allowed (once, unless configured otherwise).",
    GateCode.UNPROVEN: "Probability or standard error is not a number, or the error shrinks the stake to zero.",
    GateCode.MIN_EDGE: "Probability minus all-in cost per share is not positive, or below `risk.min_edge`.",
    GateCode.DRAWDOWN_STOP: "The drawdown of equity has reached `risk.drawdown_stop`.",
    GateCode.MAX_ORDER: "`risk.max_order` leaves less than the market's smallest order.",
    GateCode.DEPTH: "The stated depth `costs.depth` leaves less than the market's smallest order.",
    GateCode.MAX_MARKET: "The market's exposure has reached `risk.max_market` of equity.",
    GateCode.MAX_EVENT: "The event's exposure has reached `risk.max_event` of equity.",
    GateCode.MAX_CATEGORY: "The category's exposure has reached `risk.max_category` of equity.",
    GateCode.MAX_TOTAL: "Total exposure has reached `risk.max_total` of equity.",
    GateCode.NO_CASH: "Free cash (not held, not reserved) does not buy the smallest order.",
    GateCode.BETTER_SIBLING: "With this leg, the legs of its exclusive event at this instant would cost 1 or more.",
    GateCode.MIN_SIZE: "The stake buys less than the market's smallest order, at decision or at the fill.",
    GateCode.TOO_LARGE: "The account has outgrown what integer money covers (4 billion dollars).",
    GateCode.PRICE_LIMIT: "At the fill the all-in cost exceeded the fair value.",
    GateCode.NO_NEXT_PRICE: "No later observation of the market before its resolution, or before the data ended.",
}

# The caps in the order in which they shrink a stake; `gate` reports the last one that did.
CAPS: Final = (
    int(GateCode.MAX_ORDER),
    int(GateCode.DEPTH),
    int(GateCode.MAX_MARKET),
    int(GateCode.MAX_EVENT),
    int(GateCode.MAX_CATEGORY),
    int(GateCode.MAX_TOTAL),
    int(GateCode.NO_CASH),
)


@kernel
def blocked(rooms: tuple[int, ...]) -> int:
    """Return the code of the first cap without room (dollars left, 1e-6, in the order of `CAPS`), or 0."""
    for k in range(len(rooms)):
        if rooms[k] <= 0:
            return CAPS[k]
    return 0


@kernel
def gate(stake_e6: int, rooms: tuple[int, ...]) -> tuple[int, int]:
    """Return (allowed stake, code of the last cap that shrank it or 0); a cap without room gives (0, its code)."""
    code = 0
    for k in range(len(rooms)):
        if stake_e6 > rooms[k]:
            stake_e6, code = max(rooms[k], 0), CAPS[k]
        if rooms[k] <= 0:
            return 0, CAPS[k]
    return stake_e6, code


def gate_table() -> str:
    """Return the documentation table of all codes, as Markdown."""
    rows = [f"| {code.value} | `{code.text}` | {GATE_DOCS[code]} |" for code in GateCode]
    return "\n".join(["| code | name | meaning |", "|---|---|---|", *rows])
