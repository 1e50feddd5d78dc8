"""What a training leaves behind beside the model: its own run folder always, and MLflow where that is installed.

MLflow (extra `mlflow`) writes to an SQLite file and a folder of the home, its telemetry off (`edgeworth._environment`
sets that before any import). Only numbers, names of settings and the card go in: no secret, no data.
"""

import importlib.util
import logging
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgeworth.core.paths import Home
from edgeworth.research.runs import read_json, write_json

FILE: Final = "training.json"
STUDY: Final = "study.db"
EXPERIMENT: Final = "edgeworth"
_SECRET: Final = re.compile(r"secret|password|passphrase|private|api_?key|token|mnemonic|credential", re.IGNORECASE)
_LONGEST: Final = 500  # characters of a parameter
_CARD: Final = "card.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What is written of one training: its name, flat parameters and metrics, and the card."""

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    card: Mapping[str, Any]


def folder_of(home: Home, digest: str) -> Path:
    """Return the run folder of trainings on equal rows with equal settings, where a search of settings continues."""
    return home.runs / f"train-{digest}"


def write_state(folder: Path, state: Mapping[str, Any]) -> Path:
    """Write `training.json` whole and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{FILE}.{os.getpid()}.tmp"
    write_json(temporary, finite(dict(state)))
    temporary.replace(folder / FILE)
    return folder / FILE


def read_state(folder: Path) -> dict[str, Any]:
    """Read what `write_state` wrote; raises DataError report-unreadable."""
    return read_json(folder / FILE)


def finite(value: Any) -> Any:
    """Return JSON-ready values: what is not a finite number becomes null, paths and enums text."""
    if isinstance(value, float):
        return value if abs(value) != float("inf") and value == value else None  # noqa: PLR0124  (NaN differs from itself)
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def record_of(name: str, card: Mapping[str, Any]) -> Record:
    """Return the parameters and metrics of a card, flat, without anything that looks like a secret."""
    params: dict[str, Any] = {}
    for part in ("options", "settings", "plan"):
        params |= flat(card.get(part) or {}, part)
    data = card["data"]
    kept = ("rows", "events", "locked_rows", "features", "panel", "source", "digest")
    params |= {f"data.{key}": data[key] for key in kept if key in data}
    params |= {"digest": card["digest"], **flat(card.get("versions") or {}, "versions")}
    metrics: dict[str, float] = {}
    for score in card["scores"]:
        own = {key: value for key, value in score.items() if isinstance(value, int | float) and key != "model"}
        metrics |= {f"{score['model']}.{key}": float(value) for key, value in own.items()}
        for path in score.get("paths", ()):
            metrics[f"{score['model']}.path_{path['path']}.gain"] = float(path["gain"])
    if "seconds" in card:
        metrics["seconds"] = float(card["seconds"])
    chosen = {key: value for key, value in params.items() if not _SECRET.search(key)}
    good = {key: value for key, value in metrics.items() if finite(value) is not None}
    return Record(name, chosen, good, card)


def flat(tree: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return dotted keys of a tree; lists become text."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}.{key}")
        else:
            found[f"{prefix}.{key}"] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return found


def has_mlflow() -> bool:
    """Tell whether MLflow is installed, without importing it."""
    return importlib.util.find_spec("mlflow") is not None


def log_mlflow(home: Home, record: Record, folder: Path) -> str:
    """Write a training to the home's MLflow store and return the id of its run there.

    The store is `mlflow.db`, artefacts are files below `mlflow-artifacts`; both are read by
    `mlflow ui --backend-store-uri sqlite:///HOME/mlflow.db` where the full package is installed. `folder` is where the
    card is laid for MLflow to copy.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library's own use of other libraries
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        for name in ("mlflow", "alembic"):  # their loudness is set when they are imported
            logging.getLogger(name).setLevel(logging.WARNING)
        client = MlflowClient(tracking_uri=f"sqlite:///{(home.root / 'mlflow.db').absolute()}")
        known = client.get_experiment_by_name(EXPERIMENT)
        place = (home.root / "mlflow-artifacts").absolute()
        experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT, place.as_uri())
        run = client.create_run(experiment, run_name=record.name)
        params = [Param(key, str(value)[:_LONGEST]) for key, value in record.params.items() if value is not None]
        at = run.info.start_time
        metrics = [Metric(key, value, at, 0) for key, value in record.metrics.items()]
        for begin in range(0, max(len(params), len(metrics)), 100):  # the library takes so many params at a time
            part = slice(begin, begin + 100)
            client.log_batch(run.info.run_id, metrics=metrics[part], params=params[part])
        write_json(folder / _CARD, finite(dict(record.card)))
        client.log_artifact(run.info.run_id, str(folder / _CARD))
        client.set_terminated(run.info.run_id)
    return str(run.info.run_id)
