"""The fair value as a forecaster of its own: scored against the market's price on the same rows, by event."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.core.panel import Outcomes, Panel
from edgeworth.models.scores import Estimate, cluster_mean, log_loss, log_loss_gain, recalibrate
from edgeworth.research.dataset import Plan, build
from edgeworth.research.fairvalue_columns import FairValueColumns

if TYPE_CHECKING:
    import polars as pl

Floats = npt.NDArray[np.float64]
TIME_POINTS: Final = (0.25, 1.0, 2.0, 3.0, 7.0, 14.0, 21.0)
_LEAST: Final = 20  # rows of a kind below which it is not shown alone


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of contract: rows, log-losses, the gain over the price with its interval by event, calibration."""

    kind: str
    rows: int
    log_loss: float
    market_log_loss: float
    gain: Estimate
    slope: float | None
    slope_error: float | None
    apart: float

    @property
    def sentence(self) -> str:
        """Say what the line means."""
        span = f"[{self.gain.low:+.4f}, {self.gain.high:+.4f}]"
        words = f"{self.gain.value:+.4f} nats a row against the price {span}, {self.gain.events:,} events"
        if self.gain.low > 0:
            return f"better than the price: {words}"
        return f"worse than the price: {words}" if self.gain.high < 0 else f"no difference proven: {words}"


@dataclass(frozen=True, slots=True)
class Scored:
    """The lines, everything first; `valued` of `offered` rows of crypto markets had a fair value."""

    lines: tuple[Line, ...]
    offered: int
    valued: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"lines": [asdict(line) for line in self.lines], "offered": self.offered, "valued": self.valued}


def score(
    panel: Panel, outcomes: Outcomes, columns: FairValueColumns, time_points: tuple[float, ...] = TIME_POINTS
) -> Scored:
    """Score fair values at days before the scheduled end, as known then; raises DataError too-few-rows.

    Rows lie before the outcome was known; markets without terms, and rows without candles, are counted and left out.
    """
    import polars as pl

    plan = Plan(time_points=time_points, categories=("crypto",), features=("hours_to_end",))
    frame = build(panel, outcomes, plan, columns).frame
    kinds = dict(zip(panel.markets["market_id"].to_list(), _kinds(panel, columns), strict=True))
    frame = frame.with_columns(pl.col("market_id").replace_strict(kinds, return_dtype=pl.String).alias("kind"))
    valued = frame.filter(pl.col("fv_p").is_not_null())
    if valued.height < _LEAST:
        raise DataError("too-few-rows", f"{valued.height} rows have a fair value: rules or candles are missing")
    lines = [_line("all", valued)]
    for (name,), part in sorted(valued.partition_by("kind", as_dict=True).items()):
        if part.height >= _LEAST:
            lines.append(_line(str(name), part))
    return Scored(tuple(lines), frame.height, valued.height)


def _kinds(panel: Panel, columns: FairValueColumns) -> list[str]:
    numbers = panel.markets["market_no"].to_list()
    return [str(columns.terms[number].kind) if number in columns.terms else "none" for number in numbers]


def _line(kind: str, rows: "pl.DataFrame") -> Line:
    f, m, y = (rows[name].to_numpy().astype(np.float64) for name in ("fv_p", "price", "label"))
    event = rows["event"].to_numpy()
    gain = cluster_mean(log_loss_gain(f, m, y), event)
    inside = (f > 0) & (f < 1)
    fitted = None
    if inside.sum() >= _LEAST and len(np.unique(y[inside])) == 2:
        fitted = recalibrate(f[inside], y[inside], event[inside])
    slope, error = (None, None) if fitted is None else (fitted.slope, fitted.slope_error)
    return Line(kind, rows.height, log_loss(f, y), log_loss(m, y), gain, slope, error, float(np.mean(np.abs(f - m))))
