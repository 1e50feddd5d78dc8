"""favorite-longshot: buy the favourite, whichever leg it is.

Claim to test: in many betting markets longshots cost too much and favourites too little. The rule buys YES where it
trades at `threshold` or above, and NO where NO does. What would prove it wrong: favourites win no more often than they
cost, after spread and fee, counted in independent events.
"""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, no, strategy, yes


@strategy
@dataclass(frozen=True)
class FavoriteLongshot:
    """Buy the leg that trades between `threshold` and `cap`."""

    name, version, needs = "favorite-longshot", 1, ("price", "no_price")
    threshold: float = 0.85
    cap: float = 0.99

    def opinions(self, row: Row) -> tuple[Call, Call]:
        """Say YES for a favourite, NO for a longshot."""
        favourite = (row.price >= self.threshold) & (row.price <= self.cap)
        longshot = (row.no_price >= self.threshold) & (row.no_price <= self.cap)
        return yes(when=favourite, reason="favourite"), no(when=longshot, reason="longshot")
