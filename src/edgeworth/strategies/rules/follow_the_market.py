"""follow-the-market, the null: it buys the likelier leg and believes the price exactly.

It states the market's own probability, so it never sees an edge and its sized portfolio stays empty. Its flat trades
measure what the spread and the fees cost; a verdict other than "no edge" on it is an error of the proof.
"""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, no, strategy, yes


@strategy
@dataclass(frozen=True)
class FollowTheMarket:
    """Buy YES at one half or above, else NO, at a fair value that equals the price."""

    name, version, needs = "follow-the-market", 1, ("price", "no_price")

    def opinions(self, row: Row) -> tuple[Call, Call]:
        """State the price as the probability."""
        return (
            yes(when=row.price >= 0.5, reason="likelier", p=row.price, se=0.0),
            no(when=row.price < 0.5, reason="likelier", p=row.no_price, se=0.0),
        )
