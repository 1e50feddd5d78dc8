"""Efficient invented markets as arrays: prices are exact martingales, except where a bias is planted."""

import numpy as np
import polars as pl
from scipy.special import ndtr

from edgeworth.core.panel import NEVER, Outcomes, Panel
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from tests.support.panels import START

TEXTS = (
    "Will Bitcoin reach ${n}0,000 by week {i}?",
    "Will the highest temperature in Oslo on day {i} be {n}°C?",
    "Will team {i} win <b>game</b> {n} & more?",
)


def efficient_world(seed: int, markets: int = 600, points: int = 30, planted: float = 0.0) -> tuple[Panel, Outcomes]:
    """Markets whose price is the probability that a Brownian path ends above 0; the first text is over-priced.

    `planted`: how much its YES price exceeds the probability at one half; less towards 0 and 1.
    """
    draw = stream(seed, "efficient-world")
    begin = draw.normal(0, 1, markets)
    path = np.cumsum(draw.normal(0, 1 / np.sqrt(points + 1), (markets, points + 1)), axis=1)
    won = begin + path[:, -1] > 0
    left = np.sqrt(1 - np.arange(1, points + 1) / (points + 1))
    price = ndtr((begin[:, None] + path[:, :-1]) / left)
    kind = np.arange(markets) % len(TEXTS)
    price = np.where((kind == 0)[:, None], price + planted * 4 * price * (1 - price), price)
    price_e4 = np.clip(np.rint(price * 1000) * 10, 10, 9_990).astype(np.int32)
    first = START + (draw.uniform(0, 400, markets) * DAY).astype(np.int64)
    t = first[:, None] + np.arange(points) * 6 * HOUR
    end = t[:, -1] + HOUR
    numbers = np.arange(1, markets + 1, dtype=np.int32)
    frame = pl.DataFrame(
        {
            "market_no": numbers,
            "market_id": [f"m{number}" for number in numbers],
            "event_no": np.where(numbers % 4 == 0, numbers // 4, -numbers).astype(np.int32),
            "slug": [f"market-{number}" for number in numbers],
            "question": [TEXTS[k].format(n=i % 7 + 3, i=i) for i, k in enumerate(kind.tolist())],
            "event_title": [""] * markets,
            "outcome0": ["Yes"] * markets,
            "outcome1": ["No"] * markets,
            "tags": pl.Series([[]] * markets, dtype=pl.List(pl.String)),
            "neg_risk": np.zeros(markets, dtype=bool),
            "tick_e4": np.full(markets, 10, dtype=np.int32),
            "min_size_e6": np.full(markets, 5_000_000, dtype=np.int64),
            "fee_rate_e6": np.zeros(markets, dtype=np.int32),
            "fee_exponent": np.ones(markets, dtype=np.int32),
            "created_at": first,
            "backdated": np.zeros(markets, dtype=bool),
        }
    )
    offsets = np.arange(markets + 1, dtype=np.int64)
    panel = Panel(
        frame, offsets * points, t.ravel(), price_e4.ravel(), offsets, first, end, "efficient", f"{seed}-{planted}"
    )
    resolved = end + 6 * HOUR
    outcomes = Outcomes((won * 10_000).astype(np.int32), resolved, resolved, _decided(price_e4, t))
    return panel, outcomes


def _decided(price_e4: np.ndarray, t: np.ndarray) -> np.ndarray:
    outside = (price_e4 < 300) | (price_e4 > 9_700)
    for_good = np.logical_and.accumulate(outside[:, ::-1], axis=1)[:, ::-1]
    return np.where(for_good[:, -1], t[np.arange(len(t)), for_good.argmax(axis=1)], NEVER)
