"""Several levels on one underlying are one bet: the joint law of a maximum, and quotes made coherent."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def maximum_law(touches: npt.ArrayLike) -> Floats:
    """Return P(exactly the first i levels are touched), i = 0..n, from touch values ordered away from spot, shape (n,).

    Touches are nested: P(K_i <= M < K_i+1) = touch(K_i) - touch(K_i+1). Raises ValueError when they increase.
    """
    values = np.asarray(touches, dtype=np.float64)
    if (np.diff(values) > 1e-12).any():
        raise ValueError("touch values must not increase away from spot")
    return np.concatenate(([1.0], values)) - np.concatenate((values, [0.0]))


def count_moments(touches: npt.ArrayLike) -> tuple[float, float]:
    """Return mean and standard deviation of how many levels are touched."""
    law = maximum_law(touches)
    number = np.arange(len(law))
    mean = float(law @ number)
    return mean, float(np.sqrt(law @ (number - mean) ** 2))


def non_increasing(quotes: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Return the closest non-increasing sequence in weighted least squares (pool adjacent violators), shape (n,).

    Source: Barlow, Bartholomew, Bremner and Brunk, Statistical Inference under Order Restrictions, 1972.
    """
    values = np.asarray(quotes, dtype=np.float64)
    mass = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)
    blocks: list[tuple[float, float, int]] = []  # mean, mass, length
    for value, weight in zip(values, mass, strict=True):
        blocks.append((float(value), float(weight), 1))
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (mean, heavy, long), (last, light, short) = blocks[-2], blocks[-1]
            total = heavy + light
            blocks[-2:] = [((mean * heavy + last * light) / total, total, long + short)]
    return np.concatenate([np.full(length, mean) for mean, _, length in blocks]) if blocks else values


def sum_to_one(quotes: npt.ArrayLike) -> Floats:
    """Return the closest probabilities that sum to one (projection on the simplex), shape (n,).

    Source: Duchi, Shalev-Shwartz, Singer and Chandra, ICML 2008.
    """
    values = np.asarray(quotes, dtype=np.float64)
    ordered = np.sort(values)[::-1]
    excess = (np.cumsum(ordered) - 1.0) / np.arange(1, len(values) + 1)
    last = int(np.flatnonzero(ordered > excess)[-1])
    return np.asarray(np.maximum(values - excess[last], 0.0), dtype=np.float64)
