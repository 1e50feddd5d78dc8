"""The only place that makes randomness: every draw comes from a named, seeded stream."""

import hashlib
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Generator: TypeAlias = np.random.Generator


def stream(seed: int, *names: str | int) -> "np.random.Generator":
    """Return the generator of one named purpose; equal seed and names give equal draws on every machine."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(bits(128, seed, *names)))


def bits(count: int, seed: int, *names: str | int) -> int:
    """Return one draw of `count` bits, at most 256, where a stream for a single number would cost 60 us."""
    text = "/".join(map(str, (seed, *names)))
    found = int.from_bytes(hashlib.sha256(text.encode()).digest()[: -(-count // 8)], "little")
    return found & ((1 << count) - 1)
