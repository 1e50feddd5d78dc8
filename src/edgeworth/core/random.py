"""The only place that makes randomness: every draw comes from a named, seeded stream."""

import hashlib
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Generator: TypeAlias = np.random.Generator


def stream(seed: int, *names: str | int) -> "np.random.Generator":
    """Return the generator of one named purpose; equal seed and names give equal draws on every machine."""
    import numpy as np

    text = "/".join(str(part) for part in (seed, *names))
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
