"""What a command prints: one JSON envelope, or tables for people; progress and advice go to stderr."""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeworth import __version__
from edgeworth.cli.options import option

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from edgeworth.core.config import Config


def configuration(ctx: click.Context, *, reading: bool = True, **overrides: Any) -> "Config":
    """Load the settings with the global options applied; `overrides` are dotted keys with `.` written as `__`.

    With `reading`, a home without data of its own gives way to the demo's simulated world inside it, and says so.
    """
    from edgeworth.app.homes import reading_home
    from edgeworth.core import config

    flags = {key.replace("__", "."): value for key, value in overrides.items() if value is not None}
    home, file = option(ctx, "home"), option(ctx, "config")
    loaded = config.load(
        home=Path(home).expanduser() if home else None, file=Path(file).expanduser() if file else None, overrides=flags
    )
    if not reading:
        return loaded
    chosen = reading_home(loaded)
    if chosen.home != loaded.home and not option(ctx, "quiet") and not wants_json(ctx):
        click.echo("SANDBOX  the demo's simulated world (nothing else has been imported yet)", err=True)
    return chosen


def wants_json(ctx: click.Context) -> bool:
    """Tell whether `--json` was given."""
    return bool(option(ctx, "as_json"))


def console(ctx: click.Context, *, err: bool = False) -> "Console":
    """Return a rich console on stdout or stderr that honours `--no-color`."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else 140
    return Console(stderr=err, no_color=bool(option(ctx, "no_color")) or None, highlight=False, width=width)


def clean(value: Any) -> Any:
    """Make a value JSON-ready: NaN and infinities become null, paths and enums text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(inner) for inner in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        return clean(value.item())
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


def emit(
    ctx: click.Context,
    schema: str,
    data: Any,
    *,
    next_commands: Sequence[str] = (),
    warnings: Iterable[dict[str, str]] = (),
    meta: dict[str, Any] | None = None,
) -> None:
    """Print the JSON envelope of one command."""
    envelope = {
        "schema": f"edgeworth.{schema}/1",
        "ok": True,
        "data": clean(data),
        "warnings": list(warnings),
        "next": list(next_commands),
        "meta": {"version": __version__, **clean(meta or {})},
    }
    click.echo(json.dumps(envelope, ensure_ascii=False, allow_nan=False))
    del ctx


def advise(ctx: click.Context, *commands: str) -> None:
    """Name the next useful commands on stderr."""
    if commands and not option(ctx, "quiet"):
        click.echo("next   " + "   |   ".join(commands), err=True)


def frame_rows(frame: "pl.DataFrame") -> list[dict[str, Any]]:
    """Return a frame as JSON-ready rows."""
    return [clean(row) for row in frame.iter_rows(named=True)]


def print_frame(ctx: click.Context, frame: "pl.DataFrame", *, title: str = "") -> None:
    """Print a frame as a table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name, dtype in frame.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(Text(cell(value)) for value in row))
    console(ctx).print(table)


def cell(value: Any) -> str:
    """Print one value for a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if math.isfinite(value) else "-"
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value)
    return str(value)
