"""How records find their market, what is set aside, and what a repetition changes."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from tests.store_world import T0, ids_of, market, resolution, write_all

from edgeworth.core.errors import AccessError, DataError
from edgeworth.core.paths import Home
from edgeworth.core.records import EventRecord, PriceBlock, Rejected, SnapshotRecord
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import DAY
from edgeworth.store.market_db import CoverageRow, ImportState, MarketStore


def rows(home: Home, table: str) -> list[dict[str, object]]:
    async def work() -> list[dict[str, object]]:
        async with await MarketStore.open(home) as store:
            return await store.rows(table)

    return asyncio.run(work())


def test_a_second_import_changes_nothing(place):
    batch = [EventRecord(source="a", venue="polymarket", native_id="e"), market(1), market(2), resolution(1)]
    first, second = write_all(place, batch, batch)
    assert first.stored == {"event": 1, "market": 2, "resolution": 1}
    assert second.stored == {}
    assert second.duplicates == {"event": 1, "market": 2, "resolution": 1}
    assert first.adds_up()
    assert second.adds_up()


def test_the_fact_digest_moves_with_facts_only(place):
    async def work():
        async with await MarketStore.open(place) as store:
            seen = [await store.fact_digest()]
            for batch in (
                [market(1)],
                [market(1)],
                [Rejected(source="a", kind="price", reason="nan", raw="x")],
                [market(2)],
            ):
                await store.write(batch)
                seen.append(await store.fact_digest())
            return seen

    empty, one, again, rejected, two = asyncio.run(work())
    assert empty != one == again == rejected != two


def test_any_id_finds_the_market_and_new_ids_are_added(place):
    only_slug = market(1, ids=(("slug", "will-it-rain-in-town-1"),))
    with_token = market(1, ids=(("slug", "will-it-rain-in-town-1"), ("token", "9" * 77)))
    by_token = market(1, ids=(("token", "9" * 77),))
    write_all(place, [only_slug], [market(1)], [with_token], [by_token])
    assert len(rows(place, "markets")) == 1
    assert {(row["kind"], row["value"]) for row in rows(place, "market_aliases")} == {*ids_of(1), ("token", "9" * 77)}


def test_ids_of_two_markets_are_a_conflict(place):
    both = market(3, ids=(*ids_of(1)[:1], *ids_of(2)[1:2]))
    counts = write_all(place, [market(1), market(2)], [both, resolution(3, ids=both.ids)])[1]
    assert counts.quarantined == {"market": 1, "resolution": 1}
    assert counts.reasons == {"alias-conflict": 2}
    assert len(rows(place, "markets")) == 2


def test_contradicting_labels_are_set_aside_but_a_default_is_filled(place):
    bare = resolution(1)
    named = market(1, outcomes=("Up", "Down"))
    defaulted = market(1, source="beta")
    contrary = market(1, source="gamma", outcomes=("Red", "Blue"))
    turned = market(1, source="delta", outcomes=("Down", "Up"))
    counts = write_all(place, [bare], [named], [defaulted], [contrary, turned])
    assert [c.stored for c in counts[:3]] == [{"resolution": 1}, {"market": 1}, {"market": 1}]
    assert counts[3].reasons == {"outcome-mismatch": 2}
    (row,) = rows(place, "markets")
    assert (row["outcome0"], row["outcome1"], row["labels_stated"], row["bare"]) == ("Up", "Down", True, False)


@pytest.mark.parametrize("order", ["prices first", "metadata first"])
def test_order_of_import_does_not_matter(place, order):
    async def work():
        async with await MarketStore.open(place) as store:

            async def prices():
                return await store.ensure_markets([ids_of(1)[:1], ids_of(2)[:1]], source="beta")

            async def metadata():
                await store.write([market(1, event_native_id="e9", event_title="Rain"), market(2)])

            for step in (prices, metadata) if order == "prices first" else (metadata, prices):
                await step()
            assert await prices() == [1, 2]
            return await store.rows("markets")

    first, second = asyncio.run(work())
    assert first["question"] == "Will it rain in Town 1?"
    assert first["event_no"] == 1
    assert (first["bare"], second["bare"], second["event_no"]) == (False, False, None)
    assert first["market_id"] == ids_of(1)[0][1]


def test_ensure_markets_reports_conflicts_and_missing_ids(place):
    write_all(place, [market(1), market(2)])

    async def work():
        async with await MarketStore.open(place) as store:
            both = (ids_of(1)[0], ids_of(2)[0])
            made = await store.ensure_markets([both, (), (("key", "beta:7"),), (("key", "beta:7"),)], source="beta")
            return made, await store.resolve_ids([both, (("key", "beta:7"),), (("key", "none"),)])

    made, found = asyncio.run(work())
    assert made == [None, None, 3, 3]
    assert found == [None, 3, None]


def test_versions_only_where_content_changes(place):
    day = [
        market(1, known_at=T0 + i * DAY, backdated=False, scheduled_end=T0 + (5 if i < 2 else 6) * DAY)
        for i in range(4)
    ]
    write_all(place, day, day, [day[1]])
    assert [row["known_at"] for row in rows(place, "market_versions")] == [T0, T0 + 2 * DAY]


def test_versions_imported_backwards_are_all_kept(place):
    old, new = (market(1, known_at=T0 + i * DAY, backdated=False, question=f"Wording {i}?") for i in range(2))
    write_all(place, [new], [old], [new], [old])
    assert sorted(row["known_at"] for row in rows(place, "market_versions")) == [T0, T0 + DAY]


def test_resolutions_move_forward_and_never_contradict(place):
    proposed = resolution(1, state=ResolutionState.PROPOSED, resolved_at=None, known_at=T0, proposed_at=T0)
    final = resolution(1, disputed=True)
    contrary = resolution(1, Payout.NO)
    counts = write_all(place, [proposed], [final], [proposed], [contrary], [replace_source(contrary)])
    assert [c.stored.get("resolution", 0) for c in counts] == [1, 1, 0, 0, 1]
    assert counts[3].reasons == {"resolution-conflict": 1}
    alpha = rows(place, "market_resolutions")[0]
    assert (alpha["state"], alpha["proposed_at"], alpha["resolved_at"], alpha["disputed"]) == (
        "final",
        T0,
        T0 + 9 * DAY,
        True,
    )
    assert alpha["payout_e4"] == 10_000


def replace_source(record):
    return msgspec.structs.replace(record, source="beta")


def test_a_resolution_without_an_instant_is_kept_and_completed(place):
    counts = write_all(place, [resolution(1, resolved_at=None)], [resolution(1)], [resolution(1, resolved_at=None)])
    assert [c.stored.get("resolution", 0) for c in counts] == [1, 1, 0]
    assert rows(place, "market_resolutions")[0]["resolved_at"] == T0 + 9 * DAY


def test_snapshots_by_instant_and_market(place):
    shot = SnapshotRecord(source="alpha", ids=ids_of(1), known_at=T0, bid_e4=4000, ask_e4=4100)
    timeless = SnapshotRecord(source="alpha", ids=ids_of(1))
    first, second = write_all(place, [shot, shot, timeless], [shot])
    assert (first.stored, first.duplicates, first.reasons) == ({"snapshot": 1}, {"snapshot": 1}, {"no-time": 1})
    assert second.duplicates == {"snapshot": 1}
    assert rows(place, "market_snapshots")[0]["event_time"] == T0


def test_rejected_rows_are_counted_each_time_and_stored_once(place):
    bad = Rejected(source="alpha", kind="price", reason="price-range", raw='{"p": 7}', where="f.json:3", rows=5)
    counts = write_all(place, [bad], [bad])
    assert [c.quarantined for c in counts] == [{"price": 5}, {"price": 5}]
    assert len(rows(place, "quarantine")) == 1


def test_records_without_ids_are_set_aside(place):
    counts = write_all(place, [market(1, ids=()), resolution(1, ids=(("slug", ""),))])[0]
    assert counts.reasons == {"no-id": 2}
    assert counts.adds_up()


def test_an_empty_or_endless_id_is_left_out(place):
    odd = market(1, ids=(*ids_of(1)[:1], ("slug", ""), ("key", "x" * 300)))
    other = market(2, ids=(*ids_of(2)[:1], ("slug", "")))
    assert write_all(place, [odd, other])[0].stored == {"market": 2}
    assert [row["value"] for row in rows(place, "market_aliases")] == [ids_of(1)[0][1], ids_of(2)[0][1]]


def test_prices_are_refused(place):
    block = PriceBlock(source="a", ids=ids_of(1), t=None, price_e4=None)
    with pytest.raises(TypeError):
        write_all(place, [block])


def test_import_states_coverage_and_runs(place):
    async def work():
        async with await MarketStore.open(place) as store:
            state = ImportState("k", "f.json", "gamma", 10, extra={"line": 3})
            assert await store.import_state("k") is None
            await store.write([market(1)], state=state)
            saved = await store.import_state("k")
            await store.write([market(2)], state=replace(saved, offset=20, done=True))
            done = await store.import_state("k")
            await store.add_coverage([CoverageRow("alpha", 1, points=3), CoverageRow("alpha", 2, status="missing")])
            await store.add_coverage([CoverageRow("alpha", 2, points=1)])
            run = await store.start_run("import")
            await store.finish_run(run, "done", {"files": 1})
            return saved, done, await store.rows("coverage"), await store.rows("collection_runs"), await store.counts()

    saved, done, coverage, runs, counts = asyncio.run(work())
    assert saved.counts["stored"] == {"market": 1}
    assert (done.counts["stored"], done.offset, done.done, done.extra) == ({"market": 2}, 20, True, {"line": 3})
    assert [(row["market_no"], row["status"], row["points"]) for row in coverage] == [
        (1, "present", 3),
        (2, "present", 1),
    ]
    assert runs[0]["status"] == "done"
    assert counts["markets"] == 2


def test_read_only_needs_a_database(place):
    with pytest.raises(DataError) as failure:
        asyncio.run(MarketStore.open(place, read_only=True))
    assert failure.value.code == "store-empty"


def test_a_home_that_cannot_be_made(place):
    place.root.write_text("a file, not a folder")
    with pytest.raises(AccessError) as failure:
        asyncio.run(MarketStore.open(place))
    assert failure.value.code == "home-unwritable"


def test_file_modes(place):
    write_all(place, [market(1)])
    assert place.root.stat().st_mode & 0o777 == 0o700
