"""`edgeworth train`: rows to learn from, models measured against the price, and which of them is used."""

from pathlib import Path
from typing import Any

import click

from edgeworth.cli.options import Group, examples, option
from edgeworth.cli.output import advise, configuration, console, emit, print_frame, wants_json
from edgeworth.cli.progress import for_context
from edgeworth.cli.train_card import print_card
from edgeworth.core.errors import UsageError

_ROWS = (
    click.option("--sample", default="", help="calendar:monday, calendar:daily or age:7d instead of time points."),
    click.option("--time-points", multiple=True, type=float, help="Days before the scheduled end as known then."),
    click.option("--start-date", "start", metavar="DATE", help="First decision."),
    click.option("--end-date", "end", metavar="DATE", help="Last decision."),
    click.option("--category", "categories", multiple=True, help="Top category; several may be given."),
    click.option("--source", help="Data source; the one with the most resolved markets by default."),
    click.option(
        "--with", "columns", multiple=True, metavar="COLUMNS",
        help="Columns from beyond the prices: spot, fair-value, similarity, flow, with commas; or all.",
    ),
    click.option("--features", default="", metavar="NAMES", help="`default`, `full`, or features with commas."),
    click.option("--min-volume", type=click.FloatRange(min=0), help="Dollars traded by then, as known then."),
)  # fmt: skip


def _rows(function: Any) -> Any:
    for added in reversed(_ROWS):
        function = added(function)
    return function


@click.group(
    "train", cls=Group, default="run",
    help="Train forecasters that are measured against the market's price, and manage the saved ones.",
)  # fmt: skip
def command() -> None:
    """Group the sub-commands."""


@examples("edgeworth train", "edgeworth train --models logistic --time-points 7 --json")
@command.command("run")
@_rows
@click.option(
    "--models", default="logistic,xgb,lgbm", show_default=True, help="Learners, with commas; all are stacked."
)
@click.option("--cv", default="walk-forward-6", show_default=True, help="walk-forward-N, purged-N, cpcv or cpcv-N-K.")
@click.option(
    "--tune",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Try N configurations of every learner on the earlier rows; continues where it was stopped.",
)
@click.option("--holdout", type=click.FloatRange(0, 0.89), help="Locked last share of time; proof.holdout by default.")
@click.option("--open-holdout", is_flag=True, help="Also score on the locked rows; every opening is counted.")
@click.option("--data", type=click.Path(path_type=Path), help="A dataset folder, instead of building rows.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the learners.")
@click.pass_context
def run(
    ctx: click.Context, sample: str, time_points: tuple[float, ...], start: str | None, end: str | None,
    categories: tuple[str, ...], source: str | None, columns: tuple[str, ...], features: str,
    min_volume: float | None, models: str, cv: str, holdout: float | None, open_holdout: bool,
    data: Path | None, seed: int | None, tune: int,
) -> None:  # fmt: skip
    """Train on resolved markets: purged folds, leak lint, a stack learned out of fold, a model card."""
    from edgeworth.app import training
    from edgeworth.core.clock import SystemClock

    config = configuration(ctx, run__seed=seed)
    rows = training.DataRequest(
        data, sample, time_points, start, end, categories, source, columns, features, min_volume
    )
    share = config.settings.proof.holdout if holdout is None else holdout
    chosen = tuple(name.strip() for name in models.split(",") if name.strip())
    request = training.TrainRequest(rows, chosen, cv, share, open_holdout, tune)
    found = training.run_training(config, request, for_context(ctx), SystemClock())
    if wants_json(ctx):
        emit(ctx, "training", found.to_dict())
        return
    print_card(ctx, found.model_id, found.card, training.aliases_of(config.home, found.model_id))
    if found.mlflow and not option(ctx, "quiet"):
        click.echo(f"MLflow     {found.mlflow}", err=True)
    advise(ctx, f"edgeworth train show {found.model_id}", "edgeworth train promote " + found.model_id)


@command.group("data", cls=Group, default="build", help="Build, check and combine rows to learn from.")
def data() -> None:
    """Group the sub-commands."""


@examples("edgeworth train data", "edgeworth train data --time-points 1 --time-points 7 --json")
@data.command("build")
@_rows
@click.option("--output", type=click.Path(path_type=Path), help="Also write the dataset to this folder.")
@click.pass_context
def build(
    ctx: click.Context, sample: str, time_points: tuple[float, ...], start: str | None, end: str | None,
    categories: tuple[str, ...], source: str | None, columns: tuple[str, ...], features: str,
    min_volume: float | None, output: Path | None,
) -> None:  # fmt: skip
    """Build rows of resolved markets at decision times and say what they could prove."""
    from edgeworth.app import training
    from edgeworth.core.clock import SystemClock

    request = training.DataRequest(
        None, sample, time_points, start, end, categories, source, columns, features, min_volume
    )
    dataset = training.make_dataset(configuration(ctx), request, SystemClock())
    folder = dataset.write(output) if output else None
    found = training.check_dataset(dataset)
    if wants_json(ctx):
        emit(ctx, "dataset", {**found, "folder": folder})
        return
    _print_check(ctx, found)
    if folder:
        click.echo(folder)
    advise(ctx, "edgeworth train")


@data.command("combine")
@click.option("--batches", multiple=True, required=True, type=click.Path(path_type=Path), help="A dataset folder.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of the union.")
@click.pass_context
def combine(ctx: click.Context, batches: tuple[Path, ...], output: Path) -> None:
    """Unite datasets by market, time and point; conflicts are reported, the first stands."""
    from edgeworth.app import training

    if len(batches) < 2:
        raise UsageError("bad-option", "name at least two --batches")
    found = training.combine_datasets(batches, output)
    facts = {"rows": found.dataset.frame.height, "repeated": found.repeated, "conflicts": found.conflicts}
    if wants_json(ctx):
        emit(ctx, "combined", {**facts, "folder": output})
        return
    click.echo(f"{facts['rows']:,} rows, {found.repeated:,} repeated, {found.conflicts:,} in conflict: {output}")


@examples("edgeworth train ls", "edgeworth train ls --json")
@command.command("ls")
@click.pass_context
def ls(ctx: click.Context) -> None:
    """List saved models, newest first, with what each gained over the price out of fold."""
    import polars as pl

    from edgeworth.app import training

    rows = training.model_rows(configuration(ctx).home)
    if wants_json(ctx):
        emit(ctx, "models", rows)
    elif rows:
        print_frame(ctx, pl.DataFrame(rows))
    else:
        click.echo("no model yet: edgeworth train", err=True)


@examples("edgeworth train show champion --json")
@command.command("show")
@click.argument("model")
@click.pass_context
def show(ctx: click.Context, model: str) -> None:
    """Show the card of MODEL: an id, its beginning, or champion, challenger, previous."""
    from edgeworth.app import training

    home = configuration(ctx).home
    models = training.registry(home)
    card, found = models.card(model), models.find(model)
    aliases = training.aliases_of(home, found)
    if wants_json(ctx):
        emit(ctx, "model", {"model": found, "aliases": aliases, "card": card})
        return
    print_card(ctx, found, card, aliases)


@command.command("promote")
@click.argument("model")
@click.option("--if", "condition", type=click.Choice(["proven", "better"]), help="Promote only if this holds.")
@click.pass_context
def promote(ctx: click.Context, model: str, condition: str | None) -> None:
    """Make MODEL the champion; the one before becomes `previous`."""
    from edgeworth.app import training

    _aliases(ctx, training.promote(configuration(ctx).home, model, condition))


@command.command("rollback")
@click.pass_context
def rollback(ctx: click.Context) -> None:
    """Exchange champion and previous."""
    from edgeworth.app import training

    _aliases(ctx, training.registry(configuration(ctx).home).rollback())


@command.command("watch")
@click.option("--interval", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds.")
@click.pass_context
def watch(ctx: click.Context, interval: float) -> None:
    """Follow a training that runs in another terminal until it ends."""
    import asyncio

    from edgeworth.app import training
    from edgeworth.core.clock import SystemClock

    home, clock = configuration(ctx).home, SystemClock()
    while True:
        state = training.training_state(home)
        if wants_json(ctx):
            emit(ctx, "training-state", state)
        else:
            click.echo(f"{state['updated']}  {state['state']:<8} {state['done']}/{state['total']}  {state['what']}")
        if state["state"] != "running":
            return
        asyncio.run(clock.sleep(interval))


def _aliases(ctx: click.Context, aliases: dict[str, str]) -> None:
    if wants_json(ctx):
        emit(ctx, "aliases", aliases)
        return
    for alias, model in aliases.items():
        click.echo(f"{alias:<11} {model}")


def _print_check(ctx: click.Context, found: dict[str, Any]) -> None:
    import polars as pl

    out = console(ctx)
    out.print(
        f"{found['rows']:,} rows of {found['markets']:,} markets in {found['events']:,} independent events   "
        f"YES {found['yes_share']:.1%}   mean price {found['mean_price']:.3f}",
        markup=False,
    )
    if found["detectable"] is None:
        out.print("too few events to prove any difference from the price", markup=False)
    else:
        words = f"can prove (80 % power) a true difference from the price of {100 * found['detectable']:.1f} points"
        out.print(words, markup=False)
    print_frame(ctx, pl.DataFrame(found["years"]), title="by year")
    print_frame(ctx, pl.DataFrame(found["categories"]), title="by category")
