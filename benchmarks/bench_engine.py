"""Engine replay (W2): 17,324 markets, 12 million points, one shared bankroll; prints JSON lines.

Peers in the same run: a compiled loop that touches every event and gathers one byte of state (the machine's limit), and
the walk's own source without compilation on a subset (no fair peer: it is written for the compiler).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
from numba import njit

from edgeworth.core.config import CostSettings, RiskSettings
from edgeworth.core.panel import NEVER
from edgeworth.core.random import stream
from edgeworth.core.units import HOUR
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.layout import PRICE_BITS, PRICE_MASK, State
from edgeworth.engine.ordering import stable_time_order
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, Tape
from edgeworth.engine.walk import make_inputs, make_limits, new_state, run, walk

START = 1_704_067_200_000_000
MARKETS, POINTS = 17_324, 12_000_000


def world(markets: int, points: int, seed: int = 7) -> tuple[Tape, EngineMarkets, dict[str, np.ndarray]]:
    """Invent hourly random walks of prices with outcomes; events of one to four markets, twelve categories."""
    rng = stream(seed, "bench-engine", markets)
    length = np.maximum(rng.exponential(points / markets, markets).astype(np.int64), 2)
    length = np.maximum((length * (points / length.sum())).astype(np.int64), 2)
    offsets = np.concatenate([[0], np.cumsum(length)])
    total = int(offsets[-1])
    market = np.repeat(np.arange(markets, dtype=np.int32), length)
    age = np.arange(total, dtype=np.int64) - offsets[:-1].repeat(length)
    opened = rng.integers(0, 365 * 24, markets) * HOUR + START
    jitter = rng.integers(-3, 4, total) * 1_000_000
    t = opened.repeat(length) + age * HOUR + jitter
    step = rng.normal(0, 60, total)
    step[offsets[:-1]] = rng.uniform(500, 9_500, markets)
    path = np.cumsum(step)
    path -= (path[offsets[:-1]] - step[offsets[:-1]]).repeat(length)
    price = np.clip(np.abs(path), 10, 9_990)
    price = (np.round(price / 10) * 10).astype(np.int16)
    final = price[offsets[1:] - 1]
    payout = np.where(rng.uniform(0, 10_000, markets) < final, 10_000, 0).astype(np.int32)
    known = t[offsets[1:] - 1] + 2 * HOUR
    known[rng.uniform(size=markets) < 0.02] = NEVER
    row = stable_time_order(t)
    position = np.empty_like(row)
    position[row] = np.arange(total, dtype=np.int32)
    slot_market = np.argsort(position[offsets[:-1]], kind="stable").astype(np.int32)
    slot = np.empty(markets, np.uint32)
    slot[slot_market] = np.arange(markets, dtype=np.uint32)
    word = slot[market] << np.uint32(PRICE_BITS) | price.astype(np.uint32)
    tape = Tape(t[row], word[row], position, offsets, slot_market)

    class _Known:
        payout_e4, known_at = payout, known

    tape = tape.with_outcomes(_Known())  # type: ignore[arg-type]
    event = np.repeat(np.arange(markets), rng.integers(1, 5, markets))[:markets]
    terms = EngineMarkets(
        event=event.astype(np.int32),
        category=rng.integers(0, 12, markets).astype(np.int32),
        exclusive=rng.uniform(size=markets) < 0.2,
        tick_e4=np.where(rng.uniform(size=markets) < 0.7, 10, 100).astype(np.int64),
        min_lots=np.full(markets, 500, np.int64),
        fees=FeeTable.constant(np.full(markets, 40_000), np.ones(markets, np.int64)),
        event_no=np.unique(event),
        categories=tuple(f"c{k:02d}" for k in range(12)),
    )
    return tape, terms, {"price": price, "market": market, "age": age, "length": length}


@njit(nogil=True)
def late_rows(price: Any, offsets: Any) -> Any:
    """Return every fourth point of the last half of a market's life with YES within [0.10, 0.90]."""
    rows, count = np.empty(len(price), np.int64), 0
    for m in range(len(offsets) - 1):
        length = offsets[m + 1] - offsets[m]
        for k in range(offsets[m], offsets[m + 1]):
            age = k - offsets[m]
            if age * 2 > length and age % 4 == 0 and 1_000 <= price[k] <= 9_000:
                rows[count] = k
                count += 1
    return rows[:count].copy()


def heavy(tape: Tape, raw: dict[str, np.ndarray]) -> EngineOpinions:
    """Take NO at every point with YES within [0.10, 0.90] in the last half of a market's life: many firings."""
    price = raw["price"]
    row = late_rows(price, tape.offsets)
    fair = 1.0 - price[row] / 10_000 + 0.06
    return EngineOpinions.on_tape(
        tape, row, np.full(len(row), -1, np.int8), np.minimum(fair, 0.99), np.full(len(row), 0.05)
    )


def config() -> EngineConfig:
    """Wide limits, so that most markets are held."""
    risk = RiskSettings(
        bankroll=1_000_000,
        max_order=40,
        max_total=1.0,
        max_category=1.0,
        drawdown_start=0.5,
        drawdown_stop=0.9,
        stop_loss=0.9,
    )
    return EngineConfig.of_settings(CostSettings(half_spread=0.005), risk)


def packed(tape: Tape) -> np.ndarray:
    """Return every event as one word of 64 bits: seconds << 32 | slot of the market << 14 | price; (N,) uint64."""
    seconds = ((tape.t - (tape.t[0] if len(tape) else 0)) // 1_000_000).astype(np.uint64)
    return seconds << np.uint64(32) | tape.word.astype(np.uint64)


@njit(nogil=True)
def touch(events: Any, flags: Any) -> int:
    """Read every event, taking it apart, and gather one byte of its market's state: the limit."""
    total = 0
    for k in range(len(events)):
        event = events[k]
        slot = np.uint64(event >> np.uint64(PRICE_BITS) & np.uint64((1 << 18) - 1))
        total += np.int64(event >> np.uint64(32)) + np.int64(event & np.uint64(PRICE_MASK)) + flags[slot]
    return total


def best(action: Any, times: int = 5) -> float:
    """Return the least of several processor times, seconds: steadier than wall time on shared cores."""
    walls = []
    for _ in range(times):
        start = time.process_time()
        action()
        walls.append(time.process_time() - start)
    return min(walls)


def say(**facts: Any) -> None:
    """Print one JSON line."""
    print(json.dumps({"bench": "engine", **facts}), flush=True)


def measure(markets: int, points: int, plain: bool) -> None:
    """Time the walk; `plain` = this process runs without compilation, once."""
    tape, terms, raw = world(markets, points)
    opinions, limits_of = heavy(tape, raw), config()
    events = len(tape) + len(tape.end_t)
    if plain:
        start = time.perf_counter()
        result = run(tape, terms, opinions, limits_of)
        wall = time.perf_counter() - start
        say(
            peer="the walk's own source, not compiled (CPython loops: bench_backtest)",
            events=events,
            wall_s=wall,
            per_s=events / wall,
            equity=result.ledger.equity,
        )
        return
    view, limits = make_inputs(tape, terms, opinions, limits_of), make_limits(limits_of)
    result = run(tape, terms, opinions, limits_of)

    def state() -> State:
        return new_state(view, terms, limits_of, 4 * markets + 1_024)

    ready = [state() for _ in range(6)]
    wall = best(lambda: walk(view, limits, ready.pop()))
    whole = best(lambda: run(tape, terms, opinions, limits_of), 3)
    flags = np.zeros(len(terms.event), np.int8)
    events_read = packed(tape)
    floor = best(lambda: touch(events_read, flags), 15)
    held = int((result.trades["lots"] > 0).sum())
    say(
        peer="edgeworth walk", events=events, opinions=len(opinions), trades=held, wall_s=wall, per_s=events / wall,
        run_s=whole, equity=result.ledger.equity, denials={code.text: n for code, n in result.denials.items()},
    )  # fmt: skip
    say(peer="touch every event", events=events, wall_s=floor, per_s=events / floor, walk_over_touch=wall / floor)
    say(peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Run all peers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="1,000 markets, 700,000 points")
    parser.add_argument("--plain", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plain:
        measure(arguments.plain[0], arguments.plain[1], plain=True)
        return
    markets, points = (1_000, 700_000) if arguments.small else (MARKETS, POINTS)
    measure(markets, points, plain=False)
    measure(1_000, 400_000, plain=False)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}  # noqa: TID251 (a peer in its own process)
    subprocess.run([sys.executable, __file__, "--plain", "1000", "400000"], check=True, env=environment)


if __name__ == "__main__":
    main()
