"""Keep the closed candles of coins up to date in the lake; what was missed meanwhile is fetched, because it can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeworth.collect.jobs.work import Work, merge_counts
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import CandleBlock, Rejected
from edgeworth.core.units import DAY, HOUR, MINUTE, Micros

if TYPE_CHECKING:
    from edgeworth.store.lake import Lake
    from edgeworth.store.market_db import MarketStore
    from edgeworth.venues.binance.rest import Binance

STEPS = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
FIRST = 2 * DAY  # how far back a first run goes; `data fetch --candles` brings years


@dataclass(frozen=True, slots=True)
class CandleTools:
    """What the job needs."""

    binance: "Binance"
    lake: "Lake"
    store: "MarketStore"
    clock: Clock


class CandlesWork(Work):
    """One slot: the pairs that are still to be fetched."""

    def __init__(self, slot: Micros, job: "Candles") -> None:
        super().__init__(slot)
        self._job = job
        self._left = list(job.symbols)

    async def attempt(self) -> bool:
        """Fetch what closed since each pair's last stored candle; a pair the exchange refuses is left out."""
        job = self._job
        while self._left:
            symbol = self._left[0]
            try:
                merge_counts(self.counts, {"candles": await job.update(symbol)})
            except Refused as error:
                if error.code not in {"venue-refused", "venue-not-found"}:
                    raise
                self.counts.setdefault("unlisted", []).append(symbol)
            self._left.pop(0)
        self.met = 1
        return True


class Candles:
    """The job that appends closed candles of these pairs (`BTCUSDT`) at one interval."""

    name = "candles"

    def __init__(self, symbols: Sequence[str], interval: str, tools: CandleTools) -> None:
        self.symbols, self._interval, self._tools = tuple(symbols), interval, tools
        self._last: dict[str, int] = {}

    def begin(self, slot: Micros, expected: int) -> CandlesWork:  # noqa: ARG002  (always one)
        """Return the work of one slot."""
        return CandlesWork(slot, self)

    async def update(self, symbol: str) -> int:
        """Append what closed since the last stored candle of a pair; returns the number of candles."""
        tools, step = self._tools, STEPS[self._interval]
        now = tools.clock.now()
        start = self._last.get(symbol) or self._stored(symbol) or now - FIRST
        start = start - start % step + step
        if start + step > now:
            return 0
        added = 0
        for record in await tools.binance.klines(symbol, self._interval, Micros(start), now):
            if isinstance(record, CandleBlock):
                added += self._append(record)
                self._last[symbol] = int(record.t.max())
            elif isinstance(record, Rejected):
                await tools.store.write([record])
        return added

    def _append(self, block: CandleBlock) -> int:
        import polars as pl

        columns = {name: getattr(block, name) for name in ("t", "open", "high", "low", "close", "volume")}
        key = f"collect-{int(block.t.min())}-{int(block.t.max())}"
        part = self._tools.lake.append_candles(
            block.source, block.symbol, block.interval, pl.DataFrame(columns), key=key
        )
        return part.stored

    def _stored(self, symbol: str) -> int | None:
        """Return the open time of the newest stored candle of a pair."""
        from edgeworth.venues.binance.klines import normalise_symbol
        from edgeworth.venues.binance.rest import SOURCE

        name = normalise_symbol(symbol)
        parts = self._tools.lake.manifest("candles").parts
        mine = [p.t_max for p in parts if (p.source, p.symbol, p.interval) == (SOURCE, name, self._interval)]
        return max(mine, default=None)
