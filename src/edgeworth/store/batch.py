"""Match a batch of records with what is stored, and write the difference: bulk look-ups, no statement per row.

A market is recognised by any of its ids. Several hits on different markets are set aside (`alias-conflict`), so are
outcome labels that contradict the stored ones (`outcome-mismatch`). The caller holds the write transaction.
"""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, select

from edgeworth.core.records import (
    CandleBlock,
    EventRecord,
    Ids,
    MarketRecord,
    PriceBlock,
    Record,
    Rejected,
    ResolutionRecord,
    SnapshotRecord,
)
from edgeworth.core.types import ResolutionState
from edgeworth.store import rows as make
from edgeworth.store import tables
from edgeworth.store.counts import WriteCounts
from edgeworth.store.lookups import insert_rows, rows_in, update_rows
from edgeworth.store.rows import Row

if TYPE_CHECKING:
    from sqlalchemy import Connection

CONFLICT = -1
_ORDER = {ResolutionState.PROPOSED: 0, ResolutionState.DISPUTED: 1, ResolutionState.FINAL: 2}


class Aliases:
    """Map ids to market numbers, hand out new numbers, and remember what has to be written."""

    def __init__(self, connection: "Connection", wanted: Sequence[Ids]) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], int] = {}
        self.markets: dict[int, Row] = {}
        self.new: dict[int, None] = {}
        self.changed: dict[int, None] = {}
        self._links: list[Row] = []
        self._next = 0
        table = tables.market_aliases
        by_kind: dict[str, dict[str, None]] = {}
        for kind, value in chain.from_iterable(wanted):
            by_kind.setdefault(kind, {})[value] = None
        for kind, values in by_kind.items():
            query = rows_in(connection, table, table.c.value, values, table.c.kind, table.c.value, table.c.market_no)
            self._known.update({(row["kind"], row["value"]): row["market_no"] for row in query if row["kind"] == kind})

    def find(self, ids: Ids) -> int | None:
        """Return the market of these ids, None when unknown, CONFLICT when they name several."""
        hits = {self._known[pair] for pair in ids if pair in self._known}
        if len(hits) > 1:
            return CONFLICT
        return next(iter(hits), None)

    def load(self, market_nos: Sequence[int]) -> None:
        """Fetch the stored rows of these markets."""
        for row in rows_in(self._connection, tables.markets, tables.markets.c.market_no, market_nos):
            self.markets[row["market_no"]] = row

    def create(self, ids: Ids, source: str, venue: str) -> int:
        """Give out a number for a bare market with these ids."""
        if not self._next:
            query = select(func.coalesce(func.max(tables.markets.c.market_no), 0))
            self._next = int(self._connection.execute(query).scalar_one()) + 1
        number, self._next = self._next, self._next + 1
        ids = make.usable_ids(ids)
        self.markets[number] = {
            "market_no": number,
            "market_id": make.market_id(ids),
            "venue": venue,
            "source": source,
            "event_no": None,
            "slug": make.slug_of(ids),
            "question": "",
            "outcome0": "Yes",
            "outcome1": "No",
            "labels_stated": False,
            "created_at": None,
            "bare": True,
        }
        self.new[number] = None
        self.link(ids, number)
        return number

    def link(self, ids: Ids, market_no: int) -> bool:
        """Add ids that are new; tell whether there were any."""
        fresh = [pair for pair in make.usable_ids(ids) if pair not in self._known]
        for pair in fresh:
            self._known[pair] = market_no
            self._links.append({"kind": pair[0], "value": pair[1], "market_no": market_no})
        return bool(fresh)

    def flush(self) -> list[Row]:
        """Write new and changed markets and their ids; returns the rows written."""
        created = [self.markets[number] for number in self.new]
        changed = [self.markets[number] for number in self.changed if number not in self.new]
        insert_rows(self._connection, tables.markets, created)
        update_rows(self._connection, tables.markets, ("market_no",), changed)
        insert_rows(self._connection, tables.market_aliases, self._links)
        return created + changed + self._links


class Batch:
    """One batch on its way into the database."""

    def __init__(self, connection: "Connection", records: Sequence[Record], now: int) -> None:
        self._connection = connection
        self._now = now
        self.counts = WriteCounts()
        self._split: dict[type, list[Any]] = {}
        for record in records:
            if isinstance(record, PriceBlock | CandleBlock):
                raise TypeError("prices and candles go to the lake")
            self._split.setdefault(type(record), []).append(record)
        self._written: list[Row] = []

    def run(self) -> list[Row]:
        """Write everything; returns the fact rows written, which snapshots and quarantine are not."""
        self._rejected: list[Rejected] = list(self._of(Rejected))
        with_ids = [*self._of(MarketRecord), *self._of(ResolutionRecord), *self._of(SnapshotRecord)]
        self._aliases = Aliases(self._connection, [record.ids for record in with_ids])
        self._write_events()
        self._write_markets()
        resolutions = [(record, self._market_for(record)) for record in self._of(ResolutionRecord)]
        snapshots = [(record, self._market_for(record)) for record in self._of(SnapshotRecord)]
        self._written += self._aliases.flush()
        insert_rows(self._connection, tables.market_versions, self._versions)
        self._written += self._versions
        self._write_resolutions(resolutions)
        self._write_snapshots(snapshots)
        self._write_quarantine()
        return self._written

    def _of(self, kind: type) -> list[Any]:
        return self._split.get(kind, [])

    def _set_aside(self, record: Any, kind: str, reason: str) -> None:
        raw = make.raw_text(record)
        self._rejected.append(Rejected(source=record.source, kind=kind, reason=reason, raw=raw))

    # events

    def _write_events(self) -> None:
        records: list[EventRecord] = self._of(EventRecord)
        named = [(record.venue, record.native_id) for record in records]
        named += [(r.venue, r.event_native_id) for r in self._of(MarketRecord) if r.event_native_id]
        table = tables.events
        found = rows_in(self._connection, table, table.c.native_id, [name for _, name in named])
        self._events = {(row["venue"], row["native_id"]): row for row in found}
        top = self._connection.execute(select(func.coalesce(func.max(table.c.event_no), 0))).scalar_one()
        self._first_new = self._next_event = int(top) + 1
        changed: dict[int, Row] = {}
        for record in records:
            self._write_event(record, changed)
        for market in self._of(MarketRecord):
            if market.event_native_id and (market.venue, market.event_native_id) not in self._events:
                self._add_event(_bare_event(market), bare=True)
        created = [row for row in self._events.values() if row["event_no"] >= self._first_new]
        insert_rows(self._connection, table, created)
        update_rows(self._connection, table, ("event_no",), list(changed.values()))
        self._written += created + list(changed.values())

    def _add_event(self, record: EventRecord, *, bare: bool) -> None:
        row = make.event_row(record, self._next_event)
        row["bare"] = bare
        self._next_event += 1
        self._events[record.venue, record.native_id] = row

    def _write_event(self, record: EventRecord, changed: dict[int, Row]) -> None:
        if not record.native_id or len(record.native_id) > make.MAX_ID:
            self._set_aside(record, "event", "no-id")
            return
        row = self._events.get((record.venue, record.native_id))
        if row is None:
            self._add_event(record, bare=False)
            self.counts.add("event", stored=1)
            return
        offered = make.event_row(record, row["event_no"])
        names = ("slug", "title", "neg_risk", "tags", "known_at")
        fills = {name: offered[name] for name in names if offered[name] and not row[name]}
        if row["bare"]:
            fills |= {"bare": False}
        if not fills:
            self.counts.add("event", duplicates=1)
            return
        row.update(fills)
        if row["event_no"] < self._first_new:
            changed[row["event_no"]] = row
        self.counts.add("event", stored=1)

    # markets

    def _write_markets(self) -> None:
        records: list[MarketRecord] = self._of(MarketRecord)
        hits = {no for record in records if (no := self._aliases.find(record.ids)) is not None and no != CONFLICT}
        numbers = sorted(hits)
        self._aliases.load(numbers)
        table = tables.market_versions
        columns = (table.c.version_no, table.c.market_no, table.c.source, table.c.known_at, table.c.content_hash)
        self._known_versions: dict[tuple[int, str], list[Row]] = {}
        for row in rows_in(self._connection, table, table.c.market_no, numbers, *columns):
            self._known_versions.setdefault((row["market_no"], row["source"]), []).append(row)
        self._versions: list[Row] = []
        top = self._connection.execute(select(func.coalesce(func.max(table.c.version_no), 0))).scalar_one()
        self._next_version = int(top) + 1
        for record in records:
            self._write_market(record)

    def _write_market(self, record: MarketRecord) -> None:
        if not make.usable_ids(record.ids):
            self._set_aside(record, "market", "no-id")
            return
        found = self._aliases.find(record.ids)
        if found == CONFLICT:
            self._set_aside(record, "market", "alias-conflict")
            return
        number = self._aliases.create(record.ids, record.source, record.venue) if found is None else found
        row = self._aliases.markets[number]
        stored = (row["outcome0"], row["outcome1"])
        stated = make.labels_stated(record)
        if stated and row["labels_stated"] and not make.same_labels(stored, record.outcomes):
            self._set_aside(record, "market", "outcome-mismatch")
            return
        event = self._events.get((record.venue, record.event_native_id))
        news = _fill_market(row, record, event["event_no"] if event else None, stated=stated)
        news = self._aliases.link(record.ids, number) or news
        if news:
            self._aliases.changed[number] = None
        news = self._add_version(record, number) or news
        self.counts.add("market", stored=int(news), duplicates=int(not news))

    def _add_version(self, record: MarketRecord, number: int) -> bool:
        row = make.version_row(record, number)
        known = self._known_versions.setdefault((number, record.source), [])
        if not _is_news(row, known):
            return False
        row = {"version_no": self._next_version, **row}
        self._next_version += 1
        known.append(row)
        self._versions.append(row)
        return True

    def _market_for(self, record: ResolutionRecord | SnapshotRecord) -> int | None:
        kind = "resolution" if isinstance(record, ResolutionRecord) else "snapshot"
        if not make.usable_ids(record.ids):
            self._set_aside(record, kind, "no-id")
            return None
        number = self._aliases.find(record.ids)
        if number == CONFLICT:
            self._set_aside(record, kind, "alias-conflict")
            return None
        if number is None:
            return self._aliases.create(record.ids, record.source, "polymarket")
        self._aliases.link(record.ids, number)
        return number

    # observations

    def _write_resolutions(self, records: list[tuple[ResolutionRecord, int | None]]) -> None:
        table = tables.market_resolutions
        numbers = [number for _, number in records if number is not None]
        stored = {
            (row["market_no"], row["source"]): row
            for row in rows_in(self._connection, table, table.c.market_no, numbers)
        }
        before = set(stored)
        touched: dict[tuple[int, str], None] = {}
        for record, number in records:
            if number is None:
                continue
            key = (number, record.source)
            offered = make.resolution_row(record, number)
            merged = _merge_resolution(stored.get(key), offered)
            if merged is None:
                self._set_aside(record, "resolution", "resolution-conflict")
                continue
            news = merged != stored.get(key)
            self.counts.add("resolution", stored=int(news), duplicates=int(not news))
            if news:
                stored[key] = merged
                touched[key] = None
        created = [stored[key] for key in touched if key not in before]
        changed = [stored[key] for key in touched if key in before]
        insert_rows(self._connection, table, created)
        update_rows(self._connection, table, ("market_no", "source"), changed)
        self._written += created + changed

    def _write_snapshots(self, records: list[tuple[SnapshotRecord, int | None]]) -> None:
        table = tables.market_snapshots
        fresh: dict[tuple[int, int, str], Row] = {}
        for record, number in records:
            if number is None:
                continue
            at = record.event_time if record.event_time is not None else record.known_at
            if at is None:
                self._set_aside(record, "snapshot", "no-time")
            elif (at, number, record.source) in fresh:
                self.counts.add("snapshot", duplicates=1)
            else:
                fresh[at, number, record.source] = make.snapshot_row(record, number, at)
        keys = (table.c.slot, table.c.market_no, table.c.source)
        there = {
            (row["slot"], row["market_no"], row["source"])
            for row in rows_in(self._connection, table, table.c.slot, [at for at, _, _ in fresh], *keys)
        }
        created = [row for key, row in fresh.items() if key not in there]
        self.counts.add("snapshot", stored=len(created), duplicates=len(fresh) - len(created))
        insert_rows(self._connection, table, created)

    def _write_quarantine(self) -> None:
        table = tables.quarantine
        fresh: dict[str, Row] = {}
        for record in self._rejected:
            self.counts.reject(record.kind, record.reason, record.rows)
            key = make.digest(record.source, record.kind, record.reason, record.raw, record.where)
            fresh[key] = {
                "key": key,
                "source": record.source,
                "kind": record.kind,
                "reason": record.reason,
                "raw": record.raw,
                "place": record.where,
                "rows": record.rows,
                "recorded_at": self._now,
            }
        there = {row["key"] for row in rows_in(self._connection, table, table.c.key, fresh, table.c.key)}
        insert_rows(self._connection, table, [row for key, row in fresh.items() if key not in there])


def content_digest(before: str, rows: Sequence[Row]) -> str:
    """Chain a digest over the rows written."""
    return make.digest(before, msgspec.json.encode(rows).decode())


def _bare_event(market: MarketRecord) -> EventRecord:
    return EventRecord(
        source=market.source, venue=market.venue, native_id=market.event_native_id, title=market.event_title
    )


def _fill_market(row: Row, record: MarketRecord, event_no: int | None, *, stated: bool) -> bool:
    """Complete a stored market with what the record states and the row lacks; tell whether anything changed."""
    before = dict(row)
    row["bare"] = False
    row["slug"] = row["slug"] or make.slug_of(record.ids)
    row["question"] = row["question"] or record.question
    if row["event_no"] is None:
        row["event_no"] = event_no
    if stated and not row["labels_stated"]:
        row["outcome0"], row["outcome1"] = record.outcomes
        row["labels_stated"] = True
    if record.created_at is not None and (row["created_at"] is None or record.created_at < row["created_at"]):
        row["created_at"] = record.created_at
    return row != before


def _is_news(row: Row, known: Sequence[Row]) -> bool:
    """Tell whether a version adds to what its source said: order of import does not matter, repetition is no news."""
    same = [old for old in known if old["content_hash"] == row["content_hash"]]
    if not same:
        return True
    if row["known_at"] is None or any(old["known_at"] == row["known_at"] for old in same):
        return False
    earlier = [old for old in known if old["known_at"] is None or old["known_at"] <= row["known_at"]]
    if not earlier:
        return True
    latest = max(earlier, key=lambda old: (old["known_at"] is not None, old["known_at"] or 0))
    return bool(latest["content_hash"] != row["content_hash"])


def _merge_resolution(old: Row | None, new: Row) -> Row | None:
    """Combine two words of one source on one market; None when two final ones contradict each other."""
    if old is None:
        return new
    final = ResolutionState.FINAL
    if old["state"] == new["state"] == final and old["payout_e4"] != new["payout_e4"]:
        return None
    ahead, behind = (new, old) if _ORDER[new["state"]] > _ORDER[old["state"]] else (old, new)
    merged = dict(ahead)
    if ahead["state"] == behind["state"]:
        for name in ("resolved_at", "known_at"):
            merged[name] = ahead[name] if ahead[name] is not None else behind[name]
    proposals = [row["proposed_at"] for row in (old, new) if row["proposed_at"] is not None]
    merged["proposed_at"] = min(proposals, default=None)
    merged["disputed"] = old["disputed"] or new["disputed"]
    return merged
