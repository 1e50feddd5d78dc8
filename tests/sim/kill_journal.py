"""Kill a process that writes the trading journal at random instants: `python -m tests.sim.kill_journal HOME KILLS SEED`.

Each life is a fork that opens the journal, verifies it, and brings one order after the other to the wire, saying in a
pipe what was committed: `r` reserved, `s` about to be sent, then the order's number. The parent sends SIGKILL, opens the
journal as it was found and compares. Prints one JSON line: kills, acknowledged deeds, what was lost, the slowest start.
"""

import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from tests.support.deeds import allow, fill, intent, opened, prepared

from edgeworth.core.clock import SystemClock
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.store.trading_ledger import TradingLog
from edgeworth.trading.halts import HaltCause, Resume, TradingState, raise_halt
from edgeworth.trading.journal import ChainedJournal

LONGEST_LIFE = 0.08  # seconds a life lasts at most after it has opened


def journal_of(home: Home) -> ChainedJournal:
    return ChainedJournal(TradingLog.open(home, "kill"), SystemClock())


def live(home: Home, first: int, pipe: int) -> None:
    journal = journal_of(home)
    journal.verify()
    os.write(pipe, b"open\n")
    number = first
    while True:
        name = f"k{number}"
        wanted = intent(name, price=1, shares=1)
        journal.reserve(wanted, 7, allow(wanted))
        os.write(pipe, f"r{number}\n".encode())
        journal.record_signed(prepared(wanted), sending=True)
        os.write(pipe, f"s{number}\n".encode())
        journal.record_fills([fill(f"t{number}", f"0x{name}", price=1, shares=1, settlement="confirmed")], "stream")
        os.write(pipe, f"f{number}\n".encode())
        number += 1


def one_life(home: Home, first: int, delay: float) -> tuple[list[str], float]:
    read, write = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(read)
        live(home, first, write)
        os._exit(1)
    os.close(write)
    said = os.read(read, 5)
    opening = time.perf_counter() - began
    select.select([], [], [], delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while more := os.read(read, 65_536):
        said += more
    os.close(read)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the process ended by itself: {status}")
    return said.rpartition(b"\n")[0].decode().split()[1:], opening


def missing(journal: ChainedJournal, said: list[str]) -> list[str]:
    """Return the acknowledged deeds that the journal does not know."""
    journal.verify()
    account = journal.account
    account.ledger.audit()
    known = {"r": account.orders, "s": account.by_id, "f": {fill.trade_id for fill in account.fills()}}
    names = {"r": "k{}", "s": "0xk{}", "f": "t{}"}
    return [word for word in said if names[word[0]].format(word[1:]) not in known[word[0]]]


def main(arguments: list[str]) -> None:
    home, kills, seed = Home(Path(arguments[0])), int(arguments[1]), int(arguments[2])
    draw = stream(seed, "kill-journal")
    journal = journal_of(home)
    opened(journal)
    journal.record_halt(
        raise_halt(HaltCause.PAUSED, TradingState.HALTED, Resume.OPERATOR, "stays", SystemClock().now())
    )
    journal.close()
    lost, acknowledged, slowest = [], 0, 0.0
    for life in range(kills):
        said, opening = one_life(home, 1_000 * (life + 1), float(draw.uniform(0, LONGEST_LIFE)))
        journal = journal_of(home)
        lost += missing(journal, said)
        halted = len(journal.account.standing()) == 1
        journal.close()
        if not halted:
            lost.append("halt")
        acknowledged += len(said)
        slowest = max(slowest, opening)
    sys.stdout.write(json.dumps({"kills": kills, "deeds": acknowledged, "lost": lost, "start_s": slowest}))


if __name__ == "__main__":
    main(sys.argv[1:])
