"""Counting what was tried: every evaluated configuration is a trial, the failed, repeated and swept ones as well.

Two numbers come out of it. The deflated Sharpe ratio of a rule uses the number of all trials ever made of that rule in
this home (its family, on any data) with the variance of the Sharpe ratios of its distinct configurations on this data:
an exact repetition raises the count and leaves the variance alone, so it can only make the verdict stricter. The
p-value is adjusted for the distinct configurations of any rule tried in this home. Reverse controls are not trials:
nobody would trade them because they look good.
"""

from dataclasses import dataclass

import numpy as np

from edgeworth.store.ledger_db import Ledger, Trial


@dataclass(frozen=True, slots=True)
class Trials:
    """How often the user has tried: `total` evaluations of this rule ever, `distinct` configurations of any rule.

    `variance`: of the Sharpe ratios over this rule's distinct configurations on this data, None when fewer than two
    are known.
    """

    total: int = 1
    distinct: int = 1
    variance: float | None = None


def tally(ledger: Ledger, families: list[str], data: str) -> dict[str, Trials]:
    """Return for each family what was tried so far; `data` is the fingerprint of the panel being judged."""
    rows = ledger.trials()
    distinct = len({(row.strategy, row.params_hash) for row in rows})
    return {family: _of_family([row for row in rows if row.family == family], distinct, data) for family in families}


def _of_family(rows: list[Trial], distinct: int, data: str) -> Trials:
    latest = {row.params_hash: row.sharpe for row in rows if row.data == data}
    sharpes = [value for value in latest.values() if value is not None]
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) >= 2 else None
    return Trials(max(len(rows), 1), max(distinct, 1), variance)
