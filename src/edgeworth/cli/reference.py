"""Write every generated reference page, the command line's among them: `python -m edgeworth.cli.reference docs`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from edgeworth.cli.main import VERBS, cli


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Yield (full name, command) of every command that does something, in reading order."""
    root = click.Context(cli, info_name="edgeworth")
    for verb in VERBS:
        command = cli.get_command(root, verb)
        if command is None:
            continue
        inner = getattr(command, "commands", None)
        if inner is None:
            yield f"edgeworth {verb}", command
            continue
        default = getattr(command, "default", None)
        for name, leaf in inner.items():
            yield f"edgeworth {verb}" + ("" if name == default else f" {name}"), leaf


def cli_page() -> str:
    """Return the page of commands, made from their help."""
    head = (
        "# Command line\n\nData go to standard output, talk to standard error. Every command takes `--json`,\n"
        "`--home DIR`, `--config FILE`, `--quiet`, `--no-color` and `--no-input`, before or after the verb.\n"
        "Exit codes and error codes: [errors](errors.md).\n"
    )
    parts = [head]
    for name, command in leaves():
        # a command remembers the help option of its first context: make it the one that people get
        context = click.Context(
            command, info_name=name, max_content_width=100, terminal_width=100, help_option_names=["-h", "--help"]
        )
        parts.append(f"## {name}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def write_all(folder: Path) -> list[Path]:
    """Write all generated pages below `folder`."""
    from edgeworth.app.docs import write_pages

    path = folder / "reference" / "cli.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(cli_page(), encoding="utf-8")
    return [path, *write_pages(folder)]


if __name__ == "__main__":
    for page in write_all(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        sys.stdout.write(f"{page}\n")
