"""The shipped rules on recorded data: development share and hold-out once, reverse controls, numbers only."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from edgeworth.core.config import Settings
from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress
from edgeworth.research.backtest import run_backtest
from edgeworth.research.study_facts import facts
from edgeworth.research.types import RunResult
from edgeworth.store.asof import load_panel, price_sources
from edgeworth.strategies.registry import shipped

Row = dict[str, Any]

SOURCES: Final = ("polymarket-daily", "weather", "crypto-short")
_FEWEST_MARKETS: Final = 300  # resolved; below, calibration under lenses has nothing to say
_KEPT: Final = (
    "outcome", "sentence", "trades", "events", "win_rate", "break_even", "roi", "roi_low", "roi_high", "p_value",
    "p_adjusted", "dsr", "trials", "trials_distinct", "events_needed", "coverage",
)  # fmt: skip


def exhibits(home: Home, settings: Settings, progress: Progress, sources: Sequence[str] = SOURCES) -> list[Row]:
    """Judge all shipped rules on every source that `home` holds: first the development share, then the hold-out.

    Every run is written into `home`, whose ledger counts the trials and the look at the hold-out.
    """
    rules = [rule for _, rule in sorted(shipped().items())]
    present = [info.name for info in price_sources(home) if info.resolved_markets]
    chosen = [name for name in sources if name in present]
    progress.start("exhibits", 2 * len(chosen), "runs")
    rows = []
    for name in chosen:
        data = load_panel(home, source=name)
        alone = float((data[0].markets["event_no"].to_numpy() < 0).mean())
        for part in ("development", "hold-out"):
            held = part == "hold-out"
            result = run_backtest(
                home, rules, settings, source=name, data=data, holdout=held, command="report evidence"
            )
            rows.append(
                {
                    "source": name,
                    "part": part,
                    "alone": alone,
                    "data": result.data,
                    "results": [_kept(item) for item in result.results],
                    "reverses": [_kept(item) for item in result.reverses],
                }
            )
            progress.advance(1)
    progress.finish()
    return rows


def _kept(item: RunResult) -> Row:
    verdict = item.verdict.to_dict()
    return {"strategy": item.strategy, **{name: verdict[name] for name in _KEPT}}


def calibrations(home: Home, progress: Progress) -> list[Row]:
    """Return the calibration facts of every source with enough resolved markets."""
    chosen = [info.name for info in price_sources(home) if info.resolved_markets >= _FEWEST_MARKETS]
    progress.start("calibration", len(chosen), "sources")
    rows = []
    for name in chosen:
        panel, outcomes = load_panel(home, source=name)
        if not bool((outcomes.payout_e4 >= 0).any()):
            raise DataError("no-resolved", f"{name} holds no resolved market with a price")
        rows.append({**facts(panel, outcomes), "span": _span(panel.t)})
        progress.advance(1)
    progress.finish()
    return rows


def _span(t: Any) -> list[int]:
    return [int(np.min(t)), int(np.max(t))]
