"""Split a stream of JSON bytes into top-level elements while holding only the current one.

Understood: an array, NDJSON or concatenated values, a single object, and an object too large to hold whose elements lie
in one of its arrays (`{"markets": [...]}`). The decoder itself tells where a value ends: it skips one value at memory
speed and reports what trails it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_KEY = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*')
# a string that has not ended yet reaches to the end of what is there: a bracket in it closes nothing
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)
_SCALAR_END = re.compile(rb"[,\]}\n]")
_CLOSING: Final = {b"{": b"}", b"[": b"]"}
_GAP = re.compile(rb"[\s,\x1e\xef\xbb\xbf]*")
_WHOLE = 8 << 20  # an object up to this size is handed over whole
_LARGEST = 96 << 20  # an element beyond this is refused
_LINE = 1 << 20  # objects beyond this are not taken for lines
_SAMPLE = 2_000
_AHEAD = 1 << 19  # a quick reader is shown at least this much, if there is
_CHUNK = 2 << 20  # and the window then grows by this much

DEFAULT_CONTAINERS: Final = frozenset({"markets", "events", "data", "gamma_events", "gamma_markets", "history"})


class Found(Enum):
    """What a piece of the stream is."""

    VALUE = "value"
    ODD = "odd"  # balanced, but only a lenient decoder reads it (NaN, Infinity)
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"


class Element(NamedTuple):
    """A piece of the stream: its bytes (a sample for garbage) and its offset in the stream."""

    found: Found
    raw: bytes
    offset: int


Quick = Callable[[bytes, int], tuple[Any, int] | None]


class Taken(NamedTuple):
    """Elements a quick reader took: what it made of them, and the offset in the stream of the buffer it was shown."""

    value: Any
    offset: int


class _Window:
    """The part of the stream in memory: `data[at:]` is unread."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.data = b""
        self.at = 0
        self.base = 0
        self.ended = False

    def grow(self, wanted: int = 1) -> bool:
        """Drop what was read and append at least `wanted` bytes; False at the end of the stream."""
        parts = [self.data[self.at :]]
        self.base += self.at
        self.at = 0
        got = 0
        while got < wanted and not self.ended:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
            else:
                parts.append(bytes(chunk))
                got += len(chunk)
        self.data = b"".join(parts)
        return got > 0

    def skip_gap(self) -> bytes:
        """Skip white space, commas and byte order marks; return the next byte, empty at the end of the stream."""
        while True:
            match = _GAP.match(self.data, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            if not self.grow():
                return b""

    def left(self) -> int:
        return len(self.data) - self.at


def elements(chunks: Iterable[bytes], containers: frozenset[str] = DEFAULT_CONTAINERS) -> Iterator[Element]:
    """Yield the elements of a JSON stream in order; bounded by the largest element.

    Objects at the top are yielded whole up to 8 MiB; a larger one is entered and the elements of its arrays named in
    `containers` are yielded. What cannot be read is yielded as GARBAGE and reading goes on at the next line or element.
    """
    for piece in _pieces(chunks, containers, None):
        if isinstance(piece, Element):  # without a quick reader there is nothing else
            yield piece


def elements_or_taken(chunks: Iterable[bytes], containers: frozenset[str], quick: Quick) -> Iterator[Element | Taken]:
    """Yield like `elements`, but what `quick` takes as Taken.

    `quick(data, at)` is shown the window wherever an element may begin and returns what it made of one or more whole
    elements (strict JSON, objects) and where they end, or None to leave the next one to the usual way.
    """
    yield from _pieces(chunks, containers, quick)


def _pieces(chunks: Iterable[bytes], containers: frozenset[str], quick: Quick | None) -> Iterator[Element | Taken]:
    window = _Window(chunks)
    while lead := window.skip_gap():
        if lead == b"[":
            window.at += 1
            yield from _array(window, quick)
        elif lead == b"{":
            taken = _take_quickly(window, quick)
            if taken is None:
                yield from _top_object(window, containers, quick)
            else:
                yield taken
        elif lead in b"]}":
            window.at += 1  # the end of something whose beginning was refused
        else:
            yield from _resync_line(window)


def _take_quickly(window: _Window, quick: Quick | None) -> Taken | None:
    if quick is None:
        return None
    if window.left() < _AHEAD and not window.ended:
        window.grow(_CHUNK)
    found = quick(window.data, window.at)
    if found is None:
        return None
    value, window.at = found
    return Taken(value, window.base)


def _array(window: _Window, quick: Quick | None) -> Iterator[Element | Taken]:
    while lead := window.skip_gap():
        if lead == b"]":
            window.at += 1
            return
        taken = _take_quickly(window, quick) if lead == b"{" else None
        if taken is not None:
            yield taken
            continue
        element = _next_value(window)
        yield element
        if element.found in {Found.TRUNCATED, Found.TOO_LARGE}:
            return
    yield Element(Found.TRUNCATED, b"", window.base + window.at)


def _top_object(window: _Window, containers: frozenset[str], quick: Quick | None) -> Iterator[Element | Taken]:
    while True:
        end = _value_end(window.data, window.at)
        if end is not None:
            break
        if window.left() >= _WHOLE and not window.ended:
            yield from _enter(window, containers, quick)
            return
        if not window.grow(max(1, window.left())):
            yield from _cut_object(window, containers, quick)
            return
    start = window.at
    element = _take(window, end)
    if element.found is Found.GARBAGE:
        element = _shorten(window, element, start)
    yield element


def _shorten(window: _Window, element: Element, start: int) -> Element:
    """Give back what follows the first line of an unreadable object when another object starts on the next line."""
    line = window.data.find(b"\n{", start, window.at)
    if line < 0:
        return element
    window.at = line + 1
    return Element(Found.GARBAGE, window.data[start : min(line, start + _SAMPLE)], element.offset)


def _cut_object(window: _Window, containers: frozenset[str], quick: Quick | None) -> Iterator[Element | Taken]:
    """Save what can be saved of an object the stream ends in: the elements of its containers that are whole."""
    line = window.data.find(b"\n{", window.at)
    if line >= 0 and _is_malformed(window.data, window.at):
        yield Element(Found.GARBAGE, window.data[window.at : min(line, window.at + _SAMPLE)], window.base + window.at)
        window.at = line + 1
        return
    wanted = [f'"{name}"'.encode() for name in containers]
    if any(name in window.data[window.at : window.at + _WHOLE] for name in wanted):
        yield from _enter(window, containers, quick)
    else:
        yield _tail(window, Found.TRUNCATED)


def _is_malformed(data: bytes, start: int) -> bool:
    try:
        msgspec.json.decode(memoryview(data)[start:], type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return "truncated" not in str(error)
    except RecursionError:
        return True
    return False


def _enter(window: _Window, containers: frozenset[str], quick: Quick | None) -> Iterator[Element | Taken]:
    window.at += 1
    while True:
        lead = window.skip_gap()
        if lead == b"}":
            window.at += 1
            return
        key = _next_key(window)
        if key is None:
            yield _tail(window, Found.TRUNCATED if window.ended else Found.GARBAGE)
            window.at = len(window.data)
            return
        if key in containers and window.skip_gap() == b"[":
            window.at += 1
            for piece in _array(window, quick):
                yield piece
                if isinstance(piece, Element) and piece.found in {Found.TRUNCATED, Found.TOO_LARGE}:
                    return
        else:
            element = _next_value(window)
            if element.found in {Found.TRUNCATED, Found.TOO_LARGE}:
                yield element
                return


def _next_key(window: _Window) -> str | None:
    match = _KEY.match(window.data, window.at)
    while (match is None or match.end() == len(window.data)) and window.left() < 1 << 16 and window.grow():
        match = _KEY.match(window.data, window.at)
    if match is None:
        return None
    window.at = match.end()
    try:
        return str(json.loads(match.group(1)))
    except ValueError:
        return ""


def _next_value(window: _Window) -> Element:
    while True:
        end = _value_end(window.data, window.at)
        if end is not None:
            return _take(window, end)
        if window.left() > _LARGEST:
            element = _tail(window, Found.TOO_LARGE)
            window.at = len(window.data)
            while window.grow():
                window.at = len(window.data)
            return element
        if not window.grow(max(1, window.left())):
            element = _tail(window, Found.TRUNCATED)
            window.at = len(window.data)
            return element


def _take(window: _Window, end: int) -> Element:
    """Take `data[at:abs(end)]`; a negative end says that only a lenient decoder may read it."""
    start, offset = window.at, window.base + window.at
    window.at = abs(end)
    raw = window.data[start : abs(end)]
    if end > 0:
        return Element(Found.VALUE, raw, offset)
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return Element(Found.GARBAGE, raw[:_SAMPLE], offset)
    return Element(Found.ODD, raw, offset)


def _tail(window: _Window, found: Found) -> Element:
    element = Element(found, window.data[window.at : window.at + _SAMPLE], window.base + window.at)
    if found is Found.TRUNCATED:
        window.at = len(window.data)
    return element


def _value_end(data: bytes, start: int) -> int | None:
    """Return where the value at `start` ends, negated when strict JSON refuses it, None when it goes on beyond data."""
    lead = data[start : start + 1]
    try:
        msgspec.json.decode(memoryview(data)[start:], type=msgspec.Raw)
    except msgspec.DecodeError as error:
        message = str(error)
        trailing = _TRAILING.search(message)
        if trailing:
            end = start + int(trailing.group(1)) - 1  # the message counts from one
            if lead not in _CLOSING or data[start:end].rstrip()[-1:] == _CLOSING[lead]:
                return end
            return _odd_end(data, start)
        return None if "truncated" in message else _odd_end(data, start)
    except RecursionError:
        return _odd_end(data, start)
    return len(data) if lead in _CLOSING else None


def _odd_end(data: bytes, start: int) -> int | None:
    """Find the end of a value strict JSON refuses: by brackets outside strings, else at the next comma or line."""
    if data[start : start + 1] not in _CLOSING:
        found = _SCALAR_END.search(data, start + 1)
        return -found.start() if found else None
    depth = 0
    for match in _STRUCTURE.finditer(data, start):
        lead = data[match.start()]
        if lead in b"{[":
            depth += 1
        elif lead in b"}]":
            depth -= 1
            if depth == 0:
                return -match.end()
    return None


def _resync_line(window: _Window) -> Iterator[Element]:
    """Refuse the rest of the line and go on at the next one."""
    end = window.data.find(b"\n", window.at)
    while end < 0 and window.left() < 1 << 20 and window.grow():
        end = window.data.find(b"\n", window.at)
    stop = len(window.data) if end < 0 else end + 1
    yield Element(Found.GARBAGE, window.data[window.at : min(stop, window.at + _SAMPLE)], window.base + window.at)
    window.at = stop


def strict(raw: bytes) -> bytes:
    """Rewrite a value that only a lenient decoder reads as strict JSON: NaN and infinities become null.

    Raises ValueError for what even that decoder refuses; nesting beyond reason becomes null.
    """
    try:
        return json.dumps(json.loads(raw, parse_constant=lambda _: None)).encode()
    except RecursionError:
        return b"null"


class Member(NamedTuple):
    """A member of the object at the top (with its key), or an element of a stream without one (key None)."""

    key: str | None
    element: Element


def members(chunks: Iterable[bytes]) -> Iterator[Member]:
    """Yield the members of one large object, or the elements of an array or NDJSON stream, one at a time."""
    window = _Window(chunks)
    lead = window.skip_gap()
    if lead != b"{" or _several(window):
        for element in elements(_rest(window)):
            yield Member(None, element)
        return
    window.at += 1
    while (lead := window.skip_gap()) and lead != b"}":
        key = _next_key(window)
        if key is None:
            yield Member(None, _tail(window, Found.TRUNCATED if window.ended else Found.GARBAGE))
            return
        window.skip_gap()
        element = _next_value(window)
        yield Member(key, element)
        if element.found in {Found.TRUNCATED, Found.TOO_LARGE}:
            return
    if not lead:
        yield Member(None, Element(Found.TRUNCATED, b"", window.base + window.at))


def _several(window: _Window) -> bool:
    """Tell whether the object at hand is a line among others (NDJSON) rather than the whole file."""
    while window.left() < _LINE and window.grow(_LINE):
        pass
    end = _value_end(window.data, window.at)
    return end is not None and window.data[abs(end) :].lstrip()[:1] == b"{"


def _rest(window: _Window) -> Iterator[bytes]:
    while window.left() or window.grow():
        piece = window.data[window.at :]
        window.at = len(window.data)
        yield piece
