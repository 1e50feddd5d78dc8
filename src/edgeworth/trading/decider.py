"""From what a tick saw to opinions: the tail of the panel, its features, and what strategies and models say of them.

This is the backtest's own path (features over rows, rules over one row each, fair values learned from resolved pasts),
on this minute's rows. It has no clock and no venue: the same tail, speakers and tick give the same opinions.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from edgeworth.core.panel import Int64s
from edgeworth.features.registry import View
from edgeworth.forecasting.speaking import Rows, Speaker
from edgeworth.trading.tail import Tail
from edgeworth.trading.ticks import Tick, asks_of

_SHOWN: Final = 5  # features of a row that are kept with an opinion


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

    def __init__(self, tail: Tail, voices: Sequence[Speaker]) -> None:
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
        market_no = self._numbers[self.tail.market_of(rows)]
        asks = asks_of(tick.books, market_no.tolist())
        seen = Rows(panel, rows, frame, panel.price_e4[rows].astype(np.int64), asks)
        found: list[Opinion] = []
        for voice in self.voices:
            found += self._of(voice, seen, market_no, tick.t)
        return found

    def _of(self, voice: Speaker, seen: Rows, market_no: Int64s, t: int) -> list[Opinion]:
        said, frame, price = voice.speak(seen, t), seen.frame, seen.price_e4
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
