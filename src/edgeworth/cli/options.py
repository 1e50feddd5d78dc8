"""Options that every command takes, before or after the verb, and the command classes that carry them."""

import difflib
from collections.abc import Callable
from typing import Any

import click

_META = "edgeworth.options"


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    if value not in (None, False) and param.name:
        ctx.meta.setdefault(_META, {})[param.name] = value
    return value


def _flag(*names: str, help: str, hidden: bool = False) -> click.Option:  # noqa: A002  (click's own word)
    return click.Option(names, is_flag=True, help=help, callback=_store, expose_value=False, hidden=hidden)


GLOBAL_OPTIONS: tuple[click.Option, ...] = (
    _flag("--json", "as_json", help="Print one JSON envelope instead of tables."),
    click.Option(["--home"], metavar="DIR", help="Where data lives.", callback=_store, expose_value=False),
    click.Option(["--config"], metavar="FILE", help="Settings file.", callback=_store, expose_value=False),
    _flag("-q", "--quiet", help="No progress, no advice."),
    _flag("--no-color", help="Plain output (also NO_COLOR).", hidden=True),
    _flag("--no-input", help="Never ask; never means yes.", hidden=True),
)


def _hidden_copies() -> list[click.Option]:
    copies = []
    for option in GLOBAL_OPTIONS:
        hidden = option.name not in {"as_json"}
        declared = [*option.opts, str(option.name)]
        copies.append(
            click.Option(
                declared, is_flag=option.is_flag, help=option.help, callback=_store, expose_value=False, hidden=hidden
            )
        )
    return copies


class Command(click.Command):
    """A leaf command that also understands the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *_hidden_copies()]


class Group(click.Group):
    """A verb with sub-commands; `default` names the one that takes over when the first word is not a sub-command."""

    command_class = Command

    def __init__(self, *args: Any, default: str | None = None, words: bool = False, **kwargs: Any) -> None:
        """Take `default`, the sub-command to run when none is named; with `words` it takes any first word."""
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *_hidden_copies()]
        self.default = default
        self.words = words

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default sub-command in front when the first word is none of ours."""
        if self.default and self._needs_default(args):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def _needs_default(self, args: list[str]) -> bool:
        if not args:
            return True
        first = args[0]
        if first in self.commands or first in {"-h", "--help"}:
            return False
        return first.startswith("-") or self.words

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; an unknown one fails with a suggestion."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], self.commands, n=1)
            error = click.UsageError(f"'{ctx.info_name}' has no sub-command '{args[0]}'", ctx)
            error.code = "unknown-command"  # type: ignore[attr-defined]
            error.hint = f"did you mean '{close[0]}'?" if close else f"{ctx.command_path} --help"  # type: ignore[attr-defined]
            raise error
        return super().resolve_command(ctx, args)


Group.group_class = Group


def remember(ctx: click.Context) -> None:
    """Make sure the options' dictionary exists on the root context."""
    ctx.meta.setdefault(_META, {})


def option(ctx: click.Context, name: str) -> Any:
    """Return a global option's value wherever it was given, or None."""
    return ctx.meta.get(_META, {}).get(name)


def examples(*lines: str) -> Callable[[click.Command], click.Command]:
    """Attach examples to a command's help; a test runs every one of them."""

    def attach(command: click.Command) -> click.Command:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
        command.examples = lines  # type: ignore[attr-defined]
        return command

    return attach
