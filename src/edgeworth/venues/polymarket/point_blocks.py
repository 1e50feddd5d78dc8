"""Read price points in their canonical spelling by array arithmetic: many markets at once, eight characters a word.

Canonical is `{"t":1700000000,"p":0.515}`: ten digits, then 0, 1 or such a digit with one to six decimals, no spaces.
Rows lie at the places of `{`; 32 bytes of each are seen as four little-endian words and compared with a template, which
leaves the digits; three multiplications turn eight of them into a number. Every character of the text is covered by one
of the comparisons, so an accepted text is valid JSON; whatever is spelt otherwise gives None and goes another way.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.units import SECOND
from edgeworth.venues.convert import LATEST

_Words = npt.NDArray[np.uint64]

_TEMPLATE: Final = b'},{"t":0' + b"00000000" + b'0,"p":0.' + b"000000\0\0"
_WIDTH: Final = len(_TEMPLATE)
_BEFORE: Final = 2  # a row is looked at from the two characters before its brace
_BARE: Final = 22  # characters of a row, its brace and comma included, without those of the price
_LONGEST: Final = 8
_PADDING: Final = b"\0" * _WIDTH
_ZEROS: Final = np.frombuffer(_TEMPLATE, "<u8").astype(np.uint64)[:, None]
_FULL: Final = (1 << 64) - 1
# by length of the price: which bytes of word 3 are decimals; a price like "0." takes its brace along and is found out
_DECIMALS: Final = np.array([_FULL, 0, _FULL, *((1 << 8 * n) - 1 for n in range(1, 7))], np.uint64)
# and of word 2 all but the point, which a price without decimals has not
_POINT: Final = np.array([_FULL, _FULL >> 8, *[_FULL] * 7], np.uint64)
_HIGH: Final = 0xF0F0_F0F0_F0F0_F0F0  # set in no digit
_SIX: Final = np.uint64(0x0606_0606_0606_0606)  # carries a half byte above nine into its high half
_FIRST: Final = 1_000_000_000  # below, ten digits begin with a zero, which JSON does not allow
_LAST: Final = LATEST // SECOND


def decode_block(
    series: Sequence[bytes],
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int64]] | None":
    """Return t (N,) microseconds, price_e4 (N,) and offsets (len(series) + 1,) of JSON lists without their brackets.

    None unless every one of the lists holds a point and all points are canonical, in range and of prices in [0, 1].
    """
    text = b",".join([b"}", *series, _PADDING])
    start = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("{"))
    if not len(start) or start[0] != _BEFORE:
        return None
    length = np.diff(start, append=len(text) - _WIDTH) - _BARE
    if length.min() < 1 or length.max() > _LONGEST:
        return None
    start -= _BEFORE
    rows = np.ndarray((len(text) - _WIDTH + 1,), f"V{_WIDTH}", text, strides=(1,))[start]
    word = np.bitwise_xor(rows.view("<u8").reshape(-1, 4).T, _ZEROS, order="C")
    if length.min() == 1:
        word[2] &= _POINT.take(length)
    word[3] &= _DECIMALS.take(length)
    seen = [int(np.bitwise_or.reduce(column)) for column in word]
    if seen[0] & 0xF0FF_FFFF_FFFF_FFFF or seen[1] & _HIGH or seen[2] & 0xFFFE_FFFF_FFFF_FFF0 or seen[3] & _HIGH:
        return None
    seconds = _seconds(word)
    price = _price(word, whole=bool(seen[2] >> 48))
    if seconds is None or price is None:
        return None
    sizes = np.fromiter(map(len, series), np.int64, len(series)) + 1
    offsets = np.searchsorted(start, np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes))))
    return seconds * SECOND, price, offsets.astype(np.int64, copy=False)


def _seconds(word: _Words) -> "npt.NDArray[np.int64] | None":
    """Return the ten digits at the end of word 0, in word 1 and at the start of word 2 as a number."""
    eight, last = word[1], word[2] & np.uint64(0xFF)
    if int(np.bitwise_or.reduce(eight + _SIX)) & _HIGH or last.max() > 9:
        return None
    eight = ((eight * np.uint64(10 << 8 | 1)) >> np.uint64(8)) & np.uint64(0x00FF_00FF_00FF_00FF)
    eight = ((eight * np.uint64(100 << 16 | 1)) >> np.uint64(16)) & np.uint64(0x0000_FFFF_0000_FFFF)
    eight = (eight * np.uint64(10_000 << 32 | 1)) >> np.uint64(32)
    eight *= np.uint64(10)
    eight += last
    eight += (word[0] >> np.uint64(56)) * np.uint64(1_000_000_000)
    seconds = eight.view(np.int64)
    return seconds if seconds.min() >= _FIRST and seconds.max() <= _LAST else None


def _price(word: _Words, *, whole: bool) -> "npt.NDArray[np.int32] | None":
    """Return the decimals of word 3, and the digit before the point where `whole`, in 1e-4, ties to even."""
    decimals = word[3]
    if int(np.bitwise_or.reduce(decimals + _SIX)) & _HIGH:
        return None
    pairs = ((decimals * np.uint64(10 << 8 | 1)) >> np.uint64(8)) & np.uint64(0x0000_00FF_00FF_00FF)
    price: npt.NDArray[np.int32] = (((pairs * np.uint64(100 << 16 | 1)) >> np.uint64(16)) & np.uint64(0xFFFF)).astype(
        np.int32
    )
    if whole:
        price += ((word[2] >> np.uint64(48)) & np.uint64(1)).astype(np.int32) * 10_000
        if price.max() > 10_000:
            return None
    rest = pairs >> np.uint64(32)
    if rest.any():
        if whole and (rest[price == 10_000] > 0).any():
            return None
        price += (rest > 50) | ((rest == 50) & (price & 1 == 1))
    return price
