"""Settings of risk and trading as the check uses them: integers, computed once."""

import math
from typing import Final

import msgspec

from edgeworth.core.config import Settings
from edgeworth.core.errors import ConfigError
from edgeworth.core.units import MINUTE, SECOND

PPM: Final = 1_000_000
MEGABYTE: Final = 1_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """All limits of an order: dollars in 1e-6, prices in 1e-4, times in microseconds, shares in millionths."""

    max_capital_e6: int
    max_order_e6: int
    max_market: int
    max_event: int
    max_event_loss: int
    max_category: int
    max_strategy: int
    max_total: int
    daily_loss: int
    drawdown_start: int
    drawdown_stop: int
    orders_a_minute: int
    orders_an_hour: int
    max_open_orders: int
    order_life: int
    book_age: int
    intent_age: int
    max_spread_e4: int
    max_slippage_e4: int
    max_depth_share: int
    min_to_end: int
    heartbeat_age: int
    reconcile_age: int
    skew_warn: int
    skew_halt: int
    min_disk: int

    @staticmethod
    def of(settings: Settings) -> "Limits":
        """Turn settings into integers, against us; raises ConfigError `config-bad-value` where two contradict."""
        risk, trading = settings.risk, settings.trading
        _ascending("risk.drawdown_start", risk.drawdown_start, "risk.drawdown_stop", risk.drawdown_stop)
        _ascending("trading.skew_warn", trading.skew_warn, "trading.skew_halt", trading.skew_halt)
        return Limits(
            max_capital_e6=_down(trading.max_capital),
            max_order_e6=_down(risk.max_order),
            max_market=_down(risk.max_market),
            max_event=_down(risk.max_event),
            max_event_loss=_down(trading.max_event_loss),
            max_category=_down(risk.max_category),
            max_strategy=_down(trading.max_strategy),
            max_total=_down(risk.max_total),
            daily_loss=_down(trading.daily_loss),
            drawdown_start=_down(risk.drawdown_start),
            drawdown_stop=_down(risk.drawdown_stop),
            orders_a_minute=trading.orders_a_minute,
            orders_an_hour=trading.orders_an_hour,
            max_open_orders=trading.max_open_orders,
            order_life=trading.order_minutes * MINUTE,
            book_age=_down(trading.book_age, SECOND),
            intent_age=_down(trading.intent_age, SECOND),
            max_spread_e4=_down(trading.max_spread, 10_000),
            max_slippage_e4=_down(trading.max_slippage, 10_000),
            max_depth_share=_down(trading.max_depth_share),
            min_to_end=math.ceil(trading.min_minutes_to_end * MINUTE),
            heartbeat_age=_down(trading.heartbeat_age, SECOND),
            reconcile_age=_down(trading.reconcile_age, SECOND),
            skew_warn=_down(trading.skew_warn, SECOND),
            skew_halt=_down(trading.skew_halt, SECOND),
            min_disk=trading.min_disk_mb * MEGABYTE,
        )


def _ascending(low: str, first: float, high: str, second: float) -> None:
    if second <= first:
        raise ConfigError("config-bad-value", f"'{high}': must lie above '{low}'")


def _down(value: float, unit: int = PPM) -> int:
    """Scale and round down; what was written with few decimals stays what it was."""
    return math.floor(value * unit + 1e-6)
