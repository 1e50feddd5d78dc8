"""Say why a piece of a file or of an answer is set aside."""

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

import msgspec

from edgeworth.core.records import Rejected
from edgeworth.venues import convert
from edgeworth.venues.splitter import Element, Found

T = TypeVar("T")


class Kept(msgspec.Struct, Generic[T], frozen=True):
    """What could be read of an answer's rows, and the rows that were set aside; iterates over the former."""

    items: list[T]
    rejected: list[Rejected]

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


_REASONS: Final = {
    Found.GARBAGE: "not-json",
    Found.TRUNCATED: "file-truncated",
    Found.TOO_LARGE: "record-too-large",
}


def refuse(element: Element, kind: str, source: str, where: str) -> Rejected:
    """Return the rejection of a piece that is no readable value; `raw` holds at most its first 2,000 bytes."""
    return Rejected(
        source=source,
        kind=kind,
        reason=_REASONS[element.found],
        raw=element.raw.decode("utf-8", "replace"),
        where=where,
    )


def refuse_row(row: object, kind: str, reason: str, source: str, where: str) -> Rejected:
    """Return the rejection of a decoded row."""
    return Rejected(source=source, kind=kind, reason=reason, raw=convert.json_text(row), where=where)
