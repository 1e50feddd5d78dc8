"""model-edge: trade a model's forecast where even the near end of its interval clears the price and the stated cost.

Claim to test: a model that learned where prices were wrong finds more of that. In a backtest the forecast of a row
comes from a model trained on outcomes known by then (`edgeworth backtest model`). What would prove it wrong: its sides
win no more often than they cost, after spread and fee, counted in independent events.
"""

from dataclasses import dataclass
from typing import Final

from edgeworth.strategies.base import Call, Row, no, strategy, yes

_ERRORS: Final = 2 * 1.959964  # width of a 95 % interval in standard errors


@strategy
@dataclass(frozen=True)
class ModelEdge:
    """Buy the side whose forecast, at the near end of its interval, exceeds price + `cost` by `min_edge`.

    `learners` and `refit_days` say whose forecasts a backtest makes, so that each choice counts as a trial.
    """

    name, version = "model-edge", 1
    needs = ("price", "no_price", "forecast", "forecast_low", "forecast_high")
    min_edge: float = 0.01
    cost: float = 0.01
    learners: str = "logistic,xgb,lgbm"
    refit_days: int = 30

    def opinions(self, row: Row) -> tuple[Call, Call]:
        """State the forecast as the probability."""
        least = self.cost + self.min_edge
        error = (row.forecast_high - row.forecast_low) / _ERRORS
        return (
            yes(when=row.forecast_low - row.price > least, reason="model above price", p=row.forecast, se=error),
            no(
                when=1.0 - row.forecast_high - row.no_price > least, reason="model below price",
                p=1.0 - row.forecast, se=error,
            ),
        )  # fmt: skip
