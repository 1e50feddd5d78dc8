"""A generated world as it stands at an instant: which markets are listed, where they trade, how far they have come.

Nothing here remembers anything: every answer is a function of the world and of `now`, so a venue that is asked twice
answers twice the same, and thirty days in which nobody asks cost nothing. Between two recorded points a price stands
still, so it stays a conditional expectation at every instant.
"""

from enum import IntEnum
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import NEVER, UNKNOWN_TIME
from edgeworth.core.random import stream
from edgeworth.core.types import UNRESOLVED
from edgeworth.core.units import DAY, HOUR, MINUTE, ONE_PRICE, SECOND, Micros
from edgeworth.sandbox.arrays import WorldData
from edgeworth.sandbox.kinds import Kind
from edgeworth.sandbox.server.names import Names
from edgeworth.sandbox.wording import EventText, MarketText

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LIFE = 30 * DAY  # how long a venue lives by default
_CHALLENGE = 2 * HOUR
_FINE_TICK_E4 = 10
_COARSE_LOW, _COARSE_HIGH = 400, 9_600  # beyond these prices the tick is a tenth of a cent
_RHYTHM = 0.35  # trading by day over trading by night


class Phase(IntEnum):
    """How far a market has come."""

    UNLISTED = 0
    OPEN = 1
    PROPOSED = 2
    DISPUTED = 3
    RESOLVED = 4


class Status(msgspec.Struct, frozen=True):
    """A market's standing: `payout_e4` is UNRESOLVED until it is final, `history` the oracle's words so far."""

    phase: Phase
    payout_e4: int
    history: tuple[str, ...]


class LiveWorld:
    """Answer what is true of every market of a world at any instant; markets are numbered as in the world's arrays."""

    fine_tick_e4 = _FINE_TICK_E4

    def __init__(self, world: WorldData, start: Micros | None = None) -> None:
        self.world = world
        self.start = Micros(world.scenario.end - LIFE) if start is None else start
        self.end = world.scenario.end
        self.count = world.market_count
        self.names = Names(world)
        arrays = world.arrays
        self.created_at, self.event_at = arrays.created_at, arrays.event_at
        self.proposed_at, self.resolved_at = arrays.proposed_at, arrays.resolved_at
        self.scheduled_end = arrays.scheduled_end
        share = stream(world.seed, "dispute").uniform(0.1, 0.9, self.count)
        fought = world.disputed
        self.disputed_at: Ints = np.where(fought, self.proposed_at + (share * _CHALLENGE).astype(np.int64), NEVER)
        self.reproposed_at: Ints = np.where(fought, self.resolved_at - _CHALLENGE, NEVER)
        self.total_usd = np.exp(stream(world.seed, "volume").normal(9.5, 1.6, self.count))
        spans = np.array([kind.span for kind in world.event_kind], dtype=np.int64)
        self._span = spans[arrays.event]
        self._moments: dict[int, Moment] = {}

    # what a market is

    def event_of(self, market: int) -> int:
        """Return the market's event."""
        return self.names.event_of[market]

    def members(self, event: int) -> range:
        """Return the markets of an event."""
        return self.names.numbering.markets(event)

    def kind(self, market: int) -> Kind:
        """Return the kind of the market's event."""
        return self.world.event_kind[self.event_of(market)]

    def text(self, market: int) -> MarketText:
        """Return question, label and outcomes."""
        event = self.event_of(market)
        place: int = market - self.names.numbering.first[event]
        return self.world.texts[event].markets[place]

    def event_text(self, event: int) -> EventText:
        """Return an event's title, markets and tags."""
        return self.world.texts[event]

    def half_spread_e4(self, market: int) -> int:
        """Return half the usual spread, 1e-4 dollars."""
        return int(self.world.half_spread_e4[market])

    def depth_usd(self, market: int) -> int:
        """Return the usual depth at the best price, dollars."""
        return int(self.world.depth_usd[market])

    # what it is now

    def phase(self, market: int, now: int) -> Phase:
        """Return how far a market has come."""
        if now < self.created_at[market]:
            return Phase.UNLISTED
        if now >= self.resolved_at[market]:
            return Phase.RESOLVED
        if now < self.proposed_at[market]:
            return Phase.OPEN
        contested = self.disputed_at[market] <= now < self.reproposed_at[market]
        return Phase.DISPUTED if contested else Phase.PROPOSED

    def status(self, market: int, now: int) -> Status:
        """Return a market's standing with its payout, once final, and the oracle's words so far."""
        steps = (
            (self.proposed_at[market], "proposed"),
            (self.disputed_at[market], "disputed"),
            (self.reproposed_at[market], "proposed"),
            (self.resolved_at[market], "resolved"),
        )
        phase = self.phase(market, now)
        payout = int(self.world.final_e4[market]) if phase is Phase.RESOLVED else UNRESOLVED
        return Status(phase, payout, tuple(word for at, word in steps if at <= now))

    def is_open(self, market: int, now: int) -> bool:
        """Tell whether the market has an order book: listed, and nothing proposed yet."""
        return bool(self.created_at[market] <= now < self.proposed_at[market])

    def fair_e4(self, market: int, now: int) -> int:
        """Return the YES price the world quotes, 1e-4 dollars: the last recorded one, the first before there is any."""
        arrays = self.world.arrays
        first, stop = int(arrays.offsets[market]), int(arrays.offsets[market + 1])
        if first == stop:
            return ONE_PRICE // 2
        place = int(np.searchsorted(arrays.t[first:stop], now, side="right"))
        return int(arrays.price_e4[first + max(place - 1, 0)])

    def tick_e4(self, market: int, now: int) -> int:
        """Return the price step of the book: it becomes a tenth of a cent at the extremes and stays so."""
        return _FINE_TICK_E4 if now >= self.tick_change_at[market] else self.world.scenario.tick_e4

    def quote_e4(self, market: int, now: int) -> tuple[int, int]:
        """Return best bid and ask of an undisturbed book, 0 and 10,000 where that side is empty."""
        tick = self.tick_e4(market, now)
        return quote(self.fair_e4(market, now), self.half_spread_e4(market), tick)

    def volume_e6(self, market: int, now: int) -> int:
        """Return the dollars traded since the listing, in millionths."""
        return int(self.volumes_e6(now, np.array([market]))[0])

    # all markets at once

    def moment(self, now: int) -> "Moment":
        """Return every market's standing at an instant, computed once."""
        found = self._moments.get(now)
        if found is None:
            if len(self._moments) > 3:
                self._moments.pop(next(iter(self._moments)))
            found = self._moments[now] = Moment(self, now)
        return found

    def visible(self, now: int) -> Ints:
        """Return the markets listed by `now`, in the order of their ids."""
        return self.by_id[self.created_at[self.by_id] <= now]

    def open_markets(self, now: int) -> Ints:
        """Return the markets that have an order book, in the order of their ids."""
        order = self.by_id
        result: Ints = order[(self.created_at[order] <= now) & (now < self.proposed_at[order])]
        return result

    def listed_between(self, since: int, until: int) -> list[int]:
        """Return the markets listed in (since, until], earliest first."""
        return _between(self.created_at, since, until)

    def resolved_between(self, since: int, until: int) -> list[int]:
        """Return the markets that became final in (since, until], earliest first."""
        return _between(self.resolved_at, since, until)

    def fairs_e4(self, now: int, markets: Ints) -> Ints:
        """Return `fair_e4` of several markets, shape (n,)."""
        arrays = self.world.arrays
        place = np.searchsorted(self._keys, (markets << 32) | (now // SECOND), side="right") - 1
        place = np.clip(place, arrays.offsets[markets], np.maximum(arrays.offsets[markets + 1] - 1, 0))
        prices: Ints = arrays.price_e4[np.minimum(place, len(arrays.t) - 1)].astype(np.int64)
        return np.where(arrays.offsets[markets] == arrays.offsets[markets + 1], ONE_PRICE // 2, prices)

    def volumes_e6(self, now: int, markets: Ints) -> Ints:
        """Return `volume_e6` of several markets: it grows with age, faster by day, and stops when the book closes.

        The pace is that of the kind's full life, so it says nothing about when a market will end.
        """
        begun = self.created_at[markets]
        stop = np.maximum(np.minimum(now, self.proposed_at[markets]), begun)
        grown = (_warped(stop) - _warped(begun)) / self._span[markets]
        share = np.clip(grown, 0.0, None)
        result: Ints = (1e6 * self.total_usd[markets] * share).astype(np.int64)
        return result

    @cached_property
    def by_id(self) -> Ints:
        """All markets in the order of their ids, which is the order of their listing."""
        numbering = self.names.numbering
        return np.array([m for event in numbering.order for m in numbering.markets(event)], dtype=np.int64)

    @cached_property
    def tick_change_at(self) -> Ints:
        """When each market's tick shrank: the first recorded price beyond the extremes; NEVER if it did not."""
        arrays = self.world.arrays
        beyond = (arrays.price_e4 < _COARSE_LOW) | (arrays.price_e4 > _COARSE_HIGH)
        result = np.full(self.count, NEVER, dtype=np.int64)
        places = np.flatnonzero(beyond)
        owners = np.searchsorted(arrays.offsets, places, side="right") - 1
        np.minimum.at(result, owners, arrays.t[places])
        return result

    @cached_property
    def _keys(self) -> Ints:
        arrays = self.world.arrays
        owner = np.repeat(np.arange(self.count, dtype=np.int64), np.diff(arrays.offsets))
        result: Ints = (owner << 32) | (arrays.t // SECOND)
        return result

    def scheduled(self, market: int) -> int | None:
        """Return the stated end, None where none is."""
        value = int(self.scheduled_end[market])
        return None if value == UNKNOWN_TIME else value


class Moment:
    """Every market at one instant; columns have shape (M,) and are computed when first asked for."""

    def __init__(self, live: LiveWorld, now: int) -> None:
        self.live, self.now = live, now
        self._all: Ints = np.arange(live.count, dtype=np.int64)

    @cached_property
    def listed(self) -> Bools:
        """Listed by now."""
        result: Bools = self.live.created_at <= self.now
        return result

    @cached_property
    def closed(self) -> Bools:
        """Final by now."""
        result: Bools = self.live.resolved_at <= self.now
        return result

    @cached_property
    def fair_e4(self) -> Ints:
        """Quoted YES prices."""
        return self.live.fairs_e4(self.now, self._all)

    @cached_property
    def volume_e6(self) -> Ints:
        """Dollars traded since the listing, millionths."""
        return self.live.volumes_e6(self.now, self._all)

    def volume_since_e6(self, ago: int) -> Ints:
        """Return dollars traded in the last `ago` microseconds, millionths."""
        return self.volume_e6 - self.live.volumes_e6(self.now - ago, self._all)

    @cached_property
    def volume_24h_e6(self) -> Ints:
        """Dollars traded in the last 24 hours, millionths."""
        return self.volume_since_e6(DAY)

    @cached_property
    def liquidity_usd(self) -> Ints:
        """Dollars resting in the book; nothing once it closed."""
        tradable = self.listed & (self.now < self.live.proposed_at)
        return np.where(tradable, self.live.world.depth_usd.astype(np.int64) * 4, 0)


def quotes_e4(fair: Ints, half: Ints, tick: Ints) -> tuple[Ints, Ints]:
    """Return `quote` of many markets at once, shapes (n,)."""
    narrow = np.minimum(half, np.maximum(tick // 2, np.minimum(fair, ONE_PRICE - fair) // 2))
    bid = (fair - narrow) // tick * tick
    ask = -((-fair - narrow) // tick) * tick
    ask = np.where(bid == ask, ask + tick, ask)
    return np.where(bid >= tick, bid, 0), np.where(ask <= ONE_PRICE - tick, ask, ONE_PRICE)


def quote(fair_e4: int, half_e4: int, tick_e4: int) -> tuple[int, int]:
    """Return bid and ask around a fair price on the tick grid, narrower near 0 and 1; 0 and 10,000 mean none."""
    half = min(half_e4, max(tick_e4 // 2, min(fair_e4, ONE_PRICE - fair_e4) // 2))
    bid = (fair_e4 - half) // tick_e4 * tick_e4
    ask = -((-fair_e4 - half) // tick_e4) * tick_e4
    if bid == ask:
        ask += tick_e4
    return (bid if bid >= tick_e4 else 0), (ask if ask <= ONE_PRICE - tick_e4 else ONE_PRICE)


def _warped(instants: Ints) -> npt.NDArray[np.float64]:
    """Return microseconds of trading time: it runs faster in the afternoon (UTC) than at night, and always forward."""
    turn = 2 * np.pi / DAY
    phase = (instants % DAY - 10 * HOUR) * turn
    result: npt.NDArray[np.float64] = instants - _RHYTHM / turn * np.cos(phase)
    return result


def _between(instants: Ints, since: int, until: int) -> list[int]:
    chosen = np.flatnonzero((instants > since) & (instants <= until))
    found: list[int] = chosen[np.argsort(instants[chosen], kind="stable")].tolist()
    return found


def opened_at(live: LiveWorld, market: int) -> int:
    """Return when orders were first accepted: a minute after the listing."""
    return int(live.created_at[market]) + MINUTE
