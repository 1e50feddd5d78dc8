"""What happens after a match: steps, fees, failures, closing, payouts; and that nothing is ever lost."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.sandbox.exchange.desks import Client, Desk, Person, live

from edgeworth.core.clock import ManualClock
from edgeworth.core.types import Payout
from edgeworth.core.units import MINUTE, Micros
from edgeworth.sandbox.exchange.ports import FixedFaults
from edgeworth.sandbox.exchange.venue import Exchange


def states(desk: Desk) -> list[tuple[float, str]]:
    trade = next(iter(desk.exchange.tape.trades.values()))
    return [((at - trade.at) / 1e6, state.value) for at, state in trade.history]


@pytest.mark.parametrize(
    ("fault", "steps"),
    [
        ("", [(0, "MATCHED"), (2, "MINED"), (5, "CONFIRMED")]),
        ("trade-retrying", [(0, "MATCHED"), (2, "RETRYING"), (4, "MINED"), (7, "CONFIRMED")]),
        ("trade-failed", [(0, "MATCHED"), (2, "RETRYING"), (5, "FAILED")]),
    ],
)
def test_the_steps_of_a_trade(fault: str, steps: list[tuple[float, str]]) -> None:
    desk = Desk(FixedFaults({fault: {}} if fault else {}))
    desk.client.placed(desk.yes, "BUY", desk.quote()[1], 10)
    for _ in range(8):
        desk.wait(1)
        desk.exchange.bank.check()
    assert states(desk) == steps
    failed = fault == "trade-failed"
    assert desk.client.money.shares((desk.market, 0)) == (0 if failed else 10_000_000)
    assert desk.client.money.pending_e6 == 0
    assert (desk.client.money.cash_e6 == 10_000_000_000) == failed


def test_the_taker_pays_the_markets_fee_and_the_maker_none() -> None:
    made = live()
    desk = Desk(people=2)
    dear = next(
        m
        for m in range(made.count)
        if desk.exchange.floor.fee_e6(m, 100_000_000, 5_000) > 0
        and 3_000 < made.fair_e4(m, made.created_at[m]) < 7_000
        and made.quote_e4(m, int(made.created_at[m]) + 2 * MINUTE)[1]
        - made.quote_e4(m, int(made.created_at[m]) + 2 * MINUTE)[0]
        >= 200
    )
    desk.clock.advance(int(made.created_at[dear]) + 2 * MINUTE - desk.clock.now())
    desk.market, (desk.yes, desk.no) = dear, made.names.tokens(dear)
    maker, taker = desk.clients
    price = desk.quote()[0] + 100
    maker.placed(desk.yes, "BUY", price, 100)
    taker.placed(desk.no, "BUY", 10_000 - price, 100)
    desk.wait(5)
    fee = desk.exchange.floor.fee_e6(dear, 100_000_000, price)
    assert fee > 0
    assert maker.money.cash_e6 == 10_000_000_000 - 100 * price * 100
    assert taker.money.cash_e6 == 10_000_000_000 - 100 * (10_000 - price) * 100 - fee
    assert desk.exchange.bank.fees_e6 == fee
    desk.exchange.bank.check()


def test_split_and_merge_turn_dollars_into_pairs_and_back() -> None:
    desk = Desk()
    assert desk.exchange.split(desk.client.wallet, desk.market, 25_000_001)
    assert desk.client.money.shares((desk.market, 1)) == 25_000_001
    desk.client.placed(desk.no, "SELL", 10_000 - desk.quote()[0] + 500, 10)
    assert not desk.exchange.merge(desk.client.wallet, desk.market, 20_000_000)  # ten are reserved
    assert desk.exchange.merge(desk.client.wallet, desk.market, 15_000_000)
    assert not desk.exchange.split(desk.client.wallet, desk.market, 10**12)
    desk.exchange.bank.check()


def closing(desk: Desk, payout: int) -> Client:
    """Hold both sides of a market that ends in a payout, with an order still open, until it is final."""
    made = desk.live
    market = next(
        m for m in range(made.count) if int(made.world.final_e4[m]) == payout and made.created_at[m] > desk.clock.now()
    )
    desk.clock.advance(int(made.created_at[market]) + 5 * MINUTE - desk.clock.now())
    desk.market, (desk.yes, desk.no) = market, made.names.tokens(market)
    desk.exchange.split(desk.client.wallet, market, 30_000_000)
    winner = desk.yes if payout == int(Payout.YES) else desk.no  # nobody sells the winner that cheaply
    desk.client.placed(winner, "BUY", desk.exchange.floor.tick_e4(market, desk.clock.now()), 20)
    desk.exchange.merge(desk.client.wallet, market, 10_000_000)
    desk.clock.advance(int(made.proposed_at[market]) - desk.clock.now())
    return desk.client


@pytest.mark.parametrize("payout", [Payout.YES, Payout.NO])
def test_a_resolution_cancels_orders_and_pays_the_winners(payout: Payout) -> None:
    desk = Desk()
    client = closing(desk, int(payout))
    assert client.json("GET", "/data/orders")["data"] == []
    assert client.money.reserved_e6 == 0
    assert [order.state.value for order in desk.exchange.floor.orders.values()] == ["CANCELED"]
    before, pairs = client.money.cash_e6, {leg: client.money.shares((desk.market, leg)) for leg in (0, 1)}
    desk.clock.advance(int(desk.live.resolved_at[desk.market]) - desk.clock.now())
    desk.exchange.now()
    winner = 0 if payout is Payout.YES else 1
    assert client.money.cash_e6 - before == pairs[winner]
    rows = [row for row in desk.exchange.positions(client.wallet) if row.market == desk.market]
    assert {row.leg: row.redeemed_e6 for row in rows} == {winner: pairs[winner], 1 - winner: 0}
    desk.exchange.bank.check()


def test_positions_tell_cost_and_profit() -> None:
    desk = Desk()
    bid, ask = desk.quote()
    desk.client.placed(desk.yes, "BUY", ask, 20)
    desk.wait(5)
    desk.client.placed(desk.yes, "SELL", bid, 5)
    desk.wait(5)
    (row,) = desk.exchange.positions(desk.client.person.address)
    assert (row.shares_e6, row.bought_e6) == (15_000_000, 20_000_000)
    assert row.cost_e6 == 15 * ask * 100
    assert row.realised_e6 == 5 * (bid - ask) * 100


class Trading(RuleBasedStateMachine):
    """Three clients do as they please among the crowd; whatever they do, nothing appears, vanishes or goes below zero."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(people=3)

    @rule(
        who=st.integers(0, 2),
        leg=st.integers(0, 1),
        side=st.sampled_from(["BUY", "SELL"]),
        offset=st.integers(-6, 6),
        shares=st.integers(500, 300_000),
        kind=st.sampled_from(["GTC", "GTC", "FOK", "FAK"]),
        post_only=st.booleans(),
    )
    def order(self, who: int, leg: int, side: str, offset: int, shares: int, kind: str, post_only: bool) -> None:
        desk, client = self.desk, self.desk.clients[who]
        shown = desk.exchange.book(desk.market)
        assert shown is not None
        middle = (shown.bids[0].price_e4 if shown.bids else 100) // 100 * 100
        yes = min(max(middle + 100 * offset, 100), 9_900)
        price = yes if leg == 0 else 10_000 - yes
        budget = shares / 100 * price / 10_000 if kind in {"FOK", "FAK"} and side == "BUY" else None
        only = post_only and kind == "GTC"
        body = client.body(
            (desk.yes, desk.no)[leg], side, price, shares / 100, kind=kind, post_only=only, budget=budget
        )
        if int(body["order"]["makerAmount"]) and int(body["order"]["takerAmount"]):
            client.call("POST", "/order", body)

    @rule(who=st.integers(0, 2), amount=st.integers(1, 500))
    def split(self, who: int, amount: int) -> None:
        self.desk.exchange.split(self.desk.clients[who].wallet, self.desk.market, amount * 1_000_000)

    @rule(who=st.integers(0, 2))
    def cancel(self, who: int) -> None:
        self.desk.clients[who].call("DELETE", "/cancel-all")

    @rule(fault=st.sampled_from(["trade-failed", "trade-retrying", "delayed-matched", "delayed-unmatched", ""]))
    def switch(self, fault: str) -> None:
        self.desk.faults.on = {fault: {}} if fault else {}

    @rule(seconds=st.sampled_from([0.5, 1, 2, 3, 7, 45, 61, 600]))
    def wait(self, seconds: float) -> None:
        self.desk.wait(seconds)

    @invariant()
    def conserved(self) -> None:
        self.desk.exchange.bank.check()
        crowd = self.desk.exchange.bank.wallets[""]
        assert crowd.free_e6 >= 0

    @invariant()
    def never_crossed(self) -> None:
        shown = self.desk.exchange.book(self.desk.market)
        if shown is not None and shown.bids and shown.asks:
            assert shown.bids[0].price_e4 < shown.asks[0].price_e4

    @invariant()
    def reservations_belong_to_open_orders(self) -> None:
        for client in self.desk.clients:
            held = [o for o in self.desk.exchange.floor.orders.values() if o.wallet == client.wallet]
            assert client.money.reserved_e6 == sum(o.reserved_e6 for o in held if o.buy)
            assert all(o.reserved_e6 == 0 or o.state.value == "LIVE" for o in held)


Trading.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestTrading = Trading.TestCase


def test_an_endowment_comes_once_per_wallet() -> None:
    desk = Desk()
    person = Person(77)
    client = Client(desk.exchange, desk.clock, person)
    client.login()
    client.login("GET", "/auth/derive-api-key")
    assert client.money.cash_e6 == 10_000_000_000
    desk.exchange.deposit(person.address, 5)
    assert client.money.cash_e6 == 10_000_000_005
    desk.exchange.bank.check()
    assert isinstance(desk.exchange, Exchange)


@pytest.mark.parametrize("yes_e4", [10_000, 5_000, 0])
def test_a_payout_empties_the_pool_whatever_it_is(yes_e4: int) -> None:
    desk = Desk(people=2)
    bank, (one, two) = desk.exchange.bank, desk.clients
    desk.exchange.split(one.wallet, desk.market, 7_000_001)
    price = desk.quote()[0] + 100
    one.placed(desk.yes, "SELL", price, 5)
    two.placed(desk.yes, "BUY", price, 5)
    desk.wait(5)
    before = one.money.cash_e6 + two.money.cash_e6
    paid = bank.resolve(desk.market, yes_e4, desk.clock.now())
    assert sum(paid.values()) == pytest.approx(7_000_001, abs=2)
    assert one.money.cash_e6 + two.money.cash_e6 == before + sum(paid.values())
    assert desk.market not in bank.pools
    bank.check()


def test_half_and_void_outcomes_pay_half_to_both_sides() -> None:
    seed, market = next(
        (seed, market)
        for seed in range(1, 30)
        for market, payout in enumerate(live("tiny", seed).world.final_e4.tolist())
        if payout in {int(Payout.HALF), int(Payout.VOID)}
    )
    made = live("tiny", seed)
    clock = ManualClock(Micros(int(made.created_at[market]) + 5 * MINUTE))
    exchange = Exchange(made, clock)
    client = Client(exchange, clock, Person(3))
    client.login()
    assert exchange.split(client.wallet, market, 10_000_000)
    clock.advance(int(made.resolved_at[market]) - clock.now())
    exchange.now()
    assert [row.redeemed_e6 for row in exchange.positions(client.wallet)] == [5_000_000, 5_000_000]
    exchange.bank.check()
