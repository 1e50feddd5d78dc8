"""Public trades in the lake: the dataset `trades`, in terms of the YES leg, each trade once.

A trade has no number of its own at the venue; `trade` is a digest of what tells it from all others. `side` is what the
taker did in terms of YES: 1 bought it (or sold NO), -1 sold it (or bought NO). `known_at` is when we could have known:
of trades fetched later their own instant plus the stated lag of the source, of trades seen live when they were seen.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from edgeworth.store.durable import locked
from edgeworth.store.lake import Lake, PartInfo
from edgeworth.store.manifest import Part

if TYPE_CHECKING:
    import polars as pl

DATASET: Final = "trades"
KEY: Final = ("market_no", "trade")
_ORDER: Final = ("market_no", "event_time", "trade")


def schema() -> dict[str, Any]:
    """Return the columns of a trade with their polars types."""
    import polars as pl

    return {
        "market_no": pl.Int32, "event_time": pl.Int64, "known_at": pl.Int64, "price_e4": pl.Int32, "size_e6": pl.Int64,
        "side": pl.Int8, "wallet": pl.String, "trade": pl.String,
    }  # fmt: skip


class TradeLake(Lake):
    """Append and scan trades."""

    def append(self, source: str, frame: "pl.DataFrame", *, key: str) -> PartInfo:
        """Store trades as one immutable part; those of a (market_no, trade) already there are duplicates.

        `frame` has the columns of `schema()`. The same key again is a no-op. Raises AccessError.
        """
        import polars as pl

        if frame.is_empty():
            return PartInfo("", 0, 0)
        rows = frame.select(list(schema())).unique(KEY, keep="first", maintain_order=True).sort(_ORDER)
        with locked(self.root / ".lock"):
            manifest = self._begin(DATASET)
            name = _part_name(source, key)
            if any(part.name == name for part in manifest.parts):
                return PartInfo(name, 0, frame.height)
            markets = rows["market_no"].unique().to_list()
            for part in manifest.parts:
                if part.source == source and part.market_max >= min(markets) and part.market_min <= max(markets):
                    old = self._scan(part).filter(pl.col("market_no").is_in(markets)).select(KEY).collect()
                    rows = rows.join(old, on=KEY, how="anti", maintain_order="left")
            if rows.is_empty():
                return PartInfo("", 0, frame.height)
            t, numbers = rows["event_time"].to_numpy(), rows["market_no"].to_numpy()
            part = Part(
                name=name, key=key, source=source, rows=rows.height, bytes=0, sha256="", t_min=int(t.min()),
                t_max=int(t.max()), unit_us=1, base_us=0, market_min=int(numbers.min()), market_max=int(numbers.max()),
            )  # fmt: skip
            self._commit(manifest, part, rows)
        return PartInfo(name, rows.height, frame.height - rows.height)

    def scan(
        self,
        sources: Sequence[str] | None = None,
        market_nos: Sequence[int] | None = None,
        *,
        with_source: bool = False,
    ) -> "pl.LazyFrame":
        """Return trades lazily, part after part; `with_source` adds the column `source`."""
        import polars as pl

        empty = pl.DataFrame(schema=schema()).lazy()
        frames = [empty.with_columns(pl.lit("").alias("source")) if with_source else empty]
        for part in self._parts(DATASET, sources):
            frame = self._scan(part)
            frames.append(frame.with_columns(pl.lit(part.source).alias("source")) if with_source else frame)
        whole = pl.concat(frames)
        return whole if market_nos is None else whole.filter(pl.col("market_no").is_in(list(market_nos)))

    def _scan(self, part: Part) -> "pl.LazyFrame":
        import polars as pl

        return pl.scan_parquet(self._verified(DATASET, part)).select(list(schema()))


def _part_name(source: str, key: str) -> str:
    import hashlib

    return f"{hashlib.blake2b(f'{source}{chr(0)}{key}'.encode(), digest_size=12).hexdigest()}.parquet"
