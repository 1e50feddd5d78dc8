"""The fair value as a forecaster of its own: its log-odds in place of the market's, where there is one."""

import json
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import UsageError
from edgeworth.models.examples import Examples

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]

GAP: Final = "fv_logit_gap"  # log-odds of the fair value less those of the price


class FairValueFitted:
    """Move the price to the fair value; rows without one keep the price."""

    kind = "fair-value"

    def __init__(self, columns: int, place: int) -> None:
        self._columns, self._place = columns, place

    def correct(self, x: Float32s) -> Floats:
        """Return the gap in log-odds, 0 where unknown, shape (n,)."""
        gap = np.asarray(x[:, self._place], dtype=np.float64)
        return np.where(np.isfinite(gap), gap, 0.0)

    def contributions(self, x: Float32s) -> Floats:
        """Return the correction in the gap's own column, shape (n, K + 1)."""
        result = np.zeros((len(x), self._columns + 1))
        result[:, self._place] = self.correct(x)
        return result

    def importance(self) -> Floats:
        """Return 1 for the gap."""
        result = np.zeros(self._columns)
        result[self._place] = 1.0
        return result

    def save(self) -> Mapping[str, bytes]:
        """Return where the gap stands among the columns."""
        return {"fair-value.json": json.dumps({"columns": self._columns, "place": self._place}).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> "FairValueFitted":
        """Return what `save` wrote."""
        found = json.loads(files["fair-value.json"])
        return cls(int(found["columns"]), int(found["place"]))


class FairValueLearner:
    """The closed forms with a forecast volatility, as columns of `research.fairvalue_columns`; nothing is fitted."""

    kind = "fair-value"

    def fit(self, examples: Examples, seed: int) -> FairValueFitted:  # noqa: ARG002  (one interface for all)
        """Return the fair value; raises UsageError unknown-feature when the rows have no fair-value columns."""
        if GAP not in examples.names:
            raise UsageError(
                "unknown-feature", f"the rows have no column '{GAP}'", "build them with fair-value columns"
            )
        return FairValueFitted(len(examples.names), examples.names.index(GAP))
