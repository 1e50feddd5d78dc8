"""The graveyard: every strategy ever tried in a home, with what became of it; the failed ones too."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.research import runs, wording
from edgeworth.research.types import plain
from edgeworth.store.ledger_db import Ledger, Trial


@dataclass(frozen=True, slots=True)
class Return:
    """A return on cost with its event-block interval, None where none exists; the run it comes from."""

    roi: float | None
    low: float | None
    high: float | None
    events: int
    run_id: str


@dataclass(frozen=True, slots=True)
class Grave:
    """One strategy: `trials` evaluations (`failed` of them), `variants` distinct parameter sets, on `data_sets` panels.

    `verdict` is the last one; `best` and `latest` come from runs whose folder still exists, among all variants judged.
    `first`, `last`: microseconds. `run_ids`: oldest first, also of runs that failed or were removed.
    """

    strategy: str
    trials: int
    failed: int
    variants: int
    data_sets: int
    first: int
    last: int
    verdict: str | None
    latest: Return | None
    best: Return | None
    run_ids: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return plain(asdict(self))


def graveyard(home: Home) -> list[Grave]:
    """Return every strategy in the ledger, the most tried first; empty when nothing was ever tried."""
    if not home.ledger_db.is_file():
        return []
    with Ledger.open(home) as ledger:
        trials = ledger.trials()
    by_name: dict[str, list[Trial]] = {}
    for trial in trials:
        by_name.setdefault(trial.strategy, []).append(trial)
    judged = _judged(home, dict.fromkeys(trial.run_id for trial in trials))
    graves = [_grave(name, mine, judged) for name, mine in by_name.items()]
    return sorted(graves, key=lambda grave: (-grave.trials, grave.strategy))


def _judged(home: Home, run_ids: dict[str, None]) -> dict[str, list[dict[str, Any]]]:
    """Return results and variants by run, of the runs that can still be read."""
    found = {}
    for run_id in run_ids:
        path = home.runs / run_id / runs.METRICS
        if not path.is_file():
            continue
        try:
            metrics = runs.read_json(path)
            found[run_id] = [*metrics["results"], *metrics["variants"]]
        except (DataError, KeyError, TypeError):
            continue  # a damaged run is still counted by its trials
    return found


def _grave(name: str, trials: Sequence[Trial], judged: dict[str, list[dict[str, Any]]]) -> Grave:
    run_ids = tuple(dict.fromkeys(trial.run_id for trial in trials))
    returns: list[tuple[Return, str]] = []
    for run_id in run_ids:
        for item in judged.get(run_id, ()):
            if _family(item["strategy"]) == name:
                verdict = item["verdict"]
                roi = Return(verdict["roi"], verdict["roi_low"], verdict["roi_high"], verdict["events"], run_id)
                returns.append((roi, verdict["outcome"]))
    known = [value for value, _ in returns if value.roi is not None]
    last_run = [pair for pair in returns if pair[0].run_id == returns[-1][0].run_id] if returns else []
    return Grave(
        strategy=name,
        trials=len(trials),
        failed=sum(trial.status != "done" for trial in trials),
        variants=len({trial.params_hash for trial in trials}),
        data_sets=len({trial.data for trial in trials}),
        first=min(trial.created_at for trial in trials),
        last=max(trial.created_at for trial in trials),
        # the first of a run is the one judged in full, the variants of a sweep follow
        verdict=last_run[0][1] if last_run else None,
        latest=last_run[0][0] if last_run else None,
        best=max(known, key=lambda value: value.roi or 0.0) if known else None,
        run_ids=run_ids,
    )


def _family(label: str) -> str:
    """Return the name before the parameters, as in `fade-high threshold=0.8`."""
    return label.partition(" ")[0]


def to_markdown(graves: Sequence[Grave]) -> str:
    """Return the graveyard as a Markdown table."""
    lines = ["# Everything ever tried here", ""]
    lines += ["| strategy | trials | failed | variants | last verdict | latest return | best return | first | last |"]
    lines += ["|---|---:|---:|---:|---|---|---|---|---|"]
    for grave in graves:
        cells = [wording.cell(grave.strategy), str(grave.trials), str(grave.failed), str(grave.variants)]
        cells += [grave.verdict or wording.NONE, written(grave.latest), written(grave.best)]
        lines.append(f"| {' | '.join([*cells, wording.instant(grave.first), wording.instant(grave.last)])} |")
    return "\n".join([*lines, ""])


def written(value: Return | None) -> str:
    """Write a return with its interval."""
    if value is None or value.roi is None:
        return wording.NONE
    return f"{wording.change(value.roi)} {wording.span(value.low, value.high)}"
