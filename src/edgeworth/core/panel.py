"""The in-memory shape of history, struct of arrays: what could be known (`Panel`) apart from how it ended (`Outcomes`).

Market i of a panel owns the points `offsets[i]:offsets[i+1]`, ascending in `t`. Features and strategies are handed a
Panel only; the engine and the proof also get the Outcomes of the same markets.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

NEVER = np.iinfo(np.int64).max  # an instant that does not come
UNKNOWN_TIME = np.iinfo(np.int64).min  # no such instant is known


@dataclass(frozen=True, slots=True)
class Panel:
    """Markets and their price points as they could be known.

    `markets`: M rows of schema MARKETS, row i is market i. `offsets`: M+1. `t`: N instants (microseconds) at which the
    point was known, ascending within a market. `price_e4`: N prices of YES. `end_offsets` (M+1), `end_known_at`,
    `end_value` (K): versions of the scheduled end, `end_value` UNKNOWN_TIME when it was withdrawn; a market without any
    version has no scheduled end. `source` names where the prices came from, `fingerprint` identifies the content.
    """

    markets: "pl.DataFrame"
    offsets: Int64s
    t: Int64s
    price_e4: Int32s
    end_offsets: Int64s
    end_known_at: Int64s
    end_value: Int64s
    source: str
    fingerprint: str

    @property
    def market_count(self) -> int:
        """M."""
        return len(self.offsets) - 1

    @property
    def point_count(self) -> int:
        """N."""
        return len(self.t)

    def market_of_point(self) -> Int32s:
        """Return the market index of every point, shape (N,)."""
        return np.repeat(np.arange(self.market_count, dtype=np.int32), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How the markets of a panel ended; hindsight, never handed to features or strategies. All arrays have shape (M,).

    `payout_e4`: 0, 5000, 10000, -2 void, -1 unresolved. `resolved_at`: decided; `known_at`: usable (NEVER when
    unresolved). `event_known_at`: first proposal, or the first point after which the price stays outside [0.03, 0.97]
    for good (NEVER when neither is known); rows at or after it are not decisions.
    """

    payout_e4: Int32s
    resolved_at: Int64s
    known_at: Int64s
    event_known_at: Int64s
