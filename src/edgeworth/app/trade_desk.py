"""What an operator does beside the bot: look, pause, resume, kill, flatten, reconcile, check, explain.

Everything is read from the journal and written to it; a bot that is running hears of it at once, one that starts later
finds it there. Nothing here needs the bot to be alive.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edgeworth.app.homes import at_its_venue
from edgeworth.app.order_venues import paper_venue, sandbox_venue
from edgeworth.app.trading import MODES, Mode, journal_name, open_journal
from edgeworth.app.trading_live import cancelling_venue
from edgeworth.app.trading_replay import about_run
from edgeworth.app.venues import connect
from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.config import Config
from edgeworth.core.errors import AccessError, DataError, EdgeworthError, UsageError, VenueError
from edgeworth.core.instants import to_iso
from edgeworth.core.orders import Intent, OrderVenue
from edgeworth.core.units import Micros
from edgeworth.store.instance import bot_of, holder, one_instance
from edgeworth.trading import events as ev
from edgeworth.trading import record
from edgeworth.trading.account import Account
from edgeworth.trading.bot import FLATTEN_NOTE
from edgeworth.trading.cancelling import Swept
from edgeworth.trading.desk import Baselines
from edgeworth.trading.halts import HaltCause, Resume, TradingState, lift, overall, raise_halt
from edgeworth.trading.journal import ChainedJournal
from edgeworth.trading.manager import ManagerSettings, OrderManager
from edgeworth.trading.order import Order
from edgeworth.trading.portfolio import portfolio
from edgeworth.trading.proving import books_of, standing_of
from edgeworth.trading.sizing import Quote, Rules, sale
from edgeworth.trading.states import UNCERTAIN
from edgeworth.trading.watched import Directory, Watched

_WAIT_S: Final = 5.0  # for a running bot to act on what was written down
_KILL_S: Final = 20.0  # after which an operator is told that nothing could be verified
_FOUND: Final = 8  # of an id are enough where they are unique


@dataclass(frozen=True, slots=True)
class Desk:
    """An open journal with where it stands."""

    config: Config
    mode: Mode
    name: str
    journal: ChainedJournal
    clock: Clock

    @property
    def account(self) -> Account:
        """Return the account; to be read only."""
        return self.journal.account

    @property
    def bot(self) -> int | None:
        """Return the PID of the bot that trades this journal, None when there is none."""
        return holder(self.config.home, bot_of(self.name))


@contextlib.contextmanager
def desk(config: Config, mode: Mode | None) -> Iterator[Desk]:
    """Open the journal of a mode, else of the bot that runs, else of the newest run.

    Raises DataError no-trading where nothing was ever traded, UsageError where several bots run and none is named.
    """
    config = at_its_venue(config)
    at_work = running(config) if mode is None else []
    if len(at_work) > 1:
        flags = [f"--{one}" for one in at_work]
        raise UsageError("bad-option", f"{len(at_work)} bots run on this home", f"say which: {' or '.join(flags)}")
    chosen, name = newest(config, at_work[0] if at_work else mode)
    clock = _clock(config)
    journal = open_journal(config, name, clock)
    try:
        if not journal.account.count:
            hint = "edgeworth trade run --paper"
            raise DataError("no-trading", f"nothing has been traded in {config.home.root}", hint)
        yield Desk(config, chosen, name, journal, clock)
    finally:
        journal.close()


def _clock(config: Config) -> Clock:
    """Return the clock that the venue goes by: a simulated one may live in another time, as long as it answers."""

    async def work() -> Clock:
        made = await connect(config)
        await made.http.close()
        return made.clock

    if config.settings.venue == "sandbox":
        with contextlib.suppress(VenueError, UsageError):
            return asyncio.run(work())
    return SystemClock()


def running(config: Config) -> list[Mode]:
    """Return the modes in which bots of this home trade now."""
    config = at_its_venue(config)
    return [mode for mode in MODES if holder(config.home, bot_of(journal_name(config, mode))) is not None]


def newest(config: Config, mode: Mode | None) -> tuple[Mode, str]:
    """Return mode and journal of the newest run of a home, of one mode if it is given."""
    folder = config.home.root / "trading"
    runs = sorted(folder.glob("*/run.json")) if folder.is_dir() else []
    for path in reversed(runs):
        about = about_run(path) or {}
        found: Mode = about.get("mode", "")
        if found in MODES and mode in {None, found} and about.get("journal") == journal_name(config, found):
            return found, str(about["journal"])
    return mode or "paper", journal_name(config, mode or "paper")


def status(at: Desk) -> dict[str, Any]:
    """Return how trading stands, JSON-ready; money in dollars."""
    account = at.account
    owned = portfolio(account, at.clock.now(), _no_marks)
    base = Baselines.of(account)
    return {
        "mode": at.mode,
        "journal": at.name,
        "state": str(overall(account.standing())),
        "bot": at.bot,
        "halts": [
            {"cause": str(halt.cause), "state": str(halt.state), "reason": halt.reason, "scope": halt.scope,
             "since": to_iso(halt.at), "resume": str(halt.resume)}
            for halt in account.standing()
        ],
        "last_decision": None if account.decided_at is None else to_iso(account.decided_at),
        "reconciled": None if account.agreed_at is None else to_iso(account.agreed_at),
        "cash": owned.cash_e6 / 1e6,
        "reserved": owned.reserved_e6 / 1e6,
        "at_stake": owned.exposures.total_e6 / 1e6,
        "realised": owned.realised_e6 / 1e6,
        "fees": owned.fees_e6 / 1e6,
        "suspense": owned.suspense_e6 / 1e6,
        "day_start": None if base is None else base.start_e6 / 1e6,
        "peak": None if base is None else base.peak_e6 / 1e6,
        "positions": sum(1 for held in owned.positions if held.shares_e6),
        "open_orders": sum(1 for order in account.open.values() if order.is_open),
        "orders": len(account.orders),
        "denials": dict(sorted(account.denials.items(), key=lambda pair: -pair[1])),
        "strategies": [
            {"strategy": name, "e_value": round(book.e, 4), "events": book.events, "open": len(book.bets),
             "stage": standing_of(account, name).stage.text}
            for name, book in sorted(books_of(account).items())
        ],
        "entries": account.count,
    }  # fmt: skip


def _no_marks(_token: str) -> None:
    return None


def pause(at: Desk, reason: str) -> None:
    """Stop entries until `resume`; positions may still be reduced."""
    halt = raise_halt(HaltCause.PAUSED, TradingState.REDUCING, Resume.OPERATOR, reason, at.clock.now())
    at.journal.record_halt(halt)


def resume(at: Desk, reason: str, who: str) -> list[str]:
    """Lift every halt that stands, as an operator; returns their causes."""
    now, lifted = at.clock.now(), []
    for halt in at.account.standing():
        at.journal.record_lift(lift(halt, Resume.OPERATOR, who, reason, now))
        lifted.append(str(halt.cause))
    at.journal.note(FLATTEN_NOTE, "")  # else what is bought from now on would be sold at once
    return lifted


@contextlib.asynccontextmanager
async def managed(at: Desk) -> AsyncIterator[OrderManager]:
    """Give out an order manager on the journal, connected to the place where its orders are.

    Raises InstanceError another-instance for a paper account that a running bot holds: only one may move it.
    """
    async with contextlib.AsyncExitStack() as stack:
        venue: OrderVenue
        if at.mode == "paper":
            stack.enter_context(one_instance(at.config.home, bot_of(at.name)))
            venue = paper_venue(at.config, _NoFeed(), at.clock)
        else:
            made = await connect(at.config)
            stack.push_async_callback(made.http.close)
            if at.mode == "sandbox":
                venue = await sandbox_venue(made.http)
            else:
                venue = await stack.enter_async_context(cancelling_venue(at.config, made.http))
        yield OrderManager(at.journal, venue, at.clock, 0, ManagerSettings(heartbeat_age=0))


class _NoFeed:
    """No book is known here, so nothing can be filled while an operator looks."""

    def book(self, token: str) -> None:
        """Know nothing."""
        del token


def kill(at: Desk, reason: str, who: str) -> Swept:
    """Halt and cancel everything, and say whether no open order is left; a running paper bot does it itself.

    The halt is written down first, so that a running bot stops whatever the venue answers here.
    """
    if not any(halt.cause is HaltCause.KILLED for halt in at.account.standing()):
        with contextlib.suppress(AccessError, DataError):  # then the manager says so; cancelling matters more
            at.journal.record_halt(
                raise_halt(
                    HaltCause.KILLED, TradingState.HALTED, Resume.OPERATOR, f"{reason} ({who})", at.clock.now()
                )
            )  # fmt: skip
    if at.mode == "paper" and at.bot is not None:
        at.journal.record_cancel_wanted([one.order_id for one in at.account.open.values() if one.order_id], reason)
        return asyncio.run(_wait_gone(at))

    async def work() -> Swept:
        async with asyncio.timeout(_KILL_S), managed(at) as manager:
            return await manager.kill(reason, who)

    try:
        return asyncio.run(work())
    except (EdgeworthError, TimeoutError) as error:  # no key, no venue, no answer: all mean that nobody looked
        late = f"the venue did not answer within {_KILL_S:g} s"
        left = [order for order in at.account.open.values() if order.order_id]
        return Swept(
            verified=False,
            open=tuple(order.order_id for order in left if order.is_open and order.state not in UNCERTAIN),
            doubtful=tuple(order.order_id for order in left if order.state in UNCERTAIN),
            text=error.message if isinstance(error, EdgeworthError) else late,
        )


async def _wait_gone(at: Desk) -> Swept:
    until = at.clock.monotonic() + _WAIT_S
    while at.clock.monotonic() < until:
        at.journal.refresh()
        if not any(order.is_open for order in at.account.open.values()):
            return Swept(verified=True)
        await at.clock.sleep(0.2)
    left = tuple(order.order_id for order in at.account.open.values() if order.is_open)
    return Swept(verified=False, open=left, text=f"the running bot (PID {at.bot}) has not cancelled them yet")


def reconcile(at: Desk) -> dict[str, Any]:
    """Compare the ledger with the venue once; a difference counts once it was seen twice, a minute apart."""

    async def work() -> dict[str, Any]:
        async with managed(at) as manager:
            found = await manager.reconcile()
            return msgspec.to_builtins(found)  # type: ignore[no-any-return]

    return asyncio.run(work())


def flatten(at: Desk, reason: str, who: str) -> dict[str, Any]:
    """Stop entries, cancel everything, then sell what may be sold at the best bids.

    A running bot, and the next one of a paper account, sells at its next tick: books are known there.
    """
    pause(at, f"flatten: {reason} ({who})")
    if at.mode == "paper" or at.bot is not None:
        at.journal.note(FLATTEN_NOTE, reason)
        return {"requested": True, "bot": at.bot, "positions": len(positions(at))}

    async def work() -> dict[str, Any]:
        async with managed(at) as manager:
            await manager.recover()
            swept = await manager.cancel_all("flatten")
            sold = [await _sell(at, manager, token) for token in list(at.account.ledger.positions)]
            return {"cancelled": swept.verified, "sales": [one for one in sold if one is not None]}

    return asyncio.run(work())


async def _sell(at: Desk, manager: OrderManager, token: str) -> dict[str, Any] | None:
    """Sell the confirmed shares of one token at its best bids."""
    shares = at.account.sellable_e6(token)
    known = next(
        (one.intent.instrument for one in at.account.orders.values() if one.intent.instrument.token == token), None
    )
    books = await manager.venue.books([token]) if shares and known is not None else []
    if not books or known is None:
        return None
    market = Watched(
        market_no=known.market_no, market_id="", question="", condition=known.condition, yes_token=token, no_token="",
        event_no=0, category="", tick_e4=known.tick_e4, min_size_e6=known.min_size_e6,
    )  # fmt: skip
    now = at.clock.now()
    quote = Quote(
        instrument=msgspec.structs.replace(known, tick_e4=books[0].tick_e4 or known.tick_e4), book=books[0],
        group=Directory([market]).group(known.market_no), scheduled_end=None,
    )  # fmt: skip
    order = sale(f"flatten/{token}/{now}", "flatten", quote, shares, now, Rules.of(at.config.settings))
    if order is None:
        return {"token": token, "code": "no-bid"}
    outcome = await manager.submit(order, _allow(order))
    return {"token": token, "code": outcome.code, "shares": order.shares_e6 / 1e6, "limit": order.price_e4 / 1e4}


def _allow(intent: Intent) -> Any:
    """Return the check of an operator's own sale: what is confirmed may go."""
    from edgeworth.trading.journal import Verdict

    def check(account: Account) -> Verdict:
        enough = account.sellable_e6(intent.instrument.token) >= intent.shares_e6
        return Verdict(intent=intent) if enough else Verdict(intent=None, code="not-confirmed")

    return check


def verify(at: Desk) -> dict[str, Any]:
    """Recompute chain and ledger from zero; raises DataError journal-altered | ledger-unbalanced."""
    entries = at.journal.verify()
    at.account.ledger.audit()
    return {"journal": at.name, "entries": entries, "digest": at.account.digest()}


def positions(at: Desk) -> list[dict[str, Any]]:
    """Return what is held, and what was closed with a result; dollars and shares."""
    owned = portfolio(at.account, at.clock.now(), _no_marks)
    rows = []
    for held in owned.positions:
        terms = held.instrument
        rows.append(
            {
                "market": None if terms is None else terms.market_no,
                "side": "" if terms is None else ("YES" if terms.is_yes else "NO"),
                "shares": held.shares_e6 / 1e6, "sellable": held.sellable_e6 / 1e6, "cost": held.cost_e6 / 1e6,
                "average": None if held.average_e4 is None else held.average_e4 / 1e4,
                "realised": held.realised_e6 / 1e6, "token": held.token,
            }
        )  # fmt: skip
    return rows


def orders(at: Desk, *, everything: bool = False) -> list[dict[str, Any]]:
    """Return the open orders, or all of them, newest first."""
    account = at.account
    chosen = account.orders if everything else {name: one for name, one in account.open.items() if one.is_open}
    return [_order_row(order) for order in reversed(chosen.values())]


def _order_row(order: Order) -> dict[str, Any]:
    intent = order.intent
    return {
        "at": to_iso(order.created_at), "order": order.order_id, "intent": intent.intent_id, "state": str(order.state),
        "side": "buy" if intent.is_buy else "sell", "leg": "YES" if intent.instrument.is_yes else "NO",
        "market": intent.instrument.market_no, "price": intent.price_e4 / 1e4, "shares": intent.shares_e6 / 1e6,
        "filled": order.filled_e6 / 1e6, "strategy": intent.strategy, "code": order.code,
    }  # fmt: skip


def history(at: Desk, most: int) -> list[dict[str, Any]]:
    """Return the newest entries of the journal, newest first."""
    rows = [
        {"number": entry.number, "at": to_iso(Micros(entry.at)), "kind": entry.kind, "about": entry.subject}
        for entry in at.journal.entries(max(0, at.account.count - most))
    ]
    return rows[::-1]


def explain(at: Desk, text: str) -> dict[str, Any]:
    """Return the chain of an order: order <- intent <- signal <- features <- data; raises UsageError unknown-order."""
    order = find_order(at.account, text)
    intent = order.intent
    happened = [
        {
            "number": entry.number,
            "at": to_iso(Micros(entry.at)),
            "kind": entry.kind,
            "entry": msgspec.json.decode(entry.body),
        }
        for entry in sorted(_about(at, order))
    ]
    return {
        "order": _order_row(order),
        "fills": [msgspec.to_builtins(_fill(fill)) for fill in order.fills.values()],
        "intent": msgspec.to_builtins(intent),
        "signal": _signal(at, intent),
        "events": happened,
    }


def _about(at: Desk, order: Order) -> list[Any]:
    found = list(at.journal.entries(0, order.intent.intent_id))
    if order.order_id and order.order_id != order.intent.intent_id:
        found += at.journal.entries(0, order.order_id)
    return found


def _fill(fill: Any) -> dict[str, Any]:
    return {
        "trade": fill.trade_id, "price": fill.price_e4 / 1e4, "shares": fill.shares_e6 / 1e6, "fee": fill.fee_e6 / 1e6,
        "settlement": str(fill.settlement), "at": to_iso(fill.event_time),
    }  # fmt: skip


def find_order(account: Account, text: str) -> Order:
    """Return the order of an intent, an order id or the beginning of one; raises UsageError unknown-order."""
    if text in account.orders:
        return account.orders[text]
    found = [
        order for order in account.orders.values()
        if order.order_id.startswith(text) or order.intent.intent_id.startswith(text)
    ]  # fmt: skip
    if len(found) == 1:
        return found[0]
    what = "no order" if not found else f"{len(found)} orders"
    raise UsageError("unknown-order", f"{what} begin with '{text}'", "edgeworth trade orders --all")


def _signal(at: Desk, intent: Intent) -> dict[str, Any] | None:
    """Return what the recording holds of the decision behind an intent, checked against the journal's commitment."""
    decided = {
        found.tick: found
        for entry in at.journal.entries(0, "")
        if entry.kind == "decided" and isinstance(found := ev.decode(entry.body), ev.Decided)
    }
    commitment = decided.get(intent.created_at)
    if commitment is None:
        return None
    folder = at.config.home.root / "trading" / commitment.run
    for line in record.read_lines(folder):
        if line.tick.t != intent.created_at:
            continue
        opinion = next((one for one in line.opinions if one.name == intent.intent_id), None)
        book = next((one for one in line.tick.books if one.market_no == intent.instrument.market_no), None)
        planned = next((one for one in line.planned if one.name == intent.intent_id), None)
        return {
            "run": commitment.run,
            "committed": record.digest(record.encode(line)) == commitment.digest,
            "opinion": None if opinion is None else msgspec.to_builtins(opinion),
            "plan": None if planned is None else {**msgspec.to_builtins(planned), "intent": None},
            "features": {} if opinion is None else dict(opinion.features),
            "book": None if book is None else msgspec.to_builtins(book),
        }
    return None
