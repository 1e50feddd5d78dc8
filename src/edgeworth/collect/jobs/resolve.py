"""How markets end: only what three sources say alike is final; what is proposed or disputed is noted as such.

Gamma (prices of a closed market), the CLOB (winner flags) and the data API (payouts) are asked for every market that
left the open listing. A final word is stored once all three agree on the payout; its `known_at` is when we first saw
them agree, its `resolved_at` when the venue decided. Labels are joined to snapshots when they are read, never written
onto them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from edgeworth.collect.jobs.directory import Directory
from edgeworth.collect.jobs.work import Work, merge_counts
from edgeworth.core.clock import Clock
from edgeworth.core.records import Ids, ResolutionRecord
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import Micros
from edgeworth.store.collecting import Unresolved, unresolved

if TYPE_CHECKING:
    from edgeworth.store.market_db import MarketStore
    from edgeworth.venues.polymarket.clob_reads import Clob
    from edgeworth.venues.polymarket.data_api import DataApi
    from edgeworth.venues.polymarket.gamma import Gamma

SOURCE = "polymarket-agreed"
BATCH = 100
_CANDIDATES = 1_000  # looked at per run; the next run goes on where this one stopped
_CLOB_CALLS = 200  # one each


@dataclass(frozen=True, slots=True)
class ResolveTools:
    """What the job needs."""

    gamma: "Gamma"
    clob: "Clob"
    data: "DataApi"
    store: "MarketStore"
    directory: Directory
    clock: Clock


@dataclass(frozen=True, slots=True)
class Ended:
    """A market that Gamma no longer lists as plainly open: its ids, and Gamma's word on it, if it has one."""

    market_no: int
    ids: Ids
    condition: str
    gamma: ResolutionRecord | None
    closed: bool


class ResolveWork(Work):
    """One slot: a batch of candidates at a time, each batch stored before the next."""

    def __init__(self, slot: Micros, job: "Resolve") -> None:
        super().__init__(slot)
        self._job = job
        self._left: list[Unresolved] | None = None
        self._calls = 0

    async def attempt(self) -> bool:
        """Judge the candidates that are left."""
        job = self._job
        if self._left is None:
            self._left = await job.candidates()
            self.counts["candidates"] = len(self._left)
        while self._left and self._calls < _CLOB_CALLS:
            batch = self._left[:BATCH]
            ended = await job.ended(batch)
            self._calls += sum(item.closed for item in ended)
            records, counts = await job.judge(ended)
            if records:
                await job.tools.store.write(records)
            merge_counts(self.counts, counts)
            self._left = self._left[BATCH:]
        self.met = 1
        return True


class Resolve:
    """The job that finds out how markets ended."""

    name = "resolve"

    def __init__(self, tools: ResolveTools) -> None:
        self.tools = tools
        self._after = 0

    def begin(self, slot: Micros, expected: int) -> ResolveWork:  # noqa: ARG002  (always one)
        """Return the work of one slot."""
        return ResolveWork(slot, self)

    async def candidates(self) -> list[Unresolved]:
        """Return stored markets without a final word of ours that are not known to be plainly open."""
        tools = self.tools
        now = tools.clock.now()
        plain = {
            market.market_no
            for market in tools.directory.all()
            if not market.state.closed and not market.state.resolution_status and (market.state.end or 0) > now
        }
        found = await tools.store.run(unresolved)
        waiting = [item for item in found if item.market_no not in plain]
        ahead = [item for item in waiting if item.market_no > self._after]
        chosen = (ahead + [item for item in waiting if item.market_no <= self._after])[:_CANDIDATES]
        self._after = chosen[-1].market_no if chosen else 0
        return chosen

    async def ended(self, batch: Sequence[Unresolved]) -> list[Ended]:
        """Return those that Gamma lists as closed, or as open with a resolution under way."""
        from edgeworth.venues.polymarket.gamma import Filters

        by_id = {item.gamma_id: item for item in batch}
        found: list[Ended] = []
        for closed in (True, False):
            asked = tuple(by_id)
            if not asked:
                break
            async for page in self.tools.gamma.markets(Filters(closed=closed, ids=asked)):
                said = {_gamma_id(r.ids): r for r in page.records if isinstance(r, ResolutionRecord)}
                for state in page.states:
                    item = by_id.pop(state.gamma_id, None)
                    if item is not None and (state.closed or state.resolution_status):
                        word = said.get(state.gamma_id)
                        found.append(Ended(item.market_no, item.ids, state.condition, word, state.closed))
        return found

    async def judge(self, ended: Sequence[Ended]) -> tuple[list[ResolutionRecord], dict[str, Any]]:
        """Return the records that may be stored now, and how many markets stand where."""
        tools = self.tools
        conditions = [item.condition for item in ended if item.condition]
        answers = await tools.data.resolutions(conditions) if conditions else []
        data = {dict(r.ids).get("condition", ""): r for r in answers if isinstance(r, ResolutionRecord)}
        records: list[ResolutionRecord] = []
        counts: dict[str, int] = {}
        for item in ended:
            word = data.get(item.condition)
            record, verdict = await self._verdict(item, word)
            counts[verdict] = counts.get(verdict, 0) + 1
            if record is not None:
                records.append(msgspec.structs.replace(record, source=SOURCE, ids=item.ids, known_at=tools.clock.now()))
        return records, counts

    async def _verdict(self, item: Ended, data: ResolutionRecord | None) -> tuple[ResolutionRecord | None, str]:
        if data is None:
            return None, "silent"
        if data.state is not ResolutionState.FINAL:
            return data, str(data.state)
        gamma = item.gamma
        if not item.closed or gamma is None or gamma.state is not ResolutionState.FINAL:
            return None, "waiting"
        clob = next((r for r in await self.tools.clob.market(item.condition) if isinstance(r, ResolutionRecord)), None)
        return agreed(gamma, clob, data)


def agreed(
    gamma: ResolutionRecord, clob: ResolutionRecord | None, data: ResolutionRecord
) -> tuple[ResolutionRecord | None, str]:
    """Return the final word when three sources say the same, else why there is none yet."""
    if clob is None:
        return None, "waiting"
    payouts = {gamma.payout, clob.payout, data.payout}
    if len(payouts) > 1:
        return None, "disagreed"
    decided = gamma.resolved_at if gamma.resolved_at is not None else data.resolved_at
    if decided is None:
        return None, "waiting"
    proposed = data.proposed_at if data.proposed_at is not None else gamma.proposed_at
    final = msgspec.structs.replace(
        gamma, state=ResolutionState.FINAL, resolved_at=decided, proposed_at=proposed,
        disputed=gamma.disputed or data.disputed,
    )  # fmt: skip
    return final, "void" if final.payout is Payout.VOID else "final"


def _gamma_id(ids: Ids) -> str:
    return next((value for kind, value in ids if kind == "gamma"), "")
