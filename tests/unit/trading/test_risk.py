"""The check before every order."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.risk import LIMITS, NOW, USD, book, instrument, intent, view, world

from edgeworth.core.config import Settings
from edgeworth.core.errors import ConfigError
from edgeworth.core.orders import Intent, TimeInForce
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, MINUTE, SECOND
from edgeworth.engine.cost import FEE_CUSHION_E6, FeeTerms, reserve_e6
from edgeworth.trading.exposure import EventBook, OpenOrder
from edgeworth.trading.halts import HaltCause, Resume, TradingState, raise_halt
from edgeworth.trading.limits import Limits
from edgeworth.trading.risk import Exposure, MarketStatus, VenueState, check, failed
from edgeworth.trading.risk_codes import HALTING, RISK_DOCS, RiskCode, risk_page

SELL = {
    "is_buy": False,
    "price_e4": 4_900,
    "shares_e6": 20_000_000,
    "time_in_force": TimeInForce.FAK,
    "expires_at": None,
}
HALT = raise_halt(HaltCause.KILLED, TradingState.HALTED, Resume.OPERATOR, "by hand", NOW)
PAUSE = raise_halt(HaltCause.PAUSED, TradingState.REDUCING, Resume.OPERATOR, "lunch", NOW, "strategy:s")
OLD = NOW - 6 * SECOND

# what differs from an order that passes: (code, intent, view, world)
DENIALS = [
    (RiskCode.HALTED, {}, {"halts": (HALT,)}, {}),
    (RiskCode.HALTED, SELL, {"halts": (HALT,), "confirmed_e6": 10**9}, {}),
    (RiskCode.REDUCING, {}, {"halts": (PAUSE,)}, {}),
    (RiskCode.GEOBLOCKED, {}, {}, {"geoblocked": True}),
    (RiskCode.CLOSED_ONLY, {}, {}, {"closed_only": True}),
    (RiskCode.CLOCK_SKEW, {}, {}, {"skew": None}),
    (RiskCode.CLOCK_SKEW, {}, {}, {"skew": -10 * SECOND - 1}),
    (RiskCode.DISK_LOW, {}, {}, {"disk_free": 499_999_999}),
    (RiskCode.HEARTBEAT_LATE, {}, {}, {"needs_heartbeat": True}),
    (RiskCode.HEARTBEAT_LATE, {}, {}, {"needs_heartbeat": True, "heartbeat_at": NOW - 8 * SECOND - 1}),
    (RiskCode.NOT_RECONCILED, {}, {"reconciled_at": None}, {}),
    (RiskCode.NOT_RECONCILED, {}, {"reconciled_at": NOW - 181 * SECOND}, {}),
    (RiskCode.ACCOUNT_FEED_GAP, {}, {}, {"feed_whole": False}),
    (RiskCode.VENUE_DISABLED, {}, {}, {"venue": VenueState.UNKNOWN}),
    (RiskCode.VENUE_DISABLED, {}, {}, {"venue": VenueState.DISABLED}),
    (RiskCode.VENUE_CANCEL_ONLY, SELL, {"confirmed_e6": 10**9}, {"venue": VenueState.CANCEL_ONLY}),
    (RiskCode.VENUE_POST_ONLY, {}, {}, {"venue": VenueState.POST_ONLY}),
    (RiskCode.MARKET_CLOSED, {}, {}, {"status": MarketStatus.UNKNOWN}),
    (RiskCode.MARKET_CLOSED, {}, {}, {"status": MarketStatus.CLOSED}),
    (RiskCode.MARKET_PAUSED, {}, {}, {"status": MarketStatus.PAUSED}),
    (RiskCode.MARKET_DISPUTED, SELL, {"confirmed_e6": 10**9}, {"status": MarketStatus.DISPUTED}),
    (RiskCode.AFTER_RESOLUTION, {}, {}, {"status": MarketStatus.PROPOSED}),
    (RiskCode.TOO_LATE, {}, {}, {"scheduled_end": NOW + 10 * MINUTE - 1}),
    (RiskCode.TOO_LATE, {}, {}, {"scheduled_end": None}),
    (RiskCode.TICK_CHANGED, {}, {}, {"tick_e4": 10}),
    (RiskCode.TICK_CHANGED, {}, {}, {"tick_e4": 0}),
    (RiskCode.OFF_GRID, {"price_e4": 5_050}, {}, {}),
    (RiskCode.OFF_GRID, {"price_e4": 10_000}, {}, {}),
    (RiskCode.OFF_GRID, {"shares_e6": 20_000_001}, {}, {}),
    (RiskCode.OFF_GRID, {"shares_e6": 0}, {}, {}),
    (RiskCode.BAD_EXPIRY, {"expires_at": None}, {}, {}),
    (RiskCode.BAD_EXPIRY, {"expires_at": NOW + 15 * MINUTE + 1}, {}, {}),
    (RiskCode.BAD_EXPIRY, {"time_in_force": TimeInForce.GTC, "expires_at": None}, {}, {}),
    (RiskCode.STALE_INTENT, {"created_at": NOW - 5 * SECOND - 1}, {}, {}),
    (RiskCode.STALE_INTENT, {"created_at": NOW + 3 * SECOND}, {}, {}),
    (RiskCode.STALE_OPINION, {}, {}, {"opinion_until": NOW - 1}),
    (RiskCode.STALE_OPINION, {}, {}, {"opinion_until": None}),
    (RiskCode.NO_BOOK, {}, {}, {"book": None}),
    (RiskCode.NO_BOOK, {}, {}, {"book": book("another")}),
    (RiskCode.NO_BOOK, {}, {}, {"book": book(asks=())}),
    (RiskCode.STALE_BOOK, {}, {}, {"book": book(known_at=NOW - 5 * SECOND - 1)}),
    (RiskCode.STALE_BOOK, SELL, {"confirmed_e6": 10**9}, {"book": book(known_at=OLD)}),
    (RiskCode.STALE_BOOK, {}, {}, {"book": book(known_at=NOW + 3_600 * SECOND)}),
    (RiskCode.WIDE_SPREAD, {}, {}, {"book": book(bids=((3_900, 10**9),))}),
    (RiskCode.WIDE_SPREAD, {}, {}, {"book": book(bids=((5_100, 10**9),))}),
    (RiskCode.FAR_PRICE, {"price_e4": 5_300}, {}, {}),
    (RiskCode.FAR_PRICE, SELL | {"price_e4": 4_600}, {"confirmed_e6": 10**9}, {}),
    (RiskCode.ORDERS_A_MINUTE, {}, {"orders_minute": 30}, {}),
    (RiskCode.ORDERS_AN_HOUR, {}, {"orders_hour": 300}, {}),
    (RiskCode.OPEN_ORDERS, {}, {"open_orders": 50}, {}),
    (RiskCode.NOT_CONFIRMED, SELL, {}, {}),
    (RiskCode.NOT_CONFIRMED, SELL, {"confirmed_e6": 20_000_000, "offered_e6": 20_000_000}, {}),
    (RiskCode.DAILY_LOSS, {}, {"equity_e6": 950 * USD}, {}),
    (RiskCode.DAILY_LOSS, {}, {"equity_e6": 0, "day_start_e6": 0, "peak_e6": 0}, {}),
    (RiskCode.DRAWDOWN_STOP, {}, {"peak_e6": 1_334 * USD}, {}),
    (RiskCode.PAPER_ONLY, {}, {"stage_ppm": 0}, {"real": True}),
    (RiskCode.STAGE, {}, {"stage_ppm": 50_000}, {"real": True}),
    (RiskCode.DEPTH, {}, {}, {"book": book(asks=((5_000, 9_990_000),))}),
    (RiskCode.MAX_MARKET, {}, {"exposure": Exposure(market_e6=48 * USD)}, {}),
    (RiskCode.MAX_EVENT, {}, {"exposure": Exposure(event_e6=98 * USD)}, {}),
    (RiskCode.MAX_CATEGORY, {}, {"exposure": Exposure(category_e6=298 * USD)}, {}),
    (RiskCode.MAX_STRATEGY, {}, {"exposure": Exposure(strategy_e6=298 * USD)}, {}),
    (RiskCode.MAX_TOTAL, {}, {"exposure": Exposure(total_e6=599 * USD)}, {}),
    (RiskCode.NO_CASH, {}, {"reserved_e6": 998 * USD}, {}),
    (RiskCode.MIN_SIZE, {"shares_e6": 4_990_000}, {}, {}),
    (RiskCode.MIN_SIZE, SELL | {"shares_e6": 2_000_000}, {"confirmed_e6": 10**9}, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "asked", "known", "around"), DENIALS, ids=lambda part: part.value if isinstance(part, RiskCode) else ""
)
def test_every_denial_has_its_code(code: RiskCode, asked, known, around) -> None:
    decision = check(intent(**asked), view(**known), world(**around), LIMITS)
    assert decision.code is code, decision
    assert (decision.shares_e6, decision.reserve_e6, decision.allowed) == (0, 0, False)
    assert decision.text.startswith(RISK_DOCS[code]) or code in {RiskCode.HALTED, RiskCode.REDUCING}


def test_the_order_they_differ_from_passes() -> None:
    decision = check(intent(), view(), world(), LIMITS)
    assert (decision.code, decision.shares_e6, decision.reserve_e6) == (RiskCode.ALLOWED, 40_000_000, 20 * USD)
    assert check(intent(**SELL), view(confirmed_e6=20_000_000), world(), LIMITS).shares_e6 == 20_000_000


def test_every_code_is_tried_or_needs_no_trial() -> None:
    tried = {row[0] for row in DENIALS}
    # the worst loss and the largest order only ever shrink with these defaults; both have their own tests
    assert set(RiskCode) - tried == {
        RiskCode.ALLOWED,
        RiskCode.RISK_FAILED,
        RiskCode.MAX_ORDER,
        RiskCode.MAX_EVENT_LOSS,
    }


@pytest.mark.parametrize(
    "around",
    [
        {"closed_only": True},
        {"status": MarketStatus.PROPOSED},
        {"scheduled_end": None},
        {"opinion_until": None},
        {"book": book(bids=((4_900, 10**9),), asks=())},
    ],
)
def test_reducing_works_where_opening_does_not(around) -> None:
    known = {"confirmed_e6": 10**9, "halts": (PAUSE,), "equity_e6": 100 * USD, "stage_ppm": 0}
    assert check(intent(**SELL), view(**known), world(real=True, **around), LIMITS).allowed


def test_a_polled_book_may_be_twice_as_old_as_its_interval() -> None:
    old = {"book": book(known_at=NOW - 55 * SECOND)}
    assert check(intent(), view(), world(**old), LIMITS).code is RiskCode.STALE_BOOK
    assert check(intent(), view(), world(poll=30 * SECOND, **old), LIMITS).allowed


def test_ages_at_their_limits_are_fresh() -> None:
    around = {
        "book": book(known_at=NOW - 5 * SECOND),
        "needs_heartbeat": True,
        "heartbeat_at": NOW - 8 * SECOND,
        "skew": 10 * SECOND,
    }
    assert check(
        intent(), view(reconciled_at=NOW - 180 * SECOND), world(scheduled_end=NOW + 10 * MINUTE, **around), LIMITS
    ).allowed


@pytest.mark.parametrize(
    ("asked", "around"),
    [
        ({}, {"disk_free": 500_000_000}),
        ({"price_e4": 5_200}, {}),
        ({}, {"book": book(bids=((4_000, 10**9),))}),
        ({"shares_e6": 5_000_000}, {}),
        ({"price_e4": 100, "shares_e6": 100_000_000}, {"book": book(bids=(), asks=((100, 10**9),))}),
        ({}, {"opinion_until": NOW}),
        ({"expires_at": NOW + 15 * MINUTE}, {}),
    ],
)
def test_what_lies_exactly_at_a_limit_passes(asked, around) -> None:
    assert check(intent(**asked), view(), world(**around), LIMITS).allowed


def test_caps_shrink_and_say_so() -> None:
    decision = check(intent(shares_e6=100_000_000), view(exposure=Exposure(market_e6=30 * USD)), world(), LIMITS)
    assert decision.shrunk_by == (RiskCode.MAX_ORDER, RiskCode.MAX_MARKET)
    assert (decision.shares_e6, decision.reserve_e6) == (40_000_000, 20 * USD)
    thin = check(intent(), view(), world(book=book(asks=((5_000, 30_000_000), (5_100, 10**9)))), LIMITS)
    assert (thin.shrunk_by, thin.shares_e6) == ((RiskCode.DEPTH,), 15_000_000)


def test_a_resting_order_does_not_ask_what_is_offered() -> None:
    rests = intent(price_e4=4_900, post_only=True, instrument=instrument(fee_rate_e6=70_000))
    decision = check(rests, view(), world(book=book(asks=((5_000, 10_000),)), venue=VenueState.POST_ONLY), LIMITS)
    assert decision.reserve_e6 == 40 * 490_000  # no fee: it cannot take
    assert decision.allowed


def test_fees_are_reserved_with_a_cushion_that_does_not_count_against_one_order() -> None:
    terms = instrument(fee_rate_e6=70_000)
    decision = check(intent(instrument=terms, shares_e6=48_300_000), view(), world(), LIMITS)
    assert decision.reserve_e6 == reserve_e6(5_000, 48_300_000, FeeTerms(70_000, 1)) == 24_995_250 + FEE_CUSHION_E6
    assert check(intent(instrument=terms, shares_e6=50_000_000), view(), world(), LIMITS).shares_e6 == 48_300_000


def test_evidence_scales_real_orders_only() -> None:
    quarter = view(stage_ppm=250_000)
    assert check(intent(), quarter, world(), LIMITS).shares_e6 == 40_000_000
    staged = check(intent(), quarter, world(real=True), LIMITS)
    assert (staged.shares_e6, staged.shrunk_by) == (10_000_000, (RiskCode.STAGE,))
    probing = check(intent(), view(stage_order_e6=5 * USD), world(real=True), LIMITS)
    assert probing.shares_e6 == 10_000_000


def test_real_money_counts_only_up_to_its_ceiling() -> None:
    limits = msgspec.structs.replace(LIMITS, max_order_e6=10**9)
    assert check(intent(shares_e6=200_000_000), view(), world(), limits).reserve_e6 == 50 * USD
    assert check(intent(shares_e6=200_000_000), view(), world(real=True), limits).reserve_e6 == 25 * USD


def test_the_worst_loss_of_an_exclusive_event_is_limited() -> None:
    terms = instrument(neg_risk=True)
    limits = msgspec.structs.replace(LIMITS, max_event=900_000, max_event_loss=50_000)
    other = OpenOrder(market_no=2, is_yes=True, shares_e6=80_000_000, cost_e6=40 * USD)
    beside = EventBook(markets=(1, 2), orders=(other,))
    decision = check(intent(instrument=terms), view(event_book=beside), world(), limits)
    assert (decision.shrunk_by, decision.reserve_e6) == ((RiskCode.MAX_EVENT_LOSS,), 10 * USD)
    full = EventBook(markets=(1, 2), orders=(other, other))
    assert check(intent(instrument=terms), view(event_book=full), world(), limits).code is RiskCode.MAX_EVENT_LOSS
    gross = view(exposure=Exposure(event_e6=40 * USD))  # nobody knows what is held: all of it may be lost
    assert check(intent(instrument=terms), gross, world(), limits).reserve_e6 == 10 * USD


def test_the_smallest_order_that_a_cap_leaves() -> None:
    limits = msgspec.structs.replace(LIMITS, max_order_e6=2 * USD)
    assert check(intent(), view(), world(), limits).code is RiskCode.MAX_ORDER


def test_denials_that_stay_call_for_a_halt() -> None:
    skewed = check(intent(), view(), world(skew=11 * SECOND), LIMITS).halt(NOW)
    assert skewed is not None
    assert (skewed.cause, skewed.state, skewed.resume) == (HaltCause.CLOCK_SKEW, TradingState.HALTED, Resume.AUTOMATIC)
    assert check(intent(), view(orders_minute=99), world(), LIMITS).halt(NOW) is None
    broken = failed(ZeroDivisionError("by zero"))
    halt = broken.halt(NOW)
    assert halt is not None
    assert (halt.resume, halt.reason) == (
        Resume.OPERATOR,
        f"{RISK_DOCS[RiskCode.RISK_FAILED]} ZeroDivisionError: by zero",
    )
    assert set(HALTING) < set(RiskCode)


def test_32_strategies_with_1000_intents_each_never_exceed_a_limit() -> None:
    """Every allowed order is reserved before the next check, as the journal's transaction does."""
    random = stream(7, "risk", "many")
    markets, strategies = 40, 32
    limits = msgspec.structs.replace(LIMITS, orders_a_minute=10**6, orders_an_hour=10**6, max_open_orders=10**6)
    cap = {
        "market": limits.max_market,
        "event": limits.max_event,
        "category": limits.max_category,
        "strategy": limits.max_strategy,
    }
    used: dict[tuple[str, int], int] = {}
    total = allowed = 0
    terms = [instrument(m, fee_rate_e6=(0, 40_000, 70_000)[m % 3]) for m in range(markets)]
    prices = random.integers(2, 98, size=(strategies * 1_000, 2))
    picks = random.integers(0, markets, size=strategies * 1_000)
    for number, (m, (ask, lots)) in enumerate(zip(picks.tolist(), prices.tolist(), strict=True)):
        keys = {"market": m, "event": m // 3, "category": m % 4, "strategy": number % strategies}
        around = world(book=book(f"{m}-yes", bids=((ask * 100 - 100, 10**9),), asks=((ask * 100, 10**9),)))
        known = Exposure(**{f"{name}_e6": used.get((name, key), 0) for name, key in keys.items()}, total_e6=total)
        asked = intent(instrument=terms[m], price_e4=ask * 100, shares_e6=lots * 1_000_000)
        decision = check(asked, view(exposure=known, reserved_e6=total), around, limits)
        if not decision.allowed:
            continue
        allowed += 1
        total += decision.reserve_e6
        for name, key in keys.items():
            used[name, key] = used.get((name, key), 0) + decision.reserve_e6
            assert used[name, key] * 1_000_000 <= cap[name] * 1_000 * USD
        assert total * 1_000_000 <= limits.max_total * 1_000 * USD
    assert allowed > 30
    assert total > 590 * USD  # the limit was reached, not merely kept


@given(
    st.integers(1, 99), st.integers(1, 20_000), st.integers(0, 2_000), st.integers(0, 1_000), st.integers(-50, 700),
    st.sampled_from([0, 40_000, 250_000]), st.booleans(),
)  # fmt: skip
def test_never_more_than_asked_or_than_free_cash(cents, lots, cash, reserved, used, rate, real) -> None:
    asked = intent(price_e4=cents * 100, shares_e6=lots * 10_000, instrument=instrument(fee_rate_e6=rate))
    around = world(book=book(bids=((cents * 100 - 100, 10**9),), asks=((cents * 100, 10**12),)), real=real)
    known = view(cash_e6=cash * USD, reserved_e6=reserved * USD, exposure=Exposure(total_e6=used * USD))
    decision = check(asked, known, around, LIMITS)
    assert decision.shares_e6 <= asked.shares_e6
    assert decision.reserve_e6 <= max((cash - reserved) * USD, 0)
    assert check(asked, known, around, LIMITS) == decision
    if decision.allowed:
        assert decision.shares_e6 % 10_000 == 0
        assert decision.shares_e6 >= 5_000_000
        assert decision.shares_e6 * cents >= 100_000_000
        smaller = msgspec.structs.replace(asked, shares_e6=decision.shares_e6)
        assert isinstance(smaller, Intent)
        if not real:  # what was allowed passes again as it is
            again = check(smaller, known, around, LIMITS)
            assert (again.shares_e6, again.shrunk_by) == (decision.shares_e6, ())


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [("risk", {"drawdown_start": 0.3}, "risk.drawdown_stop"), ("trading", {"skew_warn": 20.0}, "trading.skew_halt")],
)
def test_limits_that_contradict_are_refused(section: str, values: dict[str, float], said: str) -> None:
    settings = Settings.model_validate({section: values})
    with pytest.raises(ConfigError, match=said):
        Limits.of(settings)


def test_limits_are_rounded_against_us() -> None:
    settings = Settings.model_validate({"trading": {"min_minutes_to_end": 0.33333333333, "max_spread": 0.01999}})
    limits = Limits.of(settings)
    assert (limits.min_to_end, limits.max_spread_e4) == (20_000_000, 199)
    assert LIMITS.max_market == 50_000
    assert DAY > LIMITS.order_life == 15 * MINUTE


def test_the_reference_page_is_in_step() -> None:
    assert set(RISK_DOCS) == set(RiskCode)
    page = Path(__file__).parents[3] / "docs" / "reference" / "risk-codes.md"
    assert page.read_text("utf-8") == risk_page()
