"""Scheduled snapshots on their way into the database: rows as tuples, one prepared statement, one durable commit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlalchemy import Connection


class SnapshotRow(NamedTuple):
    """One observation of one market in one slot; instants in microseconds, None = not stated.

    `event_time` is when the book was as it says, `known_at` when we had it, `book_age_us` how old the stamp was then.
    Prices 1e-4 dollars, sizes 1e-6 shares, `depth_e6` 1e-6 dollars within 5 cents of the mid on both sides, `spot_e4`
    1e-4 dollars, `spot_change_24h_e6` the fraction x 1e6, `quality_e4` in [0, 10000].
    """

    slot: int
    market_no: int
    source: str
    event_time: int
    known_at: int
    bid_e4: int | None = None
    ask_e4: int | None = None
    last_e4: int | None = None
    volume_e6: int | None = None
    volume_24h_e6: int | None = None
    liquidity_e6: int | None = None
    bid_size_e6: int | None = None
    ask_size_e6: int | None = None
    depth_e6: int | None = None
    spot_e4: int | None = None
    spot_change_24h_e6: int | None = None
    book_age_us: int | None = None
    quality_e4: int | None = None


def insert_snapshots(connection: "Connection", rows: Sequence[SnapshotRow]) -> int:
    """Insert the rows whose (slot, market, source) is new; return how many those were.

    The statement is compiled once per dialect and handed to the driver with the tuples as they are, which spares the
    conversion of a thousand dictionaries. SQLite counts the rows itself; elsewhere they are counted.
    """
    if not rows:
        return 0
    statement = _statement(connection)
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql(statement, list(rows)).rowcount)
    before = _present(connection, rows)
    connection.exec_driver_sql(statement, list(rows))
    return _present(connection, rows) - before


def _statement(connection: "Connection") -> str:
    name = connection.dialect.name
    if name not in _COMPILED:
        from sqlalchemy.dialects import postgresql, sqlite

        from edgeworth.store.tables import market_snapshots as table

        insert = sqlite.insert(table) if name == "sqlite" else postgresql.insert(table)
        compiled = insert.on_conflict_do_nothing().compile(
            dialect=connection.dialect, column_keys=list(SnapshotRow._fields)
        )
        if list(getattr(compiled, "positiontup", None) or ()) != list(SnapshotRow._fields):
            raise TypeError(f"the {name} driver does not take its values by position")
        _COMPILED[name] = str(compiled)
    return _COMPILED[name]


_COMPILED: dict[str, str] = {}


def _present(connection: "Connection", rows: Sequence[SnapshotRow]) -> int:
    from sqlalchemy import func, select

    from edgeworth.store.tables import market_snapshots as table

    slots = sorted({row.slot for row in rows})
    query = select(func.count()).select_from(table).where(table.c.slot.in_(slots))
    return int(connection.execute(query).scalar_one())
