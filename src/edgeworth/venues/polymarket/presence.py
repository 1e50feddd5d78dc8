"""Whether the venue serves this place, and which version of its protocol it speaks; read before live trading."""

import msgspec

from edgeworth.core.errors import Rejected
from edgeworth.venues import convert
from edgeworth.venues.answers import decoded
from edgeworth.venues.http.client import HttpClient

PROTOCOL = 2


class Place(msgspec.Struct, frozen=True):
    """Where the venue sees this machine, and whether it refuses orders from there."""

    blocked: bool
    country: str
    region: str


async def place_of(http: HttpClient) -> Place:
    """Return what the venue's own probe says; raises Rejected venue-drift when that cannot be read."""
    row = decoded(await http.get("site", "/api/geoblock", route="geoblock"))
    stated = row.get("blocked") if isinstance(row, dict) else None
    if not isinstance(stated, bool):
        raise Rejected("venue-drift", "the probe of the region has no known shape")
    return Place(stated, convert.text(row.get("country")), convert.text(row.get("region")))


async def protocol_of(http: HttpClient) -> int:
    """Return the version of the order protocol; raises Rejected venue-drift when it is not stated."""
    row = decoded(await http.get("clob", "/version", route="other"))
    stated = row.get("version") if isinstance(row, dict) else None
    if not isinstance(stated, int) or isinstance(stated, bool):
        raise Rejected("venue-drift", "the version of the protocol is not stated")
    return stated
