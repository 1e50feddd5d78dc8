"""A consistent copy of a home, taken while others write, verified before it counts.

One instant is fixed first: under the lake's lock (so no part can be added) the manifests are read and both databases'
read snapshots are pinned. Rows on their way from the database to the lake are then in at least one of the two, and no
price can belong to a market that the copied database does not know. Copying follows without any lock: parts never
change and are linked (or copied, on another file system), databases go page by page through SQLite's own backup.
A market database on a server is read in one REPEATABLE READ transaction and written as a file (`backup_server`).
The copy is written beside its final name and renamed at the end: it is whole, or not there. It is a home of its own.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from edgeworth.core.clock import Clock
from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.instants import to_iso
from edgeworth.core.paths import Home
from edgeworth.core.units import Micros
from edgeworth.store.backup_copy import Backup, Instant, copy_files, pin, sha256, sync_file
from edgeworth.store.durable import Hook, locked, make_folder, silent, sync_folder
from edgeworth.store.engines import storage_error

REPORT: Final = "backup.json"
_PARTIAL: Final = ".partial"
_BESIDES: Final = ("runs", "models", "signals")  # small folders that are copied as they stand


def default_folder(home: Home, now: int) -> Path:
    """Return `<home>/backups/<instant>`."""
    return home.root / "backups" / to_iso(Micros(now)).split(".", maxsplit=1)[0].rstrip("Z").replace(":", "")


def backup(home: Home, folder: Path, clock: Clock, hook: Hook = silent) -> Backup:
    """Copy the home's databases, lake, settings and runs into `folder`, which must not exist, and verify the copy.

    Raises UsageError file-exists, DataError store-empty | store-corrupt | manifest-corrupt | lake-part-missing,
    AccessError home-unwritable | disk-full.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("file-exists", f"{folder} exists already and is not empty")
    partial = folder.with_name(folder.name + _PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)  # what a stopped backup left
        make_folder(partial)
        report = _write(home, partial, clock, hook)
        _verify(partial, report)
        hook("backup-verified")
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, folder) from error
    hook("backup-renamed")
    report.folder = folder
    return report


def _write(home: Home, target: Path, clock: Clock, hook: Hook) -> Backup:
    if home.market_url:
        from edgeworth.store.backup_server import copy_with_server
        from edgeworth.store.frames import run_sync

        report = run_sync(copy_with_server(home, target, clock, hook))
    else:
        with frozen(home, clock) as instant:
            report = copy_files(home, target, instant, hook)
    hook("backup-databases")
    if home.config.is_file():
        shutil.copy2(home.config, target / home.config.name)
    for name in _BESIDES:
        if (home.root / name).is_dir():
            shutil.copytree(home.root / name, target / name)
    _write_report(target, report)
    return report


@contextlib.contextmanager
def frozen(home: Home, clock: Clock) -> Iterator[Instant]:
    """Fix one instant: read snapshots of the databases in the home and the manifests that belong to it."""
    with contextlib.ExitStack() as stack:
        with locked(home.lake / ".lock"):
            instant = pin(home, clock, stack)
        if not home.market_url and home.market_db.name not in instant.connections:
            raise DataError("store-empty", f"there is no data in {home.root}")
        yield instant


def _verify(folder: Path, report: Backup) -> None:
    """Read the whole copy back: database checks, foreign keys, every part against its checksum."""
    from edgeworth.store.lake import Lake
    from edgeworth.store.verify import check_databases

    home = Home(folder)
    problems = [*check_databases(home), *Lake(home.lake).verify()]
    for name, expected in report.checksums.items():
        if sha256(folder / name) != expected:
            problems.append(_changed(folder / name))
    if problems:
        raise DataError("store-corrupt", f"the copy is not sound: {problems[0].place}: {problems[0].message}")


def _changed(path: Path) -> Any:
    from edgeworth.store.lake import Problem

    return Problem("store-corrupt", str(path), "changed while it was verified")


def _write_report(target: Path, report: Backup) -> None:
    path = target / REPORT
    facts = {**report.to_dict(), "folder": "."}
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    sync_file(path)
