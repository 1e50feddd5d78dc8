"""Ingest (W1): 200 MB of price histories and 200 MB of Gamma events, decoded to columns and to records, beside peers.

Every peer gives the same columns; their sums are compared. History: t, price, offsets. Events: 13 columns a market.
"""

import importlib.util
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.measure import ROUNDS, absent, against, best, options, peak_mb, say
from benchmarks.peers import decode_loops
from benchmarks.peers.decode_loops import event_sums
from edgeworth.venues.polymarket import history, stream

CHUNK = 1 << 20
PEERS = {
    "json": ("json + loops", ""),
    "orjson": ("orjson + loops", "3.13"),
    "pandas": ("pandas.json_normalize", "3"),
}
_FLOAT_FIELDS = ("volume_num", "liquidity_num", "best_bid", "best_ask", "last_trade_price", "volume24hr")
_TEXT_FIELDS = ("id", "condition_id", "end_date", "outcome_prices", "clob_token_ids")
_FIELDS = attrgetter("closed", *_TEXT_FIELDS, *_FLOAT_FIELDS)
_ROWS = 500


def chunks(path: Path) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def history_ours(path: Path) -> tuple[int, int, int, int]:
    """Decode as the product does."""
    found = history.read_columns(chunks(path))
    price = int(found.price_e4.sum(dtype=np.int64))
    return len(found.t), int(found.t.sum()), price, int(found.offsets.sum())


def events_ours(path: Path) -> tuple[float, ...]:
    """Decode with the product's typed structs, run by run; a few thousand rows are turned into columns at a time."""
    columns: list[list[Any]] = [[] for _ in range(1 + len(_TEXT_FIELDS) + len(_FLOAT_FIELDS))]
    rows: list[tuple[Any, ...]] = []
    events: list[str] = []
    for event in stream.iter_payloads(chunks(path)):
        markets = event.markets or []
        rows += map(_FIELDS, markets)
        events += [event.id] * len(markets)
        if len(rows) > _ROWS:
            _move(rows, columns)
    _move(rows, columns)
    closed, *rest = columns
    texts, floats = rest[: len(_TEXT_FIELDS)], rest[len(_TEXT_FIELDS) :]
    return event_sums([events, *texts], [np.array(column) for column in floats], np.array(closed))


def _move(rows: list[tuple[Any, ...]], columns: list[list[Any]]) -> None:
    for column, values in zip(columns, zip(*rows, strict=True), strict=bool(rows)):
        column.extend(values)
    rows.clear()


def count_records(records: Iterable[Any]) -> int:
    """Run through records."""
    return sum(1 for _ in records)


def peer(library: str, kind: str, path: Path) -> tuple[float, tuple[float, ...]] | None:
    """Return a peer's CPU seconds and sums: here, in the peers' environment, or None where it is installed in neither.

    That environment is named in EDGEWORTH_PEER_PYTHON; `make bench-peers` makes it.
    """
    rounds = 1 if library == "pandas" else ROUNDS
    if importlib.util.find_spec(library):
        work = decode_loops.work_of(library, kind)
        timed = best(lambda: work(path), rounds)
        return timed.cpu, timed.result
    python = os.environ.get("EDGEWORTH_PEER_PYTHON", "")  # noqa: TID251  (a benchmark has no configuration)
    if not python or subprocess.run([python, "-c", f"import {library}"], check=False, capture_output=True).returncode:
        return None
    command = [python, str(decode_loops.__file__), library, kind, str(path), str(rounds)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return said["cpu_s"], tuple(said["sums"])


def compare(name: str, path: Path, ours: Callable[[Path], tuple[float, ...]], goals: dict[str, float]) -> None:
    """Time ours and the peers on one file; every answer must be equal."""
    timed = best(lambda: ours(path))
    megabytes = path.stat().st_size / 1e6
    say("W1", f"{name} to columns", megabytes / timed.cpu, "MB/s of CPU")
    say("W1", f"{name} to columns, wall", timed.wall, "s")
    for library, (words, wanted) in PEERS.items():
        found = peer(library, name, path)
        if found is None:
            absent(library, f"{wanted}; `make bench-peers` installs it")
            continue
        theirs, sums = found
        assert sums == timed.result, (name, library, sums, timed.result)
        against(
            "W1", f"{name} to columns, CPU", timed.cpu, "s", peer=words, theirs=theirs, goal=goals.get(library),
        )  # fmt: skip


def memory(name: str, call: str, path: Path, limit: float | None) -> None:
    """Print the peak memory of a fresh process that does only this."""
    code = f"from pathlib import Path\nfrom benchmarks import bench_ingest as b\nb.{call}(Path({str(path)!r}))"
    say("W1", f"{name} to columns, peak memory", peak_mb(code), "MB", limit=limit)


def main() -> None:
    """Measure both files; memory limits hold for the full size only."""
    chosen = options(__doc__)
    share = 2_000 if chosen.tiny else 20 if chosen.quick else 1
    full = share == 1
    prices = data.history_file(data.MARKETS // share, data.HISTORY_POINTS // share)
    events = data.events_file(data.EVENTS // share, data.EVENT_MARKETS // share)
    compare("history", prices, history_ours, {"json": 8.0, "orjson": 6.0, "pandas": 35.0} if full else {})
    memory("history", "history_ours", prices, 404 if full else None)
    timed = best(lambda: count_records(history.iter_history(chunks(prices))), ROUNDS)
    say("W1", "history to records, CPU", timed.cpu, "s")
    compare("events", events, events_ours, {"json": 4.0, "orjson": 2.5, "pandas": 12.0} if full else {})
    memory("events", "events_ours", events, 300 if full else None)
    timed = best(lambda: count_records(stream.iter_gamma(chunks(events))), ROUNDS)
    say("W1", "events to records, CPU", timed.cpu, "s")


if __name__ == "__main__":
    main()
