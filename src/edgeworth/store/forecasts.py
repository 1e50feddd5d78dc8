"""Forecasts in the ledger: each is written once, before its outcome is known, chained to the one before by a digest.

The chain makes a later change visible: `digest(chain of the row before, values of this row)`. Floats are part of it by
their shortest exact form, so that a row read back gives the same digest on any database.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TOGETHER: Final = 400  # market numbers asked for in one statement


@dataclass(frozen=True, slots=True)
class StoredForecast:
    """What a model said of a market at the price point `t` (microseconds), which was stored at `recorded_at`.

    `p` in [`low`, `high`] is of YES; `price_e4` the price of YES then; `side` +1 YES or -1 NO, the one the forecast
    leans to, and `cost_e6` what a share of it cost all-in; `scheduled_end` as known then; `features` their digest.
    """

    model_id: str
    market_no: int
    market_id: str
    event_no: int
    t: int
    recorded_at: int
    scheduled_end: int | None
    price_e4: int
    side: int
    cost_e6: int
    p: float
    low: float
    high: float
    features: str

    def values(self) -> dict[str, Any]:
        """Return the fields by name; `asdict` would copy each value with great care."""
        return {name: getattr(self, name) for name in self.__slots__}

    def link(self, before: str) -> str:
        """Return the digest that chains this row to the one before."""
        words = json.dumps([before, self.values()], sort_keys=True)
        return hashlib.blake2b(words.encode(), digest_size=16).hexdigest()


def add(connection: "Connection", rows: Sequence[StoredForecast]) -> int:
    """Add what is not there yet by (model, market, t); returns how many were new."""
    from sqlalchemy import func, insert, select

    from edgeworth.store.ledger_tables import forecasts as table

    known = _known(connection, rows)
    unique = {(row.model_id, row.market_no, row.t): row for row in reversed(rows)}
    fresh = [row for key, row in reversed(unique.items()) if key not in known]
    if not fresh:
        return 0
    last = int(connection.execute(select(func.coalesce(func.max(table.c.forecast_no), 0))).scalar_one())
    chain = connection.execute(select(table.c.chain).where(table.c.forecast_no == last)).scalar() or ""
    values = []
    for number, row in enumerate(fresh, last + 1):
        chain = row.link(chain)
        values.append({"forecast_no": number, **row.values(), "chain": chain})
    connection.execute(insert(table), values)
    return len(fresh)


def _known(connection: "Connection", rows: Sequence[StoredForecast]) -> set[tuple[str, int, int]]:
    from sqlalchemy import select

    from edgeworth.store.ledger_tables import forecasts as table

    found: set[tuple[str, int, int]] = set()
    oldest = min((row.t for row in rows), default=0)
    markets = sorted({row.market_no for row in rows})
    for begin in range(0, len(markets), _TOGETHER):
        some = table.c.market_no.in_(markets[begin : begin + _TOGETHER])
        query = select(table.c.model_id, table.c.market_no, table.c.t).where(some, table.c.t >= oldest)
        found.update((str(a), int(b), int(c)) for a, b, c in connection.execute(query))
    return found


def read(connection: "Connection") -> list[StoredForecast]:
    """Return all forecasts in the order they were stored; raises DataError forecasts-altered where the chain breaks."""
    from sqlalchemy import select

    from edgeworth.store.ledger_tables import forecasts as table

    found: list[StoredForecast] = []
    chain = ""
    for values in connection.execute(select(table).order_by(table.c.forecast_no)).mappings():
        facts = dict(values)
        number, told = facts.pop("forecast_no"), facts.pop("chain")
        row = StoredForecast(**facts)
        chain = row.link(chain)
        if chain != told or number != len(found) + 1:
            raise DataError("forecasts-altered", f"stored forecast {number} or one before it is not as it was written")
        found.append(row)
    return found
