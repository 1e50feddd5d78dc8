"""Wire a backtest: words of the command line in, a run with its verdicts out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeworth.app.homes import need_data
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import Config
from edgeworth.core.errors import LeakError, UsageError
from edgeworth.core.instants import parse_bound, to_iso
from edgeworth.core.progress import Progress
from edgeworth.core.short_life import short_life
from edgeworth.core.units import Micros
from edgeworth.features.forecasts import reads_forecasts

if TYPE_CHECKING:
    from edgeworth.core.panel import Outcomes, Panel
    from edgeworth.research.types import BacktestResult
    from edgeworth.strategies.base import Strategy


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: strategy names, files or `all`, a range as text, `NAME=VALUE` parameters and sweeps.

    `model` and `model:NAME` stand for model-edge, the latter with the learners of a saved model. `learners` and
    `refit_days` say whose forecasts strategies read that read any.
    """

    strategies: tuple[str, ...]
    start: str | None = None
    end: str | None = None
    params: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()
    source: str | None = None
    holdout: bool = False
    command: str = ""
    audit: bool = False
    learners: tuple[str, ...] = ()
    refit_days: int | None = None


def run(config: Config, request: Request, progress: Progress) -> "BacktestResult":
    """Backtest what was asked and write the run folder.

    Raises UsageError for names, dates, parameters and sweeps, DataError for the data.
    """
    with short_life():
        return _run(config, request, progress)


def _run(config: Config, request: Request, progress: Progress) -> "BacktestResult":
    from edgeworth.app.model_backtest import Asked, reading_models, with_forecasts
    from edgeworth.research.backtest import run_backtest
    from edgeworth.store.asof import requested_markets

    clock = SystemClock()
    start, end = bounds(request.start, request.end, clock.now())
    names, learners, plan = reading_models(config.home, request.strategies, request.learners)
    chosen = choose(names, request.params)
    need_data(config.home)
    requested = requested_markets(config.home, request.source)

    def judge(rules: "list[Strategy]", data: "tuple[Panel, Outcomes] | None") -> "BacktestResult":
        return run_backtest(
            config.home, rules, config.settings, source=request.source, start=start, end=end, grid=request.grids,
            holdout=request.holdout, progress=progress, clock=clock, command=request.command or _spelled(request),
            requested=requested, audit_all=request.audit, data=data,
        )  # fmt: skip

    if not any(reads_forecasts(rule.needs) for rule in chosen):
        if request.learners or request.refit_days:
            raise UsageError("bad-option", "none of these strategies reads forecasts", "edgeworth backtest model")
        return judge(chosen, None)
    asked = Asked(learners, request.refit_days, request.source, start, end, request.grids, request.holdout, plan)
    return with_forecasts(config, asked, chosen, judge, progress)


def failed_audit(result: "BacktestResult") -> LeakError | None:
    """Return the error of the first strategy whose audits failed, None when all passed."""
    for item in result.results:
        broken = [line for line in item.verdict.lint if line.code.startswith("audit-") and line.passed is False]
        if broken:
            checks = [line.code for line in broken]
            words = f"'{item.strategy}' {broken[0].code.removeprefix('audit-')}: {broken[0].note}"
            return LeakError("audit-failed", words, run=result.run_id, strategy=item.strategy, checks=checks)
    return None


def bounds(start: str | None, end: str | None, now: Micros) -> tuple[int | None, int | None]:
    """Parse a range; raises UsageError `bad-date` or `bad-interval`."""
    first = parse_bound(start, now) if start else None
    last = parse_bound(end, now, end=True) if end else None
    if first is not None and last is not None and first >= last:
        raise UsageError("bad-interval", f"{to_iso(first)} does not lie before {to_iso(last)}")
    return first, last


def choose(names: tuple[str, ...], params: tuple[str, ...]) -> "list[Strategy]":
    """Return the strategies of the names given (`all` = every shipped and installed one), each once, in order."""
    from edgeworth.strategies import registry

    chosen: list[Strategy] = []
    for name in names:
        chosen += registry.all_strategies() if name == "all" else [registry.find(name)]
    unique = list(dict.fromkeys(chosen))
    if not params:
        return unique
    if len(unique) != 1:
        raise UsageError("bad-option", "--param needs exactly one strategy", "backtest them one by one")
    return [registry.with_params(unique[0], _pairs(params))]


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError("bad-option", f"--param takes NAME=VALUE, not '{text}'")
        values[name.strip()] = value.strip()
    return values


def _spelled(request: Request) -> str:
    words = ["edgeworth backtest", *request.strategies]
    for flag, value in (("--from", request.start), ("--to", request.end), ("--source", request.source)):
        words += [flag, value] if value else []
    words += [part for text in request.params for part in ("--param", text)]
    words += [part for text in request.grids for part in ("--grid", f"'{text}'")]
    words += ["--learners", ",".join(request.learners)] if request.learners else []
    words += ["--refit-days", str(request.refit_days)] if request.refit_days else []
    return " ".join([*words, *(["--holdout"] if request.holdout else []), *(["--audit"] if request.audit else [])])


def strategy_rows() -> list[dict[str, Any]]:
    """Return name, version, parameters, inputs and one line of every strategy."""
    import inspect

    from edgeworth.strategies.base import parameters
    from edgeworth.strategies.registry import all_strategies, speaking_for_models

    rows = []
    for rule in [*all_strategies(), *speaking_for_models().values()]:
        about = (inspect.getdoc(type(rule)) or "").split("\n", 1)[0]
        values = ", ".join(f"{key}={value}" for key, value in parameters(rule).items())
        row = {"strategy": rule.name, "version": rule.version, "parameters": values, "needs": ", ".join(rule.needs)}
        rows.append({**row, "exhibit": "yes" if rule.exhibit else "no", "about": about})
    return rows


def run_rows(config: Config) -> list[dict[str, Any]]:
    """Return one row per complete run of the home, newest first."""
    from edgeworth.research.runs import METRICS, list_runs, read_json

    rows = []
    for name in reversed(list_runs(config.home)):
        metrics = read_json(config.home.runs / name / METRICS)
        verdicts = {item["strategy"]: item["verdict"]["outcome"] for item in metrics["results"]}
        rows.append(
            {
                "run": name,
                "at": to_iso(Micros(metrics["created_at"])),
                "source": metrics["data"].get("source"),
                "verdicts": ", ".join(f"{strategy}: {outcome}" for strategy, outcome in verdicts.items()),
            }
        )
    return rows
