"""Import into a private home, and look at what is there."""

import asyncio
from pathlib import Path

import polars as pl
import pytest

from edgeworth.collect.importing.pipeline import import_paths
from edgeworth.core.clock import ManualClock
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent
from edgeworth.core.units import Micros
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore


class Desk:
    """A home and a folder of files to import."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root / "home")
        self.folder = root / "files"
        self.folder.mkdir()

    def file(self, name: str, content: "str | bytes | pl.DataFrame") -> Path:
        """Write a file; a frame becomes Parquet or CSV by its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pl.DataFrame):
            content.write_parquet(path) if path.suffix == ".parquet" else content.write_csv(path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, "utf-8")
        return path

    def bring(self, *paths: Path, **options):
        """Import and check that counts add up."""
        clock = ManualClock(Micros(1_800_000_000_000_000))
        report = import_paths(list(paths) or [self.folder], self.home, progress=Silent(), clock=clock, **options)
        assert report.adds_up(), report.to_dict()
        return report

    def rows(self, table: str):
        """Return all rows of a table of the market database."""

        async def work():
            async with await MarketStore.open(self.home) as store:
                return await store.rows(table)

        return asyncio.run(work())

    def prices(self, source: str | None = None) -> pl.DataFrame:
        """Return stored price points by market and time."""
        lake = Lake(self.home.lake)
        return lake.scan_prices([source] if source else None).collect().sort("market_no", "event_time")

    def candles(self) -> pl.DataFrame:
        """Return stored candles."""
        return Lake(self.home.lake).scan_candles().collect().sort("symbol", "interval", "t")

    def market(self, kind: str, value: str) -> int | None:
        """Return the market an id belongs to."""
        found = {(row["kind"], row["value"]): row["market_no"] for row in self.rows("market_aliases")}
        return found.get((kind, value))


@pytest.fixture
def desk(tmp_path):
    """A private home and folder."""
    return Desk(tmp_path)
