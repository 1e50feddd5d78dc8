"""The order venues side by side, each over the same quiet market of a simulated world, in virtual time."""

import contextlib
from dataclasses import replace
from functools import cache

from edgeworth.app.sandboxed import BASE, SandboxTransport, connect_sandbox
from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import VirtualClock
from edgeworth.core.orders import Instrument, Intent, TimeInForce
from edgeworth.core.units import DAY, MINUTE, SECOND, Micros
from edgeworth.sandbox.exchange.signatures import Verifier
from edgeworth.sandbox.scenario import find_scenario
from edgeworth.sandbox.server.live import LiveWorld
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.trading.paper import PaperSettings, PaperVenue
from edgeworth.trading.paper_state import MemoryStore
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.limits import Limits
from edgeworth.venues.polymarket.auth import log_in
from edgeworth.venues.polymarket.orders import Account, ClobVenue
from edgeworth.venues.polymarket.signing import Unsigned, make_wallet
from tests.support.wires import run

LIFE = 15 * MINUTE


@cache
def quiet_market():
    """A world, a market of it whose quotes stand still for an hour with room inside them, and when."""
    tiny = find_scenario("tiny")
    later = 240 * DAY  # in 2026, when takers pay fees
    live = LiveWorld(generate(replace(tiny, start=tiny.start + later, end=tiny.end + later), 1))
    for market in range(live.count):
        at = int(live.created_at[market]) + 10 * MINUTE
        bid, ask = live.quote_e4(market, at)
        still = all(live.fair_e4(market, at + n * MINUTE) == live.fair_e4(market, at) for n in range(0, 60, 5))
        open_ = live.is_open(market, at + 6 * 60 * MINUTE) and live.tick_e4(market, at + 60 * MINUTE) == 100
        if still and open_ and live.names.version(market) == "v1" and 3_000 < bid < ask - 150 and ask < 7_000:
            return live.world, market, at
    raise LookupError("no quiet market")


class Floor:
    """A sandbox at the quiet market; orders are counted so that every intent and salt is its own."""

    def __init__(self, signer=None, limits=None):
        world, self.market, at = quiet_market()
        self.clock = VirtualClock(Micros(at))
        self.sandbox = Sandbox(world, self.clock)
        self.faults = self.sandbox.faults
        self.transport = SandboxTransport(self.sandbox)
        self.http = HttpClient(Endpoints.sandbox(BASE), self.clock, transport=self.transport, limits=limits, seed=9)
        self.yes, self.no = self.sandbox.live.names.tokens(self.market)
        self.signer = signer or Unsigned("contract")
        if self.signer.structural:
            self.sandbox.exchange.members.verifier = Verifier(exact=False)
        self._count = 0

    @property
    def condition(self):
        return self.sandbox.live.names.condition_id(self.market)

    def quotes(self, token=None):
        bid, ask = self.sandbox.live.quote_e4(self.market, self.clock.now())
        return (bid, ask) if token in {None, self.yes} else (10_000 - ask, 10_000 - bid)

    def instrument(self, token=None, **changes):
        facts = {
            "market_no": self.market,
            "condition": self.condition,
            "token": token or self.yes,
            "is_yes": token in {None, self.yes},
            "tick_e4": 100,
            "min_size_e6": 5_000_000,
            "neg_risk": self.sandbox.live.kind(self.market).neg_risk,
            **self.fee(),
        }
        return Instrument(**{**facts, **changes})

    def fee(self):
        from edgeworth.sandbox.fees import fee_schedule

        live = self.sandbox.live
        found = fee_schedule(live.kind(self.market).category, int(live.created_at[self.market]))
        return {"fee_rate_e6": found.rate_e6, "fee_exponent_e6": found.exponent * 1_000_000}

    def intent(self, price, shares, *, buy=True, kind="GTD", token=None, post_only=False, **changes):
        self._count += 1
        tif = TimeInForce(kind)
        created = self.clock.now()
        return Intent(
            intent_id=f"intent-{self._count}",
            instrument=self.instrument(token, **changes),
            is_buy=buy,
            price_e4=price,
            shares_e6=round(shares * 1_000_000),
            time_in_force=tif,
            created_at=created,
            expires_at=Micros(created + LIFE) if tif is TimeInForce.GTD else None,
            post_only=post_only,
        )

    def salt(self):
        return 1_000 + self._count

    def run(self, work):
        return run(self.clock, work)


class SandboxSide(Floor):
    """The order service through its wire."""

    name = "sandbox"

    async def open(self):
        keys = await log_in(self.http, self.signer, self.clock.now())
        account = Account(make_wallet(self.signer.address), keys)
        self.venue = ClobVenue(self.http, self.signer, account, name="sandbox", connect=connect_sandbox(self.sandbox))
        return self

    async def settle(self, seconds=0.0):
        await self.clock.sleep(seconds)

    def bank(self):
        return self.sandbox.exchange.bank


@contextlib.asynccontextmanager
async def listening(side, into):
    """Collect a venue's events into a list while the block runs."""
    import asyncio

    async def listen():
        async for event in side.venue.events():
            into.append(event)

    task = asyncio.create_task(listen())
    await side.clock.sleep(1)
    try:
        yield into
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def tries(count):
    """Limits of a client that reads at most so often."""
    return Limits(tries=count)


def seconds(count):
    return count * SECOND


class Feed:
    """The books of a sandbox as a feed that may have gaps."""

    def __init__(self, sandbox):
        self.sandbox, self.gaps, self.books = sandbox, set(), {}

    def book(self, token):
        if token in self.gaps:
            return None
        if token in self.books:
            return self.books[token]
        market, leg = self.sandbox.live.names.find_token(token)
        shown = self.sandbox.exchange.book(market)
        if shown is None or not self.sandbox.live.is_open(market, self.sandbox.clock.now()):
            return None
        yes = BookSnapshot(
            token=token,
            bids=tuple((level.price_e4, level.shares_e6) for level in shown.bids),
            asks=tuple((level.price_e4, level.shares_e6) for level in shown.asks),
            known_at=int(self.sandbox.clock.now()),
            tick_e4=shown.tick_e4,
        )
        return yes if leg == 0 else yes.mirrored(token)


class PaperSide(Floor):
    """The paper venue over the same market's books."""

    name = "paper"

    def __init__(self, store=None, settings=None):
        super().__init__()
        self.feed, self.store = Feed(self.sandbox), store or MemoryStore()
        self.settings = settings or PaperSettings(deposit_e6=10_000_000_000)

    async def open(self):
        self.venue = PaperVenue(self.feed, self.store, self.clock, self.settings)
        return self

    async def settle(self, seconds=0.0):
        for _ in range(max(1, round(seconds * 2))):
            await self.clock.sleep(0.5)
            self.venue.step()


SIDES = {"sandbox": SandboxSide, "paper": PaperSide}
