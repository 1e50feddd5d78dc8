"""Price histories: markets with a `price_history`, checkpoint dictionaries, and histories of one token.

A history market is an object with any of these keys (first one present wins):

* condition id `condition_id conditionId`; Gamma id `gamma_id gammaId`; `id market_id marketId key` are told apart by
  their form (0x… condition, 30 and more digits token, fewer digits Gamma id, else the file's own key)
* slug `slug market_slug marketSlug`; tokens `clobTokenIds clob_token_ids token_ids`, `token_id tokenId asset_id token0`
* text `question title market_question`, `description`, `category`, `tags`, `outcomes`
* event `event_id eventId`, `event_title eventTitle`
* instants `end_date endDate end_date_iso endDateIso scheduled_end`, `created_at createdAt start_date startDate`,
  `updated_at updatedAt`
* terms `neg_risk negRisk`, `tick_size orderPriceMinTickSize`, `min_size orderMinSize`, `feesEnabled`, `feeType`,
  `feeSchedule`
* how it ended: `resolved closed` flags; `payout y0 y` (0, 0.5, 1), `winner winning_outcome resolved_outcome resolution`
  (a label), `outcomePrices outcome_prices`, and `outcome` (a label, believed only beside a true flag); when:
  `resolved_at resolvedAt resolution_date resolved_date closed_time closedTime umaEndDate`
* points `price_history priceHistory history prices`: a list of points (see `points`), or such a list under `history`
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from edgeworth.core.panel import Int32s, Int64s
from edgeworth.core.records import PriceBlock, Record, Rejected
from edgeworth.venues import convert, splitter
from edgeworth.venues.polymarket import points
from edgeworth.venues.polymarket.history_market import POINT_KEYS, ids_of, market_records
from edgeworth.venues.polymarket.history_scan import MEMBERS, Members, QuickMarkets, QuickReader
from edgeworth.venues.polymarket.parse import Origin
from edgeworth.venues.refusal import refuse

ID_KEYS: Final = ("market_id", "marketId", "id", "condition_id", "conditionId", "token_id", "tokenId", "slug")
_MARKETS: Final = frozenset({"markets", "data"})
_BLOCK = 200_000  # rows of a checkpoint list held before they are handed on
_NAME_PREFIX = re.compile(r"^(?:clob[_-])?(?:prices?[_-]?)?(?:history[_-]|checkpoint[_-]|token[_-])?", re.IGNORECASE)
_LONG_ID = re.compile(r"0x[0-9a-fA-F]{62,64}|\d{30,78}")
_SUFFIX = re.compile(r"(?:\.(?:json|ndjson|jsonl|txt|gz|csv))+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Columns:
    """Points market after market in the order of the file: `t` int64 microseconds, `price_e4` int32.

    Market i with any points has rows `offsets[i]:offsets[i + 1]`; `refused` counts the points set aside, by reason.
    """

    t: Int64s
    price_e4: Int32s
    offsets: Int64s
    refused: dict[str, int]


def iter_history(chunks: Iterable[bytes], *, source: str = "history", where: str = "") -> Iterator[Record]:
    """Yield MarketRecord, ResolutionRecord if stated, PriceBlock and Rejected of each market with a history.

    `chunks` are decompressed bytes of `{"markets": [...]}`, an array or NDJSON; one market is held at a time.
    """
    for piece in splitter.elements_or_taken(chunks, _MARKETS, QuickReader()):
        if isinstance(piece, splitter.Taken):
            yield from _quick_records(piece.value, piece.offset, source, where)
        else:
            yield from _history_element(piece, source, where)


def read_columns(chunks: Iterable[bytes]) -> Columns:
    """Return the points of every market with a history, as `iter_history` would, without the markets' facts."""
    blocks: list[points.Points] = []
    sizes: list[Int64s] = []
    refused: dict[str, int] = {}
    for piece in splitter.elements_or_taken(chunks, _MARKETS, QuickReader()):
        if isinstance(piece, splitter.Taken):
            found: QuickMarkets = piece.value
            blocks.append(points.Points(found.t, found.price_e4))
            sizes.append(np.diff(found.offsets))
            continue
        for record in _history_element(piece, "", ""):
            if isinstance(record, PriceBlock):
                blocks.append(points.Points(record.t, record.price_e4))
                sizes.append(np.array([len(record.t)]))
            elif isinstance(record, Rejected) and record.kind == "price":
                refused[record.reason] = refused.get(record.reason, 0) + record.rows
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))))
    t = np.concatenate([np.zeros(0, np.int64), *(block.t for block in blocks)])
    price_e4 = np.concatenate([np.zeros(0, np.int32), *(block.price_e4 for block in blocks)])
    return Columns(t, price_e4, offsets, refused)


def _quick_records(found: QuickMarkets, base: int, source: str, where: str) -> Iterator[Record]:
    bounds = found.offsets.tolist()
    for index, market in enumerate(found.markets):
        origin = Origin(source, f"{where}:{base + market.at}")
        first, last = bounds[index], bounds[index + 1]
        yield from _with_points(market.members, points.Points(found.t[first:last], found.price_e4[first:last]), origin)


def _history_element(element: splitter.Element, source: str, where: str) -> Iterator[Record]:
    origin = Origin(source, f"{where}:{element.offset}")
    raw = _readable(element)
    if raw is None:
        yield refuse(element, "price", source, origin.where)
        return
    members = _members(raw)
    nested = None if members is None or any(key in members for key in POINT_KEYS) else _page(members)
    if nested is None:
        yield from _market(members, raw, origin)
    for item in nested or ():
        yield from _market(_members(item), item, origin)


def iter_checkpoint(chunks: Iterable[bytes], *, source: str = "checkpoint", where: str = "") -> Iterator[Record]:
    """Yield PriceBlock and Rejected of `{"<market id>": [points]}` or `[{"market_id":, "timestamp":, "price":}]`.

    Nothing but the id is known of such a market, so no MarketRecord is made.
    """
    rows: dict[str, list[Any]] = {}
    held = 0
    for member in splitter.members(chunks):
        origin = Origin(source, f"{where}:{member.element.offset}")
        raw = _readable(member.element)
        if raw is None:
            yield refuse(member.element, "price", source, origin.where)
        elif member.key is not None:
            yield from _checkpoint_member(member.key, raw, origin)
        else:
            held += 1
            yield from _checkpoint_row(raw, rows, origin)
            if held >= _BLOCK:
                yield from _flush(rows, source, where)
                held = 0
    yield from _flush(rows, source, where)


def iter_token_history(
    chunks: Iterable[bytes], *, market_id: str, source: str = "polymarket-clob", where: str = ""
) -> Iterator[Record]:
    """Yield PriceBlock and Rejected of one token's history: `{"history": [...]}`, `{"data": [...]}` or `[...]`.

    `market_id` is the id of the token of outcome 0, a condition id, Gamma id or slug; its form tells which. A point
    with `resolution_seconds` 0 is the settlement, not a price, and is set aside as `settlement-point`.
    """
    ids = ids_of(market_id, source)
    batch: list[Any] = []
    for element in splitter.elements(chunks, frozenset({"history", "data"})):
        raw = _readable(element)
        if raw is None:
            yield refuse(element, "price", source, f"{where}:{element.offset}")
            continue
        nested = _nested_points(raw)
        if nested is not None:
            found = points.decode_points(nested)
            if found is not None:
                yield from _without_settlement(found, nested).records(source, ids, f"{where}:{element.offset}")
            continue
        batch.append(_loads(raw))
        if len(batch) >= _BLOCK:
            yield from _split_settlement(batch).records(source, ids, where)
            batch = []
    yield from _split_settlement(batch).records(source, ids, where)


def id_from_name(name: str) -> str:
    """Return the market id a file name carries: a long id anywhere in it, else its stem without usual prefixes."""
    stem = _SUFFIX.sub("", name.replace("\\", "/").rsplit("/", 1)[-1])
    found = _LONG_ID.search(stem)
    return found.group(0) if found else _NAME_PREFIX.sub("", stem, count=1) or stem


def _readable(element: splitter.Element) -> bytes | None:
    if element.found is splitter.Found.VALUE:
        return element.raw
    return element.raw if element.found is splitter.Found.ODD else None


def _members(raw: bytes | msgspec.Raw) -> Members | None:
    """Return the undecoded members of an object; a lenient second try for NaN."""
    try:
        return MEMBERS.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:
        return MEMBERS.decode(splitter.strict(bytes(raw)))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _page(members: Members) -> list[msgspec.Raw] | None:
    """Return the markets of a page; None when the object is none."""
    for key in ("markets", "data"):
        if key in members:
            try:
                return list(msgspec.json.decode(members[key], type=list[msgspec.Raw]))
            except msgspec.MsgspecError:
                continue
    return None


def _market(members: Members | None, raw: bytes | msgspec.Raw, origin: Origin) -> Iterator[Record]:
    if members is None:
        shown = bytes(raw)[:2_000].decode("utf-8", "replace")
        yield Rejected(source=origin.source, kind="market", reason="not-an-object", raw=shown, where=origin.where)
        return
    series = next((members.pop(key) for key in POINT_KEYS if key in members), None)
    found = None if series is None else _decode_series(series)
    yield from _with_points(members, found, origin)
    if found is None and series is not None and bytes(series).strip() != b"null":
        yield _unreadable(series, origin)


def _with_points(members: Members, found: points.Points | None, origin: Origin) -> Iterator[Record]:
    """Yield the records of a market's facts, then of its points."""
    records, ids = market_records({key: _loads(value) for key, value in members.items()}, origin)
    yield from records
    if found is None:
        return
    if ids:
        yield from found.records(origin.source, ids, origin.where)
    elif len(found.t) or found.refused:
        yield _orphans(found, records, origin)


def _decode_series(series: msgspec.Raw | bytes) -> points.Points | None:
    found = points.decode_points(series)
    if found is None:
        nested = _nested_points(bytes(series))
        found = points.decode_points(nested) if nested is not None else None
    return found


def _nested_points(raw: bytes) -> bytes | None:
    """Return the list of points inside `{"history": [...]}`, `{"data": [...]}`; None when there is none."""
    members = _members(raw) if raw.lstrip()[:1] == b"{" else None
    for key in ("history", "price_history", "data", "yes"):
        value = bytes(members[key]) if members and key in members else b""
        if value[:1] == b"[":
            return value
    return None


def _orphans(found: points.Points, records: list[Record], origin: Origin) -> Record:
    """Set aside all points of a market that was itself refused."""
    reason = next((item.reason for item in records if isinstance(item, Rejected)), "id-missing")
    rows = len(found.t) + sum(len(items) for items in found.refused.values())
    sample = [[int(t), int(p)] for t, p in zip(found.t[: points.SAMPLE], found.price_e4[: points.SAMPLE], strict=True)]
    shown = convert.json_text(sample)
    return Rejected(source=origin.source, kind="price", reason=reason, raw=shown, where=origin.where, rows=rows)


def _unreadable(series: msgspec.Raw | bytes, origin: Origin) -> Record:
    shown = bytes(series)[:2_000].decode("utf-8", "replace")
    return Rejected(source=origin.source, kind="price", reason="not-a-price-list", raw=shown, where=origin.where)


def _checkpoint_member(key: str, raw: bytes, origin: Origin) -> Iterator[Record]:
    if raw[:1] not in {b"[", b"{"}:
        return  # a note such as "saved_at", no series
    found = _decode_series(raw)
    if found is not None:
        yield from found.records(origin.source, ids_of(key, origin.source), origin.where)
        return
    inner = _members(raw) or {}
    if any(value[:1] == b"[" for value in map(bytes, inner.values())):
        for name, value in inner.items():  # a wrapper around the dictionary
            yield from _checkpoint_member(name, bytes(value), origin)
    else:
        yield _unreadable(raw, origin)


def _checkpoint_row(raw: bytes, rows: dict[str, list[Any]], origin: Origin) -> Iterator[Record]:
    """Collect a point under its market; hand on a market that brings its own list of points."""
    value = _loads(raw)
    name = convert.text(convert.first(value, ID_KEYS)) if isinstance(value, dict) else ""
    if not name:
        shown = convert.json_text(value)
        yield Rejected(source=origin.source, kind="price", reason="id-missing", raw=shown, where=origin.where)
        return
    series = convert.first(value, POINT_KEYS)
    if isinstance(series, list):
        yield from points.from_values(series).records(origin.source, ids_of(name, origin.source), origin.where)
    else:
        rows.setdefault(name, []).append(value)


def _flush(rows: dict[str, list[Any]], source: str, where: str) -> Iterator[Record]:
    for name, values in rows.items():
        yield from points.from_values(values).records(source, ids_of(name, source), where)
    rows.clear()


def _loads(raw: bytes | msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        try:
            return msgspec.json.decode(splitter.strict(bytes(raw)))
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None


def _without_settlement(found: points.Points, raw: bytes) -> points.Points:
    return _split_settlement(_loads(raw)) if b'"resolution_seconds"' in raw else found


def _split_settlement(values: list[Any]) -> points.Points:
    settled = [value for value in values if isinstance(value, dict) and value.get("resolution_seconds") == 0]
    if not settled:
        return points.from_values(values)
    kept = points.from_values([value for value in values if not (isinstance(value, dict) and value in settled)])
    kept.refused["settlement-point"] = list(settled)
    return kept
