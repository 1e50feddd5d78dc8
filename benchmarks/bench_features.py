"""Features (W3): 66 technical columns of 30 symbols x 105,120 candles, and look-ups as of an instant, beside peers.

Every peer runs in a process of its own and computes the same columns; what they give must be equal, on rows after the
longest-lived beginning has faded (peers begin their recurrences otherwise). Wall where both use two threads, CPU where
one does; the least of the rounds. The limit is writing the result once.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import data
from benchmarks.measure import ROUNDS, Timing, absent, against, best, options, peak_mb, say
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.features.asof import rows_as_of
from edgeworth.features.technical.catalogue import columns, names
from edgeworth.features.technical.compute import compute_many

SYMBOLS, ROWS, STEP = 30, 105_120, 15 * MINUTE
MARKETS, POINTS = 17_324, 12_000_000
HORIZONS, LAGS = (1, 3, 7, 14, 30), (0, 1, 6, 24)  # days before the last point, hours before that
EVERY = 97  # of the rows that are compared
CLOSE, SHARE = 2e-5, 2e-6  # how far values may lie apart: of the column's deviation, and of the value
SINCE = "since_cross_"
WHERE = "`make bench-peers` installs it"


@dataclass(frozen=True)
class Candles:
    """Candles of one symbol."""

    t: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any


class Peer(NamedTuple):
    """A library that computes the columns: how it is called, which version, and the goals on wall and per value."""

    library: str
    words: str
    wanted: str
    wall: float | None
    value: float | None


PEERS = (
    Peer("pandas", "pandas, 2 threads", "3", 12.0, None),
    Peer("polars", "polars, 2 threads", "2.1", 7.0, None),
    Peer("talib", "TA-Lib", "0.8", None, 1.8),
)


def candles(symbols: int, rows: int) -> Path:
    """Return the file of invented candles (6, symbols, rows): random walks whose volatility comes and goes."""
    path = data.folder() / f"candles-1-{symbols}-{rows}.npy"
    if path.exists():
        return path
    table = np.empty((6, symbols, rows))
    for symbol in range(symbols):
        draw = stream(17, "benchmark-candles", symbol)
        waves = np.exp(0.5 * np.sin(np.arange(rows) / (700 + 40 * symbol)))
        move = draw.normal(0, 0.002, rows) * waves
        close = 10.0 ** draw.uniform(-2, 5) * np.exp(np.cumsum(move))
        opened = np.concatenate((close[:1], close[:-1])) * np.exp(draw.normal(0, 1e-4, rows))
        high = np.maximum(opened, close) * np.exp(np.abs(draw.normal(0, 0.001, rows)) * waves)
        low = np.minimum(opened, close) * np.exp(-np.abs(draw.normal(0, 0.001, rows)) * waves)
        volume = draw.lognormal(4, 0.8, rows) * waves
        t = data.START * 1_000_000 + np.arange(rows) * STEP
        table[:, symbol] = t, opened, high, low, close, volume
    np.save(path, table)
    return path


def blocks(path: Path) -> list[Candles]:
    """Return the candles of each symbol."""
    table = np.load(path)
    return [Candles(table[0, k].astype(np.int64), *table[1:, k]) for k in range(table.shape[1])]


def write_limit(rows: int) -> Any:
    """Write a result once."""
    out = np.empty((len(names()), rows), np.float32)
    for column in out:
        column[:] = 1.0
    return out


def settled(rows: int) -> int:
    """Return from which row on the beginning of a series no longer matters, in steps of EVERY; at most half of them."""
    bars = {"": STEP, "1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
    longest = max(column.settles * bars[column.timeframe] // STEP for column in columns())
    return min(longest, rows // 2) // EVERY + 1


def compare(peer: Peer, ours: Any, theirs: Any, rows: int, tight: bool) -> None:
    """Assert that a peer's columns are equal; `ours` and `theirs` hold every EVERY-th row of all symbols."""
    place = np.arange(len(ours)) * EVERY % rows // EVERY
    late = place >= settled(rows)
    for column, name in enumerate(names()):
        mine, other = ours[late, column].astype(np.float64), theirs[late, column].astype(np.float64)
        if np.isnan(other).all():
            continue  # it has no such column
        if not tight and (name.startswith(SINCE) or name.endswith("_1d")):
            continue  # too few rows for its beginning to fade
        assert not np.isnan(mine).any(), (peer.words, name)
        assert not np.isnan(other).any(), (peer.words, name)
        apart = np.abs(mine - other) > (
            CLOSE * mine.std() + SHARE * np.abs(mine) if tight else 0.02 * mine.std() + 1e-6
        )
        allowed = 2e-4 * len(mine) if name.startswith(SINCE) else 0  # a cross within rounding falls on another row
        assert apart.sum() <= allowed, (peer.words, name, int(apart.sum()), mine[apart][:3], other[apart][:3])


def beside(peer: Peer, path: Path, ours: Any, rows: int, rounds: int) -> dict[str, Any] | None:
    """Run a peer, here or in the environment that EDGEWORTH_PEER_PYTHON names, and compare what it gives."""
    python = sys.executable
    if not importlib.util.find_spec(peer.library):
        python = os.environ.get("EDGEWORTH_PEER_PYTHON", "")  # noqa: TID251  (a benchmark has no configuration)
        tried = [python, "-c", f"import {peer.library}"]
        if not python or subprocess.run(tried, check=False, capture_output=True).returncode:
            absent(peer.library, f"{peer.wanted}; {WHERE}")
            return None
    script = Path(__file__).parent / "peers" / "technical.py"
    with tempfile.TemporaryDirectory() as folder:
        words, sample = Path(folder) / "names.json", Path(folder) / "sample.npy"
        words.write_text(json.dumps(names()), "utf-8")
        command = [python, *map(str, (script, peer.library, path, words, sample, rounds, EVERY))]
        variables = {**os.environ, "POLARS_MAX_THREADS": "2"}  # noqa: TID251  (passed on, not read)
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables)
        compare(peer, ours, np.load(sample), rows, rows == ROWS)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def technical(symbols: int, rows: int) -> None:
    """Compare the 66 columns; goals hold for the full size only."""
    path, full, total = candles(symbols, rows), rows == ROWS, symbols * rows
    found = blocks(path)
    compute_many(found[:1], STEP)  # compiled before the clock starts
    limit = best(lambda: write_limit(total), ROUNDS).cpu
    two = best(lambda: compute_many(found, STEP, threads=2)[0], 9)
    sample = two.result[::EVERY].copy()
    two = Timing(two.cpu, two.wall, None)
    one = best(lambda: compute_many(found, STEP, threads=1)[0], 9).cpu
    each = one / total / len(names()) * 1e9
    say("W3", f"{len(names())} columns of {total:,} rows, wall on 2 threads", two.wall, "s")
    say("W3", "a value, CPU on one thread", each, "ns")
    say("W3", "times the limit of writing the result, CPU on one thread", one / limit, "x", 12.0 if full else None)
    for peer in PEERS:
        theirs = beside(peer, path, sample, rows, ROUNDS)
        if theirs is None:
            continue
        if peer.value is None:
            name, goal = "66 columns, wall on 2 threads", peer.wall if full else None
            against("W3", name, two.wall, "s", peer=peer.words, theirs=theirs["wall_s"], goal=goal)
        goal = peer.value if full else None
        value = theirs["cpu_s"] / total / theirs["columns"] * 1e9
        against(
            "W3", "a value, CPU", each, "ns", peer=f"{peer.words}, {theirs['columns']} columns", theirs=value, goal=goal
        )
        say("W3", f"{peer.words}, peak memory", theirs["peak_mb"], "MB")
    code = (
        "from pathlib import Path\nfrom benchmarks import bench_features as b\n"
        f"x = b.compute_many(b.blocks(Path({str(path)!r})), b.STEP, threads=2)"
    )
    say("W3", "66 columns, peak memory", peak_mb(code), "MB", limit=2_200 if full else None)


def look_ups(markets: int, total: int) -> None:
    """Compare look-ups of the newest point of a market as of an instant."""
    points, full = data.points(markets, total), markets == MARKETS
    end = points.t[points.offsets[1:] - 1]
    back = np.add.outer(np.array(HORIZONS) * DAY, np.array(LAGS) * HOUR).reshape(-1)
    at, market = (end[:, None] - back).reshape(-1), np.repeat(np.arange(markets), len(back))
    rows_as_of(points.t, points.offsets, market[:1], at[:1])  # compiled before the clock starts
    ours = best(lambda: rows_as_of(points.t, points.offsets, market, at), 3 * ROUNDS)
    say("W3", f"{len(at):,} look-ups over {len(points.t):,} points, CPU", ours.cpu, "s")
    goal = 10.0 if full else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npz"
        np.savez(path, t=points.t, market=points.market_no - 1, at=at, asked=market)
        for library, words, wanted in (
            ("polars", "polars join_asof", "2.1"),
            ("pandas", "pandas merge_asof, sorted before", "3"),
        ):
            theirs = _look_up_beside(library, path, wanted, Path(folder) / "rows.npy")
            if theirs is None:
                continue
            assert np.array_equal(np.load(Path(folder) / "rows.npy"), ours.result), library
            for kind, mine in (("CPU", ours.cpu), ("wall", ours.wall)):
                other = theirs["cpu_s" if kind == "CPU" else "wall_s"]
                against("W3", f"look-ups as of an instant, {kind}", mine, "s", peer=words, theirs=other, goal=goal)


def _look_up_beside(library: str, path: Path, wanted: str, rows: Path) -> dict[str, Any] | None:
    python = sys.executable
    if not importlib.util.find_spec(library):
        python = os.environ.get("EDGEWORTH_PEER_PYTHON", "")  # noqa: TID251  (a benchmark has no configuration)
        if (
            not python
            or subprocess.run([python, "-c", f"import {library}"], check=False, capture_output=True).returncode
        ):
            absent(library, f"{wanted}; {WHERE}")
            return None
    script = Path(__file__).parent / "peers" / "asof.py"
    variables = {**os.environ, "POLARS_MAX_THREADS": "2"}  # noqa: TID251  (passed on, not read)
    command = [python, str(script), library, str(path), str(rows), str(ROUNDS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure both."""
    chosen = options(__doc__)
    if chosen.tiny:
        technical(1, 6_000)
        look_ups(50, 20_000)
    elif chosen.quick:
        technical(4, 40_000)
        look_ups(2_000, 1_000_000)
    else:
        technical(SYMBOLS, ROWS)
        look_ups(MARKETS, POINTS)


if __name__ == "__main__":
    main()
