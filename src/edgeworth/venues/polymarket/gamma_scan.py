"""Decode many Gamma elements of a buffer at once, where they begin with the same two keys.

A run of elements is cut before a later element's beginning and decoded between brackets: only whole elements on one
level are valid JSON there, so a wrong guess is refused and the elements go the usual way, one by one.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

import msgspec

from edgeworth.venues.polymarket.gamma_wire import GammaObject

_STRING: Final = rb'"(?:[^"\\]|\\.){0,200}"'
_HEAD: Final = re.compile(rb"\{\s*(%b)\s*:\s*(?:%b|[0-9]{1,20})\s*,\s*(%b)\s*:" % (_STRING, _STRING, _STRING))
_SEPARATOR: Final = re.compile(rb"[\s,]*$")
_RUN: Final = 1 << 18  # bytes decoded together
_NEAR: Final = 512  # a beginning is at most this long, up to its second key
_WAIT: Final = 64  # elements left to the usual way after a run that could not be decoded
_DECODER: Final = msgspec.json.Decoder(list[GammaObject])
_RAW: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Run:
    """Decoded elements and the bytes they came from; `at` is where the bytes begin in the buffer."""

    def __init__(self, payloads: list[GammaObject], raw: bytes, at: int) -> None:
        self.payloads = payloads
        self.raw = raw
        self.at = at

    @cached_property
    def places(self) -> list[tuple[int, msgspec.Raw]]:
        """Return where each element begins in the buffer, and its bytes; worked out only for what is refused."""
        return list(self._places())

    def _places(self) -> Iterator[tuple[int, msgspec.Raw]]:
        position = 0
        for piece in _RAW.decode(self.raw):
            text = bytes(piece)
            position = self.raw.index(text, position)
            yield self.at + position - 1, piece
            position += len(text)


class QuickGamma:
    """Read runs of elements; after a run that cannot be decoded so, leave some elements to the usual way."""

    def __init__(self) -> None:
        self._waiting = 0

    def __call__(self, data: bytes, at: int) -> tuple[Run, int] | None:
        """Return the elements from `data[at]` on and where reading goes on, or None."""
        if self._waiting:
            self._waiting -= 1
            return None
        end = _boundary(data, at)
        if end is None:
            return None
        raw = b"".join((b"[", memoryview(data)[at:end], b"]"))
        try:
            payloads = _DECODER.decode(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            payloads = []
        if not payloads or any(_may_be_a_page(item) for item in payloads):
            self._waiting = _WAIT
            return None
        return Run(payloads, raw, at), end


def _boundary(data: bytes, at: int) -> int | None:
    """Return the end of the last whole element that begins like the one at `at` and is followed by another such one."""
    head = _HEAD.match(data, at, at + 4 * _NEAR)
    if head is None:
        return None
    first, second = head.group(1), head.group(2)
    limit = at + _RUN
    while (key := data.rfind(second, head.end(), limit)) > 0:
        begin = data.rfind(b"{", max(head.end(), key - _NEAR), key)
        other = _HEAD.match(data, begin) if begin > 0 else None
        if other is not None and other.start(2) == key and other.group(1) == first:
            gap = _SEPARATOR.search(data, max(at, begin - 16), begin)
            end = gap.start() if gap else begin
            if b"," in data[end:begin]:
                return end
        limit = key
    return None


def _may_be_a_page(payload: GammaObject) -> bool:
    named = (payload.id, payload.slug, payload.title, payload.question, payload.condition_id)
    return all(value is None for value in named)
