"""Binance spot over REST: closed candles, tickers, listed symbols, the exchange's clock; no key is needed.

A candle is taken only once it has closed; its id is its open time. Prices of coins are integers of 1e-8 dollars in a
ticker and floats in candles, which feed features and never money.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import CandleBlock, Record, Rejected
from edgeworth.core.units import Micros
from edgeworth.venues import convert
from edgeworth.venues.answers import decoded
from edgeworth.venues.binance.klines import Archive, interval_micros, iter_klines_json, normalise_symbol
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.refusal import Kept, refuse_row

SOURCE: Final = "binance-spot"
INTERVALS: Final = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
ROWS: Final = 1_000
_CLOSE_TIME: Final = 6  # position in a row
_MILLI: Final = 1_000
_E8: Final = 100_000_000


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The last day of a pair: prices in 1e-8 dollars, the change as a fraction in 1e-6, traded dollars in 1e-6."""

    symbol: str
    price_e8: int
    open_e8: int | None
    high_e8: int | None
    low_e8: int | None
    change_e6: int | None
    volume_usd_e6: int | None
    event_time: int
    known_at: int

    @property
    def price_e4(self) -> int:
        """The last price in 1e-4 dollars."""
        return self.price_e8 // 10_000


class Pair(msgspec.Struct, frozen=True):
    """A listed pair: `status` is TRADING, HALT, BREAK or what else the exchange says."""

    symbol: str
    base: str
    quote: str
    status: str


class ExchangeInfo(msgspec.Struct, frozen=True):
    """The listed pairs, and the weight a minute this address may use (None when it is not said)."""

    pairs: list[Pair]
    weight_per_minute: int | None
    rejected: list[Rejected]


class Binance:
    """Read Binance's public REST interface."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def klines(self, symbol: str, interval: str, start: Micros, end: Micros) -> list[Record]:
        """Return the closed candles opened in [start, end): one CandleBlock unless there are none, and rejections.

        `symbol` is the pair (`BTCUSDT`), the block's is the base asset. Gaps are the exchange's and stay gaps.
        """
        if interval not in INTERVALS:
            raise Refused("venue-refused", f"no interval {interval!r}; there are {', '.join(INTERVALS)}")
        records: list[Record] = []
        at = start // _MILLI
        last = (end - 1) // _MILLI
        while at <= last:
            params = [("symbol", symbol), ("interval", interval), ("startTime", str(at)), ("endTime", str(last))]
            payload = await self._http.get("binance", "/api/v3/klines", [*params, ("limit", str(ROWS))], route="klines")
            rows = _rows(payload)
            records += read_klines(rows, symbol, interval, payload)
            following = _after(rows, interval)
            if len(rows) < ROWS or following is None or following <= at:
                break
            at = following
        return merged(records)

    async def ticker(self, symbols: Sequence[str]) -> Kept[Ticker]:
        """Return the last day of pairs; raises Rejected when one of them does not exist."""
        wanted = list(dict.fromkeys(symbols))
        found: list[Ticker] = []
        refused: list[Rejected] = []
        for at in range(0, len(wanted), 100):
            batch = wanted[at : at + 100]
            params = [("symbols", msgspec.json.encode(batch).decode())]
            route = "ticker" if len(batch) <= 20 else "ticker-100"
            payload = await self._http.get("binance", "/api/v3/ticker/24hr", params, route=route)
            page = read_tickers(payload)
            found += page.items
            refused += page.rejected
        return Kept(found, refused)

    async def exchange_info(self) -> ExchangeInfo:
        """Return every listed pair and the exchange's own limit."""
        payload = await self._http.get("binance", "/api/v3/exchangeInfo", route="info")
        table = decoded(payload)
        if not isinstance(table, dict) or not isinstance(table.get("symbols"), list):
            raise Refused("venue-drift", f"{payload.url}: no symbols")
        read = [(row, _pair(row)) for row in table["symbols"]]
        refused = [refuse_row(row, "pair", "pair-unreadable", SOURCE, payload.url) for row, pair in read if not pair]
        return ExchangeInfo([pair for _, pair in read if pair], _weight(table.get("rateLimits")), refused)

    async def time(self) -> Micros:
        """Return the exchange's clock."""
        payload = await self._http.get("binance", "/api/v3/time", route="time")
        table = decoded(payload)
        stamp = convert.instant(table.get("serverTime")) if isinstance(table, dict) else None
        if stamp is None:
            raise Refused("venue-drift", f"{payload.url}: no time")
        return Micros(stamp)


def read_klines(rows: list[Any], symbol: str, interval: str, payload: Payload) -> list[Record]:
    """Return the closed ones of decoded rows as CandleBlock and Rejected; an open candle is left out silently."""
    closed = [row for row in rows if _closed(row, interval, payload.observed_at)]
    if not closed:
        return []
    archive = Archive(normalise_symbol(symbol), "1mo" if interval == "1M" else interval)
    return list(iter_klines_json([msgspec.json.encode(closed)], archive, source=SOURCE, where=payload.url))


def read_tickers(payload: Payload) -> Kept[Ticker]:
    """Return the tickers of an answer, one or many; those without symbol, price or time are set aside."""
    table = decoded(payload)
    rows = table if isinstance(table, list) else [table]
    read = [(row, _ticker(row, payload.observed_at)) for row in rows]
    refused = [refuse_row(row, "ticker", "ticker-unreadable", SOURCE, payload.url) for row, found in read if not found]
    return Kept([found for _, found in read if found is not None], refused)


def merged(records: list[Record]) -> list[Record]:
    """Return records with all candles in one block; a symbol's blocks must be of one interval."""
    blocks = [record for record in records if isinstance(record, CandleBlock)]
    others = [record for record in records if not isinstance(record, CandleBlock)]
    if len(blocks) < 2:
        return [*blocks, *others]
    names = ("t", "open", "high", "low", "close", "volume")
    columns = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in names}
    return [msgspec.structs.replace(blocks[0], **columns), *others]


def _rows(payload: Payload) -> list[Any]:
    rows = decoded(payload)
    if not isinstance(rows, list):
        raise Refused("venue-drift", f"{payload.url}: not a list of candles")
    return rows


def _closed(row: object, interval: str, now: Micros) -> bool:
    """Tell whether a row's candle is over; a row that does not say is kept, to be refused by its reader."""
    end = _close_ms(row, interval)
    return end is None or end * _MILLI < now


def _close_ms(row: object, interval: str) -> int | None:
    if not isinstance(row, list) or not row:
        return None
    if len(row) > _CLOSE_TIME:
        stated = convert.instant(row[_CLOSE_TIME])
        if stated is not None:
            return stated // _MILLI
    opened, step = convert.instant(row[0]), interval_micros(interval)
    return None if opened is None or step is None else (opened + step) // _MILLI - 1


def _after(rows: list[Any], interval: str) -> int | None:
    """Return the millisecond after the last candle, None when no row says when it ends."""
    ends = [end for end in (_close_ms(row, interval) for row in rows) if end is not None]
    return max(ends) + 1 if ends else None


def _ticker(row: object, now: Micros) -> Ticker | None:
    if not isinstance(row, dict):
        return None
    symbol, price = convert.text(row.get("symbol")), convert.scaled(row.get("lastPrice", row.get("price")), _E8)
    percent = row.get("priceChangePercent")
    stamp = convert.instant(row.get("closeTime"))
    if not symbol or not price or price < 0 or stamp is None:
        return None
    return Ticker(
        symbol=symbol,
        price_e8=price,
        open_e8=convert.scaled(row.get("openPrice"), _E8),
        high_e8=convert.scaled(row.get("highPrice"), _E8),
        low_e8=convert.scaled(row.get("lowPrice"), _E8),
        change_e6=convert.scaled(percent, 10_000),  # per cent to a fraction in 1e-6
        volume_usd_e6=convert.money_e6(row.get("quoteVolume")),
        event_time=stamp,
        known_at=now,
    )


def _pair(row: object) -> Pair | None:
    if not isinstance(row, dict):
        return None
    names = [convert.text(row.get(key)) for key in ("symbol", "baseAsset", "quoteAsset", "status")]
    return Pair(*names) if all(names) else None


def _weight(limits: object) -> int | None:
    for row in limits if isinstance(limits, list) else ():
        if isinstance(row, dict) and row.get("rateLimitType") == "REQUEST_WEIGHT" and row.get("interval") == "MINUTE":
            limit, minutes = row.get("limit"), row.get("intervalNum", 1)
            if isinstance(limit, int) and isinstance(minutes, int) and limit > 0 and minutes > 0:
                return limit // minutes
    return None
