"""btc-time-bias, an exhibit.

Rule: a market on Bitcoin going up or down over a window, by the clock hour at which the window begins: 0 NO, 7 YES,
10 YES, 12 NO, 21 NO.

Claim: 330 of 560 won, 58.9 %, called an "edge" of 8.9 points.

Error: the best five of 24 hours of a fair coin win 58 % in the sample that chose them. On recorded hourly candles those
hours come out at 50.1 % (standard error 0.4). The zone of the hours was never stated, so it is a parameter here;
questions state their hour in New York time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edgeworth.core.types import Side
from edgeworth.strategies.base import Call, Row, no, strategy, yes

if TYPE_CHECKING:
    import polars as pl

HOURS = {0: Side.NO, 7: Side.YES, 10: Side.YES, 12: Side.NO, 21: Side.NO}
_STATED = "America/New_York"  # the zone in which questions state their hour


@strategy
@dataclass(frozen=True)
class BtcTimeBias:
    """Take the side that `HOURS` gives for the hour of the window in the zone `tz`."""

    name, version, needs = "btc-time-bias", 1, ("price", "category", "question_hour", "time")
    exhibit = True
    tz: str = _STATED

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"'{self.tz}' is not a time zone") from error

    def opinions(self, row: Row) -> tuple[Call, ...]:
        """Say one side for each hour of the table."""
        market = row.category == "crypto/btc-updown"
        hour = self._hour(row)
        return tuple(
            (yes if side is Side.YES else no)(when=market & (hour == clock), reason=f"hour {clock}")
            for clock, side in HOURS.items()
        )

    def _hour(self, row: Row) -> "pl.Expr":
        if self.tz == _STATED:
            return row.question_hour
        # Both clocks at the row's instant: their difference holds for the window, which lies hours ahead at most.
        here = row.time.dt.convert_time_zone(self.tz).dt.replace_time_zone(None)
        stated = row.time.dt.convert_time_zone(_STATED).dt.replace_time_zone(None)
        minutes = (here - stated).dt.total_minutes() + row.question_hour.cast(int) * 60
        return (minutes // 60) % 24
