"""Loops over one stretch of the workspace: each value is made of values at its own row, or a fixed number before it.

Every function writes `n` values from position `o` on, of operands that begin at `a`, `b`, `c`. Stretches of operands
and result never overlap, and no loop carries anything from one turn to the next, so that the compiler uses SIMD.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.features.technical.compiled import step

Work = npt.NDArray[np.float64]
Pair = tuple[int, int]

FLAT_STRENGTH: Final = 50.0
_LN_2: Final = 0.6931471805599453
_ROOT_BITS: Final = 0x3FE6A09E667F3BCD  # sqrt(1/2)
_MAGIC: Final = 6755399441055744.0  # 1.5 * 2 ** 52: a small integer added to its bits is added to its value
_MAGIC_BITS: Final = 0x4338000000000000


@step
def log(work: Work, o: int, a: int, n: int) -> None:
    """Write ln a, to within two units in the last place; a must be normal, positive and finite.

    a = 2 ** e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh s, s = (m - 1) / (m + 1), by its series up to s ** 21.
    Without calls it runs in SIMD, and gives the same bits on every machine.
    """
    out, bits = work[o : o + n], work[a : a + n].view(np.int64)
    for i in range(n):
        exponent = (bits[i] - _ROOT_BITS) >> 52
        m = np.int64(bits[i] - (exponent << 52)).view(np.float64)
        s = (m - 1.0) / (m + 1.0)
        z = s * s
        p = 1 / 17 + z * (1 / 19 + z * (1 / 21))
        p = 1 / 11 + z * (1 / 13 + z * (1 / 15 + z * p))
        p = 1 / 5 + z * (1 / 7 + z * (1 / 9 + z * p))
        p = z * (1 / 3 + z * p)
        power = np.int64(exponent + _MAGIC_BITS).view(np.float64) - _MAGIC
        out[i] = power * _LN_2 + (2.0 * s + 2.0 * s * p)


@step
def reciprocal(work: Work, o: int, a: int, n: int) -> None:
    """Write 1 / a."""
    out, x = work[o : o + n], work[a : a + n]
    for i in range(n):
        out[i] = 1.0 / x[i]


@step
def plus(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write a + b."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        out[i] = x[i] + y[i]


@step
def minus(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write a - b."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        out[i] = x[i] - y[i]


@step
def times(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write a * b."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        out[i] = x[i] * y[i]


@step
def higher(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write the higher of a and b."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        out[i] = x[i] if x[i] > y[i] else y[i]


@step
def lower(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write the lower of a and b."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        out[i] = x[i] if x[i] < y[i] else y[i]


@step
def gain(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write max(a - b, 0)."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        change = x[i] - y[i]
        out[i] = change if change > 0.0 else 0.0


@step
def ratio(work: Work, o: int, a: int, b: int, n: int, scale: float) -> None:
    """Write scale a / b."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        out[i] = scale * x[i] / y[i]


@step
def apart(work: Work, o: int, a: int, b: int, c: int, n: int) -> None:
    """Write (a - b) / c."""
    out, x, y, z = work[o : o + n], work[a : a + n], work[b : b + n], work[c : c + n]
    for i in range(n):
        out[i] = (x[i] - y[i]) / z[i]


@step
def growth(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write a b - 1."""
    out, x, y = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        out[i] = x[i] * y[i] - 1.0


@step
def share(work: Work, o: int, a: int, b: int, c: int, n: int) -> None:
    """Write (a - b) c."""
    out, x, y, z = work[o : o + n], work[a : a + n], work[b : b + n], work[c : c + n]
    for i in range(n):
        out[i] = (x[i] - y[i]) * z[i]


@step
def position(work: Work, o: int, a: int, b: int, c: int, n: int) -> None:
    """Write (a - b) / (c - b)."""
    out, x, low, high = work[o : o + n], work[a : a + n], work[b : b + n], work[c : c + n]
    for i in range(n):
        out[i] = (x[i] - low[i]) / (high[i] - low[i])


@step
def strength(work: Work, o: int, a: int, b: int, n: int) -> None:
    """Write 100 a / (a + b), 50 where both are 0."""
    out, up, down = work[o : o + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        total = up[i] + down[i]
        out[i] = FLAT_STRENGTH if total == 0.0 else 100.0 * up[i] / total


@step
def directed(work: Work, o: int, a: int, b: int, c: int, n: int) -> None:
    """Write c with the sign of a - b."""
    out, x, y, amount = work[o : o + n], work[a : a + n], work[b : b + n], work[c : c + n]
    for i in range(n):
        change = x[i] - y[i]
        out[i] = amount[i] if change > 0.0 else -amount[i] if change < 0.0 else 0.0


@step
def true_range(work: Work, o: int, a: int, b: int, c: int, n: int) -> None:
    """Write max(a, c) - min(b, c): high, low and the close before."""
    out, high, low, before = work[o : o + n], work[a : a + n], work[b : b + n], work[c : c + n]
    for i in range(n):
        top = high[i] if high[i] > before[i] else before[i]
        bottom = low[i] if low[i] < before[i] else before[i]
        out[i] = top - bottom


@step
def root(work: Work, o: int, a: int, n: int, scale: float) -> None:
    """Write sqrt(scale a)."""
    out, x = work[o : o + n], work[a : a + n]
    for i in range(n):
        out[i] = math.sqrt(scale * x[i])


@step
def linear(work: Work, o: int, a: int, n: int, scale: float, offset: float) -> None:
    """Write scale a + offset."""
    out, x = work[o : o + n], work[a : a + n]
    for i in range(n):
        out[i] = scale * x[i] + offset


@step
def pair(work: Work, o: int, q: int, a: int, b: int, n: int) -> None:
    """Write the mean of two values at `o`, their sum of squared deviations at `q`."""
    mean, squares, x, y = work[o : o + n], work[q : q + n], work[a : a + n], work[b : b + n]
    for i in range(n):
        mean[i] = 0.5 * (x[i] + y[i])
        change = x[i] - y[i]
        squares[i] = 0.5 * change * change


@step
def merge(work: Work, out: Pair, left: Pair, right: Pair, n: int, sizes: tuple[float, float]) -> None:
    """Write the mean and the sum of squared deviations of two adjacent windows together.

    Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979), eq. 1.5:
    nothing is subtracted that could cancel, so that a flat window gives exactly 0. `sizes` are (share of the right
    window, left size times right size over both).
    """
    o, q, a, qa, b, qb = out[0], out[1], left[0], left[1], right[0], right[1]
    mean, squares = work[o : o + n], work[q : q + n]
    x, x_squares, y, y_squares = work[a : a + n], work[qa : qa + n], work[b : b + n], work[qb : qb + n]
    weight, product = sizes
    for i in range(n):
        change = y[i] - x[i]
        mean[i] = x[i] + weight * change
        squares[i] = x_squares[i] + y_squares[i] + product * (change * change)
