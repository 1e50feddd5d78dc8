"""The text of a new strategy: one file, and a test beside it that runs."""

import re

from edgeworth.core.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")

_STRATEGY = '''"""{title}: say here what the rule claims, and what would prove it wrong."""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, no, strategy


@strategy
@dataclass(frozen=True)
class {cls}:
    """Take NO where YES trades above `threshold` and more than `min_hours` are left."""

    name, version, needs = "{name}", 1, ("price", "hours_to_end")
    threshold: float = 0.80
    min_hours: float = 24.0

    def opinions(self, row: Row) -> Call:
        """Name a side, never an edge: what the side is worth is learned from this rule's own resolved past."""
        fire = (row.price > self.threshold) & (row.hours_to_end > self.min_hours)
        return no(when=fire, reason="favourite with time left")
'''

_TEST = '''"""Check where {name} speaks and where it is silent."""

from pathlib import Path

from edgeworth.core.types import Side
from edgeworth.strategies.evaluate import sides
from edgeworth.strategies.registry import find

RULE = find(str(Path(__file__).with_name("{module}.py")))


def test_it_takes_no_against_a_favourite_with_time_left():
    assert sides(RULE, [{{"price": 0.90, "hours_to_end": 100.0}}]) == [Side.NO]


def test_it_is_silent_elsewhere_and_where_the_end_is_unknown():
    rows = [
        {{"price": 0.50, "hours_to_end": 100.0}},
        {{"price": 0.90, "hours_to_end": 1.0}},
        {{"price": 0.90, "hours_to_end": None}},
    ]
    assert sides(RULE, rows) == [None, None, None]
'''


def scaffold(name: str) -> dict[str, str]:
    """Return file names and texts of a new strategy and its test; raises UsageError `bad-name`."""
    cleaned = name.strip()
    if not _NAME.fullmatch(cleaned):
        raise UsageError("bad-name", f"'{name}' cannot name a strategy", "use lower-case letters, digits and dashes")
    kebab = cleaned.replace("_", "-")
    module = cleaned.replace("-", "_")
    words = {
        "name": kebab,
        "module": module,
        "cls": "".join(part.capitalize() for part in kebab.split("-")),
        "title": kebab.replace("-", " ").capitalize(),
    }
    return {f"{module}.py": _STRATEGY.format(**words), f"test_{module}.py": _TEST.format(**words)}
