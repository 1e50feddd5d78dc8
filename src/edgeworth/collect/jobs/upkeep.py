"""Keep house: how complete every market's series is, what the last hours brought, old snapshots into the lake."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from edgeworth.collect.jobs.work import Work
from edgeworth.core.clock import Clock
from edgeworth.core.units import DAY, HOUR, Micros
from edgeworth.store.collecting import refresh_coverage
from edgeworth.store.market_db import MarketStore

SealOld = Callable[[int], Awaitable[dict[str, Any]]]
_TOLD = {
    "snapshots": "market_snapshots", "markets": "markets", "versions": "market_versions",
    "resolutions": "market_resolutions", "quarantine": "quarantine",
}  # fmt: skip
_SETTLED = 2 * HOUR  # slots younger than this may still be met


class UpkeepWork(Work):
    """One slot of upkeep."""

    def __init__(self, slot: Micros, job: "Upkeep") -> None:
        super().__init__(slot)
        self._job = job

    async def attempt(self) -> bool:
        """Refresh coverage, count what is there, and seal once a day."""
        job = self._job
        now = job.clock.now()
        covered = await job.store.change(lambda connection: refresh_coverage(connection, now - _SETTLED))
        self.counts["markets_covered"] = covered
        counts = await job.store.counts()
        self.counts |= {name: counts[table] for name, table in _TOLD.items()}
        if job.seal_is_due(now):
            self.counts["sealed"] = (await job.seal(now - job.keep)).get("rows", 0)
            job.sealed_at = now
        self.met = 1
        return True


@dataclass(slots=True)
class Upkeep:
    """The job; `seal` moves snapshots older than an instant into the lake, `keep` microseconds stay."""

    store: MarketStore
    clock: Clock
    seal: SealOld
    keep: int
    sealed_at: Micros | None = None
    name: str = "upkeep"

    def begin(self, slot: Micros, expected: int) -> UpkeepWork:  # noqa: ARG002  (always one)
        """Return the upkeep of one slot."""
        return UpkeepWork(slot, self)

    def seal_is_due(self, now: Micros) -> bool:
        """Tell whether a day has passed since the last sealing of this process."""
        return self.sealed_at is None or now - self.sealed_at >= DAY
