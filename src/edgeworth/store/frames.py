"""Read tables of the market database as polars frames, from synchronous code."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection

T = TypeVar("T")


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where a loop is running already (then in a thread of its own)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    box: list[T] = []
    failures: list[BaseException] = []

    def inner() -> None:
        try:
            box.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001  (handed to the caller's thread)
            failures.append(error)

    thread = threading.Thread(target=inner)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return box[0]


def read_tables(home: Home, wanted: dict[str, tuple[str, ...]]) -> "dict[str, pl.DataFrame]":
    """Return frames of the named tables with the named columns (empty tuple: all), read in one transaction.

    Raises DataError store-empty when there is no database, store-corrupt | store-locked.
    """
    from edgeworth.store.market_db import MarketStore

    def read(connection: "Connection") -> "dict[str, pl.DataFrame]":
        return {name: _frame(connection, name, columns) for name, columns in wanted.items()}

    async def work() -> "dict[str, pl.DataFrame]":
        async with await MarketStore.open(home, read_only=True) as store:
            return await store.run(read)

    if not home.has_market_db:
        raise DataError("store-empty", f"there is no data in {home.root}")
    return run_sync(work())


def _frame(connection: "Connection", name: str, columns: tuple[str, ...]) -> "pl.DataFrame":
    import polars as pl
    from sqlalchemy import select

    from edgeworth.store.tables import metadata

    table = metadata.tables[name]
    chosen = [table.c[column] for column in columns] if columns else list(table.c)
    rows = connection.execute(select(*chosen).order_by(*table.primary_key.columns)).all()
    schema = {column.name: polars_type(column.type) for column in chosen}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def polars_type(kind: Any) -> Any:
    """Return the polars type of a column type."""
    import polars as pl
    from sqlalchemy import BigInteger, Boolean, Integer

    if isinstance(kind, Boolean):
        return pl.Boolean
    if isinstance(kind, BigInteger):
        return pl.Int64
    return pl.Int32 if isinstance(kind, Integer) else pl.String
