"""Wire the bot: a home's history and strategies, a venue's reads, a place for orders, and the journal between them."""

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from edgeworth.app.homes import need_data
from edgeworth.app.order_venues import live_venue, paper_venue, sandbox_venue
from edgeworth.app.preflight import SKEW_WARNS, LiveCheck, Said, consent, require
from edgeworth.app.signer import KeyPlan, key_plan
from edgeworth.app.trading_reads import VenueReads
from edgeworth.app.trading_replay import about_run, keep_base
from edgeworth.app.venues import Connection, connect
from edgeworth.core.clock import Clock
from edgeworth.core.config import Config
from edgeworth.core.errors import DataError, Retryable, UsageError, VenueError
from edgeworth.core.orders import Instrument, Intent, OrderVenue
from edgeworth.core.panel import Panel
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, MINUTE, SECOND, Micros
from edgeworth.engine.types import EngineConfig
from edgeworth.engine.walk import make_limits
from edgeworth.forecasting.speaking import Speaker
from edgeworth.store.aliases import names_of
from edgeworth.store.trading_ledger import TradingLog
from edgeworth.trading.account import Account
from edgeworth.trading.bot import BREAKERS_NOTE, Bot, BotSettings, Parts
from edgeworth.trading.breakers import Board, BreakerLimits
from edgeworth.trading.choice import Chooser
from edgeworth.trading.decider import Decider
from edgeworth.trading.desk import RiskDesk
from edgeworth.trading.feed import Watcher
from edgeworth.trading.halts import TradingState, overall
from edgeworth.trading.journal import ChainedJournal
from edgeworth.trading.limits import Limits
from edgeworth.trading.manager import Hooks, ManagerSettings, OrderManager
from edgeworth.trading.paper import PaperSettings, PaperVenue
from edgeworth.trading.proving import books_of
from edgeworth.trading.record import Recorder, read_lines
from edgeworth.trading.risk import MachineView, VenueState
from edgeworth.trading.risk_codes import RiskCode
from edgeworth.trading.sizing import Rules
from edgeworth.trading.stages import Ladder
from edgeworth.trading.tail import Tail
from edgeworth.trading.watched import Directory, Watched
from edgeworth.venues.http.client import HttpClient

if TYPE_CHECKING:
    from edgeworth.research.batch_signals.forecaster import Voice
    from edgeworth.research.batch_signals.lookout import Board as Look
    from edgeworth.venues.polymarket.orders import ClobVenue

Mode = Literal["paper", "sandbox", "live"]
MODES: Final[tuple[Mode, ...]] = ("paper", "sandbox", "live")
_LOOK_BACK: Final = 2 * DAY  # recorded ticks of earlier runs that still count as history
_ASKED_AGAIN: Final = 5 * SECOND  # while something forbids orders
_RECENT: Final = 1_000  # microseconds: what another process wrote that lately could as well have come after the order
_OLDEST: Final = 3_650 * DAY  # a market without a fresh stored price is watched, too: the bot asks for its book itself


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: rules by name, `mode`, filters; `most` ticks (0 = no end), `every` seconds between them."""

    mode: Mode = "paper"
    rules: tuple[str, ...] = ("all",)
    params: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    category: str = ""
    model: str | None = None
    no_model: bool = False
    max_markets: int = 300
    every_s: float = 60.0
    most: int = 0
    exhibits: bool = False
    said: Said = field(default_factory=Said)
    key: KeyPlan | None = None
    react: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """An open bot with what it is made of."""

    bot: Bot
    run: str
    folder: Path
    directory: Directory
    venue: OrderVenue
    clock: Clock
    http: HttpClient
    silent: str = ""  # the model that was meant to speak and does not, and why


def journal_name(config: Config, mode: Mode) -> str:
    """Return the name of a home's journal: one per place where money is."""
    return f"{mode}-{config.settings.venue}" if mode == "paper" else mode


def open_journal(config: Config, name: str, clock: Clock, *, room: bool = False) -> ChainedJournal:
    """Open one of a home's journals; raises AccessError, DataError as `store.trading_ledger.TradingLog.open`.

    `room` makes commits quicker from the first one on, for a tenth of a second now.
    """
    log = TradingLog.open(config.home, name)
    if room:
        log.make_room()
    return ChainedJournal(log, clock)


@contextlib.asynccontextmanager
async def session(
    config: Config, request: Request, *, connection: Connection | None = None, show: Callable[..., None] | None = None
) -> AsyncIterator[Session]:
    """Open everything a bot needs and give it out, not started yet; all of it is closed at the end.

    Raises UsageError for words, DataError for the home, GateError live-refused, VenueError when nobody answers.
    """
    if request.mode == "live":
        require(consent(config, request.said, config.settings.wallet.funder))  # before any network
    made = connection or await connect(config)
    clock = made.clock
    async with contextlib.AsyncExitStack() as stack:
        if connection is None:
            stack.push_async_callback(made.http.close)
        look, voices, about = _look(config, request, clock)
        journal = open_journal(config, journal_name(config, request.mode), clock, room=True)
        stack.callback(journal.close)
        chosen = _watched(config.home, look, request)
        directory = Directory([*chosen, *_involved(config.home, journal.account, chosen)])
        if not len(directory):
            raise DataError("no-markets", "no open market of this home can be traded", "collect, or widen the filters")
        from edgeworth.venues.polymarket.clob_reads import Clob
        from edgeworth.venues.polymarket.gamma import Gamma
        from edgeworth.venues.polymarket.orders import ClobVenue

        watcher = Watcher(VenueReads(Clob(made.http), Gamma(made.http), directory), directory, clock)
        venue = await stack.enter_async_context(_venue(config, request, made, (watcher, Directory(chosen)), show))
        run = _run_name(clock.now(), request)
        folder = config.home.root / "trading" / run
        recorder = Recorder(folder)
        stack.callback(recorder.close)
        tail = Tail(look.panel, [one.market_no for one in chosen])
        _resume_tail(tail, config.home, (journal_name(config, request.mode), run), int(clock.now()))
        settings = config.settings
        desk = RiskDesk(Limits.of(settings), Ladder.of(settings.trading), directory, watcher.worth, clock)
        manager = _manager(config, request, journal, (venue, watcher, clock))
        if isinstance(venue, ClobVenue):
            venue.may_send = last_look(manager)
        rows = journal.account.notes.get(BREAKERS_NOTE, "").encode()
        engine = EngineConfig.of_settings(settings.costs, settings.risk)
        parts = Parts(
            journal=journal,
            manager=manager,
            desk=desk,
            board=Board(BreakerLimits.of(settings), rows),
            chooser=Chooser(Decider(tail, voices), directory, Rules.of(settings), make_limits(engine)),
            watcher=watcher,
            recorder=recorder,
            clock=clock,
            machine=Machine(config.home, venue, clock, manager, real=request.mode == "live").look,
            after_look=_stepping(venue, watcher),
        )
        keep_base(
            folder,
            tail.panel,
            {
                "mode": request.mode,
                "every_s": request.every_s,
                "journal": journal_name(config, request.mode),
                "chosen": [one.market_no for one in chosen],
                **about,
            },
            directory,
        )
        bot = Bot(
            parts,
            BotSettings(every_s=request.every_s, max_entries=engine.max_entries, real=request.mode == "live", run=run),
        )
        yield Session(bot, run, folder, directory, venue, clock, made.http, str(about["silent"]))


class Machine:
    """Ask what holds for the venue as a whole and for this computer.

    Clock, place and account are asked once a minute, and every few seconds while one of them forbids orders, so that
    trading goes on soon after. What cannot be asked stays as it was last heard; a clock never heard stops orders.
    """

    def __init__(self, home: Home, venue: OrderVenue, clock: Clock, manager: OrderManager, *, real: bool) -> None:
        self._home, self._venue, self._clock, self._manager, self._real = home, venue, clock, manager, real
        self._skew: int | None = None
        self._geoblocked = self._closed_only = False
        self._asked_at: int | None = None

    async def look(self) -> MachineView:
        """Return how things are now; cheap between two askings, so that every order may ask."""
        now = self._clock.now()
        if self._asked_at is None or not 0 <= now - self._asked_at < (_ASKED_AGAIN if self._wrong() else MINUTE):
            self._asked_at = now
            await self._ask()
        age = self._manager.settings.heartbeat_age
        return MachineView(
            real=self._real,
            venue=self._state(),
            geoblocked=self._geoblocked,
            closed_only=self._closed_only,
            skew=self._skew,
            disk_free=shutil.disk_usage(self._home.root).free,
            needs_heartbeat=bool(age),
            heartbeat_at=self._manager.heart.at,
            feed_whole=self._manager.feed_whole and getattr(self._venue, "feed_open", True),
        )

    def _wrong(self) -> bool:
        return self._geoblocked or self._closed_only or self._skew is None or abs(self._skew) > SKEW_WARNS

    async def _ask(self) -> None:
        from edgeworth.venues.polymarket.orders import ClobVenue

        try:
            before = self._clock.now()
            theirs = await self._venue.server_time()
            self._skew = (before + self._clock.now()) // 2 - theirs
        except VenueError:
            self._skew = None
        if isinstance(self._venue, ClobVenue):
            with contextlib.suppress(VenueError):
                self._geoblocked = (await self._venue.place()).blocked
            with contextlib.suppress(VenueError):
                self._closed_only = await self._venue.reads.closed_only()

    def _state(self) -> VenueState:
        """Return what the venue takes now, as far as it has said."""
        found = getattr(self._venue, "restriction", None)
        if found is None or found.until <= self._clock.now():
            return VenueState.NORMAL
        return _RESTRICTED[found.kind]


_RESTRICTED: Final = {
    "restarting": VenueState.DISABLED,
    "post-only": VenueState.POST_ONLY,
    "cancel-only": VenueState.CANCEL_ONLY,
    "disabled": VenueState.DISABLED,
}


def last_look(manager: OrderManager) -> Callable[[bool], None]:
    """Return what is asked at the very instant an order leaves, behind every queue: it raises to keep it here."""

    def look(is_buy: bool) -> None:
        manager.journal.refresh(_RECENT)  # a pause or kill by another process counts, too
        state = overall(manager.account.standing())
        stopped = state is TradingState.HALTED or (state is TradingState.REDUCING and is_buy)
        if stopped or manager.heart.lost or not manager.recovery.ready:
            reason = f"trading is {state}" if stopped else "the venue may have lost us"
            raise Retryable("order-kept", f"an order was kept here: {reason}", sent=False)

    return look


def _look(config: Config, request: Request, clock: Clock) -> "tuple[Look, list[Speaker], dict[str, Any]]":
    """Return the open markets of the home, who speaks about them, and what of it belongs into the recording."""
    from edgeworth.app.backtesting import choose
    from edgeworth.research.batch_signals.forecaster import find_voice
    from edgeworth.research.batch_signals.lookout import Lookout, Scope
    from edgeworth.store.lookup import find_market
    from edgeworth.strategies.base import identity

    need_data(config.home)
    names = tuple(name.strip() for text in request.rules for name in text.split(",") if name.strip())
    rules = choose(names or ("all",), request.params)
    if request.mode == "live" and not request.exhibits:
        shown = [rule.name for rule in rules if rule.exhibit]
        rules = [rule for rule in rules if not rule.exhibit]
        if not rules and request.model is None:
            raise UsageError("bad-option", f"{', '.join(shown)}: exhibits are not traded live", "name another strategy")
    scope = Scope(
        markets=frozenset(find_market(config.home, text) for text in request.markets),
        category=request.category.strip().lower(),
        max_age=_OLDEST,
    )
    voice = None if request.no_model else find_voice(config.home, request.model, config.settings)
    others = [voice.speaker] if voice and voice.speaker else []
    now = clock.now()
    with clock.busy():
        look = Lookout(config.home, rules, config.settings, scope, others).look(int(now))
    voices: list[Speaker] = [*look.speakers, *others]
    about = {
        "at": int(now),
        "rules": [identity(rule) for rule in rules],
        "model": voice.model_id if voice and voice.speaker else "",
        "silent": _silence(voice, int(now)) if voice else "",
        "settings": config.settings.model_dump(mode="json"),
        "files": [name for name in names if name.endswith(".py")],
        "experience": [_learned(speaker) for speaker in look.speakers],
    }
    return look, voices, about


def _silence(voice: "Voice", as_of: int) -> str:
    """Return why a model says nothing, "" where it speaks."""
    note = voice.note(as_of)
    return "" if note.speaks else f"model {note.model} says nothing: {note.why}"


def _learned(speaker: Any) -> dict[str, Any]:
    past = speaker.past
    rows: dict[str, Any] = {"name": speaker.name}
    if past is not None:
        rows |= {name: getattr(past, name).tolist() for name in ("at", "events", "win_rate", "price_paid")}
    return rows


def _watched(home: Home, look: "Look", request: Request) -> list[Watched]:
    """Return the markets of a look whose tokens are known, those that end soonest first, at most as many as asked."""
    from edgeworth.core.panel import UNKNOWN_TIME

    rows = look.panel.markets[look.market]
    names = names_of(home, rows["market_no"].to_list())
    found = []
    for k, row in enumerate(rows.iter_rows(named=True)):
        known = names.get(int(row["market_no"]), {})
        if not {"condition", "token", "token1"} <= known.keys():
            continue
        end = int(look.end[k])
        found.append(
            Watched(
                market_no=int(row["market_no"]), market_id=row["market_id"], question=row["question"],
                condition=known["condition"], yes_token=known["token"], no_token=known["token1"],
                event_no=int(row["event_no"]), category=look.category[k], tick_e4=int(row["tick_e4"]),
                min_size_e6=int(row["min_size_e6"]), exclusive=bool(row["neg_risk"]), neg_risk=bool(row["neg_risk"]),
                fee_rate_e6=int(row["fee_rate_e6"]), fee_exponent_e6=int(row["fee_exponent"]) * 1_000_000,
                scheduled_end=None if end == UNKNOWN_TIME else Micros(end),
            )
        )  # fmt: skip
    found.sort(key=lambda one: (one.scheduled_end is None, one.scheduled_end or 0, one.market_no))
    return found[: request.max_markets]


def _involved(home: Home, account: Account, chosen: Sequence[Watched]) -> list[Watched]:
    """Return the markets in which money or evidence is, whatever the filters say and though they are over."""
    tokens = {token for token, one in account.ledger.positions.items() if one.shares_e6}
    wanted = {bet.market_no for book in books_of(account).values() for bet in book.bets}
    for order in account.orders.values():
        terms = order.intent.instrument
        if terms.token in tokens or order.is_open:
            wanted.add(terms.market_no)
    wanted -= {one.market_no for one in chosen}
    found: dict[int, Watched] = {}
    for path in sorted((home.root / "trading").glob("*/run.json"), reverse=True) if wanted else []:
        for row in (about_run(path) or {}).get("watched", ()):
            if row["market_no"] in wanted - found.keys():
                found[row["market_no"]] = msgspec.convert(row, Watched)
        if found.keys() >= wanted:
            break
    return [found[number] for number in sorted(found)]


def _resume_tail(tail: Tail, home: Home, what: tuple[str, str], now: int) -> None:
    """Put what earlier runs saw behind the stored history, so that a restart has no hole."""
    (journal, run), folder = what, home.root / "trading"
    runs = sorted(path for path in folder.glob("*/run.json") if path.parent.name != run) if folder.is_dir() else []
    for path in runs:
        about = about_run(path)
        if about is None or about.get("journal") != journal or not -_LOOK_BACK < int(about.get("at", 0)) - now <= 0:
            continue
        with contextlib.suppress(DataError):  # a recording that cannot be read leaves a hole, nothing worse
            for line in read_lines(path.parent):
                if line.tick.t < now:  # a simulated venue may have begun again: what is still to come is no history
                    tail.append(line.tick.t, line.tick.books)


def _manager(
    config: Config, request: Request, journal: ChainedJournal, what: tuple[OrderVenue, Watcher, Clock]
) -> OrderManager:
    venue, watcher, clock = what
    trading = config.settings.trading
    age = 0 if request.mode == "paper" else round(trading.heartbeat_age * SECOND)
    settings = ManagerSettings(lifetime=trading.order_minutes * 60 * SECOND, heartbeat_age=age)
    seed = int(hashlib.blake2b(journal_name(config, request.mode).encode(), digest_size=6).hexdigest(), 16)
    hooks = Hooks(
        gate=_fresh_books(watcher, Limits.of(config.settings).book_age, clock),
        payouts=lambda token: watcher.payouts().get(token),  # type: ignore[arg-type,return-value]
        marks=watcher.board.best_bid,  # type: ignore[arg-type]
    )
    return OrderManager(journal, venue, clock, seed ^ config.settings.run.seed, settings, hooks)


def _fresh_books(watcher: Watcher, age: int, clock: Clock) -> Callable[[Intent], str]:
    """Return the gate that is asked before every sending, the first and all later ones: is the book still young?"""

    def gate(intent: Intent) -> str:
        book = watcher.board.book(intent.instrument.token)
        if book is None:
            return RiskCode.NO_BOOK.value
        return RiskCode.STALE_BOOK.value if clock.now() - book.known_at > age else ""

    return gate


@contextlib.asynccontextmanager
async def _venue(
    config: Config, request: Request, made: Connection, seen: tuple[Watcher, Directory],
    show: Callable[..., None] | None,
) -> "AsyncIterator[OrderVenue]":  # fmt: skip
    watcher, directory = seen
    if request.mode == "paper":
        settings = PaperSettings(
            deposit_e6=round(config.settings.risk.bankroll * 1_000_000),
            max_book_age_s=max(90.0, 2.5 * request.every_s),
        )
        yield paper_venue(config, watcher.board, made.clock, settings)
        return
    if request.mode == "sandbox":
        if config.settings.venue != "sandbox":
            raise UsageError("bad-option", "--sandbox trades on a simulated venue", 'set venue = "sandbox"')
        yield await sandbox_venue(made.http, connect=made.sockets)
        return
    instruments: Sequence[Instrument] = [one.instrument(1) for one in directory]
    plan = request.key or key_plan(config)
    say: Callable[[Sequence[LiveCheck]], None] = show or (lambda _checks: None)
    venue: ClobVenue
    async with live_venue(config, made.http, request.said, plan, instruments, say) as venue:
        yield venue


def _stepping(venue: OrderVenue, watcher: Watcher) -> Callable[[], None]:
    """Return what a paper venue needs after every look: the new books met, the outcomes paid."""
    if not isinstance(venue, PaperVenue):
        return lambda: None
    paper = venue

    def step() -> None:
        for token, payout in watcher.payouts().items():
            paper.resolve(token, payout)
        paper.step()

    return step


def _run_name(now: int, request: Request) -> str:
    from edgeworth.core.instants import to_iso

    stamp = to_iso(Micros(now))[:19].replace("-", "").replace(":", "").replace("T", "-")
    words = f"{request.mode}|{request.rules}|{now}"
    return f"{stamp}-{request.mode}-{hashlib.blake2b(words.encode(), digest_size=2).hexdigest()}"


async def run_bot(open_session: Session, stop: asyncio.Event, most: int) -> None:
    """Run a session's bot until it is told to stop; a paper venue lives beside it."""
    await open_session.bot.run(stop, most)


def panel_of(open_session: Session) -> Panel:
    """Return the panel as the bot sees it now."""
    return open_session.bot.parts.chooser.decider.tail.panel
