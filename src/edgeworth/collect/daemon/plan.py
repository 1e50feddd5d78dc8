"""What runs when: the presets of the collector, and what a command may change about them. Pure.

job        once   scheduled   aggressive
track      1      15 min      15 min      chosen markets
scan       1      6 h         1 h         every active market
snapshot   1      1 h         15 min      the most traded markets
candles    1      1 h         15 min      coins at the exchange
resolve    1      1 h         15 min      how markets ended
upkeep     1      12 h        6 h         coverage, statistics, sealing into the lake
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from edgeworth.collect.jobs.choice import Choice
from edgeworth.core.errors import UsageError
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND

JOBS = ("track", "scan", "snapshot", "candles", "resolve", "upkeep", "record")
LEAST_INTERVAL = 10 * SECOND


class Mode(StrEnum):
    """A preset."""

    ONCE = "once"
    SCHEDULED = "scheduled"
    AGGRESSIVE = "aggressive"


_SCHEDULED = {
    "track": 15 * MINUTE, "scan": 6 * HOUR, "snapshot": HOUR, "candles": HOUR, "resolve": HOUR, "upkeep": 12 * HOUR,
}  # fmt: skip
_AGGRESSIVE = {
    "track": 15 * MINUTE, "scan": HOUR, "snapshot": 15 * MINUTE, "candles": 15 * MINUTE, "resolve": 15 * MINUTE,
    "upkeep": 6 * HOUR,
}  # fmt: skip
PRESETS = {Mode.ONCE: _SCHEDULED, Mode.SCHEDULED: _SCHEDULED, Mode.AGGRESSIVE: _AGGRESSIVE}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a collector does: `every` maps the jobs that run to microseconds between their slots.

    `top` markets are snapshot, with at least `min_volume` dollars traded; a scan lists `scan_limit` markets (0 = all);
    `symbols` get candles at `candle_interval`; snapshots older than `keep` microseconds are sealed into the lake;
    `record` says that the chosen markets' streams are recorded, too.
    """

    every: dict[str, int]
    choice: Choice = field(default_factory=Choice)
    top: int = 100
    min_volume: int = 10_000
    scan_limit: int = 5_000
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    candle_interval: str = "15m"
    keep: int = 35 * DAY
    record: bool = False
    seed: int = 0

    def with_interval(self, job: str, every: int) -> "Plan":
        """Return the plan with another step between a job's slots, if it runs; raises UsageError bad-duration."""
        if every < LEAST_INTERVAL:
            raise UsageError("bad-duration", "observations must be at least 10 seconds apart")
        return replace(self, every=self.every | {job: every}) if job in self.every else self


def jobs_of(mode: Mode, choice: Choice, *, tracking_only: bool = False) -> dict[str, int]:
    """Return the jobs of a preset with their steps; without a choice nothing is tracked.

    `tracking_only` leaves out what looks at the whole venue.
    """
    every = dict(PRESETS[mode])
    if choice.empty:
        del every["track"]
    if tracking_only:
        for name in ("scan", "snapshot"):
            del every[name]
    return every
