"""Backtest (W2): one shared bankroll over 17,324 markets and 12 million points, beside peers in the same run.

CPU seconds, least of the rounds; results of peers that run the same rules must be equal. nautilus_trader runs in an
environment of its own, which `make bench-peers` makes; it is named in EDGEWORTH_PEER_PYTHON, else it counts as absent.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.bench_engine import config, heavy, packed, touch, world
from benchmarks.measure import absent, against, best, options, own_peak_mb, say
from benchmarks.peers import cpython_loop, cpython_tuned
from edgeworth.core.panel import Panel
from edgeworth.engine.layout import Inputs, Limits, State
from edgeworth.engine.result import EngineResult
from edgeworth.engine.types import EngineMarkets, EngineOpinions, Tape, order_points
from edgeworth.engine.walk import make_inputs, make_limits, new_state, run, walk

NAUTILUS = "nautilus_trader 1.231 on Python >= 3.12"
RULES = 64


def light(tape: Tape, terms: EngineMarkets, raw: dict[str, Any]) -> EngineOpinions:
    """Take NO within [0.10, 0.90] in the last 14 days, in 4 of 12 categories."""
    price, market = raw["price"], raw["market"]
    late = raw["age"] >= raw["length"][market] - 14 * 24
    row = np.flatnonzero((price >= 1_000) & (price <= 9_000) & late & (terms.category[market] < 4))
    fair = np.minimum(1.0 - price[row] / 10_000 + 0.06, 0.99)
    return EngineOpinions.on_tape(tape, row, np.full(len(row), -1, np.int8), fair, np.full(len(row), 0.05))


def replays(tape: Tape, terms: EngineMarkets, rules: dict[str, EngineOpinions], full: bool) -> float:
    """Time the walk of each rule beside a loop that touches every event; return events a CPU second, heavy."""
    limits, events = make_limits(config()), packed(tape)
    flags = np.zeros(len(terms.event), np.int8)
    floor = best(lambda: touch(events, flags), 15).cpu
    rate = 0.0
    for name, opinions in rules.items():
        view = make_inputs(tape, terms, opinions, config())
        states = [new_state(view, terms, config(), 4 * len(terms.event) + 1_024) for _ in range(7)]
        took = best(partial(_walk_one, view, limits, states), 7).cpu
        goal = 0.2 if full and name == "heavy" else None
        against("W2", f"replay, {name}", took, "s", peer="touch every event", theirs=floor, goal=goal)
        rate = rate or len(tape) / took
        say("W2", f"replay, {name}: the whole call", best(partial(run, tape, terms, opinions, config())).cpu, "s")
    return rate


def _walk_one(view: Inputs, limits: Limits, states: list[State]) -> None:
    walk(view, limits, states.pop())


def fills_of(result: EngineResult) -> list[tuple[int, ...]]:
    """Return the columns the CPython loop writes."""
    names = ("t", "market", "side", "kind", "price_e4", "lots", "fee_e6")
    return list(zip(*(result.fills[name].tolist() for name in names), strict=True))


def python_loops(rate: float) -> None:
    """Run the same rules in plain CPython on 1,000 markets; the fills must be equal."""
    tape, terms, raw = world(1_000, 400_000)
    opinions = heavy(tape, raw)
    ours = run(tape, terms, opinions, config())
    lists = cpython_tuned.prepare(tape, terms, opinions, config())
    arrays = {**lists, "t": tape.t, "market": tape.market, "price": tape.price_e4}
    for name, loop, data, goal in (
        ("cpython-loop (over arrays, equal fills)", cpython_loop, arrays, 300),
        ("cpython-loop (over lists, equal fills)", cpython_loop, lists, None),
        ("cpython-tuned (over arrays, equal fills)", cpython_tuned, arrays, None),
        ("cpython-tuned (over lists, equal fills)", cpython_tuned, lists, None),
    ):
        timed = best(partial(loop.replay, data))
        fills, equity, worst = timed.result
        if (fills, equity, worst) != (fills_of(ours), ours.ledger.equity, ours.max_drawdown_e6):
            raise SystemExit("the CPython loop disagrees")
        theirs = timed.cpu / len(tape)
        against("W2", "replay, heavy: per event", 1 / rate, "s", peer=name, theirs=theirs, goal=goal)
    nautilus(tape, terms, opinions, ours)


def nautilus(tape: Tape, terms: EngineMarkets, opinions: EngineOpinions, ours: EngineResult) -> None:
    """Run nautilus_trader on the same 1,000 markets, where an environment with it is named."""
    python = os.environ.get("EDGEWORTH_PEER_PYTHON", "")  # noqa: TID251  (a benchmark has no configuration)
    if not python or not Path(python).exists():
        absent("nautilus_trader", f"{NAUTILUS}; `make bench-peers` installs it")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "points.npz"
        np.savez(
            file, t=tape.t, market=tape.market, price=tape.price_e4, markets=len(tape.offsets) - 1,
            opinion=np.sort(opinions.position),
        )  # fmt: skip
        script = Path(__file__).parent / "peers" / "nautilus_loop.py"
        done = subprocess.run([python, "-W", "ignore", str(script), str(file)], check=True, capture_output=True)
    said = json.loads(done.stdout.splitlines()[-1])
    orders = ours.orders + sum(n for code, n in ours.denials.items() if code.text == "no-next-price")
    say("W2", "orders sent, ours less nautilus_trader's", abs(orders - said["trades"]), "orders", limit=0)
    whole = best(partial(run, tape, terms, opinions, config()), 7).cpu
    against(
        "W2", "1,000 markets: per event", whole / len(tape), "s", peer="nautilus_trader 1.231",
        theirs=said["cpu_s"] / said["events"], goal=3_000,
    )  # fmt: skip


def sweep(tape: Tape, terms: EngineMarkets, opinions: EngineOpinions, full: bool) -> None:
    """Walk 64 rules over one tape, as threads."""
    rules = [replace(config(), kelly=1 - k / 100, stop_loss=900_000 - 5_000 * k) for k in range(RULES)]
    begun, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda rule: run(tape, terms, opinions, rule).ledger.equity, rules))
    wall, used = time.perf_counter() - begun, time.process_time() - cpu
    say("W2", f"{RULES} rules over one tape, wall", wall, "s", limit=3.0 if full else None)
    say("W2", f"{RULES} rules over one tape, CPU of all threads", used, "s")
    if len(set(results)) < 2:
        raise SystemExit("the rules of the sweep do not differ")


def polars_flat(raw: dict[str, Any]) -> None:
    """Take the first qualifying point of each market at a flat stake: all that expressions can say."""
    late = raw["age"] * 2 > raw["length"][raw["market"]]
    frame = pl.DataFrame({"market": raw["market"], "price": raw["price"], "late": late})

    def work() -> int:
        chosen = frame.lazy().filter(pl.col("price").is_between(1_000, 9_000) & pl.col("late"))
        return chosen.group_by("market", maintain_order=True).first().collect().height

    timed = best(work)
    say("W2", "polars expressions, flat stake (a weaker rule), CPU", timed.cpu, "s")


def from_files(markets: int, points: int, full: bool) -> None:
    """From a Parquet file to a result, beside a script that loads JSON and loops over markets at a flat stake."""
    tape, terms, raw = world(markets, points, seed=11)
    t = np.empty(len(tape), np.int64)
    t[:] = tape.t[tape.position]
    with tempfile.TemporaryDirectory() as name:
        parquet, history = Path(name) / "p.parquet", Path(name) / "h.json"
        price = raw["price"].astype(np.int32)
        pl.DataFrame({"market": raw["market"], "t": t, "price": price}).write_parquet(parquet)
        with history.open("w") as out:
            out.write("{")
            for m in range(markets):
                a, b = tape.offsets[m], tape.offsets[m + 1]
                pairs = zip((t[a:b] // 1_000_000).tolist(), (raw["price"][a:b] / 10_000).tolist(), strict=True)
                body = ",".join(f'{{"t":{when},"p":{p}}}' for when, p in pairs)
                out.write(f'{"," if m else ""}"{m}":[{body}]')
            out.write("}")

        def ours() -> int:
            frame = pl.read_parquet(parquet)
            market, when, price = (frame[column].to_numpy() for column in ("market", "t", "price"))
            offsets = np.searchsorted(market, np.arange(markets + 1)).astype(np.int64)
            none = np.empty(0, np.int64)
            panel = Panel(pl.DataFrame(), offsets, when, price, np.zeros(markets + 1, np.int64), none, none, "", "")
            made = replace(
                order_points(panel), end_market=tape.end_market, end_t=tape.end_t, end_position=tape.end_position,
                end_payout_e4=tape.end_payout_e4,
            )  # fmt: skip
            return run(made, terms, heavy(made, {"price": price}), config()).orders

        def script() -> int:
            trades, profit = 0, 0.0
            for rows in json.loads(history.read_bytes()).values():
                for place, row in enumerate(rows):
                    if 2 * place > len(rows) and 0.10 <= row["p"] <= 0.90:
                        trades += 1
                        profit += 10 * (row["p"] - rows[-1]["p"]) - 10 * 0.04 * row["p"] * (1 - row["p"])
                        break
            return trades

        ours()
        took, theirs = best(ours).cpu, best(script, 2).cpu
    peer = "json.load and loops over markets, flat stake"
    against("W2", "Parquet to result", took, "s", peer=peer, theirs=theirs, goal=18 if full else None)


def memory(tape: Tape, terms: EngineMarkets, opinions: EngineOpinions, full: bool) -> None:
    """Measure the replay alone, in a process that maps tape and opinions from files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, item in (("tape", tape), ("opinions", opinions)):
            for part in item.__dataclass_fields__:
                np.save(folder / f"{kind}-{part}.npy", getattr(item, part))
        np.savez(folder / "terms.npz", event=terms.event, category=terms.category, exclusive=terms.exclusive,
                 tick=terms.tick_e4, lots=terms.min_lots)  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.bench_backtest", "--alone", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, equity = done.stdout.split()
    if int(equity) != run(tape, terms, opinions, config()).ledger.equity:
        raise SystemExit("the replay from files disagrees")
    say("W2", "replay alone, peak resident memory", float(peak), "MB", limit=512 if full else None)


def alone(folder: Path) -> None:
    """Replay what another process left in files, and print the peak memory and the equity."""
    from edgeworth.engine.fees import FeeTable

    def mapped(kind: str, cls: type) -> Any:
        parts = cls.__dataclass_fields__  # type: ignore[attr-defined]
        return cls(**{part: np.load(folder / f"{kind}-{part}.npy", mmap_mode="c").view(np.ndarray) for part in parts})

    a = np.load(folder / "terms.npz")
    count = len(a["event"])
    fees = FeeTable.constant(np.full(count, 40_000), np.ones(count, np.int64))
    terms = EngineMarkets(
        a["event"], a["category"], a["exclusive"], a["tick"], a["lots"], fees, np.unique(a["event"]), ("",) * 12
    )
    result = run(mapped("tape", Tape), terms, mapped("opinions", EngineOpinions), config())
    print(own_peak_mb(), result.ledger.equity)


def main() -> None:
    """Run all parts."""
    if "--alone" in sys.argv:
        alone(Path(sys.argv[-1]))
        return
    chosen = options(__doc__)
    full = not (chosen.quick or chosen.tiny)
    markets, points = (17_324, 12_000_000) if full else (1_000, 700_000) if chosen.quick else (60, 20_000)
    tape, terms, raw = world(markets, points)
    rules = {"heavy": heavy(tape, raw), "light": light(tape, terms, raw)}
    run(tape, terms, rules["heavy"], config())
    rate = replays(tape, terms, rules, full)
    sweep(tape, terms, rules["heavy"], full)
    memory(tape, terms, rules["heavy"], full)
    polars_flat(raw)
    python_loops(rate)
    from_files(*((17_324, 7_200_000) if full else (markets, points)), full)


if __name__ == "__main__":
    main()
