"""Answers of Gamma: pages of markets or events, search results, tags; bytes in, records and what is beside them out.

What is read live is known since it was seen; a backfill keeps the instants that the venue states.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import EventRecord, MarketRecord, Record, Rejected, ResolutionRecord, SnapshotRecord
from edgeworth.core.units import Micros
from edgeworth.venues import convert
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.polymarket import gamma_wire
from edgeworth.venues.polymarket.parse import Origin, market_ids, parse_element, parse_payload
from edgeworth.venues.refusal import Kept, refuse_row

SOURCE: Final = "polymarket-gamma"
_NULL: Final = msgspec.Raw(b"null")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a listed market says about being tradable now; never a feature."""

    gamma_id: str
    condition: str
    tokens: tuple[str, ...]
    active: bool
    closed: bool
    accepting_orders: bool
    has_book: bool
    end: int | None
    resolution_status: str

    def tradable(self, now: Micros) -> bool:
        """Tell whether orders can be expected to rest; a book from the CLOB is the proof."""
        if not (self.active and not self.closed and self.has_book and self.accepting_orders):
            return False
        return bool(self.tokens) and self.end is not None and self.end > now and not self.resolution_status


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One answered page: records (what was set aside included), states of its markets, the bytes as they came.

    `cursor` continues after this page, empty at the end. `partial` is empty, or why the listing stops here unfinished:
    cursor-loop, cursor-unreadable, no-progress, page-unreadable or too-many-pages.
    """

    records: list[Record]
    states: list[State]
    raw: bytes
    observed_at: Micros
    cursor: str = ""
    duplicates: int = 0
    partial: str = ""


class Tag(msgspec.Struct, frozen=True):
    """A tag of the venue; `events` is how many a search counted, None elsewhere."""

    id: str
    label: str
    slug: str
    events: int | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found on one page; `records` holds what was set aside, too."""

    records: list[Record]
    states: list[State]
    tags: list[Tag]
    has_more: bool
    total: int | None
    observed_at: Micros


class _Element(msgspec.Struct, rename="camel"):
    """The fields of a listed market or event that say which it is and whether it can be traded."""

    id: Any = None
    version: Any = None
    condition_id: Any = None
    slug: Any = None
    clob_token_ids: Any = None
    position_ids: Any = None
    active: Any = None
    closed: Any = None
    accepting_orders: Any = None
    enable_order_book: Any = None
    end_date: Any = None
    uma_resolution_status: Any = None
    question: Any = None
    markets: msgspec.Raw = _NULL

    @property
    def name(self) -> str:
        """What tells an element from others: its id, else its condition or slug; empty when it has none."""
        return next(filter(None, map(convert.text, (self.id, self.condition_id, self.slug))), "")


class _Cursor(msgspec.Struct):
    next_cursor: Any = None


class _Search(msgspec.Struct):
    events: msgspec.Raw = _NULL
    tags: Any = None
    pagination: Any = None


_ELEMENT: Final = msgspec.json.Decoder(_Element)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NOTHING: Final = _Element()


class _Place(msgspec.Struct, frozen=True):
    """Where an element lies, for its rejection."""

    source: str
    where: str
    data: msgspec.Raw

    def raw(self) -> msgspec.Raw:
        return self.data


def read_page(payload: Payload, *, seen: set[str] | None = None, backfill: bool = False) -> Page:
    """Return the records of a keyset page; elements whose id is in `seen` are skipped, new ids are added to it."""
    items = gamma_wire.decode_page(payload.body)
    if items is None:
        return _nothing(payload, "page-unreadable")
    fresh: list[tuple[msgspec.Raw, _Element]] = []
    for item in items:
        element = _element(item)
        name = element.name
        if seen is not None and name:
            if name in seen:
                continue
            seen.add(name)
        fresh.append((item, element))
    cursor, readable = _cursor(payload.body)
    page = _page(fresh, payload, backfill)
    return msgspec.structs.replace(
        page, cursor=cursor, duplicates=len(items) - len(fresh), partial="" if readable else "cursor-unreadable"
    )


def read_one(payload: Payload, *, backfill: bool = False) -> Page:
    """Return the records of an answer that is a single market or event."""
    item = msgspec.Raw(payload.body)
    return _page([(item, _element(item))], payload, backfill)


def read_search(payload: Payload, *, backfill: bool = False) -> Found:
    """Return what an answer of the public search holds; null elements are passed over."""
    try:
        found = msgspec.json.decode(payload.body, type=_Search)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused("venue-drift", f"{payload.url}: no search answer") from error
    events = [] if bytes(found.events) == b"null" else _list(found.events)
    refused: list[Record] = []
    if events is None:
        said = bytes(found.events).decode("utf-8", "replace")
        refused.append(refuse_row(said, "event", "not-a-list", SOURCE, payload.url))
    named = [(item, _element(item)) for item in events or () if bytes(item) != b"null"]
    page = _page(named, payload, backfill)
    tags = read_tags([] if found.tags is None else found.tags, payload.url)
    paging = found.pagination if isinstance(found.pagination, dict) else {}
    total = paging.get("totalResults")
    return Found(
        records=[*page.records, *refused, *tags.rejected],
        states=page.states,
        tags=tags.items,
        has_more=bool(convert.flag(paging.get("hasMore"))),
        total=total if isinstance(total, int) else None,
        observed_at=payload.observed_at,
    )


def observed(record: Record, at: Micros) -> Record:
    """Return a record as known since `at`, the instant we saw it, instead of since the instant it states."""
    if isinstance(record, MarketRecord):
        return msgspec.structs.replace(record, known_at=at, backdated=False)
    if isinstance(record, EventRecord | SnapshotRecord):
        return msgspec.structs.replace(record, known_at=at)
    if isinstance(record, ResolutionRecord):
        return msgspec.structs.replace(record, known_at=at)
    return record


def _page(items: Sequence[tuple[msgspec.Raw, _Element]], payload: Payload, backfill: bool) -> Page:
    records: list[Record] = []
    states: list[State] = []
    for index, (item, element) in enumerate(items):
        place = _Place(SOURCE, f"{payload.url}#{index}", item)
        if backfill:
            records += parse_element(item, Origin(place.source, place.where))
        else:
            records += [observed(record, payload.observed_at) for record in _live(item, place, payload.observed_at)]
        states += _states(element)
    return Page(records=records, states=states, raw=payload.body, observed_at=payload.observed_at)


def _live(item: msgspec.Raw, place: _Place, at: Micros) -> list[Record]:
    """Return an element's records; where it does not say when it was updated, its quotes are of the instant seen."""
    decoded = gamma_wire.decode(item)
    if decoded is None:
        return parse_element(item, Origin(place.source, place.where))
    for part in (decoded, *(child for child in decoded.markets or () if child is not None)):
        if convert.instant(part.updated_at) is None:
            part.updated_at = at
    return parse_payload(decoded, place)


def _nothing(payload: Payload, why: str) -> Page:
    shown = payload.body[:2_000].decode("utf-8", "replace")
    refusal = Rejected(source=SOURCE, kind="page", reason=why, raw=shown, where=payload.url)
    return Page(
        records=[refusal],
        states=[],
        raw=payload.body,
        observed_at=payload.observed_at,
        partial=why,
    )


def _states(element: _Element) -> list[State]:
    children = _list(element.markets)
    if children is not None:
        return [state for child in children for state in _states(_element(child))]
    return [_state(element)] if element.question is not None or element.condition_id is not None else []


def _list(raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    """Return the elements of a list, None when the bytes hold none."""
    return _LIST.decode(raw) if bytes(memoryview(raw)[:1]) == b"[" else None


def _state(element: _Element) -> State:
    second = convert.text(element.version).lower() == "v2"
    ids = dict(
        market_ids(
            condition=element.condition_id,
            gamma=element.id,
            tokens=convert.strings(element.position_ids if second else element.clob_token_ids) or (),
        )
    )
    return State(
        gamma_id=ids.get("gamma", ""),
        condition=ids.get("condition", ""),
        tokens=tuple(ids[kind] for kind in ("token", "token1") if kind in ids),
        active=bool(convert.flag(element.active)),
        closed=bool(convert.flag(element.closed)),
        accepting_orders=bool(convert.flag(element.accepting_orders)),
        has_book=bool(convert.flag(element.enable_order_book)),
        end=convert.instant(element.end_date),
        resolution_status=convert.text(element.uma_resolution_status).lower(),
    )


def _element(item: msgspec.Raw) -> _Element:
    """Return what an element says of itself, nothing when it is no object."""
    try:
        return _ELEMENT.decode(item)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _NOTHING


def _cursor(body: bytes) -> tuple[str, bool]:
    """Return the cursor of the next page, empty on the last one, and whether it could be read."""
    found = msgspec.json.decode(body, type=_Cursor).next_cursor
    if found is None or found == "":
        return "", True
    return (found, True) if isinstance(found, str) else ("", False)


def read_tags(rows: object, where: str = "") -> Kept[Tag]:
    """Return the tags among decoded rows; nulls are passed over."""
    found: list[Tag] = []
    refused: list[Rejected] = []
    if not isinstance(rows, list):
        return Kept([], [refuse_row(rows, "tag", "not-a-list", SOURCE, where)])
    for row in rows:
        named = row if isinstance(row, dict) else {}
        tag_id, label = convert.text(named.get("id")), convert.text(named.get("label"))
        if tag_id and label:
            count = named.get("event_count")
            events = count if isinstance(count, int) and not isinstance(count, bool) else None
            found.append(Tag(tag_id, label, convert.text(named.get("slug")), events))
        elif row is not None:
            refused.append(refuse_row(row, "tag", "id-missing", SOURCE, where))
    return Kept(found, refused)
