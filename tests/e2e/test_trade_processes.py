"""The bot as a process against a sandbox as a process: a second one, a kill from outside, a venue that says nothing."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request as Asked
from urllib.request import urlopen

import pytest

from edgeworth.app.homes import reading_home
from edgeworth.app.trading import Request, session
from edgeworth.core.config import load
from edgeworth.core.orders import Intent, TimeInForce
from edgeworth.trading.journal import Verdict
from edgeworth.venues.polymarket.signing import make_wallet, sandbox_signer
from tests.e2e.conftest import Run
from tests.e2e.test_collect_processes import read_until, start
from tests.sim.bot_kills import RULE

WALLET = make_wallet(sandbox_signer().address).funder
RESTING = 4


@pytest.fixture
def venue(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a simulated venue, which the settings of this process and its children name."""
    words = ("serve", "--sandbox", "--scenario", "tiny", "--start", "2026-04-01T00:00:00Z", "--port", "0", "--json")
    process = start(*words, home=tmp_path / "venue")
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["data"]["url"]
    for name, value in {
        "VENUE": "sandbox", "ENDPOINTS__SANDBOX": url, "TRADING__MIN_DISK_MB": "1", "RISK__MAX_ORDER": "6",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"EDGEWORTH_{name}", value)
    (tmp_path / "everything.py").write_text(RULE)
    yield url
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def ask(url: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Asked(f"{url}/control{path}", data=data), timeout=30) as response:
        return json.load(response)


def open_at(url: str) -> list[str]:
    return [row["id"] for row in ask(url, f"/account?wallet={WALLET}")["orders"] if row["state"] == "LIVE"]


def bot(world: Path, tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    rule = str(tmp_path / "everything.py")
    return start("trade", "run", "--sandbox", "--rules", rule, "--every", "2s", *words, home=world)


def leave_resting(world: Path, rule: Path) -> None:
    """Make orders that rest far below the market, and end as a process does that was killed."""
    config = reading_home(load(home=world))

    def allow(intent: Intent) -> Any:
        return lambda _account: Verdict(intent=intent)

    async def work() -> None:
        async with session(config, Request(mode="sandbox", rules=(str(rule),), no_model=True)) as opened:
            manager = opened.bot.parts.manager
            await manager.recover()
            tick = await opened.bot.parts.watcher.look()
            for book in [one for one in tick.books if one.mid_e4 > 1_000][:RESTING]:
                market, now = opened.directory.by_no[book.market_no], opened.clock.now()
                intent = Intent(
                    intent_id=f"rest/{market.market_no}", strategy="rest", instrument=market.instrument(1, book.tick_e4),
                    is_buy=True, price_e4=book.tick_e4, shares_e6=10_000_000, time_in_force=TimeInForce.GTD,
                    created_at=now,
                )  # fmt: skip
                assert (await manager.submit(intent, allow(intent))).code == "allowed"

    asyncio.run(work())


def test_a_second_bot_on_a_journal_is_refused_at_once_and_one_on_another_is_not(
    edgeworth: Run, world: Path, tmp_path: Path, venue: str
) -> None:
    first = bot(world, tmp_path)
    try:
        read_until(first, "SANDBOX", "markets")
        begun = time.monotonic()
        refused = edgeworth("trade", "run", "--sandbox", "--rules", tmp_path / "everything.py", "--json")
        assert time.monotonic() - begun < 1.0
        assert (refused.code, refused.envelope["error"]["code"]) == (9, "another-instance")
        assert str(first.pid) in refused.envelope["error"]["message"]
        read_until(first, "books")
        beside = edgeworth("trade", "run", "--paper", "--rules", tmp_path / "everything.py", "--ticks", "1", "--json")
        assert beside.code == 0, beside.out  # another journal: paper money beside orders on the wire
        paper, wire = (edgeworth("trade", "status", f"--{mode}", "--json") for mode in ("paper", "sandbox"))
        assert (paper.envelope["data"]["bot"], wire.envelope["data"]["bot"]) == (None, first.pid)
    finally:
        begun = time.monotonic()
        first.send_signal(signal.SIGINT)
        said, _ = first.communicate(timeout=30)
        seconds = time.monotonic() - begun
    assert first.returncode == 0, said
    assert seconds < 5.0


def test_where_two_bots_run_nothing_is_done_to_one_by_chance_and_a_kill_reaches_both(
    edgeworth: Run, world: Path, tmp_path: Path, venue: str
) -> None:
    wire = bot(world, tmp_path)
    paper = start("trade", "run", "--paper", "--rules", str(tmp_path / "everything.py"), "--every", "2s", home=world)
    try:
        for one in (wire, paper):
            read_until(one, "books")
        for words in (("pause",), ("status",), ("flatten",), ("resume",)):
            refused = edgeworth("trade", *words, "--json")
            assert (refused.code, refused.envelope["error"]["code"]) == (2, "bad-option")
            assert refused.envelope["error"]["hint"] == "say which: --paper or --sandbox"
        killed = edgeworth("trade", "kill", "--json")
        assert killed.code == 0, killed.out
        assert set(killed.envelope["data"]["bots"]) == {"paper", "sandbox"}
        assert open_at(venue) == []
        for mode in ("paper", "sandbox"):
            assert edgeworth("trade", "status", f"--{mode}", "--json").envelope["data"]["state"] == "halted"
    finally:
        for one in (wire, paper):
            one.send_signal(signal.SIGINT)
        for one in (wire, paper):
            one.communicate(timeout=30)


def test_a_kill_from_outside_leaves_no_order_open_and_stops_the_bot(
    edgeworth: Run, world: Path, tmp_path: Path, venue: str
) -> None:
    leave_resting(world, tmp_path / "everything.py")
    assert len(open_at(venue)) == RESTING
    running = bot(world, tmp_path)
    try:
        read_until(running, "books")
        begun = time.monotonic()
        killed = edgeworth("trade", "kill", "--sandbox", "--json")
        seconds = time.monotonic() - begun
        assert killed.code == 0, killed.out
        assert killed.envelope["data"]["verified"] is True
        assert open_at(venue) == []
        assert seconds <= 5.0
        known = ask(venue, f"/account?wallet={WALLET}")["orders"]
        read_until(running, "books")
        read_until(running, "books")
        assert len(ask(venue, f"/account?wallet={WALLET}")["orders"]) == len(known)
        assert edgeworth("trade", "status", "--sandbox", "--json").envelope["data"]["state"] == "halted"
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)


def test_a_kill_that_cannot_be_verified_says_so_and_halts_all_the_same(
    edgeworth: Run, world: Path, tmp_path: Path, venue: str
) -> None:
    leave_resting(world, tmp_path / "everything.py")
    ask(venue, "/faults", {"name": "unavailable", "on": True})
    killed = edgeworth("trade", "kill", "--sandbox", "--json")
    assert killed.code == 7
    assert killed.envelope["error"]["code"] == "kill-unverified"
    assert "UNVERIFIED" in killed.envelope["error"]["message"]
    assert len(killed.envelope["error"]["details"]["open"]) == RESTING
    ask(venue, "/faults", {"name": "unavailable", "on": False})
    assert len(open_at(venue)) == RESTING
    assert edgeworth("trade", "status", "--sandbox", "--json").envelope["data"]["state"] == "halted"
    again = edgeworth("trade", "kill", "--sandbox", "--json")
    assert again.code == 0, again.out
    assert open_at(venue) == []
