"""musk-fade-extremes, an exhibit.

Rule: a market on Elon Musk's posts whose question holds "<low>-<high> tweets" with low below 40 or high above 200: NO.

Claim: 66 of 68 won, 97.1 %, called an "edge" of 47.1 points.

Error: the edge was the win rate minus one half; the break-even is the price paid, and the live candidates cost .99 to
.999, where 97.1 % loses 2 to 3 cents a share. The bands of one week exclude each other, so 68 trades are far fewer
events. And the premise is backwards: weekly counts were 200 or more in nearly every window of 2024 to 2026.
"""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, no, strategy

_BAND = r"(?i)\b(\d+)-(\d+)\s+tweets\b"


@strategy
@dataclass(frozen=True)
class MuskFadeExtremes:
    """Take NO on bands of post counts that begin below `low` or end above `high`."""

    name, version, needs = "musk-fade-extremes", 1, ("price", "category", "question")
    exhibit = True
    low: int = 40
    high: int = 200

    def opinions(self, row: Row) -> Call:
        """Read the band from the question."""
        first = row.question.str.extract(_BAND, 1).cast(int, strict=False)
        last = row.question.str.extract(_BAND, 2).cast(int, strict=False)
        extreme = (first < self.low) | (last > self.high)
        return no(when=(row.category == "tech/musk") & extreme, reason="extreme band")
