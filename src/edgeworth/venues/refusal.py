"""Say why a piece of a file is set aside."""

from typing import Final

from edgeworth.core.records import Rejected
from edgeworth.venues.splitter import Element, Found

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
