"""The exchange's public market data over HTTP: candles, prices, symbols, clock, with weights counted per minute."""

from collections.abc import Callable
from typing import Any

import msgspec

from edgeworth.core.units import DAY, MINUTE, SECOND
from edgeworth.sandbox.protocol import Headers, Request, Response, json_response, raw_json
from edgeworth.sandbox.server import spot_feed
from edgeworth.sandbox.server.limits import WEIGHT_LIMIT
from edgeworth.sandbox.server.spot_feed import CLOSE, HIGH, INTERVALS, LOW, OPEN, QUOTE, VOLUME, Bars, SpotFeed
from edgeworth.sandbox.server.symbols import SYMBOLS, Symbol

_PAGE, _MAX_PAGE = 500, 1_000
_BAN_AT = 2 * WEIGHT_LIMIT
_MILLI = 1_000


class RefusedError(Exception):
    """A request the exchange refuses, with its own error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Binance:
    """Answer `/api/v3/...` from a spot feed; `shown(now)` is the time the exchange believes it is."""

    def __init__(self, feed: SpotFeed, shown: Callable[[int], int]) -> None:
        self._feed, self._shown = feed, shown
        self._minute, self._used = 0, 0
        self._routes: dict[str, Callable[[Request, int], tuple[int, Any]]] = {
            "/api/v3/ping": lambda *_: (1, {}),
            "/api/v3/time": lambda _, now: (1, {"serverTime": self._shown(now) // _MILLI}),
            "/api/v3/exchangeInfo": self._info,
            "/api/v3/klines": self._klines,
            "/api/v3/uiKlines": self._klines,
            "/api/v3/ticker/price": self._prices,
            "/api/v3/ticker/24hr": self._day,
            "/api/v3/ticker/bookTicker": self._best,
            "/api/v3/avgPrice": self._average,
        }

    def handle(self, request: Request, now: int) -> Response:
        """Answer a request as of `now`."""
        route = self._routes.get(request.path)
        if route is None:
            return json_response({"code": -1000, "msg": "Path not found."}, 404)
        if now // MINUTE != self._minute:
            self._minute, self._used = now // MINUTE, 0
        if self._used > WEIGHT_LIMIT:
            return self._over(now)
        try:
            weight, body = route(request, now)
        except RefusedError as error:
            self._used += 1
            return json_response({"code": error.code, "msg": str(error)}, 400, self._headers())
        self._used += weight
        headers = self._headers()
        return raw_json(body, 200, headers) if isinstance(body, bytes) else json_response(body, 200, headers)

    def _headers(self) -> Headers:
        return (("x-mbx-used-weight", str(self._used)), ("x-mbx-used-weight-1m", str(self._used)))

    def _over(self, now: int) -> Response:
        """Refuse for the rest of the minute; whoever goes on is banned for two minutes."""
        self._used += 1
        wait = -(-((self._minute + 1) * MINUTE - now) // SECOND)
        banned = self._used > _BAN_AT
        body = {"code": -1003, "msg": "Too much request weight used; please use WebSocket Streams for live updates."}
        headers = (*self._headers(), ("retry-after", "120" if banned else str(wait)))
        return json_response(body, 418 if banned else 429, headers)

    def _info(self, request: Request, now: int) -> tuple[int, Any]:
        chosen = _asked(request) if request.has("symbol") or request.has("symbols") else list(SYMBOLS.values())
        limits = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_LIMIT},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
        ]
        rows = [self._symbol_row(symbol, now) for symbol in chosen if self._feed.life(symbol)[0] <= now]
        body = {"timezone": "UTC", "serverTime": self._shown(now) // _MILLI, "rateLimits": limits}
        return 20, body | {"exchangeFilters": [], "symbols": rows}

    def _symbol_row(self, symbol: Symbol, now: int) -> dict[str, Any]:
        return {
            "symbol": symbol.name,
            "status": "TRADING" if now < self._feed.life(symbol)[1] else "BREAK",
            "baseAsset": symbol.base,
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "isSpotTradingAllowed": now < self._feed.life(symbol)[1],
            "isMarginTradingAllowed": False,
            "filters": [{"filterType": "PRICE_FILTER", "tickSize": f"{10.0**-symbol.decimals:.8f}"}],
            "permissions": ["SPOT"],
        }

    def _klines(self, request: Request, now: int) -> tuple[int, Any]:
        symbol, interval = _one(request), request.first("interval")
        if interval not in INTERVALS:
            raise RefusedError(-1120, "Invalid interval.")
        limit = min(_number(request, "limit", _PAGE) or _PAGE, _MAX_PAGE)
        unit = 1 if request.headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND" else _MILLI
        scale = 1 if unit == 1 else _MILLI
        begin, end = _number(request, "startTime", None), _number(request, "endTime", None)
        last = now if end is None else min(end * scale, now)
        if begin is None:
            length = INTERVALS[interval]
            bars = self._feed.candles(symbol, interval, last - (limit + 1) * length, last + 1, now)
            chosen = slice(max(len(bars.t) - limit, 0), None)
        else:
            longest = (limit + 1) * INTERVALS[interval]
            bars = self._feed.candles(
                symbol, interval, begin * scale, min(last + 1, self._reach(symbol, begin * scale) + longest), now
            )
            chosen = slice(0, limit)
        bars = Bars(bars.t[chosen], bars.end[chosen], bars.values[chosen])
        return 2, b"[" + b",".join(kline_rows(bars, symbol, unit, json=True)) + b"]"

    def _reach(self, symbol: Symbol, begin: int) -> int:
        return max(begin, self._feed.life(symbol)[0])

    def _prices(self, request: Request, now: int) -> tuple[int, Any]:
        rows = [
            {"symbol": symbol.name, "price": amount(self._feed.price(symbol, now), symbol.decimals)}
            for symbol in self._trading(request, now)
        ]
        return (2, rows[0]) if request.has("symbol") else (4, rows)

    def _best(self, request: Request, now: int) -> tuple[int, Any]:
        rows = [self._best_row(symbol, now) for symbol in self._trading(request, now)]
        return (2, rows[0]) if request.has("symbol") else (4, rows)

    def _best_row(self, symbol: Symbol, now: int) -> dict[str, str]:
        price = self._feed.price(symbol, now)
        return {
            "symbol": symbol.name,
            "bidPrice": amount(price, symbol.decimals),
            "bidQty": "1.00000000",
            "askPrice": amount(price + 1, symbol.decimals),
            "askQty": "1.00000000",
        }

    def _average(self, request: Request, now: int) -> tuple[int, Any]:
        symbol = _one(request)
        bars = self._feed.candles(symbol, "1m", now - 5 * MINUTE, now + 1, now)
        mean = int(bars.values[:, CLOSE].mean()) if len(bars.t) else 0
        return 2, {"mins": 5, "price": amount(mean, symbol.decimals), "closeTime": now // _MILLI}

    def _day(self, request: Request, now: int) -> tuple[int, Any]:
        rows = [self._day_row(symbol, now) for symbol in self._trading(request, now)]
        weight = 2 if len(rows) <= 20 else 40 if len(rows) <= 100 else 80
        return (2, rows[0]) if request.has("symbol") else (weight, rows)

    def _day_row(self, symbol: Symbol, now: int) -> dict[str, Any]:
        begin = now // MINUTE * MINUTE - DAY
        bars = self._feed.candles(symbol, "1m", begin, now + 1, now)
        decimals, values = symbol.decimals, bars.values
        if not len(bars.t):
            raise RefusedError(-1121, "Invalid symbol.")
        opened, last = int(values[0, OPEN]), int(values[-1, CLOSE])
        volume, quote = int(values[:, VOLUME].sum()), int(values[:, QUOTE].sum())
        mean = quote * 10**decimals * spot_feed.VOLUME_UNIT // (max(volume, 1) * spot_feed.QUOTE_UNIT)
        return {
            "symbol": symbol.name,
            "priceChange": amount(last - opened, decimals),
            "priceChangePercent": f"{100 * (last - opened) / opened:.3f}",
            "weightedAvgPrice": amount(mean, decimals),
            "prevClosePrice": amount(opened, decimals),
            "lastPrice": amount(last, decimals),
            "lastQty": "0.01000000",
            "bidPrice": amount(last, decimals),
            "bidQty": "1.00000000",
            "askPrice": amount(last + 1, decimals),
            "askQty": "1.00000000",
            "openPrice": amount(opened, decimals),
            "highPrice": amount(int(values[:, HIGH].max()), decimals),
            "lowPrice": amount(int(values[:, LOW].min()), decimals),
            "volume": amount(volume, 5),
            "quoteVolume": amount(quote, 6),
            "openTime": begin // _MILLI,
            "closeTime": now // _MILLI,
            "firstId": begin // MINUTE,
            "lastId": now // MINUTE,
            "count": int(values[:, spot_feed.COUNT].sum()),
        }

    def _trading(self, request: Request, now: int) -> list[Symbol]:
        asked = _asked(request)
        chosen = asked or list(SYMBOLS.values())
        found = [row for row in chosen if self._feed.life(row)[0] <= now < self._feed.life(row)[1]]
        if asked and len(found) < len(asked):
            raise RefusedError(-1121, "Invalid symbol.")
        return found


def _one(request: Request) -> Symbol:
    name = request.first("symbol")
    if not name:
        raise RefusedError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return _find(name)


def _find(name: str) -> Symbol:
    if name not in SYMBOLS:
        raise RefusedError(-1121, "Invalid symbol.")
    return SYMBOLS[name]


def _asked(request: Request) -> list[Symbol]:
    """Return the symbols a request names, none for all."""
    if request.has("symbol"):
        return [_one(request)]
    if not request.has("symbols"):
        return []
    try:
        names = msgspec.json.decode(request.first("symbols"), type=list[str])
    except msgspec.DecodeError as error:
        raise RefusedError(-1100, "Illegal characters found in parameter 'symbols'.") from error
    return [_find(name) for name in names]


def _number(request: Request, name: str, default: int | None) -> int | None:
    text = request.first(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 17:
        raise RefusedError(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def amount(value: int, decimals: int) -> str:
    """Print an integer count of 10**-decimals with eight decimals."""
    sign, size = "-" if value < 0 else "", 10**decimals
    whole, rest = divmod(abs(value), size)
    return (
        f"{sign}{whole}.{rest:0{decimals}d}".ljust(len(f"{sign}{whole}.") + 8, "0")
        if decimals
        else f"{sign}{whole}.00000000"
    )


def kline_rows(bars: Bars, symbol: Symbol, unit: int, *, json: bool) -> list[bytes]:
    """Print candles in the exchange's twelve columns, as JSON arrays or CSV lines; `unit` microseconds per stamp."""
    quotes, head, tail = ('"', "[", "]") if json else ("", "", "")
    places = symbol.decimals
    rows = []
    for t, end, values in zip(bars.t.tolist(), bars.end.tolist(), bars.values.tolist(), strict=True):
        opened, high, low, close, volume, quote, count, taker, taker_quote = values
        words = [
            amount(opened, places),
            amount(high, places),
            amount(low, places),
            amount(close, places),
            amount(volume, 5),
        ]
        rest = [amount(taker, 5), amount(taker_quote, 6)]
        first = ",".join(f"{quotes}{word}{quotes}" for word in words)
        last = ",".join(f"{quotes}{word}{quotes}" for word in rest)
        stamp = end // unit - 1
        middle = f"{stamp},{quotes}{amount(quote, 6)}{quotes},{count}"
        rows.append(f"{head}{t // unit},{first},{middle},{last},{quotes}0{quotes}{tail}".encode())
    return rows
