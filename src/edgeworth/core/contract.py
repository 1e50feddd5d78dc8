"""What a price contract pays and by whose candle: the terms a rule states, with the words that state them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from edgeworth.core.units import Micros

Field = Literal["", "high", "low", "close", "oracle", "twap"]
Tie = Literal["", "yes", "no", "half"]


class ContractKind(StrEnum):
    """The kinds of rules that have a formula; NONE is a rule that is not understood and has no value."""

    TOUCH_UP = "touch_up"
    TOUCH_DOWN = "touch_down"
    HOURLY_UPDOWN = "hourly_updown"
    DAILY_UPDOWN = "daily_updown"
    WINDOW_UPDOWN = "window_updown"
    ABOVE_ON_DAY = "above_on_day"
    BETWEEN_ON_DAY = "between_on_day"
    FIRST_OF_TWO = "first_of_two"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """The rule of one market in numbers, as its description stated it when it was first seen.

    `underlying` is a symbol (`BTC`), `pair` and `venue_of_record` whose price counts. `field` and `interval` name the
    candle (`high` of `1m`), `oracle` a published stream, `twap` its mean over the last `average_us`. `levels` ascend;
    `comparator` is one of > >= < <= for one level, `[)` and the like for a range, and for the first of two `>` when
    YES is the upper level, `<` when the lower. `window_start` (None for a price at one instant) and `window_end` are
    microseconds UTC at which the first candle opens and the last one closes, written in `zone`. `tie` says which leg an
    equal price pays. `payouts` are (what happens, what a YES share pays in 1e-4 dollars). `evidence` holds the words
    matched, `reason` why nothing was understood. `confidence` is 1 or 0, never between.
    """

    kind: ContractKind
    underlying: str = ""
    pair: str = ""
    venue_of_record: str = ""
    field: Field = ""
    interval: str = ""
    levels: tuple[float, ...] = ()
    comparator: str = ""
    window_start: Micros | None = None
    window_end: Micros | None = None
    zone: str = ""
    tie: Tie = ""
    payouts: tuple[tuple[str, int], ...] = ()
    average_us: int = 0
    parser_version: int = 0
    evidence: tuple[str, ...] = ()
    reason: str = ""

    @property
    def confidence(self) -> int:
        """1 where every sentence of the rule was understood, else 0."""
        return 0 if self.kind is ContractKind.NONE else 1

    @property
    def is_touch(self) -> bool:
        """Tell whether one level decides at once when it is touched."""
        return self.kind in {ContractKind.TOUCH_UP, ContractKind.TOUCH_DOWN}

    @property
    def is_up_or_down(self) -> bool:
        """Tell whether the end of a window is compared with its start."""
        return self.kind in {ContractKind.HOURLY_UPDOWN, ContractKind.DAILY_UPDOWN, ContractKind.WINDOW_UPDOWN}
