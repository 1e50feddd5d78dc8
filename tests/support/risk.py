"""An order that passes every check, and the surroundings in which it does."""

from typing import Any

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.config import Settings
from edgeworth.core.orders import Instrument, Intent, TimeInForce
from edgeworth.core.units import DAY, MINUTE, SECOND, Micros, PriceE4, SharesE6
from edgeworth.trading.limits import Limits
from edgeworth.trading.risk import MachineView, MarketStatus, MarketView, RiskView, VenueState, World

NOW = Micros(1_800_000_000_000_000)
USD = 1_000_000
LIMITS = Limits.of(Settings())


def instrument(market: int = 1, *, is_yes: bool = True, **more: Any) -> Instrument:
    terms = {"tick_e4": 100, "min_size_e6": 5_000_000, "fee_rate_e6": 0} | more
    token = f"{market}-{'yes' if is_yes else 'no'}"
    return Instrument(market_no=market, condition=f"c{market}", token=token, is_yes=is_yes, **terms)


def intent(**more: Any) -> Intent:
    base = Intent(
        intent_id="one",
        instrument=instrument(),
        is_buy=True,
        price_e4=PriceE4(5_000),
        shares_e6=SharesE6(40_000_000),
        time_in_force=TimeInForce.GTD,
        created_at=Micros(NOW - SECOND),
        expires_at=Micros(NOW + 10 * MINUTE),
        strategy="s",
    )
    return msgspec.structs.replace(base, **more)


def book(
    token: str = "1-yes", bids: Any = ((4_900, 10**9),), asks: Any = ((5_000, 10**9),), known_at: int = NOW
) -> BookSnapshot:
    return BookSnapshot(token=token, bids=tuple(bids), asks=tuple(asks), known_at=known_at)


def market(**more: Any) -> MarketView:
    base = MarketView(
        status=MarketStatus.OPEN,
        tick_e4=100,
        scheduled_end=Micros(NOW + DAY),
        book=book(),
        opinion_until=Micros(NOW + MINUTE),
    )
    return msgspec.structs.replace(base, **more)


def machine(**more: Any) -> MachineView:
    base = MachineView(venue=VenueState.NORMAL, skew=0, disk_free=10**10, feed_whole=True)
    return msgspec.structs.replace(base, **more)


def world(**more: Any) -> World:
    """Keys of `MachineView` and `MarketView` may be mixed."""
    machines = {key: more.pop(key) for key in MachineView.__struct_fields__ if key in more}
    return World(market=market(**more), machine=machine(**machines))


def view(**more: Any) -> RiskView:
    base = RiskView(
        now=NOW,
        cash_e6=1_000 * USD,
        reserved_e6=0,
        equity_e6=1_000 * USD,
        day_start_e6=1_000 * USD,
        peak_e6=1_000 * USD,
        reconciled_at=Micros(NOW - SECOND),
        stage_ppm=1_000_000,
    )
    return msgspec.structs.replace(base, **more)
