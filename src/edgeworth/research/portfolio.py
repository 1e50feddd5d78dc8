"""The sized portfolio beside a verdict: the same opinions through sizing, gate and fills with one bankroll."""

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeworth.core.config import Settings
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.units import DAY
from edgeworth.engine.result import EngineResult
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, Tape
from edgeworth.engine.walk import run
from edgeworth.forecasting.learning import Opinions
from edgeworth.research.metrics import thin

if TYPE_CHECKING:
    import polars as pl


def walk(tape: Tape, markets: EngineMarkets, opinions: Opinions, settings: Settings, from_t: int) -> EngineResult:
    """Walk one strategy's opinions at or after `from_t` with the settings' costs and limits."""
    parts = (opinions.row, opinions.side, opinions.p, opinions.se)
    if from_t > UNKNOWN_TIME:
        late = tape.t[tape.position[opinions.row]] >= from_t
        parts = (opinions.row[late], opinions.side[late], opinions.p[late], opinions.se[late])
    said = EngineOpinions.on_tape(tape, *parts)
    return run(tape, markets, said, EngineConfig.of_settings(settings.costs, settings.risk))


def summary(result: EngineResult) -> dict[str, Any]:
    """Return the plain figures of a walk, dollars and shares of 1."""
    start = result.config.bankroll_e6
    trades = result.trades
    closed = trades["t_close"] > 0
    pnl = trades["pnl_e6"][closed] / 1e6
    gained, lost = float(pnl[pnl > 0].sum()), float(-pnl[pnl < 0].sum())
    exposure = result.curve["exposure_e6"]
    return {
        "start": start / 1e6,
        "end": result.ledger.equity / 1e6,
        "return": result.ledger.equity / start - 1.0,
        "max_drawdown": result.max_drawdown_ppm / 1e6,
        "sharpe_daily": _daily_sharpe(result),
        "trades": int(closed.sum()),
        "profit_factor": gained / lost if lost > 0 else None,
        "win_rate": float((pnl > 0).mean()) if len(pnl) else None,
        "fees": result.ledger.fees / 1e6,
        "spread": result.ledger.spread / 1e6,
        "max_exposure": float(exposure.max()) / 1e6 if len(exposure) else 0.0,
        "denials": {code.text: count for code, count in sorted(result.denials.items()) if int(code)},
        "shrunk": {code.text: count for code, count in sorted(result.shrunk.items())},
    }


def _daily_sharpe(result: EngineResult) -> float | None:
    """Return mean over standard deviation of daily equity changes, not annualised; None below 30 days."""
    t, equity = result.curve["t"], result.curve["equity_e6"].astype(np.float64)
    if len(t) < 2:
        return None
    days = t // DAY
    last = np.append(np.flatnonzero(np.diff(days)), len(t) - 1)
    changes = np.diff(equity[last]) / np.maximum(equity[last][:-1], 1.0)
    spread = float(changes.std(ddof=1)) if len(changes) >= 30 else 0.0
    return float(changes.mean()) / spread if spread > 0 else None


def curve(result: EngineResult) -> dict[str, list[float]]:
    """Return equity, drawdown and exposure in dollars, thinned."""
    t = result.curve["t"]
    if not len(t):
        return {}
    equity = result.curve["equity_e6"] / 1e6
    drawdown = equity - np.maximum.accumulate(equity)
    keep = thin(len(t))
    return {
        "t": t[keep].astype(float).tolist(),
        "equity": equity[keep].tolist(),
        "drawdown": drawdown[keep].tolist(),
        "exposure": (result.curve["exposure_e6"][keep] / 1e6).tolist(),
    }


def frame(result: EngineResult, strategy: str) -> "pl.DataFrame":
    """Return the whole equity curve for `equity.parquet`."""
    import polars as pl

    columns = pl.DataFrame(result.curve)
    return columns.select(pl.lit(strategy).alias("strategy"), *columns.columns)
