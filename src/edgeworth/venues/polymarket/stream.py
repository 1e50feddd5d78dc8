"""Read Gamma files of any size: arrays, pages, single objects, NDJSON with meta lines and wrapper objects."""

from collections.abc import Iterable, Iterator

import msgspec

from edgeworth.core.records import EventRecord, Record
from edgeworth.venues import splitter
from edgeworth.venues.polymarket import gamma_wire
from edgeworth.venues.polymarket.parse import Origin, parse_element
from edgeworth.venues.refusal import refuse

_CONTAINERS = frozenset({"markets", "events", "data", "gamma_events", "gamma_markets"})


def iter_gamma(chunks: Iterable[bytes], *, source: str = "polymarket-gamma", where: str = "") -> Iterator[Record]:
    """Yield the records of a stream of Gamma markets and events.

    `chunks` are decompressed bytes cut anywhere; memory is bounded by the largest element. A truncated stream ends in
    `Rejected` with the reason `file-truncated` after everything before it; unreadable parts are rejected one by one.
    """
    previous: EventRecord | None = None
    for element in splitter.elements(chunks, _CONTAINERS):
        origin = Origin(source, f"{where}:{element.offset}")
        for record in _element(element, origin):
            if isinstance(record, EventRecord):
                if record == previous:
                    continue  # consecutive markets repeat the event they belong to
                previous = record
            yield record


def _element(element: splitter.Element, origin: Origin) -> list[Record]:
    raw = element.raw
    if element.found is splitter.Found.ODD:
        raw = splitter.strict(raw)
    elif element.found is not splitter.Found.VALUE:
        return [refuse(element, "market", origin.source, origin.where)]
    page = gamma_wire.decode_page(raw)
    if page is None:
        return parse_element(raw, origin)
    return [record for item in page for record in _nested(item, origin)]


def _nested(item: msgspec.Raw, origin: Origin) -> list[Record]:
    page = gamma_wire.decode_page(item)
    if page is None:
        return parse_element(item, origin)
    return [record for inner in page for record in parse_element(inner, origin)]
