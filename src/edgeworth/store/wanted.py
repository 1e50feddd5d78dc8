"""What is still to be fetched: rows of `coverage` in the state `due`, written before anything is asked for.

They make a fetch resumable: a market is `due` until its data are stored, then `present`, `missing` (the venue has
none) or `failed` (it refused; the next fetch tries again).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edgeworth.store.lookups import insert_rows, rows_in

if TYPE_CHECKING:
    from sqlalchemy import Connection

OPEN: Final = ("due", "failed")
_ONE: Final = {"token": "token", "token1": "token1", "condition": "condition"}


@dataclass(frozen=True, slots=True)
class DueMarket:
    """A market whose data are still to be fetched; ids are empty and instants None where they are not known."""

    market_no: int
    token: str = ""
    token1: str = ""
    condition: str = ""
    created_at: int | None = None
    resolved_at: int | None = None


def add_due(connection: "Connection", source: str, dataset: str, market_nos: Sequence[int]) -> int:
    """Note markets as due that have no entry yet; returns how many those were."""
    from edgeworth.store.tables import coverage as table

    found = rows_in(
        connection, table, table.c.market_no, market_nos, table.c.source, table.c.market_no, table.c.dataset
    )
    there = {row["market_no"] for row in found if (row["source"], row["dataset"]) == (source, dataset)}
    fresh = [number for number in dict.fromkeys(market_nos) if number not in there]
    facts: dict[str, Any] = {"points": 0, "first_t": None, "last_t": None, "note": ""}
    rows = [{"source": source, "market_no": n, "dataset": dataset, "status": "due", **facts} for n in fresh]
    insert_rows(connection, table, rows)
    return len(fresh)


def due_markets(connection: "Connection", source: str, dataset: str) -> list[DueMarket]:
    """Return the markets of a source and dataset that are due or failed, with what is needed to ask for them."""
    from sqlalchemy import select

    from edgeworth.store import tables

    table = tables.coverage
    query = select(table.c.market_no).where(
        table.c.source == source, table.c.dataset == dataset, table.c.status.in_(OPEN)
    )
    numbers = [int(row[0]) for row in connection.execute(query.order_by(table.c.market_no))]
    return named_markets(connection, numbers)


def named_markets(connection: "Connection", market_nos: Sequence[int]) -> list[DueMarket]:
    """Return markets with their tokens, condition, listing and (first final) resolution, in the order given."""
    from edgeworth.core.types import ResolutionState
    from edgeworth.store import tables

    aliases = tables.market_aliases
    names: dict[int, dict[str, str]] = {}
    for row in rows_in(connection, aliases, aliases.c.market_no, market_nos):
        if row["kind"] in _ONE:
            names.setdefault(row["market_no"], {})[row["kind"]] = row["value"]
    markets = tables.markets
    created = {
        row["market_no"]: row["created_at"]
        for row in rows_in(
            connection, markets, markets.c.market_no, market_nos, markets.c.market_no, markets.c.created_at
        )
    }
    ends = tables.market_resolutions
    resolved: dict[int, int] = {}
    for row in rows_in(connection, ends, ends.c.market_no, market_nos):
        if row["state"] == str(ResolutionState.FINAL) and row["resolved_at"] is not None:
            known = resolved.get(row["market_no"], row["resolved_at"])
            resolved[row["market_no"]] = min(known, row["resolved_at"])
    return [
        DueMarket(number, **names.get(number, {}), created_at=created.get(number), resolved_at=resolved.get(number))
        for number in market_nos
    ]
