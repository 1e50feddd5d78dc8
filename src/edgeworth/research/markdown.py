"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def line(*cells: str) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], lines: Iterable[str], right: int = 0) -> str:
    """Return a whole table; the last `right` columns are aligned to the right."""
    rule = "".join("---|" if place < len(head) - right else "---:|" for place in range(len(head)))
    return "\n".join([line(*head), f"|{rule}", *lines])
