"""Profiles and comments: a few invented people and what they say, the same for every reader."""

import hashlib
from typing import Any

from edgeworth.core.units import DAY, HOUR
from edgeworth.sandbox.server import text
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.paging import InvalidError
from edgeworth.sandbox.server.protocol import Request

_NAMES = (
    ("deepwater", "Calm-Harbour"),
    ("northlight", "Brisk-Falcon"),
    ("paperclip", "Plain-Meadow"),
    ("tidemark", "Slow-Anchor"),
    ("quiethill", "Green-Lantern"),
    ("oldbridge", "Quick-Sparrow"),
    ("saltroad", "Round-Kettle"),
    ("windowseat", "Loud-Ember"),
)
_WORDS = ("Looks high to me", "The deadline is closer than it seems", "Nothing has changed since last week")
_PER_EVENT = 3

SPORTS: list[dict[str, Any]] = [
    {"id": place, "sport": sport, "image": "", "resolution": "", "ordering": "home", "tags": "1", "series": str(place)}
    for place, sport in enumerate(("nba", "nfl", "soccer"), start=1)
]


def wallets(live: LiveWorld) -> list[str]:
    """Return the addresses of the invented people."""
    head = f"{live.world.scenario.name}/{live.world.seed}/wallet/"
    return ["0x" + hashlib.sha256(f"{head}{place}".encode()).hexdigest()[:40] for place in range(len(_NAMES))]


def name_of(live: LiveWorld, wallet: str) -> tuple[str, str]:
    """Return name and pseudonym of an address, empty for a stranger."""
    return next((names for own, names in zip(wallets(live), _NAMES, strict=True) if own == wallet.lower()), ("", ""))


def _public(live: LiveWorld, place: int) -> dict[str, Any]:
    name, pseudonym = _NAMES[place]
    return {
        "name": name,
        "pseudonym": pseudonym,
        "proxyWallet": wallets(live)[place],
        "displayUsernamePublic": True,
    }


def search(live: LiveWorld, words: list[str]) -> list[dict[str, Any]]:
    """Return the profiles whose name holds every word."""
    return [
        {"id": str(9001 + place), **_public(live, place)}
        for place, names in enumerate(_NAMES)
        if all(word in " ".join(names).lower() for word in words)
    ]


def profile(live: LiveWorld, address: str) -> dict[str, Any] | None:
    """Return a public profile, None for a stranger."""
    if address.lower() not in wallets(live):
        return None
    place = wallets(live).index(address.lower())
    row = _public(live, place)
    return {
        "createdAt": text.iso(live.world.scenario.start - (400 + place) * DAY),
        "profileImage": "",
        "bio": "",
        "users": [{"id": str(9001 + place), "creator": False, "mod": False}],
        "xUsername": None,
        "verifiedBadge": False,
        **row,
    }


def _thread(live: LiveWorld, event: int, now: int) -> list[dict[str, Any]]:
    begun = int(live.created_at[live.members(event)[0]])
    rows = []
    for place in range(_PER_EVENT):
        said = begun + (place + 1) * 5 * HOUR
        person = (event + place) % len(_NAMES)
        if said <= now:
            rows.append(
                {
                    "id": str(event * _PER_EVENT + place + 700),
                    "body": _WORDS[place],
                    "parentEntityType": "Event",
                    "parentEntityID": int(live.names.event_id(event)),
                    "parentCommentID": None,
                    "userAddress": wallets(live)[person],
                    "createdAt": text.iso(said),
                    "reportCount": 0,
                    "reactionCount": place,
                    "profile": _public(live, person),
                }
            )
    return rows


def comments(live: LiveWorld, request: Request, now: int) -> list[dict[str, Any]]:
    """Return the comments below an event, newest first; raises InvalidError without a parent."""
    kind, parent = request.first("parent_entity_type"), request.first("parent_entity_id")
    if kind not in {"Event", "Series"} or not parent:
        raise InvalidError("parent_entity_type and parent_entity_id are required", "parent_entity_id")
    event = live.names.find_event(parent) if kind == "Event" else None
    return _thread(live, event, now)[::-1] if event is not None else []


def comment(live: LiveWorld, number: str, now: int) -> dict[str, Any] | None:
    """Return one comment by id."""
    if not number.isdigit() or not 700 <= int(number) < 700 + _PER_EVENT * len(live.world.texts):
        return None
    rows = _thread(live, (int(number) - 700) // _PER_EVENT, now)
    return next((row for row in rows if row["id"] == number), None)


def comments_by(live: LiveWorld, address: str, now: int) -> list[dict[str, Any]]:
    """Return the latest hundred comments of an address."""
    if address.lower() not in wallets(live):
        return []
    rows = [row for event in range(len(live.world.texts)) for row in _thread(live, event, now)]
    own = [row for row in rows if row["userAddress"] == address.lower()]
    return sorted(own, key=lambda row: (row["createdAt"], row["id"]), reverse=True)[:100]
