"""Let rules learn from the resolved past of a home, as it was known at an instant."""

from collections.abc import Sequence

from edgeworth.core.config import Settings
from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Outcomes, Panel
from edgeworth.features.columns import owners
from edgeworth.forecasting.firing import fire_all
from edgeworth.forecasting.learning import Learning, record
from edgeworth.forecasting.speaking import RuleSpeaker
from edgeworth.research.batch_signals.panels import known_outcomes
from edgeworth.research.collecting import decision_points
from edgeworth.strategies.base import Strategy


def learn_rules(
    rules: Sequence[Strategy], data: tuple[Panel, Outcomes] | None, settings: Settings, as_of: int
) -> list[RuleSpeaker]:
    """Let rules learn from markets whose outcome was known by `as_of`; without data they know nothing."""
    if data is None:
        return [RuleSpeaker(rule, None, settings) for rule in rules]
    panel, outcomes = data[0], known_outcomes(data[1], as_of)
    rows = decision_points(panel, outcomes, UNKNOWN_TIME, min(as_of + 1, NEVER))
    rows = rows[outcomes.known_at[owners(panel, rows)] != NEVER]  # an open market teaches nothing
    costs = settings.costs
    how = Learning(
        settings.proof.prior_events, costs.half_spread * costs.multiplier, costs.spread_share * costs.multiplier
    )
    return [
        RuleSpeaker(rule, record(firings, panel, outcomes, how), settings)
        for rule, firings in zip(rules, fire_all(panel, list(rules), rows), strict=True)
    ]
