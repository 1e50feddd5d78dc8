"""The newest snapshots between looks: what is old enough is worked up once, and each look adds only what came since.

A snapshot known shortly before a look may be written after it, so the last minutes are read again. Once in a while all
are read again; what was written later than that then counts, as it would in a process that starts anew.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from edgeworth.core.panel import UNKNOWN_TIME, Int64s
from edgeworth.core.paths import Home
from edgeworth.core.units import HOUR, MINUTE
from edgeworth.research.batch_signals.panels import Points, Quotes, join_quotes, points_of, sane_rows

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.store.recent import Recent

OVERLAP: Final = 10 * MINUTE  # how long after it was known a snapshot may be written and still be seen at once
LASTS: Final = 6 * HOUR  # how long only new snapshots are read before all are read again
_SLOT: Final = HOUR  # how much earlier than it was known a new snapshot may have been due


@dataclass(frozen=True, slots=True)
class Latest:
    """Prices out of snapshots as of a look: `old` points, the same object until all are read again, and `new` ones.

    `numbers`: all markets with a point, ascending; `newest` instant of a point (UNKNOWN_TIME: none); `crossed` rows.
    """

    old: Points
    new: Points
    numbers: Int64s
    newest: int
    quotes: Quotes
    crossed: int


@dataclass(frozen=True, slots=True)
class _State:
    """What was read: `old` points of rows known by `cut` with the last row of each source (`heads`), and `new` rows."""

    old: Points
    heads: "pl.DataFrame"
    new: "pl.DataFrame"
    cut: int
    loaded_at: int
    until: int


class Tail:
    """Snapshots of one home, read piece by piece."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._state: _State | None = None

    def read(self, since: int, as_of: int) -> "tuple[Recent, Latest]":
        """Return what became known in (since, as_of], its snapshots as prices; raises what `read_recent` raises."""
        import polars as pl

        from edgeworth.store.recent import read_recent

        kept = self._state
        if kept is None or not kept.until <= as_of < kept.loaded_at + LASTS:
            recent = read_recent(self._home, since, as_of)
            self._state = kept = _begin(recent.snapshots, as_of)
        else:
            recent = read_recent(self._home, max(kept.until - OVERLAP, kept.cut), as_of, _SLOT)
            both = pl.concat([kept.new, recent.snapshots])
            new = both.unique(("market_no", "source", "known_at", "event_time"), maintain_order=True)
            self._state = kept = replace(kept, new=new, until=as_of)
        return recent, _latest(kept)


def _begin(snapshots: "pl.DataFrame", as_of: int) -> _State:
    import polars as pl

    cut = as_of - OVERLAP
    rows, crossed = sane_rows(snapshots.filter(pl.col("known_at") <= cut))
    heads = rows.unique(("market_no", "source"), keep="last", maintain_order=True).select(snapshots.columns)
    return _State(points_of(rows, crossed), heads, snapshots.filter(pl.col("known_at") > cut), cut, as_of, as_of)


def _latest(state: _State) -> Latest:
    """Put the parts together; the last old row of each source stands before the new ones, so that late words drop."""
    import polars as pl

    old = state.old
    rows, crossed = sane_rows(pl.concat([state.heads, state.new]))
    new = points_of(rows.filter(pl.col("known_at") > state.cut), crossed)
    times = (int(part.t.max(initial=UNKNOWN_TIME)) for part in (old, new))
    numbers = np.union1d(old.markets()[0], new.markets()[0])
    return Latest(old, new, numbers, max(times), join_quotes(old.quotes, new.quotes), old.crossed + crossed)
