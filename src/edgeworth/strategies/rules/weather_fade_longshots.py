"""weather-fade-longshots, an exhibit.

Rule: a market on temperatures whose YES trades below .30: NO.

Claim: 154 of 164 won, 93.9 %, called an "edge" of 43.9 points.

Error: NO cost .90 on average, so the edge was at most 3.6 points, not 43.9, and on recorded buckets a day before the
end 95.2 % win at a break-even of 94.5 %: nothing is left after a cent and a fee. The bands of one city and day exclude
each other: trades are not independent.
"""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, no, strategy


@strategy
@dataclass(frozen=True)
class WeatherFadeLongshots:
    """Take NO on temperature markets whose YES trades below `threshold`."""

    name, version, needs = "weather-fade-longshots", 1, ("price", "category")
    exhibit = True
    threshold: float = 0.30

    def opinions(self, row: Row) -> Call:
        """Fade what the market itself calls unlikely."""
        return no(
            when=(row.category == "weather/temperature") & (row.price < self.threshold), reason="weather longshot"
        )
