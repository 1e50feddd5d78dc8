"""The demo: simulate a venue, collect from it over its own protocol, backtest, report, and compare with the truth.

Only here is the truth looked at, after the verdicts: a simulated world knows what each trade was worth.
"""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeworth.app.homes import MARKER, demo_home
from edgeworth.core.clock import Clock
from edgeworth.core.config import Config
from edgeworth.core.errors import AccessError, DataError
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress
from edgeworth.core.units import DAY, HOUR, Micros
from edgeworth.sandbox.identity import conditions
from edgeworth.sandbox.scenario import find_scenario
from edgeworth.sandbox.world import World, generate

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.app.paper_hour import KilledHour, Simulation
    from edgeworth.research.types import BacktestResult, Verdict

_FIRST_DAY, _LAST_DAY = 5, 120  # days before the world's end among which the hour of trading is chosen
_VISIBLE = 0.005  # dollars per share; a smaller true edge is not worth a word
Say = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One strategy's verdict beside the truth: `true_edge` is the mean worth of its trades in dollars per share."""

    strategy: str
    verdict: "Verdict"
    true_edge: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made: its home, the run, its report and one finding per strategy."""

    home: Home
    result: "BacktestResult"
    report: dict[str, Path]
    findings: tuple[Finding, ...]
    truth: dict[str, Any]
    seconds: float
    trading: "KilledHour | None" = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "home": self.home.root,
            "run": self.result.run_id,
            "report": self.report,
            "findings": [
                {
                    "strategy": item.strategy,
                    "true_edge": item.true_edge,
                    "sentence": item.sentence,
                    "verdict": item.verdict.to_dict(),
                }
                for item in self.findings
            ],
            "truth": self.truth,
            "trading": None if self.trading is None else dataclasses.asdict(self.trading),
            "seconds": self.seconds,
        }


def run_demo(
    config: Config, scenario: str, seed: int, tools: tuple[Progress, Clock, Say], *, files: bool = False,
    trade: bool = True,
) -> DemoResult:  # fmt: skip
    """Run the whole pipeline on a fresh world; `say(step, what, seconds)` is told of every step.

    The world's venue is served on a loopback socket and collected from over HTTP; with `files` its dumps are written
    and imported instead.

    With `trade` an hour on paper follows, killed once on the way. Raises UsageError `unknown-scenario`, AccessError
    `home-unwritable`.
    """
    progress, clock, say = tools
    chosen = find_scenario(scenario)
    home = _fresh(demo_home(config.home), scenario, seed)
    begun = clock.monotonic()
    with _compiling() as compiled:
        world = generate(chosen, seed)
        truth = world.truth
        step = _stamp(clock, say, begun, "world", _world_words(truth))
        if files:
            _import(home, world.write(home.root / "world"), progress, clock)
            step = _stamp(clock, say, step, "import", _import_words(home))
        else:
            calls = _collect(config, home, (scenario, seed, chosen.end), progress)
            step = _stamp(clock, say, step, "collect", f"{_stored_words(home)}, in {calls:,} requests to the venue")
        compiled(progress)
    result = _backtest(config, home, progress, clock)
    _stamp(clock, say, step, "backtest", f"{len(result.results)} strategies, each with its reverse control")
    from edgeworth.app.paper_hour import Simulation, standing_by
    from edgeworth.research.report import write_report

    with standing_by() if trade else nullcontext() as bots:  # they load while the report is drawn
        step = clock.monotonic()
        report = write_report(result.folder)
        _stamp(clock, say, step, "report", str(report["html"]))
        findings = _compare(world, result)
        step = clock.monotonic()
        traded = None
        if bots:
            what = Simulation(scenario, seed, hours_before_end=24 * _busiest_day(world))
            traded = _trade(dataclasses.replace(config, home=home), what, clock, bots)
            _stamp(clock, say, step, "trade", traded.sentence if traded else "no market of this world was open then")
    return DemoResult(home, result, report, findings, truth, clock.monotonic() - begun, traded)


@contextmanager
def _compiling() -> Iterator[Callable[[Progress], None]]:
    """Compile the engine in another process, which needs no world for it; yield what waits for that.

    Should it fail, the first backtest compiles.
    """
    command = [sys.executable, "-P", "-c", "from edgeworth.engine.walk import prepare; prepare()"]
    quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:  # noqa: S603  (our own module)

        def wait(progress: Progress) -> None:
            if process.poll() is None:
                progress.start("compiling the engine, once per installation")
                process.wait()
                progress.finish()

        try:
            yield wait
        finally:
            process.kill()


def _trade(
    config: Config, what: "Simulation", clock: Clock, take: "Callable[[], subprocess.Popen[str]]"
) -> "KilledHour | None":  # fmt: skip
    """Let the bot trade an hour of the same world on paper; None where no market is open then."""
    from edgeworth.app.paper_hour import killed_hour

    try:
        return killed_hour(config, what, clock, take)
    except DataError as error:
        if error.code == "no-markets":
            return None
        raise


def _busiest_day(world: World) -> int:
    """Return how many days before its end a world has most open markets; their outcomes are not known then."""
    arrays, end = world.arrays, world.scenario.end
    days = range(_FIRST_DAY, _LAST_DAY + 1)

    def busy(day: int) -> int:
        t = end - day * DAY
        return int(((arrays.created_at <= t) & (arrays.proposed_at > t + HOUR)).sum())

    return max(days, key=busy)


def _stamp(clock: Clock, say: Say, begun: float, step: str, words: str) -> float:
    now = clock.monotonic()
    say(step, words, now - begun)
    return now


def _fresh(home: Home, scenario: str, seed: int) -> Home:
    """Empty the demo's home; only a folder that the demo made itself is ever removed."""
    try:
        if home.root.exists() and any(home.root.iterdir()):
            if not (home.root / MARKER).is_file():
                raise AccessError("home-unwritable", f"{home.root} exists and was not made by the demo")
            shutil.rmtree(home.root)
        home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home.root / MARKER).write_text(json.dumps({"scenario": scenario, "seed": seed}), encoding="utf-8")
    except OSError as error:
        raise AccessError("home-unwritable", f"{home.root}: {error.strerror or error}") from error
    return home


def _world_words(truth: dict[str, Any]) -> str:
    biases = len(truth["biases"])
    planted = f"{biases} bias{'' if biases == 1 else 'es'} planted" if biases else "nothing planted"
    return f"{truth['markets']:,} markets in {truth['events']:,} events, {truth['points']:,} prices, {planted}"


def _import(home: Home, files: list[Path], progress: Progress, clock: Clock) -> None:
    from edgeworth.collect.importing.pipeline import import_paths

    report = import_paths(files, home, progress=progress, clock=clock)
    if report.refused or not report.adds_up():
        refused = "; ".join(f"{file.path}: {file.refused} {file.message}" for file in report.refused)
        raise DataError("import-partial", f"the simulated world did not import: {refused or 'counts do not add up'}")


def _collect(config: Config, home: Home, world: tuple[str, int, Micros], progress: Progress) -> int:
    """Serve the venue of a world (scenario, seed, instant), fetch what resolved, return the number of requests.

    The venue's time stands still but for the waits that its rate limits ask for, so they cost nothing.
    """
    from edgeworth.app.fetching import ResolvedOptions, fetch_resolved
    from edgeworth.app.serving import serving_process

    settings = config.settings
    with serving_process(*world) as url:
        endpoints = settings.endpoints.model_copy(update={"sandbox": url})
        chosen = settings.model_copy(update={"venue": "sandbox", "endpoints": endpoints})
        own = dataclasses.replace(config, settings=chosen, home=home)
        found = fetch_resolved(own, ResolvedOptions(fine=False, trades=False), progress)
    return sum(int(row["calls"]) for row in found["requests"]["total"])


def _import_words(home: Home) -> str:
    return f"{_stored_words(home)}; read = stored + duplicates + quarantined"


def _stored_words(home: Home) -> str:
    from edgeworth.store.asof import price_sources

    source = price_sources(home)[0]
    return f"{source.points:,} prices of {source.markets:,} markets, {source.resolved_markets:,} of them resolved"


def _backtest(config: Config, home: Home, progress: Progress, clock: Clock) -> "BacktestResult":
    from edgeworth.research.backtest import run_backtest
    from edgeworth.strategies.registry import shipped

    strategies = [rule for _, rule in sorted(shipped().items())]
    return run_backtest(home, strategies, config.settings, progress=progress, clock=clock, command="edgeworth demo")


def _compare(world: World, result: "BacktestResult") -> tuple[Finding, ...]:
    import polars as pl

    from edgeworth.research.runs import TRADES

    trades = pl.read_parquet(result.folder / TRADES).filter(pl.col("status") == "settled")
    trades = trades.with_columns(worth=pl.Series(true_edges(world, trades)))
    findings = []
    for item in result.results:
        mine = trades.filter(pl.col("strategy") == item.strategy, pl.col("worth").is_not_nan())
        edge, other = _mean_worths(mine)
        findings.append(Finding(item.strategy, item.verdict, edge, _sentence(item.verdict, edge, other)))
    return tuple(findings)


def _mean_worths(trades: "pl.DataFrame") -> tuple[float | None, float | None]:
    """Return what the trades were worth in truth, dollars per share, and what their reverse would have been.

    The reverse gains what the trades lose and pays the same costs beyond the mid, so it is -worth - 2 x costs.
    """
    if trades.is_empty():
        return None, None
    worth = float(trades["worth"].to_numpy().mean())
    costs = float((trades["cost_e6"].to_numpy() / 1e6 - trades["price_e4"].to_numpy() / 1e4).mean())
    return worth, -worth - 2.0 * costs


def true_edges(world: World, trades: "pl.DataFrame") -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what each one-share trade was worth in truth: P(side wins) at its fill minus its all-in cost, dollars.

    `trades` needs market_id, t_fill, side and cost_e6, as in a run's trades.parquet. NaN before a
    market's first quote; between two quotes the earlier one stands.
    """
    arrays = world.panel_arrays()
    number = {name: index for index, name in enumerate(conditions(world))}
    worth = np.full(trades.height, np.nan)
    rows = trades.select("market_id", "t_fill", "side", "cost_e6").iter_rows()
    for position, (market_id, t_fill, side, cost) in enumerate(rows):
        market = number.get(market_id)
        if market is None:
            continue
        first, last = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
        point = first + int(np.searchsorted(arrays.t[first:last], t_fill, side="right")) - 1  # prices hold between
        if point >= first:
            latent = float(arrays.latent[point])
            worth[position] = (latent if side > 0 else 1.0 - latent) - cost / 1e6
    return worth


def _sentence(verdict: "Verdict", edge: float | None, other: float | None) -> str:
    found = str(verdict.outcome) == "edge at this size"
    if edge is None:
        return "never fired here, so there is nothing to say"
    cents = f"{100 * edge:+.1f} cents a share in truth"
    if found and edge > 0:
        return f"edge found, and one is there ({cents})"
    if found:
        return f"FALSE ALARM: an edge is claimed where there is none ({cents})"
    if edge > _VISIBLE:
        return f"an edge is there ({cents}), but {verdict.events:,} events do not prove it"
    if other is not None and other > _VISIBLE:
        return f"nothing found on this side ({cents}); an edge is on the other, its reverse ({100 * other:+.1f} cents)"
    return f"nothing found, and nothing is there ({cents})"
