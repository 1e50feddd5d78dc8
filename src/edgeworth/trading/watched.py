"""The markets a bot may trade: what their orders need to know and what their exposure counts towards."""

from collections.abc import Iterable, Iterator

import msgspec

from edgeworth.core.orders import Instrument
from edgeworth.core.units import Micros


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One market: its tokens, terms, and the groups its exposure belongs to.

    `exclusive`: at most one market of the event pays YES. `scheduled_end` as known now, None when there is none.
    """

    market_no: int
    market_id: str
    question: str
    condition: str
    yes_token: str
    no_token: str
    event_no: int
    category: str
    tick_e4: int
    min_size_e6: int
    exclusive: bool = False
    neg_risk: bool = False
    fee_rate_e6: int = 0
    fee_exponent_e6: int = 1_000_000
    scheduled_end: Micros | None = None

    def token(self, side: int) -> str:
        """Return the token that is bought for a side: +1 YES, -1 NO."""
        return self.yes_token if side > 0 else self.no_token

    def instrument(self, side: int, tick_e4: int = 0) -> Instrument:
        """Return what an order on a side needs; `tick_e4` is the grid of the moment where it is known."""
        return Instrument(
            market_no=self.market_no,
            condition=self.condition,
            token=self.token(side),
            is_yes=side > 0,
            tick_e4=tick_e4 or self.tick_e4,
            min_size_e6=self.min_size_e6,
            neg_risk=self.neg_risk,
            fee_rate_e6=self.fee_rate_e6,
            fee_exponent_e6=self.fee_exponent_e6,
        )


class Directory:
    """Watched markets by number, token, event and category."""

    def __init__(self, markets: Iterable[Watched]) -> None:
        self.by_no = {one.market_no: one for one in markets}
        self.by_token: dict[str, Watched] = {}
        self.by_event: dict[int, list[Watched]] = {}
        for one in self.by_no.values():
            self.by_token[one.yes_token] = self.by_token[one.no_token] = one
            self.by_event.setdefault(one.event_no, []).append(one)

    def __len__(self) -> int:
        return len(self.by_no)

    def __iter__(self) -> Iterator[Watched]:
        return iter(self.by_no.values())

    def side_of(self, token: str) -> int:
        """Return +1 for a YES token, -1 for a NO token; raises KeyError for one that is not watched."""
        return 1 if self.by_token[token].yes_token == token else -1

    def yes_tokens(self) -> list[str]:
        """Return the YES tokens, by market number."""
        return [self.by_no[number].yes_token for number in sorted(self.by_no)]
