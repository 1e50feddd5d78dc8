"""Keep what models state about a board in the ledger, whether or not anything comes of it.

Every market of the board counts, not only those that reach the queue: a record of the interesting ones would be chosen
by the model itself.
"""

import numpy as np

from edgeworth.core.clock import Clock
from edgeworth.core.config import Settings
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.paths import Home
from edgeworth.research.batch_signals.beliefs import Said
from edgeworth.research.batch_signals.lookout import Board
from edgeworth.research.batch_signals.review import executable
from edgeworth.store.forecasts import StoredForecast


def stated_forecasts(board: Board, settings: Settings, now: int) -> list[StoredForecast]:
    """Return what the models of a board state, one row per model and market."""
    return [row for said in board.said if said.stated is not None for row in _rows(board, said, settings, now)]


def keep_forecasts(home: Home, board: Board, settings: Settings, clock: Clock) -> int:
    """Store the forecasts of a board that are not stored yet; returns how many were new."""
    from edgeworth.store.ledger_db import Ledger

    rows = stated_forecasts(board, settings, int(clock.now()))
    if not rows:
        return 0
    with Ledger.open(home, clock=clock) as ledger:
        return ledger.record_forecasts(rows)


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
