"""Identifiers of simulated events and markets: fixed by scenario and seed, shaped like the venue's."""

import hashlib

import numpy as np

from edgeworth.sandbox.arrays import WorldData
from edgeworth.sandbox.wording import slugify

_FIRST_MARKET, _FIRST_EVENT = 500_001, 20_001
_TOKEN_FLOOR = 10**76


def _digest(world: WorldData, *names: str | int) -> bytes:
    text = "/".join(str(part) for part in (world.scenario.name, world.seed, *names))
    return hashlib.sha256(text.encode()).digest()


def conditions(world: WorldData) -> list[str]:
    """Return every market's condition id: 0x and 64 hexadecimal digits."""
    return ["0x" + _digest(world, "condition", market).hex() for market in range(world.market_count)]


def hexadecimal(world: WorldData, purpose: str, number: int) -> str:
    """Return a 32-byte id of another purpose (question, negRisk group, resolver)."""
    return "0x" + _digest(world, purpose, number).hex()


def tokens(world: WorldData, market: int) -> tuple[str, str]:
    """Return the two outcome token ids: decimal strings of 77 digits."""
    rows = (int.from_bytes(_digest(world, "token", market, leg), "big") for leg in (0, 1))
    first, second = (str(_TOKEN_FLOOR + row % (9 * _TOKEN_FLOOR)) for row in rows)
    return first, second


def listing_order(world: WorldData) -> list[int]:
    """Return event numbers in the order they were listed."""
    created = np.zeros(len(world.texts), dtype=np.int64)
    created[world.arrays.event] = world.arrays.created_at
    return [int(event) for event in np.argsort(created, kind="stable")]


class Numbering:
    """Give events and markets the venue's running decimal ids, in listing order, and unique slugs."""

    def __init__(self, world: WorldData) -> None:
        self.order = listing_order(world)
        sizes = np.bincount(world.arrays.event, minlength=len(world.texts))
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(int).tolist()
        self._event: dict[int, int] = {event: _FIRST_EVENT + place for place, event in enumerate(self.order)}
        self._market: dict[int, int] = {}
        following = _FIRST_MARKET
        for event in self.order:
            for market in self.markets(event):
                self._market[market] = following
                following += 1
        self._slugs = self._name_all(world)

    def _name_all(self, world: WorldData) -> dict[str, str]:
        """Choose slugs for the whole history, so that every dump uses the same ones."""
        taken: set[tuple[str, str]] = set()
        names: dict[str, str] = {}
        for event in self.order:
            text = world.texts[event]
            rows = [(f"e{event}", text.title, self.event_id(event))]
            rows += [
                (f"m{market}", own.question, self.market_id(market))
                for market, own in zip(self.markets(event), text.markets, strict=True)
            ]
            for key, words, number in rows:
                base = slugify(words)
                name = base if (key[0], base) not in taken else f"{base}-{number}"
                names[key] = name
                taken.add((key[0], name))
        return names

    def markets(self, event: int) -> range:
        """Return the market numbers of an event."""
        return range(self.first[event], self.first[event + 1])

    def event_id(self, event: int) -> str:
        """Return the venue's event id."""
        return str(self._event[event])

    def market_id(self, market: int) -> str:
        """Return the venue's market id."""
        return str(self._market[market])

    def event_slug(self, event: int) -> str:
        """Return the event's slug: its title, with the id where the wording was used before."""
        return self._slugs[f"e{event}"]

    def market_slug(self, market: int) -> str:
        """Return the market's slug: its question, with the id where the wording was used before."""
        return self._slugs[f"m{market}"]
