"""Fire every shipped strategy, and learn its fair values, over 17,324 markets and 12 million points; JSON lines."""

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from edgeworth.core.panel import NEVER, Outcomes, Panel
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.registry import FEATURES, FeatureSet, View
from edgeworth.forecasting.firing import fire_all
from edgeworth.forecasting.learning import learn
from edgeworth.strategies.registry import all_strategies

_TEXTS = (
    "Will Bitcoin reach ${n},000 in week {i}?",
    "Bitcoin Up or Down - March {i}, {n}AM ET",
    "Will the highest temperature in Oslo on day {i} be {n}°C?",
    "Will Solana be above ${n} on day {i}?",
    "Elon Musk: {n}-{m} tweets in week {i}?",
    "Will candidate {i} win the election?",
    "Will team {i} win game {n}?",
)


def build(markets: int = 17_324, points: int = 12_000_000, seed: int = 7) -> tuple[Panel, Outcomes]:
    """Return an invented panel of hourly random walks, five markets an event, and its outcomes."""
    draw = stream(seed, "benchmark")
    sizes = draw.multinomial(points, np.full(markets, 1 / markets))
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    start = draw.integers(0, 700 * DAY, markets) + 1_640_995_200_000_000
    t = np.repeat(start - offsets[:-1] * HOUR, sizes) + np.arange(points) * HOUR
    steps = draw.integers(-20, 21, points).cumsum()
    steps -= np.repeat(steps[offsets[:-1]], sizes)
    folded = np.abs((steps + np.repeat(draw.integers(200, 9_800, markets), sizes)) % 19_600 - 9_800)
    price = np.clip(folded + 100, 10, 9_990).astype(np.int32)
    number = np.arange(markets)
    frame = pl.DataFrame(
        {
            "market_no": number.astype(np.int32),
            "market_id": [f"m{i}" for i in number],
            "event_no": (number // 5).astype(np.int32),
            "slug": [f"s{i}" for i in number],
            "question": [_TEXTS[i % 7].format(i=i, n=1 + i % 11, m=60 + i % 11) for i in number],
            "event_title": [""] * markets,
            "outcome0": ["Yes"] * markets,
            "outcome1": ["No"] * markets,
            "tags": pl.Series([[]] * markets, dtype=pl.List(pl.String)),
            "neg_risk": [False] * markets,
            "created_at": start,
        }
    )
    end = t[offsets[1:] - 1] + DAY
    panel = Panel(frame, offsets, t, price, np.arange(markets + 1), start, end, "benchmark", "benchmark")
    paid = (draw.uniform(size=markets) < price[offsets[1:] - 1] / 10_000).astype(np.int32) * 10_000
    never = np.full(markets, NEVER)
    return panel, Outcomes(paid, end + HOUR, end + HOUR, never)


def measure(name: str, work: Callable[[], Any], **facts: Any) -> Any:
    """Run once, print seconds and the peak memory of the process so far."""
    begin = time.perf_counter()
    result = work()
    seconds = round(time.perf_counter() - begin, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"benchmark": name, "seconds": seconds, "peak_rss_mb": peak, **facts}))
    return result


def main() -> None:
    """Build, fire, learn; with `--features`, also time every kernel feature over all points."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small inputs, for a look")
    parser.add_argument("--tiny", action="store_true", help="the smallest inputs, to see that it runs")
    parser.add_argument("--features", action="store_true", help="time every feature as well")
    chosen = parser.parse_args()
    share = 300 if chosen.tiny else 20 if chosen.quick else 1
    panel, outcomes = measure("build", partial(build, 17_324 // share, 12_000_000 // share))
    rules = all_strategies()
    View(panel).static(["category"])
    measure("classify, cached", lambda: View(panel).static(["category"]))
    fired = measure("fire, all shipped strategies", lambda: fire_all(panel, rules))
    for firings in fired:
        measure("learn", partial(learn, firings, panel, outcomes), strategy=firings.strategy, firings=len(firings))
    if chosen.features:
        view = View(panel)
        for name, found in FEATURES.items():
            if not found.static:
                measure("feature", partial(view.compute, [name]), feature=name, set=FeatureSet((name,)).fingerprint[:8])


if __name__ == "__main__":
    main()
