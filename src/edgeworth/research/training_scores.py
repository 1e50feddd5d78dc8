"""Scores of trained forecasters on rows they did not know: against the price first, the familiar numbers below."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.models.crossfit import OutOfFold, Scheme, forecast_paths
from edgeworth.models.examples import Examples
from edgeworth.models.scores import cluster_mean, corp, isotonic, log_loss_gain, recalibrate, skill

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
ENSEMBLE = "ensemble"
_BINS = 10
_MOST_STEPS = 30


@dataclass(frozen=True, slots=True)
class PathScore:
    """The gain over the price on one path: one forecast of every row; interval clustered by event."""

    path: int
    rows: int
    events: int
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True)
class Score:
    """One forecaster on rows it did not know, against the market's price; intervals clustered by event.

    `rows` are distinct; with several paths every number counts each row once per path, and `paths` tells them apart.
    """

    model: str
    rows: int
    events: int
    gain: float
    gain_low: float
    gain_high: float
    log_loss: float
    market_log_loss: float
    brier: float
    market_brier: float
    brier_skill: float
    brier_skill_low: float
    brier_skill_high: float
    slope: float | None
    plain: dict[str, dict[str, float]]
    paths: tuple[PathScore, ...] = ()
    calibration: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Say what the score means."""
        words = f"{self.gain:+.4f} nats a row against the price [{self.gain_low:+.4f}, {self.gain_high:+.4f}]"
        if self.gain_low > 0:
            return f"{self.model} knows more than the price: {words}, {self.events:,} events"
        if self.gain_high < 0:
            return f"{self.model} is worse than the price: {words}, {self.events:,} events"
        return f"nothing proven of {self.model}: {words}, {self.events:,} events"


def score_all(out: OutOfFold, scheme: Scheme, examples: Examples, judged: Bools | None = None) -> tuple[Score, ...]:
    """Score every member alone (calibrated) and, with several, the ensemble, all on the same rows.

    `judged` (N,) limits the rows that are scored, not those that teach. Raises DataError too-few-rows.
    """
    choices = {name: [column] for column, name in enumerate(out.members)}
    if len(out.members) > 1:
        choices[ENSEMBLE] = list(range(len(out.members)))
    allowed = np.ones(len(examples), dtype=bool) if judged is None else judged
    scores = []
    for name, columns in choices.items():
        paths = [path.p for path in forecast_paths(out, scheme, examples, columns)]
        if not any((np.isfinite(p) & allowed).any() for p in paths):
            raise DataError("too-few-rows", "no row was left to score: the labels of earlier folds were known too late")
        scores.append(score_paths(name, [np.where(allowed, p, np.nan) for p in paths], examples))
    return tuple(scores)


def score(name: str, p: Floats, rows: Examples) -> Score:
    """Score forecasts (N,) of rows against their prices."""
    return score_paths(name, [p], rows)


def score_paths(name: str, paths: Sequence[Floats], rows: Examples) -> Score:
    """Score forecasts of rows against their prices, one array (N,) per path, NaN where there is none."""
    told = [np.flatnonzero(np.isfinite(p)) for p in paths]
    p = np.concatenate([path[chosen] for path, chosen in zip(paths, told, strict=True)])
    which = np.concatenate(told)
    price, label, event = rows.price[which], rows.label[which], rows.event[which]
    found = skill(p, price, label, event)
    gain, brier = found.log_loss_gain, found.brier_skill
    fit = recalibrate(p, label, event)
    return Score(
        name,
        len(np.unique(which)),
        len(np.unique(event)),
        gain.value,
        gain.low,
        gain.high,
        found.log_loss_forecast,
        found.log_loss_market,
        found.brier_forecast,
        found.brier_market,
        brier.value,
        brier.low,
        brier.high,
        None if fit is None else fit.slope,
        {"model": plain_scores(p, label), "market": plain_scores(price, label)},
        tuple(_path(number, path, rows) for number, path in enumerate(paths) if np.isfinite(path).any()),
        calibration(p, rows.choose(which)),
    )


def _path(number: int, p: Floats, rows: Examples) -> PathScore:
    chosen = np.isfinite(p)
    gains = log_loss_gain(p[chosen], rows.price[chosen], rows.label[chosen])
    found = cluster_mean(gains, rows.event[chosen])
    return PathScore(number + 1, int(chosen.sum()), found.events, found.value, found.low, found.high)


def calibration(p: Floats, rows: Examples) -> dict[str, Any]:
    """Return how forecasts (N,) of rows compare with outcomes, JSON-ready.

    `bins`: see `reliability_table`; `corp`: miscalibration, discrimination and uncertainty of model and market
    without bins (Dimitriadis, Gneiting and Jordan 2021), `steps` the recalibrated level of each stretch of forecasts;
    `fit` the line logit P(y) = a + b logit f of model and market, with the p-value of (a, b) = (0, 1) by event.
    """
    fits = {"model": recalibrate(p, rows.label, rows.event), "market": recalibrate(rows.price, rows.label, rows.event)}
    parts = {"model": corp(p, rows.label), "market": corp(rows.price, rows.label)}
    return {
        "bins": reliability_table(p, rows),
        "corp": {
            who: {
                "miscalibration": part.reliability,
                "discrimination": part.resolution,
                "uncertainty": part.uncertainty,
            }
            for who, part in parts.items()
        },
        "steps": _steps(p, rows.label),
        "fit": {
            who: None
            if fit is None
            else {"intercept": fit.intercept, "slope": fit.slope, "slope_error": fit.slope_error, "p": fit.wald_p}
            for who, fit in fits.items()
        },
    }


def reliability(p: Floats, label: Floats) -> list[dict[str, float]]:
    """Return bins of equal count: mean forecast, observed frequency, rows."""
    parts = _bins(p)
    return [{"forecast": float(p[i].mean()), "observed": float(label[i].mean()), "rows": len(i)} for i in parts]


def reliability_table(p: Floats, rows: Examples) -> list[dict[str, float]]:
    """Return bins of equal count: mean forecast and price, observed frequency with its interval by event, rows."""
    table = []
    for part in _bins(p):
        seen = cluster_mean(rows.label[part], rows.event[part])
        table.append(
            {
                "forecast": float(p[part].mean()),
                "price": float(rows.price[part].mean()),
                "observed": seen.value,
                "low": max(seen.low, 0.0),
                "high": min(seen.high, 1.0),
                "rows": len(part),
                "events": seen.events,
            }
        )
    return table


def _bins(p: Floats) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(p, kind="stable")
    return [part for part in np.array_split(order, _BINS) if len(part)]


def _steps(p: Floats, label: Floats) -> list[dict[str, float]]:
    """Return the stretches of the isotonic fit; the smallest neighbours are left out beyond 30."""
    level = isotonic(p, label)
    steps = []
    for value in np.unique(level):
        mine = level == value
        own = {"from": float(p[mine].min()), "to": float(p[mine].max()), "observed": float(value)}
        steps.append({**own, "rows": int(mine.sum())})
    largest = sorted(steps, key=lambda step: -step["rows"])[:_MOST_STEPS]
    return sorted(largest, key=lambda step: step["from"])


def plain_scores(p: Floats, label: Floats) -> dict[str, float]:
    """Return accuracy, precision, recall, F1, AUC and the confusion matrix at one half, for readers who expect them."""
    said, true = p > 0.5, label > 0.5
    hits, alarms = int((said & true).sum()), int((said & ~true).sum())
    misses, rejections = int((~said & true).sum()), int((~said & ~true).sum())
    precision = hits / (hits + alarms) if hits + alarms else float("nan")
    recall = hits / (hits + misses) if hits + misses else float("nan")
    both = precision + recall
    return {
        "accuracy": (hits + rejections) / max(len(p), 1),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / both if both else float("nan"),
        "auc": auc(p, label),
        "true_positive": hits,
        "false_positive": alarms,
        "false_negative": misses,
        "true_negative": rejections,
    }


def auc(p: Floats, label: Floats) -> float:
    """Return the area under the ROC curve by ranks, ties counted half; NaN with one class."""
    from scipy.stats import rankdata

    positive = label > 0.5
    count = int(positive.sum())
    other = len(label) - count
    if not count or not other:
        return float("nan")
    ranks = rankdata(p)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * other))
