"""From a message to a signal (W6): frame, book, twelve features of the moment, boosted model, edge; frame by frame.

The peers do the same work the usual way (see `peers/naive_live.py`) on the first frames; the number of signals must
agree. Percentiles are of single messages, wall time. A row of the model alone stands beside the library's own call.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_stream import Listener
from benchmarks.measure import absent, against, best, options, say
from benchmarks.ws_messages import START_MS, TICK, Market, messages
from edgeworth.core.book import Books
from edgeworth.core.panel import UNKNOWN_TIME, Panel
from edgeworth.core.random import stream
from edgeworth.core.units import DAY
from edgeworth.models.crossfit import Model
from edgeworth.models.examples import Examples
from edgeworth.models.fast import compile_model, predict
from edgeworth.models.stack import Stack
from edgeworth.models.trees import XgbFitted, XgbLearner
from edgeworth.trading.reactor import Reactor
from edgeworth.trading.tail import Tail
from edgeworth.trading.watched import Directory, Watched
from edgeworth.venues.polymarket.book_keeper import BookKeeper

NAMES = (
    "logit", "certainty", "momentum_1h", "momentum_6h", "momentum_1d", "momentum_3d", "path_high", "path_low",
    "drawdown", "hours_to_end", "age_hours", "hour",
)  # fmt: skip
LEAST = 0.03
RATE = 0.04
TREES, DEPTH = 300, 6
NOW = START_MS * 1_000


def a_model(rows: int) -> Model:
    """Fit 300 trees of depth 6 to noise with a faint signal; what they say does not matter, only that they say much."""
    draws = stream(7, "bench-live", rows)
    x = draws.normal(size=(rows, len(NAMES))).astype(np.float32)
    price = draws.uniform(0.05, 0.95, rows)
    label = (draws.uniform(size=rows) < np.clip(price + 0.1 * np.tanh(x[:, 1]), 0.01, 0.99)).astype(float)
    ones = np.ones(rows)
    event = np.arange(rows, dtype=np.int64)
    examples = Examples(x, NAMES, price, label, event, ones, event, event)
    fitted = XgbLearner(rounds=TREES, depth=DEPTH, rate=0.1, least_weight=4.0).fit(examples, 7)
    stack = Stack(("xgb",), np.array([1.0]), 0.0, np.diag([1e-4, 1e-4]), 500)
    return Model(NAMES, {"xgb": fitted}, stack)


def points(markets: int) -> Panel:
    """Invent five days of prices every five minutes."""
    import polars as pl

    draws = stream(7, "bench-live-points", markets)
    size = 5 * 288
    t = np.tile(NOW - 5 * DAY + np.arange(size) * (DAY // 288), markets)
    price = np.clip(5_000 + np.cumsum(draws.normal(0, 20, (markets, size)), axis=1), 100, 9_900).astype(np.int32)
    frame = pl.DataFrame(
        {"market_no": np.arange(markets, dtype=np.int32), "created_at": np.full(markets, NOW - 9 * DAY)}
    )
    offsets = np.arange(markets + 1, dtype=np.int64) * size
    ends = np.arange(markets + 1, dtype=np.int64)
    end = np.full(markets, NOW + 20 * DAY, np.int64)
    known = np.full(markets, UNKNOWN_TIME + 1, np.int64)
    return Panel(frame, offsets, t, price.reshape(-1), ends, known, end, "invented", "")


def reactor(markets: list[Market], panel: Panel, model: Model) -> Reactor:
    """Return the product's own loop over these markets."""
    books = Books()
    watched = []
    for k, market in enumerate(markets):
        books.open(market.yes, market.no, TICK)
        watched.append(
            Watched(
                market_no=k, market_id=market.condition, question="", condition=market.condition, yes_token=market.yes,
                no_token=market.no, event_no=k, category="other", tick_e4=TICK, min_size_e6=5_000_000,
                fee_rate_e6=round(RATE * 1e6),
            )
        )  # fmt: skip
    found = Reactor(books, Directory(watched), model, LEAST, BookKeeper(books, Listener()).feed)
    found.refresh(Tail(panel, range(len(markets))), {})
    return found


def ours(frames: list[bytes], inputs: tuple[list[Market], Panel, Model]) -> tuple[int, np.ndarray]:
    """Run all frames; return the number of signals and nanoseconds a message."""
    heard, clock = reactor(*inputs).heard, time.perf_counter_ns
    spent = np.empty(len(frames), np.int64)
    signals, now = 0, NOW
    for k, frame in enumerate(frames):
        now += 1_000  # a millisecond a frame
        begun = clock()
        signals += len(heard(frame, now))
        spent[k] = clock() - begun
    return signals, spent


def peer(how: str, frames: list[bytes], inputs: tuple[list[Market], Panel, Model], count: int) -> dict[str, Any] | None:
    """Run the usual loop in a process of its own; None where its libraries are missing."""
    markets, panel, model = inputs
    fitted = model.members["xgb"]
    assert isinstance(fitted, XgbFitted)
    rows = [
        {
            "yes": market.yes, "no": market.no, "rate": RATE, "end": int(panel.end_value[k]), "listed": NOW - 9 * DAY,
            "t": panel.t[panel.offsets[k] : panel.offsets[k + 1]].tolist(),
            "x": (panel.price_e4[panel.offsets[k] : panel.offsets[k + 1]] / 1e4).tolist(),
        }
        for k, market in enumerate(markets)
    ]  # fmt: skip
    terms = {"names": NAMES, "stack": {"weight": 1.0, "level": 0.0}, "markets": rows, "now": NOW, "least": LEAST}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "frames").write_bytes(b"\n".join(frames[:count]))
        (place / "model.ubj").write_bytes(fitted.save()["xgb.ubj"])
        (place / "terms.json").write_text(json.dumps(terms))
        script = Path(__file__).parent / "peers" / "naive_live.py"
        python = sys.executable if how == "row" else os.environ.get("EDGEWORTH_PEER_PYTHON", "")  # noqa: TID251
        if not python:
            return None
        words = [str(script), *(str(place / name) for name in ("frames", "model.ubj", "terms.json")), how, str(count)]
        done = subprocess.run([python, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure all."""
    chosen = options(__doc__)
    count = 2_000 if chosen.tiny else 20_000 if chosen.quick else 100_000
    few = 200 if chosen.tiny else 2_000
    frames, markets = messages(count)
    model = a_model(2_000 if chosen.tiny else 20_000)
    inputs = (markets, points(len(markets)), model)
    ours(frames[:300], inputs)  # compiled before the clock starts
    rounds = [ours(frames, inputs) for _ in range(3)]
    assert len({signals for signals, _ in rounds}) == 1
    p50 = min(float(np.percentile(spent, 50)) for _, spent in rounds) / 1e3
    p99 = min(float(np.percentile(spent, 99)) for _, spent in rounds) / 1e3
    say("W6", "message to signal, p50", p50, "us", 15.0)
    say("W6", "message to signal, p99", p99, "us", 120.0)
    first = best(lambda: ours(frames[:few], inputs))
    mine = min(float(spent[:few].sum()) for _, spent in rounds) / few / 1e9
    say("W6", "messages, one at a time", 1.0 / mine, "messages/s")
    for how, words, goal in (
        ("frame", "json + sorted dicts + one-row table + classifier", 80.0),
        ("row", "json + sorted dicts + in-place prediction", 15.0),
    ):
        theirs = peer(how, frames, inputs, few)
        if theirs is None:
            absent(words, "pandas and xgboost in the peer environment: make bench-peers")
            continue
        assert theirs["signals"] == first.result[0], (theirs["signals"], first.result[0])
        against(
            "W6", "message to signal", mine * 1e6, "us", peer=words, theirs=theirs["seconds"] / few * 1e6, goal=goal
        )
    one_row(model)


def one_row(model: Model) -> None:
    """Compare one row of the compiled model with the library's in-place prediction."""
    import xgboost

    fitted = model.members["xgb"]
    assert isinstance(fitted, XgbFitted)
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(fitted.save()["xgb.ubj"]))
    compiled = compile_model(model)
    row = np.linspace(-1, 1, len(NAMES))
    small = row.astype(np.float32).reshape(1, -1)
    predict(compiled, row, 0.4)
    times = 5_000
    mine = best(lambda: [predict(compiled, row, 0.4) for _ in range(times)], 5).cpu / times * 1e6
    theirs = best(lambda: [booster.inplace_predict(small, predict_type="margin") for _ in range(times // 10)], 5)
    per = theirs.cpu / (times // 10) * 1e6
    against("W6", "one row of 300 trees", mine, "us", peer="xgboost in-place prediction", theirs=per, goal=25.0)


if __name__ == "__main__":
    main()
