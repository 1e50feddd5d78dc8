"""`edgeworth signals`: scan open markets in batches and queue what clears its costs."""

from typing import TYPE_CHECKING, Any

import click

from edgeworth.cli.options import Command, examples, option
from edgeworth.cli.output import advise, configuration, console, emit, print_frame, wants_json
from edgeworth.core.errors import EdgeworthError, UsageError
from edgeworth.core.instants import parse_instant, to_iso
from edgeworth.core.units import DAY, Micros

if TYPE_CHECKING:
    from edgeworth.research.batch_signals.types import Batch, ModelNote

_SHOWN = 15
_BEFORE_THE_END = 5 * DAY
_OTHER_COLUMNS = 122  # what the columns beside the question take
_COLORS = {"AUTO-TRADE": "green", "ALERT": "cyan", "WATCH": "yellow", "IGNORE": "bright_black"}


@examples(
    "edgeworth signals",
    "edgeworth signals --batch --batch-size 100 --min-edge 0.05",
    "edgeworth signals --batch --max-batches 3 --compact --json",
    "edgeworth signals --rules crypto-favorite-fade,weather-fade-longshots --category crypto",
)
@click.command("signals", cls=Command)
@click.option("--batch", "batched", is_flag=True, help="Take the next batch of markets that are unseen or have moved.")
@click.option("--watch", "watched", is_flag=True, help="Batch after batch at an interval, until stopped.")
@click.option("--batch-size", type=click.IntRange(50, 300), default=100, show_default=True, help="Markets a batch.")
@click.option("--interval", metavar="TIME", help="Time between batches of --watch; 5m by default.")
@click.option("--aggressive", is_flag=True, help="An interval of one minute.")
@click.option("--max-batches", type=click.IntRange(min=1), help="Stop after so many; without --watch 1 by default.")
@click.option("--min-edge", type=click.FloatRange(0, 0.5), help="Smallest edge after costs, dollars a share [0.05].")
@click.option("--rules", multiple=True, metavar="NAME|FILE.py|all", help="Rules to ask, also separated by commas.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter of the one rule given.")
@click.option("--market", "markets", multiple=True, metavar="MARKET", help="Only these: slug, id, URL, #number.")
@click.option("--category", default="", help="Only this category, such as crypto or crypto/btc-price.")
@click.option("--source", help="Source of prices; the one with the most resolved markets by default, `all` pools.")
@click.option(
    "--model", metavar="NAME", help="Saved model that speaks too: id or alias; `champion` where there is one."
)
@click.option("--no-model", is_flag=True, help="Ask rules only.")
@click.option("--as-of", metavar="DATE", help="Scan as it would have been then, with what was known by then.")
@click.option("--max-age", metavar="TIME", help="Oldest usable price; twice each market's usual spacing by default.")
@click.option("--fresh", is_flag=True, help="Forget which markets were looked at.")
@click.option("--compact", is_flag=True, help="Few words; with --json below 900 tokens.")
@click.option("--scores", "show_scores", is_flag=True, help="Print what became of the signals stored so far.")
@click.option("--schema", "show_schema", is_flag=True, help="Print the JSON schema of a batch.")
@click.option("--halt", metavar="REASON", help="Stop all signals of this home until --resume; survives restarts.")
@click.option("--resume", is_flag=True, help="Allow signals again.")
@click.pass_context
def command(
    ctx: click.Context, batched: bool, watched: bool, batch_size: int, interval: str | None, aggressive: bool,
    max_batches: int | None, min_edge: float | None, rules: tuple[str, ...], params: tuple[str, ...],
    markets: tuple[str, ...], category: str, source: str | None, as_of: str | None, max_age: str | None, fresh: bool,
    compact: bool, show_scores: bool, show_schema: bool, halt: str | None, resume: bool, model: str | None,
    no_model: bool,
) -> None:  # fmt: skip
    """Scan open markets: what rules and the champion model say, what it costs, and what that makes it worth.

    Without --batch all open markets are looked at in one pass. Every batch is stored before it is shown.
    """
    from edgeworth.app import signalling

    if show_schema:
        _print_schema(ctx, signalling.schema())
        return
    config = configuration(ctx)
    if halt is not None or resume:
        _switch(ctx, config, halt, resume)
        return
    if show_scores:
        _scores(ctx, signalling.score_rows(config))
        return
    if watched and as_of:
        raise UsageError("bad-option", "--watch looks at now; a scan of the past needs no watching", "drop --as-of")
    if not (batched or watched) and max_batches:
        raise UsageError("bad-option", "--max-batches counts batches", "add --batch or --watch")
    request = signalling.Request(
        rules=rules or ("all",), size=batch_size if batched or watched else None, interval=interval,
        aggressive=aggressive, min_edge=min_edge, as_of=as_of, source=source, markets=markets, category=category,
        max_age=max_age, fresh=fresh, params=params, model=model, no_model=no_model,
    )  # fmt: skip
    scanner = signalling.scanner(config, request)

    def show(batch: "Batch") -> None:
        _show(ctx, batch, brief=compact)

    if watched:
        report = signalling.watch(scanner, show, lambda error: _failed(ctx, error), max_batches or 0)
        if not option(ctx, "quiet"):
            click.echo(f"stopped after {report.looks} looks, {report.errors} failed", err=True)
        return
    for batch in signalling.batches(scanner, max_batches or 1):
        show(batch)


def _print_schema(ctx: click.Context, schema: dict[str, Any]) -> None:
    import json

    if wants_json(ctx):
        emit(ctx, "schema", schema)
    else:
        click.echo(json.dumps(schema, indent=2))


def _scores(ctx: click.Context, rows: list[dict[str, Any]]) -> None:
    if wants_json(ctx):
        emit(ctx, "signal-scores", rows)
    elif rows:
        import polars as pl

        print_frame(ctx, pl.DataFrame(rows, infer_schema_length=None))
    else:
        click.echo("no live signal has been stored yet", err=True)


def _switch(ctx: click.Context, config: Any, halt: str | None, resume: bool) -> None:
    from edgeworth.app import signalling

    if halt is not None and resume:
        raise UsageError("bad-option", "--halt and --resume together mean nothing")
    if halt is not None:
        signalling.halt(config, halt)
        words = f"signals are halted: {halt}"
    else:
        words = "signals are allowed again" if signalling.resume(config) else "signals were not halted"
    if wants_json(ctx):
        emit(ctx, "signals-switch", {"halted": halt is not None, "reason": halt or "", "message": words})
    else:
        click.echo(words)


def _failed(ctx: click.Context, error: EdgeworthError) -> None:
    if not option(ctx, "quiet"):
        click.echo(f"{error.code}: {error.message}; next look in a minute", err=True)


def _show(ctx: click.Context, batch: "Batch", *, brief: bool) -> None:
    following = _following(batch)
    if wants_json(ctx):
        from edgeworth.research.batch_signals.compact import compact

        emit(ctx, "signals", compact(batch) if brief else batch.to_dict(), next_commands=following)
        return
    _print(ctx, batch, brief=brief)
    advise(ctx, *following)


def _following(batch: "Batch") -> list[str]:
    if batch.stop_reason == "halted":
        return ["edgeworth signals --resume"]
    if batch.stop_reason == "stale_data" and not batch.point_in_time and batch.newest_price:
        then = Micros(parse_instant(batch.newest_price) - _BEFORE_THE_END)  # at the very end little is open any more
        return [f"edgeworth signals --as-of {to_iso(then)[:10]}"]
    if batch.review_queue:
        return [f"edgeworth data show '#{batch.review_queue[0].market_no}'"]
    return []


def _print(ctx: click.Context, batch: "Batch", *, brief: bool) -> None:
    out, summary = console(ctx), batch.dedupe_summary
    when = f"{batch.as_of}{' (point in time)' if batch.point_in_time else ''}"
    name = f"batch {batch.number}" if summary.input_items else "nothing new"
    out.print(
        f"{name}   as of {when}   prices {batch.source}   {summary.input_items:,} markets, "
        f"{summary.unique_items:,} unique in {summary.clusters:,} clusters, {summary.candidates:,} candidates",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    left = {
        name: getattr(summary, name)
        for name in ("unchanged", "stale", "decided", "ended", "without_price", "quarantined")
    }
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in left.items() if count)
    if told:
        out.print(f"left out   {told}", markup=False, style="dim")
    if batch.model is not None:
        out.print(_heard(batch.model), markup=False, soft_wrap=True, style="dim")
    if batch.review_queue:
        _table(ctx, batch, 5 if brief else _SHOWN)
    out.print(batch.message, markup=False, soft_wrap=True)
    if batch.stop_reason != "ok":
        until = batch.next_batch_plan.back_off_until
        out.print(f"stop       {batch.stop_reason}" + (f", slower until {until}" if until else ""), markup=False)


def _heard(model: "ModelNote") -> str:
    """Return one line on the model: what its card says it is worth, or why it is silent."""
    if not model.speaks:
        return f"model      {model.model} is silent: {model.why} ({model.code})"
    if model.gain is None or model.gain_low is None or model.gain_high is None:
        return f"model      {model.model}"
    gain = f"{model.gain:+.4f} nats a row against the price [{model.gain_low:+.4f}, {model.gain_high:+.4f}]"
    return f"model      {model.model}: {gain} out of fold, {model.events:,} events"


def _table(ctx: click.Context, batch: "Batch", most: int) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    out = console(ctx)
    room = max(out.width - _OTHER_COLUMNS, 16)
    table.add_column("market", overflow="ellipsis", no_wrap=True, max_width=room)
    table.add_column("action", no_wrap=True)
    for name in ("cost", "fair", "95 %", "edge ¢", "%/day", "P>0", "stake $"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("band", "decided by", "rule"):
        table.add_column(name, no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    for entry in batch.review_queue[:most]:
        table.add_row(
            Text(entry.question), entry.action if entry.action != "PASS" else f"pass {entry.side}",
            f"{entry.cost:.3f}", f"{entry.fair:.3f}",
            f"[{entry.fair_low:.2f}, {entry.fair_high:.2f}]".replace("[", r"\["), f"{100 * entry.edge:+.1f}",
            "-" if entry.per_day is None else f"{100 * entry.per_day:+.2f}", f"{entry.priority:.2f}",
            f"{entry.size.stake:.2f}", Text(entry.band, style=_COLORS[entry.band]),
            entry.decided_by, Text(entry.rule), f"{entry.evidence.events:,}",
        )  # fmt: skip
    out.print(table)
    hidden = len(batch.review_queue) - most
    if hidden > 0:
        out.print(f"and {hidden} more: --json shows them", markup=False, style="dim")
