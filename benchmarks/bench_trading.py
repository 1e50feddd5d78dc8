"""The bot itself: from a decision to its bytes on a loopback socket, a tick over 300 markets, and orders a second.

Decide to bytes: the bot's own way from a finished decision (recording, check, signed bytes, check and reservation,
commitment, the last look, the client and its queues) to the arrival of the order's first bytes at the socket of a
server in this process, as the kernel stamps it. The yardstick is one durable commit (WAL, synchronous=FULL) of as many
bytes by sqlite3 alone, on the same file system, taken in turn. The tick: books given, features of the shipped rules and
of one that speaks about every market, opinions, sizes, checks, recording and commitment; every order is denied by the
last check, so that nothing is sent.

nautilus_trader publishes 49 us for a submission by its Rust client and 44 us for a signature; nothing durable is
committed before it sends.
"""

import asyncio
import socket
import sqlite3
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np

from benchmarks.bench_orders import percentile
from benchmarks.measure import against, options, say
from edgeworth.app.trading import last_look
from edgeworth.app.trading_run import settle
from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import Settings
from edgeworth.core.orders import (
    AccountEvent,
    AccountSnapshot,
    ContinuityLost,
    FillReport,
    Intent,
    PreparedOrder,
    TimeInForce,
)
from edgeworth.core.panel import UNKNOWN_TIME, Panel
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, MINUTE, SECOND, Micros, PriceE4, SharesE6, UsdE6
from edgeworth.engine.types import EngineConfig
from edgeworth.engine.walk import make_limits
from edgeworth.forecasting.speaking import RuleSpeaker
from edgeworth.store.trading_ledger import TradingLog
from edgeworth.strategies.base import no, strategy, yes
from edgeworth.strategies.registry import shipped
from edgeworth.trading.bot import Bot, BotSettings, Parts
from edgeworth.trading.breakers import Board, BreakerLimits
from edgeworth.trading.choice import Chooser
from edgeworth.trading.decider import Decider, Opinion
from edgeworth.trading.desk import RiskDesk
from edgeworth.trading.feed import News, Watcher
from edgeworth.trading.journal import ChainedJournal
from edgeworth.trading.ladder import LadderSettings
from edgeworth.trading.limits import Limits
from edgeworth.trading.manager import ManagerSettings, OrderManager
from edgeworth.trading.record import Inputs, Line, Recorder
from edgeworth.trading.risk import MachineView, MarketStatus, VenueState
from edgeworth.trading.sizing import Purse, Rules
from edgeworth.trading.stages import Ladder
from edgeworth.trading.tail import Tail
from edgeworth.trading.ticks import Tick
from edgeworth.trading.watched import Directory, Watched
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.limits import DOCUMENTED, Rate
from edgeworth.venues.http.limits import Limits as HttpLimits
from edgeworth.venues.polymarket.orders import Account, ClobVenue
from edgeworth.venues.polymarket.signing import OrderSigner, Unsigned, make_wallet, sandbox_signer
from edgeworth.venues.polymarket.user_stream import Credentials

CASH = UsdE6(10**12)
PEER = "one sqlite3 commit, FULL"
NAUTILUS = "nautilus_trader, submit, as published (Rust, nothing durable)"
NAUTILUS_MS = 0.049
WARM, BETWEEN = 20, 10
_STAMP = 35  # Linux: SO_TIMESTAMPNS, which Python does not name
GOAL_TICK_MS = 100.0
TEXTS = (
    ("Will Bitcoin be above ${n},000 on December {d}?", ("crypto", "bitcoin")),
    ("Will the highest temperature in Paris be {n} degrees on December {d}?", ("weather",)),
    ("Will Elon Musk tweet {n} times in week {d}?", ("elon-musk",)),
    ("Will Solana be above ${n} on December {d}?", ("crypto", "solana")),
    ("Will candidate {n} win election {d}?", ("politics",)),
)


def a_rule(most: float) -> Any:
    """Return a rule that finds every market worth more than it costs whose cheaper side costs less than `most`."""
    from dataclasses import dataclass

    @strategy
    @dataclass(frozen=True)
    class Everything:
        """Take the cheaper side."""

        name, version, needs = "everything", 1, ("price", "momentum_1h", "momentum_1d", "hours_to_end")

        def opinions(self, row: Any) -> Any:
            """Say so."""
            return [
                yes(when=row.price < most, reason="low", p=row.price + 0.1, se=0.01),
                no(when=row.price > 1.0 - most, reason="high", p=1.1 - row.price, se=0.01),
            ]

    return Everything()


class Server:
    """An order service that takes every order and forgets it; `heard` is when the last one was on the wire (UTC, us).

    That is the kernel's own stamp of the first bytes' arrival where it gives one (Linux), else when they were read.
    Read they are only when the client waits, because both live in one thread.
    """

    def __init__(self, clock: SystemClock) -> None:
        self.clock, self.heard = clock, 0
        self.names: dict[bytes, str] = {}
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.open: list[socket.socket] = [self.socket]
        self.loop = asyncio.get_running_loop()
        self.socket.setblocking(False)
        self.loop.add_reader(self.socket, self.accept)

    def accept(self) -> None:
        """Take one connection."""
        made, _ = self.socket.accept()
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            made.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
        self.open.append(made)
        self.loop.add_reader(made, self.read, made, bytearray())

    def read(self, connection: socket.socket, data: bytearray) -> None:
        """Take in bytes; answer when an order is whole."""
        found, notes, _, _ = connection.recvmsg(1 << 16, 256)
        if not found:
            self.loop.remove_reader(connection)
            return
        if not data:
            stamps = [value for _, kind, value in notes if kind == _STAMP]
            seconds, rest = struct.unpack("qq", stamps[0]) if stamps else (0, self.clock.now() * 1_000)
            self.heard = seconds * SECOND + rest // 1_000
        data += found
        body = bytes(data).partition(b"\r\n\r\n")[2]
        name = self.names.get(body)  # None until all of it is there
        if name is None:
            return
        data.clear()
        answer = msgspec.json.encode(
            {"errorMsg": "", "orderID": name, "status": "live", "success": True, "takingAmount": "",
             "makingAmount": ""}
        )  # fmt: skip
        start = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        connection.send(start % len(answer) + answer)

    def close(self) -> None:
        """Close everything."""
        for one in self.open:
            self.loop.remove_reader(one)
            one.close()


class Venue(ClobVenue):
    """The real adapter; only what it asks about accounts is answered here, because the server has none."""

    server: Server

    async def prepare(self, intent: Intent, salt: int) -> PreparedOrder:
        made = await super().prepare(intent, salt)
        self.server.names[made.body] = made.order_id
        return made

    async def account(self, since: Micros) -> AccountSnapshot:  # noqa: ARG002
        return AccountSnapshot(taken_at=self.clock.now(), cash_e6=CASH, holdings=(), orders=(), fills=())

    async def events(self) -> AsyncIterator[AccountEvent]:
        yield ContinuityLost(self.clock.now(), Micros(0))
        await asyncio.Event().wait()

    async def heartbeat(self) -> None:
        return

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(order_ids, "")

    async def order(self, order_id: str) -> None:  # noqa: ARG002
        return None

    async def order_fills(self, order_id: str) -> list[FillReport]:  # noqa: ARG002
        return []


class Reads:
    """Books in memory, five levels a side around prices that move a little."""

    def __init__(self, directory: Directory, clock: SystemClock) -> None:
        self.directory, self.clock = directory, clock
        self.draw = stream(7, "bench-trading")
        self.mids = self.draw.integers(1_500, 8_500, len(directory)) // 100 * 100

    async def books(self, tokens: Sequence[str]) -> list[BookSnapshot]:
        now = self.clock.now()
        self.mids = np.clip(self.mids + self.draw.integers(-1, 2, len(self.mids)) * 100, 1_000, 9_000)
        size = 2_000_000_000
        return [
            BookSnapshot(
                token=token, known_at=now, event_time=now, tick_e4=100,
                bids=tuple((mid - 100 * k, size) for k in range(1, 6)),
                asks=tuple((mid + 100 * k, size) for k in range(1, 6)),
            )
            for token, mid in zip(tokens, self.mids.tolist(), strict=True)
        ]  # fmt: skip

    async def news(self, market_nos: Sequence[int]) -> list[News]:
        return [News(market_no=number, status=MarketStatus.OPEN) for number in market_nos]


def a_panel(markets: int, now: int) -> Panel:
    """Invent five days of prices every five minutes."""
    import polars as pl

    draws, size = stream(7, "bench-trading-points", markets), 5 * 288
    t = np.tile(now - 5 * DAY + np.arange(size) * 5 * MINUTE, markets)
    price = np.clip(5_000 + np.cumsum(draws.normal(0, 20, (markets, size)), axis=1), 100, 9_900).astype(np.int32)
    numbers = np.arange(markets)
    texts = [TEXTS[k % len(TEXTS)] for k in range(markets)]
    frame = pl.DataFrame(
        {
            "market_no": numbers.astype(np.int32), "market_id": [f"m{k}" for k in range(markets)],
            "event_no": (numbers // 3).astype(np.int32), "slug": [f"m{k}" for k in range(markets)],
            "question": [text.format(n=20 + k % 80, d=1 + k % 28) for k, (text, _) in enumerate(texts)],
            "event_title": [""] * markets, "outcome0": ["Yes"] * markets, "outcome1": ["No"] * markets,
            "tags": pl.Series([list(tags) for _, tags in texts], dtype=pl.List(pl.String)),
            "neg_risk": [False] * markets, "tick_e4": np.full(markets, 100, np.int32),
            "min_size_e6": np.full(markets, 5_000_000, np.int64), "fee_rate_e6": np.full(markets, 40_000, np.int32),
            "fee_exponent": np.ones(markets, np.int32), "created_at": np.full(markets, now - 9 * DAY),
            "backdated": [False] * markets,
        }
    )  # fmt: skip
    offsets = np.arange(markets + 1, dtype=np.int64)
    end = np.full(markets, now + 20 * DAY, np.int64)
    known = np.full(markets, UNKNOWN_TIME + 1, np.int64)
    return Panel(frame, offsets * size, t, price.reshape(-1), offsets, known, end, "invented", "")


def a_directory(markets: int, now: int) -> Directory:
    """Return the markets of the panel as a bot watches them."""
    return Directory(
        Watched(
            market_no=k, market_id=f"m{k}", question="", condition=f"0x{k:064x}", yes_token=str(10**70 + 2 * k),
            no_token=str(10**70 + 2 * k + 1), event_no=k // 3, category=f"c{k % 5}", tick_e4=100,
            min_size_e6=5_000_000, fee_rate_e6=40_000, scheduled_end=Micros(now + 20 * DAY),
        )
        for k in range(markets)
    )  # fmt: skip


def settings() -> Settings:
    """Return limits that no order of this program meets by number."""
    found = Settings()
    wide = {"orders_a_minute": 10**6, "orders_an_hour": 10**6, "max_open_orders": 10**6, "min_disk_mb": 0}
    return found.model_copy(update={"trading": found.trading.model_copy(update=wide)})


def a_bot(folder: Path, venue: ClobVenue, directory: Directory, most: float, *, real: bool = False) -> Bot:
    """Wire a bot as `app.trading` does, around parts in memory and a journal on disk."""
    clock, chosen = venue.clock, settings()
    assert isinstance(clock, SystemClock)
    log = TradingLog.open(Home(folder), f"bench-{real}")
    log.make_room()
    journal = ChainedJournal(log, clock)
    quiet = ManagerSettings(heartbeat_age=0, ladder=LadderSettings(lag=0))
    manager = OrderManager(journal, venue, clock, 1, quiet)
    watcher = Watcher(Reads(directory, clock), directory, clock)
    tail = Tail(a_panel(len(directory), clock.now()), list(directory.by_no))
    voices = [RuleSpeaker(rule, None, chosen) for rule in (*shipped().values(), a_rule(most))]
    exits = make_limits(EngineConfig.of_settings(chosen.costs, chosen.risk))
    view = MachineView(real=real, venue=VenueState.NORMAL, skew=0, disk_free=10**12, feed_whole=True)

    async def machine() -> MachineView:
        return view

    parts = Parts(
        journal=journal, manager=manager, board=Board(BreakerLimits.of(chosen)), watcher=watcher, clock=clock,
        desk=RiskDesk(Limits.of(chosen), Ladder.of(chosen.trading), directory, watcher.board.best_bid, clock),
        chooser=Chooser(Decider(tail, voices), directory, Rules.of(chosen), exits),
        recorder=Recorder(folder / f"run-{real}"), machine=machine,
    )  # fmt: skip
    return Bot(parts, BotSettings(real=real, run="bench"))


def a_line(bot: Bot, number: int) -> Line:
    """Return a finished decision about one market: buy ten shares at its ask."""
    market = bot.parts.chooser.directory.by_no[number % len(bot.parts.chooser.directory)]
    now = bot.parts.clock.now()
    book = bot.parts.watcher.board.book(market.yes_token)
    assert book is not None
    opinion = Opinion(
        market_no=market.market_no, t=now, side=1, p=0.9, se=0.01, price_e4=5_000, strategy="x", reason=""
    )
    intent = Intent(
        intent_id=opinion.name, strategy="x", instrument=market.instrument(1), is_buy=True,
        price_e4=PriceE4(book.asks[0][0]), shares_e6=SharesE6(10_000_000), time_in_force=TimeInForce.GTD,
        created_at=now, expires_at=Micros(now + 10 * MINUTE),
    )  # fmt: skip
    purse = Purse(equity_e6=CASH, peak_e6=CASH, free_e6=CASH)
    return Line(
        tick=Tick(t=now, books=()), inputs=Inputs(purse=purse), opinions=(opinion,), planned=(), wanted=(intent,)
    )


class Yardstick:
    """One durable commit by sqlite3 alone."""

    def __init__(self, folder: Path) -> None:
        self.plain = sqlite3.connect(folder / "plain.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self.plain.execute(f"PRAGMA {pragma}")
        self.plain.execute("CREATE TABLE rows (body TEXT)")

    def commit(self) -> float:
        """Return the seconds of one."""
        begun = time.perf_counter()
        self.plain.execute("BEGIN IMMEDIATE")
        self.plain.execute("INSERT INTO rows VALUES (?)", ("x" * 1_600,))
        self.plain.execute("COMMIT")
        return time.perf_counter() - begun


async def sending(folder: Path, signer: OrderSigner, count: int) -> tuple[list[float], list[float], float]:
    """Return the seconds of decisions to bytes, of commits taken in turn, and of an order on average."""
    clock = SystemClock()
    server = Server(clock)
    free = {name: Rate(10**6, rate.seconds) for name, rate in DOCUMENTED.items()}  # rates are no matter of this program
    limits = HttpLimits(share=1.0, documented=free)
    http = HttpClient(Endpoints.sandbox(f"http://127.0.0.1:{server.port}"), clock, limits=limits, seed=1)
    account = Account(make_wallet(signer.address), Credentials("key", "c2VjcmV0", "pass"))
    venue = Venue(http, signer, account, name="loopback")
    venue.server = server
    bot = a_bot(folder, venue, a_directory(50, clock.now()), 0.5)
    manager, yardstick = bot.parts.manager, Yardstick(folder)
    venue.may_send = last_look(manager)
    await manager.recover()
    ours, theirs, whole = [], [], 0.0
    settle()
    for number in range(WARM + count):
        await bot.parts.watcher.look()
        if number % BETWEEN == 0:  # what the account does not list has ended: few orders are open at a time
            await manager.cancel([one.order_id for one in bot.account.open.values()], "bench")
            for order in list(bot.account.open.values()):
                bot.parts.journal.record_ended(order.order_id, "cancelled", "bench")
            await manager.reconcile()
        line = a_line(bot, number)
        begun = clock.now()  # the clock of the kernel's stamps
        await bot.carry_out(line)
        whole += (clock.now() - begun) / SECOND
        ours.append((server.heard - begun) / SECOND)
        theirs.append(yardstick.commit())
    assert bot.outcomes == {"allowed": WARM + count}, bot.outcomes
    await http.close()
    server.close()
    return ours[WARM:], theirs[WARM:], whole / (WARM + count)


async def ticking(folder: Path, markets: int, most: float, count: int) -> tuple[list[float], dict[str, int]]:
    """Return the seconds of ticks whose books are given, and what became of the intents."""
    clock, signer = SystemClock(), Unsigned("bench")
    http = HttpClient(Endpoints.sandbox("http://127.0.0.1:9"), clock, seed=1)
    venue = Venue(http, signer, Account(make_wallet(signer.address), Credentials("k", "c2VjcmV0", "p")))
    bot = a_bot(folder, venue, a_directory(markets, clock.now()), most, real=True)
    await bot.parts.manager.recover()
    spent = []
    settle()
    for _ in range(count + 2):
        tick = await bot.parts.watcher.look()
        begun = time.perf_counter()
        await bot.heed(tick)
        spent.append(time.perf_counter() - begun)
    await http.close()
    return spent[2:], bot.outcomes


def in_folder(work: Callable[[Path], Awaitable[Any]]) -> Any:
    """Run work in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(work(Path(folder)))  # type: ignore[arg-type]


def main() -> None:
    """Print the lines."""
    chosen = options(__doc__)
    count = 30 if chosen.tiny else 200 if chosen.quick else 1_500
    ours, theirs, each = in_folder(lambda folder: sending(folder, Unsigned("bench"), count))
    high = percentile(ours, 99)
    goal = None if chosen.tiny else 1 / 3
    what = "decision to bytes at the socket"
    against("W8", f"{what}, p99", high, "ms", peer=PEER, theirs=percentile(theirs, 99), goal=goal)
    against("W8", f"{what}, median", median(ours) * 1e3, "ms", peer=PEER, theirs=median(theirs) * 1e3)
    against("W8", f"{what}, median", median(ours) * 1e3, "ms", peer=NAUTILUS, theirs=NAUTILUS_MS)
    say("W8", "orders, one after the other, answers recorded", 1.0 / each, "orders/s")
    signed, _, _ = in_folder(lambda folder: sending(folder, sandbox_signer("bench"), count // 5))
    say("W8", f"{what}, signed in this process, median", median(signed) * 1e3, "ms")
    markets, ticks = (60, 5) if chosen.tiny else (300, 40)
    for most, words in ((0.25, "one in four found worth its price"), (0.51, "every one found worth its price")):
        spent, outcomes = in_folder(lambda folder, most=most: ticking(folder, markets, most, ticks))  # type: ignore[misc]
        limit = None if chosen.tiny or most > 0.5 else GOAL_TICK_MS
        say("W8", f"a tick over {markets} markets, {words}, p95", percentile(spent, 95), "ms")
        say("W8", f"a tick over {markets} markets, {words}, median", median(spent) * 1e3, "ms", limit)
        say("W8", "intents checked in such a tick", sum(outcomes.values()) / (ticks + 2), "intents")


if __name__ == "__main__":
    main()
