"""The reference page of features, generated from the registry so that it cannot fall behind."""

from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.features.registry import FEATURES, Feature

_HEAD = """# Features

A feature's value at a row is computed from what was known at the row's instant, and from nothing else. A strategy names
the features it reads in `needs` and uses them as `row.<name>`. This page is generated:
`python -m edgeworth.cli.reference docs`.

*kind*: `panel` reads recorded history, `expression` is elementwise over its inputs, `window`, `recurrence` and
`cross-section` are compiled kernels that are handed nothing later than their row. *era*: `static` is fixed when the
market is first seen, `as-of` was known by the row's instant. *null*: whether a value may be missing; a condition on a
missing value does not hold.
"""


def reference_page() -> str:
    """Return the page as Markdown: one table per group."""
    groups: dict[str, list[Feature]] = {}
    for found in FEATURES.values():
        groups.setdefault(found.group, []).append(found)
    parts = [_HEAD]
    for group, members in sorted(groups.items()):
        parts.append(f"\n## {group.capitalize()}\n")
        parts.append("| name | unit | looks back | kind | era | null | meaning |\n|---|---|---|---|---|---|---|")
        parts += [_row(found) for found in sorted(members, key=lambda found: found.name)]
    return "\n".join(parts) + "\n"


def _row(found: Feature) -> str:
    doc = found.doc.replace("|", "\\|")
    cells = (
        f"`{found.name}`",
        found.unit or found.dtype.lower(),
        _lookback(found),
        found.kind.value,
        found.era.value,
        "yes" if found.nullable else "no",
        doc,
    )
    return "| " + " | ".join(cells) + " |"


def _lookback(found: Feature) -> str:
    if found.points is not None:
        return f"{found.points} points"
    if found.lookback is not None:
        for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
            if found.lookback % unit == 0:
                return f"{found.lookback // unit}{name}"
    return {"recurrence": "whole path", "cross-section": "latest of the event"}.get(found.kind.value, "the row")


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference_page())
