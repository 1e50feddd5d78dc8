"""The tail grows like history, the watcher believes no old data, and a tick is decided by what was seen alone."""

import asyncio
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from tests.support.panels import START, make_panel

from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import ManualClock
from edgeworth.core.config import Settings
from edgeworth.core.errors import Retryable
from edgeworth.core.panel import Panel
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.engine.gate import GateCode
from edgeworth.engine.types import EngineConfig
from edgeworth.engine.walk import make_limits
from edgeworth.features.registry import compute
from edgeworth.trading import record
from edgeworth.trading.choice import Chooser
from edgeworth.trading.decider import Decider
from edgeworth.trading.feed import News, Watcher
from edgeworth.trading.record import Held, Inputs
from edgeworth.trading.risk import MarketStatus
from edgeworth.trading.sizing import Purse, Rules
from edgeworth.trading.tail import Tail
from edgeworth.trading.ticks import MarketBook, Tick
from edgeworth.trading.watched import Directory, Watched

NOW = START + 3 * DAY


def panel() -> Panel:
    rows = [
        {"prices": [(START + k * HOUR, 0.40 + 0.01 * k) for k in range(20)], "event": "a", "end": START + 9 * DAY},
        {"prices": [], "event": "a", "end": START + 9 * DAY},
        {"prices": [(START, 0.7), (START + DAY, 0.6)], "event": "b", "end": START + 9 * DAY},
    ]
    return make_panel(rows)[0]


def book(number: int, bid: int, ask: int, at: int = NOW, size: int = 500_000_000) -> MarketBook:
    return MarketBook(number, at, at, 100, ((bid, size),), ((ask, size),))


def numbers(of: Panel) -> list[int]:
    return [int(value) for value in of.markets["market_no"]]


def watched(of: Panel) -> list[Watched]:
    return [
        Watched(
            market_no=number, market_id=str(number), question="", condition=f"c{number}", yes_token=f"y{number}",
            no_token=f"n{number}", event_no=int(event), category="other", tick_e4=100, min_size_e6=5_000_000,
            scheduled_end=START + 9 * DAY,
        )
        for number, event in zip(numbers(of), of.markets["event_no"], strict=True)
    ]  # fmt: skip


# the tail


def test_a_tail_is_the_panel_with_those_points():
    base = panel()
    first, second, third = numbers(base)
    tail = Tail(base, [first, second, third])
    rows = tail.append(NOW, [book(third, 6_400, 6_600), book(first, 5_000, 5_200), book(second, 100, 300)])
    assert tail.market_of(rows).tolist() == [0, 1, 2]
    assert tail.panel.price_e4[rows].tolist() == [5_100, 200, 6_500]
    whole = make_panel(
        [
            {
                "prices": [(START + k * HOUR, 0.40 + 0.01 * k) for k in range(20)] + [(NOW, 0.51)],
                "event": "a", "end": START + 9 * DAY,
            },
            {"prices": [(NOW, 0.02)], "event": "a", "end": START + 9 * DAY},
            {"prices": [(START, 0.7), (START + DAY, 0.6), (NOW, 0.65)], "event": "b", "end": START + 9 * DAY},
        ]
    )[0]  # fmt: skip
    names = ["price", "momentum_1d", "path_high", "event_price_sum", "hours_to_end"]
    assert compute(tail.panel, names, rows).equals(compute(whole, names, rows))


def test_a_point_of_the_past_or_of_half_a_book_is_not_added():
    base = panel()
    first = numbers(base)[0]
    tail = Tail(base, [first])
    assert not len(tail.append(START + HOUR, [book(first, 5_000, 5_200)]))
    assert not len(tail.append(NOW, [MarketBook(first, NOW, NOW, 100, ((5_000, 1),), ())]))
    assert not len(tail.append(NOW, [book(first, 5_300, 5_200)]))
    assert tail.panel.point_count == base.point_count


def test_a_market_beyond_the_panel_cannot_be_watched():
    with pytest.raises(ValueError, match="lacks markets"):
        Tail(panel(), [10**6])


# the watcher


class Reads:
    """A venue's reads as the test wants them."""

    def __init__(self) -> None:
        self.found: list[BookSnapshot] = []
        self.told: list[News] = []
        self.fails = False
        self.asked: list[int] = []

    async def books(self, tokens: Sequence[str]) -> Sequence[BookSnapshot]:
        if self.fails:
            raise Retryable("venue-unavailable", "no answer")
        return [one for one in self.found if one.token in tokens]

    async def news(self, market_nos: Sequence[int]) -> Sequence[News]:
        self.asked.append(len(market_nos))
        return [one for one in self.told if one.market_no in market_nos]


def looking() -> tuple[Watcher, Reads, ManualClock, list[int]]:
    base = panel()
    reads, clock = Reads(), ManualClock(NOW)
    known = numbers(base)
    reads.told = [News(market_no=number, status=MarketStatus.OPEN, scheduled_end=NOW + DAY) for number in known]
    reads.found = [
        BookSnapshot(token=f"y{number}", bids=((4_000, 10**7),), asks=((4_200, 10**7),), known_at=NOW, tick_e4=100)
        for number in known
    ]
    return Watcher(reads, Directory(watched(base)), clock), reads, clock, known


def test_a_look_sees_books_and_both_legs():
    watcher, _, _, known = looking()
    tick = asyncio.run(watcher.look())
    assert [one.market_no for one in tick.books] == sorted(known)
    assert tick.status == ()
    no = watcher.board.book(f"n{known[0]}")
    assert no is not None
    assert (no.bids[0][0], no.asks[0][0]) == (5_800, 6_000)
    assert watcher.board.best_bid(f"n{known[0]}") == 5_800


def test_a_book_that_is_not_answered_is_not_there_any_more():
    watcher, reads, _, known = looking()
    asyncio.run(watcher.look())
    reads.found = reads.found[1:]
    tick = asyncio.run(watcher.look())
    assert known[0] not in {one.market_no for one in tick.books}
    assert watcher.board.book(f"y{known[0]}") is None


def test_a_failed_call_leaves_no_book_and_is_kept():
    watcher, reads, _, known = looking()
    asyncio.run(watcher.look())
    reads.fails = True
    tick = asyncio.run(watcher.look())
    assert tick.books == ()
    assert watcher.failure is not None
    assert watcher.board.book(f"y{known[0]}") is None


def test_a_standing_grows_old_and_payouts_are_of_both_legs():
    watcher, reads, clock, known = looking()
    reads.told[1] = News(market_no=known[1], status=MarketStatus.CLOSED, payout_e4=10_000)
    tick = asyncio.run(watcher.look())
    assert dict(tick.status) == {known[1]: "closed"}
    assert watcher.payouts() == {f"y{known[1]}": 10_000, f"n{known[1]}": 0}
    assert known[1] not in {one.market_no for one in asyncio.run(watcher.look()).books}
    reads.told = []
    clock.advance(11 * MINUTE)
    assert watcher.standing(known[0]) is MarketStatus.UNKNOWN
    asyncio.run(watcher.look())
    assert reads.asked[-1] == len(known) - 1  # what has paid out needs no more asking


# the choice


class Odds:
    def __init__(self, p: float) -> None:
        self._p = p

    def fair(self) -> np.ndarray:
        return np.array([self._p])

    def error(self) -> np.ndarray:
        return np.array([0.02])


class Saying:
    def __init__(self, p: float, side: int) -> None:
        self.index, self.side = np.array([0]), np.array([side], np.int8)
        self.reason, self.odds = ("told",), Odds(p)


class Voice:
    """Speak about the first row."""

    needs = ("price",)

    def __init__(self, name: str, p: float, side: int) -> None:
        self.name, self._said = name, Saying(p, side)

    def speak(self, rows, as_of):
        return self._said


def chooser(*voices: Voice, **risk: float) -> tuple[Chooser, int]:
    base = panel()
    directory = Directory(watched(base))
    settings = Settings()
    settings = settings.model_copy(update={"risk": settings.risk.model_copy(update=risk)})
    exits = make_limits(EngineConfig.of_settings(settings.costs, settings.risk))
    first = numbers(base)[0]
    return Chooser(Decider(Tail(base, numbers(base)), voices), directory, Rules.of(settings), exits), first


def inputs(**changes: object) -> Inputs:
    purse = Purse(equity_e6=10**9, peak_e6=10**9, free_e6=10**9)
    return Inputs(purse=purse, ends={}, **changes)  # type: ignore[arg-type]


def test_an_edge_becomes_one_order_and_the_purse_stays_whole():
    choose, first = chooser(Voice("a", 0.75, 1))
    given = inputs()
    line = choose.choose(Tick(NOW, (book(first, 5_000, 5_200),)), given)
    (order,) = line.wanted
    assert order.is_buy
    assert order.price_e4 == 5_200
    assert order.intent_id == f"a/{first}/{NOW}"
    assert [one.code for one in line.planned] == [GateCode.ALLOWED]
    assert given.purse.free_e6 == 10**9
    again = msgspec.json.decode(record.encode(line), type=record.Line)
    assert record.encode(again) == record.encode(line)


@pytest.mark.parametrize(
    ("taken", "code"),
    [("already-held", GateCode.ALREADY_HELD), ("already-traded", GateCode.ALREADY_TRADED)],
)
def test_a_market_that_is_taken_gets_no_order(taken, code):
    choose, first = chooser(Voice("a", 0.75, 1))
    line = choose.choose(Tick(NOW, (book(first, 5_000, 5_200),)), inputs(taken={first: taken}))
    assert line.wanted == ()
    assert [one.code for one in line.planned] == [code]


def test_a_market_that_is_not_open_gets_no_order():
    choose, first = chooser(Voice("a", 0.75, 1))
    line = choose.choose(Tick(NOW, (book(first, 5_000, 5_200),), ((first, "disputed"),)), inputs())
    assert line.wanted == ()


def test_of_two_voices_the_one_that_sees_more_is_heard():
    choose, first = chooser(Voice("less", 0.60, 1), Voice("more", 0.80, 1), Voice("other", 0.55, -1))
    line = choose.choose(Tick(NOW, (book(first, 5_000, 5_200),)), inputs())
    assert [order.strategy for order in line.wanted] == ["more"]
    assert [one.code for one in line.planned] == [GateCode.ALREADY_HELD, GateCode.ALLOWED, GateCode.ALREADY_HELD]


def held(number: int, **changes: object) -> Held:
    fields = {
        "token": f"y{number}", "market_no": number, "side": 1, "sellable_e6": 50_000_000, "paid_e4": 6_000,
        "fair_e6": 900_000, "opened_at": NOW - DAY, "strategy": "a", **changes,
    }  # fmt: skip
    return msgspec.convert(fields, Held)


def test_a_stop_a_target_a_gone_edge_and_an_operator_end_a_position():
    cases = [
        ({"stop_loss": 0.2}, {}, "exit-stop-loss"),
        ({"take_profit": 0.1}, {"paid_e4": 4_000}, "exit-take-profit"),
        ({"exit_on_edge_gone": True}, {"fair_e6": 450_000}, "exit-edge-gone"),
        ({"max_hold_days": 0.5}, {}, "exit-time"),
        ({}, {"flatten": True}, "exit-flatten"),
    ]
    for risk, change, word in cases:
        known = {name: value for name, value in risk.items() if name in Settings().risk.__class__.model_fields}
        if known != risk:
            continue
        choose, first = chooser(**known)
        flatten = bool(change.pop("flatten", False))
        position = held(first, **change)
        tick = Tick(NOW, (book(first, 4_600, 4_800),))
        (order,) = choose.choose(tick, inputs(held=(position,), flatten=flatten)).wanted
        assert not order.is_buy
        assert order.intent_id.startswith(word), word
        assert order.shares_e6 == 50_000_000
        quiet, _ = chooser()
        assert quiet.choose(tick, inputs(held=(position,))).wanted == ()


def test_without_a_bid_nothing_is_sold():
    choose, first = chooser()
    empty = MarketBook(first, NOW, NOW, 100, (), ((4_800, 10**8),))
    assert choose.choose(Tick(NOW, (empty,)), inputs(held=(held(first),), flatten=True)).wanted == ()


def test_a_rule_without_a_past_has_no_edge_however_narrow_the_spread():
    from edgeworth.core.config import Settings as Defaults
    from edgeworth.forecasting.speaking import RuleSpeaker
    from edgeworth.strategies import registry

    voice = RuleSpeaker(registry.find("favorite-longshot"), None, Defaults())
    base = panel()
    first = numbers(base)[0]
    decider = Decider(Tail(base, numbers(base)), (voice,))
    wide, narrow = book(first, 9_100, 9_500), book(first, 9_290, 9_310, NOW + MINUTE)
    (one,) = decider.decide(Tick(NOW, (wide,)))
    (other,) = decider.decide(Tick(NOW + MINUTE, (narrow,)))
    assert (one.side, other.side) == (1, 1)
    assert one.p == pytest.approx(0.93 + Defaults().costs.half_spread, abs=1e-9)
    assert other.p == pytest.approx(0.931, abs=1e-9)
