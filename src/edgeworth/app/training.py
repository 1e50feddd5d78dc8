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
    from edgeworth.features.providers import Bundle
    from edgeworth.models.registry import Entry, Registry
    from edgeworth.research.dataset import Combined, Dataset, Plan
    from edgeworth.research.training import Training


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Which rows to build; see `edgeworth train data --help`. Dates are text, `folder` an existing dataset.

    `columns` are keys of `app.columns`, `features` is `default`, `full` or names.
    """

    folder: Path | None = None
    sample: str = ""
    time_points: tuple[float, ...] = ()
    start: str | None = None
    end: str | None = None
    categories: tuple[str, ...] = ()
    source: str | None = None
    columns: tuple[str, ...] = ()
    features: str = ""
    min_volume: float | None = None


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """How to train; see `edgeworth train --help`."""

    data: DataRequest
    models: tuple[str, ...]
    cv: str
    holdout: float
    open_holdout: bool = False
    tune: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """A training with the id and folder it was saved under."""

    model_id: str
    folder: Path
    training: "Training"
    card: dict[str, Any]
    mlflow: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"model": self.model_id, "folder": self.folder, "card": self.card, "mlflow": self.mlflow}


def make_dataset(config: Config, request: DataRequest, clock: Clock) -> "Dataset":
    """Build or read the rows a request names; raises what the store and `research.dataset` raise.

    What was built is kept in the cache under the digest of its inputs, for the next training.
    """
    from edgeworth.research.dataset import build, read_dataset

    if request.folder is not None:
        return read_dataset(request.folder)
    need_data(config.home)
    from edgeworth.app.columns import Shelf
    from edgeworth.store.asof import load_panel

    plan = _plan(request, clock)
    panel, outcomes = load_panel(config.home, source=request.source)
    shelf = Shelf(config.home, request.source)
    extra = shelf.columns(plan.providers) if plan.providers else None
    flow = shelf.flow() if plan.min_volume is not None else None
    stamps = (extra.stamp if extra else "", flow.stamp if flow else "")
    kept = _cached(config.home, (panel.fingerprint, *stamps), outcomes, (plan, extra))
    if kept.is_dir():
        return read_dataset(kept)
    threads = max(1, config.settings.run.threads)
    dataset = build(panel, outcomes, plan, extra, flow.volume if flow else None, threads)
    _keep(kept, dataset)
    return dataset


def _plan(request: DataRequest, clock: Clock) -> "Plan":
    from edgeworth.app.columns import parse_keys
    from edgeworth.research.dataset import TIME_POINTS, Plan, parse_features

    start, end = bounds(request.start, request.end, clock.now())
    if request.sample and request.time_points:
        raise UsageError("bad-option", "give --sample or --time-points, not both")
    return Plan(
        request.sample, request.time_points or TIME_POINTS, start, end, request.categories,
        parse_features(request.features), parse_keys(request.columns), request.min_volume,
    )  # fmt: skip


def _cached(home: Home, data: tuple[str, ...], outcomes: Any, how: "tuple[Plan, Bundle | None]") -> Path:
    import hashlib

    import numpy as np

    from edgeworth.research.dataset import features_digest

    plan, extra = how
    words = json.dumps([data, plan.to_dict(), features_digest(plan.features, extra)], sort_keys=True)
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
    from edgeworth.app.train_records import Books, choose_threads, study_file
    from edgeworth.research import training
    from edgeworth.research.tracking import finite

    kinds = request.models or training.LEARNERS
    training.check(training.Options(kinds, request.cv, tune=request.tune))
    dataset = make_dataset(config, request.data, clock)
    probe = choose_threads(config, dataset, clock)
    seed = config.settings.run.seed
    options = training.Options(kinds, request.cv, seed, request.holdout, probe.threads, tune=request.tune)
    books = Books(config, dataset, options, clock)
    watch = _Watch(config.home, clock, progress)
    search = training.Search(study_file(books.folder), books.count)
    books.open()
    try:
        found = training.train(dataset, options, watch.step, open_holdout=request.open_holdout, search=search)
        seconds = (clock.now() - books.begun) / 1e6
        card = _card(found, check_dataset(dataset), {"seconds": seconds, "threads": probe.to_dict()}, books.versions)
        models = registry(config.home)
        model_id = models.free_id(f"{to_datetime(clock.now()):%Y%m%d-%H%M%S}-{found.model.digest()[:6]}")
        card["holdout"]["openings"] = books.openings(bool(found.holdout))
        card["trials"] = {name: number + len(found.scores) for name, number in books.tried().items()}
        card["run"] = {"id": books.run_id, "folder": books.folder.name}
        card = finite(card)
        folder = models.save(model_id, found.model, card)
        tracked = books.done(found, card, model_id)
    except BaseException as error:
        # the edge of the training: whatever stopped it, the books say that it was tried
        books.failed(error)
        watch.end(f"failed: {error}")
        raise
    finally:
        books.close()
        progress.finish()
    watch.end("done", model_id)
    return Trained(model_id, folder, found, card, tracked)


def _card(
    found: "Training", data: Mapping[str, Any], how: Mapping[str, Any], versions: Mapping[str, str]
) -> dict[str, Any]:
    return {
        **found.card,
        "check": dict(data),
        "scores": [asdict(score) | {"sentence": score.sentence} for score in found.scores],
        "holdout": {"scores": [asdict(score) | {"sentence": score.sentence} for score in found.holdout]},
        "lint": [asdict(line) for line in found.lint],
        "versions": dict(versions),
        **how,
        "limits": [
            "forecasts are corrections of the market's price; where features are unknown they return to it",
            "scores are against the last price, not against what a trade would have cost",
            "intervals count events as independent; events that share a cause are fewer than they look",
            *(["settings were chosen on earlier rows; only later ones are scored"] if found.card["tuning"] else []),
        ],
    }


class _Watch:
    """Leave the state of a running training where `train watch` finds it."""

    def __init__(self, home: Home, clock: Clock, progress: Progress) -> None:
        self._path, self._clock, self._begun = watch_file(home), clock, clock.now()
        self._progress, self._shown = progress, -1
        self._write({"state": "running", "what": "building rows", "done": 0, "total": 0})

    def step(self, what: str, done: int, total: int) -> None:
        """Say how far it is."""
        if self._shown < 0:
            self._progress.start("training", total, "steps")
            self._shown = 0
        if done > self._shown:
            self._progress.advance(done - self._shown)
            self._shown = done
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


def aliases_of(home: Home, model_id: str) -> list[str]:
    """Return the aliases that name a model."""
    return [alias for alias, named in registry(home).aliases().items() if named == model_id]


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
