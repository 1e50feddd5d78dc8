"""How many independent events a proof takes: before the fact for a stated edge, after it for an estimated one."""

import math

from edgeworth.models.scores import normal_quantile

_SIZE, _POWER = 0.05, 0.80
_SMALLEST = 1e-4  # dollars per share; finer differences are of no use


def events_for_power(market: float, edge: float, size: float = _SIZE, power: float = _POWER) -> float:
    """Return n = (z_a sqrt(m(1-m)) + z_b sqrt(p(1-p)))^2 / edge^2 independent bets, two-sided `size`; inf without edge.

    `market` is the price (or break-even) m, `edge` the true probability minus it; p is kept within [0, 1].
    """
    p = min(max(market + edge, 0.0), 1.0)
    if edge == 0.0:
        return math.inf
    z_a, z_b = normal_quantile(1 - size / 2), normal_quantile(power)
    return float((z_a * math.sqrt(market * (1 - market)) + z_b * math.sqrt(p * (1 - p))) ** 2 / edge**2)


def detectable_edge(events: int, market: float = 0.5) -> float | None:
    """Return the smallest edge that `events` independent bets at price `market` prove, None where 1/2 is too small."""
    low, high = _SMALLEST, min(0.5, 1.0 - market)
    if events < 1 or events_for_power(market, high) > events:
        return None
    while high - low > _SMALLEST:
        middle = (low + high) / 2
        low, high = (middle, high) if events_for_power(market, middle) > events else (low, middle)
    return high


def events_for_wealth(market: float, edge: float, target: float = 20.0) -> float:
    """Return the expected number of full-Kelly bets until wealth reaches `target`: ln(target) / KL(p || m)."""
    p = min(max(market + edge, 0.0), 1.0)
    divergence = sum(a * math.log(a / b) for a, b in ((p, market), (1 - p, 1 - market)) if a > 0)
    return math.log(target) / divergence if divergence > 0 else math.inf
