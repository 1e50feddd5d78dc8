"""Copies of a panel for the audits: another future, a cut future, other outcomes, a shorter past; and stacks of them.

Every copy says which of its points must look exactly as in the original. Events stay whole in every copy, so that
whatever is computed within an event can be compared.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.random import stream
from edgeworth.core.units import DAY
from edgeworth.features.columns import listings

if TYPE_CHECKING:
    import polars as pl

Bools = npt.NDArray[np.bool_]
_PAYOUTS: Final = np.array([0, 5_000, 10_000, -2], np.int32)
_LONGEST: Final = 30 * DAY


class Fill(StrEnum):
    """What stands in place of the future."""

    NOISE = "noise"
    TRUNCATE = "nothing"
    ZERO = "the price 0"
    ONE = "the price 1"


@dataclass(frozen=True, slots=True)
class Copy:
    """A changed panel with its outcomes, n points of m markets.

    `how` says in words what was changed, `cut` the instant (UNKNOWN_TIME when each event has its own). `base_row` (n,)
    and `base_market` (m,): where each point and market stands in the original. `watched`: points, ascending, that must
    look as in the original. `decides` False: only feature values are compared. `deep`: learned odds and fills too.
    """

    how: str
    cut: int
    panel: Panel
    outcomes: Outcomes
    base_row: Int64s
    base_market: Int64s
    watched: Int64s
    decides: bool = True
    deep: bool = False


def subset(panel: Panel, outcomes: Outcomes, chosen: Int64s) -> tuple[Panel, Outcomes]:
    """Return the markets at ascending indices `chosen`, nothing else changed."""
    points = _spans(panel.offsets, chosen)
    versions = _spans(panel.end_offsets, chosen)
    smaller = dataclasses.replace(
        panel,
        markets=panel.markets[chosen],
        offsets=_counted(np.diff(panel.offsets)[chosen]),
        t=np.asarray(panel.t[points]),
        price_e4=np.asarray(panel.price_e4[points]),
        end_offsets=_counted(np.diff(panel.end_offsets)[chosen]),
        end_known_at=np.asarray(panel.end_known_at[versions]),
        end_value=np.asarray(panel.end_value[versions]),
    )
    return smaller, Outcomes(*(np.asarray(getattr(outcomes, field.name))[chosen] for field in _outcome_fields()))


def another_future(panel: Panel, outcomes: Outcomes, cut: int, fill: Fill, seed: int) -> Copy:
    """Replace prices, scheduled ends and outcomes that were not known by `cut`."""
    changed = unknown_outcomes(outcomes, cut, seed)
    if fill is Fill.TRUNCATE:
        return _kept(panel, changed, cut, panel.t <= cut, f"when {fill} comes")
    draw = stream(seed, "audit-future", cut)
    later = panel.t > cut
    price = panel.price_e4.copy()
    values = {Fill.ZERO: 0, Fill.ONE: 10_000}
    price[later] = values[fill] if fill in values else draw.integers(1, 10_000, int(later.sum()))
    end = panel.end_value.copy()
    moved = panel.end_known_at > cut
    end[moved] = cut + 1 + draw.integers(0, _LONGEST, int(moved.sum()))
    other = dataclasses.replace(panel, price_e4=price, end_value=end)
    return _same_points(other, changed, cut, f"when {fill} comes")


def shorter_range(panel: Panel, outcomes: Outcomes, cut: int) -> Copy:
    """Cut the date range at `cut` as loading it would: later points and markets without any are gone, outcomes stay."""
    keep = panel.t <= cut
    counts = _per_market(panel, keep)
    copy = _kept(panel, outcomes, cut, keep, "when the date range ends")
    chosen = np.flatnonzero(counts).astype(np.int64)
    smaller, resolved = subset(copy.panel, outcomes, chosen)
    return dataclasses.replace(copy, panel=smaller, outcomes=resolved, base_market=chosen)


def shorter_past(panel: Panel, outcomes: Outcomes, share: float, memory: tuple[int, int]) -> Copy:
    """Forget each event's past: its points after `share` of them, and `memory` before, stay.

    `memory`: microseconds and points that features may look back. Listings stay known.
    """
    numbers = panel.markets["event_no"].to_numpy()
    _, event = np.unique(numbers, return_inverse=True)
    owner = panel.market_of_point()
    order = np.lexsort((panel.t, event[owner]))
    size = np.bincount(event[owner], minlength=int(event.max(initial=-1)) + 1)
    first = np.cumsum(size) - size
    middle = order[np.minimum(first + (size * share).astype(np.int64), max(len(order) - 1, 0))]
    begin = np.where(size > 0, panel.t[middle], UNKNOWN_TIME)[event][owner] if len(order) else panel.t
    needed = panel.t >= begin - memory[0]
    # the points before the window that a window counted in points, or "the price before", may read
    place = np.arange(panel.point_count)
    inside = np.concatenate([[0], np.cumsum(needed)])
    oldest = panel.offsets[1:] - (inside[panel.offsets[1:]] - inside[panel.offsets[:-1]])
    keep = place >= (oldest - memory[1] - 2)[owner]
    known = dataclasses.replace(panel, markets=_with(panel.markets, created_at=listings(panel)))
    copy = _kept(known, outcomes, NEVER, keep, "when the past begins later")
    watched = np.flatnonzero((panel.t >= begin)[keep]).astype(np.int64)
    return dataclasses.replace(copy, cut=UNKNOWN_TIME, watched=watched, decides=False)


def newest_rows(panel: Panel, outcomes: Outcomes, cut: int) -> Copy:
    """Stop at `cut` and watch only each market's newest point: what a live run computes."""
    copy = _kept(panel, outcomes, cut, panel.t <= cut, "when computed from the newest rows only")
    ends = copy.panel.offsets[1:]
    tail = (ends[np.diff(copy.panel.offsets) > 0] - 1).astype(np.int64)
    return dataclasses.replace(copy, watched=tail, decides=False)


def other_outcomes(panel: Panel, outcomes: Outcomes, cut: int, seed: int) -> Copy:
    """Permute, among the markets whose outcome was not known by `cut`, how and when they end; prices stay."""
    open_ = np.flatnonzero(outcomes.known_at > cut)
    source = np.arange(len(outcomes.known_at))
    source[open_] = stream(seed, "audit-outcomes", cut).permutation(open_)
    moved = Outcomes(*(getattr(outcomes, field.name)[source] for field in _outcome_fields()))
    event_known_at = np.where(
        outcomes.event_known_at > cut, np.maximum(moved.event_known_at, cut + 1), outcomes.event_known_at
    )
    payout = moved.payout_e4.copy()
    unchanged = np.isin(payout, (0, 10_000)) & (outcomes.known_at > cut) & (payout == outcomes.payout_e4)
    payout[unchanged] = 10_000 - payout[unchanged]  # where the permutation gave the same, the other one
    moved = dataclasses.replace(moved, event_known_at=event_known_at, payout_e4=payout)
    copy = _same_points(panel, moved, cut, "when outcomes not known yet are permuted")
    return dataclasses.replace(copy, deep=True)


def unknown_outcomes(outcomes: Outcomes, cut: int, seed: int) -> Outcomes:
    """Replace by noise every outcome that was not known by `cut`; what was known does not change."""
    draw = stream(seed, "audit-unknown", cut)
    later = outcomes.known_at > cut
    count = len(later)
    known_at = np.where(later, cut + 1 + draw.integers(0, _LONGEST, count), outcomes.known_at)
    return Outcomes(
        payout_e4=np.where(later, draw.choice(_PAYOUTS, count), outcomes.payout_e4).astype(np.int32),
        resolved_at=np.where(later, known_at, outcomes.resolved_at),
        known_at=known_at,
        event_known_at=np.where(outcomes.event_known_at > cut, np.maximum(known_at, cut + 1), outcomes.event_known_at),
    )


def stack(panels: Sequence[Panel]) -> Panel:
    """Lay panels side by side as one; events of different copies stay apart."""
    import polars as pl

    frames, events = [], 0
    for panel in panels:
        _, code = np.unique(panel.markets["event_no"].to_numpy(), return_inverse=True)
        frames.append(_with(panel.markets, event_no=(code + events + 1).astype(np.int32)))
        events += int(code.max(initial=-1)) + 1
    first = panels[0]
    return dataclasses.replace(
        first,
        markets=pl.concat(frames),
        offsets=_counted(np.concatenate([np.diff(panel.offsets) for panel in panels])),
        t=np.concatenate([panel.t for panel in panels]),
        price_e4=np.concatenate([panel.price_e4 for panel in panels]),
        end_offsets=_counted(np.concatenate([np.diff(panel.end_offsets) for panel in panels])),
        end_known_at=np.concatenate([panel.end_known_at for panel in panels]),
        end_value=np.concatenate([panel.end_value for panel in panels]),
    )


def _kept(panel: Panel, outcomes: Outcomes, cut: int, keep: Bools, how: str) -> Copy:
    """Drop points, and scheduled ends known after the cut; the points left up to the cut are watched."""
    known = panel.end_known_at <= cut
    versions = np.repeat(np.arange(panel.market_count), np.diff(panel.end_offsets))[known]
    smaller = dataclasses.replace(
        panel,
        offsets=_counted(_per_market(panel, keep)),
        t=panel.t[keep],
        price_e4=panel.price_e4[keep],
        end_offsets=_counted(np.bincount(versions, minlength=panel.market_count)),
        end_known_at=panel.end_known_at[known],
        end_value=panel.end_value[known],
    )
    base = np.flatnonzero(keep).astype(np.int64)
    every = np.arange(panel.market_count, dtype=np.int64)
    return Copy(how, cut, smaller, outcomes, base, every, np.arange(len(base), dtype=np.int64))


def _same_points(panel: Panel, outcomes: Outcomes, cut: int, how: str) -> Copy:
    points, every = np.arange(panel.point_count, dtype=np.int64), np.arange(panel.market_count, dtype=np.int64)
    return Copy(how, cut, panel, outcomes, points, every, np.flatnonzero(panel.t <= cut).astype(np.int64))


def _per_market(panel: Panel, keep: Bools) -> Int64s:
    total = np.concatenate([[0], np.cumsum(keep)])
    return np.diff(total[panel.offsets])


def _spans(offsets: Int64s, chosen: Int64s) -> Int64s:
    """Return the positions offsets[i]:offsets[i+1] of every chosen i, one after another."""
    size = np.diff(offsets)[chosen]
    begin = np.repeat(offsets[chosen] - np.concatenate([[0], np.cumsum(size)[:-1]]), size) if len(chosen) else size
    return np.asarray(begin + np.arange(int(size.sum())), np.int64)


def _counted(sizes: npt.NDArray[Any]) -> Int64s:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _with(markets: "pl.DataFrame", **columns: npt.NDArray[Any]) -> "pl.DataFrame":
    import polars as pl

    return markets.with_columns(pl.Series(name, values).cast(markets[name].dtype) for name, values in columns.items())


def _outcome_fields() -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(Outcomes)
