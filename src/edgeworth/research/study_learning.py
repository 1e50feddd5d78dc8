"""The null of learning: whole trainings where nothing is to be learned, one row of numbers per random seed.

Two kinds of worlds. In a simulated exchange of independent games every price is the true probability, and a model is
trained on its markets as on any. Of coins that walk at random a direction is asked every two hours, and whether a level
is touched within half a day, at the exact chance as price. In both, 95 % intervals of skill must contain 0 about as
often as they say, and the leak lint must be quiet.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import LeakError
from edgeworth.core.units import DAY
from edgeworth.features.fairvalue import formulas
from edgeworth.features.fairvalue.path import History
from edgeworth.models.crossfit import Folds, cross_fit, forecast_in_turn
from edgeworth.models.examples import Examples, market_logit
from edgeworth.models.learners import make
from edgeworth.models.scores import cluster_mean, log_loss_gain
from edgeworth.research import direction, training_lint
from edgeworth.research.candle_columns import technical_columns
from edgeworth.research.candle_walks import Walk, walk_candles
from edgeworth.research.splits import Rows, walk_forward
from edgeworth.research.virtual_contracts import cut_touches

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
Series = Sequence[tuple[str, History, Floats]]

WORLDS, WALKS = "learn-null", "learn-walk"  # the plans' names
MOST: Final = 50  # seeds of each kind
CANDLE_MODELS: Final = ("logistic", "lgbm")
ENSEMBLE: Final = "ensemble"
_START: Final = 1_640_995_200_000_000  # 2022-01-01
_WALK: Final = Walk(bars=120 * 96, start=_START, shared=0.0, wandering=False)
_COINS: Final = 6
_ASKED: Final = direction.Question(horizon=8, every=8)
_CONTRACT: Final = 0.5  # days that a contract lives, and between two of a coin
_SEED: Final = 7


def world_row(scenario: str, seed: int) -> Row:
    """Train on the markets of one simulated world without its biases; `lint` holds the codes that refused it."""
    from edgeworth.research import training
    from edgeworth.research.dataset import Plan, build
    from edgeworth.research.study_worlds import world_data
    from edgeworth.sandbox.scenario import find_scenario
    from edgeworth.sandbox.world import generate

    efficient = replace(find_scenario(scenario), biases=())
    dataset = build(*world_data(generate(efficient, seed)), Plan())
    try:
        found = training.train(dataset, training.Options(seed=seed), lambda _what, _done, _total: None)
    except LeakError as error:
        return {"seed": seed, "gains": {}, "lint": list(error.details.get("codes", [error.code]))}
    gains = {
        score.model: {"value": score.gain, "low": score.gain_low, "high": score.gain_high, "events": score.events}
        for score in found.scores
    }
    return {"seed": seed, "gains": gains, "lint": sorted(line.code for line in training_lint.failed(list(found.lint)))}


def walk_row(seed: int, walk: Walk = _WALK, coins: int = _COINS) -> Row:
    """Train directions and touches on coins that walk at random."""
    names = [f"C{number}" for number in range(coins)]
    series = list(walk_candles(walk, names, seed))
    asked = direction.decisions(series, _ASKED, technical_columns).examples
    touches = touch_examples(series, walk.volatility, seed)
    gains: dict[str, Row] = {}
    lint: set[str] = set()
    for what, rows in (("direction", asked), ("touch", touches)):
        folds = list(walk_forward(Rows(rows.t, rows.event, rows.known_at), direction.FOLDS))
        gains |= {f"{what}, {name}": found for name, found in _gains(rows, folds).items()}
        lint |= {line.code for line in training_lint.failed(list(direction.lint_rows(rows, folds, _SEED)))}
    return {"seed": seed, "gains": gains, "lint": sorted(lint)}


def _gains(rows: Examples, folds: Folds) -> dict[str, Row]:
    out = cross_fit({kind: make(kind) for kind in CANDLE_MODELS}, rows, folds, _SEED)
    chosen = {kind: [column] for column, kind in enumerate(CANDLE_MODELS)}
    result = {}
    for name, columns in (chosen | {ENSEMBLE: list(range(len(CANDLE_MODELS)))}).items():
        p = forecast_in_turn(out, rows, columns).p
        told = np.isfinite(p)
        found = cluster_mean(log_loss_gain(p[told], rows.price[told], rows.label[told]), rows.event[told])
        result[name] = {"value": found.value, "low": found.low, "high": found.high, "events": found.events}
    return result


def touch_examples(series: Series, volatility: float, seed: int) -> Examples:
    """Return one-touch contracts of half a day cut from walks of known volatility, priced at their exact chance.

    Columns are the technical ones as of the candle that closed, the distance in deviations and the side. Contracts of
    one coin within a day are one event.
    """
    bars = {name: history.bars for name, history, _ in series}
    cut = cut_touches(bars, _CONTRACT, _CONTRACT, seed)
    ordered = sorted(series, key=lambda each: each[0])
    price = formulas.touch(cut.spot, cut.level, cut.years, volatility)
    away = np.log(cut.level / cut.spot) / (volatility * np.sqrt(cut.years))
    names: tuple[str, ...] = ()
    parts = []
    for number, (_, history, volume) in enumerate(ordered):
        names, found = technical_columns(history, volume)
        own = cut.symbol == number
        parts.append(found[np.searchsorted(history.known_at, cut.t0[own])])
    extra = np.column_stack([market_logit(price), np.abs(away), away > 0]).astype(np.float32)
    x = np.concatenate([np.concatenate(parts), extra], axis=1)
    order = np.lexsort((cut.symbol, cut.t0))
    event = cut.symbol * 100_000 + cut.t0 // DAY
    columns = (*names, "logit", "distance", "upwards")
    known, even = cut.t1[order], np.ones(len(cut))
    return Examples(x[order], columns, price[order], cut.touched[order], event[order], even, cut.t0[order], known)
