"""`edgeworth data collect`, `data status` and `data find`: watch markets around the clock, and see how that goes."""

import sys
from typing import Any

import click

from edgeworth.cli.options import Command, examples, option
from edgeworth.cli.output import advise, cell, configuration, console, emit, wants_json

VENUES = click.Choice(["sandbox", "polymarket"])
MODES = click.Choice(["once", "scheduled", "aggressive"])
SORTS = ("volume24h", "volume", "liquidity", "end", "spread")


def _venue_options(function: Any) -> Any:
    function = click.option("--endpoint", metavar="URL", help="Base address of the sandbox server.")(function)
    return click.option("--venue", type=VENUES, help="Where to look; the setting `venue` by default.")(function)


@examples(
    "edgeworth data collect --once",
    "edgeworth data collect --mode scheduled",
    "edgeworth data collect --market-ids 574073,12345 --interval 15m",
    "edgeworth data collect --markets 'category:crypto volume>100k' --for 2h",
)
@click.command("collect", cls=Command)
@click.option("--mode", type=MODES, help="Preset: one round, or around the clock.")
@click.option("--once", is_flag=True, help="One round of everything, then end.")
@click.option("--interval", "--every", "interval", metavar="DURATION", help="Between observations, such as 15m.")
@click.option("--market-ids", multiple=True, metavar="IDS", help="Markets to track: ids or slugs, commas allowed.")
@click.option("--markets", multiple=True, metavar="QUERY", help="Track what matches: 'category:crypto volume>100k'.")
@click.option("--for", "run_for", metavar="DURATION", help="End by itself after this time, such as 2h.")
@click.option("--record", is_flag=True, help="Record the chosen markets' streams of books and trades, too.")
@_venue_options
@click.pass_context
def collect(
    ctx: click.Context, mode: str | None, once: bool, interval: str | None, market_ids: tuple[str, ...],
    markets: tuple[str, ...], run_for: str | None, record: bool, venue: str | None, endpoint: str | None,
) -> None:  # fmt: skip
    """Collect around the clock: track chosen markets, scan all, snapshot the most traded, note how they end.

    Ctrl-C or SIGTERM ends it within seconds; the same command goes on where it stopped.
    """
    from edgeworth.app import collecting

    config = configuration(ctx, reading=False, venue=venue, endpoints__sandbox=endpoint)
    request = collecting.Request(mode, once, interval, market_ids, markets, run_for, record)
    threshold = "warning" if option(ctx, "quiet") else "info"
    summary = collecting.collect(config, request, sys.stderr, threshold=threshold)
    following = ("edgeworth data status", "edgeworth data ls")
    if wants_json(ctx):
        emit(ctx, "collect", summary, next_commands=following, meta={"venue": config.settings.venue})
        return
    _print_summary(ctx, summary, config.settings.venue)
    advise(ctx, *following)


def _print_summary(ctx: click.Context, summary: dict[str, Any], venue: str) -> None:
    out = console(ctx)
    if venue == "sandbox":
        out.print("[blue]SANDBOX[/blue]  a simulated venue: nothing here is real")
    if "rounds" in summary:
        rows = summary["rounds"]
        _table(ctx, ["job", "state", "due", "met", "requests", "counts"],
               [[row["job"], row["state"], row["due"], row["met"], row["requests"], _counts(row["counts"])]
                for row in rows])  # fmt: skip
        return
    jobs = summary["jobs"]
    _table(ctx, ["job", "last slot", "due", "met"], [[n, r["state"], r["due"], r["met"]] for n, r in jobs.items()])


def _counts(counts: dict[str, Any]) -> str:
    shown = {key: value for key, value in counts.items() if key != "attempts" and not isinstance(value, dict | list)}
    return ", ".join(f"{key} {cell(value)}" for key, value in list(shown.items())[:5])


@examples("edgeworth data status", "edgeworth data status --json")
@click.command("status", cls=Command)
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show how collection goes: health, jobs, slots met and missed, API budget, quality, growth and disk."""
    from edgeworth.app import collecting

    found = collecting.status(configuration(ctx))
    if wants_json(ctx):
        emit(ctx, "status", found)
        return
    _print_status(ctx, found)
    advise(ctx, "edgeworth data show MARKET", "edgeworth data export snapshots")


def _print_status(ctx: click.Context, found: dict[str, Any]) -> None:
    out = console(ctx)
    colour = {"ok": "green", "stopped": "yellow", "starting": "yellow"}.get(found["health"], "red")
    who = f"PID {found['pid']}" if found["pid"] else "no collector is running"
    out.print(f"[{colour}]{found['health']}[/{colour}]  {who}, venue {found['venue'] or '-'}, as of {found['now']}")
    _table(ctx, ["job", "last run", "status", "met of due", "lag", "requests", "errors"],
           [[j["job"], j["started_at"], j["status"], f"{j['met']:,} of {j['due']:,}", _lag(j["lag_s"]), j["requests"],
             j["errors"]] for j in found["jobs"]], title="\njobs")  # fmt: skip
    for name, title in (("last_24h", "\nslots, last 24 h"), ("in_all", "\nslots, in all")):
        _table(ctx, ["job", "slots met", "observations met", "missed", "causes"],
               [[s["job"], f"{s['slots_met']:,} of {s['slots']:,}", f"{s['met']:,} of {s['due']:,}", s["missed"],
                 ", ".join(f"{cause} {n:,}" for cause, n in s["causes"].items())]
                for s in found["slots"][name]], title=title)  # fmt: skip
    budget, quality, growth, disk = found["budget_today"], found["quality"], found["growth"], found["disk"]
    out.print("\n[bold]API calls today[/bold]")
    out.print(
        f"scan and snapshot {budget['scan_and_snapshot']:,} of {budget['limit']:,} (a call per market: "
        f"{budget['one_by_one']:,}); track {budget['track']:,}; other {budget['other']:,}"
    )
    out.print("\n[bold]quality[/bold]")
    for name, title in (("last_24h", "last 24 h"), ("in_all", "in all")):
        q = quality[name]
        out.print(
            f"{title:<10} {q['snapshots']:,} snapshots: {q['good']:,} at 0.8 or above, {q['fair']:,} from 0.5, "
            f"{q['poor']:,} below, {q['ungraded']:,} ungraded"
        )
    out.print("\n[bold]growth and disk[/bold]")
    out.print(
        f"{growth['snapshots']:,} snapshots ({growth['snapshots_last_24h']:,} in the last 24 h), "
        f"{growth['markets']:,} markets in {growth['versions']:,} versions, {growth['resolutions']:,} resolutions"
    )
    out.print(
        f"database {_megabytes(disk['database_bytes'])}, lake {_megabytes(disk['lake_bytes'])}, "
        f"free {_megabytes(disk['free_bytes'])}"
    )
    if found["quarantine"]:
        _table(ctx, ["source", "kind", "reason", "rows"],
               [[q["source"], q["kind"], q["reason"], q["rows"]] for q in found["quarantine"]],
               title="\nquarantine")  # fmt: skip


def _lag(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes = seconds / 60
    return f"{minutes:,.0f} min" if minutes < 600 else f"{minutes / 60:,.0f} h"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


@examples(
    "edgeworth data find --keywords bitcoin --limit 5",
    "edgeworth data find --category crypto --min-volume 10000 --sort end",
)
@click.command("find", cls=Command)
@click.option("--keywords", multiple=True, metavar="WORD", help="Any of these words in question or event. Repeatable.")
@click.option("--category", default="", help="Category or its first level, such as crypto or crypto/btc-price.")
@click.option("--min-volume", type=click.IntRange(min=0), default=0, help="Least dollars traded so far.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Markets shown.")
@click.option("--sort", default="volume24h", show_default=True, help=f"{', '.join(SORTS)}; a leading minus reverses.")
@_venue_options
@click.pass_context
def find(
    ctx: click.Context, keywords: tuple[str, ...], category: str, min_volume: int, limit: int, sort: str,
    venue: str | None, endpoint: str | None,
) -> None:  # fmt: skip
    """Find open markets live at the venue, and print the command that tracks them."""
    from edgeworth.app import collecting
    from edgeworth.collect.finding import Wanted, track_command

    config = configuration(ctx, reading=False, venue=venue, endpoints__sandbox=endpoint)
    words = tuple(part for word in keywords for part in word.replace(",", " ").split())
    rows = collecting.find(config, Wanted(words, category, min_volume, limit, sort))
    given = [*(("--venue", venue) if venue else ()), *(("--endpoint", endpoint) if endpoint else ())]
    following = track_command(rows, *given)
    if wants_json(ctx):
        emit(ctx, "find", rows, next_commands=[following] if following else [], meta={"venue": config.settings.venue})
        return
    if not rows:
        click.echo("no open market matches", err=True)
        return
    columns = ["#", "id", "question", "category", "volume", "24 h", "liquidity", "bid", "ask", "ends"]
    _table(ctx, columns,
           [[number, row["id"], row["question"][:70], row["category"], _dollars(row["volume"]),
             _dollars(row["volume_24h"]), _dollars(row["liquidity"]), cell(row["bid"]), cell(row["ask"]),
             (row["end"] or "-")[:16]] for number, row in enumerate(rows, 1)])  # fmt: skip
    click.echo(f"\n{following}")


def _dollars(amount: float) -> str:
    return f"${amount:,.0f}"


def _table(ctx: click.Context, columns: list[str], rows: list[list[Any]], *, title: str = "") -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if isinstance(rows[0][place], int | float) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{value:,}" if isinstance(value, int) else cell(value)) for value in row))
    console(ctx).print(table)


COMMANDS = (find, collect, status)
