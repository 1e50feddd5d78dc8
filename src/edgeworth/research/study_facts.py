"""Calibration of longshots under every lens, and the slope of recalibration by horizon.

One question, are cheap shares too dear, has as many answers as there are ways to weigh and to choose rows. Each lens is
one combination of weight, structure, side and horizon; intervals are clustered by event.

Two ways to let every market count once are told apart. Its first cheap row is a stopping time: whoever bought there
knew it was the first, so a right price gives zero. The average of its cheap rows divides by their number, which nobody
knew and which the outcome decides (a loser stays cheap for long, a winner leaves): with right prices it still reads as
"longshots are too cheap". That lens is shown, marked as hindsight, and counted apart.
"""

import itertools
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY
from edgeworth.models import scores
from edgeworth.research.sampling import choose, parse_sample
from edgeworth.store.asof import scheduled_ends

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

SAMPLE: Final = "calendar:daily"
LONGSHOT: Final = 0.10  # a share that costs at most this
_FEWEST_EVENTS: Final = 100
_FEWEST_HITS: Final = 20.0  # wins that the prices themselves expect, else the interval means nothing
_EVERY: Final = "all"
HINDSIGHT: Final = "market average"
WEIGHTS: Final = ("every row", "first in market", "first in event", HINDSIGHT)
_HORIZONS: Final = (
    ("under 12 h", 0.0, 0.5), ("12-24 h", 0.5, 1.0), ("1-2 d", 1.0, 2.0), ("2-7 d", 2.0, 7.0),
    ("7-30 d", 7.0, 30.0), ("over 30 d", 30.0, 1e9),
)  # fmt: skip
_BANDS: Final = tuple((low / 10, (low + 1) / 10) for low in range(1, 9))


@dataclass(frozen=True, slots=True)
class Rows:
    """Sampled prices of decided markets, N rows: YES price `m`, payout `y`, their market and event, days to the end.

    `days`: to the scheduled end as known then, not-a-number where none was. `exclusive`: exactly one market wins.
    """

    m: Floats
    y: Floats
    market: Int64s
    event: Int64s
    exclusive: Marks
    days: Floats
    t: Int64s


@dataclass(frozen=True, slots=True)
class LensFact:
    """What one lens says: mean of win minus price of the shares costing at most ten cents, with its interval."""

    weight: str
    structure: str
    side: str
    horizon: str
    n: int
    events: int
    price: float
    bias: float
    error: float
    low: float
    high: float


def sampled(panel: Panel, outcomes: Outcomes, sample: str = SAMPLE) -> Rows:
    """Return the rows of a calendar or age sample in markets whose first outcome is Yes and that paid 0 or 1."""
    rows = choose(panel, outcomes, parse_sample(sample), "resolved", allow_look_ahead=False)
    market = (np.searchsorted(panel.offsets, rows, side="right") - 1).astype(np.int64)
    payout = outcomes.payout_e4[market]
    yes_no = (panel.markets["outcome0"].str.strip_chars().str.to_lowercase() == "yes").to_numpy()
    keep = yes_no[market] & ((payout == Payout.YES) | (payout == Payout.NO))
    rows, market = rows[keep], market[keep]
    t = panel.t[rows]
    end = scheduled_ends(panel, market, t)
    days = np.where(end == UNKNOWN_TIME, np.nan, (np.where(end == UNKNOWN_TIME, t, end) - t) / DAY)
    return Rows(
        panel.price_e4[rows] / 10_000,
        (payout[keep] == Payout.YES).astype(np.float64),
        market,
        panel.markets["event_no"].to_numpy()[market].astype(np.int64),
        panel.markets["neg_risk"].to_numpy()[market].astype(bool),
        days,
        t,
    )


def longshot_lenses(rows: Rows, confidence: float = 0.95) -> list[LensFact]:
    """Return every lens with enough events, the plainest (every row counts once, nothing split) first."""
    both = _both_sides(rows)
    found = []
    for structure, side, horizon in itertools.product(
        (_EVERY, "plain binary", "one of many wins"), (_EVERY, "YES", "NO"),
        (_EVERY, *(name for name, _, _ in _HORIZONS), "no scheduled end"),
    ):  # fmt: skip
        inside = _inside(both, structure, side, horizon)
        lenses = [_lens(both, inside, (weight, structure, side, horizon), confidence) for weight in WEIGHTS]
        found += [lens for lens in lenses if lens is not None]
    # a lens that selects the same rows as a coarser one is not another answer
    seen: set[tuple[int, float]] = set()
    return [lens for lens in found if not _repeats(lens, seen)]


def _repeats(lens: LensFact, seen: set[tuple[int, float]]) -> bool:
    key = (lens.n, round(lens.bias, 12))
    known = key in seen
    seen.add(key)
    return known


@dataclass(frozen=True, slots=True)
class _Shares:
    """Cheap shares of either side: what each cost and whether it won."""

    rows: Rows
    side: npt.NDArray[np.int64]


def _both_sides(rows: Rows) -> _Shares:
    cheap_yes, cheap_no = np.flatnonzero(rows.m <= LONGSHOT), np.flatnonzero(1.0 - rows.m <= LONGSHOT + 1e-12)
    index = np.concatenate([cheap_yes, cheap_no])
    side = np.concatenate([np.ones(len(cheap_yes), np.int64), -np.ones(len(cheap_no), np.int64)])
    price = np.where(side > 0, rows.m[index], 1.0 - rows.m[index])
    won = np.where(side > 0, rows.y[index], 1.0 - rows.y[index])
    chosen = Rows(
        price, won, rows.market[index], rows.event[index], rows.exclusive[index], rows.days[index], rows.t[index]
    )
    return _Shares(chosen, side)


def _inside(shares: _Shares, structure: str, side: str, horizon: str) -> Marks:
    rows = shares.rows
    mark = np.ones(len(rows.m), dtype=bool)
    if structure != _EVERY:
        mark &= rows.exclusive == (structure == "one of many wins")
    if side != _EVERY:
        mark &= shares.side == (1 if side == "YES" else -1)
    if horizon == "no scheduled end":
        return mark & np.isnan(rows.days)
    for name, low, high in _HORIZONS:
        if name == horizon:
            mark &= (rows.days >= low) & (rows.days < high)
    return mark


def _enough(rows: Rows, chosen: Int64s, weight: Floats) -> bool:
    """Tell whether an interval by event means anything: enough events of comparable weight, enough expected wins."""
    clusters, count = scores.dense(rows.event[chosen])
    mass = np.bincount(clusters, weight, count)
    effective = float(mass.sum()) ** 2 / float(mass @ mass)
    price = float(rows.m[chosen] @ weight) / float(weight.sum())
    return effective >= _FEWEST_EVENTS and effective * price >= _FEWEST_HITS


def _lens(shares: _Shares, inside: Marks, names: tuple[str, str, str, str], confidence: float) -> LensFact | None:
    chosen, weight = _weights(shares.rows, np.flatnonzero(inside), names[0])
    few = len(np.unique(shares.rows.event[chosen])) < _FEWEST_EVENTS
    if few or (names[0] != HINDSIGHT and not _enough(shares.rows, chosen, weight)):
        return None
    price, event = shares.rows.m[chosen], shares.rows.event[chosen]
    gap = shares.rows.y[chosen] - price
    total = float(weight.sum())
    mean = float(gap @ weight) / total
    clusters, count = scores.dense(event)
    sums = np.bincount(clusters, weight * (gap - mean), count)
    error = float(np.sqrt(count / (count - 1) * float(sums @ sums)) / total)
    if names[0] not in {"every row", HINDSIGHT}:
        # few wins make the observed variance too small just when the mean is low: never below what the prices imply
        error = max(error, float(np.sqrt(price @ (1.0 - price))) / total)
    reach = scores.normal_quantile(0.5 + confidence / 2) * error
    return LensFact(*names, len(gap), count, float(price @ weight) / total, mean, error, mean - reach, mean + reach)


def _weights(rows: Rows, index: Int64s, name: str) -> tuple[Int64s, Floats]:
    """Return which rows count and how much."""
    if name == "every row":
        return index, np.ones(len(index))
    key = rows.event[index] if name == "first in event" else rows.market[index]
    if name == HINDSIGHT:
        _, numbers, counts = np.unique(key, return_inverse=True, return_counts=True)
        return index, 1.0 / counts[numbers]
    order = np.argsort(rows.t[index], kind="stable")
    _, first = np.unique(key[order], return_index=True)
    chosen = index[order[first]]
    return chosen, np.ones(len(chosen))


def flips(lenses: list[LensFact]) -> dict[str, Any]:
    """Return how often the sign differs from the plainest lens, and how many lenses lie outside zero.

    Lenses of hindsight are left out. `beyond`: intervals without zero; `beyond_corrected`: the same at the level at
    which all lenses together keep 5 % (Bonferroni); `flipped_beyond`: lenses of the other sign without zero.
    """
    main = lenses[0] if lenses else None
    fair = [lens for lens in lenses if lens.weight != HINDSIGHT]
    strict = scores.normal_quantile(1 - 0.025 / max(len(fair), 1))
    other = [lens for lens in fair if main is not None and lens.bias * main.bias < 0]
    return {
        "lenses": len(fair),
        "flipped": len(other),
        "beyond": sum(lens.low * lens.high > 0 for lens in fair),
        "beyond_corrected": sum(abs(lens.bias) > strict * lens.error for lens in fair),
        "flipped_beyond": sum(lens.low * lens.high > 0 for lens in other),
    }


def slopes(rows: Rows) -> list[dict[str, Any]]:
    """Return the recalibration slope b of logit P(YES) = a + b logit(price) per horizon, with its error by event."""
    result = []
    groups = [(_EVERY, np.ones(len(rows.m), dtype=bool))]
    groups += [(name, (rows.days >= low) & (rows.days < high)) for name, low, high in _HORIZONS]
    groups.append(("no scheduled end", np.isnan(rows.days)))
    for name, mark in groups:
        inside = mark & (rows.m > 0) & (rows.m < 1)
        events = len(np.unique(rows.event[inside]))
        fit = scores.recalibrate(rows.m[inside], rows.y[inside], rows.event[inside]) if events >= 50 else None
        if fit is None:
            continue
        reach = 1.959964 * fit.slope_error
        result.append(
            {
                "horizon": name, "n": int(inside.sum()), "events": events, "slope": fit.slope,
                "low": fit.slope - reach, "high": fit.slope + reach,
            }
        )  # fmt: skip
    return result


def by_structure(rows: Rows, confidence: float = 0.95) -> list[dict[str, Any]]:
    """Return win minus price of YES per price band, apart for plain markets and for one-of-many events."""
    result = []
    for exclusive in (False, True):
        for low, high in _BANDS:
            inside = (rows.exclusive == exclusive) & (rows.m >= low) & (rows.m < high)
            if len(np.unique(rows.event[inside])) < 30:
                continue
            gap = scores.cluster_mean((rows.y - rows.m)[inside], rows.event[inside], confidence)
            result.append(
                {
                    "structure": "one of many wins" if exclusive else "plain binary", "band": f"{low:.1f}-{high:.1f}",
                    "n": int(inside.sum()), "events": gap.events, "bias": gap.value, "low": gap.low, "high": gap.high,
                }
            )  # fmt: skip
    return result


def facts(panel: Panel, outcomes: Outcomes) -> dict[str, Any]:
    """Return all facts of one source, JSON-ready."""
    rows = sampled(panel, outcomes)
    lenses = longshot_lenses(rows)
    return {
        "source": panel.source,
        "sample": SAMPLE,
        "n": len(rows.m),
        "markets": len(np.unique(rows.market)),
        "events": len(np.unique(rows.event)),
        "alone": float((panel.markets["event_no"].to_numpy() < 0).mean()),
        "lenses": [asdict(lens) for lens in lenses],
        "flips": flips(lenses),
        "slopes": slopes(rows),
        "structure": by_structure(rows),
    }
