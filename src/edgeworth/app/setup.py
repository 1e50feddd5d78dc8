"""What `init` writes: a small settings file, and a strategy with its test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeworth.core.config import Settings
from edgeworth.core.errors import UsageError

# (dotted key, question): what a first settings file asks for; everything else keeps its default
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("venue", "Venue (sandbox or polymarket)"),
    ("risk.bankroll", "Bankroll in dollars"),
    ("risk.max_order", "Largest single order in dollars"),
    ("risk.kelly", "Fraction of the Kelly stake"),
    ("costs.half_spread", "Half spread to assume where no order book is recorded, dollars"),
    ("run.seed", "Seed of every random stream"),
)


def default_of(key: str) -> Any:
    """Return a setting's default by its dotted key."""
    node: Any = Settings()
    for part in key.split("."):
        node = getattr(node, part)
    return node


def settings_text(answers: Mapping[str, Any]) -> str:
    """Render answers (dotted key to value) as TOML; raises ConfigError when one of them is not allowed."""
    from edgeworth.core import config

    config.load(home=Path("/nonexistent"), folder=Path("/nonexistent"), overrides=dict(answers), environ={})
    plain = {key: value for key, value in answers.items() if "." not in key}
    lines = ["# edgeworth settings; secrets never go here. All keys: edgeworth doctor config", ""]
    lines += [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for section in dict.fromkeys(key.split(".")[0] for key in answers if "." in key):
        lines += ["", f"[{section}]"]
        lines += [
            f"{key.split('.', 1)[1]} = {_toml(value)}"
            for key, value in answers.items()
            if key.startswith(section + ".")
        ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def write_new(path: Path, text: str, *, force: bool = False) -> Path:
    """Write a file that must not exist yet; raises UsageError `file-exists` unless `force`."""
    if path.exists() and not force:
        raise UsageError("file-exists", f"{path} exists already")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_strategy(name: str, folder: Path, *, force: bool = False) -> list[Path]:
    """Write a strategy called `name` and its test into `folder`; returns the paths."""
    from edgeworth.strategies.scaffold import scaffold

    files = scaffold(name)
    if not force:
        for relative in files:
            if (folder / relative).exists():
                raise UsageError("file-exists", f"{folder / relative} exists already")
    return [write_new(folder / relative, text, force=True) for relative, text in files.items()]
