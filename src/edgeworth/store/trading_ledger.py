"""The journal of trading on disk: a list of entries that only grows, one durable transaction per deed.

A home has one journal per venue and account (`name`), each with its own chain. SQLite is used through its own driver
with three prepared statements, because a commit stands between every decision and its order: WAL, synchronous=FULL and
BEGIN IMMEDIATE as everywhere in the store. A PostgreSQL server does the same under an advisory lock.

What entries mean is not known here; `trading.journal` gives them meaning.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from edgeworth.core.chain import GENESIS, Entry, follows
from edgeworth.core.errors import AccessError, EdgeworthError
from edgeworth.core.paths import Home
from edgeworth.store.engines import Translated, listen, prepare_file, server_engine
from edgeworth.store.ledger_db import Ledger

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")
Fault = Callable[[str], None]

_LOCK: Final = 0x7472616465  # PostgreSQL's advisory lock that a writer of any journal holds
ROOM: Final = 2**40  # entries a journal has room for
_PAGE: Final = 5_000
_ROOM_BYTES: Final = 4_000_000  # what SQLite lets the log grow to before it starts again from the beginning
_TIDY_COMMITS: Final = 100  # some 400 pages; at 1,000 SQLite does it within a commit, should nobody have asked
_COLUMNS: Final = "entry_no, at, kind, subject, body, chain"
_BEHIND: Final = f"SELECT {_COLUMNS} FROM trading_events WHERE entry_no > ? AND entry_no < ?"  # noqa: S608
_READ: Final = f"{_BEHIND} ORDER BY entry_no LIMIT {_PAGE}"
_ABOUT: Final = f"{_BEHIND} AND subject = ? ORDER BY entry_no LIMIT {_PAGE}"
_HEAD: Final = (
    "SELECT entry_no, chain FROM trading_events WHERE entry_no > ? AND entry_no < ? ORDER BY entry_no DESC LIMIT 1"
)
_ADD: Final = f"INSERT INTO trading_events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
_NAMED: Final = "SELECT journal_no FROM trading_journals WHERE name = ?"
_LAST: Final = "SELECT max(journal_no) FROM trading_journals"
_NAME: Final = "INSERT INTO trading_journals (journal_no, name) VALUES (?, ?)"


class Statements(Protocol):
    """How a database runs the statements above, inside a transaction."""

    def select(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return rows."""

    def insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows."""


class TradingTransaction:
    """One transaction of one journal, whose entries have the keys behind `base`; a context manager.

    What was appended is on the disk when its block ends without an exception; otherwise nothing is.
    """

    def __init__(self, base: int, database: "_SqliteStatements | _ServerStatements", fault: Fault) -> None:
        self._base, self._database, self._fault = base, database, fault
        self._added = False

    def __enter__(self) -> "TradingTransaction":
        """Begin."""
        self._database.begin()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Commit, or leave everything as it was."""
        added = self._added and kind is None
        try:
            if added:
                self._fault("journal.before-commit")
            if kind is None:
                self._database.commit()
        finally:
            self._database.end()
        if added:
            self._fault("journal.after-commit")

    def head(self) -> tuple[int, str]:
        """Return the number and the chain of the last entry, (0, "") without any."""
        rows = self._database.select(_HEAD, self._base, self._base + ROOM)
        return (int(rows[0][0]) - self._base, str(rows[0][1])) if rows else (0, GENESIS)

    def read(self, after: int) -> list[Entry]:
        """Return the entries behind a number, in order."""
        return list(_pages(self._database, self._base, after, None))

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries."""
        base = self._base
        self._database.insert(
            _ADD, [(base + one.number, one.at, one.kind, one.subject, one.body.decode(), one.chain) for one in entries]
        )
        self._added = True


class TradingLog:
    """One journal's entries. Use `open`."""

    def __init__(self, name: str, database: "_SqliteStatements | _ServerStatements") -> None:
        self.name, self._database = name, database
        self._base = _number_of(database, name) * ROOM

    @classmethod
    def open(cls, home: Home, name: str, *, url: str | None = None, durable: bool = True) -> "TradingLog":
        """Open the journal `name` of a home's ledger, or of a PostgreSQL database, creating what is missing.

        `durable` refuses a server that acknowledges what is not on its disk yet. Raises AccessError home-unwritable |
        disk-full | store-not-durable, DataError store-locked | store-newer | store-corrupt | store-unreachable.
        """
        if url is not None:
            return cls(name, _ServerStatements(url, durable=durable))
        Ledger.open(home).close()  # migrates where needed
        return cls(name, _SqliteStatements(home))

    def write(self, fault: Fault) -> TradingTransaction:
        """Return a writing transaction, which excludes every other writer, of this process or another.

        `fault` is told journal.before-commit and journal.after-commit where something was appended.
        """
        return TradingTransaction(self._base, self._database, fault)

    def read(self, after: int = 0, subject: str | None = None) -> Iterator[Entry]:
        """Yield the committed entries behind a number, in order; `subject` chooses those about one order or intent."""
        return _pages(self._database, self._base, after, subject)

    def make_room(self) -> None:
        """Let a file's write-ahead log grow now; do it before trading begins.

        A commit that overwrites the log in place needs no new file size on the disk, which halves its time (measured:
        4 ms instead of 7 for the median). Costs a tenth of a second and four megabytes.
        """
        self._database.make_room(_ROOM_BYTES)

    def tidy(self) -> None:
        """Carry what the write-ahead log of a file holds into the file, now and then; costs a millisecond or two.

        SQLite would do it within a commit, which an order may be waiting for. What stands in its way, a full disk, is
        for the next commit to say, should it matter there.
        """
        with contextlib.suppress(EdgeworthError):
            self._database.tidy()

    def close(self) -> None:
        """Release the connection."""
        self._database.close()


def _number_of(database: "_SqliteStatements | _ServerStatements", name: str) -> int:
    """Return a journal's number, giving it one if it is new."""
    found = database.select(_NAMED, name)
    if not found:
        with _transaction(database):
            found = database.select(_NAMED, name)  # somebody else may have been faster
            if not found:
                found = [(int(database.select(_LAST)[0][0] or 0) + 1,)]
                database.insert(_NAME, [(found[0][0], name)])
    return int(found[0][0])


@contextlib.contextmanager
def _transaction(database: "_SqliteStatements | _ServerStatements") -> Iterator[None]:
    """Do all of a block or nothing of it."""
    database.begin()
    try:
        yield
        database.commit()
    finally:
        database.end()


def _pages(statements: Statements, base: int, after: int, subject: str | None) -> Iterator[Entry]:
    about = () if subject is None else (subject,)
    while True:
        rows = statements.select(_ABOUT if about else _READ, base + after, base + ROOM, *about)
        for number, at, kind, whom, body, chain in rows:
            yield Entry(number - base, at, kind, whom, body.encode(), chain)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0] - base


class _SqliteStatements:
    """The ledger file, through one connection that stays open."""

    def __init__(self, home: Home) -> None:
        from sqlalchemy import create_engine

        prepare_file(home.ledger_db, 0o600)
        self._place = str(home.ledger_db)
        self._engine = create_engine(f"sqlite+pysqlite:///{home.ledger_db}")
        listen(self._engine, read_only=False)
        self._raw = self._engine.raw_connection()
        connection = self._raw.driver_connection
        assert connection is not None
        self._connection: sqlite3.Connection = connection
        self._commits = 0
        self._cursor = connection.cursor()  # one for all: every answer is read whole before the next question

    def begin(self) -> None:
        with Translated(self._place):
            self._cursor.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        with Translated(self._place):
            self._cursor.execute("COMMIT")
        self._commits += 1

    def end(self) -> None:
        if self._connection.in_transaction:  # something failed on the way: nothing of it stays
            with Translated(self._place):
                self._connection.rollback()

    def select(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with Translated(self._place):
            found: list[tuple[Any, ...]] = self._cursor.execute(statement, values).fetchall()
        return found

    def insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with Translated(self._place):
            self._cursor.executemany(statement, rows)

    def make_room(self, size: int) -> None:
        with _transaction(self):
            self.select("CREATE TABLE room (filler)")
            self.select("INSERT INTO room VALUES (zeroblob(?))", size)
            self.select("DROP TABLE room")
        self.select("PRAGMA wal_checkpoint(RESTART)")

    def tidy(self) -> None:
        if self._commits >= _TIDY_COMMITS:
            self._commits = 0
            self.select("PRAGMA wal_checkpoint(PASSIVE)")  # does what it can beside other readers and writers

    def close(self) -> None:
        self._raw.close()
        self._engine.dispose()


class _ServerStatements:
    """A PostgreSQL server, driven from a thread with an event loop of its own, so that callers need none."""

    def __init__(self, url: str, *, durable: bool) -> None:
        self._place = url.rsplit("@", maxsplit=1)[-1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="trading-ledger", daemon=True)
        self._thread.start()
        self._engine: AsyncEngine = server_engine(url)
        self._connection: AsyncConnection | None = None
        try:
            self._run(self._prepare(durable=durable))
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        self._connection = self._run(self._begin())

    def commit(self) -> None:
        assert self._connection is not None
        self._run(self._connection.commit())

    def end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # the transaction's own error says more than that of ending it
                self._run(connection.close())

    def select(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._run(self._select(_dollars(statement), values))

    def insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        assert self._connection is not None
        self._run(self._connection.exec_driver_sql(_dollars(statement), list(rows)))

    def make_room(self, size: int) -> None:
        """Do nothing: a server keeps its logs at their size."""

    def tidy(self) -> None:
        """Do nothing: a server does its upkeep beside us."""

    def close(self) -> None:
        with contextlib.suppress(Exception):  # a server that is gone has nothing left to release
            self._run(self._engine.dispose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with Translated(self._place):
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _prepare(self, *, durable: bool) -> None:
        from edgeworth.store.migrate import upgrade

        async with self._engine.connect() as connection:
            for setting in ("fsync", "synchronous_commit") if durable else ():
                value = (await connection.exec_driver_sql(f"SHOW {setting}")).scalar()
                if value == "off":
                    raise AccessError("store-not-durable", f"the database server at {self._place} has {setting} = off")
            await connection.rollback()
            async with connection.begin():
                await connection.run_sync(lambda plain: upgrade(plain, "ledger"))

    async def _begin(self) -> "AsyncConnection":
        connection = await self._engine.connect()
        try:
            await connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (_LOCK,))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _select(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if self._connection is not None:
            return [tuple(row) for row in await self._connection.exec_driver_sql(statement, values)]
        async with self._engine.connect() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(statement, values)]


def _dollars(statement: str) -> str:
    """Write the places of values as PostgreSQL's driver does: $1, $2, ..."""
    parts = statement.split("?")
    return "".join(part + (f"${place}" if place < len(parts) else "") for place, part in enumerate(parts, 1))


def broken_chains(connection: "sqlite3.Connection") -> list[str]:
    """Return what is wrong with the journals of a ledger file, one sentence each; their meaning is not looked at."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'trading_journals'").fetchone():
        return []
    wrong = []
    journals = connection.execute("SELECT journal_no, name FROM trading_journals ORDER BY journal_no").fetchall()
    for journal, name in journals:
        number, chain = 0, GENESIS
        for entry in _pages(_Reader(connection), journal * ROOM, 0, None):
            if not follows(entry, number, chain):
                wrong.append(f"entry {entry.number} of the journal '{name}' or the one before is not as it was written")
                break
            number, chain = entry.number, entry.chain
    return wrong


class _Reader:
    """A plain connection that only reads."""

    def __init__(self, connection: "sqlite3.Connection") -> None:
        self._connection = connection

    def select(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()

    def insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._connection.executemany(statement, rows)
