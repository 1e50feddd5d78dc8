"""Kill the bot's process while it trades on a simulated venue: `python -m tests.sim.bot_kills FOLDER KILLS PAPER SEED`.

The venue is `edgeworth serve --sandbox` in a process of its own; every life of the bot is the command line itself,
`edgeworth trade run`, forked from a process that has imported everything, one in eight started anew. SIGKILL comes at a
random instant, while it starts as well as while it trades. After each one the account that the venue holds (told by
its control channel) is compared with the journal as found. Some kills follow `trade pause`; the last PAPER ones hit a
bot that trades on paper. Prints one JSON line: how long starts took until ledger and venue agreed, and what was wrong.
"""

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from edgeworth.app.trading import open_journal
from edgeworth.cli.main import main as edgeworth
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import load
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.trading.account import Account
from edgeworth.trading.halts import HaltCause
from edgeworth.venues.polymarket.signing import make_wallet, sandbox_signer

WORLD, START = "live-small", "2027-01-01T00:00:00Z"  # what the home holds ends there; the venue goes on
SPEED = 2.0
PATIENCE_S = 90.0  # after which a start counts as failed
LONGEST_LIFE = 2.0  # seconds after the accounts agreed
EARLY = 0.2  # share of lives that may end before the accounts agree
ANEW, PAUSED = 8, 5  # every so many lives: a process started anew; one that is paused before it is killed
IMPORTED = (
    "polars", "sqlalchemy.dialects.sqlite.pysqlite", "websockets.asyncio.client", "edgeworth.app.backtesting",
    "edgeworth.app.trading_run", "edgeworth.app.trade_desk", "edgeworth.cli.trade", "edgeworth.forecasting.firing",
    "edgeworth.research.batch_signals.forecaster", "edgeworth.research.batch_signals.lookout",
    "edgeworth.strategies.registry", "edgeworth.venues.polymarket.gamma", "edgeworth.venues.streams.socket",
)  # fmt: skip
RULE = '''"""Trade everything."""
from dataclasses import dataclass
from edgeworth.strategies.base import no, strategy, yes


@strategy
@dataclass(frozen=True)
class Everything:
    """Find the cheaper side of every market worth more than it costs."""

    name, version, needs = "everything", 1, ("price",)

    def opinions(self, row):
        """Say so."""
        low = row.price < 0.5
        return [
            yes(when=low & (row.price > 0.04), reason="low", p=row.price + 0.2, se=0.01),
            no(when=~low & (row.price < 0.96), reason="high", p=1.2 - row.price, se=0.01),
        ]
'''
SETTINGS = {
    "VENUE": "sandbox", "RISK__MAX_ORDER": "6", "RISK__MAX_TOTAL": "1", "RISK__MAX_CATEGORY": "1",
    "RISK__MAX_HOLD_DAYS": "0.0003", "TRADING__ORDERS_A_MINUTE": "40", "TRADING__MAX_OPEN_ORDERS": "500",
    "TRADING__MAX_STRATEGY": "1", "TRADING__HEARTBEAT_AGE": "14", "TRADING__BOOK_AGE": "20",
    "TRADING__INTENT_AGE": "20", "TRADING__MIN_DISK_MB": "1", "TRADING__DAILY_LOSS": "0.9",
}  # fmt: skip
UNVERIFIED = 7
SLACK = 3_000_000  # venue microseconds within which an order that had left may still arrive


def prepare(root: Path, seed: int) -> None:
    """Fill a home with what the world of a seed says up to where the venue begins."""
    from edgeworth.collect.importing.pipeline import import_paths
    from edgeworth.core.progress import Silent
    from edgeworth.sandbox.world import generate

    files = generate(WORLD, seed).write(root / "world")
    found = import_paths(files, Home(root), progress=Silent(), clock=SystemClock())
    if not found.adds_up() or found.refused:
        raise RuntimeError("the world was not imported")


@contextlib.contextmanager
def serving(seed: int) -> Iterator[str]:
    """Serve the world; yields the URL."""
    command = [sys.executable, "-m", "edgeworth.cli", "serve", "--sandbox", "--json", "--port", "0"]
    command += ["--scenario", WORLD, "--world", str(seed), "--start", START, "--speed", str(SPEED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["data"]["url"]
        finally:
            process.terminate()


@dataclass
class Case:
    """What is killed again and again, and what was found."""

    folder: Path
    url: str
    mode: str
    wrong: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    baseline: dict[str, Any] | None = None
    paused_at: int | None = None
    known: set[str] = field(default_factory=set)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def journal(self) -> str:
        return "paper-sandbox" if self.mode == "paper" else self.mode

    def ask(self, path: str) -> Any:
        with urlopen(Request(f"{self.url}/control{path}"), timeout=PATIENCE_S) as response:
            return json.load(response)

    def venue(self) -> dict[str, Any]:
        """Return what the place where the orders are says about them."""
        if self.mode != "paper":
            return self.ask(f"/account?wallet={make_wallet(sandbox_signer().address).funder}")
        path = self.home / "paper-sandbox.json"
        told = json.loads(path.read_bytes()) if path.exists() else {"orders": []}
        rows = told["orders"].values() if isinstance(told["orders"], dict) else told["orders"]
        return {"orders": [{**row, "id": row["order_id"], "buy": row["is_buy"], "created": row["created_at"]}
                           for row in rows]}  # fmt: skip

    # processes

    def command(self, *words: str) -> tuple[int, str]:
        """Run a command of the bot's operator to its end; returns its exit status and its output."""
        path = self.folder / "said"
        child = fork(["trade", *words, f"--{self.mode}", "--json"], path)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), path.read_text()

    def life(self, number: int) -> int:
        """Start the bot."""
        words = ["trade", "run", f"--{self.mode}", "--rules", str(self.folder / "everything.py"), "--every", "4s"]
        return fork(words, self.folder / f"life-{self.mode}", anew=number % ANEW == ANEW - 1)

    def agreed(self) -> int:
        """Return how often ledger and venue have been found to agree."""
        path = self.home / "ledger.db"
        if not path.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as file:
            try:
                rows = file.execute(
                    "SELECT count(*) FROM trading_events JOIN trading_journals ON entry_no / ? = journal_no "
                    "WHERE kind = 'swept' AND name = ? AND body LIKE '%\"agreed\":true%'",
                    (2**40, self.journal),
                )
                return int(rows.fetchone()[0])
            except sqlite3.OperationalError:  # not yet made
                return 0

    def wait_agreed(self, child: int, before: int, begun: float) -> bool:
        """Wait until the accounts agree once more; False when the bot ended or took too long."""
        while time.monotonic() - begun < PATIENCE_S:
            if self.agreed() > before:
                self.starts.append(time.monotonic() - begun)
                print(f"{self.mode} {len(self.starts)}: {self.starts[-1]:.1f} s", file=sys.stderr)  # noqa: T201
                return True
            if os.waitpid(child, os.WNOHANG)[0]:
                self.wrong.append(f"the bot ended by itself: {(self.folder / f'life-{self.mode}').read_text()[-2000:]}")
                return False
            select.select([], [], [], 0.02)
        self.wrong.append(
            f"no agreement within {PATIENCE_S} s: {(self.folder / f'life-{self.mode}').read_text()[-500:]}"
        )
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False

    # judging

    def account(self) -> Account:
        """Verify chain and replay, and return the account as the journal tells it."""
        config = load(home=self.home)
        journal = open_journal(config, self.journal, SystemClock())
        try:
            journal.verify()
            journal.account.ledger.audit()
            return journal.account
        finally:
            journal.close()

    def judge(self) -> None:
        """Compare the journal as found with what the venue holds; nobody else moves either now."""
        try:
            account = self.account()
        except Exception:  # noqa: BLE001  (whatever the journal cannot tell is what was to be found)
            self.wrong.append(traceback.format_exc())
            return
        orders = self.venue()["orders"]
        self.known.update(row["id"] for row in orders)
        for row in orders:
            self._order(account, row)
        bought = Counter(row["token"] for row in orders if row["buy"] and row["matched_e6"])
        self.wrong += [f"{count} purchases of {token}" for token, count in bought.items() if count > 1]
        made = Counter(order.intent.intent_id for order in account.orders.values() if order.order_id)
        self.wrong += [f"{count} orders of {name}" for name, count in made.items() if count > 1]
        self._baseline(account)
        if self.paused_at is not None:
            if not any(halt.cause is HaltCause.PAUSED for halt in account.standing()):
                self.wrong.append("the pause did not survive")
            late = [row["id"] for row in orders if row["buy"] and row["created"] > self.paused_at + SLACK]
            self.wrong += [f"{name} was bought while paused" for name in late]

    def _order(self, account: Account, row: dict[str, Any]) -> None:
        order = account.by_id.get(row["id"])
        if order is None:
            self.wrong.append(f"the venue has an order that the journal has not: {row}")
            return
        intent = order.intent
        same = (intent.instrument.token, intent.is_buy) == (row["token"], row["buy"])
        if not same or row["size_e6"] > intent.shares_e6 or row["matched_e6"] > intent.shares_e6:
            self.wrong.append(f"the venue has more than was intended: {row}, {intent}")
        if (row["price_e4"] > intent.price_e4) if intent.is_buy else (row["price_e4"] < intent.price_e4):
            self.wrong.append(f"the venue has a worse price than was intended: {row}, {intent}")

    def _baseline(self, account: Account) -> None:
        note = json.loads(account.notes.get("equity", "null"))
        if self.baseline is not None and (note is None or note["day"] == self.baseline["day"]):
            kept = note is not None and note["start_e6"] == self.baseline["start_e6"]
            if not kept:
                self.wrong.append(f"the day's baseline was {self.baseline}, is {note}")
        self.baseline = note or self.baseline

    def end(self) -> None:
        """Stop for good, let everything settle, and compare ledger and venue to the cent."""
        code, said = self.command("kill")
        told = json.loads(said)
        if code and (code != UNVERIFIED or told["error"]["details"]["open"]):
            self.wrong.append(f"trade kill: {code} {said[-1000:]}")
        if code:  # an order found without an answer stays in doubt, and the venue must not have it
            doubtful = set(told["error"]["details"]["doubtful"])
            taken = [row["id"] for row in self.venue()["orders"] if row.get("status") != "rejected"]
            self.wrong += [f"{name} is no doubt" for name in taken if name in doubtful]
        for _ in range(200):
            if not self.venue().get("unsettled"):
                break
            select.select([], [], [], 0.1)
        code, said = self.command("reconcile")
        if code or not json.loads(said)["data"]["clean"]:
            self.wrong.append(f"trade reconcile: {code} {said[-1000:]}")
        code, said = self.command("check")
        if code:
            self.wrong.append(f"trade check: {code} {said[-1000:]}")
        self.judge_money()

    def judge_money(self) -> None:
        account, told = self.account(), self.venue()
        if any(row["state"] == "LIVE" for row in told["orders"] if "state" in row):
            self.wrong.append("an order is still open after trade kill")
        if account.ledger["suspense"]:
            self.wrong.append(f"suspense holds {account.ledger['suspense']}")
        if "cash_e6" not in told:
            return
        cash = account.ledger["cash"] + account.ledger["reserved"]
        if abs(cash - told["cash_e6"]) > 10_000:
            self.wrong.append(f"cash: ledger {cash}, venue {told['cash_e6']}")
        for token in account.ledger.positions.keys() | told["holdings"].keys():
            ours = account.ledger.positions[token].shares_e6 if token in account.ledger.positions else 0
            if abs(ours - told["holdings"].get(token, 0)) > 10_000:
                self.wrong.append(f"{token}: ledger {ours}, venue {told['holdings'].get(token, 0)}")


def fork(words: list[str], output: Path, *, anew: bool = False) -> int:
    """Run a command line in a child; returns its number."""
    child = os.fork()
    if child:
        return child
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        if anew:
            os.execv(sys.executable, [sys.executable, "-m", "edgeworth.cli", *words])
        edgeworth(words)
    except SystemExit as ended:
        sys.stdout.flush()
        os._exit(int(ended.code or 0))
    finally:
        os._exit(70)


def kill_again_and_again(case: Case, kills: int, seed: int) -> None:
    """Start, kill, judge, so many times."""
    draw = stream(seed, "bot-kills", case.mode)
    for number in range(kills):
        begun, before = time.monotonic(), case.agreed()
        child = case.life(number)
        resumed = case.paused_at is not None
        if number and draw.random() < EARLY and not resumed:
            select.select([], [], [], float(draw.uniform(0, 3.0)))
        elif not case.wait_agreed(child, before, begun):
            return
        else:
            select.select([], [], [], float(draw.uniform(0, LONGEST_LIFE)))
            if number % PAUSED == PAUSED - 2 and case.mode != "paper":
                code, said = case.command("pause")
                case.paused_at = int(case.ask("/clock")["now"])
                case.wrong += [f"trade pause: {said}"] if code else []
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            case.wrong.append(f"the bot ended by itself: {status}")
        case.judge()
        if resumed:
            code, said = case.command("resume")
            case.paused_at = None
            case.wrong += [f"trade resume: {said}"] if code else []
        if case.wrong:
            return


def main(folder: Path, kills: int, paper: int, seed: int) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.sim.bot_kills", "prepare", str(folder / "home"), str(seed)]
    subprocess.run(command, check=True)
    (folder / "everything.py").write_text(RULE)
    for name in IMPORTED:
        importlib.import_module(name)
    with serving(seed) as url:
        os.environ.update({f"EDGEWORTH_{name}": value for name, value in SETTINGS.items()})
        os.environ.update(EDGEWORTH_HOME=str(folder / "home"), EDGEWORTH_ENDPOINTS__SANDBOX=url, NO_COLOR="1")
        cases = [Case(folder, url, "sandbox"), Case(folder, url, "paper")]
        for case, count in zip(cases, (kills, paper), strict=True):
            if count:
                kill_again_and_again(case, count, seed)
                if not case.wrong:
                    case.end()
    shutil.rmtree(folder / "home" / "world", ignore_errors=True)
    starts = sorted(start for case in cases for start in case.starts)
    return {
        "kills": kills + paper, "wrong": [text for case in cases for text in case.wrong],
        "orders": {case.mode: len(case.known) for case in cases}, "starts": len(starts),
        "median_start": starts[len(starts) // 2] if starts else None, "slowest_start": starts[-1] if starts else None,
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        prepare(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))))  # noqa: T201
