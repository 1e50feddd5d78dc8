"""Identifiers of the live venue: which markets run on which protocol, and every way a client may name one."""

import hashlib
from functools import cached_property

from edgeworth.sandbox import identity
from edgeworth.sandbox.arrays import WorldData

_V2_SHARE = 10  # one event in so many runs on the second protocol
_BINARY, _NEG_RISK = 1, 2


class Names:
    """Give every market its ids and find it again; markets and events are numbered as in the world's arrays."""

    def __init__(self, world: WorldData) -> None:
        self._world = world
        self.numbering = identity.Numbering(world)
        self.event_of: list[int] = world.arrays.event.tolist()
        self.is_v2 = [self._digest("version", event)[0] % _V2_SHARE == 3 for event in range(len(world.texts))]
        self._tokens: dict[int, tuple[str, str]] = {}
        v1 = identity.conditions(world)
        self._conditions = [
            self._structural(market) + "00" if self.is_v2[self.event_of[market]] else v1[market]
            for market in range(world.market_count)
        ]

    def _digest(self, *names: str | int) -> bytes:
        text = "/".join(str(part) for part in (self._world.scenario.name, self._world.seed, *names))
        return hashlib.sha256(text.encode()).digest()

    def _structural(self, market: int) -> str:
        """Return a 31-byte id: module, 18 bytes of the event, eight zero bytes, the place in the event."""
        event = self.event_of[market]
        module = _NEG_RISK if self._world.event_kind[event].neg_risk else _BINARY
        place: int = market - self.numbering.first[event] + 1
        words = bytes([module]) + self._digest("structure", event)[:18] + bytes(8) + place.to_bytes(4)
        return "0x" + words.hex()

    def version(self, market: int) -> str:
        """Return `v1` or `v2`."""
        return "v2" if self.is_v2[self.event_of[market]] else "v1"

    def condition_id(self, market: int) -> str:
        """Return the condition id, padded to 32 bytes on the second protocol."""
        return self._conditions[market]

    def onchain_event_id(self, market: int) -> str:
        """Return what all conditions of a second-protocol event have in common, padded."""
        return self._conditions[market][:60] + "000000"

    def tokens(self, market: int) -> tuple[str, str]:
        """Return the ids of both outcomes that can be traded: position ids on the second protocol."""
        found = self._tokens.get(market)
        if found is None:
            if self.is_v2[self.event_of[market]]:
                base = int(self._conditions[market][2:64], 16) << 8
                found = (str(base), str(base + 1))
            else:
                found = identity.tokens(self._world, market)
            self._tokens[market] = found
        return found

    def old_tokens(self, market: int) -> tuple[str, str]:
        """Return the first protocol's token ids, which a second-protocol row still shows but nobody trades."""
        return identity.tokens(self._world, market)

    def question_id(self, market: int) -> str:
        """Return the oracle's question id."""
        return identity.hexadecimal(self._world, "question", market)

    def group_id(self, event: int) -> str:
        """Return the id of a negRisk group."""
        return identity.hexadecimal(self._world, "negrisk", event)

    @property
    def resolver(self) -> str:
        """The oracle adapter's address."""
        return "0x" + identity.hexadecimal(self._world, "resolver", 0)[-40:]

    def market_id(self, market: int) -> str:
        """Return the decimal id."""
        return self.numbering.market_id(market)

    def event_id(self, event: int) -> str:
        """Return the decimal id of an event."""
        return self.numbering.event_id(event)

    @cached_property
    def _by_token(self) -> dict[str, tuple[int, int]]:
        return {token: (i, leg) for i in range(self._world.market_count) for leg, token in enumerate(self.tokens(i))}

    @cached_property
    def _by_condition(self) -> dict[str, int]:
        return {condition: market for market, condition in enumerate(self._conditions)}

    @cached_property
    def _by_id(self) -> dict[str, int]:
        return {self.market_id(market): market for market in range(self._world.market_count)}

    @cached_property
    def _by_slug(self) -> dict[str, int]:
        return {self.numbering.market_slug(market): market for market in range(self._world.market_count)}

    @cached_property
    def _events_by_id(self) -> dict[str, int]:
        return {self.event_id(event): event for event in range(len(self._world.texts))}

    @cached_property
    def _events_by_slug(self) -> dict[str, int]:
        return {self.numbering.event_slug(event): event for event in range(len(self._world.texts))}

    @cached_property
    def _by_question(self) -> dict[str, int]:
        return {self.question_id(market): market for market in range(self._world.market_count)}

    def find_token(self, token: str) -> tuple[int, int] | None:
        """Return (market, leg) of a token id, None when nobody trades it."""
        return self._by_token.get(token)

    def find_condition(self, condition: str) -> int | None:
        """Return the market of a condition id; 31-byte structural ids are padded first."""
        text = condition.lower()
        if len(text) == 64 and text[:4] in {"0x01", "0x02"}:
            text += "00"
        return self._by_condition.get(text)

    def find_market(self, market_id: str) -> int | None:
        """Return the market of a decimal id."""
        return self._by_id.get(market_id)

    def find_slug(self, slug: str) -> int | None:
        """Return the market of a slug."""
        return self._by_slug.get(slug)

    def find_question(self, question: str) -> int | None:
        """Return the market of a question id."""
        return self._by_question.get(question.lower())

    def find_event(self, event_id: str) -> int | None:
        """Return the event of a decimal id."""
        return self._events_by_id.get(event_id)

    def find_event_slug(self, slug: str) -> int | None:
        """Return the event of a slug."""
        return self._events_by_slug.get(slug)
