"""From what a tick saw to opinions: the tail of the panel, its features, and what strategies and models say of them.

This is the backtest's own path (features over rows, rules over one row each, fair values learned from resolved pasts),
on this minute's rows. It has no clock and no venue: the same tail, speakers and tick give the same opinions.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import numpy as np

from edgeworth.core.panel import Floats, Int64s, Panel
from edgeworth.features.registry import View
from edgeworth.trading.tail import Tail
from edgeworth.trading.ticks import Tick

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

_SHOWN: Final = 5  # features of a row that are kept with an opinion


class Beliefs(Protocol):
    """What sides are worth, R of them; shape (R,)."""

    def fair(self) -> Floats:
        """Return the win probability of each side."""

    def error(self) -> Floats:
        """Return its standard error."""


class Saying(Protocol):
    """What one speaker says about rows: where, which side, why, how sure."""

    @property
    def index(self) -> Int64s:
        """Return the rows it speaks about, ascending."""

    @property
    def side(self) -> "npt.NDArray[np.int8]":
        """Return +1 YES or -1 NO for each."""

    @property
    def reason(self) -> tuple[str, ...]:
        """Return why, for each."""

    @property
    def odds(self) -> Beliefs:
        """Return what the sides are worth."""


class Voice(Protocol):
    """A rule or a model that has opinions about the newest rows of a panel."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the features it reads."""

    @property
    def name(self) -> str:
        """Return its name."""

    def speak(self, frame: "pl.DataFrame", price_e4: Int64s, as_of: int) -> Saying:
        """Say what it thinks of rows with their features and YES prices, knowing what was known at `as_of`."""


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy thinks of one market at one instant: not an order.

    `p` and `se` are of the side (+1 YES, -1 NO) winning; `features` are those the strategy reads, as it saw them.
    """

    market_no: int
    t: int
    side: int
    p: float
    se: float
    price_e4: int
    strategy: str
    reason: str
    features: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """Return what identifies it for ever."""
        return f"{self.strategy}/{self.market_no}/{self.t}"


class Decider:
    """Hold the tail and the voices; `decide` takes in a tick and returns the opinions about what it saw."""

    def __init__(self, tail: Tail, voices: Sequence[Voice]) -> None:
        self.tail = tail
        self.voices = tuple(voices)
        self._numbers = tail.panel.markets["market_no"].to_numpy().astype(np.int64)
        self._names = list(dict.fromkeys(name for voice in self.voices for name in voice.needs))

    def decide(self, tick: Tick) -> list[Opinion]:
        """Add the tick to the tail and return all opinions about its fresh rows, by voice, then by market."""
        rows = self.tail.append(tick.t, tick.books)
        if not len(rows):
            return []
        panel = self.tail.panel
        frame = View(panel).compute(self._names, rows)
        price = panel.price_e4[rows].astype(np.int64)
        market_no = self._numbers[self.tail.market_of(rows)]
        found: list[Opinion] = []
        for voice in self.voices:
            found += self._of(voice, frame, (price, market_no), tick.t)
        return found

    def _of(self, voice: Voice, frame: "pl.DataFrame", rows: tuple[Int64s, Int64s], t: int) -> list[Opinion]:
        price, market_no = rows
        said = voice.speak(frame, price, t)
        if not len(said.index):
            return []
        p, se = said.odds.fair(), said.odds.error()
        names = [name for name in voice.needs if frame[name].dtype.is_numeric()][:_SHOWN]
        values = frame.select(names)[said.index].rows()
        return [
            Opinion(
                market_no=int(market_no[row]),
                t=t,
                side=int(side),
                p=float(p[k]),
                se=float(se[k]),
                price_e4=int(price[row]),
                strategy=voice.name,
                reason=said.reason[k],
                features=tuple((name, float(v)) for name, v in zip(names, values[k], strict=True) if v is not None),
            )
            for k, (row, side) in enumerate(zip(said.index.tolist(), said.side.tolist(), strict=True))
        ]


def restrict(panel: Panel, market_nos: Sequence[int]) -> Panel:
    """Return a panel with only some markets and, so that event features stay whole, all markets of their events."""
    import polars as pl

    numbers = panel.markets["market_no"]
    events = panel.markets.filter(numbers.is_in(list(market_nos)))["event_no"].unique().implode()
    keep = np.flatnonzero((panel.markets["event_no"].is_in(events) | numbers.is_in(list(market_nos))).to_numpy())
    counts = np.diff(panel.offsets)[keep]
    points = _ranges(panel.offsets[keep], counts)
    ends_count = np.diff(panel.end_offsets)[keep]
    ends = _ranges(panel.end_offsets[keep], ends_count)
    assert isinstance(panel.markets, pl.DataFrame)
    return Panel(
        markets=panel.markets[keep],
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        t=panel.t[points],
        price_e4=panel.price_e4[points],
        end_offsets=np.concatenate(([0], np.cumsum(ends_count))).astype(np.int64),
        end_known_at=panel.end_known_at[ends],
        end_value=panel.end_value[ends],
        source=panel.source,
        fingerprint=panel.fingerprint,
    )


def _ranges(first: Int64s, count: Int64s) -> Int64s:
    starts = np.concatenate(([0], np.cumsum(count))).astype(np.int64)
    ranges: Int64s = np.arange(starts[-1]) - np.repeat(starts[:-1], count) + np.repeat(first, count)
    return ranges
