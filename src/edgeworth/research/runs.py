"""Run folders: `runs/<id>/` appears whole or not at all, and is found again by id, beginning of an id, or `last`."""

import contextlib
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Container
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgeworth.core.errors import AccessError, DataError, UsageError
from edgeworth.core.instants import to_datetime
from edgeworth.core.paths import Home
from edgeworth.core.units import Micros

METRICS, CONFIG, TRADES, EQUITY = "metrics.json", "config.json", "trades.parquet", "equity.parquet"
_PACKAGES = ("edgeworth", "numpy", "scipy", "polars", "numba", "matplotlib")


def new_id(home: Home, created_at: int, content: dict[str, Any], taken: Container[str] = ()) -> str:
    """Return an id that sorts by time and differs between requests; a taken one (folder or ledger) gets a number."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:4]
    base = f"{to_datetime(Micros(created_at)):%Y%m%d-%H%M%S}-{digest}"
    name, number = base, 1
    while (home.runs / name).exists() or name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def write_run(home: Home, run_id: str, fill: Callable[[Path], None]) -> Path:
    """Let `fill` write into a temporary folder, then give it its name; raises AccessError `home-unwritable`."""
    final = home.runs / run_id
    temporary = home.runs / f".{run_id}.{os.getpid()}.tmp"
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        temporary.rename(final)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        code = "disk-full" if error.errno == 28 else "home-unwritable"
        raise AccessError(code, f"cannot write {final}: {error.strerror or error}") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return final


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write sorted, indented JSON and let it reach the disk."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
        file.write("\n")
        file.flush()
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())


def read_json(path: Path) -> dict[str, Any]:
    """Read JSON of a run; raises DataError `report-unreadable`."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError("report-unreadable", f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise DataError("report-unreadable", f"{path}: not an object")
    return content


def list_runs(home: Home) -> list[str]:
    """Return the ids of complete runs, oldest first."""
    if not home.runs.is_dir():
        return []
    found = [path for path in home.runs.iterdir() if (path / METRICS).is_file() and not path.name.startswith(".")]
    return sorted(path.name for path in found)


def find_run(home: Home, text: str) -> Path:
    """Return a run's folder by id, unique beginning (of the id or of its last part), `last`, or path.

    Raises UsageError `unknown-run`.
    """
    folder = Path(text)
    if (folder / METRICS).is_file():
        return folder
    names = list_runs(home)
    if text == "last" and names:
        return home.runs / names[-1]
    exact = [name for name in names if name == text]
    found = exact or [name for name in names if name.startswith(text) or name.partition("-")[2].endswith(text)]
    if len(found) == 1 and text:
        return home.runs / found[0]
    how = "several runs begin" if len(found) > 1 else "no run begins"
    raise UsageError("unknown-run", f"{how} with '{text}'" if names else "there is no run yet")


def versions() -> dict[str, str]:
    """Return the versions a result may depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
