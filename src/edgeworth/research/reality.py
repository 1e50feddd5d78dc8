"""Every forecaster on every recorded data set, against the price on the same rows: honest whichever way it falls.

Rows, purging, folds, stack and lint are those of a training; the locked last share of time is opened once per data set.
A data set that cannot be scored stays in the table with the reason and with the number it lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress
from edgeworth.models.crossfit import Folds, OutOfFold, cross_fit, fit_model, forecast_in_turn
from edgeworth.models.examples import Examples
from edgeworth.models.learners import make
from edgeworth.models.scores import Estimate, brier, clip, cluster_mean, log_loss, log_loss_gain, recalibrate
from edgeworth.models.stack import fit_stack
from edgeworth.research import training, training_lint
from edgeworth.research.dataset import Dataset, Plan, build
from edgeworth.research.leaks import samples
from edgeworth.research.power import detectable_edge
from edgeworth.research.splits import Rows, walk_forward

if TYPE_CHECKING:
    from edgeworth.core.panel import Outcomes, Panel
    from edgeworth.research.fairvalue_columns import FairValueColumns

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]

LEARNERS: Final = ("logistic", "xgb", "lgbm", "nn")
FAIR_VALUE: Final = "fair-value"
ENSEMBLE: Final = "ensemble"
BY_END: Final = ""  # days before the scheduled end, as a training takes them unless told otherwise
DAILY: Final = "calendar:daily"
SAMPLES: Final[dict[str, tuple[str, ...]]] = {"polymarket-daily": ("calendar:monday", BY_END)}
_LEAST_ROWS: Final = 50  # to fit on
_LEAST_BLOCKS: Final = 2  # the first tested block only teaches the stack
_LEAST_VALUED: Final = 20
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: learners by name, walk-forward blocks and the locked share as in a training, its seed."""

    models: tuple[str, ...] = LEARNERS
    folds: int = 6
    holdout: float = 0.2
    seed: int = _SEED


def reality(home: Home, progress: Progress, options: Options | None = None) -> list[Row]:
    """Score every data set that a home holds; one row each, JSON-ready. Raises what the store raises."""
    from edgeworth.research.fairvalue_columns import load_columns
    from edgeworth.store.asof import load_panel, price_sources

    options = options or Options()
    columns = load_columns(home)
    chosen = [(info, sample) for info in price_sources(home) for sample in SAMPLES.get(info.name, (DAILY,))]
    progress.start("reality", len(chosen), "data sets")
    rows = []
    for info, sample in chosen:
        if info.resolved_markets:
            panel, outcomes = load_panel(home, source=info.name)
            row = measure(panel, outcomes, sample, columns, options)
        else:
            row = {"reason": f"none of its {info.markets:,} markets has an outcome: at least one must be resolved"}
        rows.append({"source": info.name, "sample": sample or "days before the end", **row})
        progress.advance(1)
    progress.finish()
    return rows


def measure(
    panel: "Panel", outcomes: "Outcomes", sample: str, columns: "FairValueColumns | None", options: Options
) -> Row:
    """Score the forecasters on one panel; `reason` says why there is no score, where there is none."""
    try:
        dataset = build(panel, outcomes, Plan(sample=sample))
    except DataError as error:
        return {"reason": f"{error.message}: it needs one row taken before its outcome was known"}
    examples = dataset.examples()
    row = _about(dataset, examples)
    row["fair_value"] = _fair_value(panel, outcomes, columns) if columns is not None else None
    development, locked = training.split_holdout(examples, options.holdout)
    row |= {"development": len(development), "locked": len(locked)}
    folds = _folds(development, options)
    enough = sum(len(train) >= _LEAST_ROWS and len(test) > 0 for train, test in folds)
    if enough < _LEAST_BLOCKS:
        return row | {"reason": _too_small(development, locked, folds)}
    try:
        return row | _scores((development, locked), folds, options)
    except DataError as error:
        return row | {"reason": error.message}


def _about(dataset: Dataset, examples: Examples) -> Row:
    """Describe the rows, and the market on all of them."""
    events = len(np.unique(examples.event))
    failed = training_lint.failed(list(training_lint.lint_rows(dataset)))
    return {
        "rows": len(examples),
        "markets": int(dataset.frame["market_id"].n_unique()),
        "events": events,
        "days": float((examples.t.max() - examples.t.min()) / 86_400e6),
        "yes": float(examples.label.mean()),
        "dated": float((dataset.frame["scheduled_end"].to_numpy() != UNKNOWN_TIME).mean()),
        "alone": _alone(dataset),
        "detectable": detectable_edge(events, float(examples.price.mean())),
        "market": {
            "brier": brier(examples.price, examples.label), "log_loss": log_loss(examples.price, examples.label),
            **_slope(examples.price, examples),
        },
        "lint": [{"code": line.code, "note": line.note} for line in failed],
    }  # fmt: skip


def _alone(dataset: Dataset) -> float:
    """Return the share of markets for which the source names no event: each then counts as one of its own."""
    return float((dataset.frame.unique("market_id")["event"].to_numpy() < 0).mean())


def _folds(development: Examples, options: Options) -> Folds:
    if not len(development):
        return []
    rows = Rows(development.t, development.event, development.known_at)
    return list(walk_forward(rows, options.folds))


def _too_small(development: Examples, locked: Examples, folds: Folds) -> str:
    """Say what is missing, in numbers."""
    if not len(development):
        return (
            f"no label was known before the locked part began ({len(locked):,} rows lie in it): {_LEAST_ROWS} rows "
            "known earlier are needed to fit on"
        )
    most = sorted((len(train) for train, test in folds if len(test)), reverse=True)[:_LEAST_BLOCKS]
    seen = " and ".join(str(number) for number in most) or "none"
    return (
        f"{len(development):,} rows outside the locked part; the largest training parts whose labels were known a day "
        f"before their block hold {seen} rows, {_LEAST_ROWS} in each of {_LEAST_BLOCKS} blocks are needed"
    )


def _scores(parts: tuple[Examples, Examples], folds: Folds, options: Options) -> Row:
    """Cross-fit the learners, score each alone and all together, then open the locked part once."""
    development, locked = parts
    kinds = [kind for kind in options.models if kind != "nn" or find_spec("torch")]
    members = {kind: make(kind) for kind in kinds}
    out = cross_fit(members, development, folds, options.seed)
    lint = _fold_lint(development, folds)
    chosen = {kind: [column] for column, kind in enumerate(kinds)}
    if len(kinds) > 1:
        chosen[ENSEMBLE] = list(range(len(kinds)))
    fitted = fit_model(members, development, out, options.seed)
    lines = []
    for name, columns in chosen.items():
        p = forecast_in_turn(out, development, columns).p
        known = np.isfinite(p)
        if not known.any():
            raise DataError(
                "too-few-rows", "no row was left to score: the labels of earlier blocks were known too late"
            )
        line = score(name, p[known], development.choose(known))
        held = _held(fitted.corrections(locked.x), out, columns, parts)
        lines.append({**line, "holdout": held})
    return {
        "models": lines,
        "absent": {kind: "its library is not installed" for kind in options.models if kind not in kinds},
        "fold_lint": lint,
    }


def _fold_lint(rows: Examples, folds: Folds) -> list[str]:
    """Return the codes of what is wrong with the splits."""
    found = []
    for train, test in folds:
        if len(train) and len(test):
            late = samples.label_open(rows.known_at[train], rows.t[test])
            found += training_lint.failed([samples.split_random(rows.event, train, test), late])
    return sorted({line.code for line in found})


def _held(corrections: Floats, out: OutOfFold, columns: Sequence[int], parts: tuple[Examples, Examples]) -> Row | None:
    """Score the models of all development rows on the locked ones; None without any."""
    development, locked = parts
    if not len(locked):
        return None
    evidence = out.choose(np.ones(len(out.row), dtype=bool), columns).evidence(development)
    stack = fit_stack(tuple(out.members[column] for column in columns), evidence)
    return score("", stack.forecast(corrections[:, list(columns)], locked.price).p, locked)


def score(name: str, p: Floats, rows: Examples) -> Row:
    """Return the scores of forecasts and of the price on the same rows, their paired differences by event, the slope.

    `gain` is log-loss of the price less that of the forecast, `brier_gain` the same of Brier: above 0 is better.
    """
    m, y = rows.price, rows.label
    gain = cluster_mean(log_loss_gain(p, m, y), rows.event)
    closer = cluster_mean((m - y) ** 2 - (p - y) ** 2, rows.event)
    return {
        "model": name, "rows": len(rows), "events": gain.events, "brier": brier(p, y), "market_brier": brier(m, y),
        "log_loss": log_loss(p, y), "market_log_loss": log_loss(m, y), "gain": estimate(gain),
        "brier_gain": estimate(closer), **_slope(p, rows),
    }  # fmt: skip


def estimate(found: Estimate) -> Row:
    """Return an estimate as JSON-ready values; the interval of one event alone is None."""
    finite = bool(np.isfinite(found.error))
    low, high = (found.low, found.high) if finite else (None, None)
    return {"value": found.value, "error": found.error if finite else None, "low": low, "high": high}


def _slope(p: Floats, rows: Examples) -> Row:
    fit = recalibrate(clip(p), rows.label, rows.event)
    return {"slope": None if fit is None else fit.slope, "slope_error": None if fit is None else fit.slope_error}


def _fair_value(panel: "Panel", outcomes: "Outcomes", columns: "FairValueColumns") -> Row:
    """Score the closed forms on the rows of crypto markets whose rule is understood and whose candles are there."""
    import polars as pl

    try:
        frame = build(panel, outcomes, Plan(sample=DAILY, categories=("crypto",), features=("hours_to_end",)), columns)
    except DataError:
        return {"reason": "no row of a crypto market"}
    offered = frame.frame
    valued = Dataset(offered.filter(pl.col("fv_p").is_not_null()), frame.names, frame.meta)
    if valued.frame.height < _LEAST_VALUED:
        return {"reason": _no_value(panel, columns, offered.height, valued.frame.height)}
    rows = valued.examples()
    p = valued.frame.sort("t", "market_id")["fv_p"].to_numpy().astype(np.float64)
    return score(FAIR_VALUE, p, rows)


def _no_value(panel: "Panel", columns: "FairValueColumns", offered: int, valued: int) -> str:
    from edgeworth.core.contract import ContractKind

    told = [columns.terms[number] for number in panel.markets["market_no"].to_list() if number in columns.terms]
    understood = [terms for terms in told if terms.kind is not ContractKind.NONE]
    candles = sum(terms.underlying in columns.volatility.histories for terms in understood)
    return (
        f"{valued} of {offered:,} rows of crypto markets: {len(told):,} of {panel.market_count:,} markets come with a "
        f"rule, {len(understood):,} of these rules state a price contract, {candles:,} of them on a coin with candles; "
        f"{_LEAST_VALUED} rows are needed"
    )
