"""A venue that does what a test tells it: each call takes the next line of its script, else behaves."""

import asyncio
from collections import deque

from edgeworth.core.orders import AccountSnapshot, ContinuityLost, Holding
from edgeworth.core.units import Micros
from tests.support.deeds import CASH, T0, prepared, report


class ScriptedVenue:
    """`script[call]` holds answers, exceptions to raise, or functions to call; `calls` is what was asked, in order."""

    name = "scripted"

    def __init__(self, clock):
        self.clock = clock
        self.script = {}
        self.calls = []
        self.cash, self.holdings = CASH, {}
        self.open, self.fills = {}, []
        self.known = {}
        self.feed = asyncio.Queue()

    def told(self, call, *answers):
        self.script.setdefault(call, deque()).extend(answers)

    async def _next(self, call, default):
        await self.clock.sleep(0.01)
        lines = self.script.get(call)
        answer = lines.popleft() if lines else default
        if isinstance(answer, BaseException):
            raise answer
        answer = answer() if callable(answer) else answer
        return await answer if asyncio.iscoroutine(answer) else answer

    async def prepare(self, intent, salt):
        self.calls.append(("prepare", intent.intent_id, salt))
        return await self._next("prepare", lambda: prepared(intent, salt))

    async def submit(self, order):
        self.calls.append(("submit", order.order_id, order.body))
        return await self._next("submit", lambda: self.accept(order.order_id))

    def accept(self, order_id, status="live", matched=0.0):
        told = report(order_id, status, matched=matched, at=self.clock.now())
        if status == "live":
            self.open[order_id] = told
        return told

    async def cancel(self, order_ids):
        self.calls.append(("cancel", *order_ids))
        return await self._next("cancel", lambda: {name: self._cancelled(name) for name in order_ids})

    def _cancelled(self, name):
        return "" if self.open.pop(name, None) else "order not found"

    async def cancel_all(self):
        self.calls.append(("cancel_all",))
        return await self._next("cancel_all", lambda: {name: self._cancelled(name) for name in list(self.open)})

    async def order(self, order_id):
        self.calls.append(("order", order_id))
        return await self._next("order", lambda: self._now(self.open.get(order_id)))

    def _now(self, told):
        return None if told is None else report(told.order_id, told.status, at=told.event_time, known=self.clock.now())

    async def order_fills(self, order_id):
        self.calls.append(("order_fills", order_id))
        return await self._next("order_fills", lambda: [one for one in self.fills if one.order_id == order_id])

    async def account(self, since):
        self.calls.append(("account", since))
        return await self._next("account", self.snapshot)

    def snapshot(self, *, complete=True):
        holdings = tuple(Holding(token=name, shares_e6=count) for name, count in self.holdings.items())
        orders = tuple(self._now(one) for one in self.open.values())
        return AccountSnapshot(
            taken_at=self.clock.now(), cash_e6=self.cash, holdings=holdings, orders=orders, fills=tuple(self.fills),
            complete=complete,
        )  # fmt: skip

    async def heartbeat(self):
        self.calls.append(("heartbeat",))
        await self._next("heartbeat", None)

    async def books(self, tokens):
        return []

    async def server_time(self):
        return self.clock.now()

    async def events(self):
        self.calls.append(("events",))
        yield ContinuityLost(at=self.clock.now(), since=Micros(T0))
        while True:
            told = await self.feed.get()
            yield told() if callable(told) else told

    def sent(self, order_id="0xi1"):
        return [call for call in self.calls if call[:2] == ("submit", order_id)]
