"""The markets a bot may trade: what their orders need to know and what their exposure counts towards."""

from collections.abc import Iterable, Iterator

import msgspec

from edgeworth.core.orders import Instrument
from edgeworth.core.units import Micros
from edgeworth.trading.desk import Group


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
    """Watched markets by number, token and event; the risk desk's directory."""

    def __init__(self, markets: Iterable[Watched]) -> None:
        self.by_no = {one.market_no: one for one in markets}
        self.by_token: dict[str, Watched] = {}
        self.by_event: dict[int, list[Watched]] = {}
        for one in self.by_no.values():
            self.by_token[one.yes_token] = self.by_token[one.no_token] = one
            self.by_event.setdefault(one.event_no, []).append(one)

        self._groups: dict[int, Group] = {}

    def group(self, market_no: int) -> Group:
        """Return to what a market belongs; one that is not watched belongs to nothing but itself."""
        found = self._groups.get(market_no)
        if found is None:
            one = self.by_no.get(market_no)
            if one is None:
                return Group(market_no=market_no, event_no=-market_no - 1, category="")
            members = tuple(sorted(member.market_no for member in self.by_event[one.event_no]))
            found = self._groups[market_no] = Group(
                market_no=market_no, event_no=one.event_no, category=one.category, markets=members,
                exclusive=one.exclusive,
            )  # fmt: skip
        return found

    def leg(self, token: str) -> tuple[int, bool] | None:
        """Return (market, whether it is the YES leg) of a token, None if it is unknown."""
        one = self.by_token.get(token)
        return None if one is None else (one.market_no, one.yes_token == token)

    def __len__(self) -> int:
        return len(self.by_no)

    def __iter__(self) -> Iterator[Watched]:
        return iter(self.by_no.values())

    def yes_tokens(self) -> list[str]:
        """Return the YES tokens, by market number."""
        return [self.by_no[number].yes_token for number in sorted(self.by_no)]
