"""`edgeworth serve`: the simulated venue on a loopback port, with its own clock and its own accidents."""

import sys
from typing import TYPE_CHECKING

import click

from edgeworth.cli.options import Command, examples, option
from edgeworth.cli.output import advise, emit, wants_json

if TYPE_CHECKING:
    from edgeworth.app.serving import Served


@examples("edgeworth serve --sandbox", "edgeworth serve --sandbox --speed 60 --scenario live-small --scenario mixed")
@click.command("serve", cls=Command)
@click.option("--sandbox", is_flag=True, help="Serve the simulated venue.")
@click.option("--world", type=click.IntRange(min=0), default=7, show_default=True, help="Seed of the world.")
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME", help="A world (live, live-small) or a fault; repeatable."
)
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Virtual seconds per second; 1 by default.")
@click.option("--step", is_flag=True, help="Time stands still until POST /control/advance moves it.")
@click.option("--start", metavar="DATE", help="Virtual time to begin at; by default thirty days before its data end.")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 picks a free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.pass_context
def command(
    ctx: click.Context,
    sandbox: bool,
    world: int,
    scenarios: tuple[str, ...],
    speed: float | None,
    step: bool,
    start: str | None,
    port: int,
    host: str,
) -> None:
    """Serve the simulated venue until Ctrl-C: metadata, order service, data service, exchange, sockets and feeds."""
    from edgeworth.app.serving import ServeOptions, serve_sandbox
    from edgeworth.core.clock import SystemClock
    from edgeworth.core.instants import parse_bound

    if not sandbox:
        raise click.UsageError("say what to serve: --sandbox", ctx)
    if step and speed is not None:
        raise click.UsageError("--step and --speed exclude each other", ctx)
    pace = None if step else (speed or 1.0)
    begin = None if start is None else parse_bound(start, SystemClock().now())
    options = ServeOptions(world, scenarios, pace, host, port, begin)
    try:
        serve_sandbox(options, lambda served: _announce(ctx, served))
    except KeyboardInterrupt:
        if not wants_json(ctx) and not option(ctx, "quiet"):
            click.echo("stopped", err=True)


def _announce(ctx: click.Context, served: "Served") -> None:
    following = (f"EDGEWORTH_ENDPOINTS__SANDBOX={served.url} edgeworth data collect --once",)
    if wants_json(ctx):
        emit(ctx, "serve", served.to_dict(), next_commands=following)
    else:
        pace = "by steps (POST /control/advance)" if served.speed is None else f"speed {served.speed:g}"
        faults = f", faults: {', '.join(served.faults)}" if served.faults else ""
        click.echo(
            f"SANDBOX  {served.url}   world {served.scenario}/{served.seed}, {served.open_markets:,} open markets, "
            f"virtual time {served.start}, {pace}{faults}"
        )
        advise(ctx, *following, "Ctrl-C stops")
    sys.stdout.flush()
