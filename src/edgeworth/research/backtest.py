"""One backtest run: panel, firings, flat trades, verdict, the sized portfolio beside it, everything written down.

A decision is a point whose price lies within [0.03, 0.97], before the first proposal of a resolution: what a live rule
could know too. (Leaving out only what turned out to stay outside that band for good would choose by the outcome: of the
cheap shares it would keep those that recovered.) Every configuration counts as a trial, whatever became of it.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.config import ProofSettings, Settings
from edgeworth.core.errors import DataError, EdgeworthError, UsageError
from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress, Silent
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.flat import flat_trades
from edgeworth.engine.types import EngineMarkets, Tape
from edgeworth.features.columns import listings
from edgeworth.features.registry import View, keep_categories
from edgeworth.forecasting.firing import Firings, fire_all
from edgeworth.forecasting.learning import Opinions, learn
from edgeworth.research import deflation, metrics, portfolio, runs
from edgeworth.research.audit import AuditResult, audit, quick_audit
from edgeworth.research.audit_compare import Pipeline
from edgeworth.research.collecting import Experiment, Judged, collect, decision_points, reversed_firings, trade_frame
from edgeworth.research.lint import LintInput, Trail, lint, lint_data
from edgeworth.research.tapes import open_tape
from edgeworth.research.trials import Trials, tally
from edgeworth.research.types import BacktestResult, Coverage, Failure, Kind, LintLine, RunResult, Verdict, plain
from edgeworth.research.verdict import FEWEST_EVENTS, Case, judge
from edgeworth.store.asof import load_panel, scheduled_ends
from edgeworth.store.ledger_db import Ledger, Run, Trial
from edgeworth.strategies.base import Strategy, label, parameters
from edgeworth.strategies.registry import variants

if TYPE_CHECKING:
    import polars as pl

QUICK_BOOTSTRAPS: Final = 200  # bootstrap repetitions where only a comparison is shown: variants and reverse controls
_BLOCKS: Final = 10
_RECENT: Final = 100  # runs of the ledger that may share the second of this one


@dataclass(frozen=True, slots=True)
class Request:
    """What a run was asked: everything that, with the data, decides its numbers."""

    strategies: tuple[Strategy, ...]
    settings: Settings
    source: str | None = None
    start: int | None = None
    end: int | None = None
    grid: tuple[str, ...] = ()
    holdout: bool = False
    requested: int | None = None
    command: str = ""
    audit: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        rules = [
            {"name": rule.name, "version": rule.version, "parameters": parameters(rule)} for rule in self.strategies
        ]
        return {
            "strategies": rules,
            "settings": self.settings.model_dump(exclude={"endpoints", "collect", "signals", "store"}),
            "source": self.source,
            "from": self.start,
            "to": self.end,
            "grid": list(self.grid),
            "holdout": self.holdout,
            "audit": self.audit,
            "seed": self.settings.run.seed,
            "command": self.command,
        }


@dataclass(slots=True)
class _State:
    """A run while it is under way."""

    request: Request
    rules: list[Strategy]
    run_id: str
    created_at: int
    panel: Panel
    outcomes: Outcomes
    experiment: Experiment
    cutoff: int
    clock: Clock
    data_end: int
    data_lines: tuple[LintLine, ...]
    results: list[RunResult] = field(default_factory=list)
    reverses: list[RunResult] = field(default_factory=list)
    variants: list[RunResult] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    trades: "list[pl.DataFrame]" = field(default_factory=list)
    equity: "list[pl.DataFrame]" = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    audits: dict[str, AuditResult] = field(default_factory=dict)
    audited: "Future[None] | None" = None  # the audits, where they run beside the judging


def run_backtest(  # noqa: PLR0913 (one call holds a whole experiment; each argument is a different noun)
    home: Home,
    strategies: Sequence[Strategy],
    settings: Settings,
    *,
    source: str | None = None,
    start: int | None = None,
    end: int | None = None,
    grid: Sequence[str] = (),
    holdout: bool = False,
    progress: Progress | None = None,
    clock: Clock | None = None,
    command: str = "",
    requested: int | None = None,
    audit_all: bool = False,
    data: tuple[Panel, Outcomes] | None = None,
) -> BacktestResult:
    """Evaluate strategies over resolved markets and write `runs/<id>/`; returns what `metrics.json` holds.

    `grid` sweeps parameters of the one strategy given. Without `holdout` the last share of time (`proof.holdout`) stays
    locked; with it, only decisions in that share are judged, and the use is counted. `requested`: markets asked for,
    when more than have prices. `audit_all` audits every strategy completely instead of in the fast form that is always
    on. `data` replaces what the store would load. Raises DataError `no-resolved`, UsageError
    `bad-grid`, and the error of the strategies when none could be evaluated; their trials are counted all the same.
    """
    clock, progress = clock or SystemClock(), progress or Silent()
    if grid and len(strategies) != 1:
        raise UsageError("bad-grid", "a sweep takes exactly one strategy")
    rules = variants(strategies[0], grid) if grid else list(strategies)
    request = Request(
        tuple(strategies), settings, source, start, end, tuple(grid), holdout, requested, command, audit_all
    )
    begun = clock.monotonic()
    panel, outcomes = data or load_panel(home, source=source, start=start, end=end)
    if not bool((outcomes.payout_e4 >= 0).any()):
        raise DataError("no-resolved", f"none of {panel.market_count:,} markets with prices has resolved")
    created = int(clock.now())
    with Ledger.open(home, clock=clock) as ledger:
        known = frozenset(run.run_id for run in ledger.runs(limit=_RECENT))
        run_id = runs.new_id(home, created, request.to_dict(), known)
        keep_categories(panel, home.cache)
        state = _prepare(request, (run_id, created), (panel, outcomes), rules, clock)
        state.seconds["load"] = clock.monotonic() - begun
        ledger.start_run(Run(run_id, "backtest", panel.fingerprint, created, config=plain(request.to_dict())))
        try:
            result = _evaluate(state, ledger, home, (clock, progress))
        except BaseException as error:
            # the edge of the run: whatever stopped it, the ledger says that it was tried
            ledger.finish_run(run_id, "failed", {"error": type(error).__name__})
            raise
        ledger.finish_run(run_id, "done", {item.strategy: str(item.verdict.outcome) for item in result.results})
    return result


def _prepare(
    request: Request, name: tuple[str, int], data: tuple[Panel, Outcomes], rules: list[Strategy], clock: Clock
) -> _State:
    panel, outcomes = data
    cutoff = holdout_begin(panel, request.settings.proof.holdout)
    rows = decision_points(panel, outcomes, UNKNOWN_TIME, NEVER if request.holdout else cutoff)
    category = np.asarray(View(panel).static(["category"])["category"].cast(str).to_list(), dtype=np.str_)
    experiment = Experiment(
        panel, outcomes, rows, cutoff if request.holdout else UNKNOWN_TIME, category, request.settings.costs,
        FeeTable.of_panel(panel),
    )  # fmt: skip
    last = int(panel.t.max()) if panel.point_count else UNKNOWN_TIME
    return _State(request, rules, *name, panel, outcomes, experiment, cutoff, clock, last, lint_data(panel, outcomes))


def holdout_begin(panel: Panel, share: float) -> int:
    """Return the instant at which the last `share` of the panel's time begins; NEVER for a share of 0."""
    if share <= 0 or not panel.point_count:
        return NEVER
    first, last = int(panel.t.min()), int(panel.t.max())
    return last - round((last - first) * share)


def _evaluate(state: _State, ledger: Ledger, home: Home, tools: tuple[Clock, Progress]) -> BacktestResult:
    clock, progress = tools
    begun = clock.monotonic()
    rules = state.rules
    progress.start("backtest", len(rules), "strategies")
    with ThreadPoolExecutor(1) as pool:
        rehearsed = pool.submit(_rehearse, state, home)
        fired = _fire(state, rules, ledger)
        tape = rehearsed.result()
    state.seconds["fire"] = clock.monotonic() - begun
    begun = clock.monotonic()
    judged = [(rule, collect(state.experiment, firings)) for rule, firings in fired]
    _count(state, ledger, judged)
    counted = tally(ledger, list({rule.name for rule, _ in judged}), state.panel.fingerprint)
    _note_holdout(state, ledger)
    if state.request.grid:
        _sweep(state, judged, counted, tape)
    else:
        # the walk and the bootstrap release the interpreter lock; results are kept in the order of the rules
        with ThreadPoolExecutor(_threads(state)) as pool:
            state.audited = pool.submit(_audit, state, [(rule, item.firings) for rule, item in judged])
            longest = sorted(range(len(judged)), key=lambda k: -len(judged[k][1].firings))
            work = {k: pool.submit(_rule, state, *judged[k], counted[judged[k][0].name], tape) for k in longest}
            for future in (work[k] for k in range(len(judged))):
                _keep(state, future.result())
                progress.advance(1)
    state.seconds["judge"] = clock.monotonic() - begun
    begun = clock.monotonic()
    result = _result(state, home, ledger)
    folder = runs.write_run(home, state.run_id, lambda path: _write(path, state, result))
    progress.finish()
    return replace(result, folder=folder, seconds={**state.seconds, "write": clock.monotonic() - begun})


def _fire(state: _State, rules: list[Strategy], ledger: Ledger) -> list[tuple[Strategy, Firings]]:
    """Fire all rules together; when one is broken, one by one, so that the others are still judged."""
    panel, rows = state.panel, state.experiment.rows
    try:
        return list(zip(rules, fire_all(panel, rules, rows, threads=_threads(state)), strict=True))
    except EdgeworthError as error:
        first = error
    fired = []
    for rule in rules:
        try:
            fired.append((rule, fire_all(panel, [rule], rows)[0]))
        except EdgeworthError as error:
            state.failures.append(Failure(label(rule), error.code, error.message))
            ledger.record_trial(_trial(state, rule, "failed", None, 0))
    if not fired:
        raise first
    return fired


def _rehearse(state: _State, home: Home) -> tuple[Tape, EngineMarkets]:
    """Open the tape and judge one invented firing, so that compiled code is read from disk while the rules fire."""
    tape, rows = _tape(state, home), state.experiment.rows[:1]
    if not len(rows):
        return tape
    side, reason = np.ones(1, np.int8), np.zeros(1, np.int16)
    firings = Firings("rehearsal", rows, side, reason, ("",), None, None)
    opinions = _opinions(state, firings)
    flat_trades(state.panel, state.outcomes, rows, side, state.experiment.category, state.experiment.costs)
    portfolio.walk(*tape, opinions, state.request.settings, state.experiment.from_t)
    return tape


def _trial(state: _State, rule: Strategy, status: str, sharpe: float | None, events: int) -> Trial:
    params = {"version": rule.version, **parameters(rule)}
    return Trial(state.run_id, rule.name, rule.name, state.panel.fingerprint, params, status, sharpe, events)


def _count(state: _State, ledger: Ledger, judged: list[tuple[Strategy, Judged]]) -> None:
    """Write every configuration down before any verdict is computed from the count."""
    rows = []
    for rule, item in judged:
        events = item.evidence.events
        sharpe = deflation.moments(item.evidence.event_returns())[0] if events >= FEWEST_EVENTS else None
        rows.append(_trial(state, rule, "done", sharpe, events))
    ledger.record_trials(rows)


def _audit(state: _State, fired: list[tuple[Strategy, Firings]]) -> None:
    """Audit the strategies that are judged in full: completely when asked, else in the fast form."""
    request = state.request
    pipeline = Pipeline.of_settings(request.settings)
    until = NEVER if request.holdout else state.cutoff
    seed = request.settings.run.seed
    begun = state.clock.monotonic()
    if request.audit:
        for rule, firings in fired:
            done = audit(state.panel, state.outcomes, (rule, firings), pipeline, seed=seed, until=until)
            state.audits[label(rule)] = done
    else:
        state.audits |= quick_audit(state.panel, state.outcomes, fired, pipeline, seed=seed, until=until)
    state.seconds["audit"] = state.clock.monotonic() - begun


def _note_holdout(state: _State, ledger: Ledger) -> None:
    if state.request.holdout:
        for rule in state.request.strategies:
            ledger.use_holdout(state.run_id, rule.name, state.panel.fingerprint)


def _tape(state: _State, home: Home) -> tuple[Tape, EngineMarkets]:
    tape = open_tape(home, state.panel, state.outcomes)
    return tape, EngineMarkets.of_panel(state.panel, state.experiment.category, state.experiment.fees)


def _judge(
    state: _State, name: str, item: Judged, needs: tuple[str, ...], how: tuple[Trials, ProofSettings, float | None]
) -> Verdict:
    trials, proof, pbo = how
    panel, outcomes = state.panel, state.outcomes
    coverage = Coverage(
        requested=max(state.request.requested or 0, panel.market_count),
        priced=panel.market_count,
        resolved=int((outcomes.payout_e4 != -1).sum()),
        fired=len(item.trades),
        traded=len(item.evidence),
        dropped=item.dropped,
    )
    late = panel.point_count - len(state.experiment.rows)
    kept = np.zeros(len(item.trades), dtype=bool)
    kept[item.settled] = True
    given = LintInput(
        needs,
        item.event_known_at,
        late,
        trail=_trail(state, item),
        trials=(trials.total, trials.total) if trials.total else None,
        fired=(outcomes.payout_e4[item.trades.market], kept),
        shared=state.data_lines,
    )
    if state.audited is not None:
        state.audited.result()
    audited = state.audits.get(name) or state.audits.get(name.removesuffix("-reverse"))
    checks = lint(item.evidence, given) + (audited.lines() if audited else ())
    case = Case(name, coverage, checks, trials, pbo)
    return judge(item.evidence, case, proof, state.request.settings.costs, state.request.settings.run.seed)


def _trail(state: _State, item: Judged) -> Trail:
    panel, market = state.panel, item.evidence.market
    begin, stop = panel.offsets[market], panel.offsets[market + 1]
    return Trail(
        index=item.trades.row[item.settled] - begin,
        size=stop - begin,
        listed=listings(panel)[market],
        end=scheduled_ends(panel, market, item.evidence.t),
        data_end=state.data_end,
    )


def _opinions(state: _State, firings: Firings) -> Opinions:
    costs, proof = state.request.settings.costs, state.request.settings.proof
    return learn(
        firings,
        state.panel,
        state.outcomes,
        proof.prior_events,
        half_spread=costs.half_spread * costs.multiplier,
        spread_share=costs.spread_share * costs.multiplier,
    )


@dataclass(frozen=True, slots=True)
class _Done:
    """What judging one rule leaves."""

    result: RunResult
    reverse: RunResult
    trades: "pl.DataFrame"
    equity: "pl.DataFrame"


def _threads(state: _State) -> int:
    return state.request.settings.run.threads or os.cpu_count() or 1


def _keep(state: _State, done: _Done) -> None:
    state.results.append(done.result)
    state.reverses.append(done.reverse)
    state.trades.append(done.trades)
    state.equity.append(done.equity)


def _rule(
    state: _State, rule: Strategy, item: Judged, trials: Trials, tape: tuple[Tape, EngineMarkets],
    pbo: float | None = None,
) -> _Done:  # fmt: skip
    """Judge a rule in full: verdict, learned odds, sized portfolio, tables, and its reverse control beside it."""
    proof, name = state.request.settings.proof, label(rule)
    firings = item.firings if not state.request.holdout else fire_all(state.panel, [rule], state.experiment.rows)[0]
    opinions = _opinions(state, firings)
    item = collect(state.experiment, firings, opinions)
    verdict = _judge(state, name, item, rule.needs, (trials, proof, pbo))
    tables = metrics.breakdowns(item.evidence, state.panel, state.experiment.category, proof.confidence)
    curves: dict[str, Any] = {
        "flat": metrics.flat_curve(item.evidence),
        "exposure": metrics.exposure_curve(item.evidence),
    }
    walked = portfolio.walk(*tape, opinions, state.request.settings, state.experiment.from_t)
    curves["sized"] = portfolio.curve(walked)
    tables["figures"] = [metrics.figures(item.evidence)]
    back_name = f"{name}-reverse"
    back = collect(state.experiment, reversed_firings(firings, back_name))
    control = _judge(state, back_name, back, rule.needs, (Trials(), _quick(proof), None))
    params, sized = parameters(rule), portfolio.summary(walked)
    return _Done(
        RunResult(name, rule.version, params, Kind.RULE, verdict, sized, tables, curves),
        RunResult(back_name, rule.version, params, Kind.REVERSE, control),
        trade_frame(state.experiment, item, Kind.RULE, name),
        portfolio.frame(walked, name),
    )


def _quick(proof: ProofSettings) -> ProofSettings:
    return proof.model_copy(update={"bootstraps": min(proof.bootstraps, QUICK_BOOTSTRAPS)})


def _sweep(
    state: _State, judged: list[tuple[Strategy, Judged]], counted: dict[str, Trials], tape: tuple[Tape, EngineMarkets]
) -> None:
    """Judge every variant quickly, then the best in full, deflated for all of them.

    Best is the highest Sharpe ratio per event; where no variant has one, the highest return.
    """
    quick = _quick(state.request.settings.proof)
    best, highest = judged[0], (-np.inf, -np.inf)
    for rule, item in judged:
        verdict = _judge(state, label(rule), item, rule.needs, (counted[rule.name], quick, None))
        state.variants.append(RunResult(label(rule), rule.version, parameters(rule), Kind.VARIANT, verdict))
        merit = (_or_lowest(verdict.sharpe), _or_lowest(verdict.roi))
        if merit > highest:
            best, highest = (rule, item), merit
    pbo = overfitting([item for _, item in judged])
    _audit(state, [(best[0], best[1].firings)])
    _keep(state, _rule(state, best[0], best[1], counted[best[0].name], tape, pbo))


def _or_lowest(value: float | None) -> float:
    return -np.inf if value is None else value


def overfitting(judged: list[Judged]) -> float | None:
    """Return PBO over the variants of a sweep on profits per event in order of opening; None when too little traded."""
    parts = [item.evidence for item in judged]
    if len(parts) < 2:
        return None
    events = np.unique(np.concatenate([part.event for part in parts]))
    if len(events) < 3 * _BLOCKS:
        return None
    opened = np.full(len(events), NEVER)
    table = np.zeros((len(events), len(parts)))
    for column, part in enumerate(parts):
        index = np.searchsorted(events, part.event)
        np.minimum.at(opened, index, part.t)
        table[:, column] = np.bincount(index, part.profit, len(events))
    return deflation.overfitting_probability(table[np.argsort(opened, kind="stable")], _BLOCKS)


def _result(state: _State, home: Home, ledger: Ledger) -> BacktestResult:
    panel = state.panel
    some = panel.point_count > 0
    data = {
        "source": panel.source,
        "fingerprint": panel.fingerprint,
        "markets": panel.market_count,
        "points": panel.point_count,
        "decision_points": len(state.experiment.rows),
        "requested": max(state.request.requested or 0, panel.market_count),
        "priced": panel.market_count,
        "resolved": int((state.outcomes.payout_e4 != -1).sum()),
        "from": int(panel.t.min()) if some else None,
        "to": int(panel.t.max()) if some else None,
    }
    return BacktestResult(
        run_id=state.run_id,
        folder=home.runs / state.run_id,
        created_at=state.created_at,
        results=tuple(state.results),
        reverses=tuple(state.reverses),
        variants=tuple(state.variants),
        failures=tuple(state.failures),
        data=data,
        holdout=_holdout(state, ledger),
        warnings=_warnings(state),
        seconds=dict(state.seconds),
    )


def _holdout(state: _State, ledger: Ledger) -> dict[str, Any]:
    share = state.request.settings.proof.holdout
    uses = ledger.holdout_uses()
    if state.cutoff == NEVER:
        note = "No hold-out is set aside."
    elif state.request.holdout:
        note = f"Hold-out opened: only decisions in the last {share:.0%} of time are judged; use {uses} in this home."
    else:
        note = f"The last {share:.0%} of time is locked (hold-out, used {uses} times in this home)."
    return {
        "share": share,
        "used": state.request.holdout,
        "uses": uses,
        "begins": None if state.cutoff == NEVER else state.cutoff,
        "note": note,
    }


def _warnings(state: _State) -> tuple[str, ...]:
    found = []
    open_share = float((state.outcomes.payout_e4 == -1).mean()) if state.panel.market_count else 0.0
    if open_share > 0.1:
        found.append(f"{open_share:.0%} of the markets have no resolution; their trades are not judged")
    dated = np.diff(state.panel.end_offsets) > 0
    if state.panel.market_count and not dated.all():
        found.append(f"{1 - dated.mean():.0%} of the markets have no scheduled end; their horizon is unknown")
    if bool(state.panel.markets["backdated"].any()):
        found.append("market texts come from a dump made later than the prices: wording may have been edited since")
    return tuple(found)


def _write(folder: Path, state: _State, result: BacktestResult) -> None:
    import polars as pl

    config = {**state.request.to_dict(), "run_id": state.run_id, "data": result.data, "versions": runs.versions()}
    runs.write_json(folder / runs.CONFIG, plain(config))
    runs.write_json(folder / runs.METRICS, result.to_dict())
    trades = pl.concat(state.trades) if state.trades else pl.DataFrame()
    trades.write_parquet(folder / runs.TRADES)
    equity = pl.concat(state.equity) if state.equity else pl.DataFrame()
    equity.write_parquet(folder / runs.EQUITY)
