"""Candles of other exchanges through ccxt, an optional part: any object with ccxt's `fetch_ohlcv` will do.

ccxt keeps its own connections and rate limits. Its hosts are not on the list of configured ones, so nothing uses this
unless an exchange is named explicitly.
"""

import importlib
from typing import Any, Final, Protocol

import msgspec

from edgeworth.core.clock import Clock
from edgeworth.core.errors import ConfigError, Rejected, Retryable, UsageError, VenueError
from edgeworth.core.records import Record
from edgeworth.core.units import Micros
from edgeworth.venues import convert
from edgeworth.venues.binance.klines import Archive, interval_micros, iter_klines_json, normalise_symbol
from edgeworth.venues.binance.rest import merged

ROWS: Final = 500
_MILLI: Final = 1_000
_PASSING: Final = frozenset({"NetworkError", "RequestTimeout", "RateLimitExceeded", "DDoSProtection"})


class Exchange(Protocol):
    """The part of a ccxt exchange that is used here."""

    id: str

    async def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[list[Any]]:
        """Return rows of open time (ms), open, high, low, close, volume, oldest first from `since` on."""

    async def close(self) -> None:
        """Close all connections."""


def open_exchange(name: str) -> Exchange:
    """Return ccxt's exchange of that name; raises ConfigError `extra-missing`, UsageError `unknown-source`."""
    try:
        ccxt = importlib.import_module("ccxt.async_support")
    except ImportError as error:
        hint = "pip install 'edgeworth[ccxt]'"
        raise ConfigError("extra-missing", "candles of other exchanges need ccxt", hint) from error
    maker = getattr(ccxt, name, None) if name in ccxt.exchanges else None
    if maker is None:
        raise UsageError("unknown-source", f"ccxt knows no exchange {name!r}")
    exchange: Exchange = maker({"enableRateLimit": True})
    return exchange


class CcxtCandles:
    """Read the closed candles of one exchange."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange, self._clock = exchange, clock
        self.source = f"ccxt-{exchange.id}"

    async def candles(self, symbol: str, interval: str, start: Micros, end: Micros) -> list[Record]:
        """Return the closed candles opened in [start, end): one CandleBlock unless there are none, and rejections.

        `symbol` is ccxt's (`BTC/USDT`), the block's is the base asset. Raises Retryable, Rejected.
        """
        step = interval_micros(interval)
        if step is None:
            raise UsageError("bad-duration", f"'{interval}' is not an interval of minutes, hours or days")
        archive = Archive(normalise_symbol(symbol), interval)
        records: list[Record] = []
        at = start // _MILLI
        while at * _MILLI < end:
            rows = await self._fetch(symbol, interval, at)
            now = self._clock.now()
            opened = [convert.instant(row[0]) if isinstance(row, list) and row else None for row in rows]
            kept = [
                row
                for row, begun in zip(rows, opened, strict=True)
                if begun is None or (start <= begun < end and begun + step <= now)
            ]
            if kept:
                where = f"{self.source}/{symbol}/{interval}"
                records += iter_klines_json([msgspec.json.encode(kept)], archive, source=self.source, where=where)
            following = max((begun for begun in opened if begun is not None), default=0) // _MILLI + 1
            if following <= at:
                break
            at = following
        return merged(records)

    async def _fetch(self, symbol: str, interval: str, at: int) -> list[Any]:
        try:
            with self._clock.busy():
                rows = await self._exchange.fetch_ohlcv(symbol, interval, at, ROWS)
        except Exception as error:  # another library's tree of errors, told apart by its names
            raise _translated(error, f"{self._exchange.id} {symbol}") from error
        if not isinstance(rows, list):
            raise Rejected("venue-drift", f"{self._exchange.id} {symbol}: not a list of candles")
        return rows


def _translated(error: Exception, place: str) -> VenueError:
    names = {kind.__name__ for kind in type(error).__mro__}
    said = f"{place}: {type(error).__name__}: {str(error)[:200]}"
    if "RateLimitExceeded" in names or "DDoSProtection" in names:
        return Retryable("venue-rate-limited", said)
    if names & _PASSING or isinstance(error, OSError | TimeoutError):
        return Retryable("venue-unreachable", said)
    return Rejected("venue-refused", said)
