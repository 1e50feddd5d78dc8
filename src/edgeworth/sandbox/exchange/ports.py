"""What the exchange asks of its surroundings: the world as of an instant, and which faults are switched on.

Both are handed in; the packages that implement them import this one, not the other way round.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from edgeworth.sandbox.arrays import WorldData
from edgeworth.sandbox.identity import Numbering
from edgeworth.sandbox.kinds import Kind
from edgeworth.sandbox.wording import EventText, MarketText


class IdBook(Protocol):
    """Every way a client may name a market."""

    @property
    def numbering(self) -> Numbering:
        """Decimal ids and slugs."""

    def condition_id(self, market: int) -> str:
        """Return the condition id of a market."""

    def tokens(self, market: int) -> tuple[str, str]:
        """Return the ids of both outcomes."""

    def question_id(self, market: int) -> str:
        """Return the question id."""

    def group_id(self, event: int) -> str:
        """Return the negRisk group of an event."""

    def market_id(self, market: int) -> str:
        """Return the decimal id."""

    def event_id(self, event: int) -> str:
        """Return the decimal id of an event."""

    def find_token(self, token: str) -> tuple[int, int] | None:
        """Return (market, leg) of a token."""

    def find_condition(self, condition: str) -> int | None:
        """Return the market of a condition id."""


class LivePort(Protocol):
    """The world as of an instant; markets are numbered as in the world's arrays."""

    world: WorldData
    count: int
    created_at: npt.NDArray[Any]
    proposed_at: npt.NDArray[Any]
    resolved_at: npt.NDArray[Any]
    total_usd: npt.NDArray[Any]

    @property
    def names(self) -> IdBook:
        """Every way to name a market."""

    @property
    def by_id(self) -> npt.NDArray[Any]:
        """All markets in the order of their ids."""

    def event_of(self, market: int) -> int:
        """Return the event of a market."""

    def kind(self, market: int) -> Kind:
        """Return the kind of the event."""

    def text(self, market: int) -> MarketText:
        """Return question, label and outcomes."""

    def event_text(self, event: int) -> EventText:
        """Return an event's words."""

    def depth_usd(self, market: int) -> int:
        """Return the usual depth at the best price, dollars."""

    def is_open(self, market: int, now: int) -> bool:
        """Tell whether the market has a book."""

    def fair_e4(self, market: int, now: int) -> int:
        """Return the quoted YES price."""

    def tick_e4(self, market: int, now: int) -> int:
        """Return the price step."""

    def quote_e4(self, market: int, now: int) -> tuple[int, int]:
        """Return best bid and ask, 0 and 10,000 where there is none."""

    def volume_e6(self, market: int, now: int) -> int:
        """Return dollars traded since the listing."""

    def visible(self, now: int) -> npt.NDArray[Any]:
        """Return the markets listed by now."""

    def listed_between(self, since: int, until: int) -> list[int]:
        """Return the markets listed in (since, until]."""

    def resolved_between(self, since: int, until: int) -> list[int]:
        """Return the markets that became final in (since, until]."""

    def scheduled(self, market: int) -> int | None:
        """Return the stated end."""

    def status(self, market: int, now: int) -> Any:
        """Return phase, payout and history."""


class FaultsPort(Protocol):
    """Which faults are switched on, with their parameters."""

    def active(self, name: str) -> Mapping[str, Any] | None:
        """Return a fault's parameters, None while it is off."""

    def window(self, name: str) -> Any:
        """Return when a fault began, None while it is off."""


class Since(NamedTuple):
    """When a fault began."""

    begin: int


class FixedFaults:
    """Faults that are on for good, with their parameters; none at all by default. For tests and embedded use."""

    def __init__(self, on: Mapping[str, Mapping[str, Any]] | None = None, begin: int = 0) -> None:
        self.on = dict(on or {})
        self._begin = begin

    def active(self, name: str) -> Mapping[str, Any] | None:
        """Return the fault's parameters, None while it is off."""
        return self.on.get(name)

    def window(self, name: str) -> Any:
        """Return when the fault began, None while it is off."""
        return Since(self._begin) if name in self.on else None
