"""Wire trainings: words of the command line in; datasets, models in the registry, and their cards out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeworth.app.backtesting import bounds
from edgeworth.app.homes import need_data
from edgeworth.core.clock import Clock
from edgeworth.core.config import Config
from edgeworth.core.errors import GateError, UsageError
from edgeworth.core.instants import to_datetime, to_iso
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress

if TYPE_CHECKING:
    from edgeworth.models.registry import Entry, Registry
    from edgeworth.research.dataset import Combined, Dataset, Plan
    from edgeworth.research.training import Training


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Which rows to build; see `edgeworth train data --help`. Dates are text, `folder` an existing dataset."""

    folder: Path | None = None
    sample: str = ""
    time_points: tuple[float, ...] = ()
    start: str | None = None
    end: str | None = None
    categories: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """How to train; see `edgeworth train --help`."""

    data: DataRequest
    models: tuple[str, ...]
    cv: str
    holdout: float
    open_holdout: bool = False


@dataclass(frozen=True, slots=True)
class Trained:
    """A training with the id and folder it was saved under."""

    model_id: str
    folder: Path
    training: "Training"
    card: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"model": self.model_id, "folder": self.folder, "card": self.card}


def make_dataset(config: Config, request: DataRequest, clock: Clock) -> "Dataset":
    """Build or read the rows a request names; raises what the store and `research.dataset` raise.

    What was built is kept in the cache under the digest of its inputs, for the next training.
    """
    from edgeworth.research.dataset import build, read_dataset

    if request.folder is not None:
        return read_dataset(request.folder)
    need_data(config.home)
    from edgeworth.store.asof import load_panel

    plan = _plan(request, clock)
    panel, outcomes = load_panel(config.home, source=request.source)
    kept = _cached(config.home, panel.fingerprint, outcomes, plan)
    if kept.is_dir():
        return read_dataset(kept)
    dataset = build(panel, outcomes, plan)
    _keep(kept, dataset)
    return dataset


def _plan(request: DataRequest, clock: Clock) -> "Plan":
    from edgeworth.research.dataset import TIME_POINTS, Plan

    start, end = bounds(request.start, request.end, clock.now())
    if request.sample and request.time_points:
        raise UsageError("bad-option", "give --sample or --time-points, not both")
    return Plan(request.sample, request.time_points or TIME_POINTS, start, end, request.categories)


def _cached(home: Home, panel: str, outcomes: Any, plan: "Plan") -> Path:
    import hashlib

    import numpy as np

    from edgeworth.research.dataset import features_digest

    words = json.dumps([panel, plan.to_dict(), features_digest(plan.features)], sort_keys=True)
    state = hashlib.blake2b(words.encode(), digest_size=16)
    for array in (outcomes.payout_e4, outcomes.resolved_at, outcomes.known_at, outcomes.event_known_at):
        state.update(np.ascontiguousarray(array).data)
    return home.cache / f"dataset-{state.hexdigest()}"


def _keep(folder: Path, dataset: "Dataset") -> None:
    import contextlib

    from edgeworth.store.cache_folder import keep_latest, replace_folder

    def fill(place: Path) -> None:
        dataset.write(place)

    with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
        replace_folder(folder, fill)
        keep_latest(folder.parent, "dataset", 4)


def check_dataset(dataset: "Dataset") -> dict[str, Any]:
    """Return what a dataset holds and what it could prove, JSON-ready.

    `detectable`: the smallest true difference from the price, at the mean price, that this many independent events
    show with 80 % probability at two-sided 5 %.
    """
    import polars as pl

    from edgeworth.research.power import detectable_edge

    frame = dataset.frame
    year = pl.from_epoch("t", time_unit="us").dt.year().alias("year")
    by_year = frame.group_by(year).agg(
        pl.len().alias("rows"),
        pl.col("market_id").n_unique().alias("markets"),
        pl.col("event").n_unique().alias("events"),
        pl.col("label").mean().alias("yes_share"),
    )
    by_category = frame.group_by("category").agg(pl.len().alias("rows"), pl.col("event").n_unique().alias("events"))
    events = frame["event"].n_unique()
    price = float(frame.select(pl.col("price").mean()).item())
    return {
        "rows": frame.height,
        "markets": frame["market_id"].n_unique(),
        "events": events,
        "yes_share": float(frame.select(pl.col("label").mean()).item()),
        "mean_price": price,
        "detectable": detectable_edge(events, price),
        "left_out_50_50_or_void": dataset.meta.get("unclassified"),
        "missing": {n: frame[n].null_count() / frame.height for n in dataset.names if frame[n].null_count()},
        "years": by_year.sort("year").to_dicts(),
        "categories": by_category.sort("rows", descending=True).to_dicts(),
        "points": frame.group_by("point").len("rows").sort("point").to_dicts(),
        "features": dataset.fingerprint,
    }


def combine_datasets(folders: Sequence[Path], output: Path) -> "Combined":
    """Unite datasets and write the union; raises DataError dataset-unreadable | dataset-mismatch."""
    from edgeworth.research.dataset import combine, read_dataset

    found = combine([read_dataset(folder) for folder in folders])
    found.dataset.write(output)
    return found


def run_training(config: Config, request: TrainRequest, progress: Progress, clock: Clock) -> Trained:
    """Train, save the model with its card, and say where; raises LeakError leaky-training and what training raises."""
    from edgeworth.research import training

    options = training.Options(
        request.models or training.LEARNERS,
        request.cv,
        config.settings.run.seed,
        request.holdout,
        max(1, config.settings.run.threads),
    )
    dataset = make_dataset(config, request.data, clock)
    begun = clock.now()
    watch = _Watch(config.home, clock)
    progress.start("training", 1, "steps")
    try:
        found = training.train(dataset, options, watch.step, open_holdout=request.open_holdout)
    except BaseException as error:
        watch.end(f"failed: {error}")
        raise
    finally:
        progress.finish()
    seconds = (clock.now() - begun) / 1e6
    card = _card(found, check_dataset(dataset), seconds)
    if request.open_holdout:
        card["holdout"]["openings"] = _count_opening(config.home, dataset, clock)
    models = registry(config.home)
    model_id = models.free_id(f"{to_datetime(clock.now()):%Y%m%d-%H%M%S}-{found.model.digest()[:6]}")
    folder = models.save(model_id, found.model, card)
    watch.end("done", model_id)
    return Trained(model_id, folder, found, card)


def _card(found: "Training", data: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    from edgeworth.research.runs import versions

    return {
        **found.card,
        "check": dict(data),
        "scores": [asdict(score) | {"sentence": score.sentence} for score in found.scores],
        "holdout": {"scores": [asdict(score) | {"sentence": score.sentence} for score in found.holdout]},
        "lint": [asdict(line) for line in found.lint],
        "versions": {**versions(), **_libraries()},
        "seconds": seconds,
        "limits": [
            "forecasts are corrections of the market's price; where features are unknown they return to it",
            "scores are against the last price, not against what a trade would have cost",
        ],
    }


def _libraries() -> dict[str, str]:
    from importlib import metadata

    found = {}
    for name in ("xgboost", "xgboost-cpu", "lightgbm"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _count_opening(home: Home, dataset: "Dataset", clock: Clock) -> int:
    from edgeworth.store.ledger_db import Ledger

    with Ledger.open(home, clock=clock) as ledger:
        return ledger.use_holdout("", "train", str(dataset.meta.get("panel", "")), "model scored on the locked rows")


class _Watch:
    """Leave the state of a running training where `train watch` finds it."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._path, self._clock, self._begun = watch_file(home), clock, clock.now()
        self._write({"state": "running", "what": "building rows", "done": 0, "total": 0})

    def step(self, what: str, done: int, total: int) -> None:
        """Say how far it is."""
        self._write({"state": "running", "what": what, "done": done, "total": total})

    def end(self, state: str, model: str = "") -> None:
        """Say how it ended."""
        self._write({"state": state, "what": "", "done": 0, "total": 0, "model": model})

    def _write(self, state: dict[str, Any]) -> None:
        times = {"started": to_iso(self._begun), "updated": to_iso(self._clock.now())}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(state | times), "utf-8")
        temporary.replace(self._path)


def watch_file(home: Home) -> Path:
    """Return the file in which a running training says how far it is."""
    return home.root / "run" / "training.json"


def training_state(home: Home) -> dict[str, Any]:
    """Return the state of the running or last training; raises UsageError unknown-run when there was none."""
    try:
        state: dict[str, Any] = json.loads(watch_file(home).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError("unknown-run", "no training has run in this home", "edgeworth train") from error
    return state


def registry(home: Home) -> "Registry":
    """Return the registry of a home's models."""
    from edgeworth.models.registry import Registry

    return Registry(home.root / "models")


def model_rows(home: Home) -> list[dict[str, Any]]:
    """Return one line per saved model, newest first."""
    return [_row(entry) for entry in registry(home).entries()]


def _row(entry: "Entry") -> dict[str, Any]:
    if "damaged" in entry.card:
        return {"model": entry.model_id, "alias": ", ".join(entry.aliases), "verdict": entry.card["damaged"]}
    best = entry.card["scores"][-1]
    return {
        "model": entry.model_id,
        "alias": ", ".join(entry.aliases),
        "members": ", ".join(entry.card["stack"]["weights"]),
        "rows": entry.card["data"]["rows"],
        "events": best["events"],
        "gain": best["gain"],
        "low": best["gain_low"],
        "high": best["gain_high"],
    }


def promote(home: Home, name: str, condition: str | None) -> dict[str, str]:
    """Make a model champion; raises GateError promotion-refused when `condition` does not hold.

    Conditions: `proven` (its interval lies above 0) and `better` (its gain exceeds the champion's).
    """
    models = registry(home)
    card = models.card(name)
    best = card["scores"][-1]
    if condition == "proven" and not best["gain_low"] > 0:
        raise GateError("promotion-refused", f"not proven: {best['sentence']}")
    if condition == "better" and "champion" in models.aliases():
        champion = models.card("champion")["scores"][-1]
        if not best["gain"] > champion["gain"]:
            words = f"its gain {best['gain']:+.4f} is not above the champion's {champion['gain']:+.4f}"
            raise GateError("promotion-refused", words)
    return models.promote(name)
