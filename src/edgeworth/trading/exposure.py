"""The worst that can happen to an event of which exactly one outcome wins, with every open order against us.

Positions and orders are in shares of YES or NO of the event's outcomes. For every possible winner each open order is
either filled whole or not at all, whichever is worse: the loss is linear in each fill, so nothing between is worse.
`convert` is the venue's own exchange of NO shares, which changes no pay-out. All amounts are integers.
"""

from collections.abc import Iterable, Mapping

import msgspec

from edgeworth.core.units import ONE_USD


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of one token of the event and what they cost."""

    market_no: int
    is_yes: bool
    shares_e6: int
    cost_e6: int = 0

    def pays(self, winner: int | None) -> bool:
        """Tell whether the token pays a dollar when that market wins; None = an outcome that is not ours."""
        return (self.market_no == winner) == self.is_yes


class OpenOrder(Position, frozen=True, kw_only=True):
    """What is left of an order that is open or unknown: `cost_e6` is the most a buy pays, the least a sell gets."""

    is_buy: bool = True

    def harm_e6(self, winner: int | None) -> int:
        """Return by how much a fill of this order would worsen the result if that market wins; at least 0."""
        pays = self.shares_e6 if self.pays(winner) else 0
        return max(self.cost_e6 - pays if self.is_buy else pays - self.cost_e6, 0)


class EventBook(msgspec.Struct, frozen=True, kw_only=True):
    """Everything we hold and offer in one exclusive event.

    `markets` lists its outcomes; unless `complete`, an outcome that is not among them may win, too.
    """

    markets: tuple[int, ...]
    positions: tuple[Position, ...] = ()
    orders: tuple[OpenOrder, ...] = ()
    complete: bool = False

    def winners(self) -> tuple[int | None, ...]:
        """Return the possible winners; None stands for one that is not listed."""
        return self.markets if self.complete and self.markets else (*self.markets, None)

    def loss_e6(self, winner: int | None) -> int:
        """Return the largest loss if that market wins, negative for a profit that no open order can take away."""
        held = sum(one.cost_e6 - (one.shares_e6 if one.pays(winner) else 0) for one in self.positions)
        return held + sum(order.harm_e6(winner) for order in self.orders)

    def losses_e6(self) -> dict[int | None, int]:
        """Return the largest loss by winner."""
        return {winner: self.loss_e6(winner) for winner in self.winners()}

    def worst_e6(self) -> int:
        """Return the largest loss over all winners, at least 0."""
        return max(0, *self.losses_e6().values())

    def worst_without_e6(self, market_no: int, *, is_yes: bool) -> int:
        """Return the largest loss over the winners with which one token pays nothing: what a purchase of it adds to."""
        token = Position(market_no=market_no, is_yes=is_yes, shares_e6=0)
        return max((self.loss_e6(winner) for winner in self.winners() if not token.pays(winner)), default=0)


def convert(no_shares_e6: int, markets: Iterable[int], converted: Iterable[int]) -> tuple[int, Mapping[int, int]]:
    """Exchange NO shares of the `converted` outcomes: return (dollars in 1e-6, YES shares of every other outcome).

    n NO shares of each of k outcomes become (k - 1) n dollars and n YES shares of every outcome not converted.
    Source: the venue's adapter for exclusive events. Raises ValueError when nothing, or an unknown outcome, is named.
    """
    every, chosen = tuple(markets), set(converted)
    if not chosen or not chosen <= set(every):
        raise ValueError("name at least one outcome of the event")
    cash = (len(chosen) - 1) * no_shares_e6 * ONE_USD // 1_000_000
    return cash, {market: no_shares_e6 for market in every if market not in chosen}
