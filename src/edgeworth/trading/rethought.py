"""Opinions thought again in one batch, as a backtest thinks: features of all recorded rows at once, then the voices.

The bot saw one tick after another and nothing later. If features and voices look back only, the batch over everything
that was recorded says the same of every row, to the bit.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from edgeworth.core.panel import Int64s, Panel
from edgeworth.features.registry import View
from edgeworth.forecasting.speaking import Rows, Speaker
from edgeworth.trading.record import Line
from edgeworth.trading.tail import Tail
from edgeworth.trading.ticks import MarketBook, asks_of

_NAMED: Final = 20  # differences that are named


class Rethought(msgspec.Struct, frozen=True, kw_only=True):
    """How many opinions were thought again, how many of them differ, and the names of the first of those."""

    opinions: int
    differ: int
    named: tuple[str, ...] = ()


def rethink(base: Panel, lines: Sequence[Line], watched: Sequence[int], voices: Sequence[Speaker]) -> Rethought:
    """Compare what was said at each tick with what the voices say of the same rows in one batch.

    `base` is the panel the run began with, `watched` its market numbers.
    """
    tail = Tail(base, watched)
    before = [int(base.offsets[place + 1] - base.offsets[place]) for place in range(base.market_count)]
    for line in lines:
        tail.append(line.tick.t, line.tick.books)
    panel = tail.panel
    rows = np.concatenate(
        [np.arange(panel.offsets[k] + before[k], panel.offsets[k + 1]) for k in tail.watched.tolist()]
        or [np.empty(0, np.int64)]
    ).astype(np.int64)
    was = {(one.name, one.side, one.p, one.se, one.reason) for line in lines for one in line.opinions}
    books = {line.tick.t: line.tick.books for line in lines}
    now = _batch(panel, (tail, books), rows, voices) if len(rows) else set()
    differ = sorted({one[0] for one in was ^ now})
    return Rethought(opinions=len(was), differ=len(differ), named=tuple(differ[:_NAMED]))


def _batch(
    panel: Panel, seen_by: tuple[Tail, Mapping[int, Sequence[MarketBook]]], rows: Int64s, voices: Sequence[Speaker]
) -> set[tuple[str, int, float, float, str]]:  # fmt: skip
    tail, books = seen_by
    names = list(dict.fromkeys(name for voice in voices for name in voice.needs))
    frame = View(panel).compute(names, rows)
    numbers = panel.markets["market_no"].to_numpy()
    found = set()
    times = panel.t[rows]
    for t in np.unique(times).tolist():
        index = np.flatnonzero(times == t)
        own = rows[index]
        market_no = numbers[tail.market_of(own)]
        asks = asks_of(books[t], market_no.tolist())
        seen = Rows(panel, own, frame[index], panel.price_e4[own].astype(np.int64), asks)
        for voice in voices:
            said = voice.speak(seen, t)
            p, se = said.odds.fair(), said.odds.error()
            for k, (row, side) in enumerate(zip(said.index.tolist(), said.side.tolist(), strict=True)):
                name = f"{voice.name}/{int(market_no[row])}/{t}"
                found.add((name, int(side), float(p[k]), float(se[k]), said.reason[k]))
    return found
