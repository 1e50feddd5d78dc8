"""From opinions to orders: as large as in a backtest, unless the book, the money or the event says less."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.panels import day, hourly, make_panel
from tests.support.risk import NOW, USD, book, instrument

from edgeworth.core.config import CostSettings, RiskSettings, Settings
from edgeworth.core.orders import TimeInForce
from edgeworth.core.units import DAY, MINUTE, Micros
from edgeworth.engine.cost import LOT_E6, FeeTerms, buy_cost_e6
from edgeworth.engine.gate import GateCode
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, build_tape
from edgeworth.engine.walk import run
from edgeworth.trading.desk import Group
from edgeworth.trading.exposure import Position
from edgeworth.trading.sizing import Planned, Purse, Quote, Rules, plan, sale

RULES = Rules.of(Settings())
WIDE = {"max_order": 1e6, "max_market": 1.0, "max_event": 1.0, "max_category": 1.0, "max_total": 1.0}
DEEP = 10**12


@dataclass(frozen=True)
class Wish:
    market_no: int
    side: int
    p: float
    se: float = 0.0
    t: int = NOW
    strategy: str = "s"

    @property
    def name(self) -> str:
        return f"{self.strategy}/{self.market_no}/{self.side}/{self.t}"


def rules(**risk: Any) -> Rules:
    return Rules.of(Settings.model_validate({"risk": risk, "trading": {"max_depth_share": 1.0}}))


def quote(
    market: int, side: int, asks: Any, group: Group | None = None, end: int | None = NOW + DAY, **terms: Any
) -> Quote:
    nested = terms.pop("nested", ())
    traded = instrument(market, is_yes=side > 0, **terms)
    own = group or Group(market_no=market, event_no=market, category="c")
    end_at = None if end is None else Micros(end)
    return Quote(instrument=traded, book=book(traded.token, asks=asks), group=own, scheduled_end=end_at, nested=nested)


def purse(dollars: int = 1_000, **more: Any) -> Purse:
    return Purse(equity_e6=dollars * USD, peak_e6=dollars * USD, free_e6=dollars * USD, **more)


def one(wish: Wish, asks: Any, made: Rules = RULES, **more: Any) -> Planned:
    funds = more.pop("funds", purse())
    return plan([wish], {(wish.market_no, wish.side): quote(wish.market_no, wish.side, asks, **more)}, funds, made)[0]


# -- the same size as a backtest


def _backtest(markets: list[dict[str, Any]], wishes: list[tuple[int, int, float, float]], **risk: Any) -> list[int]:
    """Return the lots bought by the engine's walk; prices stand still, so the fill is at the decision's price."""
    panel, outcomes = make_panel(markets)
    tape = build_tape(panel, outcomes)
    terms = EngineMarkets.of_panel(panel, np.array(["c"] * panel.market_count))
    row, side, p, se = (np.array(column) for column in zip(*wishes, strict=True))
    costs = CostSettings(half_spread=0.01, depth=1e6)
    config = EngineConfig.of_settings(costs, RiskSettings(**risk))
    result = run(tape, terms, EngineOpinions.on_tape(tape, row, side, p, se), config)
    return result.fills["lots"][result.fills["kind"] == 0].tolist()


@settings(max_examples=40)
@given(
    st.integers(5, 95), st.floats(0.01, 0.99), st.floats(0, 0.2), st.sampled_from([1, -1]),
    st.sampled_from([(0, 1), (40_000, 1), (70_000, 1), (250_000, 2)]), st.booleans(),
)  # fmt: skip
def test_one_order_has_the_size_of_the_backtest(cents, p, se, side, fee, wide) -> None:
    risk = WIDE | {"kelly": 1.0} if wide else {}
    terms = {"fee_rate_e6": fee[0], "min_size_e6": 5_000_000}
    market = {
        "prices": hourly([cents / 100] * 2),
        "payout": 1,
        "resolved_at": day(2),
        "fee_exponent": fee[1],
        "tick_e4": 100,
        **terms,
    }
    bought = _backtest([market], [(0, side, p, se)], **risk)
    ask = (cents if side > 0 else 100 - cents) * 100 + 100
    found = one(Wish(1, side, p, se), ((ask, DEEP),), rules(**risk), fee_exponent_e6=fee[1] * 1_000_000, **terms)
    live = [found.intent.shares_e6 // LOT_E6] if found.intent else []
    if bought and bought[0] * ask < 10_000 * 100:
        assert found.code in {
            GateCode.MIN_SIZE,
            GateCode.MAX_ORDER,
        }  # the venue wants a dollar; the backtest has no such rule
    else:
        assert live == bought


def test_exclusive_yes_legs_have_the_sizes_of_the_backtest() -> None:
    prices, p = (0.34, 0.29, 0.19), (0.45, 0.36, 0.22)
    risk = WIDE | {"kelly": 1.0}
    legs = [
        {
            "prices": hourly([price] * 2),
            "payout": int(k == 0),
            "resolved_at": day(2),
            "event": "e",
            "neg_risk": True,
            "tick_e4": 100,
        }
        for k, price in enumerate(prices)
    ]
    bought = _backtest(legs, [(2 * k, 1, chance, 0.02) for k, chance in enumerate(p)], **risk)
    group = [Group(market_no=k, event_no=9, category="c", markets=(0, 1, 2), exclusive=True) for k in range(3)]
    quotes = {(k, 1): quote(k, 1, ((round(prices[k] * 10_000) + 100, DEEP),), group[k]) for k in range(3)}
    found = plan([Wish(k, 1, chance, 0.02) for k, chance in enumerate(p)], quotes, purse(), rules(**risk))
    assert [plan.intent.shares_e6 // LOT_E6 for plan in found if plan.intent] == bought
    assert len(bought) == 3


# -- the order itself


def test_the_intent_in_full() -> None:
    found = one(Wish(1, 1, 0.60, 0.05), ((5_000, DEEP),))
    # Kelly .2 x shrinkage .8 x a quarter = 4 % of 1,000 dollars, capped at 25
    assert (found.code, found.stake_e6, found.cap) == (GateCode.ALLOWED, 25 * USD, int(GateCode.MAX_ORDER))
    made = found.intent
    assert made is not None
    assert (made.intent_id, made.strategy) == ("s/1/1/1800000000000000", "s")
    assert (made.price_e4, made.shares_e6, made.is_buy) == (5_000, 50_000_000, True)
    assert (made.time_in_force, made.created_at, made.expires_at) == (TimeInForce.GTD, NOW, NOW + 15 * MINUTE)
    assert found.cost_e6 == 25 * USD
    assert found.per_day > 0


@pytest.mark.parametrize(
    ("code", "wish", "asks", "more"),
    [
        (GateCode.NO_NEXT_PRICE, Wish(1, 1, 0.6), (), {}),
        (GateCode.UNPROVEN, Wish(1, 1, float("nan")), ((5_000, DEEP),), {}),
        (GateCode.UNPROVEN, Wish(1, 1, 0.6, float("inf")), ((5_000, DEEP),), {}),
        (GateCode.UNPROVEN, Wish(1, 1, 0.501, 0.3), ((5_000, DEEP),), {}),
        (GateCode.MIN_EDGE, Wish(1, 1, 0.5), ((5_000, DEEP),), {}),
        (GateCode.MIN_EDGE, Wish(1, -1, 0.971), ((9_900, DEEP),), {}),
        (GateCode.DRAWDOWN_STOP, Wish(1, 1, 0.6), ((5_000, DEEP),), {"funds": Purse(equity_e6=750 * USD, peak_e6=1_000 * USD, free_e6=750 * USD)}),
        (GateCode.MAX_MARKET, Wish(1, 1, 0.6), ((5_000, DEEP),), {"funds": purse(markets={1: 50 * USD})}),
        (GateCode.MAX_EVENT, Wish(1, 1, 0.6), ((5_000, DEEP),), {"funds": purse(events={1: 100 * USD})}),
        (GateCode.MAX_CATEGORY, Wish(1, 1, 0.6), ((5_000, DEEP),), {"funds": purse(categories={"c": 300 * USD})}),
        (GateCode.MAX_TOTAL, Wish(1, 1, 0.6), ((5_000, DEEP),), {"funds": purse(total_e6=600 * USD)}),
        (GateCode.NO_CASH, Wish(1, 1, 0.6), ((5_000, DEEP),), {"funds": Purse(equity_e6=10**9, peak_e6=10**9, free_e6=0)}),
        (GateCode.MAX_MARKET, Wish(1, 1, 0.6), ((5_000, DEEP),), {"funds": purse(markets={1: 48 * USD})}),
        (GateCode.MIN_SIZE, Wish(1, 1, 0.501), ((5_000, DEEP),), {}),
        (GateCode.MIN_SIZE, Wish(1, 1, 0.02), ((100, DEEP),), {"funds": purse(100), "made": rules(kelly=0.25)}),
        (GateCode.DEPTH, Wish(1, 1, 0.6), ((5_000, 4_000_000),), {}),
    ],
)  # fmt: skip
def test_why_there_is_no_order(code: GateCode, wish: Wish, asks: Any, more: dict[str, Any]) -> None:
    found = one(wish, asks, more.pop("made", RULES), **more)
    assert found.code is code, found
    assert found.intent is None


def test_no_quote_is_no_order() -> None:
    assert plan([Wish(1, 1, 0.9)], {}, purse(), RULES)[0].code is GateCode.NO_NEXT_PRICE


def test_where_the_best_level_is_too_small_the_book_is_walked() -> None:
    full = rules(**WIDE, kelly=1.0)
    asks = ((5_000, 200_000_000), (5_100, 300_000_000), (5_200, 500_000_000), (5_400, 800_000_000))
    found = one(Wish(1, 1, 0.60), asks, full)
    assert found.intent is not None
    assert (found.bounded, found.intent.price_e4) == ("book", 5_100)
    assert found.intent.shares_e6 == pytest.approx(360_864_000, abs=LOT_E6)  # the published walk at 1,000 dollars
    half = Rules.of(Settings.model_validate({"risk": WIDE | {"kelly": 1.0}}))
    walked = one(Wish(1, 1, 0.60), asks, half).intent
    assert walked is not None
    assert walked.shares_e6 == pytest.approx(322_000_000, abs=25_000_000)  # 100 + 150 + the rest at .52
    assert walked.price_e4 == 5_200


def test_money_goes_first_to_what_grows_fastest_per_day() -> None:
    """Two equal edges, one free dollar amount: the market that ends sooner is served, whatever the given order."""
    wishes = [Wish(1, 1, 0.60), Wish(2, 1, 0.60)]
    quotes = {(1, 1): quote(1, 1, ((5_000, DEEP),), end=NOW + 20 * DAY), (2, 1): quote(2, 1, ((5_000, DEEP),))}
    funds = Purse(equity_e6=1_000 * USD, peak_e6=1_000 * USD, free_e6=25 * USD)
    slow, fast = plan(wishes, quotes, funds, RULES)
    assert (slow.code, fast.code) == (GateCode.NO_CASH, GateCode.ALLOWED)
    assert funds.free_e6 == 0


def test_a_far_deadline_costs_interest() -> None:
    near = one(Wish(1, -1, 0.972), ((9_500, DEEP),))
    far = one(Wish(1, -1, 0.972), ((9_500, DEEP),), end=NOW + 327 * DAY)
    assert near.edge_e6 == 22_000
    assert (far.code, far.edge_e6) == (GateCode.MIN_EDGE, 937_784 - 950_000)


def test_drawdown_scales_the_stake() -> None:
    funds = Purse(equity_e6=825 * USD, peak_e6=1_000 * USD, free_e6=825 * USD)  # 17.5 %: half way from .10 to .25
    assert one(Wish(1, 1, 0.55), ((5_000, DEEP),), funds=funds).stake_e6 == 825 * USD * 25_000 // 1_000_000 // 2


# -- events whose outcomes hang together


def test_legs_of_both_kinds_in_one_event_are_the_published_programme() -> None:
    """Five outcomes with NO legs at 1 - c + .02: stakes .0714 on YES of the first, .0349 and .0991 on NO of the last two."""
    p, c = (0.40, 0.28, 0.18, 0.09, 0.05), (0.35, 0.30, 0.20, 0.12, 0.08)
    made = rules(**WIDE, kelly=1.0)
    group = [
        Group(market_no=k, event_no=9, category="c", markets=tuple(range(5)), exclusive=True, complete=True)
        for k in range(5)
    ]
    quotes = {(k, -1): quote(k, -1, ((round((1 - cost + 0.02) * 10_000), DEEP),), group[k]) for k, cost in enumerate(c)}
    quotes |= {(k, 1): quote(k, 1, ((round(cost * 10_000), DEEP),), group[k]) for k, cost in enumerate(c)}
    wishes = [Wish(0, 1, p[0]), *(Wish(k, -1, 1 - p[k]) for k in (3, 4))]
    found = plan(wishes, quotes, purse(), made)
    stakes = [made.cost_e6 / 1e9 for made in found]
    np.testing.assert_allclose(stakes, [0.0714, 0.0349, 0.0991], atol=1e-4)
    assert [made.bounded for made in found] == ["joint"] * 3


def test_a_chain_of_touches_is_one_bet() -> None:
    p = (0.105, 0.08, 0.06)
    made, chain = rules(**WIDE, kelly=1.0), (0, 1, 2)
    quotes = {
        (k, -1): quote(
            k,
            -1,
            ((round((1 - chance - 0.02) * 100) * 100, DEEP),),
            Group(market_no=k, event_no=9, category="c"),
            nested=chain,
        )
        for k, chance in enumerate(p)
    }
    wishes = [Wish(k, -1, 1 - chance) for k, chance in enumerate(p)]
    found = plan(wishes, quotes, purse(), made)
    alone = sum(one(wish, quotes[wish.market_no, -1].book.asks, made).cost_e6 for wish in wishes)
    assert 0 < sum(plan.cost_e6 for plan in found) < 0.6 * alone
    assert "joint" in {plan.bounded for plan in found}


def test_what_is_held_in_the_event_counts() -> None:
    group = Group(market_no=0, event_no=9, category="c", markets=(0, 1), exclusive=True)
    made = rules(**WIDE, kelly=1.0)
    asks = ((6_500, DEEP),)
    held = Position(market_no=1, is_yes=True, shares_e6=900_000_000, cost_e6=300 * USD)  # lost, too, when 0 wins
    fresh = one(Wish(0, -1, 0.75), asks, made, group=group)
    beside = one(Wish(0, -1, 0.75), asks, made, group=group, funds=purse(positions=(held,)))
    assert fresh.intent is not None
    assert beside.intent is not None
    assert beside.intent.shares_e6 < fresh.intent.shares_e6
    assert (fresh.bounded, beside.bounded) == ("", "joint")


rows = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([1, -1]), st.floats(0.05, 0.95), st.floats(0, 0.1), st.integers(10, 85), st.integers(1, 40_000)),
    min_size=1, max_size=6, unique_by=lambda row: row[:2],
)  # fmt: skip


@settings(max_examples=40)
@given(rows, st.integers(5, 2_000), st.booleans())
def test_never_more_than_cash_caps_and_book(given_rows, dollars, exclusive) -> None:
    fee = FeeTerms(70_000, 1)
    quotes = {}
    for market, side, _, _, cents, lots in given_rows:
        group = Group(
            market_no=market, event_no=market // 3, category="c", markets=(0, 1, 2, 3, 4, 5), exclusive=exclusive
        )
        asks = ((cents * 100, lots * LOT_E6), (cents * 100 + 200, lots * LOT_E6))
        quotes[market, side] = quote(market, side, asks, group, fee_rate_e6=70_000)
    wishes = [Wish(market, side, p, se) for market, side, p, se, _, _ in given_rows]
    funds = purse(dollars)
    found = plan(wishes, quotes, funds, RULES)
    again = plan(wishes, quotes, purse(dollars), RULES)
    assert found == again
    spent: dict[str, int] = {}
    for wish, made in zip(wishes, found, strict=True):
        assert (made.intent is None) == (made.code is not GateCode.ALLOWED)
        if made.intent is None:
            continue
        terms, asks = made.intent.instrument, quotes[wish.market_no, wish.side].book.asks
        assert made.intent.shares_e6 >= terms.min_size_e6
        assert made.intent.shares_e6 <= sum(size for price, size in asks if price <= made.intent.price_e4)
        exact = buy_cost_e6(made.intent.price_e4, made.intent.shares_e6, fee)
        assert exact <= made.cost_e6
        assert exact <= 25 * USD
        assert exact + wish.p * 0 <= made.intent.shares_e6 * wish.p + 1  # never above its own fair value
        for key in (f"m{wish.market_no}", f"e{wish.market_no // 3}", "c"):
            spent[key] = spent.get(key, 0) + exact
    limits = {"m": 0.05, "e": 0.10, "c": 0.30}
    assert all(value <= limits[key[0]] * dollars * USD + 1 for key, value in spent.items())
    assert funds.free_e6 >= 0


@given(st.floats(0.3, 0.9), st.floats(0, 0.09), st.integers(20, 80))
def test_more_edge_never_buys_less(p, more, cents) -> None:
    asks = ((cents * 100, 30_000_000), (cents * 100 + 100, 40_000_000), (cents * 100 + 300, DEEP))
    made = rules(**WIDE, kelly=0.5)
    sizes = [
        found.intent.shares_e6 if found.intent else 0
        for found in (one(Wish(1, 1, p), asks, made), one(Wish(1, 1, p + more), asks, made))
    ]
    assert sizes[1] >= sizes[0] - LOT_E6


# -- selling


def test_a_sale_takes_what_the_bids_give_within_the_slippage() -> None:
    bids = ((5_000, 10_000_000), (4_900, 20_000_000), (4_700, 10**9))
    held = Quote(
        instrument=instrument(),
        book=book(bids=bids),
        group=Group(market_no=1, event_no=1, category="c"),
        scheduled_end=None,
    )
    whole = sale("x", "s", held, 25_009_999, NOW, RULES)
    assert whole is not None
    assert (whole.price_e4, whole.shares_e6, whole.time_in_force, whole.is_buy) == (
        4_900,
        25_000_000,
        TimeInForce.FAK,
        False,
    )
    more = sale("x", "s", held, 500_000_000, NOW, RULES)
    assert more is not None
    assert (more.price_e4, more.shares_e6) == (4_900, 30_000_000)
    assert sale("x", "s", held, 1_000_000, NOW, RULES) is None  # not worth a dollar
    empty = Quote(instrument=instrument(), book=book(bids=()), group=held.group, scheduled_end=None)
    assert sale("x", "s", empty, 10**9, NOW, RULES) is None
