"""What became of stored signals: the first allowed signal of a rule in each market, joined with how the market ended.

Only live batches count: a scan of the past (`--as-of`) is a replay. A signal counts only when it was stored before its
market's outcome was known. The e-value is wealth against "the all-in cost is the right price", one bet per event in the
order of the signals; it may be looked at every day (`models.anytime`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from edgeworth.core.instants import parse_instant
from edgeworth.core.paths import Home
from edgeworth.core.types import Payout, ResolutionState, Side
from edgeworth.models.anytime import p_from_e, robust_wealth
from edgeworth.research.batch_signals.journal import Journal

_ALLOWED: Final = "allowed"


@dataclass(frozen=True, slots=True)
class Signal:
    """A stored signal: `fair` and `cost` are of the side, `at` when it was stored, `cluster` its event or category."""

    rule: str
    market_no: int
    cluster: str
    side: Side
    fair: float
    cost: float
    at: int


@dataclass(frozen=True, slots=True)
class Score:
    """How a rule's signals fared; dollars per one-share signal. `e_value` above 20 is evidence at the 5 % level."""

    rule: str
    signals: int
    resolved: int
    events: int
    win_rate: float | None
    break_even: float | None
    profit: float | None
    expected: float | None
    e_value: float | None
    p_value: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def stored_signals(home: Home) -> list[Signal]:
    """Return the first allowed signal of each rule in each market, oldest first; raises DataError store-corrupt."""
    found: dict[tuple[str, int], Signal] = {}
    folders = sorted(path for path in (home.root / "signals").glob("*") if path.is_dir())
    for folder in folders:
        for stored in Journal(home, folder.name).batches():
            for signal in _signals(stored["batch"]):
                key = (signal.rule, signal.market_no)
                if key not in found or signal.at < found[key].at:
                    found[key] = signal
    return sorted(found.values(), key=lambda signal: (signal.at, signal.rule, signal.market_no))


def _signals(batch: Mapping[str, Any]) -> Iterable[Signal]:
    if batch["point_in_time"]:
        return
    at = int(parse_instant(batch["recorded_at"]))
    for entry in batch["review_queue"]:
        if entry["gate"] == _ALLOWED:
            side = Side.YES if entry["side"] == "YES" else Side.NO
            numbers = float(entry["fair"]), float(entry["cost"])
            yield Signal(entry["rule"], int(entry["market_no"]), entry["cluster_id"], side, *numbers, at)


def scores(home: Home, now: int) -> list[Score]:
    """Return the score of every rule that has stored an allowed signal, by name; raises what the store raises."""
    signals = stored_signals(home)
    ended = payouts(home, now) if signals else {}
    rules = sorted({signal.rule for signal in signals})
    return [_score(rule, [signal for signal in signals if signal.rule == rule], ended) for rule in rules]


def payouts(home: Home, now: int) -> dict[int, tuple[int, int]]:
    """Return (payout of YES in 1e-4 dollars, known at) of every market finally resolved by `now`, the earliest word."""
    import polars as pl

    from edgeworth.store.frames import read_tables

    columns = ("market_no", "payout_e4", "state", "resolved_at", "known_at")
    rows = read_tables(home, {"market_resolutions": columns})["market_resolutions"]
    final = rows.filter((pl.col("state") == str(ResolutionState.FINAL)) & pl.col("resolved_at").is_not_null())
    known = final.with_columns(pl.max_horizontal("known_at", "resolved_at").alias("known_at"))
    known = known.filter(pl.col("known_at") <= now).sort("known_at", descending=True)
    return {int(row["market_no"]): (int(row["payout_e4"]), int(row["known_at"])) for row in known.iter_rows(named=True)}


def _score(rule: str, signals: list[Signal], ended: Mapping[int, tuple[int, int]]) -> Score:
    done = [(signal, ended[signal.market_no][0]) for signal in signals if signal.market_no in ended]
    done = [(signal, payout) for signal, payout in done if signal.at < ended[signal.market_no][1]]
    settled = [(signal, _received(signal, payout)) for signal, payout in done if payout != Payout.VOID]
    if not settled:
        return Score(rule, len(signals), 0, 0, None, None, None, None, None, None)
    cost, received = (np.array(values) for values in zip(*((s.cost, r) for s, r in settled), strict=True))
    expected = float(np.mean([signal.fair - signal.cost for signal, _ in settled]))
    ratios, events = _ratios(settled)
    e_value = float(robust_wealth(ratios)[-1]) if len(ratios) else None
    best = float(robust_wealth(ratios).max()) if len(ratios) else 0.0
    return Score(
        rule, len(signals), len(settled), events, float(received.mean()), float(cost.mean()),
        float((received - cost).mean()), expected, e_value, p_from_e(best) if e_value is not None else None,
    )  # fmt: skip


def _received(signal: Signal, payout: int) -> float:
    return (payout if signal.side is Side.YES else Payout.YES - payout) / 10_000


def _ratios(settled: list[tuple[Signal, float]]) -> "tuple[np.ndarray[Any, np.dtype[np.float64]], int]":
    """Return the likelihood ratio of one bet per event, in the order of the signals; halves are no bets."""
    ratios, seen = [], set()
    for signal, received in settled:
        # markets that share only their category are events of their own
        event = signal.cluster if signal.cluster.startswith("event:") else f"market:{signal.market_no}"
        if event in seen or received not in {0.0, 1.0} or not 0.0 < signal.cost < 1.0:
            continue
        seen.add(event)
        ratios.append(signal.fair / signal.cost if received else (1.0 - signal.fair) / (1.0 - signal.cost))
    return np.array(ratios, np.float64), len(seen)
