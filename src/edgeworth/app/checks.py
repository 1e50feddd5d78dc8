"""What `doctor` looks at: each check is a small function that says ok, warn or fail, and what to do."""

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from edgeworth.core.config import Config
from edgeworth.core.errors import EdgeworthError
from edgeworth.core.paths import Home

Status = Literal["ok", "warn", "fail"]
_CORE = ("polars", "numpy", "numba", "scipy", "sqlalchemy", "pydantic", "click", "matplotlib")
_LOW_DISK, _NO_DISK = 5 * 10**9, 200 * 10**6


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; `fix` is empty when there is nothing to do."""

    name: str
    status: Status
    finding: str
    fix: str = ""


def run_checks(config: Config) -> list[Check]:
    """Run every check; none of them changes anything but a probe file in the home."""
    checks: list[Callable[[Config], Check]] = [
        _python, _libraries, _home, _disk, _settings, _database, _lake, _numeric_environment, _commit,
    ]  # fmt: skip
    return [check(config) for check in checks]


def as_rows(checks: list[Check]) -> list[dict[str, str]]:
    """Return the checks as JSON-ready rows."""
    return [asdict(check) for check in checks]


def _python(config: Config) -> Check:  # noqa: ARG001
    return Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _libraries(config: Config) -> Check:  # noqa: ARG001
    missing = []
    for name in _CORE:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("libraries", "fail", f"missing: {', '.join(missing)}", "install edgeworth again")
    return Check("libraries", "ok", ", ".join(f"{name} {metadata.version(name)}" for name in _CORE[:4]))


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _home(config: Config) -> Check:
    root = config.home.root
    probe = _existing(root)
    if not probe.is_dir() or not os.access(probe, os.W_OK):
        return Check("home", "fail", f"{root} cannot be written", "set EDGEWORTH_HOME to a folder you own")
    state = "exists" if root.exists() else "will be created"
    return Check("home", "ok", f"{root} ({state})")


def _disk(config: Config) -> Check:
    free = shutil.disk_usage(_existing(config.home.root)).free
    finding = f"{free / 1e9:,.1f} GB free"
    if free < _NO_DISK:
        return Check("disk", "fail", finding, "free space before importing or collecting")
    if free < _LOW_DISK:
        return Check("disk", "warn", finding, "a long collection needs more")
    return Check("disk", "ok", finding)


def _settings(config: Config) -> Check:
    changed = sum(1 for origin in config.origins.values() if origin != "default")
    place = str(config.file) if config.file else "no file, defaults"
    return Check("settings", "ok", f"{place}; {changed} of {len(config.origins)} settings changed")


def _database(config: Config) -> Check:
    path = config.home.market_db
    if config.home.market_url:
        return _server(config)
    if not path.exists():
        return Check("database", "ok", "none yet", "edgeworth demo, or edgeworth data import PATH")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            verdict = connection.execute("pragma quick_check").fetchone()[0]
            markets = connection.execute("select count(*) from markets").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        return Check("database", "fail", f"{path.name}: {error}", "restore a backup, or import again")
    if verdict != "ok":
        return Check("database", "fail", f"{path.name}: {verdict}", "restore a backup, or import again")
    return Check("database", "ok", f"{markets:,} markets in {path.name}")


def _server(config: Config) -> Check:
    from edgeworth.store.frames import read_tables

    place = config.home.market_url.split("@")[-1]
    try:
        markets = read_tables(config.home, {"markets": ("market_no",)})["markets"].height
    except EdgeworthError as error:
        if error.code == "store-empty":
            return Check("database", "ok", f"{place}: empty", "edgeworth data import PATH")
        return Check("database", "fail", error.message, error.hint)
    return Check("database", "ok", f"{markets:,} markets at {place}")


def _lake(config: Config) -> Check:
    from edgeworth.store.lake import Lake

    if not config.home.lake.exists():
        return Check("lake", "ok", "none yet")
    problems = Lake(config.home.lake).verify()
    if problems:
        return Check("lake", "fail", f"{len(problems)} files differ from their checksum", "edgeworth data verify")
    return Check("lake", "ok", "all files match their checksums")


def _numeric_environment(config: Config) -> Check:  # noqa: ARG001
    policy = os.environ.get("OMP_WAIT_POLICY", "")  # noqa: TID251  (the check is about this very variable)
    if policy.upper() != "PASSIVE":
        return Check("threads", "warn", f"OMP_WAIT_POLICY is '{policy}'", "unset it: edgeworth sets PASSIVE")
    return Check("threads", "ok", f"{os.cpu_count()} cores, passive waiting")


def _commit(config: Config) -> Check:
    """Commit one row durably in the home, as the ledger does before it acts."""
    from edgeworth.core.clock import SystemClock

    if not config.home.root.exists():
        return Check("commit", "ok", "not measured: no home yet")
    clock, path = SystemClock(), config.home.root / ".doctor-probe.db"
    try:
        connection = sqlite3.connect(path)
        try:
            connection.execute("pragma synchronous = full")
            connection.execute("create table probe (x)")
            start = clock.monotonic()
            connection.execute("insert into probe values (1)")
            connection.commit()
            elapsed = 1000 * (clock.monotonic() - start)
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Check("commit", "fail", str(error), "check the file system of the home")
    finally:
        for leftover in Home(config.home.root).root.glob(".doctor-probe.db*"):
            leftover.unlink(missing_ok=True)
    status: Status = "ok" if elapsed < 100 else "warn"
    return Check(
        "commit", status, f"{elapsed:.1f} ms for a durable commit", "" if status == "ok" else "a local disk is faster"
    )
