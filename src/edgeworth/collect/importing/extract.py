"""What readers hand to the sink: records, and price points and candles as columns, with the rows they stand for."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import Floats, Int32s, Int64s
from edgeworth.core.records import CandleBlock, Ids, PriceBlock, Record, Rejected

ASSET = "asset"  # id kind of a token whose leg is not known


@dataclass(slots=True)
class PriceTable:
    """Price points of many markets: point i belongs to `ids[code[i]]`; `t` microseconds, `price_e4` 0..10000.

    `known_at` None means t + `lag_us`.
    """

    source: str
    venue: str
    ids: list[Ids]
    code: Int64s
    t: Int64s
    price_e4: Int32s
    known_at: Int64s | None = None
    lag_us: int = 0


@dataclass(slots=True)
class CandleTable:
    """Candles of many symbols: row i belongs to `symbols[code[i]]`; `t` open time in microseconds."""

    source: str
    interval: str
    symbols: list[str]
    code: Int64s
    t: Int64s
    values: dict[str, Floats]  # open, high, low, close, volume


@dataclass(slots=True)
class Extract:
    """A piece of a file. `units` counts what the reader consumed (table rows or records), for resuming.

    `repeated` counts rows per kind that repeat an earlier row of the same piece; `price_unit` is the unit a mapping
    states for prices.
    """

    records: list[Record] = field(default_factory=list)
    prices: list[PriceTable] = field(default_factory=list)
    candles: list[CandleTable] = field(default_factory=list)
    repeated: dict[str, int] = field(default_factory=dict)
    units: int = 0
    rows: int = 0
    price_unit: str = ""

    def points(self) -> int:
        """Return the number of price points."""
        return sum(len(table.t) for table in self.prices)

    def bars(self) -> int:
        """Return the number of candles."""
        return sum(len(table.t) for table in self.candles)


def from_records(records: list[Record], venue: str) -> Extract:
    """Split parsed records into those for the database and columns for the lake."""
    blocks = [record for record in records if isinstance(record, PriceBlock)]
    bars = [record for record in records if isinstance(record, CandleBlock)]
    others: list[Record] = [record for record in records if not isinstance(record, PriceBlock | CandleBlock)]
    return Extract(others, _price_tables(blocks, venue), _candle_tables(bars), units=len(records))


def _price_tables(blocks: list[PriceBlock], venue: str) -> list[PriceTable]:
    grouped: dict[tuple[str, bool], list[PriceBlock]] = {}
    for block in blocks:
        if len(block.t):
            grouped.setdefault((block.source, block.known_at is None), []).append(block)
    result = []
    for (source, plain), members in grouped.items():
        known = None if plain else np.concatenate([block.known_at for block in members if block.known_at is not None])
        table = PriceTable(
            source=source,
            venue=venue,
            ids=[block.ids for block in members],
            code=_codes([len(block.t) for block in members]),
            t=np.concatenate([block.t for block in members]),
            price_e4=np.concatenate([block.price_e4 for block in members]).astype(np.int32, copy=False),
            known_at=known,
        )
        result.append(table)
    return result


def _candle_tables(blocks: list[CandleBlock]) -> list[CandleTable]:
    grouped: dict[tuple[str, str], list[CandleBlock]] = {}
    for block in blocks:
        if len(block.t):
            grouped.setdefault((block.source, block.interval), []).append(block)
    return [
        CandleTable(
            source=source,
            interval=interval,
            symbols=[block.symbol for block in members],
            code=_codes([len(block.t) for block in members]),
            t=np.concatenate([block.t for block in members]),
            values={
                name: np.concatenate([getattr(block, name) for block in members])
                for name in ("open", "high", "low", "close", "volume")
            },
        )
        for (source, interval), members in grouped.items()
    ]


def _codes(sizes: list[int]) -> "npt.NDArray[np.int64]":
    return np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)


def rejected_rows(records: list[Record], kind: str, reasons: frozenset[str]) -> int:
    """Return how many rows of a kind were set aside for one of the reasons."""
    return sum(r.rows for r in records if isinstance(r, Rejected) and r.kind == kind and r.reason in reasons)
