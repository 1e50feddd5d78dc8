"""`edgeworth data fetch`, `seal`, `backup` and `requeue`: bring history home, and keep house."""

from pathlib import Path
from typing import Any

import click

from edgeworth.cli.data_collect import VENUES
from edgeworth.cli.options import Command, examples
from edgeworth.cli.output import advise, cell, configuration, console, emit, wants_json
from edgeworth.cli.progress import for_context
from edgeworth.core.errors import UsageError

_INTERVALS = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
_RANGES = ("range", "asked", "yes", "no", "other", "usable", "events", "provable edge")
_SERIES = ("pair", "every", "candles", "new", "from", "to", "holes", "files", "note")


@examples(
    "edgeworth data fetch --resolved --since 2020-01",
    "edgeworth data fetch --resolved --since 2026-Q1 --category sports --min-volume 10000 --no-trades",
    "edgeworth data fetch --candles --symbols BTCUSDT,ETHUSDT --every 15m,1h --since 3y",
    "edgeworth data fetch --gaps --since 7d",
)
@click.command("fetch", cls=Command)
@click.option("--resolved", is_flag=True, help="Resolved markets: listing, outcomes, price histories, trades.")
@click.option("--candles", is_flag=True, help="Spot candles of years, from published files.")
@click.option("--gaps", is_flag=True, help="Slots the collector missed, from what the venue still has.")
@click.option("--since", metavar="DATE", help="2020-01, 2026-Q1, 30d, 3y [2020-01 resolved, 3y candles, 7d gaps].")
@click.option("--until", metavar="DATE", help="Now by default.")
@click.option("--market-ids", multiple=True, metavar="IDS", help="Resolved: just these; ids or slugs, commas allowed.")
@click.option("--category", default="", help="Resolved: only this category, such as crypto or crypto/btc-price.")
@click.option("--min-volume", type=click.IntRange(min=0), default=0, help="Resolved: least dollars traded.")
@click.option("--no-fine", is_flag=True, help="Resolved: only three-hour prices, not the finer ones of late markets.")
@click.option("--no-trades", is_flag=True, help="Resolved: no trades.")
@click.option("--refresh", is_flag=True, help="Resolved: list again what was listed before.")
@click.option("--symbols", multiple=True, metavar="PAIRS", help="Candles: pairs or coins, commas allowed [30 coins].")
@click.option("--every", default="15m,1h", show_default=True, help="Candles: intervals; 1h is derived from 15m.")
@click.option("--no-check", is_flag=True, help="Candles: do not compare derived hours with the exchange's own.")
@click.option("--recheck", is_flag=True, help="Candles: look for files that were revised since, and fetch nothing.")
@click.option("--lineage", is_flag=True, help="Candles: list renamed and dead coins, and fetch nothing.")
@click.option("--venue", type=VENUES, help="Where to look; the setting `venue` by default.")
@click.option("--endpoint", metavar="URL", help="Base address of the sandbox server.")
@click.pass_context
def fetch(
    ctx: click.Context, resolved: bool, candles: bool, gaps: bool, since: str | None, until: str | None,
    market_ids: tuple[str, ...], category: str, min_volume: int, no_fine: bool, no_trades: bool, refresh: bool,
    symbols: tuple[str, ...], every: str, no_check: bool, recheck: bool, lineage: bool, venue: str | None,
    endpoint: str | None,
) -> None:  # fmt: skip
    """Bring history home: resolved markets, candles, or what the collector missed.

    Stopped or interrupted, the same command goes on; run again, it asks for nothing that is there.
    """
    from edgeworth.app import fetching

    if lineage:
        _print_lineage(ctx, list(fetching.lineage_rows()))
        return
    if resolved + candles + gaps != 1:
        raise UsageError("bad-option", "name one of --resolved, --candles and --gaps", "edgeworth data fetch --help")
    config = configuration(ctx, reading=False, venue=venue, endpoints__sandbox=endpoint)
    progress = for_context(ctx)
    if resolved:
        options = fetching.ResolvedOptions(
            since or "2020-01", until, category, min_volume, not no_fine, not no_trades, refresh, _words(market_ids)
        )
        found = fetching.fetch_resolved(config, options, progress)
        show: Any = _print_resolved
    elif candles and recheck:
        found, show = fetching.find_revisions(config, _words(symbols), progress), _print_revisions
    elif candles:
        pairs = tuple(word.upper() for word in _words(symbols))
        chosen = fetching.CandleOptions(pairs, _intervals(every), since or "3y", until, not no_check)
        found, show = fetching.fetch_candles(config, chosen, progress), _print_candles
    else:
        found, show = fetching.fetch_gaps(config, since or "7d", until, progress), _print_gaps
    following = ("edgeworth data verify", "edgeworth backtest all") if resolved else ("edgeworth data verify",)
    if wants_json(ctx):
        emit(ctx, "fetch", found, next_commands=following, meta={"venue": config.settings.venue})
        return
    if config.settings.venue == "sandbox":
        console(ctx).print("[blue]SANDBOX[/blue]  a simulated venue: nothing here is real")
    show(ctx, found)
    advise(ctx, *following)


def _words(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _intervals(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    wrong = [part for part in found if part not in _INTERVALS]
    if wrong or not found:
        raise UsageError("bad-option", f"no interval '{', '.join(wrong) or text}'", f"one of: {', '.join(_INTERVALS)}")
    return found


def _print_resolved(ctx: click.Context, found: dict[str, Any]) -> None:
    out = console(ctx)
    listed = (
        "listed before" if not found["pages"] else f"{found['listed']:,} closed markets on {found['pages']:,} pages"
    )
    out.print(f"{listed}; {found['chosen']:,} resolved ones chosen", markup=False)
    rows = [[name, c["present"], c["missing"], c["failed"], c["rows"]] for name, c in found["sources"].items()]
    _table(ctx, ("source", "present", "missing", "failed", "new rows"), rows)
    out.print("\n[bold]usable for training and backtests[/bold]")
    names = ("range", "asked", "yes", "no", "other", "usable", "events")
    lines = [[row[name] for name in names] + [_edge(row["edge"])] for row in found["usable"]]
    _table(ctx, _RANGES, lines)
    if not lines:
        out.print("no resolved market in this range")


def _edge(edge: float | None) -> str:
    return "-" if edge is None else f"{100 * edge:.1f} c"


def _print_candles(ctx: click.Context, found: dict[str, Any]) -> None:
    from edgeworth.core.instants import to_iso

    rows = []
    for line in found["series"]:
        first, last = (to_iso(line[name])[:16] if line[name] is not None else "-" for name in ("first", "last"))
        own = f"derived; {line['compared']:,} hours agree with the exchange's" if line["derived"] else line["note"]
        differing = f"{line['differing']:,} of {line['compared']:,} hours differ" if line["differing"] else own
        rows.append([line["pair"], line["interval"], line["candles"], line["new"], first, last, line["holes"],
                     line["files"], line["refused"] or differing])  # fmt: skip
    _table(ctx, _SERIES, rows)


def _print_revisions(ctx: click.Context, found: dict[str, Any]) -> None:
    rows = [list(row.values()) for row in found["revised"]]
    if not rows:
        console(ctx).print("no file was revised")
    _table(ctx, ("pair", "every", "file", "candles that differ (in quarantine; the stored ones stand)"), rows)


def _print_gaps(ctx: click.Context, found: dict[str, Any]) -> None:
    out = console(ctx)
    out.print(f"{found['missed']:,} observations missed in {found['markets']:,} markets", markup=False)
    words = {
        "filled": "filled from the venue's history, marked as back-filled and known from now on",
        "known": "filled before",
        "nothing": "of which the venue has nothing",
        "refused": "which the venue refused",
        "unnamed": "whole slots of which nobody knows what was due",
    }
    for name, text in words.items():
        if found[name]:
            out.print(f"{found[name]:>8,}  {text}", markup=False)


def _print_lineage(ctx: click.Context, rows: list[dict[str, Any]]) -> None:
    if wants_json(ctx):
        emit(ctx, "lineage", rows)
        return
    _table(ctx, tuple(rows[0]), [list(row.values()) for row in rows])


@examples("edgeworth data seal", "edgeworth data seal --older-than 7d")
@click.command("seal", cls=Command)
@click.option("--older-than", metavar="TIME", help="Age of what is moved; the setting collect.keep_days by default.")
@click.pass_context
def seal(ctx: click.Context, older_than: str | None) -> None:
    """Move old snapshots from the database into the lake; safe at any moment, also beside a running collector."""
    from edgeworth.app import fetching

    found = fetching.seal(configuration(ctx, reading=False), older_than, for_context(ctx))
    if wants_json(ctx):
        emit(ctx, "seal", found)
        return
    out = console(ctx)
    out.print(
        f"{found['rows']:,} snapshots sealed in {found['parts']:,} parts ({found['bytes'] / 1e6:,.1f} MB), "
        f"{found['points']:,} price points for research; {found['left']:,} younger ones stay in the database",
        markup=False,
    )
    if found["finished"]:
        out.print(f"{found['finished']:,} had been sealed by a run that was stopped", markup=False)
    if found["differing"]:
        out.print(f"{found['differing']:,} differ from sealed ones and went to quarantine", markup=False)


@examples("edgeworth data backup", "edgeworth data backup --output backup")
@click.command("backup", cls=Command)
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="A new folder [backups/INSTANT].")
@click.pass_context
def backup(ctx: click.Context, output: Path | None) -> None:
    """Copy databases and lake as of one instant, while others write, and verify the copy; it is a home of its own."""
    from edgeworth.app import fetching

    found = fetching.backup(configuration(ctx, reading=False), output)
    if wants_json(ctx):
        emit(ctx, "backup", found.to_dict(), next_commands=[f"edgeworth data verify --home {found.folder}"])
        return
    console(ctx).print(
        f"{found.folder}: {', '.join(found.databases)}, {found.parts:,} parts ({found.linked:,} linked), "
        f"{found.bytes / 1e6:,.1f} MB, verified",
        markup=False,
    )
    advise(ctx, f"edgeworth data verify --home {found.folder}")


@examples("edgeworth data requeue", "edgeworth data requeue --reason question-missing --json")
@click.command("requeue", cls=Command)
@click.option("--reason", default="", help="Only rows set aside for this reason.")
@click.option("--kind", default="", help="Only rows of this kind, such as market or candle.")
@click.option("--source", default="", help="Only rows of this source.")
@click.pass_context
def requeue(ctx: click.Context, reason: str, kind: str, source: str) -> None:
    """Parse quarantined rows again, after a fix, and say what became of each."""
    from edgeworth.app import fetching

    found = fetching.requeue(configuration(ctx, reading=False), reason, kind, source)
    if wants_json(ctx):
        emit(ctx, "requeue", {"summary": found.summary(), "rows": found.rows})
        return
    rows = [[row["kind"], row["reason"], row["fate"], row["rows"]] for row in found.summary()]
    if not rows:
        click.echo("nothing to try again", err=True)
        return
    _table(ctx, ("kind", "reason", "now", "rows"), rows)


def _table(ctx: click.Context, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if isinstance(rows[0][place], int | float) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{value:,}" if type(value) is int else cell(value)) for value in row))
    console(ctx).print(table)


COMMANDS = (fetch, seal, backup, requeue)
