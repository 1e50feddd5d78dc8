"""Checks of what is claimed around the numbers: columns, trials, categories, dates of news."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgeworth.core.schema import is_hindsight
from edgeworth.models.scores import Estimate, cluster_mean
from edgeworth.research.types import LintLine

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def hindsight_column(names: Sequence[str]) -> LintLine:
    """Fail when a feature or column has a name under which hindsight is known."""
    code = "leak-hindsight-column"
    found = sorted(name for name in names if is_hindsight(name))
    if found:
        return LintLine(code, False, f"the rule reads {', '.join(found)}")
    return LintLine(code, True, "the rule reads no column that is known only afterwards")


def trials(reported: int, counted: int) -> LintLine:
    """Fail when a result is deflated for fewer trials than were counted."""
    code = "bias-trials"
    if reported < max(counted, 1):
        return LintLine(code, False, f"deflated for {reported:,} trials where {counted:,} were made")
    return LintLine(code, True, "deflated for every trial counted so far")


def taxonomy(inside: Sequence[npt.NDArray[np.bool_]], profit: Floats, event: Ints) -> LintLine:
    """Fail when a finding depends on who classifies: proven under one taxonomy, not half of it under another.

    `inside`: per taxonomy, which rows (N,) belong to the category; `profit` per row, `event` labels.
    """
    code = "bias-taxonomy"
    found: list[Estimate] = [cluster_mean(profit[rows], event[rows]) for rows in inside if int(rows.sum()) > 1]
    if len(found) < 2:
        return LintLine(code, None, "there is only one taxonomy")
    values = " / ".join(f"{item.value:+.4f}" for item in found)
    proven = [item for item in found if item.low > 0 or item.high < 0]
    for item in proven:
        if any(other.value * np.sign(item.value) < 0.5 * abs(item.value) for other in found):
            return LintLine(code, False, f"the finding depends on the taxonomy: {values}")
    return LintLine(code, True, f"the taxonomies agree: {values}")


def news_date(fetched_at: Ints, used_at: Ints) -> LintLine:
    """Fail when a document was used before we had fetched it, whatever its publisher's date says.

    `fetched_at`: when our own copy was taken (UNKNOWN_TIME, the smallest instant, never counts as fetched).
    """
    code = "leak-news-date"
    if not len(used_at):
        return LintLine(code, None, "no documents are used")
    never = fetched_at == np.iinfo(np.int64).min
    early = (used_at < fetched_at) | never
    if early.any():
        return LintLine(code, False, f"{early.mean():.0%} of the documents were used before a copy was fetched")
    return LintLine(code, True, "every document was fetched before it was used")
