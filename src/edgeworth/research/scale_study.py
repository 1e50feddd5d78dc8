"""Thirty coins of quarter-hourly candles over three years: columns, contracts, variance and direction, pooled or local.

One coin is prepared at a time and left on disk, so that an interrupted study goes on and memory holds little more than
the rows that are fitted. Recorded candles are used where a home has them; coins that lack some are filled up with
simulated ones, which are a pool of their own: no simulated row reaches a recorded number.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress
from edgeworth.core.units import DAY
from edgeworth.features.fairvalue.path import History
from edgeworth.features.fairvalue.realised import qlike
from edgeworth.models.examples import Examples, expit
from edgeworth.models.learners import Learner
from edgeworth.models.linear import LinearLearner
from edgeworth.models.scores import clip, cluster_mean, log_loss_gain, log_losses
from edgeworth.models.trees import LgbmLearner
from edgeworth.models.variance import HarVariance, PersistentVariance, VarianceForecast
from edgeworth.research import candle_gate
from edgeworth.research.candle_columns import (
    STEP,
    peak_memory,
    read_candles,
    stored_candles,
    technical_columns,
    write_rows,
)  # fmt: skip
from edgeworth.research.candle_walks import Walk, walk_candles
from edgeworth.research.direction import Question, answers
from edgeworth.research.fairvalue_study import touch_probability
from edgeworth.research.reality import estimate
from edgeworth.research.virtual_contracts import Contracts, cut_touches

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

COINS, BARS = 30, 105_120  # three years of quarter-hours
RECORDED, SIMULATED = "recorded", "simulated"
_END: Final = 1_746_057_600_000_000  # 2025-05-01: where simulated candles end
_ASKED: Final = Question(horizon=1, every=1)
_CONTRACT_DAYS, _CUT_EVERY = 7.0, 1.0
_LEAST_CANDLES: Final = 3_000  # recorded ones, below which a coin is simulated whole
_LEAST_ROWS, _LEAST_CONTRACTS = 1_000, 250  # of a coin's own past, to fit a model of its own
_THINNED: Final = 4
_AT_ONCE: Final = 100_000  # rows forecast at a time
_TRAIN: Final = 2 / 3  # of the rows in order of time
_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Plan:
    """What to study: coins with candles each, a folder for prepared coins, the home of recorded candles, threads."""

    folder: Path
    home: Path | None = None
    coins: int = COINS
    bars: int = BARS
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Part:
    """The candles of one coin in one pool."""

    coin: str
    pool: str
    bars: int


def parts(plan: Plan) -> list[Part]:
    """Return what the coins consist of: recorded candles where there are enough, the rest simulated."""
    stored = {} if plan.home is None else {each.coin: each.rows for each in stored_candles(Home(plan.home))}
    held = [(coin, min(rows, plan.bars)) for coin, rows in stored.items() if rows >= _LEAST_CANDLES][: plan.coins]
    names = [coin for coin, _ in held]
    names += [f"S{number:02d}" for number in range(plan.coins - len(names))]
    known = dict(held)
    result = [Part(coin, RECORDED, rows) for coin, rows in held]
    rest = [Part(coin, SIMULATED, plan.bars - known.get(coin, 0)) for coin in names]
    return result + [part for part in rest if part.bars >= _LEAST_CANDLES]


def prepare(plan: Plan, part: Part) -> Row:
    """Compute one coin's columns, decisions and contracts and leave them on disk; done ones are taken as they are.

    Returns rows, seconds and, for candles that the noise gate refuses, `reason`.
    """
    path = _path(plan, part)
    about = path.with_suffix(".json")
    if about.exists() and path.exists():
        kept: Row = json.loads(about.read_text("utf-8"))
        return kept
    plan.folder.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    begun = clock.monotonic()
    history, volume = _candles(plan, part)
    read = clock.monotonic()
    row: Row = {**asdict(part), "bars": len(history.t), "columns": 0, "decisions": 0, "contracts": 0, "reason": ""}
    try:
        candle_gate.check(history, part.coin)
        names, x = technical_columns(history, volume)
    except DataError as error:
        row["reason"] = error.message
        about.write_text(json.dumps(row), "utf-8")
        return row
    computed = clock.monotonic()
    rows, label = answers(history, _ASKED)
    cut = cut_touches({part.coin: history.bars}, _CONTRACT_DAYS, _CUT_EVERY, _SEED)
    contracts = {f"c_{name}": getattr(cut, name) for name in cut.__dataclass_fields__}
    write_rows(path, x=np.ascontiguousarray(x[rows]), t=history.known_at[rows], label=label, **contracts)
    row |= {
        "columns": len(names), "decisions": len(rows), "contracts": len(cut), "names": list(names),
        "read_seconds": read - begun, "column_seconds": computed - read, "cut_seconds": clock.monotonic() - computed,
    }  # fmt: skip
    about.write_text(json.dumps(row), "utf-8")
    return row


def _path(plan: Plan, part: Part) -> Path:
    """Return the file of a prepared coin, under a key of code, candles and size."""
    from edgeworth.research.study import code_key

    words = f"{code_key()}/{plan.home}/{plan.bars}/{part}"
    return plan.folder / f"{part.coin}-{part.pool}-{hashlib.blake2b(words.encode(), digest_size=6).hexdigest()}.npz"


def _candles(plan: Plan, part: Part) -> tuple[History, Floats]:
    if part.pool == RECORDED and plan.home is not None:
        home = Home(plan.home)
        stored = next(each for each in stored_candles(home) if each.coin == part.coin)
        return read_candles(home, stored, part.bars)
    # all simulated coins end together and share one market; shorter ones begin later
    walk = Walk(bars=plan.bars, start=_END - plan.bars * STEP)
    _, history, volume = next(iter(walk_candles(walk, [part.coin], _SEED)))
    late = slice(plan.bars - part.bars, None)
    prices = (history.open, history.high, history.low, history.close)
    o, h, low, c = (price[late] for price in prices)
    return History(history.t[late], o, h, low, c, history.step, history.venue), volume[late]


# what is fitted


def variance(plan: Plan, pool: Sequence[Part]) -> list[Row]:
    """Compare one regression of variance for all coins with one for each, on later contracts of the same coins."""
    cut = _contracts(plan, pool)
    first, last = int(cut.t0.min()), int(cut.t1.max())
    middle = first + (last - first) // 2
    train, test = cut.t1 <= middle, cut.t0 >= middle
    own = [number for number in np.unique(cut.symbol) if (train & (cut.symbol == number)).sum() >= _LEAST_CONTRACTS]
    both = test & np.isin(cut.symbol, own)
    if not both.any():
        raise DataError("too-few-rows", "no coin has contracts on both sides of the cut")
    judged = cut.choose(both)
    forecasts = {
        "RV 30 days": PersistentVariance(2).forecast(judged.realised),
        "pooled HAR": _har(cut, train).forecast(judged.realised),
        "own HAR": _local(cut, train, judged),
    }
    losses = {
        name: log_losses(clip(touch_probability(judged, each)), judged.touched) for name, each in forecasts.items()
    }
    result = []
    for name, each in forecasts.items():
        excess = cluster_mean(losses[name] - losses["pooled HAR"], judged.group)
        result.append(
            {
                "model": name, "contracts": len(judged), "coins": len(own), "log_loss": float(losses[name].mean()),
                "qlike": float(np.mean(qlike(judged.later, np.exp(2 * each.ln_sigma)))),
                "excess": None if name == "pooled HAR" else estimate(excess),
            }
        )  # fmt: skip
    return result


def _har(cut: Contracts, rows: Bools) -> HarVariance:
    return HarVariance.fit(cut.realised[rows], cut.later[rows], _CONTRACT_DAYS)


def _local(cut: Contracts, train: Bools, judged: Contracts) -> VarianceForecast:
    ln_sigma, spread = np.empty(len(judged)), np.empty(len(judged))
    for number in np.unique(judged.symbol):
        own = judged.symbol == number
        found = _har(cut, train & (cut.symbol == number)).forecast(judged.realised[own])
        ln_sigma[own], spread[own] = found.ln_sigma, found.spread
    return VarianceForecast(ln_sigma, spread)


def _contracts(plan: Plan, pool: Sequence[Part]) -> Contracts:
    names = list(Contracts.__dataclass_fields__)
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in names}
    for number, part in enumerate(pool):
        with np.load(_path(plan, part)) as kept:
            for name in names:
                columns[name].append(kept[f"c_{name}"])
        columns["symbol"][-1] = np.full(len(columns["t0"][-1]), number)
        columns["group"][-1] = columns["group"][-1] + number * 10_000
    return Contracts(*(np.concatenate(columns[name]) for name in names))


def direction(plan: Plan, pool: Sequence[Part], kind: str) -> list[Row]:
    """Compare one model of direction for all coins with one for each, on the last third of time."""
    rows, coin = _decisions(plan, pool)
    cut = int(np.quantile(rows.t, _TRAIN))
    train, test = rows.known_at <= cut - DAY, rows.t >= cut
    learner = _learner(kind, plan.threads)
    pooled = _told(learner, rows, train, test)
    own = np.full(len(rows), np.nan)
    for number in range(len(pool)):
        mine = coin == number
        if (train & mine).sum() >= _LEAST_ROWS and (test & mine).any():
            own[test & mine] = _told(learner, rows, train & mine, test & mine)[test & mine]
    both, new = test & np.isfinite(own), test & ~np.isfinite(own)
    result = [
        _judged(f"{kind}, pooled", pooled, None, (rows, coin, both)),
        _judged(f"{kind}, own", own, pooled, (rows, coin, both)),
    ]
    if new.any():
        result.append(_judged(f"{kind}, pooled, coins without a past", pooled, None, (rows, coin, new)))
    return result


def _learner(kind: str, threads: int) -> Learner:
    return LinearLearner() if kind == "logistic" else LgbmLearner(threads=threads)


def _told(learner: Learner, rows: Examples, train: Bools, test: Bools) -> Floats:
    """Return forecasts of the tested rows by a model of the training rows, NaN elsewhere, shape (N,).

    A straight line is fitted on one candle in four, all it needs: its rows are held several times in float64.
    """
    if learner.kind == "logistic":
        train = train & (rows.t // STEP % _THINNED == 0)
    fitted = learner.fit(rows.choose(train), _SEED)
    p = np.full(len(rows), np.nan)
    asked = np.flatnonzero(test)
    for begin in range(0, len(asked), _AT_ONCE):
        part = asked[begin : begin + _AT_ONCE]
        p[part] = expit(fitted.correct(rows.x[part]))
    return p


def _judged(name: str, p: Floats, against: Floats | None, where: tuple[Examples, npt.NDArray[np.int64], Bools]) -> Row:
    rows, coin, judged = where
    label, event, half = rows.label[judged], rows.event[judged], rows.price[judged]
    right, gain = _scores(p[judged], half, label)
    row: Row = {
        "model": name, "rows": int(judged.sum()), "coins": len(np.unique(coin[judged])),
        "accuracy": estimate(cluster_mean(right, event)), "gain": estimate(cluster_mean(gain, event)), "apart": None,
    }  # fmt: skip
    if against is not None:
        base, nats = _scores(against[judged], half, label)
        row["apart"] = {
            "accuracy": estimate(cluster_mean(right - base, event)), "gain": estimate(cluster_mean(gain - nats, event)),
        }  # fmt: skip
    return row


def _scores(p: Floats, half: Floats, label: Floats) -> tuple[Floats, Floats]:
    return ((p > 0.5) == (label > 0.5)).astype(np.float64), log_loss_gain(p, half, label)


def _decisions(plan: Plan, pool: Sequence[Part]) -> tuple[Examples, npt.NDArray[np.int64]]:
    """Return the decisions of all coins of a pool and their coins; filled coin by coin: nothing is held twice."""
    abouts = [prepare(plan, part) for part in pool]
    size = sum(about["decisions"] for about in abouts)
    names = tuple(abouts[0]["names"])
    x = np.empty((size, len(names)), np.float32)
    t, coin, label = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
    begin = 0
    for number, (part, about) in enumerate(zip(pool, abouts, strict=True)):
        own = slice(begin, begin + about["decisions"])
        with np.load(_path(plan, part)) as kept:
            x[own], t[own], label[own], coin[own] = kept["x"], kept["t"], kept["label"], number
        begin = own.stop
    known = t + _ASKED.horizon * STEP
    return Examples(x, names, np.full(size, 0.5), label, t // DAY, np.ones(size), t, known), coin


# the whole


def scale(plan: Plan, progress: Progress, clock: Clock) -> Row:
    """Prepare every coin, fit and compare; JSON-ready. Works in a process of its own, whose peak memory it reports."""
    begun = clock.monotonic()
    whole = parts(plan)
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    try:
        result = _scaled(plan, whole, pool, (progress, clock, begun))
        used = [pool.submit(_path, plan, part).result() for part in whole]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    kept = {name for path in used for name in (path.name, path.with_suffix(".json").name)}
    for old in plan.folder.iterdir():  # of other code, candles or sizes
        if old.name not in kept:
            old.unlink()
    return result


def _scaled(plan: Plan, whole: Sequence[Part], pool: Executor, tools: tuple[Progress, Clock, float]) -> Row:
    progress, clock, begun = tools
    groups = {name: [part for part in whole if part.pool == name] for name in (RECORDED, SIMULATED)}
    progress.start("scale", len(whole) + 3 * sum(map(bool, groups.values())), "steps")
    abouts = []
    for part in whole:
        abouts.append(pool.submit(prepare, plan, part).result())
        progress.advance(1)
    good = {part: about for part, about in zip(whole, abouts, strict=True) if not about["reason"]}
    steps = _steps(abouts)
    found = []
    for name, group in groups.items():
        kept = [part for part in group if part in good]
        if kept:
            found.append(_fitted(plan, name, kept, (pool, progress, clock, steps)))
    progress.finish()
    return {
        "coins": len({part.coin for part in whole}), "rows": sum(about["bars"] for about in abouts),
        "recorded": sum(about["bars"] for about in abouts if about["pool"] == RECORDED),
        "columns": max((about["columns"] for about in abouts), default=0), "steps": steps, "pools": found,
        "refused": [{"coin": a["coin"], "reason": a["reason"]} for a in abouts if a["reason"]],
        "peak_gb": pool.submit(peak_memory).result(), "seconds": clock.monotonic() - begun,
    }  # fmt: skip


def _steps(abouts: Sequence[Row]) -> list[Row]:
    done = [about for about in abouts if not about["reason"]]

    def total(name: str, key: str, count: str) -> Row:
        return {"step": name, "rows": sum(a[count] for a in done), "seconds": sum(a[key] for a in done)}

    return [
        total("candles read or simulated", "read_seconds", "bars"),
        total("technical columns, one thread", "column_seconds", "bars"),
        total("contracts cut, decisions kept", "cut_seconds", "contracts"),
    ]


def _fitted(plan: Plan, name: str, pool: Sequence[Part], tools: tuple[Executor, Progress, Clock, list[Row]]) -> Row:
    """Fit and judge everything on one pool; what cannot be fitted is named with its reason."""
    executor, progress, clock, steps = tools
    result: Row = {"pool": name, "coins": len(pool), "variance": [], "direction": [], "left_out": []}
    work: list[tuple[str, str, Callable[..., list[Row]], tuple[Any, ...]]] = [
        ("variance", "variance", variance, (plan, pool)),
        ("logistic directions", "direction", direction, (plan, pool, "logistic")),
        ("lgbm directions", "direction", direction, (plan, pool, "lgbm")),
    ]
    for what, where, function, arguments in work:
        begun = clock.monotonic()
        try:
            rows = executor.submit(function, *arguments).result()
        except DataError as error:
            result["left_out"].append({"model": what, "reason": error.message})
        else:
            result[where] += rows
            count = max(row.get("rows", row.get("contracts", 0)) for row in rows)
            steps.append(
                {"step": f"{name}: {what}, pooled and own", "rows": count, "seconds": clock.monotonic() - begun}
            )
        progress.advance(1)
    return result
