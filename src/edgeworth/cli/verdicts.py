"""Print verdicts: one line per strategy, win rate never without its break-even, the sentence below."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from edgeworth.cli.output import console

if TYPE_CHECKING:
    from edgeworth.research.types import BacktestResult, RunResult, Verdict

_COLORS = {"invalid": "magenta", "no edge": "red", "unproven": "yellow", "edge at this size": "green"}


def print_result(ctx: click.Context, result: "BacktestResult") -> None:
    """Print the table of a backtest, its grid, its failures and what the reader should know."""
    out = console(ctx)
    data, holdout = result.data, result.holdout
    out.print(
        f"run {result.run_id}   source {data.get('source')}   markets {data.get('markets', 0):,}   "
        f"points {data.get('points', 0):,}",
        markup=False,
    )
    asked, priced = data.get("requested") or 0, data.get("priced") or 0
    share = f" ({priced / asked:.1%})" if asked else ""
    out.print(
        f"coverage  {priced:,} of {asked:,} markets have prices{share}, {data.get('resolved', 0):,} of those resolved",
        markup=False,
    )
    if holdout.get("note"):
        out.print(str(holdout["note"]), markup=False)
    print_verdicts(ctx, result.results, reverses=result.reverses)
    out.print(
        "ROI and interval are after costs, resampled by event; p is before costs, against 'the price is right', and "
        "cautious where the legs of an event depend on each other",
        markup=False, style="dim",
    )  # fmt: skip
    for item in result.results:
        for line in item.verdict.lint:
            if line.code.startswith("audit-") and "complete form" in line.note:
                state = "passed" if line.passed else "FAILED"
                out.print(f"{state:<7} {item.strategy} {line.code}: {line.note}", markup=False, soft_wrap=True)
    for failure in result.failures:
        out.print(f"failed  {failure.strategy}: {failure.code}: {failure.message}", markup=False)
    if result.variants:
        print_variants(ctx, result.variants)
    for warning in result.warnings:
        out.print(f"note    {warning}", markup=False)


def print_verdicts(ctx: click.Context, results: Iterable["RunResult"], reverses: Iterable["RunResult"] = ()) -> None:
    """Print the table of verdicts, then each one's sentence."""
    rows = list(results)
    print_table(ctx, rows, reverses)
    out = console(ctx)
    out.print()
    for item in rows:
        out.print(f"{item.strategy}: {item.verdict.sentence}", markup=False, soft_wrap=True)


def print_table(ctx: click.Context, results: Iterable["RunResult"], reverses: Iterable["RunResult"] = ()) -> None:
    """Print one row per strategy with its reverse control's return beside it."""
    from rich.table import Table

    controls = {item.strategy.removesuffix("-reverse"): item.verdict for item in reverses}
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("strategy", no_wrap=True)
    for name in ("trades", "events", "win %", "break-even %", "ROI %", "95 % interval", "p", "reverse ROI %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for item in results:
        verdict, control = item.verdict, controls.get(item.strategy)
        style = _COLORS.get(str(verdict.outcome), "default")
        table.add_row(
            item.strategy, f"{verdict.trades:,}", f"{verdict.events:,}", percent(verdict.win_rate),
            percent(verdict.break_even), percent(verdict.roi, sign=True), interval(verdict), small(verdict.p_value),
            percent(control.roi, sign=True) if control else "-", f"[{style}]{verdict.outcome}[/{style}]",
        )  # fmt: skip
    console(ctx).print(table)


def print_variants(ctx: click.Context, variants: Iterable["RunResult"], limit: int = 10) -> None:
    """Print the best variants of a sweep, and say how many were tried."""
    from rich.table import Table

    from edgeworth.research.backtest import QUICK_BOOTSTRAPS

    rows = sorted(variants, key=_merit, reverse=True)
    title = f"{len(rows)} variants tried, best Sharpe per event first; intervals from {QUICK_BOOTSTRAPS} resamples"
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left")
    table.add_column("parameters")
    for name in ("trades", "events", "ROI %", "95 % interval"):
        table.add_column(name, justify="right")
    for item in rows[:limit]:
        parameters = " ".join(f"{key}={value}" for key, value in item.parameters.items())
        verdict = item.verdict
        table.add_row(
            parameters, f"{verdict.trades:,}", f"{verdict.events:,}", percent(verdict.roi, sign=True), interval(verdict)
        )
    console(ctx).print(table)


def _merit(item: "RunResult") -> tuple[float, float]:
    verdict = item.verdict
    return (
        -9.0 if verdict.sharpe is None else verdict.sharpe,
        -9.0 if verdict.roi is None else verdict.roi,
    )


def percent(value: float | None, *, sign: bool = False) -> str:
    """Print a share as a percentage, `-` when there is none."""
    if value is None:
        return "-"
    return f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"


def small(value: float | None) -> str:
    """Print a p-value."""
    if value is None:
        return "-"
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def interval(verdict: "Verdict") -> str:
    """Print the interval of the return."""
    if verdict.roi_low is None or verdict.roi_high is None:
        return "-"
    return f"[{100 * verdict.roi_low:+.1f}, {100 * verdict.roi_high:+.1f}]"
