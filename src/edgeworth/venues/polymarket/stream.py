"""Read Gamma files of any size: arrays, pages, single objects, NDJSON with meta lines and wrapper objects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from edgeworth.core.records import EventRecord, Record
from edgeworth.venues import splitter
from edgeworth.venues.polymarket import gamma_wire
from edgeworth.venues.polymarket.gamma_scan import QuickGamma, Run
from edgeworth.venues.polymarket.gamma_wire import GammaObject
from edgeworth.venues.polymarket.parse import Origin, parse_element, parse_payload
from edgeworth.venues.refusal import refuse

_CONTAINERS = frozenset({"markets", "events", "data", "gamma_events", "gamma_markets"})


def iter_gamma(chunks: Iterable[bytes], *, source: str = "polymarket-gamma", where: str = "") -> Iterator[Record]:
    """Yield the records of a stream of Gamma markets and events.

    `chunks` are decompressed bytes cut anywhere; memory is bounded by the largest element. A truncated stream ends in
    `Rejected` with the reason `file-truncated` after everything before it; unreadable parts are rejected one by one.
    """
    previous: EventRecord | None = None
    for piece in splitter.elements_or_taken(chunks, _CONTAINERS, QuickGamma()):
        found = _run(piece, source, where) if isinstance(piece, splitter.Taken) else _element(piece, source, where)
        for record in found:
            if isinstance(record, EventRecord):
                if record == previous:
                    continue  # consecutive markets repeat the event they belong to
                previous = record
            yield record


def iter_payloads(chunks: Iterable[bytes]) -> Iterator[GammaObject]:
    """Yield the decoded markets and events of a stream, without what cannot be read as one."""
    for piece in splitter.elements_or_taken(chunks, _CONTAINERS, QuickGamma()):
        if isinstance(piece, splitter.Taken):
            run: Run = piece.value
            yield from run.payloads
        elif piece.found in {splitter.Found.VALUE, splitter.Found.ODD}:
            raw = piece.raw if piece.found is splitter.Found.VALUE else splitter.strict(piece.raw)
            items = gamma_wire.decode_page(raw)
            for item in [raw] if items is None else items:
                payload = gamma_wire.decode(item)
                if payload is not None:
                    yield payload


@dataclass(frozen=True, slots=True)
class _InRun:
    """An element of a run; its place is worked out when asked."""

    source: str
    name: str
    run: Run
    base: int
    index: int

    @property
    def where(self) -> str:
        return f"{self.name}:{self.base + self.run.places[self.index][0]}"

    def raw(self) -> msgspec.Raw:
        return self.run.places[self.index][1]


def _run(taken: splitter.Taken, source: str, where: str) -> Iterator[Record]:
    run: Run = taken.value
    for index, payload in enumerate(run.payloads):
        yield from parse_payload(payload, _InRun(source, where, run, taken.offset, index))


def _element(element: splitter.Element, source: str, where: str) -> list[Record]:
    origin = Origin(source, f"{where}:{element.offset}")
    raw = element.raw
    if element.found is splitter.Found.ODD:
        raw = splitter.strict(raw)
    elif element.found is not splitter.Found.VALUE:
        return [refuse(element, "market", source, origin.where)]
    page = gamma_wire.decode_page(raw)
    if page is None:
        return parse_element(raw, origin)
    return [record for item in page for record in _nested(item, origin)]


def _nested(item: msgspec.Raw, origin: Origin) -> list[Record]:
    page = gamma_wire.decode_page(item)
    if page is None:
        return parse_element(item, origin)
    return [record for inner in page for record in parse_element(inner, origin)]
