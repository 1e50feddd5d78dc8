"""The bot as `edgeworth trade run --sandbox` wires it, on a simulated venue in this process, in virtual time.

Orders are counted where the venue receives them. A market is bought once, one a minute, so that something is always
wanted while the venue misbehaves.
"""

import asyncio
import contextlib
import dataclasses
import json
from functools import cache

import httpx2

from edgeworth.app.sandboxed import SandboxTransport, connect_sandbox
from edgeworth.app.trading import Request, session
from edgeworth.app.venues import Connection
from edgeworth.collect.importing.pipeline import import_paths
from edgeworth.core.clock import ManualClock, VirtualClock
from edgeworth.core.config import load
from edgeworth.core.orders import OrderState
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent
from edgeworth.core.units import SECOND
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.sandbox.scenario import find_scenario
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.trading.halts import Resume, lift
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from tests.sim.bot_kills import RULE

BASE = "http://sandbox.local"
EVERY_S = 20.0
SETTINGS = {
    "venue": "sandbox", "risk.max_order": 6, "risk.max_total": 1.0, "risk.max_category": 1.0, "risk.max_event": 1.0,
    "trading.orders_a_minute": 1, "trading.max_strategy": 1.0, "trading.min_disk_mb": 1,
}  # fmt: skip


@cache
def small_world():
    """A world with a few dozen markets that stay open for days."""
    live = find_scenario("live-small")
    return generate(dataclasses.replace(live, events=(("deadline", 40), ("election", 6), ("open-ended", 6))), 3)


def prepare(folder):
    """Fill a home with what the small world tells up to its end."""
    home = folder / "home"
    home.mkdir(parents=True)
    end = ManualClock(small_world().scenario.end)
    found = import_paths(small_world().write(folder / "files"), Home(home), progress=Silent(), clock=end)
    assert found.adds_up()
    (folder / "everything.py").write_text(RULE)
    return home


class Wire(httpx2.AsyncBaseTransport):
    """Carry requests to the venue; note when orders came and what was answered; `meddle` may answer itself."""

    def __init__(self, sandbox):
        self.inner, self.clock = SandboxTransport(sandbox), sandbox.clock
        self.posts = []
        self.meddle = None

    async def handle_async_request(self, request):
        path = request.url.path
        if self.meddle is not None and (found := await self.meddle(request)) is not None:
            return found
        at, body = self.clock.now(), await request.aread()
        response = await self.inner.handle_async_request(request)
        if (request.method, path) == ("POST", "/clob/order"):
            token = json.loads(body)["order"]["tokenId"]
            self.posts.append((at, token, response.status_code, bytes(response.content)))
        return response


class Stage:
    """A running bot and the venue under it."""

    def __init__(self, sandbox, wire, http, opened):
        self.sandbox, self.wire, self.http, self.opened, self.bot = sandbox, wire, http, opened, opened.bot
        self.clock, self.faults = sandbox.clock, sandbox.faults
        self.lines = []
        self.bot.on_tick = self.lines.append

    async def live(self, minutes):
        await self.clock.sleep(60.0 * minutes)

    def posts(self, since=0):
        return [post for post in self.wire.posts if post[0] >= since]

    def codes(self):
        """Return how often each code came so far."""
        return dict(self.bot.outcomes)

    def halts(self):
        return {str(halt.cause) for halt in self.bot.account.standing()}

    def every_halt(self):
        """Return the causes of all halts ever raised."""
        return {
            json.loads(entry.body)["halt"]["cause"]
            for entry in self.bot.parts.journal.entries() if entry.kind == "halted"
        }  # fmt: skip

    def resume(self):
        """Lift everything, as an operator does."""
        for halt in self.bot.account.standing():
            end = lift(halt, Resume.OPERATOR, "test", "it is over", self.clock.now())
            self.bot.parts.journal.record_lift(end)

    def next_wanted(self):
        """Return the intent that is sent next: the first one that does not end too soon."""
        soon, ends = self.clock.now() + 3_600 * SECOND, self.bot.parts.watcher.scheduled_end
        return next(one for one in self.lines[-1].wanted if (ends(one.instrument.market_no) or 0) > soon)

    def sending(self):
        """Return the orders whose bytes are about to leave."""
        return [one for one in self.bot.account.open.values() if one.state is OrderState.SENDING]

    def number(self, token):
        """Return the venue's own number of a token's market."""
        return self.sandbox.live.names.find_token(token)[0]

    async def settled(self):
        """Wait until every trade is final and the accounts agree; compare ledger and venue to the cent."""
        await self.live(1.5)
        while not (await self.bot.parts.manager.reconcile()).clean:
            await self.live(0.5)
        wallet = self.bot.parts.manager.venue._account.wallet.funder
        told, account = self.sandbox.exchange.describe_wallet(wallet), self.bot.account
        names = [row["id"] for row in told["orders"]]
        assert set(names) <= account.by_id.keys()
        bought = [row["token"] for row in told["orders"] if row["buy"] and row["matched_e6"]]
        assert len(bought) == len(set(bought))
        for row in told["orders"]:
            assert row["size_e6"] <= account.by_id[row["id"]].intent.shares_e6
        assert abs(account.ledger["cash"] + account.ledger["reserved"] - told["cash_e6"]) <= 10_000
        positions = account.ledger.positions
        for token in positions.keys() | told["holdings"].keys():
            ours = positions[token].shares_e6 if token in positions else 0
            assert abs(ours - told["holdings"].get(token, 0)) <= 10_000
        assert self.bot.parts.journal.verify() == account.count
        self.sandbox.exchange.bank.check()


def play(folder, story, **settings):
    """Run a story against a fresh bot on a fresh venue; the home is the folder's."""
    chosen = load(home=folder / "home", overrides={**SETTINGS, **settings}, environ={})
    end = small_world().scenario.end
    clock = VirtualClock(end)
    sandbox = Sandbox(small_world(), clock, end)
    wire = Wire(sandbox)

    async def work():
        http = HttpClient(Endpoints.sandbox(BASE), clock, transport=wire, seed=1)
        asked = Request(mode="sandbox", rules=(str(folder / "everything.py"),), no_model=True, every_s=EVERY_S)
        stop = asyncio.Event()
        try:
            link = Connection(http, clock, connect_sandbox(sandbox))
            async with session(chosen, asked, connection=link) as opened:
                stage = Stage(sandbox, wire, http, opened)
                running = asyncio.ensure_future(opened.bot.run(stop))
                telling = asyncio.ensure_future(story(stage))
                try:
                    await asyncio.wait((running, telling), return_when=asyncio.FIRST_COMPLETED)
                    if running.done() and not telling.done():
                        await running
                        raise AssertionError("the bot ended by itself")
                    await telling
                finally:
                    stop.set()
                    telling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await telling
                    await running
                return stage
        finally:
            await http.close()

    return run_virtual(clock, work())
