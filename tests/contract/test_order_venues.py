"""What every order venue must do, whatever stands behind it: paper, and the order service through its wire."""

import asyncio

import pytest
from tests.support.order_venues import LIFE, SIDES, listening

from edgeworth.core.errors import Rejected
from edgeworth.core.orders import ContinuityLost, FillReport, OrderReport, Settlement
from edgeworth.core.units import MINUTE, Micros

pytestmark = pytest.mark.parametrize("kind", sorted(SIDES))
START = Micros(0)


def play(kind, story):
    """Run a story against a fresh venue of a kind."""
    side = SIDES[kind]()

    async def main():
        await side.open()
        await story(side, side.venue)

    side.run(main())


async def placed(side, *words, **terms):
    intent = side.intent(*words, **terms)
    order = await side.venue.prepare(intent, side.salt())
    return order, await side.venue.submit(order)


async def refusal(side, *words, **terms):
    with pytest.raises(Rejected) as caught:
        await placed(side, *words, **terms)
    return caught.value.code


def test_an_order_is_named_before_it_is_sent_and_always_alike(kind):
    async def story(side, venue):
        intent = side.intent(side.quotes()[0], 10)
        first, second = await venue.prepare(intent, 7), await venue.prepare(intent, 7)
        assert first == second
        other = await venue.prepare(intent, 8)
        assert other.order_id != first.order_id
        assert (first.maker_e6, first.taker_e6) == (10 * side.quotes()[0] * 100, 10_000_000)
        assert first.expires_at == (intent.created_at + LIFE) // 1_000_000 * 1_000_000
        assert len(first.order_id) == 66
        assert (await venue.submit(first)).order_id == first.order_id

    play(kind, story)


def test_a_resting_order_is_seen_and_cancelled(kind):
    async def story(side, venue):
        bid, _ = side.quotes()
        order, report = await placed(side, bid - 300, 10)
        assert (report.status, report.matched_e6, report.price_e4) == ("live", 0, bid - 300)
        seen = await venue.order(order.order_id)
        assert (seen.status, seen.size_e6, seen.is_buy, seen.token) == ("live", 10_000_000, True, side.yes)
        snapshot = await venue.account(START)
        assert [one.order_id for one in snapshot.orders] == [order.order_id]
        assert snapshot.complete
        assert await venue.cancel([order.order_id]) == {order.order_id: ""}
        assert await venue.order(order.order_id) is None
        assert (await venue.account(START)).orders == ()
        assert await venue.cancel([order.order_id]) == {order.order_id: "gone"}
        assert await venue.cancel(["0x" + "0" * 64]) == {"0x" + "0" * 64: "order not found"}

    play(kind, story)


def test_the_same_bytes_again_are_the_same_order(kind):
    async def story(side, venue):
        order, report = await placed(side, side.quotes()[0] - 300, 10)
        again = await venue.submit(order)
        assert (again.order_id, again.status, again.matched_e6) == (report.order_id, "live", 0)
        filled, _ = await placed(side, side.quotes()[1], 10, kind="FOK")
        again = await venue.submit(filled)
        assert again.order_id == filled.order_id
        assert again.status in {"matched", "delayed"}
        await side.settle(6)
        fills = await venue.order_fills(filled.order_id)
        assert sum(fill.shares_e6 for fill in fills) == 10_000_000
        assert len((await venue.account(START)).orders) == 1

    play(kind, story)


def test_a_taker_pays_what_is_displayed_and_it_settles(kind):
    async def story(side, venue):
        _, ask = side.quotes()
        before = await venue.account(START)
        order, report = await placed(side, ask, 10, kind="FAK")
        assert (report.status, report.matched_e6) == ("matched", 10_000_000)
        (fill,) = await venue.order_fills(order.order_id)
        assert (fill.price_e4, fill.shares_e6, fill.is_buy, fill.is_maker) == (ask, 10_000_000, True, False)
        assert fill.settlement is Settlement.MATCHED
        assert (await venue.account(START)).cash_e6 == before.cash_e6  # money moves when it is mined
        await side.settle(6)
        (fill,) = await venue.order_fills(order.order_id)
        assert fill.settlement is Settlement.CONFIRMED
        after = await venue.account(START)
        assert before.cash_e6 - after.cash_e6 == 10 * ask * 100 + fill.fee_e6
        assert [(one.token, one.shares_e6) for one in after.holdings] == [(side.yes, 10_000_000)]
        assert after.fills == tuple(await venue.order_fills(order.order_id))
        assert (await venue.account(Micros(fill.event_time + 2_000_000))).fills == ()

    play(kind, story)


def test_shares_are_sold_again_on_either_token(kind):
    async def story(side, venue):
        bid, ask = side.quotes(side.no)
        await placed(side, ask, 20, kind="FOK", token=side.no)
        await side.settle(6)
        _, report = await placed(side, bid, 20, kind="FOK", token=side.no, buy=False)
        assert (report.status, report.matched_e6) == ("matched", 20_000_000)
        await side.settle(6)
        assert (await venue.account(START)).holdings == ()

    play(kind, story)


def test_what_is_illegal_is_refused_before_or_by_the_venue(kind):
    async def story(side, venue):
        bid, ask = side.quotes()
        assert await refusal(side, bid + 1, 10) == "order-off-tick"
        assert await refusal(side, bid, 4) == "order-too-small"
        assert await refusal(side, ask, 1, kind="FAK") == "order-too-small"
        assert await refusal(side, ask, 10, post_only=True) == "order-would-cross"
        assert await refusal(side, bid, 10, kind="FAK") == "order-not-filled"
        assert await refusal(side, ask, 8_000, kind="FOK") == "order-not-filled"
        assert await refusal(side, bid, 30_000) == "order-no-money"
        assert await refusal(side, bid, 10, buy=False) == "order-no-money"
        assert (await venue.account(START)).orders == ()

    play(kind, story)


def test_an_order_that_rests_on_what_it_took_is_both(kind):
    async def story(side, venue):
        _, ask = side.quotes()
        (book,) = await venue.books([side.yes])
        price, size = book.asks[0]
        assert price == ask
        more = size // 1_000_000 + 20
        order, report = await placed(side, ask, more)
        assert report.status == "matched"
        assert report.matched_e6 == size
        assert (await venue.order(order.order_id)).matched_e6 == size
        await venue.cancel_all()
        assert await venue.order(order.order_id) is None

    play(kind, story)


def test_money_of_open_orders_is_not_spent_twice(kind):
    async def story(side, venue):
        bid, _ = side.quotes()
        first, _ = await placed(side, bid - 100, 12_000)
        assert await refusal(side, bid - 100, 12_000) == "order-no-money"
        await venue.cancel([first.order_id])
        _, report = await placed(side, bid - 100, 12_000)
        assert report.status == "live"

    play(kind, story)


def test_an_order_is_dropped_at_its_time_and_everyone_hears_of_it(kind):
    async def story(side, venue):
        events = []
        async with listening(side, events):
            order, _ = await placed(side, side.quotes()[0] - 300, 10)
            await side.settle(LIFE / 1e6 - 62)
            assert await venue.order(order.order_id) is not None
            await side.settle(4)
            assert await venue.order(order.order_id) is None
        assert isinstance(events[0], ContinuityLost)
        told = [(event.order_id, event.status) for event in events if isinstance(event, OrderReport)]
        assert told == [(order.order_id, "live"), (order.order_id, "expired")]

    play(kind, story)


def test_events_tell_every_step_of_a_fill(kind):
    async def story(side, venue):
        events = []
        async with listening(side, events):
            order, _ = await placed(side, side.quotes()[1], 10, kind="FAK")
            await side.settle(7)
        fills = [event for event in events if isinstance(event, FillReport)]
        assert [fill.settlement for fill in fills] == [Settlement.MATCHED, Settlement.MINED, Settlement.CONFIRMED]
        assert {(fill.order_id, fill.shares_e6) for fill in fills} == {(order.order_id, 10_000_000)}
        assert len({fill.trade_id for fill in fills}) == 1
        statuses = [event.status for event in events if isinstance(event, OrderReport)]
        assert statuses[-1] == "matched"

    play(kind, story)


def test_heartbeats_that_stop_cancel_everything(kind):
    async def story(side, venue):
        order, _ = await placed(side, side.quotes()[0] - 300, 10)
        await side.settle(30)
        assert await venue.order(order.order_id) is not None  # it was never begun
        for _ in range(4):
            await venue.heartbeat()
            await side.settle(5)
        assert await venue.order(order.order_id) is not None
        await side.settle(20)
        assert await venue.order(order.order_id) is None

    play(kind, story)


def test_cancel_all_reaches_zero(kind):
    async def story(side, venue):
        names = {(await placed(side, side.quotes()[0] - 300 - 100 * n, 10))[0].order_id for n in range(4)}
        assert await venue.cancel_all() == dict.fromkeys(names, "")
        assert (await venue.account(START)).orders == ()
        assert await venue.cancel_all() == {}

    play(kind, story)


def test_orders_sent_together_are_all_placed(kind):
    async def story(side, venue):
        bid = side.quotes()[0] - 300
        found = await asyncio.gather(*(placed(side, bid - 100 * n, 10) for n in range(5)))
        assert {report.status for _, report in found} == {"live"}
        snapshot = await venue.account(START)
        assert {order.order_id for order in snapshot.orders} == {order.order_id for order, _ in found}

    play(kind, story)


def test_the_venues_clock_is_told(kind):
    async def story(side, venue):
        assert abs(await venue.server_time() - side.clock.now()) <= 1_000_000
        assert MINUTE > 0

    play(kind, story)
