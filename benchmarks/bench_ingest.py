"""Ingest (W1): 200 MB of price histories and 200 MB of Gamma events, decoded to columns and to records, beside peers.

Every peer gives the same columns; their sums are compared. History: t, price, offsets. Events: 13 columns a market.
"""

import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.measure import ROUNDS, absent, against, best, options, peak_mb, say
from edgeworth.venues.polymarket import history, stream

CHUNK = 1 << 20
FLOATS = ("volumeNum", "liquidityNum", "bestBid", "bestAsk", "lastTradePrice", "volume24hr")
TEXTS = ("id", "conditionId", "endDate", "outcomePrices", "clobTokenIds")
_FLOAT_FIELDS = ("volume_num", "liquidity_num", "best_bid", "best_ask", "last_trade_price", "volume24hr")
_TEXT_FIELDS = ("id", "condition_id", "end_date", "outcome_prices", "clob_token_ids")
_FIELDS = attrgetter("closed", *_TEXT_FIELDS, *_FLOAT_FIELDS)
_ROWS = 500
Loads = Callable[[bytes], Any]


def chunks(path: Path) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


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
    micros = np.array(t, np.int64) * 1_000_000
    return _history_sums(micros, np.rint(np.array(price) * 10_000).astype(np.int32), np.array(offsets))


def history_ours(path: Path) -> tuple[int, int, int, int]:
    """Decode as the product does."""
    found = history.read_columns(chunks(path))
    return _history_sums(found.t, found.price_e4, found.offsets)


def _history_sums(t: Any, price: Any, offsets: Any) -> tuple[int, int, int, int]:
    return len(t), int(t.sum()), int(price.sum(dtype=np.int64)), int(offsets.sum())


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
    return _event_sums([event_id, *texts.values()], [np.array(column) for column in floats.values()], np.array(closed))


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
    return _event_sums([events, *texts], [np.array(column) for column in floats], np.array(closed))


def _move(rows: list[tuple[Any, ...]], columns: list[list[Any]]) -> None:
    for column, values in zip(columns, zip(*rows, strict=True), strict=bool(rows)):
        column.extend(values)
    rows.clear()


def _event_sums(texts: list[list[str]], floats: list[Any], closed: Any) -> tuple[float, ...]:
    lengths = [float(sum(map(len, column))) for column in texts]
    return (float(len(closed)), float(closed.sum()), *lengths, *(round(float(column.sum()), 3) for column in floats))


def count_records(records: Iterable[Any]) -> int:
    """Run through records."""
    return sum(1 for _ in records)


def peers() -> dict[str, Loads]:
    """Return the whole-file decoders that are installed; name those that are not."""
    found: dict[str, Loads] = {"json": json.loads}
    try:
        found["orjson"] = importlib.import_module("orjson").loads
    except ImportError:
        absent("orjson", "3.13")
    return found


def compare(
    name: str, path: Path, work: tuple[Callable[..., Any], Callable[..., Any]], goals: dict[str, float]
) -> None:
    """Time ours and the peers on one file; every answer must be equal."""
    ours, by_loops = work
    timed = best(lambda: ours(path))
    megabytes = path.stat().st_size / 1e6
    say("W1", f"{name} to columns", megabytes / timed.cpu, "MB/s of CPU")
    say("W1", f"{name} to columns, wall", timed.wall, "s")
    for peer, loads in found_peers.items():
        theirs = best(lambda loads=loads: by_loops(path, loads))  # type: ignore[misc]
        assert theirs.result == timed.result, (name, peer, theirs.result, timed.result)
        against(
            "W1", f"{name} to columns, CPU", timed.cpu, "s", peer=f"{peer} + loops", theirs=theirs.cpu,
            goal=goals.get(peer),
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
    found_peers.update(peers())
    compare("history", prices, (history_ours, history_by_loops), {"json": 8.0, "orjson": 6.0} if full else {})
    memory("history", "history_ours", prices, 404 if full else None)
    timed = best(lambda: count_records(history.iter_history(chunks(prices))), ROUNDS)
    say("W1", "history to records, CPU", timed.cpu, "s")
    compare("events", events, (events_ours, events_by_loops), {"json": 4.0, "orjson": 2.5} if full else {})
    memory("events", "events_ours", events, 300 if full else None)
    timed = best(lambda: count_records(stream.iter_gamma(chunks(events))), ROUNDS)
    say("W1", "events to records, CPU", timed.cpu, "s")


found_peers: dict[str, Loads] = {}

if __name__ == "__main__":
    main()
