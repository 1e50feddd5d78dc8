"""Keccak-256 (the padding before SHA-3 was standardised), which order ids are made of.

The core install computes it in plain Python (a millisecond an order); where the `live` extra is installed, its compiled
one gives the same digests a hundred times as fast.
"""

import importlib.util
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final

_LANE: Final = (1 << 64) - 1
_RATE: Final = 136  # bytes absorbed per permutation: (1600 - 2 * 256) / 8
_ROTATION: Final = (
    (0, 36, 3, 41, 18),
    (1, 44, 10, 45, 2),
    (62, 6, 43, 15, 61),
    (28, 55, 25, 21, 56),
    (27, 20, 39, 8, 14),
)


def _round_constants() -> tuple[int, ...]:
    """Return the 24 constants of the linear feedback shift register x^8 + x^6 + x^5 + x^4 + 1."""
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for exponent in range(7):
            if register & 1:
                constant |= 1 << ((1 << exponent) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


_CONSTANTS: Final = _round_constants()


def _turn(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _LANE


def _permute(state: list[list[int]]) -> list[list[int]]:
    """Apply Keccak-f[1600] to `state[x][y]` (theta, rho and pi, chi, iota; 24 rounds)."""
    for constant in _CONSTANTS:
        column = [row[0] ^ row[1] ^ row[2] ^ row[3] ^ row[4] for row in state]
        mixed = [column[x - 1] ^ _turn(column[(x + 1) % 5], 1) for x in range(5)]
        moved = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                moved[y][(2 * x + 3 * y) % 5] = _turn(state[x][y] ^ mixed[x], _ROTATION[x][y])
        state = [[moved[x][y] ^ (~moved[(x + 1) % 5][y] & moved[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        state[0][0] ^= constant
    return state


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte Keccak-256 digest of `data`."""
    return _implementation()(data)


@cache
def _implementation() -> Callable[[bytes], bytes]:
    if importlib.util.find_spec("eth_hash") is None:
        return plain_keccak256
    from eth_hash.auto import keccak  # comes with the `live` extra

    return keccak


def plain_keccak256(data: bytes) -> bytes:
    """Return the same digest without any library."""
    padded = bytearray(data) + bytearray(_RATE - len(data) % _RATE)
    padded[len(data)] |= 0x01
    padded[-1] |= 0x80
    state = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            at = start + 8 * lane
            state[lane % 5][lane // 5] ^= int.from_bytes(padded[at : at + 8], "little")
        state = _permute(state)
    return b"".join(state[lane % 5][lane // 5].to_bytes(8, "little") for lane in range(4))


@lru_cache(maxsize=4096)
def checksum_address(address: str) -> str:
    """Return a 20-byte address in mixed case (EIP-55): a letter is large where the hash's digit is at least 8."""
    plain = address.lower().removeprefix("0x")
    digest = keccak256(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(digest[i], 16) >= 8 else c for i, c in enumerate(plain))
