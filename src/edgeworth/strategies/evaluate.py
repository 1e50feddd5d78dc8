"""Turn a rule into decisions over a frame of features, with the user's own line in every error."""

import linecache
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, EdgeworthError
from edgeworth.core.panel import Floats
from edgeworth.core.types import Side
from edgeworth.features.rowwise import evaluate
from edgeworth.strategies.base import Call, Row, Strategy, as_calls

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a rule says about each of R rows: side 0 where it says nothing, `reason` the number of the call.

    `p` and `se` are NaN where not stated, None where no call states them.
    """

    side: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int16]
    p: Floats | None
    se: Floats | None


def calls_of(rule: Strategy) -> tuple[Call, ...]:
    """Ask the rule once; raises DataError `strategy-broken` with the user's line when it fails."""
    try:
        return as_calls(rule.opinions(Row(rule.needs, rule.name)))
    except EdgeworthError:
        raise
    except Exception as error:  # the edge to a user's code: whatever it raises is told with its own line
        raise broken(f"strategy '{rule.name}'", error) from error


def broken(what: str, error: BaseException) -> DataError:
    """Return the error `strategy-broken` that names the user's file, line and message."""
    where = ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" at {Path(error.filename).name}:{error.lineno}"
        if error.text:
            where += f" `{error.text.strip()}`"
    else:
        own = [entry for entry in traceback.extract_tb(error.__traceback__) if not _ours(entry.filename)]
        if own:
            line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
            where = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" + (f" `{line}`" if line else "")
    message = getattr(error, "msg", None) or str(error)
    first = next(iter(message.strip().splitlines()), "")
    return DataError("strategy-broken", f"{what} fails{where}: {type(error).__name__}: {first}")


def expressions(calls: Sequence[Call]) -> "dict[str, pl.Expr]":
    """Return every expression of the calls under a name: `when0`, `p0`, `se0`, …; a null condition is false."""
    named: dict[str, Any] = {}
    for number, call in enumerate(calls):
        named[f"when{number}"] = call.when.fill_null(value=False)
        if call.p is not None:
            named[f"p{number}"] = call.p
        if call.se is not None:
            named[f"se{number}"] = call.se
    return named


def decide(
    rule: Strategy,
    frame: "pl.DataFrame",
    calls: Sequence[Call],
    allowed: Sequence[npt.NDArray[np.bool_] | None] | None = None,
) -> Decisions:
    """Evaluate the calls over a frame; where several hold, the first counts.

    `allowed` says per call where it may hold at all (what was decided before), None everywhere. Raises DataError
    `strategy-broken` for a condition that is not boolean or a probability outside [0, 1].
    """
    values = run(rule, frame, expressions(calls))
    side = np.zeros(frame.height, np.int8)
    reason = np.zeros(frame.height, np.int16)
    stated: dict[str, Floats] = {}
    for number, call in enumerate(calls):
        holds = _condition(rule, values[f"when{number}"]) & (side == 0)
        if allowed is not None and allowed[number] is not None:
            holds &= allowed[number]
        side[holds] = int(call.side)
        reason[holds] = number
        for kind in ("p", "se"):
            if f"{kind}{number}" in values.columns:
                column = stated.setdefault(kind, np.full(frame.height, np.nan))
                column[holds] = _numbers(rule, values[f"{kind}{number}"])[holds]
    p, se = stated.get("p"), stated.get("se")
    if p is not None and bool(((p < 0) | (p > 1)).any()):
        raise DataError("strategy-broken", f"strategy '{rule.name}' states a probability outside [0, 1]")
    return Decisions(side, reason, p, se)


def run(rule: Strategy, frame: "pl.DataFrame", named: "Mapping[str, pl.Expr]") -> "pl.DataFrame":
    """Evaluate expressions of a rule over a frame; raises DataError `strategy-broken` with polars' first line."""
    import polars as pl

    try:
        return evaluate(frame, named).rename(lambda name: name.removeprefix("="))
    except pl.exceptions.PolarsError as error:
        raise broken(f"strategy '{rule.name}'", error) from error


def sides(rule: Strategy, rows: Sequence[Mapping[str, Any]]) -> list[Side | None]:
    """Return the side a rule takes on each of some invented rows, None where it says nothing; for tests of rules.

    A row gives the features by name: `sides(FadeHigh(), [{"price": 0.9}])`.
    """
    import polars as pl

    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    return [Side(int(side)) if side else None for side in decide(rule, frame, calls_of(rule)).side]


def _condition(rule: Strategy, values: "pl.Series") -> npt.NDArray[np.bool_]:
    import polars as pl

    if values.dtype != pl.Boolean:
        raise DataError("strategy-broken", f"strategy '{rule.name}': `when` is {values.dtype}, not a condition")
    return values.to_numpy()


def _numbers(rule: Strategy, values: "pl.Series") -> Floats:
    if not values.dtype.is_numeric():
        raise DataError("strategy-broken", f"strategy '{rule.name}': a probability is {values.dtype}, not a number")
    numbers: Floats = values.cast(float).fill_null(float("nan")).to_numpy()
    return numbers


def _ours(filename: str) -> bool:
    here = Path(__file__).parent
    path = Path(filename)
    return "site-packages" in path.parts or (path.is_relative_to(here.parent) and path.parent != here / "rules")
