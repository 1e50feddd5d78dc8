"""The check before every order: pure, in integers, the same for paper, sandbox and live.

`check` is called inside the transaction that reserves the order's money, on what that transaction reads (`RiskView`)
and on what the feed and the machine are known to be like (`World`). It allows the order, shrinks it or denies it with
one enumerated code. Purchases obey every limit; sales only need confirmed shares and a sound book, so that reducing
works when nothing else does. Drawdown scales sizes where they are planned (as in backtests) and stops purchases here.
"""

from enum import StrEnum
from typing import Final

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.orders import Instrument, Intent, TimeInForce
from edgeworth.core.units import ONE_PRICE, ONE_USD, Micros
from edgeworth.engine.cost import FEE_CUSHION_E6, LOT_E6, NO_FEE, FeeTerms, affordable_e6, lots_down, reserve_e6
from edgeworth.trading.exposure import EventBook
from edgeworth.trading.halts import Halt, TradingState, concerning, raise_halt
from edgeworth.trading.limits import PPM, Limits
from edgeworth.trading.risk_codes import HALTING, RISK_DOCS, RiskCode

MIN_MARKETABLE_E6: Final = ONE_USD  # the venue's smallest order that takes


class VenueState(StrEnum):
    """What the venue takes at the moment; UNKNOWN until it has said so."""

    NORMAL = "normal"
    POST_ONLY = "post-only"
    CANCEL_ONLY = "cancel-only"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


class MarketStatus(StrEnum):
    """Where a market is in its life; UNKNOWN until somebody has looked."""

    OPEN = "open"
    PAUSED = "paused"
    PROPOSED = "proposed"
    DISPUTED = "disputed"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars at stake (1e-6) around one intent: cost of positions plus reserves of open and unknown buys, in full."""

    market_e6: int = 0
    event_e6: int = 0
    category_e6: int = 0
    strategy_e6: int = 0
    total_e6: int = 0


class RiskView(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knows at the moment of the check, for one intent.

    Read in the transaction that will reserve, or within a millisecond before it from a journal that has not moved.
    `cash_e6`: settled cash; `reserved_e6` of it belongs to open and unknown buys. Proceeds of sales that are matched
    but not confirmed are in neither. `confirmed_e6`: confirmed shares of the intent's token, `offered_e6` of them on
    sale already. `orders_minute` and `orders_hour`: orders sent in the last 60 s and 3,600 s. `stage_ppm` and
    `stage_order_e6`: what the strategy's evidence allows of its size, and per order. `event_book` is for exclusive
    events; without it the gross exposure stands in for the worst loss. `halts`: all that stand.
    """

    now: Micros
    cash_e6: int
    reserved_e6: int
    equity_e6: int
    day_start_e6: int
    peak_e6: int
    exposure: Exposure = Exposure()
    open_orders: int = 0
    orders_minute: int = 0
    orders_hour: int = 0
    confirmed_e6: int = 0
    offered_e6: int = 0
    stage_ppm: int = 0
    stage_order_e6: int = 0
    event_book: EventBook | None = None
    halts: tuple[Halt, ...] = ()
    reconciled_at: Micros | None = None


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed knows about the intent's token: `book` is None while it is not valid; `tick_e4` is the grid now.

    `poll` is the interval of a source that is asked rather than streamed (0 = streamed): twice that age is allowed.
    `opinion_until`: when features or model behind the intent become too old.
    """

    status: MarketStatus = MarketStatus.UNKNOWN
    tick_e4: int = 0
    scheduled_end: Micros | None = None
    book: BookSnapshot | None = None
    poll: int = 0
    opinion_until: Micros | None = None


class MachineView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the venue as a whole and about this machine; `skew` is our clock minus the venue's.

    `feed_whole`: no event of own orders can have been missed since the last complete snapshot.
    `real`: the money is real, so evidence and `max_capital` count. `heartbeat_at`: the last answered one, None where
    the venue needs none (then `needs_heartbeat` is False).
    """

    real: bool = False
    venue: VenueState = VenueState.UNKNOWN
    geoblocked: bool = False
    closed_only: bool = False
    skew: int | None = None
    disk_free: int = 0
    needs_heartbeat: bool = False
    heartbeat_at: Micros | None = None
    feed_whole: bool = False


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside the ledger that the check looks at."""

    market: MarketView
    machine: MachineView


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one intent: how many shares may be sent (0 = denied) and the cash to reserve for them.

    `shrunk_by` lists the caps that made it smaller; `numbers` the integers behind a denial, in their own units.
    """

    code: RiskCode
    shares_e6: int = 0
    reserve_e6: int = 0
    shrunk_by: tuple[RiskCode, ...] = ()
    text: str = ""
    numbers: dict[str, int] = {}

    @property
    def allowed(self) -> bool:
        """Tell whether anything may be sent."""
        return self.code is RiskCode.ALLOWED

    def halt(self, at: Micros) -> Halt | None:
        """Return the halt that this denial calls for, if any."""
        found = HALTING.get(self.code)
        return raise_halt(*found, self.text, at) if found else None


def check(intent: Intent, view: RiskView, world: World, limits: Limits) -> Decision:
    """Decide about one intent; pure. What it is given may make it raise: then `failed` is the decision."""
    for look in (_halts, _machine, _venue, _market, _grid, _ages, _book, _rates):
        denial = look(intent, view, world, limits)
        if denial is not None:
            return denial
    return _buy(intent, view, world, limits) if intent.is_buy else _sell(intent, view)


def failed(error: Exception) -> Decision:
    """Return the decision when a check raised: denied, and halting."""
    return _deny(RiskCode.RISK_FAILED, f"{type(error).__name__}: {error}")


def _deny(code: RiskCode, detail: str = "", /, **numbers: int) -> Decision:
    text = RISK_DOCS[code] + (f" {detail}" if detail else "")
    return Decision(code=code, text=text, numbers=numbers)


def _halts(intent: Intent, view: RiskView, _world: World, _limits: Limits) -> Decision | None:
    found = concerning(view.halts, intent.strategy, intent.instrument.market_no)
    if not found or (found[0].state is TradingState.REDUCING and not intent.is_buy):
        return None
    code = RiskCode.HALTED if found[0].state is TradingState.HALTED else RiskCode.REDUCING
    return _deny(code, f"{found[0].cause.value}: {found[0].reason}")


def _machine(intent: Intent, view: RiskView, world: World, limits: Limits) -> Decision | None:
    machine = world.machine
    if machine.geoblocked:
        return _deny(RiskCode.GEOBLOCKED)
    if machine.closed_only and intent.is_buy:
        return _deny(RiskCode.CLOSED_ONLY)
    if machine.skew is None or abs(machine.skew) > limits.skew_halt:
        return _deny(RiskCode.CLOCK_SKEW, skew=machine.skew or 0, limit=limits.skew_halt)
    if machine.disk_free < limits.min_disk:
        return _deny(RiskCode.DISK_LOW, free=machine.disk_free, limit=limits.min_disk)
    if machine.needs_heartbeat and not _fresh(machine.heartbeat_at, view.now, limits.heartbeat_age, limits):
        return _deny(RiskCode.HEARTBEAT_LATE, **_age(machine.heartbeat_at, view.now, limits.heartbeat_age))
    if not _fresh(view.reconciled_at, view.now, limits.reconcile_age, limits):
        return _deny(RiskCode.NOT_RECONCILED, **_age(view.reconciled_at, view.now, limits.reconcile_age))
    return None if machine.feed_whole else _deny(RiskCode.ACCOUNT_FEED_GAP)


_VENUE: Final = {
    VenueState.CANCEL_ONLY: RiskCode.VENUE_CANCEL_ONLY,
    VenueState.DISABLED: RiskCode.VENUE_DISABLED,
    VenueState.UNKNOWN: RiskCode.VENUE_DISABLED,
}
_STATUS: Final = {
    MarketStatus.PAUSED: RiskCode.MARKET_PAUSED,
    MarketStatus.PROPOSED: RiskCode.AFTER_RESOLUTION,
    MarketStatus.DISPUTED: RiskCode.MARKET_DISPUTED,
    MarketStatus.CLOSED: RiskCode.MARKET_CLOSED,
    MarketStatus.UNKNOWN: RiskCode.MARKET_CLOSED,
}


def _venue(intent: Intent, _view: RiskView, world: World, _limits: Limits) -> Decision | None:
    state = world.machine.venue
    if state is VenueState.POST_ONLY and not intent.post_only:
        return _deny(RiskCode.VENUE_POST_ONLY)
    code = _VENUE.get(state)
    return _deny(code) if code else None


def _market(intent: Intent, view: RiskView, world: World, limits: Limits) -> Decision | None:
    market = world.market
    code = _STATUS.get(market.status)
    if code and (intent.is_buy or market.status is not MarketStatus.PROPOSED):
        return _deny(code)
    if not intent.is_buy:
        return None
    if market.scheduled_end is None:
        return _deny(RiskCode.TOO_LATE)
    left = market.scheduled_end - view.now
    return _deny(RiskCode.TOO_LATE, left=left, limit=limits.min_to_end) if left < limits.min_to_end else None


def _grid(intent: Intent, view: RiskView, world: World, limits: Limits) -> Decision | None:
    terms, tick = intent.instrument, world.market.tick_e4
    if tick <= 0 or terms.tick_e4 != tick:
        return _deny(RiskCode.TICK_CHANGED, made_for=terms.tick_e4, now=tick)
    on_grid = tick <= intent.price_e4 <= ONE_PRICE - tick and intent.price_e4 % tick == 0
    if not on_grid or intent.shares_e6 <= 0 or intent.shares_e6 % LOT_E6:
        return _deny(RiskCode.OFF_GRID, price=intent.price_e4, shares=intent.shares_e6, tick=tick)
    if intent.time_in_force in {TimeInForce.FAK, TimeInForce.FOK}:
        return None
    life = 0 if intent.expires_at is None else intent.expires_at - view.now
    if intent.time_in_force is TimeInForce.GTC or not 0 < life <= limits.order_life:
        return _deny(RiskCode.BAD_EXPIRY, life=life, limit=limits.order_life)
    return None


def _ages(intent: Intent, view: RiskView, world: World, limits: Limits) -> Decision | None:
    market = world.market
    if not _fresh(intent.created_at, view.now, limits.intent_age, limits):
        return _deny(RiskCode.STALE_INTENT, **_age(intent.created_at, view.now, limits.intent_age))
    if intent.is_buy and (market.opinion_until is None or view.now > market.opinion_until):
        return _deny(RiskCode.STALE_OPINION)
    if market.book is None:
        return _deny(RiskCode.NO_BOOK)
    allowed = max(limits.book_age, 2 * market.poll)
    known = Micros(market.book.known_at)
    if not _fresh(known, view.now, allowed, limits):
        return _deny(RiskCode.STALE_BOOK, **_age(known, view.now, allowed))
    return None


def _book(intent: Intent, _view: RiskView, world: World, limits: Limits) -> Decision | None:
    book = world.market.book
    if book is None or book.token != intent.instrument.token:
        return _deny(RiskCode.NO_BOOK)
    bid = book.bids[0][0] if book.bids else None
    ask = book.asks[0][0] if book.asks else None
    best = ask if intent.is_buy else bid
    if best is None:
        return _deny(RiskCode.NO_BOOK)
    if intent.is_buy:
        spread = best - (bid or 0)
        if not 0 < spread <= limits.max_spread_e4:  # a crossed book is no book
            return _deny(RiskCode.WIDE_SPREAD, spread=spread, limit=limits.max_spread_e4)
    beyond = intent.price_e4 - best if intent.is_buy else best - intent.price_e4
    if beyond > limits.max_slippage_e4:
        return _deny(RiskCode.FAR_PRICE, beyond=beyond, limit=limits.max_slippage_e4)
    return None


def _rates(intent: Intent, view: RiskView, _world: World, limits: Limits) -> Decision | None:
    rows = (
        (RiskCode.ORDERS_A_MINUTE, view.orders_minute, limits.orders_a_minute),
        (RiskCode.ORDERS_AN_HOUR, view.orders_hour, limits.orders_an_hour),
        (RiskCode.OPEN_ORDERS, view.open_orders, limits.max_open_orders),
    )
    del intent  # sales are rationed, too: a loop that sells is as wrong as one that buys
    for code, count, limit in rows:
        if count >= limit:
            return _deny(code, count=count, limit=limit)
    return None


def _sell(intent: Intent, view: RiskView) -> Decision:
    """Allow what is confirmed and not on offer already."""
    free = lots_down(view.confirmed_e6 - view.offered_e6)
    shares = min(intent.shares_e6, free)
    if shares <= 0:
        return _deny(RiskCode.NOT_CONFIRMED, confirmed=view.confirmed_e6, offered=view.offered_e6)
    if _too_small(intent, shares, takes=False):
        return _deny(RiskCode.MIN_SIZE, shares=shares, smallest=intent.instrument.min_size_e6)
    shrunk = (RiskCode.NOT_CONFIRMED,) if shares < intent.shares_e6 else ()
    return Decision(code=RiskCode.ALLOWED, shares_e6=shares, shrunk_by=shrunk)


def _buy(intent: Intent, view: RiskView, world: World, limits: Limits) -> Decision:
    """Allow what fits under every cap, or deny with the tightest one."""
    denial = _losses(view, world, limits)
    if denial is not None:
        return denial
    price, fee, takes = intent.price_e4, fee_terms(intent), _takes(intent, world)
    shares, tightest = int(intent.shares_e6), RiskCode.MIN_SIZE
    shrunk: list[RiskCode] = []
    reserve = reserve_e6(price, shares, fee)
    for code, room in _rooms(intent, view, world, limits):
        if reserve > room:
            shares, tightest = affordable_e6(room, price, fee), code
            reserve = reserve_e6(price, shares, fee)
            shrunk.append(code)
    offered = _offered(intent, world, limits) if takes else shares
    if offered < shares:
        shares, tightest = offered, RiskCode.DEPTH
        reserve = reserve_e6(price, shares, fee)
        shrunk.append(RiskCode.DEPTH)
    if shares <= 0 or _too_small(intent, shares, takes=takes):
        return _deny(tightest, asked=intent.shares_e6, allowed=shares, smallest=intent.instrument.min_size_e6)
    return Decision(code=RiskCode.ALLOWED, shares_e6=shares, reserve_e6=reserve, shrunk_by=tuple(shrunk))


def _losses(view: RiskView, world: World, limits: Limits) -> Decision | None:
    """Deny purchases after too large a loss of the day or from the peak, or without evidence for real money."""
    lost = view.day_start_e6 - view.equity_e6
    if lost * PPM >= limits.daily_loss * view.day_start_e6:
        return _deny(RiskCode.DAILY_LOSS, lost=lost, start=view.day_start_e6)
    down = view.peak_e6 - view.equity_e6
    if down * PPM >= limits.drawdown_stop * view.peak_e6:
        return _deny(RiskCode.DRAWDOWN_STOP, down=down, peak=view.peak_e6)
    if world.machine.real and view.stage_ppm <= 0:
        return _deny(RiskCode.PAPER_ONLY)
    return None


def _rooms(intent: Intent, view: RiskView, world: World, limits: Limits) -> list[tuple[RiskCode, int]]:
    """Return the dollars left under each cap."""
    capital, used = max(view.equity_e6, 0), view.exposure
    # the cushion for the rounding of many fees is reserved, but it does not make a single order too large
    cushion = FEE_CUSHION_E6 if fee_terms(intent).rate_e6 else 0
    rooms = [(RiskCode.MAX_ORDER, limits.max_order_e6 + cushion)]
    if world.machine.real:
        capital = min(capital, limits.max_capital_e6)
        asked = reserve_e6(intent.price_e4, intent.shares_e6, fee_terms(intent))
        staged = asked * min(view.stage_ppm, PPM) // PPM
        rooms.append((RiskCode.STAGE, min(staged, view.stage_order_e6) if view.stage_order_e6 else staged))
    parts = (
        (RiskCode.MAX_MARKET, limits.max_market, used.market_e6),
        (RiskCode.MAX_EVENT, limits.max_event, used.event_e6),
        (RiskCode.MAX_EVENT_LOSS, limits.max_event_loss, _worst(intent, view)),
        (RiskCode.MAX_CATEGORY, limits.max_category, used.category_e6),
        (RiskCode.MAX_STRATEGY, limits.max_strategy, used.strategy_e6),
        (RiskCode.MAX_TOTAL, limits.max_total, used.total_e6),
    )
    rooms += [(code, capital * ppm // PPM - spent) for code, ppm, spent in parts]
    rooms.append((RiskCode.NO_CASH, view.cash_e6 - view.reserved_e6))
    return rooms


def _worst(intent: Intent, view: RiskView) -> int:
    """Return the loss that a purchase adds to: the worst winner that does not pay it, or the gross exposure."""
    terms = intent.instrument
    if not terms.neg_risk:
        return 0
    if view.event_book is None or terms.market_no not in view.event_book.markets:
        return view.exposure.event_e6
    return view.event_book.worst_without_e6(terms.market_no, is_yes=terms.is_yes)


def fee_terms(intent: Intent) -> FeeTerms:
    """Return the fee that the intent may have to pay: none when it can only rest."""
    terms: Instrument = intent.instrument
    return NO_FEE if intent.post_only else FeeTerms.of(terms.fee_rate_e6, terms.fee_exponent_e6)


def _takes(intent: Intent, world: World) -> bool:
    """Tell whether a purchase may take from the book as it is known."""
    book = world.market.book
    return not intent.post_only and book is not None and bool(book.asks) and intent.price_e4 >= book.asks[0][0]


def _offered(intent: Intent, world: World, limits: Limits) -> int:
    """Return the share of what is offered up to the limit that one order may take."""
    asks = world.market.book.asks if world.market.book else ()
    within = sum(size for price, size in asks if price <= intent.price_e4)
    return lots_down(within * limits.max_depth_share // PPM)


def _too_small(intent: Intent, shares_e6: int, *, takes: bool) -> bool:
    """Tell whether the venue refuses a size: resting orders have least shares, orders that take least dollars."""
    rests = intent.time_in_force in {TimeInForce.GTD, TimeInForce.GTC}
    value = intent.price_e4 * shares_e6 // ONE_PRICE
    return (rests and shares_e6 < intent.instrument.min_size_e6) or ((takes or not rests) and value < MIN_MARKETABLE_E6)


def _fresh(at: Micros | None, now: Micros, limit: int, limits: Limits) -> bool:
    """Tell whether something is at most `limit` old; what comes from the future by more than clocks differ is not."""
    return at is not None and -limits.skew_warn <= now - at <= limit


def _age(at: Micros | None, now: Micros, limit: int) -> dict[str, int]:
    return {"limit": limit} if at is None else {"age": now - at, "limit": limit}
