"""Touches of one underlying and one window made coherent: never more likely further away."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgeworth.core.contract import ContractKind, ContractTerms
from edgeworth.features.fairvalue.ladder import maximum_law, non_increasing

Floats = npt.NDArray[np.float64]


def ladders(terms: Sequence[ContractTerms]) -> list[list[int]]:
    """Return the touch contracts that share pair, venue, side and window, as places ordered away from spot.

    Only ladders of two rungs or more; places are those in `terms`.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, own in enumerate(terms):
        if own.is_touch:
            key = (own.pair, own.venue_of_record, own.kind, own.window_start, own.window_end)
            groups.setdefault(key, []).append(place)
    return [
        sorted(places, key=lambda i: terms[i].levels[0], reverse=terms[places[0]].kind is ContractKind.TOUCH_DOWN)
        for places in groups.values()
        if len(places) > 1
    ]


def cohere(terms: Sequence[ContractTerms], quotes: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return quotes (n,) moved as little as possible so that no ladder rises away from spot, and how far each moved.

    Unknown quotes (NaN) stay unknown and bind nothing. A move is a hint, not a profit: fees and size decide that.
    """
    values = np.array(quotes, dtype=np.float64)
    for places in ladders(terms):
        known = [place for place in places if np.isfinite(values[place])]
        if known:
            values[known] = non_increasing(values[known])
    return values, values - np.asarray(quotes, dtype=np.float64)


def law_of_maximum(terms: Sequence[ContractTerms], touches: npt.ArrayLike) -> Floats:
    """Return P(exactly the first i levels are touched) of one whole ladder from its touch values, shape (n + 1,).

    Raises ValueError when `terms` are not one ladder, or the values rise away from spot.
    """
    found = ladders(terms)
    if len(found) != 1 or len(found[0]) != len(terms):
        raise ValueError("the contracts are not one ladder")
    return maximum_law(np.asarray(touches, dtype=np.float64)[found[0]])
