"""`edgeworth data`: import, list, show, query, verify and export what the world said."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeworth.cli.data_collect import COMMANDS as COLLECTING
from edgeworth.cli.data_fetch import COMMANDS as FETCHING
from edgeworth.cli.options import Group, examples
from edgeworth.cli.output import advise, cell, configuration, console, emit, frame_rows, print_frame, wants_json
from edgeworth.cli.progress import for_context
from edgeworth.core.errors import GateError, UsageError

if TYPE_CHECKING:
    from edgeworth.collect.importing.report import ImportReport

# what every version repeats of the market printed above it; `--json` has it all
_SAID_ABOVE = ("version_no", "market_no", "slug", "question", "event_title", "created_at", "tags", "publisher_category")
EXPORTS = ("markets", "prices", "resolutions", "candles", "market_versions", "snapshots", "quarantine", "coverage")
FORMATS = ("csv", "json", "ndjson", "parquet")


@click.group("data", cls=Group, help="Import, list, query, verify and export markets and prices.")
def command() -> None:
    """Group the sub-commands."""


for _sub in (*COLLECTING, *FETCHING):
    command.add_command(_sub)


@examples("edgeworth data import markets.json prices/", "edgeworth data import my.csv --mapping my.toml")
@command.command("import")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--mapping", type=click.Path(path_type=Path), help="TOML that says which column is which field.")
@click.option(
    "--recorded", type=click.Path(path_type=Path), metavar="DIR", help="Import everything in a folder of recordings."
)
@click.option("--force", is_flag=True, help="Read files again that were imported before.")
@click.pass_context
def import_(
    ctx: click.Context, paths: tuple[Path, ...], mapping: Path | None, recorded: Path | None, force: bool
) -> None:
    """Import files or folders; the shape is detected, every row is stored, a duplicate, or in quarantine.

    Interrupted? The same command continues.
    """
    from edgeworth.app import datasets

    if not paths and not recorded:
        raise UsageError("bad-option", "name a path to import", "edgeworth data import PATH...")
    chosen = [*paths, *([recorded] if recorded else [])]
    report = datasets.import_files(configuration(ctx, reading=False), chosen, mapping, for_context(ctx), force=force)
    failure = datasets.failure_of(report)
    if recorded:
        failure = None  # a folder of recordings holds things that must be refused; the report lists them
    if failure is None and wants_json(ctx):
        emit(ctx, "import", report.to_dict(), next_commands=["edgeworth data ls", "edgeworth backtest all"])
    elif not wants_json(ctx):
        _print_import(ctx, report)
    if failure is not None:
        raise failure
    if not wants_json(ctx):
        advise(ctx, "edgeworth data ls", "edgeworth backtest all")


def _print_import(ctx: click.Context, report: "ImportReport") -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("file", "shape", "read", "stored", "duplicates", "quarantined", "note"):
        table.add_column(name, justify="right" if name in {"read", "stored", "duplicates", "quarantined"} else "left",
                         overflow="fold")  # fmt: skip
    for file in report.files:
        clash = f"{file.conflicts:,} differ from what is stored (the stored ones stand)" if file.conflicts else ""
        note = (
            file.refused
            or file.skipped
            or clash
            or ", ".join(f"{code} {rows:,}" for code, rows in file.reasons.items())
        )
        numbers = (file.read, file.stored, file.duplicates, file.quarantined)
        sums = (f"{sum(part.values()):,}" for part in numbers)
        table.add_row(str(file.path), file.shape, *sums, note)
    out = console(ctx)
    out.print(table)
    totals = report.totals
    for kind in totals.read:
        out.print(
            f"{kind:<11} read {totals.read[kind]:,} = stored {totals.stored.get(kind, 0):,} + duplicates "
            f"{totals.duplicates.get(kind, 0):,} + quarantined {totals.quarantined.get(kind, 0):,}",
            markup=False,
        )


@examples(
    "edgeworth data ls",
    "edgeworth data ls --search bitcoin --resolved --limit 5",
    "edgeworth data ls --group-by category",
    "edgeworth data ls --sources",
)
@command.command("ls")
@click.option("--search", default="", metavar="WORDS", help="Words of the question or slug.")
@click.option("--category", default="", help="Category or its first level, such as crypto or crypto/btc-price.")
@click.option("--active", "state", flag_value="active", help="Only markets without a resolution.")
@click.option("--resolved", "state", flag_value="resolved", help="Only resolved markets.")
@click.option("--source", default="", help="Only markets with prices of this source.")
@click.option("--sort", default="market_no", show_default=True, help="Column to sort by; a leading minus reverses.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Rows; 0 = all.")
@click.option("--group-by", type=click.Choice(["category"]), help="Count instead of list.")
@click.option("--sources", is_flag=True, help="List the price sources.")
@click.option("--quarantine", is_flag=True, help="List rows that were set aside.")
@click.pass_context
def ls(
    ctx: click.Context, search: str, category: str, state: str | None, source: str, sort: str, limit: int,
    group_by: str | None, sources: bool, quarantine: bool,
) -> None:  # fmt: skip
    """List markets, sources or quarantined rows."""
    import polars as pl

    from edgeworth.app import datasets

    config = configuration(ctx)
    if sources:
        frame = pl.DataFrame(datasets.sources(config))
    elif quarantine:
        frame = datasets.quarantine(config, limit or 1_000_000)
    else:
        listing = datasets.Listing(search, category, state, source, sort, limit)
        frame = datasets.group_by_category(config, listing) if group_by else datasets.markets(config, listing)
    if wants_json(ctx):
        emit(ctx, "list", frame_rows(frame))
        return
    if "question" in frame.columns:
        wanted = ("market_no", "slug", "question", "category", "points", "payout_e4", "resolved_at", "scheduled_end")
        frame = frame.select([name for name in wanted if name in frame.columns])
        frame = frame.with_columns(pl.col("question").str.slice(0, 60), pl.col("slug").str.slice(0, 40))
    print_frame(ctx, frame)
    advise(ctx, "edgeworth data show SLUG", 'edgeworth data sql "select …"')


@examples("edgeworth data show '#1'", "edgeworth data show '#1' --json")
@command.command("show")
@click.argument("market")
@click.pass_context
def show(ctx: click.Context, market: str) -> None:
    """Show everything known about one MARKET: a slug, an id or its beginning, a URL, or words."""
    from edgeworth.app import datasets

    found = datasets.show(configuration(ctx), market)
    if wants_json(ctx):
        emit(ctx, "market", found)
        return
    out = console(ctx)
    out.print(f"[bold]{_escape(found['market']['question'] or found['market']['market_id'])}[/bold]")
    out.print(f"category    {found['category']}", markup=False)
    for key, value in found["market"].items():
        if value not in (None, "", []) and key != "question":
            out.print(f"{key:<11} {cell(value)}", markup=False)
    for name in ("ids", "versions", "resolutions", "prices"):
        _section(ctx, name, found[name])
    seen = found["snapshots"]
    if seen["count"]:
        out.print(f"\n{seen['count']:,} snapshots from {seen['first_slot']} to {seen['last_slot']}", markup=False)
        _section(ctx, "newest snapshots", seen["newest"])


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _section(ctx: click.Context, name: str, rows: list[dict[str, Any]]) -> None:
    import polars as pl

    if not rows:
        return
    frame = pl.DataFrame(rows, infer_schema_length=None)
    hidden = _SAID_ABOVE if name == "versions" else ()
    kept = [column for column in frame.columns if frame[column].null_count() < frame.height and column not in hidden]
    print_frame(ctx, frame.select(kept), title=f"\n{name}")


@examples(
    'edgeworth data sql "select count(*) as n from markets"',
    'edgeworth data sql "select source, count(*) as n from prices group by source" --json',
)
@command.command("sql")
@click.argument("query")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="Rows printed.")
@click.pass_context
def sql(ctx: click.Context, query: str, limit: int) -> None:
    """Run a read-only QUERY over markets, events, resolutions, prices, candles, quarantine and coverage."""
    from edgeworth.app import datasets

    frame = datasets.query(configuration(ctx), query)
    if wants_json(ctx):
        cut = [{"code": "rows-cut", "message": f"{limit} of {frame.height} rows"}] if frame.height > limit else []
        emit(ctx, "sql", frame_rows(frame.head(limit)), warnings=cut, meta={"rows": frame.height})
        return
    print_frame(ctx, frame.head(limit))
    if frame.height > limit:
        click.echo(f"{frame.height - limit:,} more rows: raise --limit, or export", err=True)


@examples(
    "edgeworth data export markets --output markets.csv",
    "edgeworth data export prices --format parquet",
    "edgeworth data export snapshots --format ndjson",
    "edgeworth data export --ml --min-quality 0.7 --output training.parquet",
)
@command.command("export")
@click.argument("what", type=click.Choice(EXPORTS), required=False)
@click.option("--ml", is_flag=True, help="The tracker's labelled training table: 12 features, quality, outcome.")
@click.option("--output", type=click.Path(path_type=Path), help="File to write; WHAT.FORMAT by default.")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="By the file's suffix, else csv.")
@click.option("--market", "markets", multiple=True, help="Only this market: slug, id, URL or words. Repeatable.")
@click.option("--from", "start", metavar="DATE", help="Snapshots from this instant on.")
@click.option("--to", "end", metavar="DATE", help="Snapshots up to this day, month or instant.")
@click.option("--as-of", metavar="DATE", help="Only what was known by then; later outcomes are hidden.")
@click.option("--min-quality", type=click.FloatRange(0, 1), default=0.0, help="Leave out poorer snapshots.")
@click.option("--include-unresolved", is_flag=True, help="With --ml: keep rows without an outcome.")
@click.option("--force", is_flag=True, help="Overwrite.")
@click.pass_context
def export(
    ctx: click.Context, what: str | None, ml: bool, output: Path | None, kind: str | None, markets: tuple[str, ...],
    start: str | None, end: str | None, as_of: str | None, min_quality: float, include_unresolved: bool, force: bool,
) -> None:  # fmt: skip
    """Write a table, or the tracker's training table, to CSV, JSON, NDJSON or Parquet."""
    from edgeworth.app import datasets, tracker

    if ml == bool(what):
        raise UsageError("bad-option", "name one table, or --ml", "edgeworth data export markets")
    config = configuration(ctx)
    numbers = tracker.market_numbers(config, markets)
    if ml or what == "snapshots":
        path = output or Path(f"{what or 'ml'}.{kind or 'csv'}")
        bounds = tracker.bounds(start, end, as_of)
        choice = tracker.Choice(numbers, *bounds, min_quality, include_unresolved)
        rows = tracker.export(config, choice, path, kind, ml=ml, force=force)
    else:
        if start or end or as_of or min_quality or include_unresolved:
            raise UsageError("bad-option", f"--from, --to, --as-of and --min-quality do not apply to '{what}'")
        path, rows = datasets.export(config, str(what), output, kind, force=force, market_nos=numbers)
    if wants_json(ctx):
        emit(ctx, "export", {"file": path, "rows": rows})
    else:
        click.echo(f"{rows:,} rows in {path}")


@examples("edgeworth data verify", "edgeworth data verify --json")
@command.command("verify")
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Check every file against its checksum and say how much of what was asked for is there; exit 8 on damage."""
    from edgeworth.app import datasets

    found = datasets.verify(configuration(ctx))
    if not found.sound:
        bad = [f"{problem.place}: {problem.message}" for problem in found.problems if not problem.harmless]
        raise GateError("check-failed", f"{len(bad)} problems: {'; '.join(bad[:3])}", problems=bad)
    if wants_json(ctx):
        emit(ctx, "verify", found.to_dict())
        return
    out = console(ctx)
    out.print("[green]  ok[/green]  databases and lake match their checksums")
    for title, facts in (("rows", found.counts), ("coverage", found.coverage)):
        out.print(f"\n[bold]{title}[/bold]")
        for key, value in facts.items():
            out.print(f"{key.replace('_', ' '):<28} {value:>14,}", markup=False)
    for name, rows in (("price sources", found.sources), ("quarantine", found.quarantine)):
        _section(ctx, name, rows)
