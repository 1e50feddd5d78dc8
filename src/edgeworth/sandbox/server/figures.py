"""What a metadata row says of a market at an instant, computed for a whole page of markets at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgeworth.core.units import DAY, HOUR, ONE_PRICE
from edgeworth.sandbox.server.live import LiveWorld, quotes_e4

_AGES = (HOUR, DAY, 7 * DAY, 30 * DAY)
_LEVELS = 4  # of resting dollars, as many times the depth at the best price


class Figures(NamedTuple):
    """One market's figures: prices in 1e-4 dollars, volumes in 1e-6; `changes` over an hour, day, week and month.

    A change is None where the market was not listed then; `bid` is 0 and `ask` 10,000 where that side is empty.
    """

    fair: int
    changes: tuple[int | None, ...]
    bid: int
    ask: int
    tick: int
    open: bool
    volume: int
    day: int
    week: int
    month: int
    liquidity: int


def figures(live: LiveWorld, markets: Sequence[int], now: int) -> list[Figures]:
    """Return the figures of several markets of an undisturbed venue."""
    chosen = np.asarray(markets, dtype=np.int64)
    if not len(chosen):
        return []
    fair = live.fairs_e4(now, chosen)
    tradable = (live.created_at[chosen] <= now) & (now < live.proposed_at[chosen])
    tick = np.where(now >= live.tick_change_at[chosen], live.fine_tick_e4, live.world.scenario.tick_e4)
    half = live.world.half_spread_e4[chosen].astype(np.int64)
    bid, ask = quotes_e4(fair, half, tick)
    volume = live.volumes_e6(now, chosen)
    since = [volume - live.volumes_e6(now - age, chosen) for age in (DAY, 7 * DAY, 30 * DAY)]
    liquidity = np.where(tradable, live.world.depth_usd[chosen].astype(np.int64) * _LEVELS, 0)
    columns: list[npt.NDArray[np.int64]] = [
        fair,
        np.where(tradable, bid, 0),
        np.where(tradable, ask, ONE_PRICE),
        tick,
        volume,
        *since,
        liquidity,
    ]
    changes = _changes(live, chosen, fair, now)
    rows = zip(changes, tradable.tolist(), *(column.tolist() for column in columns), strict=True)
    return [
        Figures(price, moves, low, high, step, is_open, traded, day, week, month, resting)
        for moves, is_open, price, low, high, step, traded, day, week, month, resting in rows
    ]


def _changes(
    live: LiveWorld, markets: npt.NDArray[np.int64], fair: npt.NDArray[np.int64], now: int
) -> list[tuple[int | None, ...]]:
    created = live.created_at[markets]
    moves = []
    for age in _AGES:
        change = (fair - live.fairs_e4(now - age, markets)).tolist()
        old = (now - age > created).tolist()
        moves.append([move if known else None for move, known in zip(change, old, strict=True)])
    return list(zip(*moves, strict=True))
