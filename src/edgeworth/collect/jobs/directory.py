"""The markets the collector knows now: facts, state and size as last listed, and their number in the store.

News go to the store as they are seen: a market that is new or says something new about itself becomes a version,
repetition is not written. Nothing here is remembered longer than it is listed or tracked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.records import EventRecord, Ids, MarketRecord, Record, Rejected, SnapshotRecord
from edgeworth.core.units import Micros
from edgeworth.store.counts import WriteCounts

if TYPE_CHECKING:
    from edgeworth.store.market_db import MarketStore
    from edgeworth.venues.polymarket.gamma import Gamma, Page, State

_MAY_BE_MISSING = (
    "description", "tags", "publisher_category", "event_title", "event_native_id", "scheduled_end", "created_at",
)  # fmt: skip
BATCH = 100  # ids a listing takes at once


@dataclass(slots=True)
class Listed:
    """One market as the venue last listed it; `market_no` is its number in the store."""

    gamma_id: str
    market_no: int
    record: MarketRecord
    state: "State"
    sizes: SnapshotRecord | None
    seen_at: Micros

    @property
    def token(self) -> str:
        """The token of outcome 0, empty before deployment."""
        return self.state.tokens[0] if self.state.tokens else ""

    @property
    def open(self) -> bool:
        """Whether the venue may have a book of it at all."""
        return not self.state.closed and bool(self.token)

    def size(self, name: str) -> int:
        """Return volume_e6, volume_24h_e6 or liquidity_e6 as last listed, 0 when not stated."""
        return int((getattr(self.sizes, name) if self.sizes else None) or 0)


class Directory:
    """Look markets up at Gamma and keep what it said."""

    def __init__(self, gamma: "Gamma", store: "MarketStore", clock: Clock) -> None:
        self._gamma, self._store, self._clock = gamma, store, clock
        self._markets: dict[str, Listed] = {}
        self._digests: dict[str, int] = {}
        self.listed_at: Micros | None = None
        self.kept: set[str] = set()

    def __len__(self) -> int:
        return len(self._markets)

    def all(self) -> list[Listed]:
        """Return every known market, by Gamma id."""
        return list(self._markets.values())

    def get(self, gamma_ids: Iterable[str]) -> list[Listed]:
        """Return the known ones of these markets."""
        return [self._markets[name] for name in gamma_ids if name in self._markets]

    async def find(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the Gamma ids of markets named by Gamma id, slug or condition id, and the names nobody knows."""
        numbers = [name for name in names if name.isdigit()]
        if numbers:
            await self.refresh(numbers)
        found, unknown = [], []
        for name in names:
            if name not in self._markets:
                page = await self._gamma.market(name)
                listed = await self.take(page) if page is not None else []
                if not listed:
                    unknown.append(name)
                    continue
                name = listed[0].gamma_id  # noqa: PLW2901  (from here on it goes by its Gamma id)
            found.append(name)
        return list(dict.fromkeys(found)), unknown

    async def refresh(self, gamma_ids: Sequence[str]) -> int:
        """Ask for these markets again; returns the number of new versions.

        Those no longer listed as open are looked for among the closed; those in neither keep their state.
        """
        from edgeworth.venues.polymarket.gamma import Filters

        news = 0
        for start in range(0, len(gamma_ids), BATCH):
            asked = list(gamma_ids[start : start + BATCH])
            for closed in (False, True):
                if not asked:
                    break
                async for page in self._gamma.markets(Filters(closed=closed, ids=tuple(asked))):
                    counts = WriteCounts()
                    seen = {entry.gamma_id for entry in await self.take(page, counts)}
                    news += counts.stored.get("market", 0)
                    asked = [name for name in asked if name not in seen]
                    if not asked:
                        break
        return news

    async def take(self, page: "Page", counts: WriteCounts | None = None) -> list[Listed]:
        """Keep what a page says, write its news to the store, and return its markets; `counts` is added to."""
        joined = {entry.gamma_id: entry for entry in join_page(page)}
        for name, entry in joined.items():
            if name in self._markets:
                entry.record = completed(entry.record, self._markets[name].record)
        records = {name: entry.record for name, entry in joined.items()}
        digests = {name: _digest(record) for name, record in records.items()}
        news = [name for name in records if self._digests.get(name) != digests[name]]
        written = await self._write(page.records, [records[name] for name in news])
        if counts is not None:
            counts.merge(written)
        numbers = await self._numbers(records)
        found = []
        for name in records:
            number = numbers.get(name)
            if number is None:
                continue  # its ids name several markets: the store has set it aside
            self._digests[name] = digests[name]
            entry = joined[name]
            entry.market_no = number
            self._markets[name] = entry
            found.append(entry)
        return found

    def prune(self, since: Micros) -> int:
        """Forget markets not seen since an instant, but for those that are kept; returns how many."""
        gone = [name for name, entry in self._markets.items() if entry.seen_at < since and name not in self.kept]
        for name in gone:
            del self._markets[name]
            self._digests.pop(name, None)
        return len(gone)

    async def _write(self, records: Sequence[Record], news: Sequence[MarketRecord]) -> WriteCounts:
        groups = {record.event_native_id for record in news}
        batch: list[Record] = [r for r in records if isinstance(r, EventRecord) and r.native_id in groups]
        batch += news
        batch += [record for record in records if isinstance(record, Rejected) and record.kind != "resolution"]
        return await self._store.write(batch) if batch else WriteCounts()

    async def _numbers(self, records: dict[str, MarketRecord]) -> dict[str, int]:
        numbers = {name: self._markets[name].market_no for name in records if name in self._markets}
        unknown = [name for name in records if name not in numbers]
        if unknown:
            found = await self._store.resolve_ids([records[name].ids for name in unknown])
            numbers |= {name: number for name, number in zip(unknown, found, strict=True) if number is not None}
        return numbers


def completed(record: MarketRecord, known: MarketRecord) -> MarketRecord:
    """Return a record with what it leaves out and was known before: a field that is missing has not changed."""
    kept = {name: getattr(known, name) for name in _MAY_BE_MISSING if not getattr(record, name)}
    kept = {name: value for name, value in kept.items() if value}
    return msgspec.structs.replace(record, **kept) if kept else record


def join_page(page: "Page") -> list[Listed]:
    """Return the markets of a page that are whole, with their parts joined; their numbers are still 0."""
    states = {state.gamma_id: state for state in page.states}
    sizes = {_gamma_id(r.ids): r for r in page.records if isinstance(r, SnapshotRecord)}
    records = {_gamma_id(r.ids): r for r in page.records if isinstance(r, MarketRecord)}
    return [
        Listed(name, 0, record, states[name], sizes.get(name), page.observed_at)
        for name, record in records.items()
        if name and name in states
    ]


def _gamma_id(ids: Ids) -> str:
    return next((value for kind, value in ids if kind == "gamma"), "")


def _digest(record: MarketRecord) -> int:
    return hash(msgspec.msgpack.encode(msgspec.structs.replace(record, known_at=None)))


def facts_of(entry: Listed) -> dict[str, Any]:
    """Return what a person wants to see of a market, JSON-ready; prices and amounts in dollars."""
    sizes = entry.sizes
    bid, ask, last = (sizes.bid_e4, sizes.ask_e4, sizes.last_e4) if sizes else (None, None, None)
    return {
        "id": entry.gamma_id,
        "question": entry.record.question,
        "slug": next((value for kind, value in entry.record.ids if kind == "slug"), ""),
        "volume": entry.size("volume_e6") / 1e6,
        "volume_24h": entry.size("volume_24h_e6") / 1e6,
        "liquidity": entry.size("liquidity_e6") / 1e6,
        "bid": None if bid is None else bid / 1e4,
        "ask": None if ask is None else ask / 1e4,
        "last": None if last is None else last / 1e4,
        "end": entry.record.scheduled_end,
    }
