"""The scale study as tables: what was computed how fast, and pooled against per-coin models."""

from typing import Any

from edgeworth.research.learning_page import gained
from edgeworth.research.markdown import line, table
from edgeworth.research.wording import NONE

Row = dict[str, Any]


def tables(found: Row) -> Row:
    """Return the tables of a scale study for the template."""
    steps = [line(step["step"], f"{step['rows']:,}", f"{step['seconds']:,.1f}") for step in found["steps"]]
    variance = [_variance(pool, row) for pool in found["pools"] for row in pool["variance"]]
    ways = [_direction(pool, row) for pool in found["pools"] for row in pool["direction"]]
    left = [
        line(f"{pool['pool']}: {each['model']}", each["reason"]) for pool in found["pools"] for each in pool["left_out"]
    ]
    return {
        "coins": found["coins"], "rows": f"{found['rows']:,}", "recorded": f"{found['recorded']:,}",
        "columns": found["columns"], "peak": f"{found['peak_gb']:.2f}", "seconds": f"{found['seconds']:,.0f}",
        "bar": "met" if found["peak_gb"] <= 4.0 else "MISSED",
        "steps": table(("step", "rows", "seconds"), steps, 2),
        "variance": table(
            ("candles", "forecast of variance", "contracts", "coins", "log-loss of touches", "QLIKE of variance",
             "log-loss less pooled HAR"), variance, 5,
        ),
        "direction": table(
            ("candles", "model", "rows", "coins", "accuracy", "log-loss gained over one half", "accuracy less pooled",
             "log-loss gained less pooled"), ways, 6,
        ),
        "refused": "; ".join(f"{each['coin']}: {each['reason']}" for each in found["refused"]),
        "left": table(("model", "left out because"), left) if left else "",
    }  # fmt: skip


def _variance(pool: Row, row: Row) -> str:
    less = NONE if row["excess"] is None else gained(row["excess"])
    return line(
        pool["pool"], row["model"], f"{row['contracts']:,}", f"{row['coins']}", f"{row['log_loss']:.4f}",
        f"{row['qlike']:.4f}", less,
    )  # fmt: skip


def _direction(pool: Row, row: Row) -> str:
    apart = row["apart"]
    return line(
        pool["pool"], row["model"], f"{row['rows']:,}", f"{row['coins']}", points(row["accuracy"]),
        gained(row["gain"], 5), NONE if apart is None else points(apart["accuracy"], sign="+"),
        NONE if apart is None else gained(apart["gain"], 5),
    )  # fmt: skip


def points(found: Row, sign: str = "") -> str:
    """Write an accuracy, or a difference of two, in per cent with its interval."""
    value, low, high = (100 * found[name] for name in ("value", "low", "high"))
    return f"{value:{sign}.2f} % [{low:{sign}.2f}, {high:{sign}.2f}]"
