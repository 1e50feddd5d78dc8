"""`edgeworth report trading`: the tear sheet of a paper, sandbox or live period."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeworth.cli.options import Command, examples
from edgeworth.cli.output import advise, configuration, console, emit, wants_json
from edgeworth.core.errors import UsageError

if TYPE_CHECKING:
    from edgeworth.app.trading import Mode


@examples("edgeworth report trading", "edgeworth report trading --paper --run last --json")
@click.command("trading", cls=Command)
@click.option("--paper", is_flag=True, help="Of the paper account; the newest run's place by default.")
@click.option("--sandbox", is_flag=True, help="Of orders on the simulated venue.")
@click.option("--live", is_flag=True, help="Of the real venue.")
@click.option("--run", default="", metavar="RUN", help="One run, by its name's beginning or `last`; all by default.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; the home's `reports` by default.")
@click.pass_context
def trading(ctx: click.Context, paper: bool, sandbox: bool, live: bool, run: str, output: Path | None) -> None:
    """Write what a period of trading came to, where the money went, and whether the backtest would have done the same.

    HTML, Markdown and JSON: equity, profit by strategy and market, its parts (direction, latency, spread, impact, fee),
    the rejection funnel, evidence and stages, orders, halts, coverage, and backtest against bot order by order.
    """
    from edgeworth.app.trading_report import Request, write_trading_report

    chosen: list[Mode] = [name for name, on in (("paper", paper), ("sandbox", sandbox), ("live", live)) if on]  # type: ignore[misc]
    if len(chosen) > 1:
        raise UsageError("bad-option", "--paper, --sandbox and --live exclude each other")
    request = Request(chosen[0] if chosen else None, run, output)
    paths, content = write_trading_report(configuration(ctx), request)
    if wants_json(ctx):
        emit(ctx, "trading-report", {"files": paths, "report": content})
        return
    _print(ctx, content)
    for path in paths.values():
        click.echo(path)
    advise(ctx, f"open {paths['html']}")


def _print(ctx: click.Context, content: dict[str, Any]) -> None:
    out, money, parts = console(ctx), content["money"], content["twin"]["parts"]
    filled = sum(order["filled"] > 0 for order in content["orders"])
    out.print(
        f"{content['mode']}   {content['coverage']['ticks_made']:,} ticks   {len(content['orders']):,} orders, "
        f"{filled:,} filled   profit {money['profit']:+,.2f} $   equity {money['end']:,.2f} $",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    words = "   ".join(f"{name} {value:+,.2f}" for name, value in parts.items())
    out.print(f"its parts    {words}", markup=False, soft_wrap=True)
    agreed = content["agreement"]
    walked = agreed["recorded"]
    reasons = ", ".join(f"{name} {count}" for name, count in walked["reasons"].items())
    out.print(
        f"backtest     {walked['agree']:,} of {walked['orders']:,} orders equal, {walked['unexplained']:,} unexplained"
        + (f" ({reasons})" if reasons else ""),
        markup=False, soft_wrap=True,
    )  # fmt: skip
    out.print(
        f"opinions     {agreed['thought_again']:,} thought again in one batch, {agreed['thought_differ']:,} differ",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    for halt in content["halts"]:
        if halt["until"] is None:
            out.print(f"halt         {halt['cause']}: {halt['reason']}", markup=False, soft_wrap=True)
