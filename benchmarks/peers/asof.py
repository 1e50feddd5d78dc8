"""Look points up as of an instant with polars or pandas, and say what it took, as a line of JSON.

`python asof.py LIBRARY POINTS ROWS ROUNDS`: POINTS holds `t` and `market` of points in order of market and time, `at`
and `asked` of the look-ups; ROWS is where the rows found go, -1 for none. Frames are made and sorted before the clock
starts.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def by_polars(points: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Return the work of join_asof by market, and what brings its answer into the order of the questions."""
    pl: Any = importlib.import_module("polars")
    rows = np.arange(len(points["t"]))
    known = pl.DataFrame({"market": points["market"].astype(np.int32), "t": points["t"], "row": rows})
    asked = pl.DataFrame({"market": points["asked"].astype(np.int32), "t": points["at"]}).with_row_index("place")
    asked = asked.sort("market", "t")  # within a market is all it needs

    def work() -> Any:
        return asked.join_asof(known, on="t", by="market", strategy="backward", check_sortedness=False)

    return work, lambda found: found.sort("place")["row"].fill_null(-1).to_numpy()


def by_pandas(points: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Return the work of merge_asof by market, which wants both sides in order of time."""
    pd: Any = importlib.import_module("pandas")
    rows = np.arange(len(points["t"]))
    known = pd.DataFrame({"market": points["market"].astype(np.int32), "t": points["t"], "row": rows}).sort_values("t")
    asked = pd.DataFrame({"market": points["asked"].astype(np.int32), "t": points["at"]})
    asked = asked.assign(place=np.arange(len(asked))).sort_values("t")

    def work() -> Any:
        return pd.merge_asof(asked, known, on="t", by="market", direction="backward")

    return work, lambda found: found.sort_values("place")["row"].fillna(-1).to_numpy().astype(np.int64)


def main() -> None:
    """Do it."""
    library, path, rows, rounds = sys.argv[1:5]
    work, order = {"polars": by_polars, "pandas": by_pandas}[library](dict(np.load(path)))
    cpu = wall = float("inf")
    found = None
    for _ in range(int(rounds)):
        begun_cpu, begun = time.process_time(), time.perf_counter()
        found = work()
        cpu, wall = min(cpu, time.process_time() - begun_cpu), min(wall, time.perf_counter() - begun)
    np.save(rows, order(found))
    print(json.dumps({"cpu_s": cpu, "wall_s": wall}))


if __name__ == "__main__":
    main()
