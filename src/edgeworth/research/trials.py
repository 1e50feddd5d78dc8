"""Counting what was tried: every evaluated configuration is a trial, the failed, repeated and swept ones as well.

Two numbers come out of it. The deflated Sharpe ratio of a rule uses all trials ever made of that rule (its family)
with the variance of their Sharpe ratios; the p-value is adjusted for the distinct configurations of any rule tried in
this home. Reverse controls are not trials: nobody would trade them because they look good.
"""

from dataclasses import dataclass

import numpy as np

from edgeworth.store.ledger_db import Ledger, Trial


@dataclass(frozen=True, slots=True)
class Trials:
    """How often the user has tried: `total` evaluations of this rule ever, `distinct` configurations of any rule.

    `variance`: of the Sharpe ratios over this rule's trials, None when fewer than two are known.
    """

    total: int = 1
    distinct: int = 1
    variance: float | None = None


def tally(ledger: Ledger, families: list[str]) -> dict[str, Trials]:
    """Return for each family what was tried so far, everything in the ledger included."""
    rows = ledger.trials()
    distinct = len({(row.strategy, row.params_hash) for row in rows})
    return {family: _of_family([row for row in rows if row.family == family], distinct) for family in families}


def _of_family(rows: list[Trial], distinct: int) -> Trials:
    sharpes = [row.sharpe for row in rows if row.sharpe is not None]
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) >= 2 else None
    return Trials(max(len(rows), 1), max(distinct, 1), variance)
