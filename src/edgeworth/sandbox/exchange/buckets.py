"""Token buckets per signer, as the venue runs them: they warn in a header, and refuse only under a fault.

Values are those of the lowest tier: 40 orders a second (60 at once) and 80 cancels a second (120 at once).
"""

from dataclasses import dataclass
from typing import Final

from edgeworth.core.units import SECOND
from edgeworth.sandbox.protocol import Headers

TIER: Final = "Standard"
_RATES: Final = {"orders": (40, 60), "cancels": (80, 120)}


@dataclass(slots=True)
class _Bucket:
    """Tokens in millionths, and when they were last counted."""

    tokens_e6: int
    at: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request has cost: the headers that say so, whether it was too much, and when to come back (seconds)."""

    headers: Headers
    over: bool
    retry_after: int


class Buckets:
    """One bucket of orders and one of cancels per address."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def charge(self, address: str, kind: str, cost: int, now: int) -> Charge:
        """Take `cost` tokens of the kind `orders` or `cancels`; a bucket that lacks them keeps what it has."""
        rate, burst = _RATES[kind]
        bucket = self._buckets.setdefault((address, kind), _Bucket(burst * SECOND, now))
        bucket.tokens_e6 = min(burst * SECOND, bucket.tokens_e6 + rate * (now - bucket.at))
        bucket.at = now
        over = bucket.tokens_e6 < cost * SECOND
        if not over:
            bucket.tokens_e6 -= cost * SECOND
        missing = max(cost * SECOND - bucket.tokens_e6, 0) if over else 0
        reset = -(-(burst * SECOND - bucket.tokens_e6) // (rate * SECOND))
        headers: list[tuple[str, str]] = [
            ("poly-ratelimit-remaining", str(bucket.tokens_e6 // SECOND)),
            ("poly-ratelimit-reset", str(reset)),
            ("poly-ratelimit-tier", TIER),
        ]
        if over:
            headers.append(("poly-ratelimit-warning", "true"))
        return Charge(tuple(headers), over, max(-(-missing // (rate * SECOND)), 1))
