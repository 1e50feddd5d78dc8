"""Keccak-256 with the padding of 2011 (not SHA-3's), which order ids and addresses are made of.

The plain Python here needs about a millisecond an order; the compiled one that comes with the `live` extra is used
where it is installed and gives the same digests. Source: the Keccak reference, version 3.0.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

_LANE: Final = (1 << 64) - 1
_RATE: Final = 136  # bytes taken in per permutation
_ROUNDS: Final = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip


def _walk() -> tuple[tuple[int, int, int], ...]:
    """Return for each lane but the first its place, by how much it turns, and where it goes (rho and pi)."""
    x, y, steps = 1, 0, []
    for step in range(24):
        place, turn = x + 5 * y, (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
        steps.append((place, turn, x + 5 * y))
    return tuple(steps)


_WALK: Final = _walk()
_ROWS: Final = tuple((5 * y + x, 5 * y + (x + 1) % 5, 5 * y + (x + 2) % 5) for y in range(5) for x in range(5))


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte digest of `data`."""
    return _fastest()(data)


def keccak256_plain(data: bytes) -> bytes:
    """Return the 32-byte digest of `data`, computed here."""
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % _RATE)
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            at = start + 8 * lane
            state[lane] ^= int.from_bytes(padded[at : at + 8], "little")
        state = _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


@cache
def _fastest() -> Callable[[bytes], bytes]:
    try:
        from Crypto.Hash import keccak
    except ImportError:
        return keccak256_plain

    def compiled(data: bytes) -> bytes:
        return bytes(keccak.new(data=data, digest_bits=256).digest())

    return compiled


def _permute(state: list[int]) -> list[int]:
    for constant in _ROUNDS:
        sums = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        turned = [((lane << 1) | (lane >> 63)) & _LANE for lane in sums]
        mixed = [sums[x - 1] ^ turned[(x + 1) % 5] for x in range(5)]
        state = [lane ^ mixed[at % 5] for at, lane in enumerate(state)]
        moved = state.copy()
        for place, by, target in _WALK:
            lane = state[place]
            moved[target] = ((lane << by) | (lane >> (64 - by))) & _LANE
        state = [moved[a] ^ (~moved[b] & moved[c]) for a, b, c in _ROWS]
        state[0] ^= constant
    return state
