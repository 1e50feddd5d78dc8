"""Run one peer of the feature benchmark in this process and say what it took, as a line of JSON.

`python technical.py LIBRARY CANDLES NAMES SAMPLE ROUNDS EVERY`: CANDLES an array (6, symbols, rows) of float64 with
open times in microseconds, open, high, low, close, volume; NAMES the columns, as JSON; SAMPLE where every EVERY-th row
goes.
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

FIELDS = ("t", "open", "high", "low", "close", "volume")
SYMBOLS_AT_ONCE = 10


def symbols(path: str) -> list[dict[str, Any]]:
    """Return the candles of each symbol, `t` as integers."""
    table = np.load(path)
    found = [dict(zip(FIELDS, table[:, symbol], strict=True)) for symbol in range(table.shape[1])]
    for candles in found:
        candles["t"] = candles["t"].astype(np.int64)
    return found


def run(library: str, candles: list[dict[str, Any]], names: list[str]) -> Any:
    """Return the matrix (rows of all symbols, columns) of float32, column-major; columns it has not are NaN."""
    peer = importlib.import_module(f"technical_{library}")
    rows = len(candles[0]["t"])
    out = np.empty((len(names), rows * len(candles)), np.float32)
    missing = [name for name in names if name not in peer.COLUMNS]
    for first in range(0, len(candles), SYMBOLS_AT_ONCE):
        for place, found in enumerate(peer.compute(candles[first : first + SYMBOLS_AT_ONCE])):
            begin = (first + place) * rows
            for column, name in enumerate(names):
                if name not in missing:
                    out[column, begin : begin + rows] = found[name]
    for name in missing:
        out[names.index(name)] = np.nan
    return out.T


def main() -> None:
    """Do it."""
    library, path, words, sample, rounds, every = sys.argv[1:7]
    names, candles = json.loads(Path(words).read_text("utf-8")), symbols(path)
    cpu = wall = float("inf")
    matrix = None
    for _ in range(int(rounds)):
        matrix = None
        begun_cpu, begun = time.process_time(), time.perf_counter()
        matrix = run(library, candles, names)
        cpu, wall = min(cpu, time.process_time() - begun_cpu), min(wall, time.perf_counter() - begun)
    assert matrix is not None
    np.save(sample, matrix[:: int(every)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    columns = len(importlib.import_module(f"technical_{library}").COLUMNS)
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mb": peak, "columns": columns}))


if __name__ == "__main__":
    main()
