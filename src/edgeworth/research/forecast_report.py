"""What became of stored forecasts, in whole cohorts: all markets due on one day, never only those that resolved.

A market counts once for each model, by the first forecast stored, in the cohort of the day (UTC) of its scheduled end
as known then. A cohort counts once that day is over and all of its markets have an outcome, or a week later with those
still open counted as missing. Scoring what happened to resolve would favour early outcomes, which are mostly YES.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import to_iso
from edgeworth.core.paths import Home
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, Micros
from edgeworth.models.anytime import likelihood_ratios, p_from_e, robust_wealth
from edgeworth.models.examples import Examples
from edgeworth.research.batch_signals.scoring import payouts
from edgeworth.research.training_scores import Score, reliability, score
from edgeworth.store.forecasts import StoredForecast

GRACE: Final = 7 * DAY  # how long a cohort waits for its last outcomes
_TICK: Final = 1e-3  # a price is never more certain than one tick
_FEWEST: Final = 2  # events from which there is any interval
_BINNED: Final = 50  # markets from which bins of a reliability table say anything
Outcome = tuple[int, int]  # payout of YES in 1e-4 dollars, known at


@dataclass(frozen=True, slots=True)
class Cohort:
    """Markets due on one day: `markets` of which `open` have no outcome yet; `whole` ones are scored."""

    day: str
    markets: int
    open: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Where a model's `stored` rows on `markets` went, in markets.

    `scored`: in whole cohorts, with a YES or NO outcome that became known after the forecast was stored. The others:
    `pending` (cohort not whole yet), `undated` (no scheduled end), `missing` (whole cohort, no outcome), `late`
    (outcome known before the forecast was stored), `halves` (50-50 or void). `events`: independent scored ones.
    """

    stored: int
    markets: int
    scored: int
    events: int
    pending: int
    undated: int
    missing: int
    late: int
    halves: int


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """How a model's stored forecasts fared; `score` and what follows are None where there is nothing to score yet.

    `e_value`: wealth against the price, one bet an event in the order of storing; above 20 is evidence at 5 %.
    """

    model: str
    counts: Counts
    cohorts: tuple[Cohort, ...]
    sentence: str
    score: Score | None = None
    e_value: float | None = None
    p_value: float | None = None
    calibration: tuple[dict[str, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        whole = asdict(self)
        return {"model": whole.pop("model"), **whole.pop("counts"), **whole}


def forecast_scores(home: Home, rows: Sequence[StoredForecast], now: int) -> list[ForecastScore]:
    """Score the forecasts of every model among `rows`, by model id, as of `now`; raises what the store raises."""
    ended = payouts(home, now) if rows else {}
    models = sorted({row.model_id for row in rows})
    return [score_model(model, [row for row in rows if row.model_id == model], ended, now) for model in models]


def score_model(model: str, rows: Sequence[StoredForecast], ended: Mapping[int, Outcome], now: int) -> ForecastScore:
    """Score one model's forecasts; `ended` by market number."""
    first: dict[int, StoredForecast] = {}
    for row in sorted(rows, key=lambda row: (row.recorded_at, row.t)):
        first.setdefault(row.market_no, row)
    dated = [row for row in first.values() if row.scheduled_end is not None]
    cohorts = _cohorts(dated, ended, now)
    whole = {cohort.day for cohort in cohorts if cohort.whole}
    due = [row for row in dated if _day(row) in whole]
    over = [(row, *ended[row.market_no]) for row in due if row.market_no in ended]
    timely = [(row, payout) for row, payout, known_at in over if row.recorded_at < known_at]
    clear = [(row, payout) for row, payout in timely if payout in {Payout.YES, Payout.NO}]
    events = len({_event(row) for row, _ in clear})
    counts = Counts(
        stored=len(rows), markets=len(first), scored=len(clear), events=events, pending=len(dated) - len(due),
        undated=len(first) - len(dated), missing=len(due) - len(over), late=len(over) - len(timely),
        halves=len(timely) - len(clear),
    )  # fmt: skip
    if events < _FEWEST:
        return ForecastScore(model, counts, cohorts, _nothing_yet(counts, dated, now))
    return _scored(model, clear, counts, cohorts)


def _cohorts(dated: Iterable[StoredForecast], ended: Mapping[int, Outcome], now: int) -> tuple[Cohort, ...]:
    """Return the cohorts of some forecasts, one a market, by day."""
    days: dict[str, list[StoredForecast]] = {}
    for row in dated:
        days.setdefault(_day(row), []).append(row)
    found = []
    for day, rows in sorted(days.items()):
        over = _end(rows[0]) // DAY * DAY + DAY
        left = sum(row.market_no not in ended for row in rows)
        found.append(Cohort(day, len(rows), left, now >= over and (not left or now >= over + GRACE)))
    return tuple(found)


def _end(row: StoredForecast) -> int:
    return row.scheduled_end or 0


def _day(row: StoredForecast) -> str:
    return to_iso(Micros(_end(row)))[:10]


def _event(row: StoredForecast) -> int:
    """Return the event's number; a market without one is an event of its own."""
    return row.event_no if row.event_no > 0 else -row.market_no


def _nothing_yet(counts: Counts, dated: Sequence[StoredForecast], now: int) -> str:
    coming = sorted(_end(row) for row in dated if _end(row) > now)
    when = f"; the next is due on {to_iso(Micros(coming[0]))[:10]}" if coming else ""
    if not counts.scored:
        return f"no cohort of its {counts.markets:,} markets is whole yet{when}"
    return f"one independent event is no evidence{when}"


def _scored(
    model: str, clear: Sequence[tuple[StoredForecast, int]], counts: Counts, cohorts: tuple[Cohort, ...]
) -> ForecastScore:
    p = np.array([row.p for row, _ in clear])
    label = np.array([float(payout == Payout.YES) for _, payout in clear])
    examples = _examples(clear, label)
    found = score(model, p, examples)
    path = robust_wealth(likelihood_ratios(*_bets(p, examples)))
    bins = tuple(reliability(p, label)) if len(p) >= _BINNED else ()
    chance = p_from_e(float(path.max()))
    return ForecastScore(model, counts, cohorts, found.sentence, found, float(path[-1]), chance, bins)


def _examples(clear: Sequence[tuple[StoredForecast, int]], label: npt.NDArray[np.float64]) -> Examples:
    """Return the rows in the shape that scores take: price, label, event; no columns."""
    size = len(clear)
    events = np.array([_event(row) for row, _ in clear], np.int64)
    when = np.array([row.recorded_at for row, _ in clear], np.int64)
    price = np.array([row.price_e4 / 10_000 for row, _ in clear])
    nothing = np.empty((size, 0), np.float32)
    return Examples(nothing, (), price, label, events, np.ones(size), when, when)


def _bets(p: npt.NDArray[np.float64], rows: Examples) -> tuple[npt.NDArray[np.float64], ...]:
    """Return forecast, price and outcome of one bet an event, in the order in which they were stored."""
    _, first = np.unique(rows.event, return_index=True)
    chosen = np.sort(first)
    price = np.clip(rows.price[chosen], _TICK, 1.0 - _TICK)
    return np.clip(p[chosen], _TICK, 1.0 - _TICK), price, rows.label[chosen]
