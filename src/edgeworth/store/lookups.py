"""Bulk reads and writes by key that stay under every database's limit of bound values."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Table, bindparam, insert, select, update

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from edgeworth.store.rows import Row

CHUNK = 10_000


def rows_in(
    connection: "Connection", table: Table, column: "Column[Any]", values: Iterable[Any], *only: "Column[Any]"
) -> "list[Row]":
    """Return the rows of `table` whose `column` is among `values`, in chunks."""
    wanted = list(dict.fromkeys(values))
    query = select(*only) if only else select(table)
    found: list[Row] = []
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        found += [dict(row) for row in connection.execute(query.where(column.in_(chunk))).mappings()]
    return found


def insert_rows(connection: "Connection", table: Table, rows: "Sequence[Row]") -> None:
    """Insert rows that all have the same keys."""
    if rows:
        connection.execute(insert(table), list(rows))


def update_rows(connection: "Connection", table: Table, keys: Sequence[str], rows: "Sequence[Row]") -> None:
    """Overwrite whole rows, found by their key columns."""
    if not rows:
        return
    names = [name for name in rows[0] if name not in keys]
    statement = (
        update(table)
        .where(*(table.c[key] == bindparam(f"k_{key}") for key in keys))
        .values({name: bindparam(f"v_{name}") for name in names})
    )
    bound = [{**{f"k_{key}": row[key] for key in keys}, **{f"v_{name}": row[name] for name in names}} for row in rows]
    connection.execute(statement, bound)
