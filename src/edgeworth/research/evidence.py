"""The flat trades of one rule as the proof sees them: one share each, settled, with their event."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.research.bootstrap import event_sums

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MULTIPLIERS: Final = (0.0, 1.0, 2.0)  # of the stated costs


@dataclass(frozen=True, slots=True)
class Evidence:
    """N settled one-share trades in decision order; voided ones are left out (they return what was paid).

    `market`: panel index. `event`: label, a lone market is its own. `exclusive`: the event is negRisk. `t`, `t_fill`:
    decision and fill. `side`: +1 YES, -1 NO. `mid`: price of the side bought before costs, at the fill. `cost`: (3, N)
    all-in dollars per share at 0, 1 and 2 times the stated costs. `payout`: of one share of that side. `known_at`:
    when the payout became known. `fair`: the learned probability of the side winning at the decision, not-a-number
    where none was learned.
    """

    market: Ints
    event: Ints
    exclusive: npt.NDArray[np.bool_]
    t: Ints
    t_fill: Ints
    side: Ints
    mid: Floats
    cost: Floats
    payout: Floats
    known_at: Ints
    fair: Floats

    def __len__(self) -> int:
        return len(self.t)

    @property
    def events(self) -> int:
        """Return the number of independent events."""
        return len(np.unique(self.event))

    @property
    def paid(self) -> Floats:
        """Return what a share cost at the stated costs, shape (N,)."""
        return np.asarray(self.cost[1])

    @property
    def profit(self) -> Floats:
        """Return the profit per share at the stated costs, shape (N,)."""
        return np.asarray(self.payout - self.cost[1])

    def event_returns(self) -> Floats:
        """Return profit per event over the mean cost of an event, shape (G,): the returns that Sharpe is taken of."""
        if not len(self):
            return np.zeros(0)
        sums = event_sums(np.column_stack([self.profit, self.paid]), self.event)
        return np.asarray(sums[:, 0] / max(float(sums[:, 1].mean()), 1e-12))

    def events_per_day(self) -> float:
        """Return independent events per day between the first and the last decision; 0 with fewer than two."""
        if len(self) < 2:
            return 0.0
        days = float(self.t.max() - self.t.min()) / 86_400e6
        return self.events / days if days > 0 else 0.0
