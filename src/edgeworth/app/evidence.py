"""Wire the evidence study: worlds examined or taken from the cache, recorded data imported aside, one page written."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeworth import __version__
from edgeworth.core.clock import Clock
from edgeworth.core.config import Config, Settings
from edgeworth.core.errors import AccessError, DataError, UsageError
from edgeworth.core.instants import to_iso
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress

if TYPE_CHECKING:
    from edgeworth.research.study_page import Findings

NAME = "evidence.md"
_PLANS = {
    "null": ("null", "null-free"),
    "power": ("power", "power-locked"),
    "learning": ("learn-null", "learn-walk"),
}
_OF_RECORDED = frozenset({"exhibits", "calibration", "reality", "direction", "scale"})


@dataclass(frozen=True, slots=True)
class Request:
    """What to study: seeds per plan of worlds, sections of the page, a folder of recorded data, worker processes."""

    output: Path
    seeds: int
    sections: tuple[str, ...]
    recorded: Path | None = None
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was written, and the headline shares by name with their exact intervals."""

    files: tuple[Path, ...]
    shares: dict[str, dict[str, Any]]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"files": list(self.files), "shares": self.shares, "seconds": self.seconds}


def parse_sections(text: str) -> tuple[str, ...]:
    """Return the sections named, in the order of the page; raises UsageError `bad-option`."""
    from edgeworth.research.study_page import SECTIONS

    if text.strip() == "all":
        return SECTIONS
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in SECTIONS]
    if unknown or not wanted:
        given = unknown[0] if unknown else text
        raise UsageError(
            "bad-option", f"'{given}' is no section of the evidence", f"there are: {', '.join(SECTIONS)}, or all"
        )
    return tuple(part for part in SECTIONS if part in wanted)


def write_evidence(config: Config, request: Request, progress: Progress, clock: Clock) -> Evidence:
    """Study, then write `evidence.md` and its pictures into the output folder.

    Seeds done before are taken from the cache. The home's own ledger is not touched: every run of the study lives in a
    home of its own. Raises DataError `file-not-found`, AccessError `output-unwritable`.
    """
    from edgeworth.research.study import PLANS, Study
    from edgeworth.research.study_page import Findings, render

    begun = clock.monotonic()
    if request.recorded is not None and not request.recorded.is_dir():
        raise DataError("file-not-found", f"{request.recorded} is not a folder of recorded data")
    # a study is of the shipped settings: a home's own costs or limits would make another page
    settings = Settings()
    study = Study(config.home.cache / "evidence", settings, request.workers)
    plans = [name for section in request.sections for name in _PLANS.get(section, ())]
    worlds = {name: study.run(PLANS[name], _count(name, request.seeds), progress) for name in plans}
    found = Findings(_about(request, settings, clock), request.sections, worlds)
    home: Home | None = None
    refused: list[dict[str, Any]] = []
    if request.recorded is not None and _OF_RECORDED & set(request.sections):
        home, refused = _imported(study.folder, request.recorded, (progress, clock))
    found = replace(found, **_of_home(study.folder, home, request, settings, (progress, clock)))
    if found.reality is not None:
        found = replace(found, reality=[*found.reality, *refused])
    page = render(found)
    files = _write(request.output, page.text, page.pictures)
    return Evidence(files, _shares(found), clock.monotonic() - begun)


def _count(plan: str, seeds: int) -> int:
    """Return how many worlds of a plan to examine: fifty trainings are enough for what they show."""
    from edgeworth.research.study_learning import MOST

    return min(seeds, MOST) if plan in _PLANS["learning"] else seeds


def _about(request: Request, settings: Settings, clock: Clock) -> dict[str, Any]:
    from edgeworth.research.study import code_key
    from edgeworth.research.study_page import SECTIONS, USUAL

    words = ["edgeworth report evidence", f"--seeds {request.seeds}"]
    if request.sections != USUAL:
        words.append("--sections all" if request.sections == SECTIONS else f"--sections {','.join(request.sections)}")
    words += ["--recorded DIR"] if request.recorded is not None else []
    return {
        "date": to_iso(clock.now())[:10],
        "version": __version__,
        "code": code_key(),
        "command": " ".join(words),
        "half_spread": settings.costs.half_spread,
        "bootstraps": settings.proof.bootstraps,
    }


def _shares(found: "Findings") -> dict[str, dict[str, Any]]:
    from edgeworth.research.study_tables import worlds_with_claim

    result = {}
    for name, rows in found.worlds.items():
        if not rows or "rules" not in rows[0]:
            continue
        measured = worlds_with_claim(rows)
        result[name] = {"hits": measured.hits, "n": measured.n, "low": measured.low, "high": measured.high}
    return result


def _imported(folder: Path, source: Path, tools: tuple[Progress, Clock]) -> tuple[Home, list[dict[str, Any]]]:
    """Return a home of its own with the recorded data, imported unless it was, and what the import refused."""
    from edgeworth.collect.importing.pipeline import import_paths

    progress, clock = tools
    files = sorted(path for path in source.rglob("*") if path.is_file())
    names = "\n".join(f"{path.relative_to(source)} {path.stat().st_size}" for path in files)
    home = Home(folder / f"recorded-{hashlib.blake2b(names.encode(), digest_size=8).hexdigest()}")
    report = import_paths([source], home, recorded=True, progress=progress, clock=clock)
    refused = [
        {
            "source": Path(file.path).stem,
            "sample": "none",
            "reason": f"refused at import, `{file.refused}`: {file.message}",
        }
        for file in report.refused
    ]
    return home, refused


def _of_home(
    folder: Path, home: Home | None, request: Request, settings: Settings, tools: tuple[Progress, Clock]
) -> dict[str, Any]:
    """Return what the other sections found; parts that need recorded data are left out without any."""
    from edgeworth.research.direction_study import direction_rows
    from edgeworth.research.reality import reality
    from edgeworth.research.scale_study import Plan, scale
    from edgeworth.research.shuffled_gap import shuffled_gap
    from edgeworth.research.study_exhibits import calibrations, exhibits

    progress, clock = tools
    place = None if home is None else home.root
    work: dict[str, tuple[str, Callable[[], Any]]] = {
        "learning": ("gap", lambda: shuffled_gap().to_rows()),
        "direction": ("directions", lambda: direction_rows(home, progress)),
        "scale": ("scale", lambda: scale(Plan(folder / "scale", place), progress, clock)),
    }
    if home is not None:
        recorded = home
        work["exhibits"] = ("exhibits", lambda: exhibits(_forgetful(recorded), settings, progress))
        work["calibration"] = ("calibrations", lambda: calibrations(recorded, progress))
        work["reality"] = ("reality", lambda: reality(recorded, progress))
    chosen = {section: work[section] for section in request.sections if section in work}
    name = "nothing" if home is None else home.root.name
    return {field: _kept(folder / f"{field}-{name}", build) for field, build in chosen.values()}


def _forgetful(home: Home) -> Home:
    """Forget the trials of an interrupted or earlier study, which would be counted twice."""
    for path in home.root.glob(f"{home.ledger_db.name}*"):
        path.unlink()
    shutil.rmtree(home.runs, ignore_errors=True)
    return home


def _kept(path: Path, build: Callable[[], Any]) -> Any:
    """Return what was built by the same code on the same data, or build and keep it."""
    from edgeworth.research.study import code_key

    cached = path.with_name(f"{path.name}-{code_key()}.json")
    with contextlib.suppress(OSError, ValueError):
        return json.loads(cached.read_text("utf-8"))
    result = build()
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(json.dumps(result, sort_keys=True), "utf-8")
    return result


def _write(folder: Path, text: str, pictures: dict[str, str]) -> tuple[Path, ...]:
    from edgeworth.research.study_page import FOLDER

    beside = folder / FOLDER
    contents = {folder / NAME: text} | {beside / f"{name}.svg": picture for name, picture in sorted(pictures.items())}
    try:
        beside.mkdir(parents=True, exist_ok=True)
        for old in set(beside.glob("*.svg")) - set(contents):
            old.unlink()
        for path, content in contents.items():
            temporary = path.with_name(f"{path.name}.tmp")
            temporary.write_text(content, "utf-8")
            temporary.replace(path)
    except OSError as error:
        code = "disk-full" if error.errno == 28 else "output-unwritable"
        raise AccessError(code, f"cannot write to {folder}: {error.strerror or error}") from error
    return tuple(contents)
