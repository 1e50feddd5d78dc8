"""What a stream says is in the lake afterwards, once, also when the recording was cut off; doubts are listed as gaps."""

import asyncio

import polars as pl
from tests.support.tiny_venue import TinyVenue, size_text, text

from edgeworth.collect.jobs import record as job
from edgeworth.collect.jobs.record import RecordContext, RecordedMarket, record, spool_folder
from edgeworth.core.clock import VirtualClock
from edgeworth.core.paths import Home
from edgeworth.core.records import Rejected
from edgeworth.core.units import SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.store.lake import Lake
from edgeworth.store.lake_books import BookLake
from edgeworth.store.lake_trades import TradeLake
from edgeworth.store.spool import Spool, read_spool, spools
from edgeworth.venues.polymarket.market_stream import MarketStream, StreamMarket

START = Micros(1_795_000_000_000_000)


def world(tmp_path, seed=3, start=START):
    clock = VirtualClock(start)
    venue = TinyVenue(clock, seed, markets=2)
    stream = MarketStream("ws://venue", venue.connect, venue.snapshot, clock, seed=seed)
    context = RecordContext(stream, Home(tmp_path), clock, every=2.0, seal=20.0)
    markets = [RecordedMarket(7 + k, StreamMarket(m.yes, m.no)) for k, m in enumerate(venue.markets)]
    return clock, venue, context, markets


def print_trade(venue, market, token, price, size, side, transaction):
    stamp = str(venue.clock.now() // 1_000)
    body = {"event_type": "last_trade_price", "market": market.condition, "asset_id": token, "price": text(price),
            "size": size_text(size), "side": side, "fee_rate_bps": "0", "timestamp": stamp,
            "transaction_hash": transaction}  # fmt: skip
    venue.tell(market, body)


def assert_true(books, venue):
    """Every recorded book has the best prices that the venue had at the book's stamp."""
    for row in books.rows(named=True):
        market = venue.markets[row["market_no"] - 7]
        standing = [best for at, best in venue.bests[market.yes] if at <= row["event_time"] + 999][-1]
        assert (row["bids_e4"][0], row["asks_e4"][0]) == standing


def test_books_trades_and_gaps_reach_the_lake(tmp_path):
    clock, venue, context, markets = world(tmp_path)
    rejected = []

    async def quarantine(rows):
        rejected.extend(rows)

    context.quarantine = quarantine
    told = []

    async def story():
        await clock.sleep(1)
        for step in range(120):
            venue.change()
            market = venue.markets[step % 2]
            if step % 10 == 0:
                told.append((7 + step % 2, clock.now() // 1_000 * 1_000))
                print_trade(venue, market, market.no if step % 20 else market.yes, 3_000, 5_000_000, "BUY", f"0x{step}")
                print_trade(venue, market, market.no if step % 20 else market.yes, 3_000, 5_000_000, "BUY", f"0x{step}")
            if step == 50:
                await venue.hang_up()
            if step == 70:
                venue.tell(market, {"event_type": "last_trade_price", "asset_id": "what", "price": "NaN"})
            await clock.sleep(0.5)

    async def main():
        changes = asyncio.ensure_future(story())
        counts = await record(context, markets, Micros(START + 70 * SECOND))
        await changes
        return counts

    counts = run_virtual(clock, main())
    books = BookLake(tmp_path / "lake").scan_books().collect()
    trades = TradeLake(tmp_path / "lake").scan().collect()
    gaps = BookLake(tmp_path / "lake").scan_gaps().collect()
    assert counts.looks == counts.books + counts.unchanged + counts.missed
    assert books.height == counts.books > 40
    assert sorted(trades.select("market_no", "event_time").rows()) == sorted(told)
    assert set(trades["side"]) == {1, -1}  # bought YES, or bought NO: sold YES
    assert set(trades["price_e4"]) == {3_000, 7_000}
    lost = gaps.filter(pl.col("cause") == "connection-lost")
    assert (set(lost["market_no"]), lost["until"].null_count()) == ({7, 8}, 0)
    assert set(gaps.filter(pl.col("until").is_null())["cause"]) == {"not-recorded"}
    assert ([row.reason for row in rejected if isinstance(row, Rejected)], counts.rejected) == (["bad-trade"], 1)
    assert spools(spool_folder(context.home)) == []
    assert Lake(tmp_path / "lake").verify() == []
    assert_true(books, venue)


def test_a_recording_that_was_cut_off_is_sealed_by_the_next_one(tmp_path):
    clock, venue, context, markets = world(tmp_path)
    spool = spool_folder(Home(tmp_path))

    async def cut_off():
        task = asyncio.ensure_future(record(context, markets))
        for _ in range(20):
            await clock.sleep(0.5)
            venue.change()
        left = spools(spool)[0].read_bytes()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return left

    left = run_virtual(clock, cut_off())
    whole = BookLake(tmp_path / "lake").scan_books().collect()
    again = tmp_path / "again"
    crashed = Spool(spool_folder(Home(again)), f"{START:020d}")  # as a kill would leave it: a torn tail, nothing sealed
    crashed.close()
    crashed.path.write_bytes(left + b"\x20\x00\x00\x00torn")
    rows = len(list(read_spool(crashed.path)))
    assert rows > 3

    clock, venue, context, markets = world(again, start=Micros(START + 60 * SECOND))
    counts = run_virtual(clock, record(context, markets, Micros(START + 70 * SECOND)))
    assert counts.recovered == rows
    books = BookLake(again / "lake").scan_books().collect()
    before = books.filter(pl.col("known_at") < START + 60 * SECOND)
    assert before.height > 3
    assert before.join(whole, on=["market_no", "known_at"], how="semi").height == before.height
    between = BookLake(again / "lake").scan_gaps().collect().filter(pl.col("cause") == job.NOT_RECORDED)
    assert between.filter(pl.col("until").is_not_null()).height == 2
    assert between["since"].min() <= before["known_at"].max()


def test_sealing_the_same_rows_twice_keeps_them_once(tmp_path):
    rows = [job.BookRow(1, 5, 6, 100, [5_000], [1], [5_100], [2]), job.TradeRow(1, 5, 6, 5_000, 1, 1, "", "x"),
            job.GapRow(1, 7, None, 6, "no-data")]  # fmt: skip
    assert job.seal_rows(tmp_path, rows, "a/0") == 3
    assert job.seal_rows(tmp_path, rows, "a/0") == 0
    assert BookLake(tmp_path).scan_books().collect().height == 1


def test_it_ends_when_asked_to(tmp_path):
    clock, _, context, markets = world(tmp_path)

    async def main():
        task = asyncio.ensure_future(record(context, markets))
        await clock.sleep(10)
        context.stop.set()
        return await task

    assert run_virtual(clock, main()).books == 2
    assert clock.now() - START < 12 * SECOND
