"""The quarantine, row by row: choose rows that were set aside, and release those that were stored after all."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows; empty = all."""

    reason: str = ""
    kind: str = ""
    source: str = ""


def quarantined(connection: "Connection", chosen: Selection) -> list[dict[str, Any]]:
    """Return the chosen rows with their payloads, oldest first."""
    from sqlalchemy import select

    from edgeworth.store.tables import quarantine as table

    wanted = {"reason": chosen.reason, "kind": chosen.kind, "source": chosen.source}
    query = select(table).where(*(table.c[name] == value for name, value in wanted.items() if value))
    ordered = query.order_by(table.c.recorded_at, table.c.key)
    return [dict(row) for row in connection.execute(ordered).mappings()]


def release(connection: "Connection", key: str) -> None:
    """Remove one row."""
    from sqlalchemy import delete

    from edgeworth.store.tables import quarantine as table

    connection.execute(delete(table).where(table.c.key == key))
