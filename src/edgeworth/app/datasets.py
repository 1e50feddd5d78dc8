"""Wire the data verbs: import, list, show, query, verify, export."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeworth.app.homes import need_data
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import Config
from edgeworth.core.errors import DataError, EdgeworthError, LeakError, PartialError, UsageError
from edgeworth.core.progress import Progress

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.collect.importing.report import FileReport, ImportReport
    from edgeworth.store.verify import Verification

_LEAKS = frozenset({"look-ahead", "price-label"})
_USAGE = frozenset({"mapping-bad-column", "mapping-bad-field", "mapping-bad-unit", "mapping-unreadable"})


@dataclass(frozen=True, slots=True)
class Listing:
    """Which markets to list."""

    search: str = ""
    category: str = ""
    state: str | None = None
    source: str = ""
    sort: str = "market_no"
    limit: int = 20


def import_files(
    config: Config, paths: Sequence[Path], mapping: Path | None, progress: Progress, *, force: bool = False
) -> "ImportReport":
    """Import files and folders; raises DataError `file-not-found` before anything is read."""
    from edgeworth.collect.importing.pipeline import import_paths

    for path in (*paths, *([mapping] if mapping else [])):
        if not path.exists():
            raise DataError("file-not-found", f"{path} does not exist")
    return import_paths(paths, config.home, mapping=mapping, progress=progress, clock=SystemClock(), force=force)


def failure_of(report: "ImportReport") -> EdgeworthError | None:
    """Return the error an import ends in: a single refused file's own, `import-partial` for several, else None."""
    refused = report.refused
    if not refused:
        return None
    if len(report.files) == 1:
        return _own_error(refused[0])
    names = ", ".join(f"{file.path} ({file.refused})" for file in refused[:5])
    more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
    message = f"{len(refused)} of {len(report.files)} files were refused: {names}{more}"
    return PartialError("import-partial", message, report=report.to_dict())


def _own_error(file: "FileReport") -> EdgeworthError:
    code = str(file.refused)
    kind = LeakError if code in _LEAKS else UsageError if code in _USAGE else DataError
    message = file.message if file.path in file.message else f"{file.path}: {file.message}"
    return kind(code, message, file.hint, report=file.to_dict())


def markets(config: Config, listing: Listing) -> "pl.DataFrame":
    """Return the markets that pass, with their taxonomy category."""
    from edgeworth.features.taxonomy import classify_frame
    from edgeworth.store.lookup import MarketFilter, list_markets

    need_data(config.home)
    wanted = MarketFilter(
        search=listing.search, category=listing.category, classify=classify_frame, state=listing.state,
        source=listing.source,
    )  # fmt: skip
    return list_markets(config.home, wanted, sort=listing.sort, limit=listing.limit or None)


def group_by_category(config: Config, listing: Listing) -> "pl.DataFrame":
    """Return the number of markets, of resolved ones and of points per category, largest first."""
    import polars as pl

    everything = Listing(listing.search, listing.category, listing.state, listing.source, listing.sort, 0)
    frame = markets(config, everything)
    return (
        frame.group_by("category")
        .agg(
            pl.len().alias("markets"),
            pl.col("payout_e4").is_not_null().sum().alias("resolved"),
            (pl.col("points") > 0).sum().alias("with_prices"),
            pl.col("points").sum(),
        )
        .sort("markets", "category", descending=[True, False])
    )


def sources(config: Config) -> list[dict[str, Any]]:
    """Return the price sources, the default one first."""
    from dataclasses import asdict

    from edgeworth.store.asof import price_sources

    need_data(config.home)
    return [asdict(source) for source in price_sources(config.home)]


def quarantine(config: Config, limit: int) -> "pl.DataFrame":
    """Return quarantined rows, newest last, their payload cut to what a screen holds."""
    import polars as pl

    from edgeworth.store.relations import relations

    need_data(config.home)
    frame = relations(config.home, ["quarantine"])["quarantine"]
    wanted = [name for name in ("source", "kind", "reason", "rows", "place", "raw") if name in frame.collect_schema()]
    return frame.select(wanted).with_columns(pl.col("raw").str.slice(0, 120)).head(limit).collect()


def show(config: Config, text: str) -> dict[str, Any]:
    """Return everything known about one market, named by slug, id prefix, URL or words."""
    from edgeworth.app.collecting import observations
    from edgeworth.features.taxonomy import classify
    from edgeworth.store.lookup import find_market, show_market

    need_data(config.home)
    found = show_market(config.home, find_market(config.home, text))
    market = found["market"]
    category = classify(market["question"], market.get("event_title") or "", tuple(market["tags"]))
    return {**found, "category": category.label, "snapshots": observations(config, market["market_no"])}


def query(config: Config, text: str) -> "pl.DataFrame":
    """Run one SELECT over markets and lake; raises UsageError `bad-query`."""
    from edgeworth.store.query import sql

    need_data(config.home)
    return sql(config.home, text)


def verify(config: Config) -> "Verification":
    """Check databases, lake and coverage."""
    from edgeworth.store.verify import verify as check

    need_data(config.home)
    return check(config.home)


def export(
    config: Config, what: str, path: Path | None, kind: str | None, *, force: bool, market_nos: list[int] | None = None
) -> tuple[Path, int]:
    """Write one table to a file and return (path, rows); the default name is WHAT.FORMAT in the current folder."""
    from edgeworth.store.export import export_frame, write_frame

    need_data(config.home)
    target = path or Path(f"{what}.{kind or 'csv'}")
    return target, write_frame(export_frame(config.home, what, market_nos), target, kind, force=force)
