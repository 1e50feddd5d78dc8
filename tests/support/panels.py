"""Build small panels with their outcomes from plain dictionaries, cut them in time and scramble their future.

    panel, outcomes = make_panel([
        dict(question="Will it rain in Oslo?", event="oslo", prices=[(day(1), 0.42), (day(2), 0.55)],
             end=day(9), payout=1, resolved_at=day(10)),
    ])

Keys of a market (all but `prices` optional): `question`, `event` (any name; markets of one name share an event),
`event_title`, `prices` = [(t, p)] with t in UTC microseconds and p in dollars, `end` (an instant, or a list of versions
(known_at, instant or None)), `payout` (0, 1, 0.5, "void", None = unresolved), `resolved_at`, `known_at` (of the
resolution; default `resolved_at`), `proposed_at`, `event_known_at`, `created_at`, `tags`, `neg_risk`, `outcomes` (two
labels), `market_id`, `slug`, `tick_e4`, `min_size_e6`, `fee_rate_e6`, `fee_exponent`, `backdated`.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Outcomes, Panel
from edgeworth.core.random import stream
from edgeworth.core.types import UNRESOLVED, Payout
from edgeworth.core.units import DAY, HOUR

START = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z, a Monday

_PAYOUTS = {None: UNRESOLVED, 0: Payout.NO, 1: Payout.YES, 0.5: Payout.HALF, "void": Payout.VOID}
_MARKET_TYPES = {
    "market_no": pl.Int32, "market_id": pl.String, "event_no": pl.Int32, "slug": pl.String, "question": pl.String,
    "event_title": pl.String, "outcome0": pl.String, "outcome1": pl.String, "tags": pl.List(pl.String),
    "neg_risk": pl.Boolean, "tick_e4": pl.Int32, "min_size_e6": pl.Int64, "fee_rate_e6": pl.Int32,
    "fee_exponent": pl.Int32, "created_at": pl.Int64, "backdated": pl.Boolean,
}  # fmt: skip


def day(number: float) -> int:
    """The instant `number` days after START."""
    return START + round(number * DAY)


def hour(number: float) -> int:
    """The instant `number` hours after START."""
    return START + round(number * HOUR)


def hourly(prices: Sequence[float], start: int = START, step: int = HOUR) -> list[tuple[int, float]]:
    """Points on a grid: the first at `start`, then every `step` microseconds."""
    return [(start + index * step, price) for index, price in enumerate(prices)]


def make_panel(markets: Sequence[Mapping[str, Any]], source: str = "invented") -> tuple[Panel, Outcomes]:
    """Return a Panel and the Outcomes of the same markets; points are sorted by time."""
    points = [sorted(market.get("prices", ())) for market in markets]
    versions = [_versions(market, rows) for market, rows in zip(markets, points, strict=True)]
    frame = pl.DataFrame(_market_rows(markets), schema=_MARKET_TYPES)
    panel = Panel(
        markets=frame,
        offsets=_offsets(points),
        t=np.array([t for rows in points for t, _ in rows], np.int64),
        price_e4=np.array([round(p * 10_000) for rows in points for _, p in rows], np.int32),
        end_offsets=_offsets(versions),
        end_known_at=np.array([known for rows in versions for known, _ in rows], np.int64),
        end_value=np.array(
            [UNKNOWN_TIME if value is None else value for rows in versions for _, value in rows], np.int64
        ),
        source=source,
        fingerprint="",
    )
    return stamped(panel), _outcomes(markets, points)


def stamped(panel: Panel) -> Panel:
    """The same panel with the fingerprint of its content."""
    digest = hashlib.sha256(panel.markets.write_json().encode())
    for array in (panel.offsets, panel.t, panel.price_e4, panel.end_offsets, panel.end_known_at, panel.end_value):
        digest.update(np.ascontiguousarray(array).tobytes())
    return dataclasses.replace(panel, fingerprint=digest.hexdigest())


def truncate(panel: Panel, until: int) -> Panel:
    """The panel as it stood at `until`: later points and later versions of the scheduled end are gone."""
    market_of_version = np.repeat(np.arange(panel.market_count), np.diff(panel.end_offsets))
    keep, keep_end = panel.t <= until, panel.end_known_at <= until
    return stamped(
        dataclasses.replace(
            panel,
            offsets=_counted(panel.market_of_point()[keep], panel.market_count),
            t=panel.t[keep],
            price_e4=panel.price_e4[keep],
            end_offsets=_counted(market_of_version[keep_end], panel.market_count),
            end_known_at=panel.end_known_at[keep_end],
            end_value=panel.end_value[keep_end],
        )
    )


def scramble(panel: Panel, outcomes: Outcomes, until: int, how: str, seed: int = 0) -> tuple[Panel, Outcomes]:
    """Replace everything after `until`: `how` is "noise", "constant" or "truncate"; outcomes known later are noise too.

    Prices, and payouts and instants of resolutions that were not known by `until`, change; what was known does not.
    """
    draw = stream(seed, "scramble", how, until)
    if how == "truncate":
        panel = truncate(panel, until)
    else:
        fill = draw.integers(1, 10_000, panel.point_count) if how == "noise" else np.full(panel.point_count, 5_000)
        later_end = panel.end_known_at > until
        noise = draw.integers(0, 60 * DAY, len(panel.end_value)) + until
        panel = stamped(
            dataclasses.replace(
                panel,
                price_e4=np.where(panel.t > until, fill, panel.price_e4).astype(np.int32),
                end_value=np.where(later_end, noise, panel.end_value),
            )
        )
    later = outcomes.known_at > until
    known_at = np.where(later, until + 1 + draw.integers(0, 30 * DAY, len(later)), outcomes.known_at)
    payouts = draw.choice(np.array([0, 5_000, 10_000, -2], np.int32), len(later))
    return panel, Outcomes(
        payout_e4=np.where(later, payouts, outcomes.payout_e4).astype(np.int32),
        resolved_at=np.where(later, known_at, outcomes.resolved_at),
        known_at=known_at,
        event_known_at=np.where(outcomes.event_known_at > until, known_at, outcomes.event_known_at),
    )


QUESTIONS = (
    "Will Bitcoin reach ${n}0,000 in week {i}?",
    "Bitcoin Up or Down - March 5, {clock} ET",
    "Will the highest temperature in Oslo on day {i} be {n}°C?",
    "Will Solana be above ${n}00 on day {i}?",
    "Will Elon Musk post {low}-{high} tweets in week {i}?",
    "Will candidate {i} win the election?",
    "Will team {i} win game {n}?",
)

CLOCKS = ("12AM", "7AM", "9AM", "12PM", "9PM")


def random_panel(seed: int, markets: int = 40, points: int = 60) -> tuple[Panel, Outcomes]:
    """A deterministic invented panel: questions of several kinds, events of one to four markets, uneven grids."""
    draw = stream(seed, "random-panel")
    rows: list[dict[str, Any]] = []
    while len(rows) < markets:
        number = len(rows)
        kind, size, begin = int(draw.integers(len(QUESTIONS))), int(draw.integers(1, 5)), float(draw.uniform(0, 20))
        for leg in range(size):
            count = int(draw.integers(1, points + 1))
            gaps = draw.choice([0.25, 1.0, 1.0, 1.0, 3.0, 30.0], count)
            path = 1 / (1 + np.exp(-(draw.normal(0, 1.5) + np.cumsum(draw.normal(0, 0.25, count)))))
            times = [day(begin) + round(value * HOUR) for value in np.cumsum(gaps)]
            close = times[-1] + int(draw.integers(1, 5 * DAY))
            clock = CLOCKS[number % len(CLOCKS)]
            text = QUESTIONS[kind].format(i=number, n=leg + 3, low=leg * 60, high=leg * 60 + 59, clock=clock)
            rows.append(
                {
                    "question": text, "event": f"event {number}" if size > 1 else None, "neg_risk": size > 1,
                    "prices": list(zip(times, np.clip(path, 0.001, 0.999).round(4).tolist(), strict=True)),
                    "end": [(times[0], close), (times[count // 2], close + DAY)] if leg % 2 else close if leg else None,
                    "payout": [0, 1, 0.5, "void", None][int(draw.choice(5, p=[0.45, 0.4, 0.05, 0.05, 0.05]))],
                    "resolved_at": close + HOUR, "known_at": close + 2 * HOUR,
                    "created_at": times[0] - HOUR if leg % 3 else None, "tags": ["invented"],
                }
            )  # fmt: skip
    return make_panel(rows[:markets])


def _market_rows(markets: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    events: dict[Any, int] = {}
    rows = []
    for index, market in enumerate(markets):
        number = index + 1
        event = market.get("event")
        labels = market.get("outcomes", ("Yes", "No"))
        question = market.get("question", f"Question {number}?")
        rows.append(
            {
                "market_no": number,
                "market_id": market.get("market_id", f"m{number}"),
                "event_no": -number if event is None else events.setdefault(event, len(events) + 1),
                "slug": market.get("slug", f"market-{number}"),
                "question": question,
                "event_title": market.get("event_title", "" if event is None else str(event)),
                "outcome0": labels[0],
                "outcome1": labels[1],
                "tags": list(market.get("tags", ())),
                "neg_risk": market.get("neg_risk", False),
                "tick_e4": market.get("tick_e4", 10),
                "min_size_e6": market.get("min_size_e6", 5_000_000),
                "fee_rate_e6": market.get("fee_rate_e6", 0),
                "fee_exponent": market.get("fee_exponent", 1),
                "created_at": market.get("created_at"),
                "backdated": market.get("backdated", False),
            }
        )
    return rows


def _versions(market: Mapping[str, Any], points: list[tuple[int, float]]) -> list[tuple[int, int | None]]:
    end = market.get("end")
    if end is None:
        return []
    if isinstance(end, int):
        first = [t for t in (market.get("created_at"), points[0][0] if points else None) if t is not None]
        return [(min(first, default=START), end)]
    return sorted(end)


def _outcomes(markets: Sequence[Mapping[str, Any]], points: list[list[tuple[int, float]]]) -> Outcomes:
    payout, resolved, known, event_known = [], [], [], []
    for market, rows in zip(markets, points, strict=True):
        paid = int(_PAYOUTS[market.get("payout")])
        last = rows[-1][0] if rows else START
        decided = NEVER if paid == UNRESOLVED else market.get("resolved_at", last + DAY)
        payout.append(paid)
        resolved.append(decided)
        known.append(NEVER if paid == UNRESOLVED else market.get("known_at", decided))
        event_known.append(market.get("event_known_at", _event_known_at(market.get("proposed_at"), rows)))
    return Outcomes(
        np.array(payout, np.int32),
        np.array(resolved, np.int64),
        np.array(known, np.int64),
        np.array(event_known, np.int64),
    )


def _event_known_at(proposed: int | None, rows: list[tuple[int, float]]) -> int:
    left = NEVER
    for t, p in reversed(rows):
        if 0.03 <= p <= 0.97:
            break
        left = t
    return min(left, NEVER if proposed is None else proposed)


def _offsets(groups: Sequence[Sequence[Any]]) -> "np.ndarray[Any, Any]":
    return np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64)


def _counted(owners: "np.ndarray[Any, Any]", size: int) -> "np.ndarray[Any, Any]":
    return np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=size))]).astype(np.int64)
