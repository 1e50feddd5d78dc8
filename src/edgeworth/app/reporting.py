"""Wire reports: a stored run, a measurement of how calibrated the market is, the graveyard of everything tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeworth.app.backtesting import bounds
from edgeworth.app.homes import need_data
from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.config import Config
from edgeworth.core.errors import AccessError, LeakError, UsageError

if TYPE_CHECKING:
    from edgeworth.research.forecast_report import ForecastScore
    from edgeworth.research.graveyard import Grave
    from edgeworth.research.types import CalibrationReport


def write_run_report(config: Config, run: str, output: Path | None) -> tuple[dict[str, Path], dict[str, Any]]:
    """Write the report of a run; returns the files by kind and the run's metrics. Raises UsageError `unknown-run`."""
    from edgeworth.research.report import write_report
    from edgeworth.research.runs import METRICS, find_run, read_json

    folder = find_run(config.home, run)
    return write_report(folder, output), read_json(folder / METRICS)


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What to measure; see `edgeworth report calibration --help`."""

    sample: str
    until: str
    outcomes: str
    source: str | None = None
    start: str | None = None
    end: str | None = None
    allow_look_ahead: bool = False


def measure_calibration(
    config: Config, request: CalibrationRequest, output: Path | None
) -> "tuple[CalibrationReport, list[Path]]":
    """Measure calibration; returns the report and the files written when `output` names a folder.

    Raises UsageError `bad-sample`, LeakError `look-ahead`, DataError for the data.
    """
    from edgeworth.research.calibration import calibrate, describe
    from edgeworth.research.report import write_calibration
    from edgeworth.store.asof import load_panel

    start, end = bounds(request.start, request.end, SystemClock().now())
    if describe(request.sample).look_ahead and not request.allow_look_ahead:
        raise LeakError("look-ahead", f"the sample '{request.sample}' counts back from the resolution")
    panel, outcomes = load_panel(config.home, source=request.source, start=start, end=end)
    report = calibrate(
        panel, outcomes, request.sample, until=request.until, outcomes_filter=request.outcomes,
        allow_look_ahead=request.allow_look_ahead, confidence=config.settings.proof.confidence,
    )  # fmt: skip
    files = list(write_calibration(report, output).values()) if output else []
    return report, files


def score_forecasts(config: Config, model: str | None = None, clock: Clock | None = None) -> "list[ForecastScore]":
    """Score the stored forecasts of all models, or of one by id, its beginning, or alias.

    Raises UsageError unknown-model, DataError forecasts-altered.
    """
    from edgeworth.models.registry import Registry
    from edgeworth.research.forecast_report import forecast_scores
    from edgeworth.store.ledger_db import Ledger

    clock = clock or SystemClock()
    need_data(config.home)
    with Ledger.open(config.home, clock=clock) as ledger:
        rows = ledger.forecasts()
    if model is not None:
        try:
            name = Registry(config.home.root / "models").find(model)
        except UsageError:
            if model not in {row.model_id for row in rows}:  # a model that was deleted has still said what it said
                raise
            name = model
        rows = [row for row in rows if row.model_id == name]
    return forecast_scores(config.home, rows, int(clock.now()))


def dig(config: Config) -> "list[Grave]":
    """Return every strategy ever tried in the home."""
    from edgeworth.research.graveyard import graveyard

    return graveyard(config.home)


def write_graveyard(graves: "Sequence[Grave]", path: Path) -> Path:
    """Write the graveyard as Markdown; raises AccessError `output-unwritable`."""
    from edgeworth.research.graveyard import to_markdown

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(to_markdown(graves), "utf-8")
    except OSError as error:
        raise AccessError("output-unwritable", f"cannot write {path}: {error.strerror or error}") from error
    return path
