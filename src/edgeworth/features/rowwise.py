"""Prove that expressions look at one row: what they give for a frame, they give for any piece of it, in any order."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeworth.core.random import stream

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 400  # rows that are compared at most
_TOLERANCE = 1e-9
_FEW = 100_000  # rows up to which a permutation of all of them is cheap
_SINGLE = 10  # of them alone in a frame of one row, where every aggregate or neighbour gives itself away


def evaluate(frame: "pl.DataFrame", expressions: "Mapping[str, pl.Expr]") -> "pl.DataFrame":
    """Return the named expressions over a frame, broadcasting constants to its height."""
    full = frame.with_columns(**{f"={name}": expression for name, expression in expressions.items()})
    return full.select(f"={name}" for name in expressions)


def first_disagreement(
    frame: "pl.DataFrame",
    expressions: "Mapping[str, pl.Expr]",
    seed: int = 0,
    prefer: "np.ndarray[Any, Any] | None" = None,
) -> str:
    """Return why the expressions are not row-wise, or "" when shuffled pieces and single rows agree.

    `prefer` are rows that must be among those compared, such as those where a rule fires.
    """
    import polars as pl

    if not expressions or frame.height < 1:
        return ""
    draw = stream(seed, "row-wise", frame.height)
    chosen = (
        draw.permutation(frame.height)[:_SAMPLE] if frame.height < _FEW else draw.integers(0, frame.height, _SAMPLE)
    )
    if prefer is not None and len(prefer):
        chosen = np.concatenate([prefer[:_SINGLE], chosen])
    frame = frame[np.sort(chosen)]
    whole = evaluate(frame, expressions)
    shuffled = draw.permutation(frame.height)
    singles = shuffled[:_SINGLE]
    if prefer is not None and len(prefer):  # some of the rows where the rule fires, wherever sorting put them
        singles = np.concatenate([singles, np.flatnonzero(np.isin(np.sort(chosen), prefer[:_SINGLE]))[:_SINGLE]])
    pieces = [shuffled, *np.array_split(shuffled, 4), *np.split(singles, len(singles))]
    pieces = [piece for piece in pieces if len(piece)]
    alone = []
    for piece in pieces:
        try:
            alone.append(evaluate(frame[piece], expressions))
        except pl.exceptions.PolarsError as error:
            return f"it fails on a part of the rows ({error})"
    expected = whole[np.concatenate(pieces)]
    if any(part.schema != whole.schema for part in alone) or not _same(pl.concat(alone), expected):
        return "its value on a row changes when other rows are left out or reordered"
    return ""


def _same(left: "pl.DataFrame", right: "pl.DataFrame") -> bool:
    """Tell whether two frames of equal schema hold the same values."""
    return left.height == right.height and all(_equal(left[name], right[name]) for name in left.columns)


def _equal(left: "pl.Series", right: "pl.Series") -> bool:
    if left.dtype.is_float():  # a vectorised and a single division may differ in the last bit
        same = left.is_close(right, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE, nans_equal=True)
        return bool((same.fill_null(False) | (left.is_null() & right.is_null())).all())
    return bool(left.eq_missing(right).all())
