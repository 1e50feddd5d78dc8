"""Recorded order books in the lake, and the times they cannot be trusted: the datasets `books` and `gaps`.

A row of `books` is a whole book in terms of the YES leg as it stood at `event_time` (the venue's stamp), captured at
`known_at`; best levels first. It stands until the next row of its market or the next gap. A row of `gaps` says from
when to when the book was in doubt and why; `proven_at` is when it was last known to be the venue's.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from edgeworth.store.durable import locked
from edgeworth.store.lake import Lake, PartInfo
from edgeworth.store.manifest import Part

if TYPE_CHECKING:
    import polars as pl

BOOKS: Final = "books"
GAPS: Final = "gaps"


def books_schema() -> dict[str, Any]:
    """Return the columns of a recorded book with their polars types."""
    import polars as pl

    levels: dict[str, Any] = {f"{side}_e4": pl.List(pl.Int32) for side in ("bids", "asks")}
    levels |= {f"{side}_e6": pl.List(pl.Int64) for side in ("bids", "asks")}
    return {
        "market_no": pl.Int32, "event_time": pl.Int64, "known_at": pl.Int64, "tick_e4": pl.Int32, **levels,
    }  # fmt: skip


def gaps_schema() -> dict[str, Any]:
    """Return the columns of a gap with their polars types; `until` is null where it was still open."""
    import polars as pl

    return {
        "market_no": pl.Int32, "since": pl.Int64, "until": pl.Int64, "proven_at": pl.Int64, "cause": pl.String,
    }  # fmt: skip


class BookLake(Lake):
    """Append and scan recorded books and their gaps."""

    def append_books(self, source: str, frame: "pl.DataFrame", *, key: str) -> PartInfo:
        """Store books (columns of `books_schema()`) as one immutable part; the same key again is a no-op."""
        rows = frame.select(list(books_schema()))
        return self._append_rows(BOOKS, source, rows, key, ("market_no", "known_at"))

    def append_gaps(self, source: str, frame: "pl.DataFrame", *, key: str) -> PartInfo:
        """Store gaps (columns of `gaps_schema()`) as one immutable part; the same key again is a no-op."""
        return self._append_rows(GAPS, source, frame.select(list(gaps_schema())), key, ("market_no", "since"))

    def scan_books(self, market_nos: Sequence[int] | None = None) -> "pl.LazyFrame":
        """Return recorded books lazily, part after part."""
        return self._scan(BOOKS, books_schema(), market_nos)

    def scan_gaps(self, market_nos: Sequence[int] | None = None) -> "pl.LazyFrame":
        """Return gaps lazily, part after part."""
        return self._scan(GAPS, gaps_schema(), market_nos)

    def _append_rows(
        self, dataset: str, source: str, frame: "pl.DataFrame", key: str, order: tuple[str, str]
    ) -> PartInfo:
        if frame.is_empty():
            return PartInfo("", 0, 0)
        rows = frame.sort(order, maintain_order=True)
        name = f"{hashlib.blake2b(f'{source}{chr(0)}{key}'.encode(), digest_size=12).hexdigest()}.parquet"
        with locked(self.root / ".lock"):
            manifest = self._begin(dataset)
            if any(part.name == name for part in manifest.parts):
                return PartInfo(name, 0, frame.height)
            t, numbers = rows[order[1]].to_numpy(), rows["market_no"].to_numpy()
            part = Part(
                name=name, key=key, source=source, rows=rows.height, bytes=0, sha256="", t_min=int(t.min()),
                t_max=int(t.max()), unit_us=1, base_us=0, market_min=int(numbers.min()), market_max=int(numbers.max()),
            )  # fmt: skip
            self._commit(manifest, part, rows)
        return PartInfo(name, rows.height, 0)

    def _scan(self, dataset: str, schema: dict[str, Any], market_nos: Sequence[int] | None) -> "pl.LazyFrame":
        import polars as pl

        frames = [pl.DataFrame(schema=schema).lazy()]
        frames += [
            pl.scan_parquet(self._verified(dataset, part)).select(list(schema)) for part in self._parts(dataset, None)
        ]
        whole = pl.concat(frames)
        return whole if market_nos is None else whole.filter(pl.col("market_no").is_in(list(market_nos)))
