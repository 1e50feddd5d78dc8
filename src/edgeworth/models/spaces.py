"""Which settings of each learner a search may change, and how far."""

from dataclasses import dataclass
from typing import Any, Final

from edgeworth.models.learners import make


@dataclass(frozen=True, slots=True)
class Range:
    """Values from `low` to `high`, both included; `log` spreads them evenly in logarithms, `whole` are integers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


SPACES: Final[dict[str, dict[str, Range]]] = {
    "logistic": {"ridge": Range(1.0, 500.0, log=True)},
    "xgb": {
        "rounds": Range(40, 400, whole=True),
        "rate": Range(0.01, 0.12, log=True),
        "depth": Range(2, 5, whole=True),
        "least_weight": Range(10.0, 250.0, log=True),
        "ridge": Range(1.0, 100.0, log=True),
        "rows": Range(0.4, 0.9),
        "columns": Range(0.3, 0.9),
    },
    "lgbm": {
        "rounds": Range(40, 400, whole=True),
        "rate": Range(0.01, 0.12, log=True),
        "leaves": Range(3, 16, whole=True),
        "least_rows": Range(30, 400, log=True, whole=True),
        "ridge": Range(1.0, 100.0, log=True),
        "rows": Range(0.4, 0.9),
        "columns": Range(0.3, 0.9),
    },
    "nn": {
        "rate": Range(5e-4, 1e-2, log=True),
        "decay": Range(1e-4, 1e-1, log=True),
        "dropout": Range(0.0, 0.5),
    },
}


def defaults(kind: str) -> dict[str, Any]:
    """Return the settings of a learner's space as they are without a search; empty where nothing can be searched."""
    learner = make(kind)
    return {name: getattr(learner, name) for name in SPACES.get(kind, {})}
