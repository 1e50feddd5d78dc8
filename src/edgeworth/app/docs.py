"""Reference pages that are generated from the code whole, so that they cannot drift.

Written by `python -m edgeworth.cli.reference docs`.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from edgeworth.app.topics import EXIT_CODES
from edgeworth.core.config import Settings, dotted_keys
from edgeworth.core.error_codes import CODES
from edgeworth.core.schema import SCHEMAS


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(header)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def config_page() -> str:
    """Return the page of settings."""
    defaults = Settings().model_dump()
    rows = []
    for key, text in dotted_keys().items():
        section, _, name = key.rpartition(".")
        value = defaults[section][name] if section else defaults[name]
        variable = "EDGEWORTH_" + key.upper().replace(".", "__")
        rows.append((f"`{key}`", f"`{value}`", f"`{variable}`", text))
    return (
        "# Settings\n\nOne file, `edgeworth.toml`: `--config`, else in the current folder, else in the home.\n"
        "A flag wins over the environment, the environment over the file, the file over the default.\n"
        "An unknown key is an error. `edgeworth doctor config` prints each value with its origin.\n"
        "Secrets have no place here.\n\n" + _table(("key", "default", "environment", "meaning"), rows)
    )


def errors_page() -> str:
    """Return the page of error codes and exit codes."""
    codes = _table(("code", "means", "fix"), ((f"`{code}`", doc.meaning, doc.hint) for code, doc in CODES.items()))
    exits = _table(("exit code", "means"), ((str(code), text) for code, text in EXIT_CODES.items()))
    return (
        "# Errors and exit codes\n\nEvery failure prints a stable code, the cause and a fix; with `--json` the same\n"
        "as an envelope on standard output. `edgeworth doctor explain CODE` prints what stands here.\n\n"
        f"## Exit codes\n\n{exits}\n## Codes\n\n{codes}"
    )


def schemas_page() -> str:
    """Return the page of frame schemas."""
    head = (
        "# Frames and tables\n\nEach column has an era: *static* is fixed when a market is first seen, *as-of* was\n"
        "known by the row's instant, *hindsight* only afterwards; the schema layer keeps it out of feature frames.\n"
        "`markets`, `prices`, `resolutions` and `candles` can be queried with `edgeworth data sql`.\n"
    )
    parts = [head]
    for schema in SCHEMAS.values():
        rows = (
            (f"`{c.name}`", c.dtype, c.unit or "-", c.era.value, "yes" if c.nullable else "no", c.doc)
            for c in schema.columns
        )
        parts.append(f"## {schema.name}\n\n" + _table(("column", "type", "unit", "era", "nullable", "meaning"), rows))
    return "\n".join(parts)


def _features_page() -> str:
    from edgeworth.features.document import reference_page

    return reference_page()


def _tracker_page() -> str:
    from edgeworth.features.tracker import reference_page

    return reference_page()


def _technical_page() -> str:
    from edgeworth.features.technical.document import reference_page

    return reference_page()


def _columns_page() -> str:
    from edgeworth.app.columns_docs import reference_page

    return reference_page()


def _sandbox_page() -> str:
    from edgeworth.app.sandbox_docs import sandbox_page

    return sandbox_page()


def _agreement_page() -> str:
    from edgeworth.trading.agreement_reasons import reasons_page

    return reasons_page()


def _risk_page() -> str:
    from edgeworth.trading.risk_codes import risk_page

    return risk_page()


PAGES: dict[str, Callable[[], str]] = {
    "reference/agreement-reasons.md": _agreement_page,
    "reference/config.md": config_page,
    "reference/errors.md": errors_page,
    "reference/schemas.md": schemas_page,
    "reference/columns.md": _columns_page,
    "reference/features.md": _features_page,
    "reference/risk-codes.md": _risk_page,
    "reference/sandbox.md": _sandbox_page,
    "reference/tracker-features.md": _tracker_page,
    "reference/technical-features.md": _technical_page,
}


def write_pages(folder: Path) -> list[Path]:
    """Write every generated page below `folder` and return the paths."""
    written = []
    for name, render in PAGES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(), encoding="utf-8")
        written.append(path)
    return written
