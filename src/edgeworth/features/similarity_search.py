"""The compiled search for the nearest questions resolved by then; see `features.similarity` for what is near.

One pass over the postings of a text's words gives its cosine with every reference. Its rows are then met in time order,
each adding the references known since the row before, so that every reference is looked at once per text.
"""

from typing import Any

import numba
import numpy as np

ALIKE = 1e-5  # cosines closer than this are equal, so that the order of a sum decides nothing


@numba.njit(cache=True, nogil=True)
def search(index: Any, known: Any, asked: Any, rows: Any, settings: Any, out: Any) -> None:
    """Fill `out` (R, 5) for rows grouped by asked text and ascending in t within each.

    `index`: offsets by place, texts, weights. `known`: number, known_at, outcome and prices of the references. `asked`:
    offsets, places, weights and number of the texts. `rows`: bounds by text, t, horizon. `settings`: nearest, least.
    """
    nearest, least = settings
    bounds, t, horizon = rows
    known_at = known[1]
    score = np.zeros(len(known_at), np.float32)
    touched = np.empty(len(known_at), np.int64)
    best = np.empty(nearest, np.int64)
    for k in range(len(bounds) - 1):
        candidates = _candidates(index, known[0], asked, k, least, (score, touched))
        size, reached = 0, 0
        for row in range(bounds[k], bounds[k + 1]):
            while reached < len(candidates) and known_at[candidates[reached]] <= t[row]:
                size = _insert(best, size, score, candidates[reached])
                reached += 1
            _tell(best[:size], score, known, horizon[row], out[row])
        for ref in candidates:
            score[ref] = 0.0


@numba.njit(cache=True, nogil=True)
def _candidates(index: Any, numbers: Any, asked: Any, k: int, least: float, work: Any) -> Any:
    """Return the references near enough to text k in the order they became known; their cosines stand in the scores."""
    starts, text, weight = index
    offsets, place, own_weight, number = asked
    score, touched = work
    count = 0
    for at in range(offsets[k], offsets[k + 1]):
        for post in range(starts[place[at]], starts[place[at] + 1]):
            ref = text[post]
            if score[ref] == 0.0:
                touched[count] = ref
                count += 1
            score[ref] += own_weight[at] * weight[post]
    near = 0
    for j in range(count):
        ref = touched[j]
        if score[ref] >= least and numbers[ref] != number[k]:
            touched[near] = ref  # near <= j: what is overwritten has been read
            near += 1
        else:
            score[ref] = 0.0
    return np.sort(touched[:near])


@numba.njit(cache=True, nogil=True)
def _insert(best: Any, size: int, score: Any, ref: int) -> int:
    """Put a reference among the best, which descend in score; of equal ones the earlier known stays ahead."""
    if size == len(best) and score[ref] <= score[best[size - 1]] + ALIKE:
        return size
    spot = size if size < len(best) else size - 1
    while spot > 0 and score[best[spot - 1]] + ALIKE < score[ref]:
        best[spot] = best[spot - 1]
        spot -= 1
    best[spot] = ref
    return min(size + 1, len(best))


@numba.njit(cache=True, nogil=True)
def _tell(best: Any, score: Any, known: Any, horizon: int, out: Any) -> None:
    """Write count, mean outcome, mean gap, best similarity and best outcome of a row."""
    _, _, outcome, price = known
    out[0] = len(best)
    if len(best) == 0:
        return
    won, gap, gaps = 0.0, 0.0, 0
    for ref in best:
        won += outcome[ref]
        if horizon >= 0 and not np.isnan(price[ref, horizon]):
            gap += outcome[ref] - price[ref, horizon]
            gaps += 1
    out[1] = won / len(best)
    if gaps > 0:
        out[2] = gap / gaps
    out[3] = score[best[0]]
    out[4] = outcome[best[0]]
