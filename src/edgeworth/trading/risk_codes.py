"""Why an order was allowed, shrunk or denied: one enumerated code and one sentence each.

`docs/reference/risk-codes.md` is made from `RISK_DOCS`. Where a backtest's gate knows the same reason, it has the same
name (`engine.gate`).
"""

from enum import StrEnum
from typing import Final

from edgeworth.trading.halts import HaltCause, Resume, TradingState


class RiskCode(StrEnum):
    """The outcome of a check; every intent gets exactly one, the first in this order that applies."""

    ALLOWED = "allowed"
    RISK_FAILED = "risk-failed"
    HALTED = "halted"
    REDUCING = "reducing"
    GEOBLOCKED = "geoblocked"
    CLOSED_ONLY = "closed-only"
    CLOCK_SKEW = "clock-skew"
    DISK_LOW = "disk-low"
    HEARTBEAT_LATE = "heartbeat-late"
    NOT_RECONCILED = "not-reconciled"
    ACCOUNT_FEED_GAP = "account-feed-gap"
    VENUE_DISABLED = "venue-disabled"
    VENUE_CANCEL_ONLY = "venue-cancel-only"
    VENUE_POST_ONLY = "venue-post-only"
    MARKET_CLOSED = "market-closed"
    MARKET_PAUSED = "market-paused"
    MARKET_DISPUTED = "market-disputed"
    AFTER_RESOLUTION = "after-resolution"
    TOO_LATE = "too-late"
    TICK_CHANGED = "tick-changed"
    OFF_GRID = "off-grid"
    BAD_EXPIRY = "bad-expiry"
    NO_BOOK = "no-book"
    STALE_BOOK = "stale-book"
    STALE_OPINION = "stale-opinion"
    STALE_INTENT = "stale-intent"
    WIDE_SPREAD = "wide-spread"
    FAR_PRICE = "far-price"
    PAPER_ONLY = "paper-only"
    ORDERS_A_MINUTE = "orders-a-minute"
    ORDERS_AN_HOUR = "orders-an-hour"
    OPEN_ORDERS = "open-orders"
    NOT_CONFIRMED = "not-confirmed"
    DAILY_LOSS = "daily-loss"
    DRAWDOWN_STOP = "drawdown-stop"
    STAGE = "stage"
    MAX_ORDER = "max-order"
    DEPTH = "depth"
    MAX_MARKET = "max-market"
    MAX_EVENT = "max-event"
    MAX_EVENT_LOSS = "max-event-loss"
    MAX_CATEGORY = "max-category"
    MAX_STRATEGY = "max-strategy"
    MAX_TOTAL = "max-total"
    NO_CASH = "no-cash"
    MIN_SIZE = "min-size"


RISK_DOCS: Final[dict[RiskCode, str]] = {
    RiskCode.ALLOWED: "The order may be sent; it may have been shrunk, and the caps that did so are listed.",
    RiskCode.RISK_FAILED: "The check itself failed on what it was given, which halts trading.",
    RiskCode.HALTED: "Trading is halted: nothing but cancels is sent.",
    RiskCode.REDUCING: "Trading only reduces: orders that open or add to a position are not sent.",
    RiskCode.GEOBLOCKED: "The venue does not accept orders from here.",
    RiskCode.CLOSED_ONLY: "The venue lets this account close positions only.",
    RiskCode.CLOCK_SKEW: "This machine's clock differs from the venue's by more than `trading.skew_halt`.",
    RiskCode.DISK_LOW: "Less disk space is free than `trading.min_disk_mb`, so deeds might not be recorded.",
    RiskCode.HEARTBEAT_LATE: "The last heartbeat the venue answered is older than `trading.heartbeat_age`.",
    RiskCode.NOT_RECONCILED: "The ledger was never, or not recently enough, found equal to the venue.",
    RiskCode.ACCOUNT_FEED_GAP: "Events of own orders may have been missed and no snapshot has closed the gap yet.",
    RiskCode.VENUE_DISABLED: "The venue takes no orders now, or its state is not known.",
    RiskCode.VENUE_CANCEL_ONLY: "The venue takes cancels only.",
    RiskCode.VENUE_POST_ONLY: "The venue takes post-only orders, and this order may take.",
    RiskCode.MARKET_CLOSED: "The market takes no orders: closed, not ready yet, or its state is not known.",
    RiskCode.MARKET_PAUSED: "Trading in the market is paused.",
    RiskCode.MARKET_DISPUTED: "The market's resolution is disputed.",
    RiskCode.AFTER_RESOLUTION: "A resolution of the market has been proposed; only sales are left.",
    RiskCode.TOO_LATE: "The market's scheduled end is nearer than `trading.min_minutes_to_end`, or not known.",
    RiskCode.TICK_CHANGED: "The market's price grid is not the one the order was made for.",
    RiskCode.OFF_GRID: "Price or size does not lie on the venue's grid.",
    RiskCode.BAD_EXPIRY: "The order never expires by itself, or later than `trading.order_minutes` allows.",
    RiskCode.NO_BOOK: "There is no valid book of the token, or nothing on the side that the order needs.",
    RiskCode.STALE_BOOK: "The book is older than `trading.book_age`.",
    RiskCode.STALE_OPINION: "The features or the model behind the order are older than they may be.",
    RiskCode.STALE_INTENT: "The order was decided longer ago than `trading.intent_age`.",
    RiskCode.WIDE_SPREAD: "The spread is wider than `trading.max_spread`.",
    RiskCode.FAR_PRICE: "The limit lies further beyond the best opposite price than `trading.max_slippage`.",
    RiskCode.PAPER_ONLY: "The strategy's evidence does not yet allow real money.",
    RiskCode.ORDERS_A_MINUTE: "As many orders were sent in the last minute as `trading.orders_a_minute` allows.",
    RiskCode.ORDERS_AN_HOUR: "As many orders were sent in the last hour as `trading.orders_an_hour` allows.",
    RiskCode.OPEN_ORDERS: "As many orders are open or unknown as `trading.max_open_orders` allows.",
    RiskCode.NOT_CONFIRMED: "Only shares whose purchase is confirmed, and which are not on offer already, are sold.",
    RiskCode.DAILY_LOSS: "Equity has fallen since the start of the day by `trading.daily_loss` or more.",
    RiskCode.DRAWDOWN_STOP: "The drawdown of equity has reached `risk.drawdown_stop`.",
    RiskCode.STAGE: "The size that the strategy's evidence allows is smaller than the venue's smallest order.",
    RiskCode.MAX_ORDER: "`risk.max_order` leaves less than the venue's smallest order.",
    RiskCode.DEPTH: "The share `trading.max_depth_share` of what is offered is less than the venue's smallest order.",
    RiskCode.MAX_MARKET: "The market's exposure has reached `risk.max_market` of equity.",
    RiskCode.MAX_EVENT: "The event's exposure has reached `risk.max_event` of equity.",
    RiskCode.MAX_EVENT_LOSS: "The worst loss over the event's possible winners has reached `trading.max_event_loss`.",
    RiskCode.MAX_CATEGORY: "The category's exposure has reached `risk.max_category` of equity.",
    RiskCode.MAX_STRATEGY: "The strategy's exposure has reached `trading.max_strategy` of equity.",
    RiskCode.MAX_TOTAL: "Total exposure has reached `risk.max_total` of equity.",
    RiskCode.NO_CASH: "Settled cash that is not reserved does not buy the smallest order.",
    RiskCode.MIN_SIZE: "The order is smaller than the venue accepts.",
}

# Denials that do not go away with the next order: whoever gets one raises this halt.
HALTING: Final[dict[RiskCode, tuple[HaltCause, TradingState, Resume]]] = {
    RiskCode.RISK_FAILED: (HaltCause.RISK_FAILED, TradingState.HALTED, Resume.OPERATOR),
    RiskCode.GEOBLOCKED: (HaltCause.GEOBLOCK, TradingState.HALTED, Resume.OPERATOR),
    RiskCode.CLOSED_ONLY: (HaltCause.CLOSED_ONLY, TradingState.REDUCING, Resume.OPERATOR),
    RiskCode.CLOCK_SKEW: (HaltCause.CLOCK_SKEW, TradingState.HALTED, Resume.AUTOMATIC),
    RiskCode.DISK_LOW: (HaltCause.DISK, TradingState.HALTED, Resume.AUTOMATIC),
    RiskCode.HEARTBEAT_LATE: (HaltCause.HEARTBEAT, TradingState.HALTED, Resume.AUTOMATIC),
    RiskCode.DAILY_LOSS: (HaltCause.DAILY_LOSS, TradingState.REDUCING, Resume.OPERATOR),
    RiskCode.DRAWDOWN_STOP: (HaltCause.DRAWDOWN, TradingState.REDUCING, Resume.OPERATOR),
}


def risk_table() -> str:
    """Return the documentation table of all codes, as Markdown."""
    lines = ["| code | meaning | raises a halt |", "|---|---|---|"]
    for code in RiskCode:
        row = HALTING.get(code)
        halt = f"{row[1].value}, lifted by: {'operator' if row[2] is Resume.OPERATOR else 'itself'}" if row else "-"
        lines.append(f"| `{code.value}` | {RISK_DOCS[code]} | {halt} |")
    return "\n".join(lines)


def risk_page() -> str:
    """Return the reference page of risk codes."""
    return (
        "# Risk codes\n\nEvery order is checked inside the transaction that reserves its money, and gets exactly one"
        " of these codes: the first that\napplies, in this order. `edgeworth trade explain ID` prints it with the"
        " numbers behind it.\n\n" + risk_table() + "\n"
    )
