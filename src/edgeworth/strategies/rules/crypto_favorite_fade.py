"""crypto-favorite-fade, an exhibit.

Rule: a market on the price of Bitcoin whose YES trades above .70: NO.

Claim: 13 of 21 won, 61.9 %, called an "edge" of 11.9 points.

Error: its live signals never met their own condition: the price was guessed from the target in the question, while the
real YES prices were a few cents. Several levels of one year are nested touches of one path: one bet, not six.
"""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, no, strategy


@strategy
@dataclass(frozen=True)
class CryptoFavoriteFade:
    """Take NO on Bitcoin price markets whose YES trades above `threshold`."""

    name, version, needs = "crypto-favorite-fade", 1, ("price", "category")
    exhibit = True
    threshold: float = 0.70

    def opinions(self, row: Row) -> Call:
        """Fade the favourite."""
        return no(when=(row.category == "crypto/btc-price") & (row.price > self.threshold), reason="bitcoin favourite")
