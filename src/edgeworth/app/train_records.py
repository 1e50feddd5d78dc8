"""Keep the books of trainings: run folder, ledger of every configuration tried, watched state, experiment tracking."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core.clock import Clock
from edgeworth.core.config import Config
from edgeworth.core.instants import to_iso

if TYPE_CHECKING:
    from edgeworth.models.threads import Probe
    from edgeworth.research.dataset import Dataset
    from edgeworth.research.training import Options, Training
    from edgeworth.store.ledger_db import Ledger

FAMILY: Final = "train"


def choose_threads(config: Config, dataset: "Dataset", clock: Clock) -> "Probe":
    """Return the threads of one fit that the settings `train.threads` and `run.threads` ask for."""
    from edgeworth.models import threads

    return threads.resolve(config.settings.train.threads, dataset.examples(), clock, config.settings.run.threads)


def run_digest(dataset: "Dataset", options: "Options", versions: Mapping[str, str]) -> str:
    """Return the digest of what decides a training's result, the number of tuned configurations apart."""
    asked = {name: value for name, value in options.to_dict().items() if name != "tune"}
    words = json.dumps([dataset.examples().digest(), asked, dict(versions)], sort_keys=True, default=str)
    return hashlib.blake2b(words.encode(), digest_size=6).hexdigest()


class Books:
    """The books of one training. Open them before it and close them after, however it ended."""

    def __init__(self, config: Config, dataset: "Dataset", options: "Options", clock: Clock) -> None:
        from edgeworth.research import runs, tracking

        self._home, self._clock, self._options = config.home, clock, options
        self._track = config.settings.train.mlflow != "off"
        self.data = str(dataset.meta.get("panel") or dataset.fingerprint)
        self.versions = {**runs.versions(), **libraries()}
        self.folder = tracking.folder_of(self._home, run_digest(dataset, options, self.versions))
        self.begun = clock.now()
        self.run_id = ""
        self._ledger: Ledger | None = None

    def open(self) -> None:
        """Begin a run in the ledger and in the run folder."""
        from edgeworth.research import runs
        from edgeworth.store.ledger_db import Ledger, Run

        ledger = self._ledger = Ledger.open(self._home, clock=self._clock)
        taken = frozenset(run.run_id for run in ledger.runs(limit=10_000))
        self.run_id = runs.new_id(self._home, self.begun, self._options.to_dict(), taken)
        ledger.start_run(Run(self.run_id, FAMILY, self.data, self.begun, config=_plain(self._options.to_dict())))
        self._state("running", {})

    def count(self, kind: str, settings: Mapping[str, Any], status: str, events: int) -> None:
        """Count one configuration of a search."""
        self._trial(kind, {**settings, "search": True}, status, events)

    def failed(self, error: BaseException) -> None:
        """Count what was asked for as tried and failed, and end the run."""
        from edgeworth.research.training import kinds_of

        for kind in kinds_of(self._options.models):
            self._trial(kind, self._options.to_dict(), "failed", 0)
        self._end("failed", {"error": type(error).__name__, "message": str(error)})

    def done(self, found: "Training", card: Mapping[str, Any], model_id: str) -> str:
        """Count every scored forecaster, end the run, and return a word about MLflow ("" where it was not asked)."""
        for score in found.scores:
            self._trial(score.model, {**self._options.to_dict(), "digest": found.card["digest"]}, "done", score.events)
        tracked = self._mlflow(card, model_id)
        self._state("done", {"model": model_id, "mlflow": tracked, "card": card})
        self._end("done", {"model": model_id, "digest": found.card["digest"]})
        return tracked

    def tried(self) -> dict[str, int]:
        """Return how many configurations were tried on this data, and in this home, this training's own included."""
        if self._ledger is None:
            return {}
        mine = [trial for trial in self._ledger.trials() if trial.strategy.startswith(f"{FAMILY}-")]
        return {"data": sum(trial.data == self.data for trial in mine), "home": len(mine)}

    def openings(self, opened: bool) -> int:
        """Count an opening of the hold-out where there was one; return how often this data's was opened."""
        if self._ledger is None:
            return 0
        if opened:
            return self._ledger.use_holdout(self.run_id, FAMILY, self.data, "model scored on the locked rows")
        return self._ledger.holdout_uses(self.data)

    def close(self) -> None:
        """Let go of the ledger."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _trial(self, name: str, params: Mapping[str, Any], status: str, events: int) -> None:
        from edgeworth.store.ledger_db import Trial

        if self._ledger is not None:
            label = f"{FAMILY}-{name}"
            trial = Trial(self.run_id, label, label, self.data, _plain(params), status, None, events)
            self._ledger.record_trial(trial)

    def _end(self, status: str, summary: dict[str, Any]) -> None:
        if status != "done":
            self._state(status, summary)
        if self._ledger is not None:
            self._ledger.finish_run(self.run_id, status, summary)

    def _state(self, status: str, more: Mapping[str, Any]) -> None:
        from edgeworth.research import tracking

        times = {"begun": to_iso(self.begun), "updated": to_iso(self._clock.now())}
        state = {"run": self.run_id, "status": status, "options": self._options.to_dict(), "versions": self.versions}
        tracking.write_state(self.folder, {**state, **times, **more})

    def _mlflow(self, card: Mapping[str, Any], model_id: str) -> str:
        from edgeworth.research import tracking

        if not self._track or not tracking.has_mlflow():
            return ""
        try:
            return f"run {tracking.log_mlflow(self._home, tracking.record_of(model_id, card), self.folder)}"
        except Exception as error:  # noqa: BLE001  (the model is saved: another program's store must not undo that)
            return f"failed: {type(error).__name__}: {error}"


def libraries() -> dict[str, str]:
    """Return the versions of the learning libraries that are installed."""
    from importlib import metadata

    found = {}
    for name in ("xgboost", "xgboost-cpu", "lightgbm", "torch", "optuna"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def study_file(folder: Path) -> Path:
    """Return where the search of a training keeps its study."""
    from edgeworth.research.tracking import STUDY

    return folder / STUDY


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return decoded
