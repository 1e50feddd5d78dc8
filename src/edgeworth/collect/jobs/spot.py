"""The spot price beside a market: the coin its question is about, else Bitcoin, from the exchange's tickers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeworth.collect.jobs.directory import Listed
from edgeworth.core.clock import Clock
from edgeworth.core.units import DAY, Micros
from edgeworth.features.question_assets import parse_asset
from edgeworth.features.taxonomy import classify

if TYPE_CHECKING:
    from edgeworth.venues.binance.rest import Binance

DEFAULT = "BTCUSDT"
_REMEMBERED = 10_000  # markets
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Spot:
    """A pair's last price in 1e-4 dollars and its change over 24 hours as a fraction x 1e6."""

    symbol: str
    price_e4: int
    change_24h_e6: int | None


class SpotPrices:
    """Ask for the tickers that a set of markets needs, in one call."""

    def __init__(self, binance: "Binance", clock: Clock) -> None:
        self._binance, self._clock = binance, clock
        self._symbols: dict[str, str] = {}
        self._listed: frozenset[str] = frozenset()
        self._listed_at: Micros | None = None

    async def beside(self, markets: Sequence[Listed]) -> dict[str, Spot]:
        """Return the spot of each market by Gamma id; raises VenueError. A pair the exchange lacks gives Bitcoin's."""
        wanted = {market.gamma_id: self._symbol(market) for market in markets}
        if len(self._symbols) > _REMEMBERED:
            self._symbols = dict(wanted)
        found = await self.now([*wanted.values(), DEFAULT])
        result = {name: found.get(symbol) or found.get(DEFAULT) for name, symbol in wanted.items()}
        return {name: spot for name, spot in result.items() if spot is not None}

    async def now(self, symbols: Iterable[str]) -> dict[str, Spot]:
        """Return the spot of pairs by symbol; those the exchange does not list are missing."""
        asked = [symbol for symbol in dict.fromkeys(symbols) if symbol in await self._pairs()]
        if not asked:
            return {}
        tickers = await self._binance.ticker(asked)
        return {ticker.symbol: Spot(ticker.symbol, ticker.price_e4, ticker.change_e6) for ticker in tickers}

    async def _pairs(self) -> frozenset[str]:
        """Return the listed pairs, asked for once a day."""
        now = self._clock.now()
        if self._listed_at is None or now - self._listed_at >= DAY:
            info = await self._binance.exchange_info()
            self._listed = frozenset(pair.symbol for pair in info.pairs if pair.status == "TRADING")
            self._listed_at = now
        return self._listed

    def _symbol(self, market: Listed) -> str:
        if market.gamma_id not in self._symbols:
            record = market.record
            self._symbols[market.gamma_id] = symbol_of(record.question, record.event_title, record.tags)
        return self._symbols[market.gamma_id]


def symbol_of(question: str, event_title: str = "", tags: Sequence[str] = ()) -> str:
    """Return the pair of the coin a question names, BTCUSDT when it names none or is not about coins."""
    if not classify(question, event_title, tags).label.lower().startswith("crypto"):
        return DEFAULT
    words = _WORD.findall(f"{question} {event_title}".lower())
    names = [" ".join(words[at : at + size]) for size in (2, 1) for at in range(len(words))]
    for name in names:
        asset = parse_asset(name)
        if asset is not None and asset[1] == "crypto":
            return f"{asset[0]}USDT"
    return DEFAULT
