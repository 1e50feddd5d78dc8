"""`edgeworth demo`: the whole pipeline on a simulated world, with the truth beside the verdicts."""

import click

from edgeworth import __version__
from edgeworth.cli.options import Command, examples, option
from edgeworth.cli.output import advise, configuration, console, emit, wants_json
from edgeworth.cli.progress import for_context


@examples("edgeworth demo --scenario tiny", "edgeworth demo --about", "edgeworth demo --scenario tiny --json")
@click.command("demo", cls=Command)
@click.option(
    "--scenario", default="newcomer", show_default=True, help="Which world: newcomer, null, power, large, tiny."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the world and the bootstrap; 7 by default.")
@click.option("--files", is_flag=True, help="Import the world's dumps instead of collecting over the venue's protocol.")
@click.option("--no-trade", is_flag=True, help="Leave out the hour of paper trading at the end.")
@click.option("--about", is_flag=True, help="Say what the world holds and which biases are planted, then stop.")
@click.pass_context
def command(ctx: click.Context, scenario: str, seed: int | None, files: bool, no_trade: bool, about: bool) -> None:
    """Simulate a venue, collect from it, backtest every strategy, write the report, compare with the truth.

    No account, no network, no question. Everything lies in the folder `demo` of the home.
    """
    from edgeworth.app.demo import run_demo
    from edgeworth.core.clock import SystemClock
    from edgeworth.sandbox.scenario import describe

    if about:
        text = describe(scenario)
        if wants_json(ctx):
            emit(ctx, "demo-about", {"text": text})
        else:
            click.echo(text)
        return
    config = configuration(ctx, reading=False, run__seed=seed)
    number = config.settings.run.seed
    quiet = bool(option(ctx, "quiet")) or wants_json(ctx)
    out = console(ctx)
    if not quiet:
        out.print(
            f"edgeworth {__version__}   [bold blue]SANDBOX[/bold blue]   scenario {scenario}, seed {number}: "
            "a simulated world, no third-party data, nothing leaves this computer"
        )

    def say(step: str, words: str, seconds: float) -> None:
        if not quiet:
            out.print(f"[green] ok[/green] {step:<9} ", end="")
            out.print(f"{words}   {seconds:.1f} s", markup=False, soft_wrap=True)

    found = run_demo(config, scenario, number, (for_context(ctx), SystemClock(), say), files=files, trade=not no_trade)
    following = (
        "edgeworth data ls",
        "edgeworth backtest crypto-favorite-fade",
        "edgeworth init strategy my-rule",
        "edgeworth trade status",
    )
    if wants_json(ctx):
        emit(ctx, "demo", found.to_dict(), next_commands=following)
        return
    from edgeworth.cli.verdicts import print_table

    if not quiet:
        out.print()
    print_table(ctx, found.result.results, found.result.reverses)
    out.print("\nwhat was found, and what is true in this world:")
    for finding in found.findings:
        out.print(f"  {finding.strategy:<23} {finding.sentence}", markup=False, soft_wrap=True)
    out.print(
        "\nThis world is simulated: its edges were planted so that you can see what a real one looks like.\n"
        f"No order left this computer. Whole demo: {found.seconds:.1f} s.",
        markup=False,
    )
    advise(ctx, f"open {found.report['html']}", *following)
