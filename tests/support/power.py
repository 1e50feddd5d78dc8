"""A disk that loses power: writes are certain only once synced; at a cut each other one survives, vanishes or is torn.

`Disk` is a SQLite file system in memory (an APSW VFS), `engine` a SQLAlchemy engine whose SQLite lies on it, with the
same settings, statements and migrations as any other. WAL needs no shared memory there because the file is opened
exclusively.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import apsw
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from edgeworth.store import engines

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

SECTOR = 512
_names = itertools.count()


class PowerCut(Exception):
    """The machine is off."""


class _File:
    """The bytes a program sees, the bytes on the platter, and what was written between two syncs."""

    def __init__(self, content: bytes = b"") -> None:
        self.seen = bytearray(content)
        self.safe = bytearray(content)
        self.pending: list[tuple[int, bytes | None]] = []  # (offset, bytes), or (size, None) for a truncation


class Disk(apsw.VFS):
    """Files by name; after `fuse` more operations the power fails."""

    def __init__(self, files: dict[str, bytes], draw: "Generator", fuse: int | None = None) -> None:
        self.label = f"power{next(_names)}"
        self.files = {name: _File(content) for name, content in files.items()}
        self.draw, self.fuse, self.operations = draw, fuse, 0
        super().__init__(self.label, base="")

    def step(self) -> None:
        """Count one operation that changes the disk; raises PowerCut when it is the last."""
        self.operations += 1
        if self.fuse is not None and self.operations > self.fuse:
            raise PowerCut

    def platter(self) -> dict[str, bytes]:
        """Return what is found after the power failed: unsynced writes survive, vanish or are torn, in any mixture."""
        return {name: bytes(self._settled(file)) for name, file in self.files.items()}

    def _settled(self, file: _File) -> bytearray:
        content = bytearray(file.safe)
        for place, data in file.pending:
            fate = int(self.draw.integers(0, 3))
            if fate == 0:
                continue
            if data is None:
                del content[place:]
                continue
            kept = data
            if fate == 2 and len(data) > SECTOR:
                kept = data[: SECTOR * int(self.draw.integers(1, len(data) // SECTOR + 1))]
            content.extend(bytes(max(0, place + len(kept) - len(content))))
            content[place : place + len(kept)] = kept
        return content

    def xOpen(self, name: Any, flags: list[int]) -> "_Handle":  # noqa: N802  (SQLite's names)
        text = name if isinstance(name, str) else (name.filename() if name else f"temporary-{next(_names)}")
        return _Handle(self, self.files.setdefault(text.lstrip("/"), _File()))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.step()
        self.files.pop(filename.lstrip("/"), None)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return pathname.lstrip("/") in self.files

    def xFullPathname(self, filename: str) -> str:  # noqa: N802
        return "/" + filename.lstrip("/")


class _Handle:
    """One open file."""

    def __init__(self, disk: Disk, file: _File) -> None:
        self.disk, self.file = disk, file

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self.file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.step()
        data = bytes(data)
        self.file.pending.append((offset, data))
        self.file.seen.extend(bytes(max(0, offset + len(data) - len(self.file.seen))))
        self.file.seen[offset : offset + len(data)] = data

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.disk.step()
        self.file.pending.append((size, None))
        del self.file.seen[size:]

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.step()
        self.file.safe = bytearray(self.file.seen)
        self.file.pending.clear()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self.file.seen)

    def xClose(self) -> None:  # noqa: N802
        """Nothing to do: closing makes nothing durable."""

    def xLock(self, level: int) -> None:  # noqa: N802
        """Nobody else is there."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """Nobody else is there."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0


class _Cursor:
    """The part of a DB-API cursor that SQLAlchemy uses, over an APSW one."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection, self._cursor = connection, connection.cursor()
        self.description: Any = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: Any = ()) -> "_Cursor":
        self.description = None
        self._cursor.exec_trace = self._describe
        before = self._connection.total_changes()
        self._cursor.execute(statement, tuple(parameters))
        self.rowcount = self._connection.total_changes() - before
        return self

    def executemany(self, statement: str, rows: Any) -> "_Cursor":
        before = self._connection.total_changes()
        self._cursor.exec_trace = None
        self._cursor.executemany(statement, [tuple(row) for row in rows])
        self.rowcount = self._connection.total_changes() - before
        return self

    def _describe(self, cursor: Any, _sql: str, _bindings: Any) -> bool:
        found = cursor.get_description()
        self.description = [(name, *[None] * 6) for name, _ in found] or None
        return True

    def fetchone(self) -> Any:
        return next(self._cursor, None)

    def fetchall(self) -> list[Any]:
        return list(self._cursor)

    def fetchmany(self, size: int = 1) -> list[Any]:
        return list(itertools.islice(self._cursor, size))

    def close(self) -> None:
        self._cursor.close()


class _Connection:
    """The part of a DB-API connection that SQLAlchemy uses, over an APSW one."""

    isolation_level: Any = None

    def __init__(self, inner: apsw.Connection) -> None:
        self.inner = inner

    def cursor(self) -> _Cursor:
        return _Cursor(self.inner)

    def create_function(self, name: str, count: int, function: Any, **_: Any) -> None:
        self.inner.create_scalar_function(name, function, count)

    def commit(self) -> None:
        if self.inner.in_transaction:
            self.inner.execute("COMMIT")

    def rollback(self) -> None:
        if self.inner.in_transaction:
            self.inner.execute("ROLLBACK")

    def close(self) -> None:
        with suppress(PowerCut, apsw.Error):  # a machine without power closes nothing
            self.inner.close()


class _Driver:
    """APSW dressed as a DB-API module."""

    paramstyle = "qmark"
    sqlite_version_info = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    sqlite_version = apsw.sqlite_lib_version()
    PARSE_DECLTYPES, PARSE_COLNAMES = 1, 2
    Error = apsw.Error
    DatabaseError = OperationalError = IntegrityError = ProgrammingError = apsw.Error
    InterfaceError = DataError = InternalError = NotSupportedError = apsw.Error


@contextmanager
def engine(disk: Disk, name: str = "market.db") -> Iterator[Engine]:
    """Open the database of a disk as the store does: WAL, synchronous=FULL, foreign keys, BEGIN IMMEDIATE."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = _Connection(apsw.Connection(name, vfs=disk.label, flags=flags))
    connection.inner.execute("PRAGMA locking_mode=EXCLUSIVE")
    made = create_engine("sqlite://", module=_Driver, creator=lambda: connection, poolclass=StaticPool)
    engines.listen(made, read_only=False)
    try:
        yield made
    finally:
        made.dispose()
