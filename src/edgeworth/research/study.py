"""The study behind the evidence page: the whole proof on many simulated worlds, one row of numbers per seed.

Rows are kept as JSON lines under a key of code, scenario and settings, one file per plan: an interrupted study goes on
where it stopped, and another version of the code never mixes with this one.
"""

import contextlib
import hashlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from edgeworth.core.config import Settings
from edgeworth.core.errors import AccessError
from edgeworth.core.panel import Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress, Silent
from edgeworth.core.random import stream
from edgeworth.research.study_facts import HINDSIGHT, flips, longshot_lenses, sampled
from edgeworth.research.types import BacktestResult, RunResult, VerdictClass
from edgeworth.research.verdict import with_sentence
from edgeworth.sandbox.world import World
from edgeworth.strategies.base import Strategy

Row = dict[str, Any]
Rules = Literal["shipped", "planted", "learners", "candles"]

# what decides the numbers of a row; how they are written down does not
_ROOMS: Final = ("core", "engine", "features", "forecasting", "models", "research", "sandbox", "strategies")
_NOT_NUMBERS: Final = frozenset(
    {
        "charts.py",
        "graveyard.py",
        "learning_page.py",
        "markdown.py",
        "report.py",
        "scale_page.py",
        "study_page.py",
        "study_tables.py",
        "wording.py",
    }
)
_KEPT: Final = (
    "trades", "events", "events_needed", "events_floor", "roi", "roi_low", "roi_high", "p_value", "p_adjusted", "dsr",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind of world examined over many seeds.

    `rules`: every shipped strategy, only the one that fits the bias of the power world, or none; then models are
    trained, on markets (learners) or on candles. `holdout`: share of time kept locked, as in `proof.holdout`. `costs`:
    multiplier of the stated costs.
    """

    name: str
    scenario: str
    rules: Rules
    holdout: float
    costs: float = 1.0

    def settings(self, seed: int, base: Settings) -> Settings:
        """Return the settings of one seed, which seeds the world and the bootstrap alike."""
        proof = base.proof.model_copy(update={"holdout": self.holdout})
        run = base.run.model_copy(update={"seed": seed, "threads": 1})
        costs = base.costs.model_copy(update={"multiplier": self.costs})
        return base.model_copy(update={"proof": proof, "run": run, "costs": costs})


PLANS: Final = {
    plan.name: plan
    for plan in (
        Plan("null", "null", "shipped", 0.2),
        Plan("null-free", "null", "shipped", 0.2, costs=0.0),
        Plan("power", "power", "planted", 0.0),
        Plan("power-locked", "power", "planted", 0.2),
        Plan("learn-null", "power", "learners", 0.2),
        Plan("learn-walk", "walk", "candles", 0.0),
    )
}


@dataclass(frozen=True, slots=True)
class Task:
    """One world to examine; picklable, with what a worker process needs."""

    plan: Plan
    seed: int
    settings: Settings


def seeds(plan: Plan, count: int) -> list[int]:
    """Return the first `count` random seeds of a plan: drawn once, so that a longer study contains a shorter one."""
    drawn = stream(2026, "evidence", plan.scenario).integers(1, 2**31, 4 * count + 16)
    return list(dict.fromkeys(drawn.tolist()))[:count]


def examine(task: Task) -> Row:
    """Generate the world of one seed, run the whole proof on it in a home of its own, and return its numbers."""
    if task.plan.rules in {"learners", "candles"}:
        return _trained(task)
    from edgeworth.research.backtest import run_backtest
    from edgeworth.research.study_worlds import FirstTeamsTooDear, world_data
    from edgeworth.sandbox.world import generate
    from edgeworth.strategies.registry import shipped

    world = generate(task.plan.scenario, task.seed)
    data = world_data(world)
    rules: list[Strategy] = list(shipped().values()) if task.plan.rules == "shipped" else [FirstTeamsTooDear()]
    settings = task.plan.settings(task.seed, task.settings)
    with tempfile.TemporaryDirectory(prefix="edgeworth-study-") as folder:
        result = run_backtest(Home(Path(folder)), sorted(rules, key=_name), settings, data=data)
        edges = _true_edges(world, result)
    row = {
        "seed": task.seed,
        "rules": [_numbers(item, edges.get(item.strategy), settings) for item in result.results],
        "reverses": [_numbers(item, None, settings) for item in result.reverses],
    }
    return row | {"lenses": _lenses(data)} if task.plan.name == "null" else row


def _trained(task: Task) -> Row:
    """Train where nothing is to be learned."""
    from edgeworth.research.study_learning import walk_row, world_row

    return walk_row(task.seed) if task.plan.rules == "candles" else world_row(task.plan.scenario, task.seed)


def _lenses(data: tuple[Panel, Outcomes]) -> Row:
    """Return how the longshot lenses alarm where every price is right, and what the lens of hindsight reads."""
    found = longshot_lenses(sampled(*data))
    hindsight = [
        {"bias": lens.bias, "low": lens.low} for lens in found
        if (lens.weight, lens.structure, lens.side, lens.horizon) == (HINDSIGHT, "all", "YES", "all")
    ]  # fmt: skip
    return {**flips(found), "hindsight": hindsight}


def _name(rule: Any) -> str:
    return str(rule.name)


def _numbers(item: RunResult, edge: float | None, settings: Settings) -> Row:
    judged = item.verdict
    if settings.costs.multiplier == 0.0:
        # free fills are refused by the lint; here they are the point: the statistics stand alone
        lint = tuple(line for line in judged.lint if line.code != "bias-unfillable")
        judged = with_sentence(replace(judged, lint=lint), settings.proof)
    verdict = judged.to_dict()
    kept = {name: verdict[name] for name in _KEPT}
    return {"strategy": item.strategy, "outcome": verdict["outcome"], "true_edge": edge, **kept}


def _true_edges(world: World, result: BacktestResult) -> dict[str, float]:
    """Return what the settled trades of each rule were worth in truth, mean dollars per share after costs.

    Looked at only here, after the verdicts: a simulated world knows the probability behind every price.
    """
    import polars as pl

    from edgeworth.research.runs import TRADES
    from edgeworth.sandbox.identity import conditions

    trades = pl.read_parquet(result.folder / TRADES).filter(pl.col("status") == "settled")
    place = {name: number for number, name in enumerate(conditions(world))}
    arrays = world.arrays
    market = np.array([place[name] for name in trades["market_id"].to_list()], dtype=np.int64)
    # one search over all points: markets in order, times ascending within each
    late = int(arrays.t.max()) + 1
    keys = arrays.market_of_point() * late + arrays.t // 1_000_000
    point = np.searchsorted(keys, market * late + trades["t_fill"].to_numpy() // 1_000_000)
    latent = arrays.latent[point].astype(np.float64)
    worth = np.where(trades["side"].to_numpy() > 0, latent, 1.0 - latent) - trades["cost_e6"].to_numpy() / 1e6
    means = trades.select("strategy").with_columns(worth=pl.Series(worth)).group_by("strategy").mean()
    return {str(name): float(value) for name, value in means.iter_rows()}


def is_found(rule: Row, *, before: bool = False) -> bool:
    """Tell whether a verdict claims an edge; `before`: under the earlier rule, 80 % power at the estimate itself."""
    claimed = bool(rule["outcome"] == str(VerdictClass.EDGE))
    if not before or not claimed:
        return claimed
    return rule["events_needed"] is not None and bool(rule["events"] >= rule["events_needed"])


# keeping rows


@cache
def code_key() -> str:
    """Return a digest of the source files that decide a row's numbers."""
    root = Path(__file__).resolve().parents[1]
    state = hashlib.blake2b(digest_size=8)
    for room in _ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            if path.name not in _NOT_NUMBERS:
                state.update(str(path.relative_to(root)).encode())
                state.update(path.read_bytes())
    return state.hexdigest()


class Kept:
    """The rows of one plan on disk; a line cut short by an interruption is ignored and the seed done again."""

    def __init__(self, folder: Path, plan: Plan, settings: Settings) -> None:
        content = json.dumps([asdict(plan), settings.model_dump()], sort_keys=True)
        digest = hashlib.blake2b(f"{code_key()}/{content}".encode(), digest_size=8).hexdigest()
        self.path = folder / f"{plan.name}-{digest}.jsonl"

    def rows(self) -> dict[int, Row]:
        """Return what is there by seed."""
        found: dict[int, Row] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self.path.read_text("utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    row = json.loads(line)
                    found[int(row["seed"])] = row
        return found

    def add(self, row: Row) -> None:
        """Append one row durably; raises AccessError `home-unwritable` or `disk-full`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" if self._torn() else "")
                file.write(json.dumps(row, sort_keys=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            code = "disk-full" if error.errno == 28 else "home-unwritable"
            raise AccessError(code, f"cannot write {self.path}: {error.strerror or error}") from error

    def _torn(self) -> bool:
        size = self.path.stat().st_size
        if not size:
            return False
        with self.path.open("rb") as file:
            file.seek(size - 1)
            return file.read() != b"\n"


@dataclass(frozen=True, slots=True)
class Study:
    """Where and how to examine: `folder` for kept rows, `settings` of every run, `workers` processes (0: this one)."""

    folder: Path
    settings: Settings
    workers: int = 2

    def run(self, plan: Plan, count: int, progress: Progress | None = None) -> list[Row]:
        """Examine `count` seeds of a plan, those already kept excepted; returns their rows in the order of seeds."""
        progress = progress or Silent()
        kept = Kept(self.folder, plan, self.settings)
        wanted, rows = seeds(plan, count), kept.rows()
        missing = [Task(plan, seed, self.settings) for seed in wanted if seed not in rows]
        progress.start(f"{plan.name} worlds", len(wanted), "seeds")
        progress.advance(len(wanted) - len(missing))
        for row in _examined(missing, self.workers):
            kept.add(row)
            rows[int(row["seed"])] = row
            progress.advance(1)
        progress.finish()
        return [rows[seed] for seed in wanted]


def _examined(tasks: Sequence[Task], workers: int) -> Iterator[Row]:
    if workers < 1 or len(tasks) < 2:
        yield from map(examine, tasks)
        return
    # a fresh interpreter per worker: threads of numeric libraries do not survive a fork
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quiet)
    try:
        futures: list[Future[Row]] = [pool.submit(examine, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _quiet() -> None:
    """Leave an interruption to the parent, which keeps what is done, and the other cores to the other workers."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
