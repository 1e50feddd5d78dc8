"""CLOB markets (full, sampling and simplified listings, single markets) into records.

The winner stands in the tokens' flags; when it was decided does not, so a resolution from here has no `resolved_at` and
settles nothing by itself. Fees in basis points of the old API are never used.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from edgeworth.core.records import Ids, MarketRecord, Record, Rejected, ResolutionRecord
from edgeworth.venues import convert, splitter
from edgeworth.venues.polymarket import outcome, parse
from edgeworth.venues.polymarket.parse import Origin
from edgeworth.venues.refusal import refuse

_CONTAINERS: Final = frozenset({"data", "markets"})


class ClobToken(msgspec.Struct):
    """One outcome of a CLOB market."""

    token_id: Any = None
    outcome: Any = None
    winner: Any = None


class ClobMarket(msgspec.Struct):
    """A CLOB market: only the fields named here are read."""

    condition_id: Any = None
    question: Any = None
    description: Any = None
    market_slug: Any = None
    end_date_iso: Any = None
    closed: Any = None
    minimum_order_size: Any = None
    minimum_tick_size: Any = None
    neg_risk: Any = None
    is_50_50_outcome: Any = None
    tags: Any = None
    tokens: "list[ClobToken | None] | None" = None


class _Page(msgspec.Struct):
    condition_id: Any = None
    tokens: Any = None
    data: list[msgspec.Raw] | None = None
    markets: list[msgspec.Raw] | None = None


_DECODER = msgspec.json.Decoder(ClobMarket)
_PAGES = msgspec.json.Decoder(_Page)
_FIELDS = [name for name in ClobMarket.__struct_fields__ if name != "tokens"]


def iter_clob_markets(chunks: Iterable[bytes], *, source: str = "polymarket-clob", where: str = "") -> Iterator[Record]:
    """Yield the records of CLOB market pages, arrays, NDJSON or a single market; bounded by the largest element."""
    for element in splitter.elements(chunks, _CONTAINERS):
        origin = Origin(source, f"{where}:{element.offset}")
        if element.found is splitter.Found.VALUE:
            yield from parse_clob(element.raw, origin)
        elif element.found is splitter.Found.ODD:
            yield from parse_clob(splitter.strict(element.raw), origin)
        else:
            yield refuse(element, "market", source, origin.where)


def parse_clob(raw: bytes | msgspec.Raw, origin: Origin) -> list[Record]:
    """Return the records of one CLOB market or one page of them, given as JSON bytes; never raises."""
    items = _page(raw)
    if items is not None:
        return [record for item in items for record in parse_clob_market(item, origin)]
    return parse_clob_market(raw, origin)


def parse_clob_market(raw: bytes | msgspec.Raw, origin: Origin) -> list[Record]:
    """Return MarketRecord, ResolutionRecord when a winner is named, or Rejected."""
    payload = _decode(raw)
    if payload is None:
        return [_rejected(origin, "market", "not-an-object", raw)]
    tokens = [item for item in payload.tokens or () if item is not None]
    if len(tokens) != 2:
        return [_rejected(origin, "market", "outcomes-not-two" if tokens else "outcomes-missing", raw)]
    ids = parse.market_ids(
        condition=payload.condition_id,
        slug=payload.market_slug,
        tokens=tuple(convert.text(item.token_id) for item in tokens),
    )
    if not ids:
        return [_rejected(origin, "market", "id-missing", raw)]
    records: list[Record] = [_market(payload, tokens, ids, origin)]
    if convert.flag(payload.closed):
        payout = outcome.payout_of_winners(
            [convert.flag(item.winner) for item in tokens], half=bool(convert.flag(payload.is_50_50_outcome))
        )
        if payout is None:
            records.append(_rejected(origin, "resolution", "resolution-unclear", raw))
        else:
            records.append(ResolutionRecord(source=origin.source, ids=ids, payout=payout))
    return records


def _market(payload: ClobMarket, tokens: list[ClobToken], ids: Ids, origin: Origin) -> MarketRecord:
    labels = (convert.text(tokens[0].outcome) or "Yes", convert.text(tokens[1].outcome) or "No")
    return MarketRecord(
        source=origin.source,
        venue=parse.VENUE,
        ids=ids,
        question=convert.text(payload.question),  # simplified listings have none
        outcomes=labels,
        scheduled_end=convert.instant(payload.end_date_iso),
        backdated=True,
        tick_e4=parse.tick_e4(payload.minimum_tick_size),
        min_size_e6=parse.min_size_e6(payload.minimum_order_size),
        neg_risk=bool(convert.flag(payload.neg_risk)),
        tags=convert.strings(payload.tags) or (),
        description=convert.text(payload.description),
    )


def _page(raw: bytes | msgspec.Raw) -> list[msgspec.Raw] | None:
    try:
        page = _PAGES.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if page.condition_id is not None or page.tokens is not None:
        return None
    return page.data if page.data is not None else page.markets


def _decode(raw: bytes | msgspec.Raw) -> ClobMarket | None:
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    found = ClobMarket(**{name: value.get(name) for name in _FIELDS})
    listed = value.get("tokens")
    if isinstance(listed, list):
        found.tokens = [
            ClobToken(item.get("token_id"), item.get("outcome"), item.get("winner"))
            for item in listed
            if isinstance(item, dict)
        ]
    return found


def _rejected(origin: Origin, kind: str, reason: str, raw: bytes | msgspec.Raw) -> Rejected:
    shown = bytes(raw).decode("utf-8", "replace")
    return Rejected(source=origin.source, kind=kind, reason=reason, raw=shown, where=origin.where)
