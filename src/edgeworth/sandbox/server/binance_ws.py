"""The exchange's streams: candles, best prices and tickers, subscribed by path or by command."""

from collections.abc import Callable
from typing import Any

import msgspec

from edgeworth.core.units import DAY, MINUTE, SECOND, Micros
from edgeworth.sandbox.protocol import Query
from edgeworth.sandbox.server.binance import amount
from edgeworth.sandbox.server.spot_feed import CLOSE, HIGH, INTERVALS, LOW, OPEN, QUOTE, VOLUME, SpotFeed, opening
from edgeworth.sandbox.server.symbols import SYMBOLS, Symbol

_EVERY = {"kline": 2 * SECOND, "miniTicker": SECOND, "bookTicker": SECOND}
_LIFE = DAY
_FRAMES_PER_SECOND = 5
_MOST_STREAMS = 1_024


class _Stream:
    """One subscribed stream and up to when it has been sent."""

    def __init__(self, name: str, symbol: Symbol, kind: str, interval: str, since: int) -> None:
        self.name, self.symbol, self.kind, self.interval, self.sent = name, symbol, kind, interval, since


class BinanceSession:
    """One connection; `clock_now` tells the time, frames come out when they are due."""

    def __init__(self, feed: SpotFeed, clock: Any, path: str, query: Query) -> None:
        self._feed, self._clock = feed, clock
        self._opened = self._last = int(clock.now())
        self._streams: dict[str, _Stream] = {}
        self._answers: list[str] = []
        self._heard: list[int] = []
        self.closed: tuple[int, str] | None = None
        self.notify: Callable[[], None] | None = None  # never needed: everything here has its time
        parts = [part for part in path.split("/") if part]
        self._combined = "stream" in parts
        names = next((value for key, value in query if key == "streams"), "") if self._combined else ""
        if "ws" in parts:
            names = "/".join(parts[parts.index("ws") + 1 :])
        for name in filter(None, names.split("/")):
            self._subscribe(name)

    def leave(self) -> None:
        """Forget the streams: the client has gone."""
        self._streams.clear()

    def receive(self, text: str) -> None:
        """Take a command; more than five a second close the connection."""
        now = int(self._clock.now())
        self._heard = [at for at in self._heard if at > now - SECOND] + [now]
        if len(self._heard) > _FRAMES_PER_SECOND:
            self.closed = (1008, "Too many requests")
            return
        try:
            command = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._say({"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"})
            return
        self._obey(command)

    def _obey(self, command: dict[str, Any]) -> None:
        method, number = command.get("method"), command.get("id")
        asked = command.get("params")
        names = [str(name) for name in asked] if isinstance(asked, list) else []
        if method == "SUBSCRIBE":
            for name in names:
                self._subscribe(name)
            self._say({"result": None, "id": number})
        elif method == "UNSUBSCRIBE":
            for name in names:
                self._streams.pop(name, None)
            self._say({"result": None, "id": number})
        elif method == "LIST_SUBSCRIPTIONS":
            self._say({"result": list(self._streams), "id": number})
        else:
            self._say({"code": 2, "msg": "Invalid request: unknown method", "id": number})

    def _subscribe(self, name: str) -> None:
        head, _, kind = name.partition("@")
        symbol, (kind, _, interval) = SYMBOLS.get(head.upper()), kind.partition("_")
        known = kind in _EVERY and (interval in INTERVALS if kind == "kline" else not interval)
        if symbol is not None and known and len(self._streams) < _MOST_STREAMS:
            self._streams.setdefault(name, _Stream(name, symbol, kind, interval, int(self._clock.now())))

    def outgoing(self) -> list[str]:
        """Return the frames due by now: every candle that closed since, and the latest update of each stream."""
        frames, self._answers = self._answers, []
        now = int(self._clock.now())
        if self.closed is not None:
            return frames
        due = [row for stream in self._streams.values() for row in self._due(stream, now)]
        for _, name, body in sorted(due, key=lambda row: (row[0], row[1])):
            wrapped = {"stream": name, "data": body} if self._combined else body
            frames.append(msgspec.json.encode(wrapped).decode())
        if now >= self._opened + _LIFE:
            self.closed = (1000, "connection lived 24 hours")
        return frames

    def next_due(self) -> Micros | None:
        """Return when the next update is due."""
        if self.closed is not None:
            return None
        if self._answers:
            return Micros(int(self._clock.now()))
        times = [(stream.sent // _EVERY[stream.kind] + 1) * _EVERY[stream.kind] for stream in self._streams.values()]
        return Micros(min([*times, self._opened + _LIFE]))

    def _due(self, stream: _Stream, now: int) -> list[tuple[int, str, dict[str, Any]]]:
        every = _EVERY[stream.kind]
        tick = now // every * every
        rows: list[tuple[int, str, dict[str, Any]]] = []
        if stream.kind == "kline":
            rows = [(at, stream.name, self._kline(stream, at, closed=True)) for at in self._closes(stream, now)]
        if tick > stream.sent and tick < self._feed.life(stream.symbol)[1]:
            body = self._kline(stream, tick, closed=False) if stream.kind == "kline" else self._ticker(stream, tick)
            rows.append((tick + 1, stream.name, body))
        stream.sent = max(now, stream.sent)
        return rows

    def _closes(self, stream: _Stream, now: int) -> list[int]:
        """Return the instants in (sent, now] at which a candle of the stream closed."""
        begin = opening(stream.sent, stream.interval)
        bars = self._feed.candles(stream.symbol, stream.interval, begin, now + 1, now)
        return [int(end) for end in bars.end.tolist() if stream.sent < end <= now]

    def _kline(self, stream: _Stream, at: int, *, closed: bool) -> dict[str, Any]:
        begin = opening(at - 1 if closed else at, stream.interval)
        bars = self._feed.candles(stream.symbol, stream.interval, begin, begin + 1, at)
        values, places = bars.values[-1].tolist(), stream.symbol.decimals
        names = ("o", "h", "l", "c")
        prices = {
            name: amount(values[place], places) for name, place in zip(names, (OPEN, HIGH, LOW, CLOSE), strict=True)
        }
        _, _, _, _, volume, quote, count, taker, taker_quote = values
        candle = {
            "t": begin // 1_000,
            "T": int(bars.end[-1]) // 1_000 - 1,
            "s": stream.symbol.name,
            "i": stream.interval,
            "f": begin // MINUTE,
            "L": begin // MINUTE + count,
            **prices,
            "v": amount(volume, 5),
            "n": count,
            "x": closed,
            "q": amount(quote, 6),
            "V": amount(taker, 5),
            "Q": amount(taker_quote, 6),
            "B": "0",
        }
        return {"e": "kline", "E": at // 1_000 + 10, "s": stream.symbol.name, "k": candle}

    def _ticker(self, stream: _Stream, at: int) -> dict[str, Any]:
        symbol = stream.symbol
        price = self._feed.price(symbol, at)
        if stream.kind == "bookTicker":
            ask = amount(price + 1, symbol.decimals)
            row = {"u": at // SECOND, "s": symbol.name, "b": amount(price, symbol.decimals), "B": "1.00000000"}
            return row | {"a": ask, "A": "1.00000000"}
        day = self._feed.candles(symbol, "1m", at // MINUTE * MINUTE - DAY, at + 1, at).values
        return {
            "e": "24hrMiniTicker",
            "E": at // 1_000,
            "s": symbol.name,
            "c": amount(int(day[-1, CLOSE]), symbol.decimals),
            "o": amount(int(day[0, OPEN]), symbol.decimals),
            "h": amount(int(day[:, HIGH].max()), symbol.decimals),
            "l": amount(int(day[:, LOW].min()), symbol.decimals),
            "v": amount(int(day[:, VOLUME].sum()), 5),
            "q": amount(int(day[:, QUOTE].sum()), 6),
        }

    def _say(self, body: dict[str, Any]) -> None:
        self._answers.append(msgspec.json.encode(body).decode())
