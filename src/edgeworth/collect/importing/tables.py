"""Apply a mapping to a piece of a table: rows in, records and columns out; bad rows are set aside with a reason."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from edgeworth.collect.importing import values
from edgeworth.collect.importing.extract import CandleTable, Extract, PriceTable
from edgeworth.collect.importing.mapping import Condition, Entry, MappingSpec, Table
from edgeworth.collect.importing.values import VOID, Context, as_text
from edgeworth.core.records import EventRecord, Ids, MarketRecord, Rejected, ResolutionRecord, SnapshotRecord
from edgeworth.core.types import FeeSchedule, Payout

RAW_ROWS: Final = 200  # rows kept in full per piece and reason; the rest is counted
_TICK_E4: Final = 100  # the defaults of a record that states none
_MIN_SIZE_E6: Final = 5_000_000
_LONG_TOKEN: Final = 30
_CONDITION: Final = 66
_PAYOUTS = {0.0: Payout.NO, 0.5: Payout.HALF, 1.0: Payout.YES, VOID: Payout.VOID}
_ROW = "row number"
_IDS = "ids"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a table under a mapping: `frame` holds the columns it reads, `first` is its first row's number.

    `interval` is what the candles last when the mapping does not say.
    """

    spec: MappingSpec
    frame: pl.DataFrame
    first: int
    where: str
    context: Context
    interval: str = ""


def apply(piece: Piece) -> Extract:
    """Return what a mapping makes of a piece of a table; counts add up for every kind the mapping makes."""
    frame = piece.frame.with_row_index(_ROW, offset=piece.first)
    if piece.spec.explode:
        frame = explode(frame, piece.spec.explode)
    result = Extract(units=piece.frame.height, rows=piece.frame.height)
    makers: dict[str, Callable[[Piece, Table, pl.DataFrame, Extract], None]] = {
        "event": _events,
        "market": _markets,
        "resolution": _resolutions,
        "snapshot": _snapshots,
        "price": _prices,
        "candle": _candles,
    }
    for kind, make in makers.items():
        table = piece.spec.tables.get(kind)
        if table is not None:
            chosen = filtered(frame, table.where)
            if chosen.height:
                make(piece, table, chosen, result)
    return result


def explode(frame: pl.DataFrame, parts: tuple[str, str, str]) -> pl.DataFrame:
    """Turn a column of JSON objects into one row per member, with the member's name and value as two new columns."""
    column, key, value = parts
    names, items = [], []
    for text in as_text(frame[column]).to_list():
        found = _json_object(text)
        names.append(list(found))
        items.append([None if isinstance(part, dict | list | str | bool) else part for part in found.values()])
    lists = [
        pl.Series(key, names, dtype=pl.List(pl.String)),
        pl.Series(value, [[None if part is None else float(part) for part in row] for row in items]).cast(
            pl.List(pl.Float64)
        ),
    ]
    return frame.drop(column).with_columns(lists).explode(key, value)


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def filtered(frame: pl.DataFrame, where: tuple[Condition, ...]) -> pl.DataFrame:
    """Return the rows that satisfy every condition."""
    for condition in where:
        text = as_text(frame[condition.column])
        if condition.present is not None:
            keep = text.is_not_null() if condition.present else text.is_null()
        else:
            keep = text.str.to_lowercase().is_in(list(condition.values)).fill_null(False)
        frame = frame.filter(keep)
    return frame


class _Columns:
    """The evaluated fields of one table over the chosen rows."""

    def __init__(self, piece: Piece, table: Table, frame: pl.DataFrame) -> None:
        self._piece, self._table, self._frame = piece, table, frame
        self.reason = np.full(frame.height, "", dtype=object)

    def series(self, name: str) -> pl.Series | None:
        entry = self._table.entries.get(name)
        return None if entry is None else values.evaluate(entry, self._frame, self._piece.context)

    def numbers(self, name: str) -> "np.ndarray[Any, np.dtype[np.float64]] | None":
        series = self.series(name)
        return None if series is None else series.cast(pl.Float64).to_numpy().astype(np.float64, copy=True)

    def refuse(self, mask: "np.ndarray[Any, Any]", reason: str) -> None:
        """Give rows a reason, unless they have one already."""
        self.reason[mask & (self.reason == "")] = reason

    def good(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        result: np.ndarray[Any, np.dtype[np.bool_]] = self.reason == ""
        return result

    def rejected(self, result: Extract) -> None:
        """Hand the refused rows on, the first of each reason in full."""
        kind, piece = self._table.kind, self._piece
        for reason in sorted({str(name) for name in self.reason} - {""}):
            rows = np.flatnonzero(self.reason == reason)
            shown, rest = rows[:RAW_ROWS], rows[RAW_ROWS:]
            numbers = self._frame[_ROW].to_numpy()
            for row, facts in zip(shown, self._frame[shown.tolist()].drop(_ROW).iter_rows(named=True), strict=True):
                raw = json.dumps(facts, default=str, ensure_ascii=False)[:4_000]
                where = f"{piece.where}:{numbers[row]}"
                found = Rejected(source=piece.spec.source, kind=kind, reason=reason, raw=raw, where=where)
                result.records.append(found)
            if len(rest):
                where = f"{piece.where}:{numbers[rest[0]]}-{numbers[rest[-1]]}"
                raw = f"{len(rest)} more rows"
                found = Rejected(
                    source=piece.spec.source, kind=kind, reason=reason, raw=raw, where=where, rows=len(rest)
                )
                result.records.append(found)

    def ids(self) -> tuple[list[Ids], "np.ndarray[Any, np.dtype[np.int64]]"]:
        """Return the distinct ids and, per row, which of them it has; rows without any are refused."""
        frame, piece = self._frame, self._piece
        names = sorted(set().union(*(entry.columns() for _, entry in self._table.ids)))
        if not names:
            distinct, code = frame.head(1), np.zeros(frame.height, dtype=np.int64)
        else:
            distinct = frame.select(names).unique(maintain_order=True)
            numbered = distinct.with_row_index("code")
            joined = frame.select(names).join(numbered, on=names, how="left", nulls_equal=True, maintain_order="left")
            code = joined["code"].to_numpy().astype(np.int64)
        columns = [(kind, _id_text(kind, entry, distinct, piece)) for kind, entry in self._table.ids]
        rows = zip(*(column.to_list() for _, column in columns), strict=True)
        kinds = [kind for kind, _ in columns]
        found: list[Ids] = [
            tuple(_pair(kind, text) for kind, text in zip(kinds, row, strict=True) if text) for row in rows
        ]
        empty = np.array([not ids for ids in found], dtype=bool)
        self.refuse(empty[code], "id-missing")
        return found, code


def _id_text(kind: str, entry: Entry, frame: pl.DataFrame, piece: Piece) -> pl.Series:
    text = values.evaluate(entry, frame, piece.context)
    if kind == "key":
        return f"{piece.spec.source}:" + text
    return text.str.to_lowercase() if kind == "condition" else text


def _pair(kind: str, text: str) -> tuple[str, str]:
    """Tell an id's kind by its form, where the mapping leaves it open."""
    if kind != "auto":
        return kind, text
    if text.startswith("0x") and len(text) == _CONDITION:
        return "condition", text.lower()
    if text.isdigit():
        return ("token" if len(text) >= _LONG_TOKEN else "gamma"), text
    return "slug", text


def _events(piece: Piece, table: Table, frame: pl.DataFrame, result: Extract) -> None:
    columns = _Columns(piece, table, frame)
    fields = _lists(columns, table)
    seen: dict[EventRecord, None] = {}
    for row in range(frame.height):
        get = _getter(fields, row)
        if not get("id"):
            columns.reason[row] = "id-missing"
            continue
        record = EventRecord(
            source=piece.spec.source,
            venue=piece.spec.venue,
            native_id=get("id"),
            slug=get("slug") or "",
            title=get("title") or "",
            neg_risk=bool(get("neg_risk")),
            tags=_labels(get("tags")),
            known_at=get("known_at"),
        )
        _add_once(record, seen, "event", result)
    columns.rejected(result)


def _markets(piece: Piece, table: Table, frame: pl.DataFrame, result: Extract) -> None:
    columns = _Columns(piece, table, frame)
    ids, code = columns.ids()
    fields = _lists(columns, table)
    seen: dict[str, None] = {}
    for row in np.flatnonzero(columns.good()):
        get = _getter(fields, int(row))
        record = _market(piece, ids[code[row]], get)
        _add_once(record, seen, "market", result)
    columns.rejected(result)


def _market(piece: Piece, ids: Ids, get: Callable[[str], Any]) -> MarketRecord:
    known_at = get("known_at")
    tick, size, fee = get("tick"), get("min_size"), get("fee_rate")
    return MarketRecord(
        source=piece.spec.source,
        venue=get("venue") or piece.spec.venue,
        ids=ids,
        question=get("question") or "",
        description=get("description") or "",
        outcomes=(get("outcome0") or "Yes", get("outcome1") or "No"),
        event_native_id=get("event") or "",
        event_title=get("event_title") or "",
        scheduled_end=get("scheduled_end"),
        created_at=get("created_at"),
        known_at=known_at,
        backdated=known_at is None,
        neg_risk=bool(get("neg_risk")),
        tags=_labels(get("tags")),
        publisher_category=get("category") or "",
        tick_e4=round(tick * 10_000) if tick else _TICK_E4,
        min_size_e6=round(size * 1_000_000) if size else _MIN_SIZE_E6,
        fee=FeeSchedule(rate_e6=round(fee * 1_000_000)) if fee else FeeSchedule(),
    )


def _resolutions(piece: Piece, table: Table, frame: pl.DataFrame, result: Extract) -> None:
    columns = _Columns(piece, table, frame)
    ids, code = columns.ids()
    payout = columns.numbers("payout")
    assert payout is not None
    columns.refuse(np.isnan(payout), "payout-missing")
    columns.refuse(~np.isin(payout, list(_PAYOUTS)), "payout-not-final")
    fields = _lists(columns, table, skip=("payout",))
    seen: dict[ResolutionRecord, None] = {}
    for row in np.flatnonzero(columns.good()):
        get = _getter(fields, int(row))
        resolved_at, known_at = get("resolved_at"), get("known_at")
        if known_at is None and resolved_at is not None:
            known_at = resolved_at + table.lag_us
        record = ResolutionRecord(
            source=piece.spec.source,
            ids=ids[code[row]],
            payout=_PAYOUTS[float(payout[row])],
            resolved_at=resolved_at,
            known_at=known_at,
            proposed_at=get("proposed_at"),
            disputed=bool(get("disputed")),
        )
        _add_once(record, seen, "resolution", result)
    columns.rejected(result)


def _snapshots(piece: Piece, table: Table, frame: pl.DataFrame, result: Extract) -> None:
    columns = _Columns(piece, table, frame)
    ids, code = columns.ids()
    fields = _lists(columns, table)
    for row in np.flatnonzero(columns.good()):
        get = _getter(fields, int(row))
        event_time, known_at = get("t"), get("known_at")
        if event_time is None:
            columns.reason[row] = "time-missing"
            continue
        record = SnapshotRecord(
            source=piece.spec.source,
            ids=ids[code[row]],
            event_time=event_time,
            known_at=event_time + table.lag_us if known_at is None else known_at,
            bid_e4=_scaled(get("bid"), 10_000, 10_000),
            ask_e4=_scaled(get("ask"), 10_000, 10_000),
            last_e4=_scaled(get("last"), 10_000, 10_000),
            volume_e6=_scaled(get("volume"), 1_000_000),
            volume_24h_e6=_scaled(get("volume_24h"), 1_000_000),
            liquidity_e6=_scaled(get("liquidity"), 1_000_000),
        )
        result.records.append(record)
    columns.rejected(result)


def _prices(piece: Piece, table: Table, frame: pl.DataFrame, result: Extract) -> None:
    result.price_unit = table.entries["price"].unit
    columns = _Columns(piece, table, frame)
    ids, code = columns.ids()
    series, price = columns.series("t"), columns.numbers("price")
    assert series is not None
    assert price is not None
    columns.refuse(series.is_null().to_numpy(), "time-missing")
    columns.refuse(np.isnan(price), "price-nan")
    columns.refuse(~((price >= 0) & (price <= 1)), "price-out-of-range")
    t = series.fill_null(0).to_numpy().astype(np.int64)
    order = columns.numbers("order")
    if order is not None:  # several points of one coarse instant keep their order, a microsecond apart
        t = t + np.clip(np.nan_to_num(order), 0, 999_999).astype(np.int64)
    known = columns.series("known_at")
    good = columns.good()
    columns.rejected(result)
    if not good.any():
        return
    known_at = None
    if known is not None:
        stated = known.cast(pl.Float64).is_null().to_numpy()
        known_at = np.where(stated, t + table.lag_us, known.fill_null(0).to_numpy().astype(np.int64))[good]
    found = PriceTable(
        source=piece.spec.source,
        venue=piece.spec.venue,
        ids=ids,
        code=code[good],
        t=t[good],
        price_e4=np.rint(price[good] * 10_000).astype(np.int32),
        known_at=known_at,
        lag_us=0 if known_at is not None else table.lag_us,
    )
    result.prices.append(found)


def _candles(piece: Piece, table: Table, frame: pl.DataFrame, result: Extract) -> None:
    columns = _Columns(piece, table, frame)
    symbol, series = columns.series("symbol"), columns.series("t")
    assert symbol is not None
    assert series is not None
    prices = {name: columns.numbers(name) for name in ("open", "high", "low", "close")}
    volume = columns.numbers("volume")
    columns.refuse(symbol.is_null().to_numpy(), "symbol-missing")
    columns.refuse(series.is_null().to_numpy(), "time-missing")
    stack: Any = np.stack([part for part in prices.values() if part is not None])
    columns.refuse(~np.isfinite(stack).all(axis=0), "candle-nan")
    columns.refuse((stack <= 0).any(axis=0), "price-not-positive")
    columns.refuse(stack[1] < stack[2], "high-below-low")
    outside = (stack[1] < np.maximum(stack[0], stack[3])) | (stack[2] > np.minimum(stack[0], stack[3]))
    columns.refuse(outside, "open-close-outside")
    good = columns.good()
    columns.rejected(result)
    spans = columns.series("interval")
    chosen = pl.DataFrame(
        {
            "symbol": symbol,
            "interval": spans if spans is not None else [piece.interval] * frame.height,
            "t": series,
            **prices,
            "volume": volume if volume is not None else np.full(frame.height, np.nan),
        }
    ).filter(pl.Series(good))
    for (interval,), part in chosen.group_by("interval", maintain_order=True):
        names = part["symbol"].unique(maintain_order=True)
        codes = part["symbol"].replace_strict(names, range(len(names)), return_dtype=pl.Int64)
        found = CandleTable(
            source=piece.spec.source,
            interval=str(interval),
            symbols=names.to_list(),
            code=codes.to_numpy(),
            t=part["t"].to_numpy(),
            values={name: part[name].to_numpy() for name in ("open", "high", "low", "close", "volume")},
        )
        result.candles.append(found)


def _lists(columns: _Columns, table: Table, skip: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    found = {name: columns.series(name) for name in table.entries if name not in skip}
    return {name: series.to_list() for name, series in found.items() if series is not None}


def _getter(fields: dict[str, list[Any]], row: int) -> Callable[[str], Any]:
    def get(name: str) -> Any:
        column = fields.get(name)
        return None if column is None else column[row]

    return get


def _add_once(record: Any, seen: dict[Any, None], kind: str, result: Extract) -> None:
    """Keep a record unless the piece holds the same one already."""
    if record in seen:
        result.repeated[kind] = result.repeated.get(kind, 0) + 1
        return
    seen[record] = None
    result.records.append(record)


def _scaled(value: float | None, factor: int, top: int | None = None) -> int | None:
    if value is None or not np.isfinite(value) or value < 0:
        return None
    scaled = round(value * factor)
    return None if top is not None and scaled > top else scaled


def _labels(text: str | None) -> tuple[str, ...]:
    """Return labels from a JSON list or from text separated by commas."""
    if not text:
        return ()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            return ()
        return tuple(str(part) for part in found if isinstance(part, str | int))
    return tuple(part.strip() for part in text.split(",") if part.strip())
