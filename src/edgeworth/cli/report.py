"""`edgeworth report`: a run's report, the market's calibration, the evidence behind verdicts, everything ever tried."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeworth.cli.options import Group, examples
from edgeworth.cli.output import advise, configuration, console, emit, wants_json
from edgeworth.cli.report_fairvalue import fair_value
from edgeworth.cli.report_trading import trading

if TYPE_CHECKING:
    from edgeworth.research.forecast_report import ForecastScore
    from edgeworth.research.types import CalibrationReport


@click.group(
    "report", cls=Group, default="run", words=True,
    help="Write a run's report (edgeworth report RUN), measure calibration, or show the evidence and the graveyard.",
)  # fmt: skip
def command() -> None:
    """Group the sub-commands."""


command.add_command(fair_value)
command.add_command(trading)


@examples("edgeworth report last", "edgeworth report last --json")
@command.command("run")
@click.argument("run", default="last")
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; the run's own by default.")
@click.pass_context
def run(ctx: click.Context, run: str, output: Path | None) -> None:
    """Write the report of RUN (an id, its beginning, or `last`) as HTML, Markdown and JSON."""
    from edgeworth.app.reporting import write_run_report

    paths, metrics = write_run_report(configuration(ctx), run, output)
    if wants_json(ctx):
        emit(ctx, "report", {"files": paths, "metrics": metrics})
        return
    for path in paths.values():
        click.echo(path)
    advise(ctx, f"open {paths['html']}")


@examples(
    "edgeworth report calibration --sample calendar:monday --outcomes all",
    "edgeworth report calibration --sample age:2d --until event-known --outcomes all --json",
)
@command.command("calibration")
@click.option("--sample", default="calendar:monday", show_default=True, help="calendar:DAY, age:Nd or resolution:Nd.")
@click.option("--until", type=click.Choice(["resolved", "event-known"]), default="resolved", show_default=True)
@click.option("--outcomes", type=click.Choice(["yes-no", "all"]), default="yes-no", show_default=True)
@click.option("--source", help="Data source; the one with the most resolved markets by default, `all` pools.")
@click.option("--from", "start", metavar="DATE", help="First instant.")
@click.option("--to", "end", metavar="DATE", help="Last instant.")
@click.option("--allow-look-ahead", is_flag=True, help="Permit a sample anchored on the resolution; stamps everything.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write calibration.html, .md and .json there.")
@click.pass_context
def calibration(
    ctx: click.Context, sample: str, until: str, outcomes: str, source: str | None, start: str | None, end: str | None,
    allow_look_ahead: bool, output: Path | None,
) -> None:  # fmt: skip
    """Measure how calibrated the market price is, under several lenses."""
    from edgeworth.app.reporting import CalibrationRequest, measure_calibration

    request = CalibrationRequest(sample, until, outcomes, source, start, end, allow_look_ahead)
    report, files = measure_calibration(configuration(ctx), request, output)
    if wants_json(ctx):
        emit(ctx, "calibration", {**report.to_dict(), "files": files})
        return
    _print(ctx, report)
    for path in files:
        click.echo(path)


@examples("edgeworth report evidence --seeds 1 --sections power --output evidence")
@command.command("evidence")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("docs/explanation"), show_default=True,
    help="Folder for evidence.md and its pictures.",
)  # fmt: skip
@click.option("--seeds", type=click.IntRange(1, 100_000), default=200, show_default=True, help="Worlds of each kind.")
@click.option(
    "--sections", default="null,power,exhibits,calibration,learning,reality,direction", show_default=True,
    help="What to study, with commas, or all: that adds scale, 3 million candles, some ten minutes.",
)  # fmt: skip
@click.option("--recorded", type=click.Path(path_type=Path), metavar="DIR", help="Folder of recorded data to import.")
@click.option(
    "--workers", type=click.IntRange(0, 64), default=2, show_default=True, help="Processes; 0 works in this one."
)
@click.pass_context
def evidence(
    ctx: click.Context, output: Path, seeds: int, sections: str, recorded: Path | None, workers: int
) -> None:  # fmt: skip
    """Study how often verdicts are wrong, on simulated worlds and recorded data; an interrupted study goes on."""
    from edgeworth.app.evidence import Request, parse_sections, write_evidence
    from edgeworth.cli.progress import for_context
    from edgeworth.core.clock import SystemClock

    request = Request(output, seeds, parse_sections(sections), recorded, workers)
    found = write_evidence(configuration(ctx, reading=False), request, for_context(ctx), SystemClock())
    if wants_json(ctx):
        emit(ctx, "evidence", found.to_dict())
        return
    for name, measured in found.shares.items():
        hits, n = measured["hits"], measured["n"]
        span = f"[{100 * measured['low']:.1f}, {100 * measured['high']:.1f}]"
        click.echo(f"{name:<14} an edge is claimed in {hits:,} of {n:,} worlds = {100 * hits / n:.1f} % {span}")
    for path in found.files:
        click.echo(path)


@examples("edgeworth report graveyard", "edgeworth report graveyard --json")
@command.command("graveyard")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the table as Markdown to this file.")
@click.pass_context
def graveyard(ctx: click.Context, output: Path | None) -> None:
    """List every strategy ever tried in this home, its trials, its last verdict, its best and latest return."""
    from edgeworth.app.reporting import dig, write_graveyard

    graves = dig(configuration(ctx))
    files = [write_graveyard(graves, output)] if output else []
    if wants_json(ctx):
        emit(ctx, "graveyard", {"strategies": [grave.to_dict() for grave in graves], "files": files})
        return
    from edgeworth.cli.graves import print_graves

    print_graves(ctx, graves)
    for path in files:
        click.echo(path)


@examples("edgeworth report forecasts", "edgeworth report forecasts --model champion --json")
@command.command("forecasts")
@click.option("--model", metavar="NAME", help="Only this model: an id, its beginning, or an alias.")
@click.pass_context
def forecasts(ctx: click.Context, model: str | None) -> None:
    """Score the forecasts that `edgeworth signals` stored against the price, in whole cohorts by scheduled end."""
    from edgeworth.app.reporting import score_forecasts

    found = score_forecasts(configuration(ctx), model)
    if wants_json(ctx):
        emit(ctx, "forecasts", [score.to_dict() for score in found])
        return
    if not found:
        click.echo("no forecast has been stored yet: edgeworth signals stores them while a champion speaks", err=True)
        return
    for score in found:
        _print_forecasts(ctx, score)


def _print_forecasts(ctx: click.Context, score: "ForecastScore") -> None:
    out, counts = console(ctx), score.counts
    whole = sum(cohort.whole for cohort in score.cohorts)
    out.print(
        f"model {score.model}   {counts.stored:,} forecasts of {counts.markets:,} markets   "
        f"{whole:,} of {len(score.cohorts):,} cohorts whole   {counts.scored:,} scored, {counts.events:,} events",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    names = ("pending", "undated", "missing", "late", "halves")
    left = ", ".join(f"{getattr(counts, name):,} {name}" for name in names if getattr(counts, name))
    if left:
        out.print(f"not scored   {left}", markup=False, style="dim")
    out.print(score.sentence, markup=False, soft_wrap=True)
    if score.score is None:
        return
    found = score.score
    out.print(
        f"log-loss {found.log_loss:.4f} (price {found.market_log_loss:.4f})   Brier skill {found.brier_skill:+.4f} "
        f"{_span(found.brier_skill_low, found.brier_skill_high)}   "
        f"slope {'-' if found.slope is None else f'{found.slope:.2f}'}   e-value {score.e_value:.2f}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    for row in score.calibration:
        out.print(
            f"  said {row['forecast']:.3f}   came {row['observed']:.3f}   {row['rows']:,.0f} markets", markup=False
        )


def _print(ctx: click.Context, report: "CalibrationReport") -> None:
    from rich.table import Table

    out = console(ctx)
    if report.look_ahead:
        out.print("[bold red]LOOK-AHEAD[/bold red] sampled with knowledge of the outcome; no number here is a result")
    out.print(
        f"source {report.source}   sample {report.sample}   until {report.until}   outcomes {report.outcomes}\n"
        f"n {report.n:,}   markets {report.markets:,}   independent events {report.events:,}\n"
        f"Brier {report.brier:.5f}   log-loss {report.log_loss:.5f}   base rate {report.base_rate:.4f}   "
        f"mean price {report.mean_price:.4f}",
        markup=False,
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("price", "n", "events", "mean price", "YES came", "95 % by event"):
        table.add_column(name, justify="right")
    for row in report.table:
        table.add_row(
            f"{row.low:.2f}-{row.high:.2f}", f"{row.n:,}", f"{row.events:,}", f"{row.mean_price:.4f}",
            f"{row.win_rate:.4f}", f"[{row.cluster_low:.3f}, {row.cluster_high:.3f}]",
        )  # fmt: skip
    out.print(table)
    lenses = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("lens", "n", "events", "win - price", "95 % by event"):
        lenses.add_column(name, justify="left" if name == "lens" else "right")
    for lens in report.lenses:
        lenses.add_row(
            f"{lens.group}: {lens.name}", f"{lens.n:,}", f"{lens.events:,}", f"{lens.bias:+.4f}",
            _span(lens.low, lens.high),
        )  # fmt: skip
    out.print(lenses)
    out.print(report.sign_flips, markup=False)


def _span(low: float, high: float) -> str:
    """Print an interval; one event alone has none."""
    return f"[{low:+.3f}, {high:+.3f}]" if math.isfinite(low) and math.isfinite(high) else "-"
