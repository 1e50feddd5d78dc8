"""altcoin-fade-high, an exhibit.

Rule: a market on an altcoin's price whose YES trades above .70: NO.

Claim: 12 of 13 won, 92.3 %, called an "edge" of 42.3 points.

Error: thirteen trades support anything between 64 and 99.8 %, and the coins share one path, so they are fewer than
thirteen events. The prices came from the end of the series, after the outcome was visible.
"""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, no, strategy


@strategy
@dataclass(frozen=True)
class AltcoinFadeHigh:
    """Take NO on altcoin markets whose YES trades above `threshold`."""

    name, version, needs = "altcoin-fade-high", 1, ("price", "category")
    exhibit = True
    threshold: float = 0.70

    def opinions(self, row: Row) -> Call:
        """Fade the favourite."""
        return no(when=(row.category == "crypto/altcoins") & (row.price > self.threshold), reason="altcoin favourite")
