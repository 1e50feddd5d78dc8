"""Wire a backtest of models: train as time goes by, and let strategies read the forecasts as columns of their rows."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core.config import Config
from edgeworth.core.errors import UsageError
from edgeworth.core.instants import to_iso
from edgeworth.core.panel import NEVER
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress
from edgeworth.core.units import Micros
from edgeworth.features.forecasts import forecasts_by, reads_forecasts

if TYPE_CHECKING:
    from edgeworth.core.panel import Outcomes, Panel
    from edgeworth.research.dataset import Plan
    from edgeworth.research.types import BacktestResult
    from edgeworth.research.walk_forward import Beside, Course, WalkForward
    from edgeworth.strategies.base import Strategy

Judge = Callable[["list[Strategy]", "tuple[Panel, Outcomes] | None"], "BacktestResult"]
MODEL: Final = "model"
RULE: Final = "model-edge"
FILE: Final = "forecasts.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backtest asks of its models: `learners` and `refit_days` as typed (empty = the strategy's own), the data's
    `source` and range, the sweeps, and whether the hold-out is opened. `plan` is a saved model's: the rows and columns
    its learners were made for, None = the usual ones.
    """

    learners: tuple[str, ...]
    refit_days: int | None
    source: str | None
    start: int | None
    end: int | None
    grids: tuple[str, ...]
    holdout: bool
    plan: "Plan | None" = None


def reading_models(
    home: Home, names: tuple[str, ...], learners: tuple[str, ...]
) -> "tuple[tuple[str, ...], tuple[str, ...], Plan | None]":
    """Return the strategy names with `model` and `model:NAME` spelled out, the learners they ask for, and their plan.

    A saved model itself is not backtested: it has seen the outcomes. Its learners are, each time on what was known.
    Raises UsageError unknown-model, or bad-option where learners are named twice.
    """
    chosen, spelled, plan = learners, [], None
    for text in names:
        kind, _, model = text.partition(":")
        if kind != MODEL or "/" in text or text.endswith(".py"):
            spelled.append(text)
            continue
        spelled.append(RULE)
        if model:
            own, rows = _recipe(home, model)
            if (chosen and chosen != own) or (plan and plan != rows):
                raise UsageError("bad-option", f"'{text}' names learners of its own", f"edgeworth backtest {MODEL}")
            chosen, plan = own, rows
    return tuple(spelled), chosen, plan


def _recipe(home: Home, model: str) -> "tuple[tuple[str, ...], Plan]":
    """Return the learners of a saved model, and the rows and columns it was trained on, without their range."""
    from edgeworth.models.registry import Registry
    from edgeworth.research.dataset import Plan

    card = Registry(home.root / "models").card(model)
    known = {item.name for item in fields(Plan)} - {"start", "end"}
    said = {name: value for name, value in card.get("plan", {}).items() if name in known}
    typed: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    return tuple(card["stack"]["weights"]), Plan(**typed)


def with_forecasts(
    config: Config, asked: Asked, rules: "list[Strategy]", judge: Judge, progress: Progress
) -> "BacktestResult":
    """Train the models that the strategies read, judge, and leave every fit in the run's `forecasts.json`."""
    from edgeworth.features.registry import keep_categories
    from edgeworth.research import runs
    from edgeworth.research.backtest import holdout_begin
    from edgeworth.research.types import plain
    from edgeworth.research.walk_forward import train_in_turn
    from edgeworth.store.asof import load_panel

    rules, course = _course(config, asked, rules)
    panel, outcomes = load_panel(config.home, source=asked.source, start=asked.start, end=asked.end)
    keep_categories(panel, config.home.cache)
    until = NEVER if asked.holdout else holdout_begin(panel, config.settings.proof.holdout)

    def step(_what: str, done: int, total: int) -> None:
        if done:
            progress.advance(1)
        else:
            progress.start("models", total, "fits")

    models = train_in_turn(panel, outcomes, course, until, step, beside(config.home, asked.source, course.plan))
    progress.finish()
    with forecasts_by(models):
        result = judge(rules, (panel, outcomes))
    note = _note(models)
    runs.write_json(result.folder / FILE, plain({**_story(models, course), "note": note}))
    return replace(result, warnings=(*result.warnings, note))


def beside(home: Home, source: str | None, plan: "Plan") -> "Beside":
    """Return what a plan reads from beyond the panel; raises DataError columns-missing."""
    from edgeworth.app.columns import Shelf
    from edgeworth.research.walk_forward import Beside

    shelf = Shelf(home, source)
    extra = shelf.columns(plan.providers) if plan.providers else None
    volume = shelf.flow().volume if plan.min_volume is not None else None
    return Beside(extra, volume, extra.stamp if extra else "")


def _course(config: Config, asked: Asked, rules: "list[Strategy]") -> "tuple[list[Strategy], Course]":
    """Return the strategies with the learners asked for, and the course that all of them read.

    Raises UsageError bad-option where strategies want different learners, bad-grid for a sweep over them.
    """
    from edgeworth.research.walk_forward import Course
    from edgeworth.strategies.base import parameters
    from edgeworth.strategies.registry import with_params

    if any(text.partition("=")[0].strip() in {"learners", "refit_days"} for text in asked.grids):
        raise UsageError("bad-grid", "all variants of a sweep read the same forecasts", "one backtest per choice")
    flags: dict[str, Any] = {"learners": ",".join(asked.learners), "refit_days": asked.refit_days}
    typed = {name: value for name, value in flags.items() if value}
    done = [with_params(rule, {n: v for n, v in typed.items() if n in parameters(rule)}) for rule in rules]
    wanted = [parameters(rule) for rule in done if reads_forecasts(rule.needs)]
    own = {
        (str(values["learners"]), float(values["refit_days"]))
        for values in wanted
        if {"learners", "refit_days"} <= values.keys()
    }
    if len(own) > 1:
        raise UsageError("bad-option", "these strategies read forecasts of different learners", "one by one")
    default = Course()
    learners, days = next(iter(own), (typed.get("learners", ",".join(default.learners)), typed.get("refit_days", 30)))
    run = config.settings.run
    names = tuple(name.strip() for name in str(learners).split(",") if name.strip())
    return done, Course(names, float(days), asked.plan or default.plan, run.seed, max(1, run.threads))


def _note(models: "WalkForward") -> str:
    """Say how many models there were, and whether any of them had evidence to differ from the price."""
    proven = [epoch for epoch in models.epochs if epoch.model.stack.events]
    count = f"{len(models.epochs):,} fit{'s' if len(models.epochs) > 1 else ''}"
    if not proven:
        return f"{count}, none with 30 independent events of its own to learn weights from: every forecast is the price"
    return f"{count} of models, from {to_iso(Micros(proven[0].begins))[:10]} on with weights learned out of sample"


def _story(models: "WalkForward", course: "Course") -> dict[str, Any]:
    return {
        "learners": list(course.learners), "refit_days": course.refit_days, "seed": course.seed,
        "plan": course.plan.to_dict(), "features": list(models.features), "fingerprint": models.fingerprint,
        "fits": [epoch.to_dict() for epoch in models.epochs],
    }  # fmt: skip
