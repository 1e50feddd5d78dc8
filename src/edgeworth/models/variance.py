"""Forecasts of variance: how far a price will move by a deadline, and how sure that is; never which way.

All speak of annualised variance and answer with ln sigma and its standard error, which `features.fairvalue.mixture`
integrates over. Unknown inputs (NaN) give unknown forecasts.
"""

import json
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError

Floats = npt.NDArray[np.float64]
HAR_DAYS = (1.0, 7.0, 30.0)  # the windows of the regression, days
_LEAST = 200  # rows below which four coefficients are not fitted


@dataclass(frozen=True, slots=True)
class VarianceForecast:
    """`ln_sigma` of annual volatility and the standard deviation `spread` of its error, shape (n,)."""

    ln_sigma: Floats
    spread: Floats

    @property
    def sigma(self) -> Floats:
        """Median annual volatility."""
        return np.exp(self.ln_sigma)


@dataclass(frozen=True, slots=True)
class ConstantVariance:
    """The same annual volatility always, stated without doubt: the baseline that is hard to beat."""

    sigma: float = 0.6

    def forecast(self, realised: Floats) -> VarianceForecast:
        """Forecast for rows of realised variance (n, any)."""
        rows = len(realised)
        return VarianceForecast(np.full(rows, np.log(self.sigma)), np.zeros(rows))


@dataclass(frozen=True, slots=True)
class PersistentVariance:
    """Whatever was realised over one window goes on: column `column` of the realised variances."""

    column: int

    def forecast(self, realised: Floats) -> VarianceForecast:
        """Forecast for rows of realised variance (n, columns)."""
        return VarianceForecast(0.5 * np.log(_positive(realised[:, self.column])), np.zeros(len(realised)))


@dataclass(frozen=True, slots=True)
class HarVariance:
    """ln RV_H = b0 + b1 ln RV_1d + b7 ln RV_7d + b30 ln RV_30d, pooled over coins, for one horizon H.

    `deviation` is the residual standard deviation of ln RV; half of it is the spread of ln sigma. Source: Corsi,
    Journal of Financial Econometrics 7(2), 2009, in logarithms.
    """

    horizon_days: float
    coefficients: tuple[float, float, float, float]
    deviation: float
    rows: int

    @classmethod
    def fit(cls, realised: Floats, later: Floats, horizon_days: float) -> Self:
        """Fit by least squares on rows where all is known: `realised` (n, 3) over HAR_DAYS, `later` (n,) over H.

        Raises DataError too-few-rows below 200 rows. The caller keeps rows whose label was not known yet out.
        """
        x, y = np.log(_positive(realised)), np.log(_positive(later))
        known = np.isfinite(x).all(axis=1) & np.isfinite(y)
        if known.sum() < _LEAST:
            raise DataError("too-few-rows", f"{int(known.sum())} rows with known variance, {_LEAST} are needed")
        design = np.column_stack([np.ones(int(known.sum())), x[known]])
        beta, *_ = np.linalg.lstsq(design, y[known], rcond=None)
        residual = y[known] - design @ beta
        deviation = float(np.sqrt((residual @ residual) / (len(residual) - 4)))
        b0, b1, b7, b30 = (float(value) for value in beta)
        return cls(horizon_days, (b0, b1, b7, b30), deviation, len(residual))

    def forecast(self, realised: Floats) -> VarianceForecast:
        """Forecast for rows of realised variance over HAR_DAYS, shape (n, 3)."""
        x = np.log(_positive(realised))
        ln_variance = self.coefficients[0] + x @ np.array(self.coefficients[1:])
        return VarianceForecast(0.5 * ln_variance, np.full(len(x), 0.5 * self.deviation))

    def to_json(self) -> str:
        """Return the model as JSON; `from_json` gives an equal one."""
        return json.dumps({"kind": "har-variance/1", **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises DataError model-corrupt."""
        try:
            values = json.loads(text)
            if values.pop("kind") != "har-variance/1":
                raise ValueError("another kind of model")
            values["coefficients"] = tuple(float(value) for value in values["coefficients"])
            return cls(**values)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError("model-corrupt", f"not a HAR variance model: {error}") from error


def _positive(values: Floats) -> Floats:
    """Return values, NaN where not above zero: a price that never moved says nothing of its variance."""
    values = np.asarray(values, dtype=np.float64)
    return np.where(values > 0, values, np.nan)
