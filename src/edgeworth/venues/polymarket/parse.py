"""Gamma markets and events of 2020 to 2026 into records; pure, and never raises for what a payload holds.

`known_at` is the payload's `updatedAt` (the newest instant it can be about), `backdated` is set because a dump is seen
later than its markets were listed. Final prices, closing times and totals go into ResolutionRecord and SnapshotRecord
only; a MarketRecord never holds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from edgeworth.core.records import EventRecord, Ids, MarketRecord, Record, Rejected, ResolutionRecord, SnapshotRecord
from edgeworth.core.types import FeeSchedule, Payout, ResolutionState
from edgeworth.venues import convert
from edgeworth.venues.polymarket import fees, gamma_wire, outcome
from edgeworth.venues.polymarket.gamma_wire import GammaObject, GammaTag

VENUE: Final = "polymarket"
_NOT_FINAL: Final = {
    "requested": ResolutionState.PROPOSED,
    "proposed": ResolutionState.PROPOSED,
    "disputed": ResolutionState.DISPUTED,
}
_VERSIONS: Final = frozenset({"", "v1", "v2"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a payload came from: the source's name and the place in it."""

    source: str
    where: str = ""


class Place(Protocol):
    """An element's source, where it lies and its bytes; the latter two may be costly to tell."""

    @property
    def source(self) -> str:
        """The source's name."""

    @property
    def where(self) -> str:
        """File and offset."""

    def raw(self) -> bytes | msgspec.Raw:
        """Return the element's bytes."""


@dataclass(frozen=True, slots=True)
class _Whole:
    source: str
    where: str
    data: bytes | msgspec.Raw

    def raw(self) -> bytes | msgspec.Raw:
        return self.data


@dataclass(frozen=True, slots=True)
class _Event:
    """What a market takes over from its event."""

    native_id: str = ""
    title: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    neg_risk: bool = False


_NO_EVENT: Final = _Event()


class _Refused(Exception):
    """A payload that cannot become a market; the message is its reason code."""


def parse_gamma(payload: bytes | msgspec.Raw | Mapping[str, object], origin: Origin) -> list[Record]:
    """Return the records of one market, one event with its markets, or one page of either."""
    raw: bytes | msgspec.Raw
    raw = convert.json_text(payload).encode() if isinstance(payload, Mapping) else payload
    page = gamma_wire.decode_page(raw)
    if page is not None:
        return [record for item in page for record in parse_element(item, origin)]
    return parse_element(raw, origin)


def parse_element(raw: bytes | msgspec.Raw, origin: Origin) -> list[Record]:
    """Return the records of one market or one event with its markets, given as JSON bytes."""
    payload = gamma_wire.decode(raw)
    if payload is None:
        return [_rejected(origin, "market", "not-an-object", raw)]
    return parse_payload(payload, _Whole(origin.source, origin.where, raw))


def parse_payload(payload: GammaObject, place: Place) -> list[Record]:
    """Return the records of a decoded element; of its place only the source is asked unless something is refused."""
    if payload.is_market:
        records: list[Record] = []
        event = _stub_event(payload, place, records)
        return records + _market(payload, event, place, None)
    if payload.is_event:
        return _event_with_markets(payload, place)
    return [_rejected(place, "market", "not-a-market", place.raw())]


def _event_with_markets(payload: GammaObject, place: Place) -> list[Record]:
    native_id = convert.text(payload.id) or convert.text(payload.slug)
    if not native_id:
        records: list[Record] = [_rejected(place, "event", "id-missing", place.raw())]
    else:
        records = [_event_record(native_id, payload, payload.tags, place)]
    event = _Event(
        native_id=native_id,
        title=convert.text(payload.title),
        category=convert.text(payload.category),
        tags=_labels(payload.tags),
        neg_risk=_neg_risk(payload),
    )
    for index, child in enumerate(payload.markets or ()):
        if child is None:
            records.append(_rejected(place, "market", "not-an-object", _child(place.raw(), index)))
        else:
            records += _market(child, event, place, index)
    return records


def _stub_event(payload: GammaObject, place: Place, records: list[Record]) -> _Event:
    stub = next((item for item in payload.events or () if item is not None), None)
    native_id = (convert.text(stub.id) or convert.text(stub.slug)) if stub else ""
    if stub is None or not native_id:
        return _NO_EVENT
    records.append(_event_record(native_id, stub, stub.tags, place))
    return _Event(
        native_id=native_id,
        title=convert.text(stub.title),
        category=convert.text(stub.category),
        tags=_labels(stub.tags),
        neg_risk=_neg_risk(stub),
    )


def _event_record(
    native_id: str, payload: GammaObject | gamma_wire.GammaStub, tags: list[GammaTag | None] | None, place: Place
) -> EventRecord:
    return EventRecord(
        source=place.source,
        venue=VENUE,
        native_id=native_id,
        slug=convert.text(payload.slug),
        title=convert.text(payload.title),
        neg_risk=_neg_risk(payload),
        tags=_labels(tags),
        known_at=convert.instant(payload.updated_at),
    )


def _market(payload: GammaObject, event: _Event, place: Place, index: int | None) -> list[Record]:
    try:
        labels = _outcomes(payload)
        ids = _ids(payload)
        market = _market_record(payload, event, place, ids, labels)
    except _Refused as refusal:
        return [_rejected(place, "market", str(refusal), _bytes(place, index))]
    records: list[Record] = [market]
    if convert.flag(payload.closed):
        resolution = _resolution(payload, place, ids)
        records.append(resolution or _rejected(place, "resolution", "resolution-unclear", _bytes(place, index)))
    snapshot = _snapshot(payload, place, ids)
    if snapshot is not None:
        records.append(snapshot)
    return records


def _outcomes(payload: GammaObject) -> tuple[str, str]:
    if convert.text(payload.market_type).lower() == "scalar":
        raise _Refused("scalar-market")
    if convert.text(payload.version).lower() not in _VERSIONS:
        raise _Refused("version-unknown")
    if payload.outcomes is None:
        tokens = convert.strings(payload.clob_token_ids) or convert.strings(payload.position_ids)
        if tokens is None:
            raise _Refused("outcomes-missing")
        if len(tokens) != 2:
            raise _Refused("outcomes-not-two")
        return ("Yes", "No")  # two tokens are stated, their labels are not
    labels = convert.strings(payload.outcomes)
    if labels is None:
        raise _Refused("outcomes-unreadable")
    if len(labels) != 2:
        raise _Refused("outcomes-not-two")
    return (labels[0].strip(), labels[1].strip())


def _ids(payload: GammaObject) -> Ids:
    tokens = payload.position_ids if convert.text(payload.version).lower() == "v2" else payload.clob_token_ids
    return market_ids(
        condition=payload.condition_id, gamma=payload.id, slug=payload.slug, tokens=convert.strings(tokens) or ()
    )


def market_ids(*, condition: object = None, gamma: object = None, slug: object = None, tokens: object = ()) -> Ids:
    """Return the usable ids of a market, strongest first; `tokens` holds the two outcome tokens or is ignored."""
    found = []
    if condition is not None and (text := convert.condition(condition)):
        found.append(("condition", text))
    if text := convert.text(gamma):
        found.append(("gamma", text))
    if text := convert.text(slug):
        found.append(("slug", text))
    if isinstance(tokens, tuple | list) and len(tokens) == 2:
        first, second = convert.token(tokens[0]), convert.token(tokens[1])
        if first and second and first != second:
            found += [("token", first), ("token1", second)]
    return tuple(found)


def _market_record(
    payload: GammaObject, event: _Event, place: Place, ids: Ids, labels: tuple[str, str]
) -> MarketRecord:
    question = convert.text(payload.question)
    if not question:
        raise _Refused("question-missing")
    if not ids:
        raise _Refused("id-missing")
    created_at = convert.instant(payload.created_at) or convert.instant(payload.start_date)
    tags = _labels(payload.tags) or event.tags
    category = convert.text(payload.category) or event.category
    return MarketRecord(
        source=place.source,
        venue=VENUE,
        ids=ids,
        question=question,
        outcomes=labels,
        event_native_id=event.native_id,
        event_title=event.title,
        scheduled_end=convert.instant(payload.end_date) or convert.instant(payload.end_date_iso),
        created_at=created_at,
        known_at=convert.instant(payload.updated_at),
        backdated=True,
        tick_e4=tick_e4(payload.order_price_min_tick_size),
        min_size_e6=min_size_e6(payload.order_min_size),
        fee=_fee(payload, (category, *tags), created_at),
        neg_risk=event.neg_risk or _neg_risk(payload),
        tags=tags,
        publisher_category=category,
        description=convert.text(payload.description),
    )


def _fee(payload: GammaObject, words: tuple[str, ...], listed_at: int | None) -> FeeSchedule:
    if payload.fee_schedule is None and payload.fees_enabled is None and payload.fee_type is None:
        return fees.FREE
    return fees.market_fee(
        convert.flag(payload.fees_enabled), payload.fee_schedule, convert.text(payload.fee_type), words, listed_at
    )


def tick_e4(value: object) -> int:
    """Return the smallest price step in 1e-4 dollars; a cent when it is not stated or absurd."""
    return _tick_e4(value) if type(value) is float else _tick_e4.__wrapped__(value)


def min_size_e6(value: object) -> int:
    """Return the smallest order in millionths of a share; five shares when it is not stated or absurd."""
    return _min_size_e6(value) if type(value) is int else _min_size_e6.__wrapped__(value)


@lru_cache(maxsize=64)  # a venue has few steps and sizes
def _tick_e4(value: object) -> int:
    step = convert.scaled(value, 10_000)
    return step if step is not None and 0 < step <= 5_000 else 100


@lru_cache(maxsize=64)
def _min_size_e6(value: object) -> int:
    size = convert.scaled(value, 1_000_000)
    return size if size is not None and 0 < size <= 10**12 else 5_000_000


def _resolution(payload: GammaObject, place: Place, ids: Ids) -> ResolutionRecord | None:
    payout = outcome.payout_of_prices(convert.strings(payload.outcome_prices))
    if payout is None:
        return None
    status = convert.text(payload.uma_resolution_status).lower()
    state = _NOT_FINAL.get(status, ResolutionState.FINAL)
    if state is not ResolutionState.FINAL and payout in {Payout.HALF, Payout.VOID}:
        return None  # 0.5 and 0 are also what an undecided market shows
    history = convert.strings(payload.uma_resolution_statuses) or ()
    decided_at = convert.instant(payload.closed_time) or convert.instant(payload.uma_end_date)
    final = state is ResolutionState.FINAL
    return ResolutionRecord(
        source=place.source,
        ids=ids,
        payout=payout,
        state=state,
        resolved_at=decided_at if final else None,
        known_at=decided_at if final else convert.instant(payload.updated_at),
        disputed=status == "disputed" or "disputed" in history,
    )


def _snapshot(payload: GammaObject, place: Place, ids: Ids) -> SnapshotRecord | None:
    seen_at = convert.instant(payload.updated_at)
    if seen_at is None:
        return None  # numbers without an instant say nothing about any instant
    volume = payload.volume_num if payload.volume is None else payload.volume
    liquidity = payload.liquidity_num if payload.liquidity is None else payload.liquidity
    return SnapshotRecord(
        source=place.source,
        ids=ids,
        event_time=seen_at,
        known_at=seen_at,
        bid_e4=convert.price_e4(payload.best_bid),
        ask_e4=convert.price_e4(payload.best_ask),
        last_e4=convert.price_e4(payload.last_trade_price),
        volume_e6=convert.money_e6(volume),
        volume_24h_e6=convert.money_e6(payload.volume24hr),
        liquidity_e6=convert.money_e6(liquidity),
    )


def _neg_risk(payload: GammaObject | gamma_wire.GammaStub) -> bool:
    return bool(convert.flag(payload.neg_risk) or convert.flag(payload.enable_neg_risk))


def _labels(tags: list[GammaTag | None] | None) -> tuple[str, ...]:
    if not tags:
        return ()
    names = [convert.text(tag.label) or convert.text(tag.slug) for tag in tags if tag is not None]
    return tuple(dict.fromkeys(name for name in names if name))


def _bytes(place: Place, index: int | None) -> bytes | msgspec.Raw:
    return place.raw() if index is None else _child(place.raw(), index)


def _child(raw: bytes | msgspec.Raw, index: int) -> bytes | msgspec.Raw:
    """Return the bytes of one nested market; the whole event when they cannot be told apart."""
    page = gamma_wire.children(raw)
    return page[index] if page is not None and index < len(page) else raw


def _rejected(place: "Place | Origin", kind: str, reason: str, raw: bytes | msgspec.Raw) -> Rejected:
    shown = bytes(raw).decode("utf-8", "replace")
    return Rejected(source=place.source, kind=kind, reason=reason, raw=shown, where=place.where)
