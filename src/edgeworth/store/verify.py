"""Check everything stored: databases, lake, and how much of what was asked for is there."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.store.asof import price_sources
from edgeworth.store.engines import read_sqlite
from edgeworth.store.lake import Lake, Problem
from edgeworth.store.trading_ledger import broken_chains

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: `problems` (empty when sound), row counts, coverage, quarantine, price sources."""

    problems: list[Problem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    coverage: dict[str, int] = field(default_factory=dict)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing but harmless leftovers was found."""
        return all(problem.harmless for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready facts."""
        return {"sound": self.sound, **asdict(self)}


def verify(home: Home) -> Verification:
    """Check databases and lake and sum up coverage; raises DataError store-empty when there is nothing."""
    if not home.has_market_db:
        raise DataError("store-empty", f"there is no data in {home.root}")
    problems = check_databases(home)
    problems += Lake(home.lake).verify()
    if any(not problem.harmless for problem in problems):
        return Verification(problems)
    counts, quarantine = _from_database(home)
    problems += _strangers(home)
    coverage = _coverage(home)
    return Verification(problems, counts, coverage, quarantine, [asdict(source) for source in price_sources(home)])


def check_databases(home: Home) -> list[Problem]:
    """Run SQLite's own checks on the databases that lie in the home; a server checks its own pages."""
    import sqlite3

    problems = []
    for path in (home.market_db, home.ledger_db):
        if not path.is_file():
            continue
        try:
            connection = read_sqlite(path)
            try:
                words = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
                broken = connection.execute("PRAGMA foreign_key_check").fetchone()
                chains = broken_chains(connection) if path == home.ledger_db else []
            finally:
                connection.close()
        except (sqlite3.Error, DataError) as error:
            problems.append(Problem("store-corrupt", str(path), str(error)))
            continue
        if words != ["ok"]:
            problems.append(Problem("store-corrupt", str(path), "; ".join(words)))
        if broken is not None:
            problems.append(Problem("store-corrupt", str(path), f"a row of '{broken[0]}' refers to nothing"))
        problems += [Problem("journal-altered", str(path), text) for text in chains]
    return problems


def _from_database(home: Home) -> tuple[dict[str, int], list[dict[str, Any]]]:
    from edgeworth.store.frames import run_sync
    from edgeworth.store.market_db import MarketStore

    async def work() -> tuple[dict[str, int], list[dict[str, Any]]]:
        async with await MarketStore.open(home, read_only=True) as store:
            return await store.counts(), await store.quarantine_summary()

    return run_sync(work())


def _priced(home: Home) -> "pl.DataFrame":
    import polars as pl

    return Lake(home.lake).scan_prices().select(pl.col("market_no").unique()).collect()


def _strangers(home: Home) -> list[Problem]:
    """Find prices of markets the database does not know."""
    from edgeworth.store.frames import read_tables

    known = read_tables(home, {"markets": ("market_no",)})["markets"]
    count = _priced(home).join(known, on="market_no", how="anti").height
    if not count:
        return []
    message = f"prices of {count} markets that the database does not know"
    return [Problem("store-corrupt", str(home.lake / "prices"), message)]


def _coverage(home: Home) -> dict[str, int]:
    import polars as pl

    from edgeworth.core.types import ResolutionState
    from edgeworth.store.frames import read_tables

    tables = read_tables(
        home,
        {
            "markets": ("market_no", "bare"),
            "market_resolutions": ("market_no", "state", "resolved_at"),
            "coverage": ("status",),
        },
    )
    rows = tables["market_resolutions"]
    final = rows.filter(pl.col("state") == str(ResolutionState.FINAL)).select("market_no", "resolved_at")
    dated = final.filter(pl.col("resolved_at").is_not_null()).select("market_no").unique()
    resolved = final.select("market_no").unique()
    priced = _priced(home)
    with_prices = resolved.join(priced, on="market_no", how="semi").height
    stated = {f"status_{row[0]}": row[1] for row in tables["coverage"].group_by("status").len().sort("status").rows()}
    return {
        "markets": tables["markets"].height,
        "without_metadata": int(tables["markets"]["bare"].sum()),
        "with_prices": priced.height,
        "resolved": resolved.height,
        "resolved_with_prices": with_prices,
        "resolved_without_prices": resolved.height - with_prices,
        "resolved_without_date": resolved.height - dated.height,
        **stated,
    }
