"""Try quarantined rows again, after a fix: parse the kept payload anew and say of every row what became of it.

    stored      it parses now, and the store took it
    duplicate   it parses now, and what it says was there already
    refused     it is refused again, for the same reason or another one
    incomplete  only a sample of the payload was kept, or its market is not named in it: import its source again
    no-parser   nothing here reads this kind of row

Rows that were stored or found stored leave the quarantine; the others stay. Done twice, it changes nothing more.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from edgeworth.core.paths import Home
from edgeworth.core.records import (
    CandleBlock,
    EventRecord,
    MarketRecord,
    Record,
    Rejected,
    ResolutionRecord,
    SnapshotRecord,
)
from edgeworth.store.counts import WriteCounts
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore
from edgeworth.store.quarantine import Selection, quarantined, release

KINDS: Final[dict[str, Any]] = {
    "market": MarketRecord,
    "event": EventRecord,
    "resolution": ResolutionRecord,
    "snapshot": SnapshotRecord,
}
_GONE: Final = frozenset({"stored", "duplicate"})


class _Candles(msgspec.Struct):
    symbol: str
    interval: str
    rows: list[list[Any]]


@dataclass(slots=True)
class RequeueReport:
    """What became of each row: `fates` counts (kind, reason, fate); `rows` lists them one by one."""

    fates: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, row: dict[str, Any], fate: str, note: str = "") -> None:
        """Note the fate of one row."""
        self.fates[row["kind"], row["reason"], fate] += 1
        names = ("source", "kind", "reason", "place")
        self.rows.append({**{name: row[name] for name in names}, "fate": fate, "note": note})

    def summary(self) -> list[dict[str, Any]]:
        """Return the counts, largest first."""
        ordered = sorted(self.fates.items(), key=lambda item: (-item[1], item[0]))
        return [{"kind": k, "reason": r, "fate": f, "rows": n} for (k, r, f), n in ordered]


async def requeue(store: MarketStore, home: Home, chosen: Selection) -> RequeueReport:
    """Parse the chosen quarantined rows again and store what is good now."""
    report = RequeueReport()
    lake = Lake(home.lake)
    for row in await store.run(lambda connection: quarantined(connection, chosen)):
        fate, note = await _try(store, lake, row)
        if fate in _GONE:
            await store.change(lambda connection, key=row["key"]: release(connection, key))  # type: ignore[misc]
        report.add(row, fate, note)
    return report


async def _try(store: MarketStore, lake: Lake, row: dict[str, Any]) -> tuple[str, str]:
    records = parse(row)
    if isinstance(records, str):
        return records, ""
    good = [record for record in records if _kind_of(record) == row["kind"]]
    if not good:
        reasons = sorted({record.reason for record in records if isinstance(record, Rejected)})
        return "refused", ", ".join(reasons)
    candles = [record for record in records if isinstance(record, CandleBlock)]
    if candles:
        stored = sum(_add_candles(lake, block, row["key"]) for block in candles)
        return ("stored" if stored else "duplicate"), ""
    offered = [record for record in records if not isinstance(record, Rejected)]
    return _judge(await store.write(offered), row["kind"])


def parse(row: dict[str, Any]) -> Sequence[Record] | str:
    """Return what a quarantined row's payload says by today's parsers, or the fate of a row without a parser."""
    kind, raw = row["kind"], row["raw"].encode("utf-8", "surrogatepass")
    parser = _PARSERS.get(kind)
    if parser is None:
        return "incomplete" if kind in {"price", "file", "page"} else "no-parser"
    if kind in KINDS:
        try:  # the store itself set aside a record that had been parsed
            return [msgspec.json.decode(raw, type=KINDS[kind])]
        except (msgspec.MsgspecError, UnicodeError):
            pass
    return parser(row, raw)


def _gamma(row: dict[str, Any], raw: bytes) -> Sequence[Record] | str:
    from edgeworth.core.units import Micros
    from edgeworth.venues.polymarket import data_wire
    from edgeworth.venues.polymarket.parse import Origin, parse_gamma

    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "incomplete"  # cut when it was kept, or never whole
    if row["source"] == data_wire.SOURCE and row["kind"] == "resolution":
        reading = data_wire.Reading(Micros(row["recorded_at"]), backfill=True)
        said = data_wire.kept(data_wire.resolution, raw, reading, "resolution", row["place"])
        return [] if said is None else [said]
    return parse_gamma(raw, Origin(row["source"], row["place"]))


def _candles(row: dict[str, Any], raw: bytes) -> Sequence[Record] | str:
    from edgeworth.venues.binance.klines import Archive, iter_klines_json

    try:
        kept = msgspec.json.decode(raw, type=_Candles)
    except (msgspec.MsgspecError, UnicodeError):
        return "incomplete"
    if len(kept.rows) < row["rows"]:
        return "incomplete"
    archive = Archive(kept.symbol, kept.interval)
    text = msgspec.json.encode(kept.rows)
    return list(iter_klines_json([text], archive, source=row["source"], where=row["place"]))


_PARSERS: Final[dict[str, Callable[[dict[str, Any], bytes], Sequence[Record] | str]]] = {
    **dict.fromkeys(KINDS, _gamma),
    "candle": _candles,
}


def _kind_of(record: Record) -> str:
    if isinstance(record, CandleBlock):
        return "candle"
    return next((name for name, kind in KINDS.items() if isinstance(record, kind)), "")


def _add_candles(lake: Lake, block: CandleBlock, key: str) -> int:
    import polars as pl

    names = ("t", "open", "high", "low", "close", "volume")
    frame = pl.DataFrame({name: getattr(block, name) for name in names})
    digest = hashlib.blake2b(frame.write_csv().encode(), digest_size=8).hexdigest()
    info = lake.append_candles(block.source, block.symbol, block.interval, frame, key=f"requeue:{key}:{digest}")
    return info.stored


def _judge(counts: WriteCounts, kind: str) -> tuple[str, str]:
    if counts.quarantined.get(kind, 0):
        return "refused", ", ".join(sorted(counts.reasons))
    return ("stored" if counts.stored.get(kind, 0) else "duplicate"), ""
