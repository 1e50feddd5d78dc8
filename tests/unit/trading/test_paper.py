"""The paper venue against books written by hand: what is used up, who stands before whom, what survives a restart."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.wires import START, run

from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import DataError, Rejected
from edgeworth.core.orders import Instrument, Intent, Settlement, TimeInForce
from edgeworth.core.units import DAY, MINUTE, ONE_PRICE, SECOND, Micros
from edgeworth.trading.paper import PaperSettings, PaperVenue
from edgeworth.trading.paper_state import MemoryStore, PaperState, read_state, write_state

TOKEN = "12345"
UNIT = 1_000_000


class Books:
    """Books as they are set."""

    def __init__(self, clock):
        self.clock, self.books = clock, {}

    def show(self, bids=((5_000, 100),), asks=((5_200, 100),), token=TOKEN):
        sides = [tuple((price, shares * UNIT) for price, shares in side) for side in (bids, asks)]
        self.books[token] = BookSnapshot(
            token=token, bids=sides[0], asks=sides[1], known_at=int(self.clock.now()), tick_e4=100
        )

    def hide(self, token=TOKEN):
        self.books.pop(token, None)

    def book(self, token):
        return self.books.get(token)


class Table:
    """A venue over hand-written books; `again` is a restart from what was saved."""

    def __init__(self, deposit=1_000):
        self.clock = VirtualClock(START)
        self.books, self.store = Books(self.clock), MemoryStore()
        self.settings = PaperSettings(deposit_e6=deposit * UNIT)
        self.count = 0
        self.books.show()
        self.again()

    def again(self):
        self.venue = PaperVenue(self.books, self.store, self.clock, self.settings)
        return self.venue

    async def prepare(self, price, shares, *, buy=True, kind="GTD", fee=0, post_only=False, token=TOKEN):
        self.count += 1
        tif = TimeInForce(kind)
        created = self.clock.now()
        instrument = Instrument(
            market_no=1, condition="0x", token=token, is_yes=True, tick_e4=100, min_size_e6=5 * UNIT, fee_rate_e6=fee
        )
        intent = Intent(
            intent_id=str(self.count),
            instrument=instrument,
            is_buy=buy,
            price_e4=price,
            shares_e6=round(shares * UNIT),
            time_in_force=tif,
            created_at=created,
            expires_at=Micros(created + 15 * MINUTE) if tif is TimeInForce.GTD else None,
            post_only=post_only,
        )
        return await self.venue.prepare(intent, self.count)

    async def place(self, *words, **terms):
        order = await self.prepare(*words, **terms)
        return order.order_id, await self.venue.submit(order)

    async def pass_by(self, seconds):
        await self.clock.sleep(seconds)
        self.venue.step()

    def matched(self, name):
        return self.venue.state.orders[name].matched_e6 // UNIT


def play(story, **how):
    table = Table(**how)
    run(table.clock, story(table))
    return table


def test_what_one_order_took_is_gone_for_the_next():
    async def story(table):
        table.books.show(asks=((5_200, 100), (5_300, 50)))
        _, first = await table.place(5_200, 80, kind="FAK")
        assert first.matched_e6 == 80 * UNIT
        _, second = await table.place(5_200, 80, kind="FAK", buy=True)
        assert second.matched_e6 == 20 * UNIT
        with pytest.raises(Rejected) as caught:
            await table.place(5_200, 10, kind="FAK")
        assert caught.value.code == "order-not-filled"
        _, dearer = await table.place(5_300, 40, kind="FOK")
        fills = await table.venue.order_fills(dearer.order_id)
        assert [(fill.price_e4, fill.shares_e6) for fill in fills] == [(5_300, 40 * UNIT)]
        table.books.show(asks=((5_300, 50),))
        await table.pass_by(1)
        table.books.show(asks=((5_200, 30),))
        await table.pass_by(1)
        _, fresh = await table.place(5_200, 30, kind="FOK")  # the level had gone, so this is another one
        assert fresh.matched_e6 == 30 * UNIT

    play(story)


def test_an_order_walks_the_book_of_when_it_arrives():
    async def story(table):
        order = await table.prepare(5_300, 40, kind="FOK")
        table.books.show(asks=((5_300, 30),))
        with pytest.raises(Rejected):
            await table.venue.submit(order)
        begun = table.clock.now()
        table.books.show(asks=((5_300, 40),))
        _, report = await table.place(5_300, 40, kind="FOK")
        assert table.clock.now() - begun == 250_000
        assert report.matched_e6 == 40 * UNIT

    play(story)


def test_dollars_to_spend_buy_more_where_the_price_is_better():
    async def story(table):
        table.books.show(asks=((4_000, 10), (5_000, 100)))
        name, report = await table.place(5_000, 20, kind="FAK")  # ten dollars
        fills = await table.venue.order_fills(name)
        assert [(fill.price_e4, fill.shares_e6) for fill in fills] == [(4_000, 10 * UNIT), (5_000, 12 * UNIT)]
        assert report.matched_e6 == 22 * UNIT
        await table.pass_by(3)
        assert table.venue.state.cash_e6 == 990 * UNIT

    play(story)


def test_takers_pay_fees_and_makers_none():
    async def story(table):
        name, _ = await table.place(5_200, 50, kind="FOK", fee=70_000)
        (fill,) = await table.venue.order_fills(name)
        assert fill.fee_e6 == 873_600  # 50 x 0.07 x 0.52 x 0.48
        resting, _ = await table.place(5_000, 10, fee=70_000)
        table.books.show(bids=((4_800, 1),), asks=((4_900, 100),))
        await table.pass_by(1)
        (made,) = await table.venue.order_fills(resting)
        assert (made.fee_e6, made.is_maker, made.price_e4, made.shares_e6) == (0, True, 5_000, 10 * UNIT)
        await table.pass_by(6)
        assert table.venue.state.cash_e6 == 1_000 * UNIT - 26 * UNIT - 873_600 - 5 * UNIT

    play(story)


def test_a_resting_order_waits_for_the_whole_queue():
    async def story(table):
        name, _ = await table.place(5_000, 30)  # behind a hundred
        table.venue.printed(TOKEN, 5_000, 60 * UNIT, is_buy=False)
        assert table.matched(name) == 0
        table.venue.printed(TOKEN, 5_000, 10 * UNIT, is_buy=True)  # a buyer meets the other side
        table.venue.printed(TOKEN, 5_100, 90 * UNIT, is_buy=False)  # a better bid than ours
        assert table.matched(name) == 0
        table.venue.printed(TOKEN, 5_000, 50 * UNIT, is_buy=False)
        assert table.matched(name) == 10
        table.venue.printed(TOKEN, 4_900, 5 * UNIT, is_buy=False)  # beyond our price: we were before it
        assert table.matched(name) == 15
        table.venue.printed(TOKEN, 4_900, 500 * UNIT, is_buy=False)
        assert table.matched(name) == 30
        assert table.venue.state.orders[name].status == "matched"

    play(story)


def test_one_trade_does_not_fill_two_orders_with_the_same_shares():
    async def story(table):
        table.books.show(bids=())
        first, _ = await table.place(5_000, 30)
        second, _ = await table.place(5_000, 30)
        table.venue.printed(TOKEN, 5_000, 40 * UNIT, is_buy=False)
        assert (table.matched(first), table.matched(second)) == (30, 10)

    play(story)


def test_the_queue_is_never_longer_than_what_is_displayed_and_never_filled_by_that():
    async def story(table):
        name, _ = await table.place(5_000, 30)
        table.books.show(bids=((5_000, 20),))
        await table.pass_by(1)
        assert table.matched(name) == 0
        table.venue.printed(TOKEN, 5_000, 25 * UNIT, is_buy=False)
        assert table.matched(name) == 5

    play(story)


def test_an_offer_at_the_same_price_is_no_proof_but_one_beyond_is():
    async def story(table):
        name, _ = await table.place(5_000, 30)
        table.books.show(bids=((4_900, 5),), asks=((5_000, 100),))
        await table.pass_by(1)
        assert table.matched(name) == 0
        table.books.show(bids=((4_800, 5),), asks=((4_900, 10), (5_000, 100)))
        await table.pass_by(1)
        assert table.matched(name) == 10
        await table.pass_by(1)
        assert table.matched(name) == 10  # the same ten are not counted again

    play(story)


def test_a_gap_refuses_what_arrives_and_costs_what_rests_its_place():
    async def story(table):
        name, _ = await table.place(5_000, 30)
        table.venue.printed(TOKEN, 5_000, 95 * UNIT, is_buy=False)
        table.books.hide()
        with pytest.raises(Rejected) as caught:
            await table.place(5_200, 10, kind="FAK")
        assert caught.value.code == "order-no-book"
        await table.pass_by(1)
        table.venue.printed(TOKEN, 4_900, 500 * UNIT, is_buy=False)  # nobody knows what came before
        assert table.matched(name) == 0
        table.books.show()
        await table.pass_by(1)
        table.venue.printed(TOKEN, 5_000, 95 * UNIT, is_buy=False)
        assert table.matched(name) == 0
        table.venue.printed(TOKEN, 5_000, 15 * UNIT, is_buy=False)
        assert table.matched(name) == 10
        await table.pass_by(100)  # a book that nobody has renewed is no book
        with pytest.raises(Rejected):
            await table.place(5_200, 10, kind="FAK")

    play(story)


def test_everything_survives_a_restart():
    async def story(table):
        resting, _ = await table.place(4_900, 30)
        taken, _ = await table.place(5_200, 100, kind="FOK")
        table.venue.printed(TOKEN, 5_000, 95 * UNIT, is_buy=False)
        before = await table.venue.account(Micros(0))
        again = table.again()
        after = await again.account(Micros(0))
        assert after == before
        assert [order.order_id for order in after.orders] == [resting]
        with pytest.raises(Rejected):  # the level is as used up as it was
            await table.place(5_200, 10, kind="FAK")
        await table.pass_by(6)
        (fill,) = await again.order_fills(taken)
        assert fill.settlement is Settlement.CONFIRMED
        assert table.again().state.holdings == {TOKEN: 100 * UNIT}

    play(story)


def test_an_order_on_its_way_when_the_process_died_is_decided_afterwards_and_once():
    async def story(table):
        import asyncio

        order = await table.prepare(5_200, 40, kind="FOK")
        sending = asyncio.create_task(table.venue.submit(order))
        await table.clock.sleep(0.1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        again = table.again()
        assert (await again.order(order.order_id)).status == "delayed"
        assert (await again.submit(order)).matched_e6 == 40 * UNIT
        assert len(await again.order_fills(order.order_id)) == 1
        assert (await table.again().submit(order)).status == "matched"

    play(story)


def test_a_refused_order_stays_refused_when_it_comes_again():
    async def story(table):
        order = await table.prepare(5_100, 40, kind="FOK")
        for _ in range(2):
            with pytest.raises(Rejected):
                await table.venue.submit(order)
            table.books.show(asks=((5_100, 100),))
            table.again()
        assert await table.venue.order(order.order_id) is None

    play(story)


def test_bytes_older_than_the_memory_are_not_taken_as_new():
    async def story(table):
        order = await table.prepare(5_200, 10, kind="FOK")
        await table.venue.submit(order)
        await table.pass_by(DAY / SECOND + 1)
        table.venue.state.forget(table.clock.now())
        assert order.order_id not in table.venue.state.orders
        with pytest.raises(Rejected) as caught:
            await table.venue.submit(order)
        assert caught.value.code == "order-bad-expiry"

    play(story)


@pytest.mark.parametrize(("payout", "cash"), [(ONE_PRICE, 1_048), (0, 948), (5_000, 998)])
def test_a_market_that_resolves_pays_out(payout, cash):
    async def story(table):
        await table.place(5_200, 100, kind="FOK")
        resting, _ = await table.place(5_000, 10)
        await table.pass_by(1)
        table.venue.resolve(TOKEN, payout)  # before the trade is mined
        assert table.venue.state.orders[resting].status == "cancelled"
        await table.pass_by(6)
        table.venue.resolve(TOKEN, payout)
        snapshot = await table.venue.account(Micros(0))
        assert (snapshot.cash_e6, snapshot.holdings) == (cash * UNIT, ())
        with pytest.raises(Rejected) as caught:
            await table.place(5_200, 10, kind="FOK")
        assert caught.value.code == "order-no-market"

    play(story)


def test_a_tick_that_has_changed_refuses_the_old_grid():
    async def story(table):
        import msgspec

        table.books.books[TOKEN] = msgspec.structs.replace(table.books.books[TOKEN], tick_e4=1_000)
        with pytest.raises(Rejected) as caught:
            await table.place(5_200, 10, kind="FAK")
        assert caught.value.code == "order-off-tick"

    play(story)


def test_nobody_hears_what_is_not_saved():
    class Full(MemoryStore):
        full = False

        def save(self, data):
            if self.full:
                raise OSError("no space left")
            super().save(data)

    async def story(table):
        table.store = Full()
        venue = table.again()
        heard = []
        events = venue.events()
        await anext(events)
        name, _ = await table.place(5_000, 10)
        assert (await anext(events)).order_id == name
        venue._listeners.append(heard.append)
        table.store.full = True
        with pytest.raises(OSError, match="no space"):
            venue.printed(TOKEN, 4_000, 10 * UNIT, is_buy=False)
        table.store.full = False
        assert not heard
        venue.step()
        assert len(heard) == 2
        assert read_state(table.store.data).orders[name].matched_e6 == 10 * UNIT
        await events.aclose()

    play(story)


def test_saved_accounts_that_cannot_be_read_are_said_to_be_so():
    with pytest.raises(DataError, match="cannot be read"):
        read_state(b"{}")
    with pytest.raises(DataError, match="newer"):
        read_state(write_state(PaperState(cash_e6=1, version=99)))


ACTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("buy"), st.integers(45, 56), st.integers(5, 300), st.sampled_from(["GTD", "FAK", "FOK", "GTC"])
        ),
        st.tuples(st.just("sell"), st.integers(45, 56), st.integers(5, 300), st.sampled_from(["GTD", "FAK", "FOK"])),
        st.tuples(st.just("book"), st.integers(44, 54), st.integers(1, 4), st.integers(0, 200)),
        st.tuples(st.just("print"), st.integers(44, 57), st.integers(1, 200), st.booleans()),
        st.tuples(st.just("gap")),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("cancel")),
        st.tuples(st.just("restart")),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ACTS)
def test_whatever_happens_money_and_shares_add_up(acts):
    async def act(table, kind, *words):
        venue = table.venue
        if kind in {"buy", "sell"}:
            try:
                await table.place(words[0] * 100, words[1], buy=kind == "buy", kind=words[2], fee=50_000)
            except Rejected:
                return
        elif kind == "book":
            low = words[0] * 100
            table.books.show(((low, words[2]), (low - 100, 50)), ((low + words[1] * 100, words[2]),))
        elif kind == "print":
            venue.printed(TOKEN, words[0] * 100, words[1] * UNIT, is_buy=words[2])
        elif kind == "gap":
            table.books.hide()
        elif kind == "wait":
            await table.pass_by(words[0])
        elif kind == "cancel":
            await venue.cancel_all()
        else:
            before = write_state(venue.state)
            table.again()
            assert {t.trade_id for t in table.venue.state.trades.values()} == set(read_state(before).trades)

    async def story(table):
        for one in acts:
            await act(table, *one)
            check(table.venue.state, table.settings.deposit_e6)
            assert write_state(read_state(table.store.data)) == table.store.data
        await table.pass_by(10)
        check(table.venue.state, table.settings.deposit_e6)

    play(story)


def check(state, deposit):
    assert state.free_cash() >= 0
    assert state.free_shares(TOKEN) >= 0
    assert set(state.going) == {t.trade_id for t in state.trades.values() if t.settlement is not Settlement.CONFIRMED}
    moved = [t for t in state.trades.values() if t.settlement is not Settlement.MATCHED]
    cash = sum((-t.cash_e6 if t.is_buy else t.cash_e6) - t.fee_e6 for t in moved)
    assert state.cash_e6 == deposit + cash
    assert state.holdings.get(TOKEN, 0) == sum(t.shares_e6 if t.is_buy else -t.shares_e6 for t in moved)
    for order in state.orders.values():
        fills = [t for t in state.trades.values() if t.order_id == order.order_id]
        assert order.matched_e6 == sum(t.shares_e6 for t in fills)
        assert all(t.price_e4 <= order.price_e4 if order.is_buy else t.price_e4 >= order.price_e4 for t in fills)
        if not order.budget:
            assert order.matched_e6 <= order.size_e6
        else:
            assert sum(t.cash_e6 for t in fills) <= order.size_e6 * order.price_e4 // 10_000 + 100


def test_paper_knows_no_key_and_no_network():
    code = "import edgeworth.trading.paper, sys; print([m for m in sys.modules if m.split('.')[0] in {'eth_account','polymarket','httpx2','keyring','pyrage'} or 'sign' in m and 'edgeworth' in m])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_trade_of_the_other_token_is_the_same_trade_seen_from_there():
    async def story(table):
        other = "67890"
        table.books.show(bids=(), token=other)
        table.books.show(bids=())
        yes, _ = await table.place(5_000, 10)
        no, _ = await table.place(4_900, 10, token=other)
        table.venue.printed(other, 5_000, 4 * UNIT, is_buy=True, other=TOKEN)  # a buyer of NO at half a dollar
        assert (table.matched(yes), table.matched(no)) == (4, 0)
        table.venue.printed(TOKEN, 5_100, 7 * UNIT, is_buy=True, other=other)  # a buyer of YES at 51 cents
        assert (table.matched(yes), table.matched(no)) == (4, 7)

    play(story)
