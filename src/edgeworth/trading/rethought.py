"""Opinions thought again in one batch, as a backtest thinks: features of all recorded rows at once, then the voices.

The bot saw one tick after another and nothing later. If features and voices look back only, the batch over everything
that was recorded says the same of every row, to the bit.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from edgeworth.core.panel import Int64s, Panel
from edgeworth.features.registry import View
from edgeworth.forecasting.speaking import Rows, Speaker
from edgeworth.trading.record import Line
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
    panel, rows = _whole(base, lines, watched)
    was = {(one.name, one.side, one.p, one.se, one.reason) for line in lines for one in line.opinions}
    books = {line.tick.t: line.tick.books for line in lines}
    now = _batch(panel, books, rows, voices) if len(rows) else set()
    differ = sorted({one[0] for one in was ^ now})
    return Rethought(opinions=len(was), differ=len(differ), named=tuple(differ[:_NAMED]))


def _whole(base: Panel, lines: Sequence[Line], watched: Sequence[int]) -> tuple[Panel, Int64s]:
    """Return the panel as it was after the last tick, and the rows that the ticks added to watched markets.

    What `trading.tail` adds tick by tick is added at once here, by the same rule: a point later than the market's last.
    """
    place = {number: k for k, number in enumerate(base.markets["market_no"].to_list())}
    added: list[list[tuple[int, int]]] = [[] for _ in place]
    newest = [
        int(base.t[end - 1]) if end > first else -(2**63)
        for first, end in pairwise(base.offsets.tolist())
    ]  # fmt: skip
    for line in lines:
        for book in line.tick.books:
            k, mid = place.get(book.market_no), book.mid_e4
            if k is not None and mid is not None and newest[k] < line.tick.t:
                added[k].append((line.tick.t, mid))
                newest[k] = line.tick.t
    counts = np.array([len(each) for each in added], np.int64)
    where = np.repeat(base.offsets[1:], counts)
    points = np.array([pair for each in added for pair in each], np.int64).reshape(-1, 2)
    offsets = base.offsets + np.concatenate(([0], np.cumsum(counts)))
    panel = Panel(
        markets=base.markets, offsets=offsets, t=np.insert(base.t, where, points[:, 0]),
        price_e4=np.insert(base.price_e4, where, points[:, 1].astype(np.int32)), end_offsets=base.end_offsets,
        end_known_at=base.end_known_at, end_value=base.end_value, source=base.source, fingerprint="",
    )  # fmt: skip
    chosen = sorted(place[number] for number in watched)
    rows = [np.arange(offsets[k + 1] - counts[k], offsets[k + 1], dtype=np.int64) for k in chosen]
    return panel, np.concatenate([*rows, np.empty(0, np.int64)])


def _batch(
    panel: Panel, books: Mapping[int, Sequence[MarketBook]], rows: Int64s, voices: Sequence[Speaker]
) -> set[tuple[str, int, float, float, str]]:  # fmt: skip
    names = list(dict.fromkeys(name for voice in voices for name in voice.needs))
    frame = View(panel).compute(names, rows)
    owner = np.searchsorted(panel.offsets, rows, side="right") - 1
    numbers = panel.markets["market_no"].to_numpy()[owner]
    order = np.argsort(panel.t[rows], kind="stable")  # within a tick the rows stay ascending
    times, first = np.unique(panel.t[rows][order], return_index=True)
    found = set()
    for t, index in zip(times.tolist(), np.split(order, first[1:]), strict=True):
        own, market_no = rows[index], numbers[index]
        asks = asks_of(books[t], market_no.tolist())
        seen = Rows(panel, own, frame[index], panel.price_e4[own].astype(np.int64), asks)
        for voice in voices:
            said = voice.speak(seen, t)
            p, se = said.odds.fair(), said.odds.error()
            for k, (row, side) in enumerate(zip(said.index.tolist(), said.side.tolist(), strict=True)):
                name = f"{voice.name}/{int(market_no[row])}/{t}"
                found.add((name, int(side), float(p[k]), float(se[k]), said.reason[k]))
    return found
