"""Own orders and trades: every step once, killed orders kept, and a resync after every opening."""

import asyncio
import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.clock import VirtualClock
from edgeworth.core.records import Rejected
from edgeworth.core.units import Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.venues.polymarket.user_stream import Credentials, Resync, UserStream
from edgeworth.venues.polymarket.user_wire import UserOrder, UserTrade, decode_user
from edgeworth.venues.polymarket.ws_wire import UnknownEvent

START = Micros(1_795_176_000_000_000)
TOKEN = "5" * 77
ORDER = {
    "event_type": "order", "type": "PLACEMENT", "id": "0xfd", "owner": "1111", "market": "0xab", "asset_id": TOKEN,
    "side": "BUY", "original_size": "100", "size_matched": "0", "price": "0.52", "associate_trades": None,
    "created_at": "1795176000", "expiration": "0", "order_type": "GTC", "status": "LIVE", "timestamp": "1795176000123",
}  # fmt: skip
KILLED = {
    **ORDER, "type": "CANCELLATION", "size_matched": "", "created_at": "", "order_type": "FOK", "outcome": "",
    "associate_trades": [], "status": "CANCELED_it could not be filled.", "timestamp": "1795176005000",
}  # fmt: skip
TRADE = {
    "event_type": "trade", "type": "TRADE", "id": "7a0f", "taker_order_id": "0xfd", "market": "0xab", "asset_id": TOKEN,
    "side": "BUY", "size": "25", "price": "0.52", "status": "MATCHED", "match_time": "1795176000", "last_update": "",
    "trader_side": "TAKER", "transaction_hash": "", "timestamp": "1795176000200",
    "maker_orders": [{"order_id": "0x0a", "owner": "99", "matched_amount": "25", "price": "0.52", "asset_id": TOKEN}],
}  # fmt: skip


def one(value):
    (found,) = decode_user(json.dumps(value), START)
    return found


def test_orders_and_trades_are_typed():
    order, killed, trade = one(ORDER), one(KILLED), one(TRADE)
    assert (order.order_id, order.event, order.price_e4, order.size_e6, order.matched_e6) == (
        "0xfd", "PLACEMENT", 5_200, 100_000_000, 0,
    )  # fmt: skip
    assert (order.created_at, order.expires_at, order.event_time) == (START, None, START + 123_000)
    assert (killed.event, killed.matched_e6, killed.created_at) == ("CANCELLATION", None, None)
    assert killed.status == "CANCELED_it could not be filled."
    assert (trade.status, trade.size_e6, trade.is_taker, trade.matched_at) == ("MATCHED", 25_000_000, True, START)
    assert (trade.makers[0].order_id, trade.makers[0].size_e6, trade.makers[0].is_buy) == ("0x0a", 25_000_000, None)


def test_other_spellings_are_read():
    trade = {key: value for key, value in TRADE.items() if key not in {"event_type", "match_time"}}
    found = one({**trade, "matchtime": "2026-11-20T12:00:00Z", "timestamp": 1795176000, "size": 25})
    assert (found.matched_at, found.event_time, found.size_e6) == (START, START, 25_000_000)
    assert isinstance(one({key: value for key, value in ORDER.items() if key != "event_type"}), UserOrder)
    assert isinstance(one({"event_type": "heartbeat"}), UnknownEvent)
    assert decode_user(b"PONG", START) == []


def test_what_cannot_be_used_is_rejected():
    for value, reason in (
        ({**ORDER, "id": ""}, "bad-order"), ({**TRADE, "price": "NaN"}, "bad-trade"), (3, "bad-shape"),
        ({**TRADE, "maker_orders": [{"order_id": "", "price": "0.5"}]}, "bad-maker-order"),
    ):  # fmt: skip
        assert one(value).reason == reason
    assert decode_user(b"{", START)[0].reason == "not-json"
    assert decode_user(b"[" * 5_000, START)[0].reason == "not-json"


@given(
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers())),
    base=st.sampled_from([ORDER, KILLED, TRADE]),
    keys=st.lists(st.sampled_from([*ORDER, *TRADE]), max_size=4),
)
def test_no_value_in_any_field_raises(value, base, keys):
    for found in decode_user(json.dumps({**base, **dict.fromkeys(keys, value)}), START):
        assert isinstance(found, UserOrder | UserTrade | UnknownEvent | Rejected)


class Wire:
    def __init__(self, frames):
        self.frames, self.sent, self.over = list(frames), [], asyncio.Event()

    async def send(self, text):
        self.sent.append(text)

    async def receive(self):
        if self.frames:
            return self.frames.pop(0)
        await self.over.wait()
        raise ConnectionError("closed")

    async def close(self):
        self.over.set()


def test_each_step_is_applied_once_and_every_opening_asks_for_a_resync():
    clock = VirtualClock(START)
    steps = [TRADE, {**TRADE, "status": "MINED", "transaction_hash": "0x9"}, {**TRADE, "status": "CONFIRMED"}]
    wires = [Wire(json.dumps(v) for v in [ORDER, ORDER, *steps, *steps]), Wire([json.dumps([steps[2], KILLED])])]
    opened = []

    async def connect(_url):
        opened.append(wires[len(opened)])
        return opened[-1]

    stream = UserStream("ws://user", connect, Credentials("k", "s", "p"), clock, markets=["0xab"])

    async def main():
        task = asyncio.ensure_future(stream.run())
        await clock.sleep(1)
        await wires[0].close()
        await clock.sleep(5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return stream.messages.drain()

    found = run_virtual(clock, main())
    assert [type(item).__name__ for item in found] == [
        "Resync", "UserOrder", "UserTrade", "UserTrade", "UserTrade", "Resync", "UserOrder",
    ]  # fmt: skip
    assert isinstance(found[5], Resync)
    assert found[5].seen_until == START + 200_000
    assert stream.counts.repeated == 5
    greeting = json.loads(wires[1].sent[0])
    assert greeting == {"type": "user", "auth": {"apiKey": "k", "secret": "s", "passphrase": "p"}, "markets": ["0xab"]}
    assert "s" not in repr(Credentials("k", "topsecret", "p")).split("(")[1]
