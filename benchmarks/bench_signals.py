"""A live batch of 300 markets, features to signals, after start: fresh quotes in the database, a champion model, rules.

An invented home holds resolved markets with candles and snapshots, and 300 open markets quoted every quarter of an
hour. A scanner that has started looks again and again, each time a quarter later with a new quote for every market.
Told apart: `features to signals` (features, model and rules over the newest rows, duplicates, clusters, the review
queue), the least of the looks, and the `whole look` (with reading what is new, and storing every forecast and the
batch), their median.
"""

import asyncio
import cProfile
import dataclasses
import pstats
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from benchmarks.measure import options, say
from edgeworth.app.columns import Shelf
from edgeworth.app.signalling import Request, scanner
from edgeworth.core.clock import ManualClock
from edgeworth.core.config import Config, Settings
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.records import EventRecord, MarketRecord, Record, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR, MINUTE, Micros
from edgeworth.forecasting.speaking import Speaker, listen
from edgeworth.models.registry import Registry
from edgeworth.research import training
from edgeworth.research.batch_signals import review
from edgeworth.research.batch_signals.journal import Seen
from edgeworth.research.batch_signals.scan import Assembly, Scanner, inputs_of
from edgeworth.research.dataset import Plan, build
from edgeworth.store.asof import load_panel
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow

WORKLOAD = "W5"
START = 1_704_067_200_000_000  # 2024
NOW = START + 400 * DAY
OPEN, QUARTER = 300, 15 * MINUTE
GOAL_MS = 50.0
WITH = ("spot", "similarity", "flow")
LEARNERS = ("logistic", "xgb", "lgbm")
_TEXTS = (
    "Will Bitcoin reach ${n},000 in week {i}?", "Will the highest temperature in Oslo on day {i} be {n}°C?",
    "Will Solana be above ${n} on day {i}?", "Will candidate {i} win the election?", "Will team {i} win game {n}?",
)  # fmt: skip


def fill(home: Home, past: int, still_open: int) -> list[int]:
    """Store markets, four an event, their prices, candles and snapshots; return the numbers of the open ones."""
    draw = stream(3, "bench-signals")
    count, points = past + still_open, 120
    is_open = np.arange(count) >= past
    begin = np.where(is_open, NOW - points * QUARTER, START + draw.integers(0, 380, count) * DAY)
    step = np.where(is_open, QUARTER, HOUR)
    t = begin[:, None] + np.arange(points) * step[:, None]
    path = np.cumsum(draw.normal(0, 0.15, (count, points)), axis=1) + draw.normal(0, 1, count)[:, None]
    price = np.clip(1 / (1 + np.exp(-path)), 0.05, 0.95)
    won = draw.random(count) < price[:, -1] * 0.8
    end = np.where(is_open, NOW + DAY * draw.integers(1, 9, count), t[:, -1] + HOUR)
    records: list[Record] = [
        EventRecord(source="invented", venue="polymarket", native_id=f"e{number}", title="")
        for number in range(count // 4)
    ]
    for k in range(count):
        ids = (("condition", f"m{k}"),)
        records.append(
            MarketRecord(
                source="invented", venue="polymarket", ids=ids, question=_TEXTS[k % 5].format(i=k, n=20 + k % 70),
                event_native_id=f"e{min(k // 4, count // 4 - 1)}", scheduled_end=int(end[k]), created_at=int(t[k, 0]),
                backdated=True,
            )
        )  # fmt: skip
        if not is_open[k]:
            paid = Payout.YES if won[k] else Payout.NO
            records.append(
                ResolutionRecord(source="invented", ids=ids, payout=paid, resolved_at=int(end[k]), known_at=int(end[k]))
            )

    async def work() -> list[int]:
        async with await MarketStore.open(home) as store:
            await store.write(records)
            found = await store.resolve_ids([(("condition", f"m{k}"),) for k in range(count)])
            return [int(number or 0) for number in found]

    numbers = np.array(asyncio.run(work()), np.int64)
    ticks = (price * 10_000).astype(np.int32)
    Lake(home.lake).append_prices("invented", np.repeat(numbers, points), t.ravel(), ticks.ravel(), key="bench")
    _candles(home)
    quoted = [*numbers[: past // 10].tolist(), *numbers[past:].tolist()]
    quote(home, quoted, range(NOW - 9 * DAY, NOW, QUARTER), 1)
    return [int(number) for number in numbers[past:]]


def _candles(home: Home) -> None:
    hours = (NOW - START) // HOUR + 24
    for number, coin in enumerate(("BTC", "ETH", "SOL")):
        walk = 50_000 * np.exp(np.cumsum(stream(number, "bench-candles").normal(0, 0.006, hours + 1)))
        a, b = walk[:-1], walk[1:]
        frame = pl.DataFrame(
            {
                "t": START + np.arange(hours) * HOUR, "open": a, "high": np.maximum(a, b) * 1.001,
                "low": np.minimum(a, b) * 0.999, "close": b, "volume": np.ones(hours),
            }
        )  # fmt: skip
        Lake(home.lake).append_candles("binance-spot", coin, "1h", frame, key=coin)


def quote(home: Home, numbers: list[int], times: Sequence[int], seed: int) -> None:
    """Store a snapshot of every market at each instant."""
    mid = stream(seed, "bench-quotes").integers(500, 9_400, (len(times), len(numbers))).tolist()
    rows = [
        SnapshotRow(
            t, number, "polymarket", t, t, bid_e4=int(m), ask_e4=int(m) + 100, last_e4=int(m), depth_e6=10**8,
            volume_e6=(t - START) // HOUR * 10**6, liquidity_e6=10**9,
        )
        for t, row in zip(times, mid, strict=True)
        for number, m in zip(numbers, row, strict=True)
    ]  # fmt: skip

    async def work() -> None:
        async with await MarketStore.open(home) as store:
            await store.write_snapshots(rows)

    asyncio.run(work())


def teach(home: Home, name: str, providers: tuple[str, ...], learners: tuple[str, ...]) -> None:
    """Train a model on what has resolved and save it."""
    panel, outcomes = load_panel(home)
    extra = Shelf(home).columns(providers) if providers else None
    rows = build(panel, outcomes, Plan(time_points=(0.25, 0.5, 1.0), providers=providers), extra)
    chosen = training.Options(models=learners, cv="walk-forward-4", holdout=0.0)
    found = training.train(rows, chosen, lambda *_: None)
    card = {**found.card, "scores": [dataclasses.asdict(score) for score in found.scores]}
    Registry(home.root / "models").save(name, found.model, card)


def looks(
    home: Home, numbers: list[int], model: str, count: int, profile: bool
) -> tuple[list[float], list[tuple[float, float]]]:
    """Return milliseconds of looks after the first, whole and from features to signals alone."""
    clock = ManualClock(Micros(NOW))
    request = Request(rules=("all",), size=None, model=model or None, no_model=not model, fresh=True)
    scan = scanner(Config(home=home, settings=Settings(), origins={}, file=None), request, clock)
    inner: list[tuple[float, float]] = []
    whole: list[float] = []
    profiler = cProfile.Profile()
    for number in range(count + 2):
        clock.advance(QUARTER)
        quote(home, numbers, [int(clock.now()) - MINUTE], number + 1_000 * len(model))
        if profile and number >= 2:
            profiler.enable()
        begun = time.perf_counter()
        batch = scan.next_batch()
        whole.append(1_000 * (time.perf_counter() - begun))
        profiler.disable()
        inner.append(_again(scan))
        if batch.dedupe_summary.input_items != len(numbers) or (batch.model is None) == bool(model):
            raise RuntimeError(f"a look saw {batch.dedupe_summary.input_items} markets: {batch.message}")
        if batch.model is not None and not batch.model.speaks:
            raise RuntimeError(batch.model.why)
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(70)
    return whole[2:], inner[2:]


def _again(scan: Scanner) -> tuple[float, float]:
    """Return wall and CPU milliseconds from the newest rows to a batch on the board at hand, stores apart."""
    board = scan.look(int(scan.clock.now()))[0]
    speaker = scan.voice.speaker if scan.voice else None
    speakers: list[Speaker] = [*board.speakers, *([speaker] if speaker else [])]
    begun, used = time.perf_counter(), time.process_time()
    said = tuple(listen(board.panel, board.row, speakers, board.as_of))
    board = dataclasses.replace(board, said=said)
    found = (board, review.find(board, scan.settings), inputs_of(board))
    Assembly(scan, found, Seen(), int(scan.clock.now())).build()
    return 1_000 * (time.perf_counter() - begun), 1_000 * (time.process_time() - used)


def main() -> None:
    """Make the home, train, look."""
    chosen = options(__doc__)
    past, count, still_open = (200, 3, 60) if chosen.tiny else (600, 5, OPEN) if chosen.quick else (2_000, 15, OPEN)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        numbers = fill(home, past, still_open)
        for name, providers in (("plain", ()), ("wide", WITH)):
            teach(home, name, providers, LEARNERS[:1] if chosen.tiny else LEARNERS)
        for model, words in (
            ("", "rules alone"),
            ("plain", "and a model"),
            ("wide", f"and a model with {', '.join(WITH)}"),
        ):
            whole, inner = looks(home, numbers, model, count, profile=False)
            what = f"live batch of {still_open}, {words}"
            goal = None if chosen.tiny else GOAL_MS
            say(WORKLOAD, f"{what}: features to signals", min(wall for wall, _ in inner), "ms", goal)
            say(WORKLOAD, f"{what}: features to signals, CPU", min(cpu for _, cpu in inner), "ms")
            say(WORKLOAD, f"{what}: whole look, median", median(whole), "ms")


if __name__ == "__main__":
    main()
