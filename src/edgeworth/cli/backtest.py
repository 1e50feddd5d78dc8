"""`edgeworth backtest`: run strategies over resolved markets and end in a verdict."""

import click

from edgeworth.cli.options import Command, examples
from edgeworth.cli.output import advise, configuration, emit, print_frame, wants_json
from edgeworth.cli.progress import for_context
from edgeworth.core.errors import UsageError


@examples(
    "edgeworth backtest all",
    "edgeworth backtest crypto-favorite-fade --param threshold=0.8",
    "edgeworth backtest crypto-favorite-fade --grid 'threshold=0.6:0.9:0.1'",
    "edgeworth backtest follow-the-market --audit",
    "edgeworth backtest model --learners logistic,xgb",
    "edgeworth backtest --list",
)
@click.command("backtest", cls=Command)
@click.argument("strategies", nargs=-1, metavar="[STRATEGY|FILE.py|all|model]...")
@click.option("--from", "start", metavar="DATE", help="First decision: 2026-01-31, 2026-Q1 or 90d (ago).")
@click.option("--to", "end", metavar="DATE", help="Last decision.")
@click.option("--start-date", "start_alias", metavar="DATE", hidden=True)
@click.option("--end-date", "end_alias", metavar="DATE", hidden=True)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a strategy parameter.")
@click.option("--grid", "grids", multiple=True, metavar="NAME=LOW:HIGH:STEP", help="Sweep; every variant is a trial.")
@click.option(
    "--learners", help="Learners behind the forecasts a strategy reads, with commas; fitted anew as time goes."
)
@click.option("--refit-days", type=click.IntRange(min=1), help="Days of data time between their fits; 30 by default.")
@click.option("--source", help="Data source; the one with the most resolved markets by default, `all` pools.")
@click.option("--holdout", is_flag=True, help="Use the locked last share of time; every use is counted.")
@click.option("--audit", is_flag=True, help="Run every audit completely; exit code 6 when one fails.")
@click.option("--bankroll", type=click.FloatRange(min=0.01), help="Starting cash of the sized portfolio, dollars.")
@click.option("--half-spread", type=click.FloatRange(0, 0.2), help="Stated half spread, dollars per share.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the bootstrap.")
@click.option("--list", "list_strategies", is_flag=True, help="List the strategies and their parameters.")
@click.option("--runs", "list_runs", is_flag=True, help="List earlier runs.")
@click.pass_context
def command(
    ctx: click.Context, strategies: tuple[str, ...], start: str | None, end: str | None, start_alias: str | None,
    end_alias: str | None, params: tuple[str, ...], grids: tuple[str, ...], source: str | None, holdout: bool,
    audit: bool, bankroll: float | None, half_spread: float | None, seed: int | None, list_strategies: bool,
    list_runs: bool, learners: str | None, refit_days: int | None,
) -> None:  # fmt: skip
    """Backtest strategies by name, by file, or all of them, and end in an honest verdict.

    The last share of time (proof.holdout) stays locked unless --holdout is given. `model` trades forecasts of models
    that are trained as time goes by, each on outcomes known by then; `model:champion` takes a saved model's learners.
    """
    from edgeworth.app import backtesting

    config = configuration(ctx, risk__bankroll=bankroll, costs__half_spread=half_spread, run__seed=seed)
    if list_strategies or list_runs:
        _list(ctx, backtesting.strategy_rows() if list_strategies else backtesting.run_rows(config))
        return
    if not strategies:
        raise UsageError("bad-option", "name a strategy, a file or 'all'", "edgeworth backtest --list")
    request = backtesting.Request(
        strategies, start or start_alias, end or end_alias, params, grids, source, holdout, audit=audit,
        learners=tuple(name.strip() for name in (learners or "").split(",") if name.strip()), refit_days=refit_days,
    )  # fmt: skip
    result = backtesting.run(config, request, for_context(ctx))
    failure = backtesting.failed_audit(result) if audit else None
    following = f"edgeworth report {result.run_id}"
    if wants_json(ctx):
        if failure:
            raise failure
        emit(ctx, "backtest", result.to_dict(), next_commands=[following])
        return
    from edgeworth.cli.verdicts import print_result

    print_result(ctx, result)
    if failure:
        raise failure
    advise(ctx, following, "edgeworth doctor explain verdict")


def _list(ctx: click.Context, rows: list[dict[str, object]]) -> None:
    import polars as pl

    if wants_json(ctx):
        emit(ctx, "list", rows)
    elif rows:
        print_frame(ctx, pl.DataFrame(rows))
    else:
        click.echo("none yet", err=True)
