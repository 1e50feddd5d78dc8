"""How well market prices are calibrated, on a sample that says how it was drawn, under several lenses.

Only markets that paid 0 or 1 enter; the others are counted as excluded. Intervals are clustered by event: the legs and
the days of one event are one observation of luck.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY
from edgeworth.models import scores
from edgeworth.research.sampling import Sample, choose, parse_sample
from edgeworth.research.types import CalibrationBin, CalibrationReport, Lens
from edgeworth.store.asof import scheduled_ends

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]
OUTCOMES = ("yes-no", "all")
_BINS = 10
_HORIZONS = ((1, "under 1 d"), (7, "1-7 d"), (30, "7-30 d"), (10**6, "over 30 d"))
_BANDS = ((0.1, "0.00-0.10"), (0.3, "0.10-0.30"), (0.7, "0.30-0.70"), (0.9, "0.70-0.90"), (1.01, "0.90-1.00"))
_FEWEST_ROWS = 30


def calibrate(  # noqa: PLR0913 (each argument is one choice the reader of the report is told)
    panel: Panel,
    outcomes: Outcomes,
    sample: str,
    *,
    until: str = "resolved",
    outcomes_filter: str = "yes-no",
    allow_look_ahead: bool = False,
    confidence: float = 0.95,
    categories: Callable[[Panel], Strings] | None = None,
) -> CalibrationReport:
    """Score the prices of a sample against payouts; see `research.sampling` for the rules.

    `until`: `resolved` or `event-known`. `outcomes_filter`: `yes-no` keeps markets whose first outcome is labelled Yes,
    `all` keeps every one. `categories` names the category of every market for a lens (default: the taxonomy). Raises
    UsageError `bad-sample`, `bad-option`, LeakError `look-ahead`, DataError `no-resolved` when nothing is left.
    """
    rule = parse_sample(sample)
    if outcomes_filter not in OUTCOMES:
        raise UsageError("bad-option", f"--outcomes is {' or '.join(OUTCOMES)}, not '{outcomes_filter}'")
    rows = choose(panel, outcomes, rule, until, allow_look_ahead)
    market = (np.searchsorted(panel.offsets, rows, side="right") - 1).astype(np.int64)
    wanted = _wanted(panel, outcomes_filter)
    payout = outcomes.payout_e4[market]
    binary = (payout == Payout.YES) | (payout == Payout.NO)
    keep = wanted[market] & binary
    excluded = {
        "other outcome labels": int((~wanted[market]).sum()),
        "half, void or unresolved": int((wanted[market] & ~binary).sum()),
    }
    if not keep.any():
        raise DataError("no-resolved", f"no point of a resolved market is left by {sample} until {until}")
    rows, market = rows[keep], market[keep]
    m = panel.price_e4[rows] / 10_000
    y = (payout[keep] == Payout.YES).astype(np.float64)
    event = panel.markets["event_no"].to_numpy()[market].astype(np.int64)
    names = categories(panel) if categories else _taxonomy(panel)
    lenses = _lenses(panel, market, panel.t[rows], (m, y, event), names, confidence)
    return CalibrationReport(
        sample=sample,
        until=until,
        outcomes=outcomes_filter,
        source=panel.source,
        look_ahead=rule.look_ahead,
        n=len(rows),
        markets=len(np.unique(market)),
        events=len(np.unique(event)),
        brier=scores.brier(m, y),
        log_loss=scores.log_loss(m, y),
        base_rate=float(y.mean()),
        mean_price=float(m.mean()),
        table=reliability_table(m, y, event, confidence),
        corp=_parts(scores.corp(m, y)),
        murphy=_parts(scores.murphy(m, y)),
        recalibration=_recalibration(m, y, event),
        twins=scores.twins(m, y, np.unique(names[market], return_inverse=True)[1]),
        lenses=lenses,
        sign_flips=_flips(lenses),
        excluded=excluded,
    )


def describe(sample: str) -> Sample:
    """Parse a sampling rule, to know before loading data whether it looks ahead; raises UsageError `bad-sample`."""
    return parse_sample(sample)


def _wanted(panel: Panel, outcomes_filter: str) -> npt.NDArray[np.bool_]:
    if outcomes_filter == "all":
        return np.ones(panel.market_count, dtype=bool)
    labels = panel.markets["outcome0"].str.strip_chars().str.to_lowercase()
    return np.asarray((labels == "yes").to_numpy())


def _taxonomy(panel: Panel) -> Strings:
    from edgeworth.features.taxonomy import classify_frame

    return np.asarray(classify_frame(panel.markets).to_list(), dtype=np.str_)


def _parts(parts: scores.Parts) -> dict[str, float]:
    return asdict(parts)


def _recalibration(m: Floats, y: Floats, event: Int64s) -> dict[str, float | None]:
    fit = scores.recalibrate(m, y, event)
    values: dict[str, float | None] = {"spiegelhalter_z": scores.spiegelhalter(m, y)}
    return values | (asdict(fit) if fit else {"intercept": None, "slope": None})


def reliability_table(m: Floats, y: Floats, event: Int64s, confidence: float) -> tuple[CalibrationBin, ...]:
    """Return ten equal bins of price with the share of YES; empty bins are left out."""
    index = np.minimum((m * _BINS + 1e-9).astype(np.int64), _BINS - 1)
    table = []
    for number in range(_BINS):
        inside = index == number
        n = int(inside.sum())
        if not n:
            continue
        rate = scores.cluster_mean(y[inside], event[inside], confidence)
        low, high = scores.wilson(np.array([y[inside].sum()]), np.array([float(n)]), confidence)
        table.append(
            CalibrationBin(
                number / _BINS,
                (number + 1) / _BINS,
                n,
                rate.events,
                float(m[inside].mean()),
                rate.value,
                float(low[0]),
                float(high[0]),
                max(rate.low, 0.0),
                min(rate.high, 1.0),
            )
        )
    return tuple(table)


def _weighted(name: str, group: str, d: Floats, weight: Floats, event: Int64s, confidence: float) -> Lens:
    """Return the weighted mean of d with the event-cluster interval of a ratio of sums."""
    total = float(weight.sum())
    mean = float(d @ weight) / total
    numbers, count = scores.dense(event)
    sums = np.bincount(numbers, weight * (d - mean), count)
    error = np.sqrt(count / (count - 1) * float(sums @ sums)) / total if count > 1 else np.inf
    reach = scores.normal_quantile(0.5 + confidence / 2) * float(error)
    return Lens(name, group, len(d), count, mean, mean - reach, mean + reach)


def _lenses(
    panel: Panel,
    market: Int64s,
    t: Int64s,
    values: tuple[Floats, Floats, Int64s],
    names: Strings,
    confidence: float,
) -> tuple[Lens, ...]:
    m, y, event = values
    gap = y - m
    lenses = [
        _weighted("row", "weight", gap, np.ones(len(gap)), event, confidence),
    ]
    for name, key in (("first of market", market), ("first of event", event)):
        first = _earliest(key, t)
        lenses.append(_weighted(name, "weight", gap[first], np.ones(len(first)), event[first], confidence))
    grouped = {
        "structure": np.where(panel.markets["neg_risk"].to_numpy()[market], "one of many wins", "plain binary"),
        "horizon": _horizons(panel, market, t),
        "price": _banded(m, _BANDS),
        "category": np.array([name.partition("/")[0] for name in names.tolist()], dtype=np.str_)[market],
    }
    for group, labels in grouped.items():
        for label in np.unique(labels):
            inside = labels == label
            if int(inside.sum()) >= _FEWEST_ROWS:
                lens = _weighted(str(label), group, gap[inside], np.ones(int(inside.sum())), event[inside], confidence)
                lenses.append(lens)
    return tuple(lenses)


def _earliest(key: Int64s, t: Int64s) -> Int64s:
    """Return the earliest row of each key; one over the number of rows would weigh by how long a market went on."""
    order = np.argsort(t, kind="stable")
    _, first = np.unique(key[order], return_index=True)
    chosen: Int64s = order[first].astype(np.int64)
    return chosen


def _horizons(panel: Panel, market: Int64s, t: Int64s) -> Strings:
    end = scheduled_ends(panel, market, t)
    known = end != UNKNOWN_TIME
    days = np.where(known, (np.where(known, end, t) - t) / DAY, 0.0)
    labels = _banded(days, _HORIZONS)
    return np.where(known, np.where(days < 0, "past its end", labels), "no scheduled end")


def _banded(values: Floats, bands: tuple[tuple[float, str], ...]) -> Strings:
    edges = np.array([edge for edge, _ in bands])
    labels = np.array([label for _, label in bands])
    return np.asarray(labels[np.minimum(np.searchsorted(edges, values, side="right"), len(bands) - 1)])


def _flips(lenses: tuple[Lens, ...]) -> str:
    main, others = lenses[0], lenses[1:]
    flipped = [lens for lens in others if lens.bias * main.bias < 0]
    certain = [lens for lens in flipped if lens.low * lens.high > 0]
    return f"sign flips in {len(flipped)} of {len(others)} lenses, {len(certain)} of them beyond their interval"
