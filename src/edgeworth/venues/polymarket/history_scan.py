"""Take many markets with canonical price lists out of a buffer at once, without decoding the lists as JSON.

A market's list is found by its first characters and ends at the next `]`, which canonical points cannot hold. The
market is then decoded with a number in the list's place, which proves that the list is the value of a key of its own;
the lists of all markets found are read together by `point_blocks`. Whatever does not fit is left, untouched, to the
careful way.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edgeworth.venues.polymarket.history_market import POINT_KEYS
from edgeworth.venues.polymarket.point_blocks import decode_block

Members = dict[str, msgspec.Raw]
MEMBERS: Final = msgspec.json.Decoder(Members)
_LIST: Final = b'[{"t":'
_STAND_IN: Final = b"-0.0e-77317"  # no writer of numbers spells one like this
_GAP: Final = re.compile(rb"[\s,]*")
_FACTS: Final = 1 << 16  # a market whose list begins later is not looked for
_TAIL: Final = 1 << 12
_BLOCK: Final = 240_000  # bytes of lists read together: their arrays then fit the second-level cache


class QuickMarket(NamedTuple):
    """A market's undecoded members without its list, and where it begins in the stream or buffer."""

    members: Members
    at: int


@dataclass(frozen=True, slots=True)
class QuickMarkets:
    """Markets in order; points of market i are `t[offsets[i]:offsets[i + 1]]` (microseconds), likewise `price_e4`."""

    markets: list[QuickMarket]
    t: "npt.NDArray[np.int64]"
    price_e4: "npt.NDArray[np.int32]"
    offsets: "npt.NDArray[np.int64]"


class QuickReader:
    """Read blocks of markets; after one that is not canonical, market by market until the block is behind."""

    def __init__(self) -> None:
        self._careful = 0

    def __call__(self, data: bytes, at: int) -> tuple[QuickMarkets, int] | None:
        """Return the markets from `data[at]` on and where reading goes on; None when the first is not canonical."""
        limit = 1 if self._careful else _BLOCK
        markets: list[QuickMarket] = []
        lists: list[bytes] = []
        size, end = 0, at
        while size < limit:
            found = _cut(data, at)
            if found is None:
                break
            members, points, end = found
            markets.append(QuickMarket(members, at))
            lists.append(points)
            size += len(points)
            gap = _GAP.match(data, end)
            at = gap.end() if gap else end
        self._careful = max(0, self._careful - 1)
        if not lists:
            return None
        columns = decode_block(lists)
        if columns is not None:
            return QuickMarkets(markets, *columns), end
        if len(lists) > 1:
            self._careful = len(lists)
            return self(data, markets[0].at)
        return None


def _cut(data: bytes, at: int) -> tuple[Members, bytes, int] | None:
    """Return a market's members without the list, the list without brackets, and where the market ends."""
    if data[at : at + 1] != b"{":
        return None
    start = data.find(_LIST, at, at + _FACTS)
    close = data.find(b"]", start) if start > 0 else -1
    if close < 0:
        return None
    head = data[at:start] + _STAND_IN
    end = close + 2
    members = _members(head + b"}") if data[close + 1 : end] == b"}" else None
    if members is None:
        tail = head + data[close + 1 : close + 1 + _TAIL]
        length = _length(tail)
        members = _members(tail[:length])
        end = close + 1 + length - len(head)
    if members is None or end <= close or not _stands_in(members):
        return None
    points = data[start + 1 : close]
    if points[5:6] == b" ":  # as Python's own writer spaces them
        points = points.replace(b'": ', b'":').replace(b", ", b",")
    return members, points, end


def _length(text: bytes) -> int:
    """Return the length of the object at the start of a text, 0 when it does not end there."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        lead = text[match.start()]
        depth += 1 if lead == ord("{") else -1 if lead == ord("}") else 0
        if not depth:
            return match.end()
    return 0


_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL)


def _members(text: bytes) -> Members | None:
    try:
        return MEMBERS.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _stands_in(members: Members) -> bool:
    """Tell whether the list was the value of the only key for points, and drop that key."""
    keys = [key for key in POINT_KEYS if key in members]
    if len(keys) != 1 or bytes(members.pop(keys[0])) != _STAND_IN:
        return False
    return all(_STAND_IN not in bytes(value) for value in members.values())
