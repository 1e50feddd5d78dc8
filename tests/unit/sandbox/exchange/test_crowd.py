"""The crowd: a pure function while nobody interferes, the same in a live book, and a counterparty to clients."""

from decimal import Decimal
from itertools import pairwise

from tests.unit.sandbox.exchange.desks import Desk, live, open_market

from edgeworth.core.clock import ManualClock
from edgeworth.core.units import DAY, HOUR, MINUTE, Micros
from edgeworth.sandbox.exchange.crowd import Crowd
from edgeworth.sandbox.exchange.venue import Exchange


class Ear:
    """Watch a market without subscribing to anything else."""

    def __init__(self) -> None:
        self.trades: list[tuple[int, int]] = []

    def changed(self, *_: object) -> None: ...
    def tick_changed(self, *_: object) -> None: ...

    def traded(self, pit: object, at: int, trade: object) -> None:
        self.trades.append((at, trade.shares_e6))  # type: ignore[attr-defined]


def test_quotes_are_the_worlds_quote_at_every_instant() -> None:
    made, crowd = live(), Crowd(live())
    market, at = open_market(made)
    for minute in range(0, 240, 7):
        now = at + minute * MINUTE + 12_345
        bid, ask = made.quote_e4(market, now)
        quotes = crowd.quotes(market, now)
        assert quotes.at <= now < crowd.next_quote(market, now)
        assert crowd.quotes(market, crowd.next_quote(market, now) - 1) == quotes
        assert (quotes.bids[0].price_e4, quotes.asks[0].price_e4) == (bid, ask)
        tick = made.tick_e4(market, now)
        for levels, sign in ((quotes.bids, -1), (quotes.asks, 1)):
            assert all(sign * (b.price_e4 - a.price_e4) > 0 for a, b in pairwise(levels))
            assert all(row.price_e4 % tick == 0 and row.shares_e6 >= 5_000_000 for row in levels)


def test_prints_add_up_to_the_worlds_volume_and_do_not_depend_on_how_they_are_asked_for() -> None:
    made, crowd = live(), Crowd(live())
    checked = 0
    for market in range(0, made.count, 7):
        begin, end = int(made.created_at[market]), int(made.proposed_at[market])
        rows = crowd.prints(market, begin, end)
        dollars = sum(row.shares_e6 * row.price_e4 // 10_000 for row in rows)
        volume = made.volume_e6(market, end)
        if volume < 200_000_000:
            continue
        checked += 1
        assert abs(dollars - volume) < 0.02 * volume
        middle = (begin + end) // 2
        assert rows == crowd.prints(market, begin, middle) + crowd.prints(market, middle, end)
        assert Crowd(made).prints(market, middle, end) == crowd.prints(market, middle, end)
        assert [row.at for row in rows] == sorted(row.at for row in rows)
        last = crowd.last_print(market, middle)
        before = [row for row in rows if row.at <= middle]
        assert last == (before[-1] if before else None)
    assert checked > 5


def test_untouched_markets_cost_nothing() -> None:
    made = live()
    clock = ManualClock(Micros(made.start))
    exchange = Exchange(made, clock)
    clock.advance(20 * DAY)
    for market in range(made.count):
        exchange.book(market)
    assert exchange.timers.next_at() is None
    assert not exchange.floor.pits


def test_watching_changes_neither_quotes_nor_trades() -> None:
    """A live book without clients has the computed book's best prices, and the same trades at the same instants."""
    desk = Desk()
    start, ear = desk.clock.now(), Ear()
    desk.exchange.floor.watch(desk.market, ear, start)
    for _ in range(60):
        desk.wait(120)
        seen, computed = desk.exchange.book(desk.market), desk.exchange.floor.computed(desk.market, desk.clock.now())
        assert seen is not None
        assert computed is not None
        assert (seen.bids[0].price_e4, seen.asks[0].price_e4) == (computed.bids[0].price_e4, computed.asks[0].price_e4)
    expected = [
        (row.at, row.shares_e6) for row in desk.exchange.floor.crowd.prints(desk.market, start, desk.clock.now())
    ]
    assert expected
    assert ear.trades == expected
    desk.exchange.floor.unwatch(desk.market, ear)
    desk.wait(180)
    assert not desk.exchange.floor.pits


def test_resting_orders_are_hit_by_the_crowd_and_the_tape_says_so() -> None:
    desk = Desk()
    start, (bid, ask) = desk.clock.now(), desk.quote()
    assert ask - bid > 100
    names = [
        desk.client.placed(desk.yes, "BUY", bid + 100, 5_000 // 10)["orderID"],
        desk.client.placed(desk.no, "BUY", 10_000 - ask, 500)["orderID"],
    ]
    desk.wait(8 * 3600)
    filled = {name: desk.exchange.floor.orders[name].matched_e6 for name in names}
    assert sum(filled.values()) > 0
    desk.exchange.bank.check()
    now = desk.clock.now()
    public = desk.exchange.trades(desk.market, start, now)
    mine = [trade for trade in desk.exchange.tape.trades.values() if trade.market == desk.market]
    assert {trade.transaction for trade in mine} <= {row.transaction for row in public}
    crowd = desk.exchange.floor.crowd.prints(desk.market, start, now)
    dollars = sum(row.shares_e6 * row.price_e4 for row in public) / sum(row.shares_e6 * row.price_e4 for row in crowd)
    assert 0.7 < dollars < 1.5
    with_makers = desk.exchange.trades(desk.market, start, now, makers=True)
    assert any(row.wallet == desk.client.wallet and not row.taker for row in with_makers)


def test_a_quote_that_comes_to_meet_an_order_trades_with_it() -> None:
    """An order left behind by a moving price is filled at its own price: the crowd's new quote crosses it."""
    made = live()
    desk = Desk()
    market, at = desk.market, desk.clock.now()
    moves = [
        t
        for t in range(at, int(made.proposed_at[market]) - HOUR, 5 * MINUTE)
        if made.quote_e4(market, t + 5 * MINUTE)[1] + 200 < made.quote_e4(market, t)[0]
    ]
    assert moves
    desk.clock.advance(moves[0] - at)
    bid = desk.quote()[0]
    name = desk.client.placed(desk.yes, "BUY", bid, 10)["orderID"]
    desk.wait(300)
    order = desk.exchange.floor.orders[name]
    assert order.state.value == "MATCHED"
    desk.wait(5)
    assert desk.client.money.shares((market, 0)) == 10_000_000
    assert Decimal(desk.client.money.held[market, 0].cost_e6) == 10 * bid * 100


def test_consumed_quotes_come_back_with_the_next_minute() -> None:
    desk = Desk()
    ask = desk.quote()[1]
    shown = desk.exchange.book(desk.market)
    assert shown is not None
    desk.client.placed(desk.yes, "BUY", ask, shown.asks[0].shares_e6 / 1e6)
    assert desk.quote()[1] > ask
    desk.wait(61)
    bid, ask = desk.live.quote_e4(desk.market, desk.clock.now())
    assert desk.quote() == (bid, ask)


def test_a_client_moves_up_in_the_queue_as_the_crowd_ahead_is_hit() -> None:
    desk = Desk()
    bid = desk.quote()[0]
    name = desk.client.placed(desk.yes, "BUY", bid, 50)["orderID"]
    pit = desk.exchange.floor.pits[desk.market]

    def ahead() -> int:
        queue = pit.book.queue(True, bid)
        place = next(n for n, order in enumerate(queue) if order.id == name)
        return sum(order.left_e6 for order in queue[:place])

    seen = [ahead()]
    for _ in range(600):
        desk.wait(60)
        if desk.exchange.floor.orders[name].matched_e6:
            break
        seen.append(ahead())
    assert desk.exchange.floor.orders[name].matched_e6 > 0
    assert seen == sorted(seen, reverse=True)  # nobody ever gets in front
    assert seen[0] > seen[-1]
    desk.wait(10)
    desk.exchange.bank.check()
