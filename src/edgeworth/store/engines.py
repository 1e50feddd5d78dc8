"""Open databases the one safe way, and turn driver errors into ours.

SQLite: WAL, synchronous=FULL, foreign keys, `BEGIN IMMEDIATE` for writers (so a lock is refused at once, never in the
middle of a transaction), plain `BEGIN` for readers. Files are created with their mode before the driver sees them.
"""

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote

from edgeworth.core.errors import AccessError, DataError, EdgeworthError, UsageError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

BUSY_SECONDS = 5.0
POOL_SIZE = 5
READERS = 4  # threads that read a file at the same time
T = TypeVar("T")


def prepare_home(root: Path) -> None:
    """Create the home with mode 0700; raises AccessError home-unwritable | disk-full."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, root) from error


def prepare_file(path: Path, mode: int) -> None:
    """Create an empty database file with its mode, if there is none yet."""
    prepare_home(path.parent)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, mode))
    except OSError as error:
        raise storage_error(error, path) from error


def storage_error(error: OSError, path: Path) -> EdgeworthError:
    """Translate an OSError met while writing under the home."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return AccessError("disk-full", f"no space left while writing {path}", path=str(path))
    return AccessError("home-unwritable", f"{path}: {error.strerror or error}", path=str(path))


class Database(Protocol):
    """Run functions on a connection, each in a transaction of its own."""

    async def read(self, work: "Callable[[Connection], T]") -> T:
        """Run a reading function."""

    async def write(self, work: "Callable[[Connection], T]") -> T:
        """Run a writing function; its changes are durable when this returns."""

    async def close(self) -> None:
        """Release the connections."""


class FileDatabase:
    """A file: a transaction is one visit to a worker thread, however many statements it has; one writes at a time.

    A visit that began is finished even when its caller is cancelled, so no transaction is ever left half done.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        from concurrent.futures import ThreadPoolExecutor

        from sqlalchemy import create_engine

        self._engine = create_engine(f"sqlite+pysqlite:///{sqlite_name(path, read_only=read_only)}")
        listen(self._engine, read_only=read_only)
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")

    async def read(self, work: "Callable[[Connection], T]") -> T:
        """Run a reading function."""

        def visit() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        return await _visit(self._readers, visit)

    async def write(self, work: "Callable[[Connection], T]") -> T:
        """Run a writing function; its changes are durable when this returns."""

        def visit() -> T:
            with self._engine.connect().execution_options(write=True) as connection, connection.begin():
                return work(connection)

        return await _visit(self._writer, visit)

    async def close(self) -> None:
        """Release the connections."""
        await _visit(self._writer, self._engine.dispose)
        for pool in (self._writer, self._readers):
            pool.shutdown(wait=False)


async def _visit(pool: "Executor", call: "Callable[[], T]") -> T:
    import asyncio

    visit = asyncio.get_running_loop().run_in_executor(pool, call)
    try:
        return await asyncio.shield(visit)
    except asyncio.CancelledError:
        await asyncio.wait({visit})
        if not visit.cancelled():
            visit.exception()  # seen: nobody else will ask
        raise


class ServerDatabase:
    """A PostgreSQL server, over asyncpg."""

    def __init__(self, url: str) -> None:
        self._engine = server_engine(url)

    async def read(self, work: "Callable[[Connection], T]") -> T:
        """Run a reading function."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(work)

    async def write(self, work: "Callable[[Connection], T]") -> T:
        """Run a writing function; its changes are durable when this returns."""
        async with self._engine.connect() as connection, connection.begin():
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Release the connections."""
        await self._engine.dispose()


def server_engine(url: str) -> "AsyncEngine":
    """Return an engine over a PostgreSQL server, with a pool that notices dead connections.

    Raises UsageError extra-missing without the driver.
    """
    from importlib.util import find_spec

    from sqlalchemy import make_url
    from sqlalchemy.ext.asyncio import create_async_engine

    if find_spec("asyncpg") is None:
        raise UsageError("extra-missing", "PostgreSQL needs asyncpg", "pip install 'edgeworth[postgres]'")
    plain = make_url(url).set(drivername="postgresql+asyncpg")
    return create_async_engine(plain, pool_size=POOL_SIZE, pool_pre_ping=True, connect_args={"timeout": 10})


def listen(engine: "Engine", *, read_only: bool) -> None:
    """Attach SQLite's settings to an engine; other databases are left alone."""
    from sqlalchemy import event

    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # we say BEGIN ourselves, so that DDL is transactional too
        cursor = dbapi.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


class Translated:
    """Turn SQLAlchemy and SQLite errors inside a `with` block into ours; others pass.

    A class, because a generator would cost the way of an order to the wire several microseconds at every statement.
    """

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise in the place of what was raised inside."""
        if error is None:
            return
        from sqlalchemy.exc import DBAPIError

        if isinstance(error, DBAPIError):
            raise database_error(error.orig or error, self._place) from error
        if isinstance(error, sqlite3.Error):
            raise database_error(error, self._place) from error
        if isinstance(error, ConnectionError | TimeoutError):  # asyncpg lets them pass as they are
            words = f"no answer from the database server at {self._place}: {error}"
            raise DataError("store-unreachable", words) from error


def database_error(error: BaseException, place: str) -> BaseException:
    """Return the error to raise for a driver's error; unknown ones come back unchanged."""
    text = str(error).lower()
    if "locked" in text or "busy" in text:
        return DataError("store-locked", f"{place} is locked by another process")
    if "full" in text:
        return AccessError("disk-full", f"no space left while writing {place}")
    if "readonly" in text or "unable to open" in text or "permission" in text:
        return AccessError("home-unwritable", f"{place}: {error}")
    if "malformed" in text or "not a database" in text or "disk i/o" in text:
        return DataError("store-corrupt", f"{place}: {error}")
    return error


def sqlite_name(path: Path, *, read_only: bool) -> str:
    """Return what stands after `sqlite:///`: a path, or for readers a URI that never creates or changes a file."""
    return f"{_read_uri(path)}&uri=true" if read_only else str(path)


def _read_uri(path: Path) -> str:
    # A WAL database in a folder that cannot be written has no room for its shared memory: then nobody else writes it
    # either, as long as no log lies beside it.
    log = path.with_name(f"{path.name}-wal")
    frozen = (
        not os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids) and not log.exists()
    )
    return f"file:{quote(str(path.absolute()))}?{'immutable=1' if frozen else 'mode=ro'}"


def read_sqlite(path: Path) -> sqlite3.Connection:
    """Open a database read-only with the standard library; raises DataError store-empty when there is none."""
    if not path.is_file():
        raise DataError("store-empty", f"there is no database at {path}")
    try:
        connection = sqlite3.connect(_read_uri(path), uri=True, timeout=BUSY_SECONDS)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise database_error(error, str(path)) from error
    return connection
