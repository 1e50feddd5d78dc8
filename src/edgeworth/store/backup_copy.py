"""The steps of a backup that every kind of home shares: pin one instant, link parts, copy databases page by page."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgeworth.core.clock import Clock
from edgeworth.core.errors import DataError
from edgeworth.core.instants import to_iso
from edgeworth.core.paths import Home
from edgeworth.core.units import Micros
from edgeworth.store import manifest as manifests
from edgeworth.store.durable import Hook, make_folder
from edgeworth.store.engines import database_error, read_sqlite
from edgeworth.store.manifest import Manifest


@dataclass(slots=True)
class Backup:
    """What was written: the folder, the instant it shows, bytes, and how many parts were linked or copied."""

    folder: Path
    taken_at: int
    databases: list[str] = field(default_factory=list)
    parts: int = 0
    linked: int = 0
    bytes: int = 0
    checksums: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready facts."""
        return {**asdict(self), "folder": str(self.folder), "taken_at": to_iso(Micros(self.taken_at))}


@dataclass(frozen=True, slots=True)
class Instant:
    """What belongs to one instant: pinned databases by file name, and the manifests of all datasets."""

    taken_at: int
    connections: dict[str, sqlite3.Connection]
    datasets: list[Manifest]


def pin(home: Home, clock: Clock, stack: contextlib.ExitStack) -> Instant:
    """Pin the databases in the home and read the manifests; the caller holds the lake's lock."""
    connections = {}
    paths = (home.ledger_db,) if home.market_url else (home.market_db, home.ledger_db)
    for path in paths:
        if path.is_file():
            connections[path.name] = _pinned(stack.enter_context(contextlib.closing(read_sqlite(path))))
    found = sorted(home.lake.glob(f"*/{manifests.FILE}"))
    return Instant(clock.now(), connections, [manifests.read(path.parent, path.parent.name) for path in found])


def copy_files(home: Home, target: Path, instant: Instant, hook: Hook) -> Backup:
    """Copy parts and pinned databases."""
    report = Backup(target, instant.taken_at)
    for manifest in instant.datasets:
        _copy_dataset(home.lake, target / "lake", manifest, report)
    hook("backup-lake")
    for name, connection in instant.connections.items():
        _copy_database(connection, target / name)
        note_database(report, target / name)
    return report


def note_database(report: Backup, path: Path) -> None:
    """Add a finished database file to the report."""
    sync_file(path)
    report.databases.append(path.name)
    report.checksums[path.name] = sha256(path)
    report.bytes += path.stat().st_size


def _pinned(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.isolation_level = None
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot begins with the first read
    return connection


def _copy_dataset(source: Path, target: Path, manifest: Manifest, report: Backup) -> None:
    folder = target / manifest.dataset
    make_folder(folder)
    for part in manifest.parts:
        original = source / manifest.dataset / part.name
        try:
            report.linked += _link(original, folder / part.name)
        except FileNotFoundError as error:
            raise DataError("lake-part-missing", f"{original} is in the manifest but not on disk") from error
        report.parts += 1
        report.bytes += part.bytes
    manifests.write(folder, manifest)


def _link(original: Path, copy: Path) -> bool:
    """Link where the file system can, else copy durably; tell which."""
    try:
        os.link(original, copy)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(original, copy)
        sync_file(copy)
        return False
    return True


def _copy_database(connection: sqlite3.Connection, path: Path) -> None:
    try:
        path.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(path)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, no log beside it
    except sqlite3.Error as error:
        raise database_error(error, str(path)) from error


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
