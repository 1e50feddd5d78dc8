"""Closed candles from Binance as they close: combined streams, renewed before the venue ends them after a day.

Only a candle that the venue marks as closed is handed over, each once. `serverShutdown` announces the end of a
connection: another one is opened at once. Source: the venue's documentation of its market streams.
"""

from collections import OrderedDict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from edgeworth.core import random
from edgeworth.core.clock import Clock
from edgeworth.core.records import CandleBlock, Rejected
from edgeworth.venues import convert
from edgeworth.venues.streams.hand_over import HandOver
from edgeworth.venues.streams.socket import Socket, Timing
from edgeworth.venues.streams.wire import Connect

SOURCE: Final = "binance-stream"
STREAMS_PER_SOCKET: Final = 1_024
LIFETIME_SECONDS: Final = 23.75 * 3_600  # the venue ends a connection after a day
_REMEMBERED: Final = 20_000
_QUEUE: Final = 10_000
_SHOWN: Final = 2_000
_SILENT_SECONDS: Final = 60.0  # an open candle is sent every two seconds
_LOOSE: Final = msgspec.json.Decoder(float_hook=Decimal)


class ClosedCandle(msgspec.Struct, frozen=True, kw_only=True):
    """One closed candle; `t` its open time in microseconds, prices and volume as exact decimals."""

    symbol: str
    interval: str
    t: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    known_at: int

    def block(self) -> CandleBlock:
        """Return the candle as a block of one row, for the store; floats from here on."""
        values = {name: np.array([float(getattr(self, name))]) for name in ("open", "high", "low", "close", "volume")}
        t = np.array([self.t], np.int64)
        return CandleBlock(source=SOURCE, symbol=self.symbol, interval=self.interval, t=t, **values)


class Shutdown(msgspec.Struct, frozen=True):
    """The venue is about to end the connection."""

    at: int


def decode_stream(frame: bytes | str, known_at: int) -> list[ClosedCandle | Shutdown | Rejected]:
    """Return what one frame says: closed candles, a shutdown, rejections; open candles and answers give nothing."""
    try:
        value = _LOOSE.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError):
        text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
        return [Rejected(source=SOURCE, kind="frame", reason="not-json", raw=text[:_SHOWN])]
    if isinstance(value, dict) and isinstance(value.get("data"), dict):
        value = value["data"]  # the combined form
    if not isinstance(value, dict):
        return [_rejected("bad-shape", value)]
    if value.get("e") == "serverShutdown":
        return [Shutdown(known_at)]
    candle = value.get("k")
    if value.get("e") != "kline" or not isinstance(candle, dict):
        return []
    if candle.get("x") is not True:
        return []
    found = _candle(candle, known_at)
    return [found or _rejected("bad-candle", value)]


def _candle(wire: dict[str, Any], known_at: int) -> ClosedCandle | None:
    symbol, interval, t = convert.text(wire.get("s")), convert.text(wire.get("i")), convert.instant(wire.get("t"))
    values = [convert.decimal(wire.get(key)) for key in ("o", "h", "l", "c", "v")]
    if not symbol or not interval or t is None or any(value is None or value < 0 for value in values):
        return None
    first, high, low, last, volume = (value for value in values if value is not None)
    if not low <= min(first, last) <= max(first, last) <= high:
        return None
    return ClosedCandle(
        symbol=symbol, interval=interval, t=t, open=first, high=high, low=low, close=last, volume=volume,
        known_at=known_at,
    )  # fmt: skip


class CandleCounts(msgspec.Struct):
    """What came in."""

    closed: int = 0
    repeated: int = 0
    rejected: int = 0
    shutdowns: int = 0


class CandleStream:
    """Follow symbols at intervals until cancelled; `candles` holds closed candles, `rejected` what could not be read.

    What closes while no connection stands is missed here and fetched over REST by whoever keeps the coverage.
    """

    def __init__(
        self,
        url: str,
        connect: Connect,
        names: Sequence[tuple[str, str]],
        clock: Clock,
        *,
        timing: Timing | None = None,
        seed: int = 0,
    ) -> None:
        if len(names) > STREAMS_PER_SOCKET:
            raise ValueError(f"at most {STREAMS_PER_SOCKET} streams per socket")
        self.candles: HandOver[ClosedCandle] = HandOver(_QUEUE)
        self.rejected: HandOver[Rejected] = HandOver(_QUEUE)
        self.counts = CandleCounts()
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str, int], None] = OrderedDict()
        streams = "/".join(f"{symbol.lower()}@kline_{interval}" for symbol, interval in names)
        self.socket = Socket(f"{url}/stream?streams={streams}", connect, self, clock, random.stream(seed, "candles"))
        self.socket.timing = timing or Timing(ping="", silent_after=_SILENT_SECONDS, lifetime=LIFETIME_SECONDS)

    async def run(self) -> None:
        """Keep the socket going; ends only when cancelled."""
        await self.socket.run()

    def greeting(self) -> Sequence[str]:
        """Say nothing: the address names the streams."""
        return ()

    def opened(self) -> None:
        """Do nothing: a candle stands for itself."""

    def lost(self, cause: str) -> None:
        """Do nothing: missed candles are fetched over REST."""
        del cause

    def heard(self, frame: bytes) -> None:
        """Hand closed candles over, each once."""
        for found in decode_stream(frame, self._clock.now()):
            if isinstance(found, ClosedCandle):
                self._take(found)
            elif isinstance(found, Shutdown):
                self.counts.shutdowns += 1
                self.socket.renew("the venue announced its end")
            else:
                self.counts.rejected += 1
                self.rejected.put(found)

    def _take(self, candle: ClosedCandle) -> None:
        key = (candle.symbol, candle.interval, candle.t)
        if key in self._seen:
            self.counts.repeated += 1
            return
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self.counts.closed += 1
        self.candles.put(candle)


def _rejected(reason: str, value: object) -> Rejected:
    return Rejected(source=SOURCE, kind="candle", reason=reason, raw=convert.json_text(value)[:_SHOWN])
