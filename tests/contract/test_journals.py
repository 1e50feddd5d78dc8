"""What every journal must do, whatever its log lies in; a factory opens the same, at first empty, log every time."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator

import msgspec
import pytest
from tests.contract.test_store_contract import empty_server
from tests.support.deeds import CASH, T0, affordable, allow, fill, intent, opened, prepared, report, sent

from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import AccessError, DataError
from edgeworth.core.orders import OrderState
from edgeworth.core.paths import Home
from edgeworth.store.trading_ledger import TradingLog
from edgeworth.store.verify import check_databases
from edgeworth.trading import events as ev
from edgeworth.trading.halts import HaltCause, Resume, TradingState, lift, raise_halt
from edgeworth.trading.journal import ChainedJournal, MemoryDisk, MemoryJournal, no_fault

Open = Callable[..., ChainedJournal]


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def open_journal(request, home) -> Iterator[Open]:
    """A function that opens a journal over the same log every time."""
    clock, disk, opened_logs = ManualClock(T0), MemoryDisk(), []
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        asyncio.run(empty_server(url))
    else:
        url = None

    def journal(fault=no_fault) -> ChainedJournal:
        if request.param == "memory":
            return MemoryJournal(disk, clock, fault)
        log = TradingLog.open(Home(home), "test", url=url, durable=False)
        opened_logs.append(log)
        return ChainedJournal(log, clock, fault)

    yield journal
    for log in opened_logs:
        log.close()


def test_what_is_recorded_is_there_after_opening_again(open_journal):
    journal = open_journal()
    opened(journal)
    order_id = sent(journal, intent())
    journal.record_reports([report(matched=4)], "stream")
    journal.record_fills([fill(shares=4)], "stream")
    journal.note("day", "2026-11-20")
    again = open_journal()
    assert again.account.digest() == journal.account.digest()
    assert again.account.order(order_id).state is OrderState.PARTIAL
    assert again.account.notes == {"day": "2026-11-20"}
    assert again.verify() == journal.verify() == 7
    assert [entry.number for entry in again.entries()] == list(range(1, 8))
    assert [entry.kind for entry in again.entries(5)] == ["filled", "noted"]


def test_a_transaction_that_fails_leaves_nothing_and_one_that_was_committed_stays(open_journal):
    armed = ""

    def fault(point: str) -> None:
        if point == armed:
            raise Crash(point)

    journal = open_journal(fault)
    opened(journal)
    before = journal.account.digest()
    armed = "journal.before-commit"
    with pytest.raises(Crash):
        journal.reserve(intent(), 7, allow(intent()))
    assert journal.account.digest() == before == open_journal().account.digest()
    armed = "journal.after-commit"
    with pytest.raises(Crash):
        journal.reserve(intent(), 7, allow(intent()))
    assert "i1" in journal.account.orders
    assert "i1" in open_journal().account.orders
    assert journal.verify() == 2


def test_an_event_that_is_not_legal_is_not_recorded(open_journal):
    journal = open_journal()
    opened(journal)
    wanted = intent()
    journal.reserve(wanted, 7, allow(wanted))
    before = journal.account.digest()
    with pytest.raises(DataError) as caught:
        journal.record_sending("0xi1")
    assert caught.value.code == "order-unknown"
    journal.record_signed(prepared(wanted), sending=True)
    journal.record_unsure("0xi1", "venue-timeout")
    with pytest.raises(DataError) as caught:
        journal.record_refused("i1", "refused", "venue-refused")
    assert caught.value.code == "order-step"
    assert journal.account.order("0xi1").state is OrderState.UNKNOWN
    assert before != journal.account.digest() == open_journal().account.digest()


def test_check_and_reserve_are_one_transaction_across_processes(open_journal):
    """32 strategies in four processes want more than there is: what is reserved never exceeds the cash."""
    journals = [open_journal() for _ in range(4)]
    opened(journals[0], cash=100_000_000)
    allowed = 0
    for number in range(32):
        wanted = intent(f"i{number}", price=5_000, shares=10, strategy=f"s{number}")
        verdict = journals[number % 4].reserve(wanted, number, affordable(wanted))
        allowed += verdict.allowed
        assert journals[number % 4].account.ledger["cash"] >= 0
    assert allowed == 20
    last = open_journal()
    assert last.account.ledger["reserved"] == 100_000_000
    assert last.account.ledger["cash"] == 0


def test_the_same_intent_is_reserved_once(open_journal):
    first, second = open_journal(), open_journal()
    opened(first)
    assert first.reserve(intent(), 7, allow(intent())).allowed
    for journal in (first, second):
        assert journal.reserve(intent(), 8, allow(intent())).code == "intent-known"
    assert second.account.orders["i1"].salt == 7
    assert second.account.ledger["reserved"] == 5_000_000


@pytest.mark.parametrize(
    "change", [{"shares_e6": 11_000_000}, {"shares_e6": 0}, {"price_e4": 4_000}, {"intent_id": "x"}]
)
def test_a_check_may_allow_less_and_nothing_else(change):
    journal = MemoryJournal(MemoryDisk(), ManualClock(T0))
    opened(journal)
    other = msgspec.structs.replace(intent(), **change)
    with pytest.raises(DataError) as caught:
        journal.reserve(intent(), 7, allow(other))
    assert caught.value.code == "order-bad"
    assert journal.account.orders == {}
    assert journal.verify() == 1


def test_what_says_nothing_new_is_not_written(open_journal):
    journal = open_journal()
    opened(journal)
    sent(journal, intent())
    assert journal.record_fills([fill(), fill()], "stream") == 1
    journal.record_reports([report(), report(status="matched", matched=10)], "stream")
    journal.record_cancel_wanted(["0xi1"])
    journal.record_money(ev.Moved(at=T0, move_id="m", what="reward", usd_e6=5))
    length = journal.verify()
    assert journal.record_fills([fill()], "account") == 0
    journal.record_reports([report(matched=3), report(order="0xstranger")], "account")
    journal.record_cancel_wanted(["0xi1"])
    journal.record_money(ev.Moved(at=T0, move_id="m", what="reward", usd_e6=5))
    journal.note("nothing", "")
    assert journal.verify() == length
    assert journal.record_fills([fill(settlement="confirmed")], "account") == 1
    assert journal.account.ledger["rewards"] == 5


def test_denials_are_written_with_the_next_event(open_journal):
    journal = open_journal()
    opened(journal, cash=1)
    for number in range(3):
        wanted = intent(f"i{number}")
        assert journal.reserve(wanted, 1, affordable(wanted)).code == "no-cash"
    assert journal.verify() == 1
    journal.note("a", "b")
    assert [entry.kind for entry in journal.entries(1)] == ["denied", "denied", "denied", "noted"]
    assert open_journal().account.denials == {"no-cash": 3}
    journal.reserve(intent("i9"), 1, affordable(intent("i9")))
    journal.flush()
    assert open_journal().account.denials == {"no-cash": 4}


def test_halts_and_their_end_survive(open_journal):
    journal = open_journal()
    halt = raise_halt(HaltCause.KILLED, TradingState.HALTED, Resume.OPERATOR, "test", T0)
    journal.record_halt(halt)
    journal.record_halt(halt)
    assert open_journal().account.standing() == (halt,)
    watching = open_journal()
    assert watching.account.standing() == (halt,)
    journal.record_lift(lift(halt, Resume.OPERATOR, "me", "over", T0))
    watching.refresh()
    assert watching.account.standing() == ()
    assert journal.verify() == 2


def test_every_event_about_an_order_is_found(open_journal):
    journal = open_journal()
    opened(journal)
    sent(journal, intent())
    sent(journal, intent("i2"))
    journal.record_fills([fill()], "stream")
    kinds = [type(event).__name__ for event in journal.explain("i1")]
    assert kinds == ["Reserved", "Signed", "Sending", "Filled"]


def test_an_altered_memory_is_found():
    disk, clock = MemoryDisk(), ManualClock(T0)
    journal = MemoryJournal(disk, clock)
    opened(journal)
    journal.note("a", "b")
    disk.entries[0] = disk.entries[0]._replace(body=disk.entries[0].body.replace(b"1000000000", b"2000000000"))
    with pytest.raises(DataError) as caught:
        journal.verify()
    assert caught.value.code == "journal-altered"
    with pytest.raises(DataError):
        _ = MemoryJournal(disk, clock).account


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trading_events SET body = replace(body, '1000000000', '2000000000') WHERE entry_no % (1 << 40) = 1",
        "DELETE FROM trading_events WHERE entry_no % (1 << 40) = 2",
        "DELETE FROM trading_events WHERE entry_no % (1 << 40) = 3",
        "UPDATE trading_events SET chain = '00' || substr(chain, 3) WHERE entry_no % (1 << 40) = 2",
    ],
)
def test_an_altered_file_is_found(home, statement):
    log = TradingLog.open(Home(home), "test")
    journal = ChainedJournal(log, ManualClock(T0))
    opened(journal)
    journal.note("a", "b")
    journal.note("a", "c")
    with sqlite3.connect(Home(home).ledger_db) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(DataError) as caught:
        journal.verify()
    assert caught.value.code == "journal-altered"
    log.close()
    found = check_databases(Home(home))
    assert [problem.code for problem in found] == (
        ["journal-altered"] if "DELETE" not in statement or "= 3" not in statement else []
    )


def test_an_unaltered_file_is_sound(home):
    log = TradingLog.open(Home(home), "test")
    opened(ChainedJournal(log, ManualClock(T0)))
    log.close()
    assert check_databases(Home(home)) == []


def test_the_file_is_private_and_fully_synchronous(home):
    log = TradingLog.open(Home(home), "test")
    statements = log._database
    assert statements.select("PRAGMA synchronous") == [(2,)]
    assert statements.select("PRAGMA journal_mode") == [("wal",)]
    assert Home(home).ledger_db.stat().st_mode & 0o777 == 0o600
    log.close()


def test_the_log_grows_before_it_is_needed(home):
    log = TradingLog.open(Home(home), "test")
    journal = ChainedJournal(log, ManualClock(T0))
    opened(journal)
    log.make_room()
    wal = Home(home).ledger_db.with_name("ledger.db-wal")
    size = wal.stat().st_size
    assert size > 4_000_000
    for number in range(20):
        journal.note("a", str(number))
    assert wal.stat().st_size == size
    assert journal.verify() == 21
    log.close()


def test_journals_of_different_venues_do_not_mix(home):
    clock = ManualClock(T0)
    logs = [TradingLog.open(Home(home), name) for name in ("paper", "sandbox")]
    paper, sandbox = (ChainedJournal(log, clock) for log in logs)
    opened(paper)
    sandbox.note("a", "b")
    paper.note("c", "d")
    assert (paper.verify(), sandbox.verify()) == (2, 1)
    assert sandbox.account.ledger["cash"] == 0
    assert paper.account.ledger["cash"] == CASH
    for log in logs:
        log.close()


def test_a_server_that_forgets_is_refused(postgres_url, tmp_path):
    asyncio.run(empty_server(postgres_url))
    with pytest.raises(AccessError) as caught:
        TradingLog.open(Home(tmp_path), "live", url=postgres_url)
    assert caught.value.code == "store-not-durable"


def test_upkeep_happens_where_nobody_waits_for_it(home):
    log = TradingLog.open(Home(home), "test")
    journal = ChainedJournal(log, ManualClock(T0))

    def in_the_file() -> int:
        with contextlib.closing(sqlite3.connect(f"file:{Home(home).ledger_db}?immutable=1", uri=True)) as plain:
            return plain.execute("SELECT count(*) FROM trading_events").fetchone()[0]  # without the write-ahead log

    for number in range(98):  # and one commit gave the journal its number
        journal.note("a", str(number))
        journal.tidy()
    before = in_the_file()
    assert before < 98
    journal.note("a", "last")
    assert in_the_file() == before
    journal.tidy()
    assert in_the_file() == 99
    log.close()


def test_what_is_known_to_be_recent_is_not_read_again(open_journal):
    journal, other = open_journal(), open_journal()
    clock = journal._clock
    opened(journal)
    other.note("from", "elsewhere")
    clock.advance(1_000)
    journal.refresh(1_000)
    assert "from" not in journal.account.notes
    clock.advance(1)
    journal.refresh(1_000)
    assert journal.account.notes["from"] == "elsewhere"
    other.note("from", "again")
    journal.refresh()
    assert journal.account.notes["from"] == "again"


def test_what_is_written_while_a_commit_takes_its_time_is_not_overlooked(open_journal):
    """Others can write as soon as the lock has gone; what is known is as old as the transaction, not as its end."""
    clock, other = open_journal()._clock, open_journal()

    def slow(point: str) -> None:
        if point == "journal.after-commit":
            clock.advance(1_001)

    journal = open_journal(slow)
    opened(journal)
    other.note("from", "elsewhere")
    journal.refresh(1_000)
    assert journal.account.notes["from"] == "elsewhere"
