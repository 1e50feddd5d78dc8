"""Counts and intervals of the study, and what the pages are filled with; plain values, nothing is drawn here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeworth.research.study import Row, is_found


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n` with the exact 95 % interval (Clopper and Pearson 1934)."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Return hits over n, 0 without any."""
        return self.hits / self.n if self.n else 0.0

    def text(self) -> str:
        """Return `3 of 200 = 1.5 % [0.3, 4.3]`."""
        return f"{self.hits:,} of {self.n:,} = {100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def share(hits: int, n: int, confidence: float = 0.95) -> Share:
    """Return a share with its Clopper-Pearson interval, (0, 1) without observations."""
    from scipy.stats import beta

    tail = (1.0 - confidence) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return Share(hits, n, low, high)


def worlds_with_claim(rows: Sequence[Row], group: str = "rules", *, before: bool = False) -> Share:
    """Return the share of worlds in which any rule (or any reverse control) is called an edge."""
    hits = sum(any(is_found(rule, before=before) for rule in row[group]) for row in rows)
    return share(hits, len(rows))


def by_rule(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return one line per strategy: how its verdicts fell, and the same claim for its reverse control."""
    lines = []
    names = [rule["strategy"] for rule in rows[0]["rules"]] if rows else []
    for name in names:
        mine = [rule for row in rows for rule in row["rules"] if rule["strategy"] == name]
        back = [rule for row in rows for rule in row["reverses"] if rule["strategy"] == f"{name}-reverse"]
        outcomes = [rule["outcome"] for rule in mine]
        lines.append(
            {
                "strategy": name,
                "claims": share(sum(map(is_found, mine)), len(mine)),
                "reverse": share(sum(map(is_found, back)), len(back)),
                "outcomes": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
                "events": _mean([rule["events"] for rule in mine]),
                "roi": _mean([rule["roi"] for rule in mine]),
                "true_edge": _mean([rule["true_edge"] for rule in mine]),
                "small_p": share(sum((rule["p_value"] or 1.0) < 0.05 for rule in mine), len(mine)),
            }
        )
    return lines


def hurdles(rows: Sequence[Row]) -> list[tuple[str, Share]]:
    """Return how often a planted edge passes each condition of the verdict on its own, and the earlier one."""
    rules = [rule for row in rows for rule in row["rules"]]
    conditions = (
        ("return above zero after costs", lambda rule: (rule["roi"] or 0.0) > 0.0),
        ("interval of the return above zero", lambda rule: (rule["roi_low"] or 0.0) > 0.0),
        (
            "p below 0.05 after adjustment",
            lambda rule: (1.0 if rule["p_adjusted"] is None else rule["p_adjusted"]) < 0.05,
        ),
        ("deflated Sharpe of at least 0.95", lambda rule: (rule["dsr"] or 0.0) >= 0.95),
        ("events: enough for the largest edge in the interval", lambda rule: _enough(rule, "events_floor")),
        ("events: 80 % power at the estimate (the earlier condition)", lambda rule: _enough(rule, "events_needed")),
    )
    return [(name, share(sum(map(test, rules)), len(rules))) for name, test in conditions]


def _enough(rule: Row, field: str) -> bool:
    return rule[field] is not None and rule["events"] >= rule[field]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def lens_alarms(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return how often the longshot lenses alarm in worlds whose prices are right; None when none was computed."""
    kept = [row["lenses"] for row in rows if row.get("lenses")]
    if not kept:
        return None
    hindsight = [value for item in kept for value in item["hindsight"]]
    return {
        "lenses": sum(item["lenses"] for item in kept),
        "alone": share(sum(item["beyond"] for item in kept), sum(item["lenses"] for item in kept)),
        "worlds": share(sum(item["beyond_corrected"] > 0 for item in kept), len(kept)),
        "hindsight": share(sum(value["low"] > 0 for value in hindsight), len(hindsight)),
        "hindsight_bias": _mean([value["bias"] for value in hindsight]),
    }


def exhibit_lines(exhibits: Sequence[Row]) -> list[dict[str, Any]]:
    """Flatten the runs on recorded data to one line per rule that traded, its reverse control beside it."""
    lines = []
    for run in exhibits:
        back = {item["strategy"].removesuffix("-reverse"): item for item in run["reverses"]}
        for item in run["results"]:
            if item["trades"]:
                where = {"source": run["source"], "part": run["part"]}
                lines.append({**where, **item, "reverse": back.get(item["strategy"])})
    return lines
