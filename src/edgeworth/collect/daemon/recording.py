"""Recording as a service: the chosen markets' streams, chosen anew every few hours, each stretch a run."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeworth.collect.daemon.books import Books
from edgeworth.collect.daemon.waiting import pause
from edgeworth.collect.jobs.observe import Tracked
from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import Clock
from edgeworth.core.paths import Home
from edgeworth.core.units import HOUR, MINUTE, SECOND, Micros
from edgeworth.store.collecting import SlotResult
from edgeworth.store.market_db import MarketStore
from edgeworth.venues.polymarket.clob_reads import Clob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeworth.collect.jobs.record import RecordedMarket
    from edgeworth.core.records import Rejected
    from edgeworth.venues.polymarket.market_stream import MarketStream
    from edgeworth.venues.streams.wire import Connect

STRETCH = 6 * HOUR
_NOTHING_S = 15 * MINUTE / SECOND  # without a market to record, look again after this


@dataclass(frozen=True, slots=True)
class Recording:
    """Record what `tracked` chooses until `stop` is set; `connect` opens a socket at `url`."""

    tracked: Tracked
    clob: Clob
    store: MarketStore
    books: Books
    home: Home
    clock: Clock
    stop: asyncio.Event
    url: str
    connect: "Connect"

    async def serve(self) -> None:
        """Record one stretch after the other."""
        while not self.stop.is_set():
            markets = await self._chosen()
            if markets:
                await self._stretch(markets)
            else:
                await pause(self.clock, _NOTHING_S, self.stop)

    async def _chosen(self) -> "list[RecordedMarket]":
        from edgeworth.collect.jobs.record import RecordedMarket
        from edgeworth.venues.polymarket.market_stream import StreamMarket

        found = []
        for market in await self.tracked():
            if market.open:
                tokens = market.state.tokens
                other = tokens[1] if len(tokens) > 1 else ""
                stream = StreamMarket(tokens[0], other, market.record.tick_e4)
                found.append(RecordedMarket(market.market_no, stream))
        return found

    async def _stretch(self, markets: "list[RecordedMarket]") -> None:
        from edgeworth.collect.jobs.record import RecordContext, record

        begun = self.clock.now()
        slot = Micros(begun - begun % SECOND)
        number = await self.books.begin("record", slot)
        context = RecordContext(self._stream(), self.home, self.clock, quarantine=self._quarantine, stop=self.stop)
        try:
            counts = await record(context, markets, Micros(begun + STRETCH))
        except BaseException:
            await self.books.abandon(number, SlotResult("record", slot, len(markets), 0, cause="crashed", failed=True))
            raise
        told = counts.to_dict() | {"markets": len(markets)}
        await self.books.finish(number, begun, SlotResult("record", slot, 1, 1, counts=told))

    def _stream(self) -> "MarketStream":
        from edgeworth.venues.polymarket.market_stream import MarketStream

        return MarketStream(self.url, self.connect, self._snapshots, self.clock)

    async def _snapshots(self, tokens: "Sequence[str]") -> "Sequence[BookSnapshot]":
        return list(await self.clob.books(tokens))

    async def _quarantine(self, rejected: "Sequence[Rejected]") -> None:
        await self.store.write(list(rejected))
