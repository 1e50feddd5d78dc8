"""How a backtest and a bot may differ about an order: the enumerated reasons, and the two orders side by side.

`docs/reference/agreement-reasons.md` is made from `REASON_DOCS`.
"""

from enum import StrEnum
from typing import Final

import msgspec

from edgeworth.trading.walked import Quotes


class Reason(StrEnum):
    """Why an order of the bot is not the backtest's; several may hold for one order."""

    SPREAD = "spread"
    FEE = "fee"
    INTEREST = "interest"
    ACCOUNT = "account"
    EXPOSURE = "exposure"
    SIBLINGS = "siblings"
    STATED_DEPTH = "stated-depth"
    VENUE_MINIMUM = "venue-minimum"
    BOOK = "book"
    JOINT = "joint"
    HELD_THERE = "held-there"
    HELD_HERE = "held-here"
    MARKET_STATUS = "market-status"
    NO_ASK = "no-ask"
    NEXT_OBSERVATION = "next-observation"
    ARRIVAL = "arrival"
    RISK = "risk"
    HALTED = "halted"
    VENUE = "venue"
    UNFILLED = "unfilled"
    ENTRY = "entry"
    LEFT = "left"
    FLATTEN = "flatten"
    NOT_CONFIRMED = "not-confirmed"
    UNEXPLAINED = "unexplained"


REASON_DOCS: Final[dict[Reason, str]] = {
    Reason.SPREAD: "The best ask of the book was not the ask that the walk was given at this mid.",
    Reason.FEE: "The walk's fee differs from the market's: `costs.multiplier` or `costs.use_fees`.",
    Reason.INTEREST: "The bot takes the interest that money earns elsewhere off fair values of distant markets.",
    Reason.ACCOUNT: "Equity or its peak differed: earlier fills, or marks taken at another instant of the tick.",
    Reason.EXPOSURE: "Free cash or exposure differed: earlier orders, or another order of service within the tick.",
    Reason.SIBLINGS: "Another set of legs of the exclusive event competed: those taken or without an ask are left out.",
    Reason.STATED_DEPTH: "`costs.depth` bounded the walk; the bot looks at the book itself.",
    Reason.VENUE_MINIMUM: "The venue takes no order below a dollar.",
    Reason.BOOK: "The best level did not hold enough: the bot walked the book and bought less.",
    Reason.JOINT: "The joint programme over hanging-together outcomes bounded the bot.",
    Reason.HELD_THERE: "The walk had an order or a position in this market already, from an earlier tick.",
    Reason.HELD_HERE: "The bot had an order or a position in this market already, or had traded it before.",
    Reason.MARKET_STATUS: "The venue said that the market is not open; the walk knows only prices.",
    Reason.NO_ASK: "Nobody offered anything.",
    Reason.NEXT_OBSERVATION: "The walk fills at the market's next observation, the bot at once.",
    Reason.ARRIVAL: "The book had moved when the order arrived.",
    Reason.RISK: "Risk denied the order or made it smaller; the detail is its code.",
    Reason.HALTED: "Trading was halted, so the order was dropped.",
    Reason.VENUE: "The order did not reach the venue, or the venue refused it; the detail is its code.",
    Reason.UNFILLED: "The order rested and was not filled, or not whole.",
    Reason.ENTRY: "An exit followed another entry: this position was opened differently.",
    Reason.LEFT: "The other one had left this position already, at an earlier tick.",
    Reason.FLATTEN: "An operator asked to leave every position.",
    Reason.NOT_CONFIRMED: "The shares were not confirmed yet, so they could not be sold.",
    Reason.UNEXPLAINED: "None of these: a defect.",
}


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the backtest, of the bot, or of both; shares in 1e-6, prices in 1e-4, stakes in 1e-6 dollars.

    Zero where there is none; `reasons` is empty where both agree, `details` are codes that go with them.
    """

    market_no: int
    side: int
    t: int
    strategy: str
    intent_id: str
    exits: bool = False
    walk_code: str = ""
    bot_code: str = ""
    walk_ask_e4: int = 0
    bot_ask_e4: int = 0
    walk_stake_e6: int = 0
    bot_stake_e6: int = 0
    walk_shares_e6: int = 0
    bot_shares_e6: int = 0
    walk_price_e4: int = 0
    bot_price_e4: int = 0
    reasons: tuple[Reason, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Tell whether both made the same order and got the same for it."""
        return not self.reasons

    @property
    def same_order(self) -> bool:
        """Tell whether both made this order with the same stake at the same ask, whatever came of it."""
        walk, bot = (self.walk_stake_e6, self.walk_ask_e4), (self.bot_stake_e6, self.bot_ask_e4)
        return self.exits or (walk == bot and walk[0] > 0)


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """All orders that either made, compared; `opinions` is how many walked."""

    quotes: Quotes
    opinions: int
    orders: tuple[Compared, ...]

    @property
    def unexplained(self) -> tuple[Compared, ...]:
        """Return the differences without a reason."""
        return tuple(one for one in self.orders if Reason.UNEXPLAINED in one.reasons)

    def reasons(self) -> dict[str, int]:
        """Return how many orders differ for each reason."""
        found: dict[str, int] = {}
        for one in self.orders:
            for reason in one.reasons:
                found[reason.value] = found.get(reason.value, 0) + 1
        return dict(sorted(found.items()))


def reasons_page() -> str:
    """Return `docs/reference/agreement-reasons.md`."""
    rows = [f"| `{reason.value}` | {REASON_DOCS[reason]} |" for reason in Reason]
    table = "\n".join(["| reason | meaning |", "|---|---|", *rows])
    return f"""# Why backtest and bot may differ

Generated from the code. `edgeworth report trading` walks the recorded ticks of a run with the backtest engine and puts
its orders beside the bot's, matched by market, side and tick of the decision. An order may carry several reasons. How
they are found stands in [reading a trading report](../how-to/read-a-trading-report.md).

{table}
"""
