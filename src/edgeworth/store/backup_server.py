"""Copy a market database from a PostgreSQL server into a file, as of one instant: the backup is a home of its own.

The transaction is REPEATABLE READ: its first query pins what all later ones see, whatever is written meanwhile.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core.clock import Clock
from edgeworth.core.paths import Home
from edgeworth.store.backup_copy import Backup, copy_files, note_database, pin
from edgeworth.store.durable import Hook, locked

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

_ROWS: Final = 10_000


async def copy_with_server(home: Home, target: Path, clock: Clock, hook: Hook) -> Backup:
    """Copy server, ledger and lake as of one instant and return the report; raises DataError store-unreachable."""
    from sqlalchemy import text

    from edgeworth.store.engines import Translated, server_engine
    from edgeworth.store.market_db import MarketStore

    for place in (home, Home(target)):  # both at the schema of this version
        async with await MarketStore.open(place):
            pass
    engine = server_engine(home.market_url)
    try:
        with Translated(home.market_url.split("@")[-1]), contextlib.ExitStack() as stack:
            async with engine.connect() as plain:
                connection = await plain.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    with locked(home.lake / ".lock"):
                        await connection.execute(text("SELECT 1"))
                        instant = pin(home, clock, stack)
                    report = copy_files(home, target, instant, hook)
                    await _copy_tables(connection, Home(target).market_db)
    finally:
        await engine.dispose()
    note_database(report, Home(target).market_db)
    return report


async def _copy_tables(connection: "AsyncConnection", path: Path) -> None:
    from edgeworth.store.tables import metadata

    with contextlib.closing(sqlite3.connect(path)) as copy:
        copy.execute("PRAGMA foreign_keys=OFF")
        for table in metadata.sorted_tables:
            await _copy_table(connection, table, copy)
        copy.commit()
        copy.execute("PRAGMA journal_mode=DELETE")


async def _copy_table(connection: "AsyncConnection", table: "Table", copy: sqlite3.Connection) -> None:
    from sqlalchemy import select
    from sqlalchemy.dialects import sqlite

    names = [column.name for column in table.columns]
    statement = table.insert().compile(dialect=sqlite.dialect(paramstyle="qmark"), column_keys=names)
    copy.execute(str(table.delete().compile(dialect=sqlite.dialect())))
    result = await connection.stream(select(*table.columns))
    async for rows in result.partitions(_ROWS):
        values: list[tuple[Any, ...]] = [tuple(row) for row in rows]
        copy.executemany(str(statement), values)
