"""The risk desk on a real journal: what the check sees, and that reserving under it keeps every limit."""

import msgspec
import pytest
from tests.support.risk import LIMITS, NOW, USD, book, instrument, intent, world

from edgeworth.core.clock import ManualClock
from edgeworth.core.config import Settings
from edgeworth.core.orders import FillReport, PreparedOrder, Settlement
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, MINUTE, Micros, PriceE4, SharesE6, UsdE6
from edgeworth.trading import events as ev
from edgeworth.trading.desk import EQUITY_NOTE, Baselines, Group, RiskDesk, rebased, stage_note
from edgeworth.trading.exposure import OpenOrder, Position
from edgeworth.trading.halts import HaltCause, Resume, TradingState, raise_halt
from edgeworth.trading.journal import MemoryDisk, MemoryJournal, Verdict
from edgeworth.trading.risk import Exposure
from edgeworth.trading.risk_codes import RiskCode
from edgeworth.trading.sizing import purse_of
from edgeworth.trading.stages import Ladder, Stage, Standing

LADDER = Ladder.of(Settings().trading)
MARKETS = 40
PAPER = world(scheduled_end=Micros(NOW + 9 * DAY), opinion_until=Micros(NOW + 9 * DAY))


class Markets:
    """Three markets an event; events 0, 2, 4 ... exclusive; four categories."""

    def group(self, market_no: int) -> Group:
        first = market_no // 3 * 3
        markets = tuple(range(first, first + 3))
        exclusive = market_no // 3 % 2 == 0
        return Group(
            market_no=market_no,
            event_no=market_no // 3,
            category=f"c{market_no % 4}",
            markets=markets,
            exclusive=exclusive,
        )

    def leg(self, token: str) -> tuple[int, bool] | None:
        number, _, leg = token.partition("-")
        return (int(number), leg == "yes") if number.isdigit() else None


def make(
    cash: int = 1_000, marks: dict[str, int] | None = None, limits=LIMITS
) -> tuple[MemoryJournal, RiskDesk, ManualClock]:
    clock = ManualClock(NOW)
    journal = MemoryJournal(MemoryDisk(), clock)
    journal.record_money(ev.Opened(at=NOW, cash_e6=UsdE6(cash * USD)))
    journal.record_swept(NOW, [], agreed=True)
    return journal, RiskDesk(limits, LADDER, Markets(), (marks or {}).get, clock), clock


def send(journal: MemoryJournal, made, number: int = 1) -> str:
    """Sign and send a reserved intent."""
    order = PreparedOrder(
        order_id=f"order-{number}", intent_id=made.intent_id, body=b"x", maker_e6=1, taker_e6=1, salt=number
    )
    journal.record_signed(order, sending=True)
    return order.order_id


def fill(
    journal: MemoryJournal, order_id: str, made, shares: int, settlement=Settlement.CONFIRMED, trade: str = "t1"
) -> None:
    report = FillReport(
        trade_id=trade, order_id=order_id, token=made.instrument.token, is_buy=made.is_buy, price_e4=PriceE4(made.price_e4),
        shares_e6=SharesE6(shares), fee_e6=UsdE6(0), settlement=settlement, event_time=NOW, known_at=NOW,
    )  # fmt: skip
    journal.record_fills([report], "stream")


def test_what_is_reserved_is_what_was_allowed() -> None:
    journal, desk, _ = make()
    verdict = journal.reserve(intent(shares_e6=100_000_000), 1, desk.check(intent(shares_e6=100_000_000), PAPER))
    assert verdict.intent is not None
    assert verdict.intent.shares_e6 == 50_000_000
    assert journal.account.ledger["reserved"] == 25 * USD
    assert desk.decision is not None
    assert desk.decision.shrunk_by == (RiskCode.MAX_ORDER,)
    seen = desk.view(journal.account, intent(strategy="other"))
    assert seen.exposure == Exposure(
        market_e6=25 * USD, event_e6=25 * USD, category_e6=25 * USD, strategy_e6=0, total_e6=25 * USD
    )
    assert (seen.cash_e6, seen.reserved_e6, seen.equity_e6) == (1_000 * USD, 25 * USD, 1_000 * USD)
    assert (seen.open_orders, seen.orders_minute, seen.orders_hour) == (1, 1, 1)


def test_an_unknown_order_and_an_unconfirmed_fill_stay_exposure_and_are_no_inventory() -> None:
    journal, desk, clock = make()
    made = journal.reserve(intent(), 1, desk.check(intent(), PAPER)).intent
    assert made is not None
    order_id = send(journal, made)
    journal.record_unsure(order_id, "time-out")
    assert desk.view(journal.account, intent()).exposure.total_e6 == 20 * USD
    fill(journal, order_id, made, 40_000_000, Settlement.MATCHED)
    seen = desk.view(journal.account, intent())
    assert (seen.exposure.total_e6, seen.exposure.strategy_e6, seen.confirmed_e6) == (20 * USD, 20 * USD, 0)
    selling = intent(intent_id="sale", is_buy=False, price_e4=4_900, shares_e6=40_000_000)
    assert journal.reserve(selling, 2, desk.check(selling, PAPER)).code == "not-confirmed"
    fill(journal, order_id, made, 40_000_000)
    verdict = journal.reserve(selling, 2, desk.check(selling, PAPER))
    assert verdict.intent is not None
    seen = desk.view(journal.account, selling)
    assert (seen.confirmed_e6, seen.offered_e6) == (40_000_000, 40_000_000)
    again = msgspec.structs.replace(selling, intent_id="again")
    assert journal.reserve(again, 3, desk.check(again, PAPER)).code == "not-confirmed"
    clock.advance(2 * MINUTE)
    assert desk.view(journal.account, intent()).orders_minute == 0
    assert desk.view(journal.account, intent()).orders_hour == 2


def test_marks_move_equity_and_a_missing_mark_is_the_cost() -> None:
    marks: dict[str, int] = {}
    journal, desk, _ = make(marks=marks)
    desk.marks = marks.get
    made = journal.reserve(intent(), 1, desk.check(intent(), PAPER)).intent
    assert made is not None
    fill(journal, send(journal, made), made, 40_000_000)
    assert desk.equity_e6(journal.account) == 1_000 * USD
    marks["1-yes"] = 4_000
    assert desk.equity_e6(journal.account) == 996 * USD


def test_the_event_book_of_an_exclusive_event() -> None:
    journal, desk, _ = make()
    first = intent(instrument=instrument(0), intent_id="a")
    made = journal.reserve(first, 1, desk.check(first, world(book=book("0-yes")))).intent
    assert made is not None
    fill(journal, send(journal, made), made, 10_000_000)
    no = intent(instrument=instrument(2, is_yes=False), intent_id="b", shares_e6=20_000_000)
    assert journal.reserve(no, 2, desk.check(no, world(book=book("2-no")))).allowed
    seen = desk.view(journal.account, first).event_book
    assert seen is not None
    assert seen.markets == (0, 1, 2)
    assert seen.positions == (Position(market_no=0, is_yes=True, shares_e6=10_000_000, cost_e6=5 * USD),)
    assert seen.orders == (
        OpenOrder(market_no=0, is_yes=True, shares_e6=30_000_000, cost_e6=15 * USD),
        OpenOrder(market_no=2, is_yes=False, shares_e6=20_000_000, cost_e6=10 * USD),
    )
    assert desk.view(journal.account, intent(instrument=instrument(4))).event_book is None


def test_a_plan_knows_what_the_desk_knows() -> None:
    journal, desk, clock = make(marks={"1-yes": 4_000})
    made = journal.reserve(intent(), 1, desk.check(intent(), PAPER)).intent
    assert made is not None
    fill(journal, send(journal, made), made, 10_000_000)
    journal.note(EQUITY_NOTE, rebased(journal.account, clock.now(), 1_100 * USD) or "")
    funds = purse_of(desk, journal.account)
    assert (funds.equity_e6, funds.peak_e6, funds.free_e6, funds.total_e6) == (
        999 * USD,
        1_100 * USD,
        980 * USD,
        20 * USD,
    )
    assert (funds.markets, funds.events, funds.categories) == ({1: 20 * USD}, {0: 20 * USD}, {"c1": 20 * USD})
    assert funds.positions == (Position(market_no=1, is_yes=True, shares_e6=10_000_000, cost_e6=5 * USD),)


def test_shares_of_a_token_nobody_knows_count_everywhere() -> None:
    clock = ManualClock(NOW)
    journal = MemoryJournal(MemoryDisk(), clock)
    strange = ev.OpeningHolding(token="strange", shares_e6=SharesE6(10**8), cost_e6=UsdE6(60 * USD))
    journal.record_money(ev.Opened(at=NOW, cash_e6=UsdE6(1_000 * USD), holdings=(strange,)))
    desk = RiskDesk(LIMITS, LADDER, Markets(), {}.get, clock)
    assert desk.view(journal.account, intent()).exposure == Exposure(
        market_e6=60 * USD, event_e6=60 * USD, category_e6=60 * USD, strategy_e6=60 * USD, total_e6=60 * USD
    )


def test_halts_and_stages_are_read_from_the_journal() -> None:
    journal, desk, _ = make()
    real = world(real=True)
    assert journal.reserve(intent(), 1, desk.check(intent(), real)).code == "paper-only"
    journal.note(stage_note("s"), msgspec.json.encode(Standing(strategy="s", stage=Stage.PROBE)).decode())
    verdict = journal.reserve(intent(), 1, desk.check(intent(), real))
    assert verdict.intent is not None
    assert verdict.intent.shares_e6 == 10_000_000  # five dollars
    journal.record_halt(raise_halt(HaltCause.KILLED, TradingState.HALTED, Resume.OPERATOR, "by hand", NOW))
    other = intent(intent_id="other")
    assert journal.reserve(other, 2, desk.check(other, real)).code == "halted"


def test_a_check_that_stumbles_denies_and_calls_for_a_halt() -> None:
    journal, desk, _ = make()
    desk.directory = None  # type: ignore[assignment]
    verdict = journal.reserve(intent(), 1, desk.check(intent(), PAPER))
    assert (verdict.code, verdict.allowed) == ("risk-failed", False)
    assert desk.decision is not None
    halt = desk.decision.halt(NOW)
    assert halt is not None
    assert halt.state is TradingState.HALTED
    assert not journal.account.orders


def test_the_days_start_and_the_peak_survive_and_follow_what_is_paid_in() -> None:
    journal, desk, clock = make()
    journal.note(EQUITY_NOTE, rebased(journal.account, clock.now(), 1_000 * USD) or "")
    assert rebased(journal.account, clock.now(), 999 * USD) is None
    assert rebased(journal.account, Micros(NOW - 3 * DAY), 900 * USD) is None  # a clock that went back begins no day
    journal.record_money(ev.Moved(at=NOW, move_id="in", what="deposit", usd_e6=UsdE6(500 * USD)))
    assert Baselines.of(journal.account) == Baselines(
        day=NOW // DAY, start_e6=1_500 * USD, peak_e6=1_500 * USD, deposits_e6=1_500 * USD
    )
    assert desk.view(journal.account, intent()).day_start_e6 == 1_500 * USD
    clock.advance(DAY)
    journal.note(EQUITY_NOTE, rebased(journal.account, clock.now(), 1_200 * USD) or "")
    assert Baselines.of(journal.account) == Baselines(
        day=NOW // DAY + 1, start_e6=1_200 * USD, peak_e6=1_500 * USD, deposits_e6=1_500 * USD
    )
    raised = rebased(journal.account, clock.now(), 1_600 * USD)
    assert raised is not None
    assert msgspec.json.decode(raised, type=Baselines).peak_e6 == 1_600 * USD


@pytest.mark.parametrize("each", [60, pytest.param(1_000, marks=pytest.mark.slow)])
def test_many_strategies_through_the_journal_never_exceed_a_limit(each: int) -> None:
    """32 strategies; fills, time-outs and refusals happen in between; every sum stays within its limit after each step."""
    limits = msgspec.structs.replace(LIMITS, orders_a_minute=10**6, orders_an_hour=10**6, max_open_orders=10**6)
    journal, desk, _ = make(limits=limits)
    random = stream(7, "desk", "many")
    sums = {
        "market": LIMITS.max_market,
        "event": LIMITS.max_event,
        "category": LIMITS.max_category,
        "strategy": LIMITS.max_strategy,
    }
    done = 0
    for number in range(32 * each):
        market, ask, lots, fate = (int(random.integers(0, top)) for top in (MARKETS, 96, 100, 4))
        asked = intent(
            intent_id=f"i{number}", instrument=instrument(market, fee_rate_e6=(0, 70_000)[market % 2], neg_risk=market // 3 % 2 == 0), strategy=f"s{number % 32}",
            price_e4=ask * 100 + 200, shares_e6=(lots + 1) * 1_000_000,
        )  # fmt: skip
        around = world(book=book(f"{market}-yes", bids=((ask * 100 + 100, 10**9),), asks=((ask * 100 + 200, 10**9),)))
        made = journal.reserve(asked, number, desk.check(asked, around)).intent
        if made is None:
            continue
        done += 1
        order_id = send(journal, made, number)
        if fate == 0:
            journal.record_unsure(order_id, "time-out")
        elif fate == 1:
            fill(journal, order_id, made, made.shares_e6, trade=f"t{number}")
        elif fate == 2:
            fill(journal, order_id, made, made.shares_e6 // 20_000 * 10_000, Settlement.MATCHED, f"t{number}")
        seen = desk.view(journal.account, asked).exposure
        used = {
            "market": seen.market_e6,
            "event": seen.event_e6,
            "category": seen.category_e6,
            "strategy": seen.strategy_e6,
        }
        assert all(used[name] <= limit * 1_000 for name, limit in sums.items())
        assert seen.total_e6 <= LIMITS.max_total * 1_000
        event = desk.view(journal.account, asked).event_book
        assert event is None or event.worst_e6() <= LIMITS.max_event_loss * 1_000
    assert done > 30
    assert journal.account.ledger["cash"] >= 0
    assert desk.view(journal.account, intent()).exposure.total_e6 > 500 * USD


def test_a_verdict_stands_for_a_millisecond_unless_the_journal_moves() -> None:
    marks = {"1-yes": 5_000}
    journal, desk, clock = make(marks=marks)
    looked = []
    view = desk.view
    desk.view = lambda *values: (looked.append(clock.now()), view(*values))[1]  # type: ignore[method-assign]
    wanted = intent()
    check = desk.check(wanted, PAPER)
    first = check(journal.account)
    assert first.allowed
    clock.advance(1_000)
    assert check(journal.account) is first
    assert len(looked) == 1
    clock.advance(1)  # too long ago
    assert check(journal.account) == first
    assert len(looked) == 2
    journal.note("anything", "new")
    check(journal.account)
    assert len(looked) == 3
    halt = raise_halt(HaltCause.PAUSED, TradingState.HALTED, Resume.OPERATOR, "a word", clock.now())
    journal.record_halt(halt)
    assert check(journal.account).code == RiskCode.HALTED
    assert check(journal.account).code == RiskCode.HALTED  # a denial is thought through again every time
    assert len(looked) == 5


def test_exposure_is_the_sum_of_the_stakes() -> None:
    draws = stream(11, "exposure")
    journal, desk, _ = make(10_000, {})
    for number in range(60):
        market, buys = int(draws.integers(12)), number % 5 > 0
        wanted = intent(
            intent_id=f"i{number}", instrument=instrument(market, is_yes=number % 2 == 0), is_buy=buys,
            strategy="abc"[number % 3],
        )  # fmt: skip
        journal.reserve(wanted, 1, lambda _account, one=wanted: Verdict(intent=one))
        if number % 3:
            fill(journal, send(journal, wanted, number), wanted, int(draws.integers(1, 40)) * 10**6, trade=f"t{number}")
    account = journal.account
    assert account.open
    for market in range(12):
        asked = intent(instrument=instrument(market), strategy="a")
        own, stakes = desk.directory.group(market), desk.stakes(account)
        assert desk.view(account, asked).exposure == Exposure(
            market_e6=sum(one.usd_e6 for one in stakes if one.group is None or one.group.market_no == market),
            event_e6=sum(one.usd_e6 for one in stakes if one.group is None or one.group.event_no == own.event_no),
            category_e6=sum(one.usd_e6 for one in stakes if one.group is None or one.group.category == own.category),
            strategy_e6=sum(one.usd_e6 for one in stakes if one.group is None or "a" in one.strategies),
            total_e6=sum(one.usd_e6 for one in stakes),
        )
