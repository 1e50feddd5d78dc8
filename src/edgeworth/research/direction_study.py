"""Directions on recorded and on simulated candles, and a leak planted on purpose that must raise a suspicion."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress
from edgeworth.core.random import stream
from edgeworth.features.fairvalue.path import History
from edgeworth.research.candle_columns import read_candles, stored_candles, technical_columns
from edgeworth.research.candle_gate import judge
from edgeworth.research.candle_walks import Walk, walk_candles
from edgeworth.research.direction import Question, decisions, study

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]

QUESTIONS: Final = {"the next quarter of an hour": Question(1, 4), "the next hour": Question(4, 4)}
PLANTED: Final = "volume_trend_smoothed"
_START: Final = 1_640_995_200_000_000  # 2022-01-01
_WALK: Final = Walk(bars=365 * 96, start=_START)
_COINS: Final = 6
_MOST_COINS: Final = 8  # recorded ones, those with most candles
_LEAST: Final = 10_000  # candles of a recorded coin
_SEED: Final = 7
_LEAK: Final = 0.35  # how much of the coming candle the planted column knows, in its standard deviations


def direction_rows(home: Home | None, progress: Progress, walk: Walk = _WALK, coins: int = _COINS) -> list[Row]:
    """Return one row per kind of candles and question; recorded ones where a home has any."""
    series = {"simulated": list(walk_candles(walk, [f"C{number}" for number in range(coins)], _SEED))}
    if home is not None and (held := _recorded(home)):
        series = {"recorded": held} | series
    progress.start("directions", len(QUESTIONS) * len(series) + 1, "studies")
    rows = []
    for candles, chosen in series.items():
        for words, question in QUESTIONS.items():
            rows.append(_row(candles, words, chosen, question))
            progress.advance(1)
    words, question = next(iter(QUESTIONS.items()))
    rows.append(_row("simulated, leak planted", words, series["simulated"], question, leaky=True))
    progress.advance(1)
    progress.finish()
    return rows


def _row(
    candles: str, words: str, series: list[tuple[str, History, Floats]], question: Question, *, leaky: bool = False
) -> Row:
    columns = leaky_columns if leaky else technical_columns
    about = {"candles": candles, "asked": words, "coins": len(series)}
    try:
        return {**about, **study(decisions(series, question, columns), _SEED).to_dict()}
    except DataError as error:
        return {**about, "claims": [], "lint": [], "suspicion": None, "reason": error.message}


def _recorded(home: Home) -> list[tuple[str, History, Floats]]:
    """Return the recorded coins with most candles that pass the noise gate."""
    found: list[tuple[str, History, Floats]] = []
    for stored in stored_candles(home):
        if stored.rows < _LEAST or len(found) == _MOST_COINS:
            break
        history, volume = read_candles(home, stored)
        if not judge(history).reason:
            found.append((stored.coin, history, volume))
    return found


def leaky_columns(history: History, volume: Floats) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Return the technical columns with one more that looks harmless and knows a little of the candle to come.

    What a column merged by its candle's open time, or smoothed both ways, would know.
    """
    names, x = technical_columns(history, volume)
    coming = np.append(np.diff(np.log(history.close)), 0.0)
    noise = stream(_SEED, "planted-leak", round(float(history.close[0]) * 1e6)).normal(size=len(coming))
    planted = (_LEAK * coming / coming.std() + noise).astype(np.float32)
    return (*names, PLANTED), np.column_stack([x, planted])
