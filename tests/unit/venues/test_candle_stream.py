"""Candles as they close: open ones are left out, each is told once, and the venue's own end is anticipated."""

import asyncio
import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.clock import VirtualClock
from edgeworth.core.records import CandleBlock, Rejected
from edgeworth.core.units import Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.venues.binance.stream import CandleStream, ClosedCandle, Shutdown, decode_stream

START = Micros(1_795_176_000_000_000)
CANDLE = {"t": 1795172400000, "T": 1795175999999, "s": "BTCUSDT", "i": "1h", "o": "101210.01", "c": "101322.10",
          "h": "101480.00", "l": "101105.55", "v": "812.4412", "x": True}  # fmt: skip
EVENT = {"e": "kline", "E": 1795176000010, "s": "BTCUSDT", "k": CANDLE}


def decode(value):
    return decode_stream(json.dumps(value), START)


def test_only_closed_candles_are_told():
    (found,) = decode(EVENT)
    assert (found.symbol, found.interval, found.t, str(found.close)) == (
        "BTCUSDT",
        "1h",
        START - 3_600_000_000,
        "101322.10",
    )
    assert decode({"stream": "btcusdt@kline_1h", "data": EVENT}) == [found]
    assert decode({**EVENT, "k": {**CANDLE, "x": False}}) == []
    assert decode({"result": None, "id": 1}) == []
    assert decode({"e": "serverShutdown", "E": 1}) == [Shutdown(START)]
    block = found.block()
    assert isinstance(block, CandleBlock)
    assert (block.close[0], block.t[0]) == (101_322.10, found.t)


def test_impossible_candles_are_rejected():
    for change in ({"h": "1"}, {"o": "NaN"}, {"t": None}, {"v": "-1"}, {"l": "1e400"}):
        (found,) = decode({**EVENT, "k": {**CANDLE, **change}})
        assert found.reason == "bad-candle"
    assert decode_stream(b"<html>", START)[0].reason == "not-json"
    assert decode([1])[0].reason == "bad-shape"


@given(
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers())),
    keys=st.lists(st.sampled_from([*CANDLE]), max_size=3),
)
def test_no_value_in_any_field_raises(value, keys):
    for found in decode({**EVENT, "k": {**CANDLE, **dict.fromkeys(keys, value)}}):
        assert isinstance(found, ClosedCandle | Rejected)


class Wire:
    def __init__(self, frames, clock):
        self.frames, self.clock, self.closed = list(frames), clock, False

    async def send(self, text):
        raise AssertionError(f"nothing is said on this channel, not {text}")

    async def receive(self):
        if self.frames:
            return self.frames.pop(0)
        await self.clock.sleep(2)
        if self.closed:
            raise ConnectionError("closed")
        return json.dumps({**EVENT, "k": {**CANDLE, "x": False}})

    async def close(self):
        self.closed = True


def test_a_connection_is_renewed_before_its_day_is_over_and_at_an_announced_end():
    clock = VirtualClock(START)
    opened = []

    async def connect(url):
        frames = [json.dumps(EVENT)] * 2 + ([json.dumps({"e": "serverShutdown"})] if len(opened) == 1 else [])
        opened.append((url, clock.now()))
        return Wire(frames, clock)

    stream = CandleStream("wss://spot", connect, [("BTCUSDT", "1h"), ("ETHUSDT", "15m")], clock)

    async def main():
        task = asyncio.ensure_future(stream.run())
        await clock.sleep(24 * 3_600)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run_virtual(clock, main())
    assert opened[0][0] == "wss://spot/stream?streams=btcusdt@kline_1h/ethusdt@kline_15m"
    assert 23.7 * 3_600e6 < opened[1][1] - START < 24 * 3_600e6
    assert len(opened) == 3
    assert opened[2][1] - opened[1][1] < 2e6
    assert len(stream.candles) == 1
    assert (stream.counts.closed, stream.counts.repeated, stream.counts.shutdowns) == (1, 5, 1)
