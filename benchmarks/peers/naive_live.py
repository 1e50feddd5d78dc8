"""The usual loop of a bot, as a peer: json, a dictionary per side, sorted; a row of features; a boosted model; an edge.

    python naive_live.py FRAMES MODEL TERMS frame|row COUNT

`frame` hands the model a one-row table through the scikit-learn interface, as most scripts do (needs pandas); `row`
calls the booster's in-place prediction. Both compute the same features by plain loops over the market's points. Prints
a JSON line: seconds, signals, and percentiles of a message in microseconds.
"""

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

HOUR = 3_600_000_000
DAY = 24 * HOUR
SIDES = ("bids", "asks")


class Market:
    """Points of a market, its books by side, and what fees it takes."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.t, self.x = about["t"], about["x"]
        self.end, self.listed, self.rate = about["end"], about["listed"], about["rate"]
        self.high, self.low = max(self.x), min(self.x)
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}

    def momentum(self, now: int, price: float, window: int) -> float:
        oldest = now - 2 * window
        value = math.nan
        for t, x in zip(reversed(self.t), reversed(self.x), strict=True):
            if t < oldest:
                break
            if t <= now - window:
                value = float(price - x)
                break
        return value

    def features(self, now: int, price: float) -> list[float]:
        clipped = min(max(price, 0.001), 0.999)
        high, low = max(self.high, price), min(self.low, price)
        return [
            math.log(clipped / (1.0 - clipped)), abs(price - 0.5), self.momentum(now, price, HOUR),
            self.momentum(now, price, 6 * HOUR), self.momentum(now, price, DAY), self.momentum(now, price, 3 * DAY),
            high, low, high - price, (self.end - now) / HOUR, (now - self.listed) / HOUR, float(now % DAY // HOUR),
        ]  # fmt: skip


def main() -> None:  # noqa: C901, PLR0912, PLR0915  (one loop, as such scripts are)
    frames_file, model_file, terms_file, how, count = sys.argv[1:6]
    terms = json.loads(Path(terms_file).read_text())
    names, stack = terms["names"], terms["stack"]
    markets = [Market(about) for about in terms["markets"]]
    tokens = {}
    for market, about in zip(markets, terms["markets"], strict=True):
        tokens[about["yes"]], tokens[about["no"]] = (market, True), (market, False)
    booster = xgboost.Booster()
    booster.load_model(model_file)
    booster.set_param({"nthread": 1})
    if how == "frame":
        import pandas

        classifier = xgboost.XGBClassifier(n_jobs=1)
        classifier.load_model(model_file)
        classifier.n_classes_ = 2

    def correct(row: list[float]) -> float:
        if how == "frame":
            table = pandas.DataFrame([row], columns=[f"f{k}" for k in range(len(names))]).astype("float32")
            return float(classifier.predict(table, output_margin=True)[0])
        return float(booster.inplace_predict(np.array([row], np.float32), predict_type="margin")[0])

    frames = Path(frames_file).read_bytes().split(b"\n")[: int(count)]
    now, signals, spent = terms["now"], [], []
    begun_all = time.process_time()
    for frame in frames:
        begun = time.perf_counter_ns()
        now += 1_000
        value = json.loads(frame)
        for message in value if isinstance(value, list) else [value]:
            touched = []
            if message["event_type"] == "price_change":
                for change in message["price_changes"]:
                    market, is_yes = tokens[change["asset_id"]]
                    if not is_yes:
                        continue
                    side = market.bids if change["side"] == "BUY" else market.asks
                    price, size = float(change["price"]), float(change["size"])
                    if size:
                        side[price] = size
                    else:
                        side.pop(price, None)
                    touched.append(market)
            elif message["event_type"] == "book":
                market, is_yes = tokens[message["asset_id"]]
                bids, asks = (
                    {float(level["price"]): float(level["size"]) for level in message[name]}
                    for name in ("bids", "asks")
                )
                if not is_yes:
                    bids, asks = ({round(1 - p, 4): size for p, size in side.items()} for side in (asks, bids))
                market.bids, market.asks = bids, asks
                touched.append(market)
            for market in touched:
                highest, lowest = sorted(market.bids, reverse=True), sorted(market.asks)
                if not highest or not lowest:
                    continue
                bid, ask = highest[0], lowest[0]
                mid = int((round(bid * 1e4) + round(ask * 1e4)) // 2) / 1e4
                row = market.features(now, mid)
                clipped = min(max(mid, 0.001), 0.999)
                z = math.log(clipped / (1 - clipped)) + stack["weight"] * correct(row) + stack["level"]
                p = 1 / (1 + math.exp(-z))
                yes = p - ask - market.rate * ask * (1 - ask)
                no = 1 - p - (1 - bid) - market.rate * bid * (1 - bid)
                if max(yes, no) >= terms["least"]:
                    signals.append((market, 1 if yes >= no else -1))
        spent.append(time.perf_counter_ns() - begun)
    seconds = time.process_time() - begun_all
    p50, p99 = np.percentile(np.array(spent) / 1e3, [50, 99])
    print(json.dumps({"seconds": seconds, "signals": len(signals), "p50": float(p50), "p99": float(p99)}))


main()
