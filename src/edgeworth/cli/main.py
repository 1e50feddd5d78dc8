"""Entry point: look up the verb, run it, turn every failure into a code, a cause and a fix."""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

import click

from edgeworth import __version__
from edgeworth.cli.failures import INTERRUPTED, report_failure
from edgeworth.cli.options import GLOBAL_OPTIONS, remember

# verb -> (module, one line); the modules are imported only when their verb is used, which keeps --help fast
VERBS = {
    "demo": "Simulate a venue, collect from it, backtest, write the report.",
    "init": "Write a settings file, or scaffold a strategy.",
    "data": "Import, list, query, verify and export markets and prices.",
    "train": "Train forecasters that are measured against the price.",
    "backtest": "Prove or bury strategies on resolved markets.",
    "signals": "Scan markets for signals that clear their costs.",
    "trade": "Trade on paper, on the simulated venue, or live.",
    "report": "Write a run's report, or measure how calibrated the market is.",
    "serve": "Start the simulated venue (and later the API).",
    "doctor": "Check this installation; explain errors and settings.",
}


class Verbs(click.Group):
    """Import a verb's module on first use and suggest the nearest name for an unknown one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in reading order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of a verb, or None when there is no such verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"edgeworth.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one fails with a suggestion."""
        name = args[0]
        if not name.startswith("-") and name not in VERBS:
            close = difflib.get_close_matches(name, VERBS, n=1)
            error = click.UsageError(f"there is no verb '{name}'", ctx)
            error.code = "unknown-command"  # type: ignore[attr-defined]
            error.hint = f"did you mean '{close[0]}'?" if close else "edgeworth --help lists the verbs"  # type: ignore[attr-defined]
            raise error
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs from the table above, without importing any of them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=Verbs,
    name="edgeworth",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    params=list(GLOBAL_OPTIONS),
)
@click.version_option(__version__, "--version", prog_name="edgeworth")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Find, prove and trade edges in prediction markets. Start with: edgeworth demo."""
    remember(ctx)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its documented code; never show a traceback for a user's mistake."""
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        code = cli.main(args=arguments, prog_name="edgeworth", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  (the edge of the program: everything ends as a code)
        code = report_failure(error, arguments)
    if code == INTERRUPTED:
        # CPython remembers a KeyboardInterrupt that passed through exec() and would die of SIGINT instead
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)
