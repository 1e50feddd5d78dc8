"""What a generated world consists of, as arrays and words; no behaviour beyond looking things up."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.sandbox.kinds import Kind
from edgeworth.sandbox.scenario import Scenario
from edgeworth.sandbox.spot import Spot
from edgeworth.sandbox.wording import EventText

Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PanelArrays:
    """Arrays of a world as at its dump. Market i owns points `offsets[i]:offsets[i+1]`.

    Per point: `t` microseconds, `price_e4` quoted YES price, `latent` true probability. Per market: `event` index,
    `kind` index into `kind_names`, `payout_e4` (-1 where not yet final at the dump), `event_at`, `proposed_at`,
    `resolved_at` (as they come about, also after the dump), `scheduled_end` (core.panel.UNKNOWN_TIME when none),
    """

    offsets: Ints
    t: Ints
    price_e4: Int32s
    latent: npt.NDArray[np.float32]
    event: Ints
    kind: Ints
    kind_names: tuple[str, ...]
    payout_e4: Int32s
    event_at: Ints
    proposed_at: Ints
    resolved_at: Ints
    scheduled_end: Ints
    created_at: Ints

    def market_of_point(self) -> Ints:
        """Return the market index of every point, shape (N,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def before_event(self) -> npt.NDArray[np.bool_]:
        """Return which points were seen before their market's outcome was known, shape (N,)."""
        result: npt.NDArray[np.bool_] = self.t < np.repeat(self.event_at, np.diff(self.offsets))
        return result


@dataclass(frozen=True, slots=True)
class WorldData:
    """Hold everything a generated world consists of.

    `texts` and `event_kind` are per event, the other names are as in `PanelArrays`. `final_e4` holds true payouts, also
    of markets still open at the dump; `disputed`, `half_spread_e4`, `depth_usd` are per market.
    """

    scenario: Scenario
    seed: int
    arrays: PanelArrays
    spot: Spot
    texts: tuple[EventText, ...]
    event_kind: tuple[Kind, ...]
    final_e4: Int32s
    disputed: npt.NDArray[np.bool_]
    half_spread_e4: Int32s
    depth_usd: Int32s

    @property
    def market_count(self) -> int:
        """Number of markets."""
        return len(self.arrays.offsets) - 1
