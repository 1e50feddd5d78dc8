"""What research hands back: verdicts, runs, calibration reports; plain values with `to_dict`, no numpy inside.

`None` has one meaning here: the figure does not exist (no trades, no grid, not enough data), never "forgotten".
"""

import math
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any


class VerdictClass(StrEnum):
    """How a verdict ends, worst first."""

    INVALID = "invalid"
    NO_EDGE = "no edge"
    UNPROVEN = "unproven"
    EDGE = "edge at this size"


class Kind(StrEnum):
    """What a result stands for: the rule itself, its reverse control, or one point of a grid."""

    RULE = "rule"
    REVERSE = "reverse"
    VARIANT = "variant"


@dataclass(frozen=True, slots=True)
class CostLine:
    """The flat trades at one multiple of the stated costs; `roi` with its event-block interval."""

    multiplier: float
    roi: float | None
    roi_low: float | None
    roi_high: float | None
    profit: float
    break_even: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was asked for and what was there.

    `requested` markets chosen, `priced` of them with prices in the range, `resolved` of those with a final payout,
    `fired` markets where the rule fired in time, `traded` of those with an executable next price and a known payout.
    """

    requested: int
    priced: int
    resolved: int
    fired: int
    traded: int
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Return priced over requested markets, 0 without any."""
        return self.priced / self.requested if self.requested else 0.0


@dataclass(frozen=True, slots=True)
class LintLine:
    """One check of the leak lint; `passed` None means it did not apply."""

    code: str
    passed: bool | None
    note: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one rule, on flat one-share trades at the executable price.

    Rates are shares of 1, money is dollars per one-share trade summed; `sharpe` and `dsr` are per event return;
    `p_value` is one-sided against "the market price is right", `p_adjusted` the same for all distinct configurations
    tried in this home. `events_needed` is the number that 80 % power asks at the estimated edge: what a fresh
    confirmation takes. `events_floor` is the same at the upper end of the interval of `roi`: with fewer, even the most
    favourable reading proves nothing.
    """

    strategy: str
    outcome: VerdictClass
    sentence: str
    what_would_change: str
    trades: int
    events: int
    roi: float | None
    roi_low: float | None
    roi_high: float | None
    confidence: float
    profit: float
    cost: float
    p_value: float | None
    p_adjusted: float | None
    win_rate: float | None
    break_even: float | None
    sharpe: float | None
    trials: int
    trials_distinct: int
    dsr: float | None
    pbo: float | None
    e_value: float | None
    costs: tuple[CostLine, ...]
    coverage: Coverage
    lint: tuple[LintLine, ...]
    fidelity: str
    events_needed: int | None
    days_needed: float | None
    look_ahead: bool = False
    events_floor: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; not-a-number and infinity become null."""
        return plain(asdict(self))


@dataclass(frozen=True, slots=True)
class RunResult:
    """One strategy of a run: its verdict on flat trades and, beside it, the sized portfolio's figures.

    `portfolio` is None where none was walked (reverse controls and grid variants). `breakdowns` holds the tables of
    the report by name (each a list of rows), `curves` its lines.
    """

    strategy: str
    version: int
    parameters: dict[str, Any]
    kind: Kind
    verdict: Verdict
    portfolio: dict[str, Any] | None = None
    breakdowns: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return plain({**own, "verdict": self.verdict.to_dict()})


@dataclass(frozen=True, slots=True)
class Failure:
    """A strategy that could not be evaluated; it counts as a trial all the same."""

    strategy: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """One invocation of `run_backtest`: its folder, one result per strategy, reverse controls and grid beside."""

    run_id: str
    folder: Path
    created_at: int
    results: tuple[RunResult, ...]
    reverses: tuple[RunResult, ...]
    variants: tuple[RunResult, ...]
    failures: tuple[Failure, ...]
    data: dict[str, Any]
    holdout: dict[str, Any]
    warnings: tuple[str, ...]
    seconds: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: the content of `metrics.json` (schema edgeworth.run/1)."""
        return plain(
            {
                "schema": "edgeworth.run/1",
                "run_id": self.run_id,
                "created_at": self.created_at,
                "results": [item.to_dict() for item in self.results],
                "reverses": [item.to_dict() for item in self.reverses],
                "variants": [item.to_dict() for item in self.variants],
                "failures": [asdict(item) for item in self.failures],
                "data": self.data,
                "holdout": self.holdout,
                "warnings": list(self.warnings),
                "seconds": self.seconds,
            }
        )


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """One bin of a reliability table: prices in [low, high), and how often YES came.

    `wilson_*` treats rows as independent (shown for comparison), `cluster_*` is robust to events.
    """

    low: float
    high: float
    n: int
    events: int
    mean_price: float
    win_rate: float
    wilson_low: float
    wilson_high: float
    cluster_low: float
    cluster_high: float


@dataclass(frozen=True, slots=True)
class Lens:
    """One way to look at the same question: the mean of win minus price (`bias`) with its event-cluster interval."""

    name: str
    group: str
    n: int
    events: int
    bias: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """How well a sample of prices was calibrated; `look_ahead` stamps every rendering."""

    sample: str
    until: str
    outcomes: str
    source: str
    look_ahead: bool
    n: int
    markets: int
    events: int
    brier: float
    log_loss: float
    base_rate: float
    mean_price: float
    table: tuple[CalibrationBin, ...]
    corp: dict[str, float]
    murphy: dict[str, float]
    recalibration: dict[str, float | None]
    twins: dict[str, dict[str, float]]
    lenses: tuple[Lens, ...]
    sign_flips: str
    excluded: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return plain({"schema": "edgeworth.calibration/1", **asdict(self)})


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON-ready copy: enums and paths as text, NaN and infinity as None, tuples as lists."""
    return {str(key): _plain(item) for key, item in values.items()}


def _plain(value: Any) -> Any:
    if type(value) is float:  # most of what there is
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, StrEnum | Path):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
