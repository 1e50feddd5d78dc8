"""`edgeworth init`: a wizard for the settings file, and a scaffold for a strategy."""

import sys
from pathlib import Path
from typing import Any

import click

from edgeworth.cli.options import Group, examples, option
from edgeworth.cli.output import advise, configuration, emit, wants_json
from edgeworth.core.errors import UsageError


@click.group("init", cls=Group, default="settings", help="Write a settings file, or scaffold a strategy.")
def command() -> None:
    """Group the sub-commands."""


@examples("edgeworth init --yes", "edgeworth init --yes --force --output edgeworth.toml")
@command.command("settings")
@click.option("--yes", is_flag=True, help="Take every default, ask nothing.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("edgeworth.toml"), show_default=True)
@click.pass_context
def settings(ctx: click.Context, yes: bool, force: bool, output: Path) -> None:
    """Ask six questions, each with a default, and write edgeworth.toml."""
    from edgeworth.app import setup

    silent = bool(option(ctx, "no_input")) or wants_json(ctx) or not sys.stdin.isatty()
    if silent and not yes:
        raise UsageError("bad-option", "there is no one to ask", "pass --yes to take the defaults")
    if output.exists() and not force:
        raise UsageError("file-exists", f"{output} exists already")
    answers = {key: setup.default_of(key) if yes else _ask(key, text) for key, text in setup.QUESTIONS}
    text = setup.settings_text(answers)
    setup.write_new(output, text, force=force)
    if wants_json(ctx):
        emit(ctx, "init", {"file": output, "settings": answers}, next_commands=["edgeworth doctor"])
        return
    click.echo(text, nl=False)
    click.echo(f"written to {output}", err=True)
    advise(ctx, "edgeworth doctor", "edgeworth demo")


@examples("edgeworth init service", "edgeworth init service --output edgeworth.service --mode aggressive")
@command.command("service")
@click.option("--output", type=click.Path(path_type=Path), help="File to write; printed by default.")
@click.option("--mode", type=click.Choice(["scheduled", "aggressive"]), help="Preset of the collector.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_context
def service(ctx: click.Context, output: Path | None, mode: str | None, force: bool) -> None:
    """Print or write a systemd unit that keeps `data collect` running."""
    import shutil

    from edgeworth.app import collecting, setup

    found = shutil.which("edgeworth")
    program = (found,) if found else (sys.executable, "-m", "edgeworth.cli")
    text = collecting.service_unit(configuration(ctx, reading=False), program, ("--mode", mode) if mode else ())
    path = None if output is None else setup.write_new(output, text, force=force)
    following = "systemctl --user enable --now edgeworth"
    if wants_json(ctx):
        emit(ctx, "init-service", {"file": path, "unit": text}, next_commands=[following])
        return
    if path is None:
        click.echo(text, nl=False)
        advise(ctx, "edgeworth init service --output ~/.config/systemd/user/edgeworth.service")
    else:
        click.echo(path)
        advise(ctx, following)


def _ask(key: str, text: str) -> Any:
    from edgeworth.app import setup

    default = setup.default_of(key)
    return click.prompt(text, default=default, type=type(default), err=True)


@examples("edgeworth init strategy my-fade")
@command.command("strategy")
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(), help="Where to write it.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.pass_context
def strategy(ctx: click.Context, name: str, folder: Path, force: bool) -> None:
    """Write a strategy called NAME and its test, ready to run."""
    from edgeworth.app import setup

    paths = setup.write_strategy(name, folder, force=force)
    script = next((path for path in paths if not path.name.startswith("test_")), paths[0])
    following = f"edgeworth backtest ./{script}" if not script.is_absolute() else f"edgeworth backtest {script}"
    if wants_json(ctx):
        emit(ctx, "init-strategy", {"files": paths}, next_commands=[following])
        return
    for path in paths:
        click.echo(path)
    advise(ctx, following)
