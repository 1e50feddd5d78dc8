"""Which forecast of variance gives the best touch probabilities: a table on contracts cut from candle paths."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.features.fairvalue import formulas
from edgeworth.features.fairvalue.mixture import mix
from edgeworth.models.scores import Estimate, clip, cluster_mean, log_loss, log_losses
from edgeworth.models.variance import ConstantVariance, HarVariance, PersistentVariance, VarianceForecast
from edgeworth.research.virtual_contracts import Contracts

Floats = npt.NDArray[np.float64]
_FIRST_SHARE = 0.5  # of the time line, for fitting
_CONSTANT = 0.6


@dataclass(frozen=True, slots=True)
class Row:
    """One model on the test contracts: log-loss, and its excess over HAR with an interval clustered by symbol-month."""

    model: str
    log_loss: float
    accuracy: float
    excess: Estimate | None


@dataclass(frozen=True, slots=True)
class Study:
    """The table, the model fitted on the first part, and the sizes; `test` contracts in `groups` symbol-months."""

    rows: tuple[Row, ...]
    har: HarVariance
    train: int
    test: int
    groups: int

    def row(self, model: str) -> Row:
        """Return one model's row."""
        return next(row for row in self.rows if row.model == model)


def compare(contracts: Contracts, days: float) -> Study:
    """Fit on contracts decided in the first half of time, score the later ones; raises DataError too-few-rows.

    Contracts under way at the cut are in neither part: their labels reach over it.
    """
    if not len(contracts):
        raise DataError("too-few-rows", "no contract could be cut from these candles")
    first, last = int(contracts.t0.min()), int(contracts.t1.max())
    cut = first + round(_FIRST_SHARE * (last - first))
    train, test = contracts.choose(contracts.t1 <= cut), contracts.choose(contracts.t0 >= cut)
    har = HarVariance.fit(train.realised, train.later, days)
    if not len(test):
        raise DataError("too-few-rows", "no contract lies after the cut")
    probabilities = forecasts(test, har, float(train.touched.mean()))
    losses = {name: log_losses(p, test.touched) for name, p in probabilities.items()}
    rows = []
    for name, p in probabilities.items():
        excess = None if name == "HAR" else cluster_mean(losses[name] - losses["HAR"], test.group)
        rows.append(Row(name, log_loss(p, test.touched), float(((p > 0.5) == (test.touched > 0.5)).mean()), excess))
    return Study(tuple(rows), har, len(train), len(test), len(np.unique(test.group)))


def forecasts(test: Contracts, har: HarVariance, base_rate: float) -> Mapping[str, Floats]:
    """Return the touch probability of every model for each contract; zero drift, shape (n,)."""
    fitted = har.forecast(test.realised)
    ends = formulas.above(test.spot, test.level, test.years, fitted.sigma)
    one_sided = np.where(test.level > test.spot, ends, 1.0 - ends)
    result = {"base rate": np.full(len(test), base_rate), "terminal for a touch": one_sided}
    plain = {
        "RV 1 day": PersistentVariance(0).forecast(test.realised),
        "RV 30 days": PersistentVariance(2).forecast(test.realised),
        f"constant {_CONSTANT:.0%} volatility": ConstantVariance(_CONSTANT).forecast(test.realised),
        "HAR": fitted,
    }
    result |= {name: _touch(test, forecast) for name, forecast in plain.items()}
    result["HAR + volatility mixture"] = touch_probability(test, fitted)
    return {name: clip(p) for name, p in result.items()}


def _touch(test: Contracts, forecast: VarianceForecast) -> Floats:
    return formulas.touch(test.spot, test.level, test.years, forecast.sigma)


def touch_probability(test: Contracts, forecast: VarianceForecast) -> Floats:
    """Return touch probabilities averaged over the uncertainty of volatility, shape (n,)."""
    spot, level, years = (values[:, None] for values in (test.spot, test.level, test.years))
    return mix(lambda sigma: formulas.touch(spot, level, years, sigma), forecast.sigma, forecast.spread).p
