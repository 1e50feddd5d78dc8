"""What every market store must do, whatever database it lies in; a factory makes an empty one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.store_world import T0, ids_of, market, resolution

from edgeworth.core.paths import Home
from edgeworth.core.records import EventRecord, Rejected, SnapshotRecord
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import DAY
from edgeworth.store.market_db import CoverageRow, ImportState, MarketStore

Open = Callable[[], Awaitable[MarketStore]]


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request, home) -> Open:
    """A function that opens the same, at first empty, store every time."""
    if request.param == "sqlite":
        return lambda: MarketStore.open(Home(home))
    url = request.getfixturevalue("postgres_url")
    asyncio.run(empty_server(url))
    return lambda: MarketStore.open(Home(home), url=url)


async def empty_server(url: str) -> None:
    """Drop everything in a database."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()


def batch():
    return [
        EventRecord(source="alpha", venue="polymarket", native_id="e1", title="Rain", neg_risk=True, tags=("a",)),
        market(1, event_native_id="e1", tags=("x", "y"), description="Ünïcode ≤ 77"),
        market(2, event_native_id="e2", event_title="Storm"),
        market(3, ids=(*ids_of(3), ("token", "7" * 77))),
        resolution(1),
        resolution(9, Payout.VOID, resolved_at=None),
        SnapshotRecord(source="alpha", ids=ids_of(2), event_time=T0, bid_e4=1, volume_e6=2**53),
        Rejected(source="alpha", kind="price", reason="nan", raw="{}", rows=2),
    ]


@pytest.mark.asyncio
async def test_writing_is_idempotent_and_adds_up(open_store):
    async with await open_store() as store:
        first = await store.write(batch())
        before = await store.counts(), await store.fact_digest()
        second = await store.write(batch())
        assert (await store.counts(), await store.fact_digest()) == before
    assert first.adds_up()
    assert second.adds_up()
    assert first.stored == {"event": 1, "market": 3, "resolution": 2, "snapshot": 1}
    assert second.stored == {}
    assert second.quarantined == first.quarantined == {"price": 2}


@pytest.mark.asyncio
async def test_a_store_opened_again_holds_the_same(open_store):
    async with await open_store() as store:
        await store.write(batch())
        tables = ("events", "markets", "market_aliases", "market_versions", "market_resolutions", "market_snapshots")
        before = [await store.rows(name) for name in tables]
    async with await open_store() as store:
        assert [await store.rows(name) for name in tables] == before
    events, markets = before[0], before[1]
    assert [(row["native_id"], row["title"], row["bare"]) for row in events] == [
        ("e1", "Rain", False),
        ("e2", "Storm", True),
    ]
    assert [row["market_no"] for row in markets] == [1, 2, 3, 4]
    assert before[5][0]["volume_e6"] == 2**53


@pytest.mark.asyncio
async def test_a_failed_batch_leaves_nothing(open_store):
    def fail(step: str) -> None:
        raise RuntimeError(step)

    async with await open_store() as store:
        await store.write([market(1)])
        before = await store.counts()
        store._hook = fail
        with pytest.raises(RuntimeError, match="before-commit"):
            await store.write([market(2), resolution(2)])
        assert await store.counts() == before
        assert await store.resolve_ids([ids_of(2)]) == [None]


@pytest.mark.asyncio
async def test_matching_and_conflicts(open_store):
    async with await open_store() as store:
        await store.write([market(1), market(2)])
        assert await store.ensure_markets([ids_of(2)[:1], (("key", "new"),)], source="beta") == [2, 3]
        both = market(5, ids=(ids_of(1)[0], ids_of(2)[1]))
        counts = await store.write([both, market(1, outcomes=("Up", "Down")), market(1, outcomes=("Left", "Right"))])
        assert counts.reasons == {"alias-conflict": 1, "outcome-mismatch": 1}
        assert [(row["reason"], row["rows"]) for row in await store.quarantine_summary()] == [
            ("alias-conflict", 1),
            ("outcome-mismatch", 1),
        ]


@pytest.mark.asyncio
async def test_resolutions_progress(open_store):
    async with await open_store() as store:
        await store.write([resolution(1, state=ResolutionState.PROPOSED, resolved_at=None, proposed_at=T0)])
        await store.write([resolution(1)])
        counts = await store.write([resolution(1, Payout.NO)])
        (row,) = await store.rows("market_resolutions")
    assert counts.reasons == {"resolution-conflict": 1}
    assert (row["state"], row["proposed_at"], row["payout_e4"]) == ("final", T0, 10_000)


@pytest.mark.asyncio
async def test_bookkeeping(open_store):
    async with await open_store() as store:
        await store.write([market(1)], state=ImportState("k", "f", "gamma", 7))
        await store.set_import_state(ImportState("k", "f", "gamma", 9, done=True))
        state = await store.import_state("k")
        await store.add_coverage([CoverageRow("alpha", 1), CoverageRow("alpha", 1, points=4)])
        run = await store.start_run("import")
        await store.finish_run(run, "done", {})
        assert state is not None
        assert (state.offset, state.done) == (9, True)
        assert [row["points"] for row in await store.rows("coverage")] == [4]


@pytest.mark.asyncio
async def test_many_records_in_one_batch(open_store):
    records = [market(i, known_at=T0 + i * DAY) for i in range(12_000)]
    async with await open_store() as store:
        assert (await store.write(records)).stored == {"market": 12_000}
        assert (await store.write(records)).duplicates == {"market": 12_000}


@pytest.mark.asyncio
async def test_two_writers_take_turns(open_store):
    async with await open_store() as one, await open_store() as two:
        await asyncio.gather(
            *(store.write([market(10 * n + i)]) for i in range(5) for n, store in enumerate((one, two)))
        )
        assert (await one.counts())["markets"] == 10
        assert len({row["market_no"] for row in await two.rows("markets")}) == 10
