"""`edgeworth doctor`: check the installation, show settings with their origin, explain codes and words."""

import click

from edgeworth.cli.options import Group, examples
from edgeworth.cli.output import advise, configuration, console, emit, wants_json
from edgeworth.core.errors import GateError

_MARK = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.group("doctor", cls=Group, default="check", help="Check this installation; explain errors and settings.")
def command() -> None:
    """Group the sub-commands."""


@examples("edgeworth doctor", "edgeworth doctor --json")
@command.command("check")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Run every check; exit 8 when one fails."""
    from edgeworth.app.checks import as_rows, run_checks

    checks = run_checks(configuration(ctx))
    failed = [item.name for item in checks if item.status == "fail"]
    if wants_json(ctx):
        if not failed:
            emit(ctx, "doctor", {"checks": as_rows(checks), "failed": failed})
    else:
        out = console(ctx)
        for item in checks:
            color = _MARK[item.status]
            out.print(f"[{color}]{item.status:>4}[/{color}]  {item.name:<10} ", end="")
            out.print(item.finding + (f"  ({item.fix})" if item.fix else ""), markup=False)
    if failed:
        raise GateError("check-failed", f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}",
                        checks=as_rows(checks))  # fmt: skip
    advise(ctx, "edgeworth demo", "edgeworth doctor explain verdict")


@examples("edgeworth doctor config", "edgeworth doctor config --json")
@command.command("config")
@click.pass_context
def config(ctx: click.Context) -> None:
    """Print every setting with its value and where it came from."""
    from edgeworth.core.config import dotted_keys

    loaded = configuration(ctx, reading=False)
    tree = loaded.settings.model_dump()
    rows = []
    for key, text in dotted_keys().items():
        section, _, name = key.rpartition(".")
        value = tree[section][name] if section else tree[name]
        rows.append({"key": key, "value": value, "origin": loaded.origins[key], "meaning": text})
    if wants_json(ctx):
        emit(ctx, "config", {"home": loaded.home.root, "file": loaded.file, "settings": rows})
        return
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("key", "value", "origin", "meaning"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("key", "value", "origin", "meaning")))
    console(ctx).print(table)


@examples("edgeworth doctor explain verdict", "edgeworth doctor explain exit-codes", "edgeworth doctor explain")
@command.command("explain")
@click.argument("name", required=False)
@click.pass_context
def explain(ctx: click.Context, name: str | None) -> None:
    """Explain an error code or a word; without NAME, list what can be explained."""
    from edgeworth.app import topics

    text = topics.explain(name) if name else "\n".join(topics.listing())
    if wants_json(ctx):
        emit(ctx, "explain", {"name": name, "text": text})
    else:
        click.echo(text)
