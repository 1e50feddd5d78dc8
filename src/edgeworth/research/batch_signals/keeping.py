"""Keep what models state about a board in the ledger, whether or not anything comes of it.

Every market of the board counts, not only those that reach the queue: a record of the interesting ones would be chosen
by the model itself.
"""

from dataclasses import dataclass

import numpy as np

from edgeworth.core.clock import Clock
from edgeworth.core.config import Settings
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.paths import Home
from edgeworth.forecasting.speaking import Said
from edgeworth.research.batch_signals.lookout import Board
from edgeworth.research.batch_signals.review import executable
from edgeworth.store.forecasts import StoredForecast


def stated_forecasts(board: Board, settings: Settings, now: int) -> list[StoredForecast]:
    """Return what the models of a board state, one row per model and market."""
    return [row for said in board.said if said.stated is not None for row in _rows(board, said, settings, now)]


@dataclass(slots=True)
class Keeper:
    """Store the forecasts of one board after the other; it remembers the last one's, which saves asking the ledger."""

    home: Home
    settings: Settings
    clock: Clock
    _kept: frozenset[tuple[str, int, int]] = frozenset()

    def keep(self, board: Board) -> int:
        """Store what is not stored yet; returns how many forecasts were new."""
        from edgeworth.store.ledger_db import Ledger

        rows = stated_forecasts(board, self.settings, int(self.clock.now()))
        keys = frozenset((row.model_id, row.market_no, row.t) for row in rows)
        fresh = [row for row in rows if (row.model_id, row.market_no, row.t) not in self._kept]
        added = 0
        if fresh:
            with Ledger.open(self.home, clock=self.clock) as ledger:
                added = ledger.record_forecasts(fresh)
        self._kept = keys
        return added


def _rows(board: Board, said: Said, settings: Settings, now: int) -> list[StoredForecast]:
    told = said.stated
    if told is None or not len(told.p):
        return []
    price = board.panel.price_e4[board.row].astype(np.int64)
    side = np.where(told.p >= price / 10_000, 1, -1).astype(np.int64)
    cost = executable(board, np.arange(len(board)), side, settings)[2]
    facts = board.panel.markets.select("market_no", "market_id", "event_no")[board.market]
    columns = (price, side, cost, told.p, told.low, told.high, board.panel.t[board.row], board.end)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return [
        StoredForecast(
            told.model_id, int(number), str(name), int(event), t, now, None if end == UNKNOWN_TIME else end,
            e4, leans, paid, p, low, high, told.digest,
        )
        for (number, name, event), (e4, leans, paid, p, low, high, t, end) in zip(
            facts.iter_rows(), values, strict=True
        )
    ]  # fmt: skip
