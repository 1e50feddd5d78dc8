"""Whole-file decoders beside ours: json, orjson or pandas, then loops; alone, so that other environments can run it.

`decode_loops.py LIBRARY KIND FILE ROUNDS` prints CPU seconds (least of the rounds) and the sums that must be equal;
KIND is `history` or `events`. It needs numpy and the library.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FLOATS = ("volumeNum", "liquidityNum", "bestBid", "bestAsk", "lastTradePrice", "volume24hr")
TEXTS = ("id", "conditionId", "endDate", "outcomePrices", "clobTokenIds")
Loads = Callable[[bytes], Any]


def history_by_loops(path: Path, loads: Loads) -> tuple[int, int, int, int]:
    """Decode the whole file, append point by point, convert at the end."""
    t: list[int] = []
    price: list[float] = []
    offsets = [0]
    for market in loads(path.read_bytes())["markets"]:
        for point in market["price_history"]:
            t.append(point["t"])
            price.append(point["p"])
        offsets.append(len(t))
    return history_sums(np.array(t, np.int64), np.array(price), np.array(offsets))


def history_by_pandas(path: Path) -> tuple[int, int, int, int]:
    """Decode with json, flatten with `json_normalize`."""
    pandas: Any = importlib.import_module("pandas")
    markets = json.loads(path.read_bytes())["markets"]
    frame = pandas.json_normalize(markets, "price_history")
    offsets = np.cumsum([0, *(len(market["price_history"]) for market in markets)])
    return history_sums(frame["t"].to_numpy(np.int64), frame["p"].to_numpy(float), offsets)


def history_sums(seconds: Any, price: Any, offsets: Any) -> tuple[int, int, int, int]:
    """Return points, the sums of microseconds and of prices in 1e-4 dollars, and of the offsets."""
    e4 = np.rint(price * 10_000).astype(np.int32)
    return len(seconds), int((seconds * 1_000_000).sum()), int(e4.sum(dtype=np.int64)), int(offsets.sum())


def events_by_loops(path: Path, loads: Loads) -> tuple[float, ...]:
    """Decode the whole file, append field by field."""
    texts: dict[str, list[str]] = {name: [] for name in TEXTS}
    floats: dict[str, list[float]] = {name: [] for name in FLOATS}
    closed: list[bool] = []
    event_id: list[str] = []
    for event in loads(path.read_bytes()):
        for market in event["markets"]:
            event_id.append(event["id"])
            closed.append(market["closed"])
            for name, column in texts.items():
                column.append(market[name])
            for name, numbers in floats.items():
                numbers.append(market[name])
    return event_sums([event_id, *texts.values()], [np.array(column) for column in floats.values()], np.array(closed))


def events_by_pandas(path: Path) -> tuple[float, ...]:
    """Decode with json, flatten with `json_normalize`, keep 13 columns."""
    pandas: Any = importlib.import_module("pandas")
    frame = pandas.json_normalize(json.loads(path.read_bytes()), "markets", ["id"], meta_prefix="event.")
    texts = [frame[name].tolist() for name in ("event.id", *TEXTS)]
    return event_sums(texts, [frame[name].to_numpy(float) for name in FLOATS], frame["closed"].to_numpy(bool))


def event_sums(texts: list[list[str]], floats: list[Any], closed: Any) -> tuple[float, ...]:
    """Return rows, how many are closed, the lengths of the texts and the sums of the numbers."""
    lengths = [float(sum(map(len, column))) for column in texts]
    return (float(len(closed)), float(closed.sum()), *lengths, *(round(float(column.sum()), 3) for column in floats))


def work_of(library: str, kind: str) -> Callable[[Path], tuple[float, ...]]:
    """Return what decodes a file of the kind with the library; raises ImportError where it is not installed."""
    module: Any = importlib.import_module(library)
    if library == "pandas":
        return history_by_pandas if kind == "history" else events_by_pandas
    by_loops = history_by_loops if kind == "history" else events_by_loops
    return lambda path: by_loops(path, module.loads)


def main(library: str, kind: str, path: str, rounds: str) -> None:
    """Print one line of JSON."""
    work, used = work_of(library, kind), float("inf")
    sums: tuple[float, ...] = ()
    for _ in range(int(rounds)):
        begun = time.process_time()
        sums = work(Path(path))
        used = min(used, time.process_time() - begun)
    print(json.dumps({"cpu_s": used, "sums": sums}))


if __name__ == "__main__":
    main(*sys.argv[1:])
