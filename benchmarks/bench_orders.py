"""From a decision to its bytes on a loopback socket, the durable journal included; and how fast a journal is folded.

A submission makes two durable commits: what is reserved, then the signed bytes with the word that they leave next. The
yardstick is one durable commit (WAL, synchronous=FULL) of as many bytes by sqlite3 alone, on the same file system,
taken in turn with the submissions. Signing is left out: `prepare` returns bytes at once.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from benchmarks.measure import against, best, options, say
from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import SystemClock
from edgeworth.core.orders import (
    AccountEvent,
    AccountSnapshot,
    FillReport,
    Instrument,
    Intent,
    OrderReport,
    PreparedOrder,
    TimeInForce,
)
from edgeworth.core.paths import Home
from edgeworth.core.units import MINUTE, Micros, PriceE4, SharesE6, UsdE6
from edgeworth.store.trading_ledger import TradingLog
from edgeworth.trading.account import Account
from edgeworth.trading.journal import ChainedJournal, Verdict
from edgeworth.trading.manager import ManagerSettings, OrderManager

CASH = UsdE6(10**12)
BODY = 900  # bytes of a signed order on the wire
WARM = 20
PEER = "one sqlite3 commit, FULL"
TERMS = Instrument(
    market_no=1, condition="0x" + "c" * 64, token="7" * 77, is_yes=True, tick_e4=100, min_size_e6=5_000_000,
    fee_rate_e6=40_000,
)  # fmt: skip


class Loopback:
    """An order venue that writes the bytes to a socket, notes when they were gone, and accepts."""

    name = "loopback"

    def __init__(self, clock: SystemClock, writer: asyncio.StreamWriter) -> None:
        self.clock, self.writer, self.gone = clock, writer, 0.0

    async def prepare(self, intent: Intent, salt: int) -> PreparedOrder:
        name = f"0x{intent.intent_id:0>64}"
        body = name.encode().ljust(BODY, b"x")
        return PreparedOrder(
            order_id=name, intent_id=intent.intent_id, body=body, maker_e6=1, taker_e6=1, salt=salt,
            expires_at=intent.expires_at,
        )  # fmt: skip

    async def submit(self, order: PreparedOrder) -> OrderReport:
        self.writer.write(order.body)
        self.gone = time.perf_counter()
        await self.writer.drain()
        now = self.clock.now()
        return OrderReport(
            order_id=order.order_id, status="live", token=TERMS.token, is_buy=True, price_e4=PriceE4(5_000),
            size_e6=SharesE6(10_000_000), matched_e6=SharesE6(0), event_time=now, known_at=now,
        )  # fmt: skip

    async def account(self, since: Micros) -> AccountSnapshot:  # noqa: ARG002
        return AccountSnapshot(taken_at=self.clock.now(), cash_e6=CASH, holdings=(), orders=(), fills=())

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(order_ids, "")

    async def cancel_all(self) -> dict[str, str]:
        return {}

    async def order(self, order_id: str) -> OrderReport | None:  # noqa: ARG002
        return None

    async def order_fills(self, order_id: str) -> list[FillReport]:  # noqa: ARG002
        return []

    async def heartbeat(self) -> None:
        return

    async def books(self, tokens: Sequence[str]) -> list[BookSnapshot]:  # noqa: ARG002
        return []

    async def server_time(self) -> Micros:
        return self.clock.now()

    async def events(self) -> AsyncIterator[AccountEvent]:
        nothing: tuple[AccountEvent, ...] = ()
        for event in nothing:
            yield event


def allow(account: Account, intent: Intent) -> Verdict:
    """Allow what can be paid for."""
    return Verdict(intent=intent if account.spendable_e6() > 10_000_000 else None)


async def measure(folder: Path, count: int) -> tuple[list[float], list[float], ChainedJournal]:
    """Return the seconds of submissions and of plain commits, taken in turn."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        writer.close()
        served.set()

    served = asyncio.Event()
    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    clock = SystemClock()
    log = TradingLog.open(Home(folder), "bench")
    log.make_room()
    journal = ChainedJournal(log, clock)
    venue = Loopback(clock, writer)
    manager = OrderManager(journal, venue, clock, 1, ManagerSettings(heartbeat_age=0))
    await manager.recover()
    plain = sqlite3.connect(folder / "plain.db", isolation_level=None)
    plain.execute("PRAGMA journal_mode=WAL")
    plain.execute("PRAGMA synchronous=FULL")
    plain.execute("CREATE TABLE rows (body TEXT)")
    ours, theirs = [], []
    for number in range(WARM + count):
        now = clock.now()
        intent = Intent(
            intent_id=f"i{number}", instrument=TERMS, is_buy=True, price_e4=PriceE4(5_000),
            shares_e6=SharesE6(10_000_000), time_in_force=TimeInForce.GTD, created_at=now,
            expires_at=Micros(now + 10 * MINUTE),
        )  # fmt: skip
        begun = time.perf_counter()
        await manager.submit(intent, lambda account, intent=intent: allow(account, intent))  # type: ignore[misc]
        ours.append(venue.gone - begun)
        begun = time.perf_counter()
        plain.execute("BEGIN IMMEDIATE")
        plain.execute("INSERT INTO rows VALUES (?)", ("x" * (BODY + 700),))
        plain.execute("COMMIT")
        theirs.append(time.perf_counter() - begun)
    plain.close()
    writer.close()
    await writer.wait_closed()
    await served.wait()
    server.close()
    await server.wait_closed()
    return ours[WARM:], theirs[WARM:], journal


def percentile(values: list[float], share: int) -> float:
    """Return a percentile in milliseconds."""
    return quantiles(values, n=100)[share - 1] * 1e3


def main() -> None:
    """Print the lines."""
    chosen = options(__doc__)
    count = 30 if chosen.tiny else 200 if chosen.quick else 2_000
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs, journal = asyncio.run(measure(Path(folder), count))
        high, theirs_high = percentile(ours, 99), percentile(theirs, 99)
        against("W8", "decide to bytes sent, p99", high, "ms", peer=PEER, theirs=theirs_high, goal=1 / 3)
        middle, theirs_middle = median(ours) * 1e3, median(theirs) * 1e3
        against("W8", "decide to bytes sent, median", middle, "ms", peer=PEER, theirs=theirs_middle)
        events = journal.verify()
        timing = best(lambda: ChainedJournal(journal.log, SystemClock()).account, rounds=1 if chosen.tiny else 3)
        say("W8", "fold a journal, per event", timing.wall / events * 1e6, "us")
        say("W8", "events of the journal", events, "events")
        written = sum(len(entry.body) for entry in journal.entries())
        say("W8", "bytes of the journal per order", written / (count + WARM), "bytes")
        journal.close()


if __name__ == "__main__":
    main()
