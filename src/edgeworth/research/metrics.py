"""The tables and curves of a report, computed once from the trades; every rendering prints these numbers.

A table is a list of rows of plain values; a curve is columns of equal length, thinned to what a chart can show.
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import UNKNOWN_TIME, Panel
from edgeworth.core.units import DAY
from edgeworth.models import scores
from edgeworth.research.evidence import Evidence
from edgeworth.store.asof import scheduled_ends

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]

_CURVE_POINTS: Final = 160
_STRETCHES: Final = 100
_PRICE_EDGES: Final = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95])
_HORIZON_DAYS: Final = np.array([0.0, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0])
_HORIZON_LABELS: Final = ("past its end", "0-1 d", "1-3 d", "3-7 d", "7-14 d", "14-30 d", "30-90 d", "over 90 d")
_MOST_CATEGORIES: Final = 12
_EDGE_BUCKETS: Final = 10


def breakdowns(
    evidence: Evidence, panel: Panel, category: Strings, confidence: float
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables by name: price, side, category, horizon, month, reliability, edge, events."""
    if not len(evidence):
        return {}
    keyed = {
        "price": _price_labels(evidence.mid),
        "side": np.where(evidence.side > 0, "YES", "NO"),
        "category": _rare_together(category[evidence.market]),
        "horizon": _horizon_labels(panel, evidence),
        "month": evidence.t.astype("datetime64[us]").astype("datetime64[M]").astype(np.str_),
    }
    tables = {name: group_table(evidence, labels, confidence) for name, labels in keyed.items()}
    order = {label: index for index, label in enumerate((*_HORIZON_LABELS, "no scheduled end"))}
    tables["horizon"].sort(key=lambda row: order[row["label"]])
    tables["category"].sort(key=lambda row: -int(row["trades"]))
    tables["reliability"] = reliability(evidence, confidence)
    tables["edge"] = edge_table(evidence, confidence)
    tables["events"] = concentration(evidence, panel)
    return tables


def group_table(evidence: Evidence, labels: Strings, confidence: float) -> list[dict[str, Any]]:
    """Return one row per label: trades, events, win rate beside its break-even, profit, return with its interval.

    `low` and `high` bound the return by the event-cluster error of the mean profit over the mean cost.
    """
    rows = []
    for label in np.unique(labels):
        inside = labels == label
        profit, paid = evidence.profit[inside], evidence.paid[inside]
        mean = scores.cluster_mean(profit, evidence.event[inside], confidence)
        cost = max(float(paid.mean()), 1e-9)
        rows.append(
            {
                "label": str(label),
                "trades": int(inside.sum()),
                "events": mean.events,
                "win_rate": float(evidence.payout[inside].mean()),
                "break_even": float(paid.mean()),
                "profit": float(profit.sum()),
                "roi": mean.value / cost,
                "low": mean.low / cost,
                "high": mean.high / cost,
            }
        )
    return rows


def _price_labels(price: Floats) -> Strings:
    edges = [0.0, *_PRICE_EDGES.tolist(), 1.0]
    labels = np.array([f"{low:.2f}-{high:.2f}" for low, high in pairwise(edges)])
    return np.asarray(labels[np.searchsorted(_PRICE_EDGES, price, side="right")])


def _rare_together(labels: Strings) -> Strings:
    names, counts = np.unique(labels, return_counts=True)
    kept = names[np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]]
    return np.where(np.isin(labels, kept), labels, "all others")


def _horizon_labels(panel: Panel, evidence: Evidence) -> Strings:
    end = scheduled_ends(panel, evidence.market, evidence.t)
    known = end != UNKNOWN_TIME
    days = (np.where(known, end, evidence.t) - evidence.t) / DAY
    labels = np.array(_HORIZON_LABELS)[np.searchsorted(_HORIZON_DAYS, days, side="right")]
    return np.where(known, labels, "no scheduled end")


def reliability(evidence: Evidence, confidence: float) -> list[dict[str, Any]]:
    """Return per decile of the price of the side bought how often it won, with Wilson and event-cluster intervals."""
    bins = np.minimum((evidence.mid * 10 + 1e-9).astype(np.int64), 9)
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        rate = scores.cluster_mean(evidence.payout[inside], evidence.event[inside], confidence)
        n = int(inside.sum())
        low, high = scores.wilson(np.array([float(evidence.payout[inside].sum())]), np.array([float(n)]), confidence)
        rows.append(
            {
                "label": f"{number / 10:.1f}-{(number + 1) / 10:.1f}",
                "n": n,
                "events": rate.events,
                "mean_price": float(evidence.mid[inside].mean()),
                "win_rate": rate.value,
                "wilson_low": float(low[0]),
                "wilson_high": float(high[0]),
                "cluster_low": max(rate.low, 0.0),
                "cluster_high": min(rate.high, 1.0),
            }
        )
    return rows


def edge_table(evidence: Evidence, confidence: float) -> list[dict[str, Any]]:
    """Return deciles of the predicted edge (learned fair value minus cost) with the realised profit per share."""
    predicted = evidence.fair - evidence.paid
    known = np.isfinite(predicted)
    if int(known.sum()) < _EDGE_BUCKETS:
        return []
    edges = np.unique(np.quantile(predicted[known], np.linspace(0, 1, _EDGE_BUCKETS + 1)[1:-1]))
    bucket = np.where(known, np.searchsorted(edges, predicted, side="right"), -1)
    rows = []
    for number in np.unique(bucket[known]):
        inside = bucket == number
        mean = scores.cluster_mean(evidence.profit[inside], evidence.event[inside], confidence)
        rows.append(
            {
                "label": str(int(number) + 1),
                "trades": int(inside.sum()),
                "events": mean.events,
                "predicted": float(predicted[inside].mean()),
                "realised": mean.value,
                "low": mean.low,
                "high": mean.high,
            }
        )
    return rows


def concentration(evidence: Evidence, panel: Panel) -> list[dict[str, Any]]:
    """Return the five best and the five worst events by profit."""
    labels, first, numbers = np.unique(evidence.event, return_index=True, return_inverse=True)
    profit = np.bincount(numbers, evidence.profit)
    order = np.argsort(profit, kind="stable")
    picked = dict.fromkeys([*order[:5].tolist(), *order[::-1][:5].tolist()])
    titles = panel.markets.select("event_title", "question").rows() if len(labels) else []
    rows = []
    for index in picked:
        title, question = titles[int(evidence.market[first[index]])]
        inside = numbers == index
        rows.append({"label": title or question, "trades": int(inside.sum()), "profit": float(profit[index])})
    return rows


def flat_curve(evidence: Evidence) -> dict[str, list[float]]:
    """Return cumulated profit and its drawdown in dollars, by the time payouts became known; thinned."""
    if not len(evidence):
        return {}
    order = np.argsort(evidence.known_at, kind="stable")
    total = np.cumsum(evidence.profit[order])
    drawdown = total - np.maximum(np.maximum.accumulate(total), 0.0)
    at_price = np.cumsum((evidence.payout - evidence.mid)[order])
    keep = thin(len(order))
    return {
        "t": evidence.known_at[order][keep].astype(float).tolist(),
        "profit": total[keep].tolist(),
        "before_costs": at_price[keep].tolist(),
        "drawdown": drawdown[keep].tolist(),
        "deepest": [float(drawdown.min())],
    }


def exposure_curve(evidence: Evidence) -> dict[str, list[float]]:
    """Return the most dollars bound in open one-share trades during each of equal stretches of time."""
    if not len(evidence):
        return {}
    t = np.concatenate([evidence.t_fill, evidence.known_at])
    change = np.concatenate([evidence.paid, -evidence.paid])
    order = np.argsort(t, kind="stable")
    held = np.maximum(np.cumsum(change[order]), 0.0)
    edges = np.linspace(t.min(), t.max(), _STRETCHES + 1)
    stretch = np.minimum(np.searchsorted(edges, t[order], side="right") - 1, _STRETCHES - 1)
    most = np.zeros(_STRETCHES)
    np.maximum.at(most, stretch, held)
    # what was held when a stretch began counts in it too
    last = np.searchsorted(stretch, np.arange(_STRETCHES), side="left") - 1
    most = np.maximum(most, np.where(last >= 0, held[np.maximum(last, 0)], 0.0))
    return {"t": edges[:-1].tolist(), "dollars": most.tolist()}


def thin(size: int, points: int = _CURVE_POINTS) -> npt.NDArray[np.int64]:
    """Return at most `points` evenly spaced indices, the first and the last among them."""
    return np.unique(np.linspace(0, size - 1, min(points, size)).round().astype(np.int64))


def figures(evidence: Evidence) -> dict[str, Any]:
    """Return the plain figures of the flat trades: profit factor, average win and loss, holding time, prices."""
    profit = evidence.profit
    gained, lost = float(profit[profit > 0].sum()), float(-profit[profit < 0].sum())
    some = len(evidence) > 0
    return {
        "profit_factor": gained / lost if lost > 0 else None,
        "average_win": float(profit[profit > 0].mean()) if (profit > 0).any() else None,
        "average_loss": float(profit[profit < 0].mean()) if (profit < 0).any() else None,
        "mean_price": float(evidence.mid.mean()) if some else None,
        "days_held": float((evidence.known_at - evidence.t_fill).mean() / DAY) if some else None,
        "price_age_hours": float((evidence.t_fill - evidence.t).mean() / 3.6e9) if some else None,
    }
