"""Observe chosen markets in one slot: *track* looks at named and queried markets, *snapshot* at the most traded.

A market is due when the venue says at the slot that it trades. One that ended, or whose book vanished because a
resolution was proposed, is not due; one past its scheduled end is observed while it still has a book, but its absence
is no miss. What is due and not answered is asked for again until the slot's window closes.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edgeworth.collect.jobs.capture import Capture
from edgeworth.collect.jobs.choice import Choice
from edgeworth.collect.jobs.directory import Directory, Listed
from edgeworth.collect.jobs.work import Work, merge_counts
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Retryable, UsageError
from edgeworth.core.units import HOUR, Micros

Choose = Callable[[], Awaitable[Sequence[Listed]]]
_OLD_LISTING = 12 * HOUR  # a listing older than this is not used to choose markets


@dataclass(frozen=True, slots=True)
class Tools:
    """What every observation needs."""

    directory: Directory
    capture: Capture
    clock: Clock


class ObserveWork(Work):
    """One slot of observations: choose once, then look until everything due was seen."""

    def __init__(self, slot: Micros, job: "Observe", expected: int) -> None:
        super().__init__(slot, expected)  # until the venue has said what is due now
        self._job = job
        self._tools = job.tools
        self._wanted: dict[int, Listed] = {}
        self._due: set[int] = set()
        self._chosen = False

    async def attempt(self) -> bool:
        """Look at what is still missing."""
        if not self._chosen:
            self._take_choice(await self._job.choose())
        elif self.missing:
            await self._recheck()
        taken = await self._tools.capture.take(self.slot, list(self._wanted.values()), self._job.every)
        for number in taken.stored:
            del self._wanted[number]
            self.missing.pop(number, None)
            if number not in self._due:  # nobody could ask for it, but it was there
                self._due.add(number)
                self.due += 1
            self.met += 1
        merge_counts(self.counts, {"rows": taken.new})
        if taken.rejected:
            merge_counts(self.counts, {"quarantined": taken.rejected})
        self.missing = {number: cause for number, cause in taken.missing.items() if number in self._due}
        return not self.missing

    def _take_choice(self, markets: Sequence[Listed]) -> None:
        now = self._tools.clock.now()
        self._wanted = {market.market_no: market for market in markets if market.open}
        self._due = {number for number, market in self._wanted.items() if market.state.tradable(now)}
        self.due = len(self._due)
        self.missing = dict.fromkeys(self._due, "")
        self.counts["markets"] = len(markets)
        self._chosen = True

    async def _recheck(self) -> None:
        """Ask the venue about markets without a book: one that ended meanwhile is no longer due."""
        directory, now = self._tools.directory, self._tools.clock.now()
        try:
            await directory.refresh([self._wanted[number].gamma_id for number in self.missing])
        except Retryable:
            return  # then they are due as far as we know
        for number in list(self.missing):
            known = directory.get([self._wanted[number].gamma_id])
            market = known[0] if known else self._wanted[number]
            self._wanted[number] = market
            if not market.state.tradable(now):
                self._due.discard(number)
                del self.missing[number]
                self.due -= 1
                merge_counts(self.counts, {"ended": 1})
                if not market.open:
                    del self._wanted[number]


@dataclass(frozen=True, slots=True)
class Observe:
    """A job that observes what `choose` returns, every `every` microseconds."""

    name: str
    every: int
    choose: Choose
    tools: Tools

    def begin(self, slot: Micros, expected: int) -> ObserveWork:
        """Return the observations of one slot."""
        return ObserveWork(slot, self, expected)


class Tracked:
    """Choose the markets of a `Choice`, and refresh what the venue says of them; `load` lists the venue anew."""

    def __init__(self, choice: Choice, directory: Directory, load: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._choice, self._directory, self._load, self._clock = choice, directory, load, clock
        self._names: list[str] | None = None

    async def __call__(self) -> list[Listed]:
        """Return the chosen markets as of now; while Gamma does not answer, as last known.

        Raises UsageError unknown-market for a name the venue does not know.
        """
        directory = self._directory
        found = {market.gamma_id: market for market in directory.get(await self.names())}
        if self._choice.queries:
            await self._fresh_listing()
            found |= {market.gamma_id: market for market in self._choice.select(directory.all(), self._clock.now())}
        directory.kept = set(found)
        try:
            await directory.refresh([name for name, market in found.items() if not market.state.closed])
        except Retryable:
            return list(found.values())
        return directory.get(found)

    async def names(self) -> list[str]:
        """Return the Gamma ids of the markets chosen by name."""
        if self._names is None:
            names, unknown = await self._directory.find(self._choice.names)
            if unknown:
                raise UsageError("unknown-market", f"the venue knows no market {', '.join(unknown)}")
            self._names = names
        return self._names

    async def _fresh_listing(self) -> None:
        listed_at = self._directory.listed_at
        if listed_at is None or self._clock.now() - listed_at > _OLD_LISTING:
            await self._load()
