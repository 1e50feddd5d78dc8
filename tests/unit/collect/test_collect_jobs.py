"""What each job does in a slot, against the sandbox: no network, virtual time, a real store."""

import msgspec
import pytest
from tests.store_world import market as stored_market
from tests.support.simulated import in_sandbox

from edgeworth.collect.daemon.plan import Mode, Plan, jobs_of
from edgeworth.collect.finding import Wanted, find, track_command
from edgeworth.collect.jobs.capture import depth_e6
from edgeworth.collect.jobs.choice import Choice, parse_choice, parse_query
from edgeworth.collect.jobs.directory import completed
from edgeworth.collect.jobs.resolve import agreed
from edgeworth.collect.jobs.spot import symbol_of
from edgeworth.core.errors import UsageError
from edgeworth.core.records import ResolutionRecord
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.sandbox.server.fault_plan import FaultPlan
from edgeworth.venues.polymarket.gamma import Gamma

CRYPTO = parse_choice([], ["category:crypto"], 10)


def plan_for(choice: Choice = CRYPTO, **changes) -> Plan:
    return Plan(every=jobs_of(Mode.SCHEDULED, choice), choice=choice, min_volume=0, **changes)


async def take(venue, name):
    """Let one job take one round; returns its result."""
    [scheduler] = [item for item in venue.collector.schedulers if item.name == name]
    return await scheduler.once()


def test_presets_have_the_cadences_they_promise():
    minutes = {mode: {k: v // MINUTE for k, v in jobs_of(mode, CRYPTO).items()} for mode in Mode}
    assert minutes[Mode.SCHEDULED] == minutes[Mode.ONCE]
    assert minutes[Mode.SCHEDULED]["scan"] == 360
    assert (minutes[Mode.SCHEDULED]["snapshot"], minutes[Mode.SCHEDULED]["track"]) == (60, 15)
    assert (minutes[Mode.AGGRESSIVE]["scan"], minutes[Mode.AGGRESSIVE]["snapshot"]) == (60, 15)
    assert "track" not in jobs_of(Mode.SCHEDULED, Choice())
    assert set(jobs_of(Mode.SCHEDULED, CRYPTO, tracking_only=True)) == {"track", "candles", "resolve", "upkeep"}
    assert plan_for().with_interval("track", 5 * MINUTE).every["track"] == 5 * MINUTE
    with pytest.raises(UsageError):
        plan_for().with_interval("track", 1_000_000)


@pytest.mark.parametrize("text", ["", "volume>", "volume>lots", "colour:red", "a=b", "ends<soon"])
def test_a_query_that_says_nothing_known_is_refused(text):
    with pytest.raises(UsageError) as refusal:
        parse_query(text)
    assert refusal.value.code == "bad-query"


def test_queries_choose_markets_and_add_up(home):
    async def work(venue):
        await take(venue, "scan")
        markets, now = venue.collector.directory.all(), venue.clock.now()

        def chosen(*texts, limit=1_000):
            return parse_choice([], texts, limit).select(markets, now)

        crypto, big = chosen("category:crypto"), chosen("volume>20k")
        both, either = chosen("category:crypto volume>20k"), chosen("category:crypto", "volume>20k")
        numbers = [{m.market_no for m in found} for found in (crypto, big, both, either)]
        assert numbers[2] == numbers[0] & numbers[1]
        assert numbers[3] == numbers[0] | numbers[1]
        assert 0 < len(numbers[2]) < len(numbers[3]) < len(markets)
        assert [m.size("volume_24h_e6") for m in either] == sorted(
            (m.size("volume_24h_e6") for m in either), reverse=True
        )
        assert chosen("volume>20k", limit=3) == big[:3]
        assert {m.market_no for m in chosen("ends<2d")} | {m.market_no for m in chosen("ends>2d")} == {
            m.market_no for m in markets if m.open and m.record.scheduled_end is not None
        }
        assert all("bitcoin" in m.record.question.lower() for m in chosen("bitcoin"))
        assert chosen("tag:crypto")

    in_sandbox(home, work, plan_for())


def test_a_scan_stores_every_active_market_once(home):
    async def work(venue):
        first = await take(venue, "scan")
        await venue.clock.sleep(10)
        second = await take(venue, "scan")
        counts = await venue.store.counts()
        listed = len(venue.sandbox.live.open_markets(venue.clock.now()))
        return first, second, counts, listed

    first, second, counts, listed = in_sandbox(home, work, plan_for())
    assert (first.state, second.state) == ("met", "met")
    assert first.counts["markets"] == first.counts["news"] == counts["markets"] == counts["market_versions"] >= listed
    assert second.counts["news"] == 0


def test_a_scan_limit_takes_the_largest_and_says_so(home):
    async def work(venue):
        result = await take(venue, "scan")
        return result, [m.size("volume_e6") for m in venue.collector.directory.all()]

    result, volumes = in_sandbox(home, work, plan_for(scan_limit=100))
    assert result.counts["markets"] == len(volumes) == 100
    assert result.counts["cut"] is True


def test_a_scan_goes_on_at_the_page_that_failed(home):
    async def work(venue):
        venue.sandbox.faults.switch_on("outage", 100, services=("gamma",))
        result = await take(venue, "scan")
        return result, venue.clock.now() - venue.sandbox.live.start

    result, took = in_sandbox(home, work, plan_for())
    assert result.state == "met"
    assert result.errors > 0
    assert 100_000_000 < took < 5 * MINUTE


def test_tracking_writes_one_row_per_market_and_slot(home):
    async def work(venue):
        await take(venue, "scan")
        first = await take(venue, "track")
        again = await take(venue, "track")  # within the same second: the same slot
        rows = await venue.store.rows("market_snapshots")
        return first, again, rows, venue.http.usage.calls("clob/books")

    first, again, rows, calls = in_sandbox(home, work, plan_for())
    assert (first.state, first.due, first.met) == ("met", 10, 10)
    assert again.counts["rows"] == 0
    assert len(rows) == 10
    assert calls == 2
    for row in rows:
        assert row["source"] == "polymarket-clob"
        assert row["bid_e4"] < row["ask_e4"]
        assert row["event_time"] <= row["known_at"]
        assert row["depth_e6"] > 0
        assert 0 < row["quality_e4"] <= 10_000
        assert row["spot_e4"] > 0


def test_tracking_by_name_and_a_name_nobody_knows(home):
    async def one(venue):
        result = await take(venue, "track")
        return result.due, [m.gamma_id for m in venue.collector.directory.all()]

    async def none(venue):
        with pytest.raises(UsageError) as refusal:
            await venue.collector.tracked.names()
        return refusal.value

    async def names(venue):
        live = venue.sandbox.live
        slug = live.names.numbering.market_slug(live.names.find_market("501200"))
        return slug, live.names.condition_id(live.names.find_market("501201"))

    slug, condition = in_sandbox(home / "names", names, plan_for())
    choice = parse_choice([f"501200,{condition}", slug], [])
    due, known = in_sandbox(home, one, plan_for(choice))
    assert (due, sorted(known)) == (2, ["501200", "501201"])
    refusal = in_sandbox(home / "other", none, plan_for(parse_choice(["999999999"], [])))
    assert refusal.code == "unknown-market"
    assert "999999999" in refusal.message


def test_a_book_left_out_is_asked_for_again(home):
    async def work(venue):
        await take(venue, "scan")
        venue.sandbox.faults.switch_on("books-incomplete", 60, share=0.5)
        return await take(venue, "track")

    result = in_sandbox(home, work, plan_for())
    assert (result.state, result.met) == ("met", result.due)
    assert result.counts["attempts"] > 1


def test_a_market_that_ended_is_not_due(home):
    async def work(venue):
        await take(venue, "scan")
        live, now = venue.sandbox.live, venue.clock.now()
        tracked = await venue.collector.tracked()
        ends = [int(live.proposed_at[live.names.find_market(m.gamma_id)]) for m in tracked]
        await venue.clock.sleep((max(ends) - now) / 1e6 + 600)
        result = await take(venue, "track")
        return result, len(tracked)

    result, before = in_sandbox(home, work, plan_for(parse_choice(["501210"], [])))
    assert before > 0
    assert (result.state, result.due, result.met) == ("met", 0, 0)


def test_candles_continue_where_they_stopped(home):
    from edgeworth.core.paths import Home
    from edgeworth.store.lake import Lake

    async def work(venue):
        first = await take(venue, "candles")
        await venue.clock.sleep(5 * 3_600)
        second = await take(venue, "candles")
        return first, second, venue.clock.now()

    first, second, now = in_sandbox(home, work, plan_for(symbols=("BTCUSDT", "NOSUCHUSDT")))
    assert first.counts["unlisted"] == second.counts["unlisted"] == ["NOSUCHUSDT"]
    assert second.counts["candles"] == 20
    frame = Lake(Home(home).lake).scan_candles().collect().sort("t")
    assert frame["t"].n_unique() == frame.height == first.counts["candles"] + 20
    assert frame["t"].diff().drop_nulls().unique().to_list() == [15 * MINUTE]
    assert now - 30 * MINUTE < frame["t"].max() <= now - 15 * MINUTE


def resolution(payout: Payout, **changes) -> ResolutionRecord:
    return ResolutionRecord(source="a", ids=(("condition", "0x1"),), payout=payout, resolved_at=5, **changes)


@pytest.mark.parametrize(
    ("gamma", "clob", "data", "verdict"),
    [
        (Payout.YES, Payout.YES, Payout.YES, "final"),
        (Payout.HALF, Payout.HALF, Payout.HALF, "final"),
        (Payout.VOID, Payout.VOID, Payout.VOID, "void"),
        (Payout.YES, Payout.NO, Payout.YES, "disagreed"),
        (Payout.YES, Payout.YES, Payout.NO, "disagreed"),
        (Payout.YES, None, Payout.YES, "waiting"),
    ],
)
def test_three_sources_must_agree(gamma, clob, data, verdict):
    record, word = agreed(
        resolution(gamma), clob if clob is None else resolution(clob), resolution(data, disputed=True)
    )
    assert word == verdict
    assert (record is not None) == (verdict in {"final", "void"})
    if record is not None:
        assert (record.payout, record.state, record.disputed) == (gamma, ResolutionState.FINAL, True)


def test_an_end_is_final_when_the_venue_says_so_everywhere(home):
    async def work(venue):
        await take(venue, "scan")
        before = await take(venue, "resolve")
        await venue.clock.sleep(2 * 86_400)
        await take(venue, "scan")
        after = await take(venue, "resolve")
        again = await take(venue, "resolve")
        rows = await venue.store.rows("market_resolutions")
        shots = await venue.store.rows("market_snapshots")
        return before, after, again, rows, shots, venue.clock.now()

    before, after, again, rows, shots, now = in_sandbox(home, work, plan_for())
    assert before.counts.get("final", 0) == 0
    assert after.counts["final"] > 5
    assert again.counts.get("final", 0) == 0
    final = [row for row in rows if row["state"] == "final"]
    assert len(final) == after.counts["final"]
    assert all(row["resolved_at"] <= row["known_at"] <= now for row in final)
    assert shots == []  # labels are never written onto snapshots


def test_upkeep_counts_what_is_covered_and_what_is_missing(home):
    async def work(venue):
        await take(venue, "scan")
        for _ in range(3):
            await take(venue, "track")
            await venue.clock.sleep(900)
        venue.sandbox.faults.switch_on("outage", 3_600, services=("clob",))
        missed = await take(venue, "track")
        await venue.clock.sleep(3 * 3_600)
        await take(venue, "upkeep")
        await take(venue, "upkeep")
        return missed, await venue.store.rows("coverage")

    missed, rows = in_sandbox(home, work, plan_for())
    assert missed.met == 0
    assert len(rows) == missed.due
    assert {(row["status"], row["points"]) for row in rows} == {("present", 3)}
    assert {row["note"] for row in rows} == {f"missed slots: {missed.missed[rows[0]['market_no']]} 1"}


def test_upkeep_seals_what_is_old_and_keeps_its_coverage(home):
    from edgeworth.core.paths import Home
    from edgeworth.store.lake_snapshots import SnapshotLake

    async def work(venue):
        await take(venue, "scan")
        for _ in range(4):
            await take(venue, "track")
            await venue.clock.sleep(3_600)
        result = await take(venue, "upkeep")
        counts = await venue.store.counts()
        return result, counts["market_snapshots"], await venue.store.rows("coverage")

    result, left, coverage = in_sandbox(home, work, plan_for(keep=150 * MINUTE))
    assert result.state == "met"
    assert (result.counts["snapshots"], result.counts["sealed"], left) == (40, 20, 20)
    assert SnapshotLake(Home(home).lake).scan().collect().height == 20
    assert {row["points"] for row in coverage} == {3}  # what is sealed stays counted


def test_finding_lists_open_markets_and_the_command_that_tracks_them(home):
    async def work(venue):
        now = venue.clock.now()
        gamma = Gamma(venue.http)
        by_word = await find(gamma, Wanted(("bitcoin",), limit=3), now)
        by_size = await find(gamma, Wanted(sort="volume", limit=50), now)
        soon = await find(gamma, Wanted(category="crypto", sort="end", limit=50), now)
        narrow = await find(gamma, Wanted(sort="spread", limit=5), now)
        none = await find(gamma, Wanted(("nosuchword",), limit=3), now)
        rich = await find(gamma, Wanted(min_volume=20_000, limit=200), now)
        return by_word, by_size, soon, narrow, none, rich

    by_word, by_size, soon, narrow, none, rich = in_sandbox(home, work, plan_for())
    assert len(by_word) == 3
    assert all("bitcoin" in row["question"].lower() for row in by_word)
    assert [row["volume"] for row in by_size] == sorted((row["volume"] for row in by_size), reverse=True)
    assert [row["end"] for row in soon] == sorted(row["end"] for row in soon)
    assert {row["category"].split("/")[0] for row in soon} == {"crypto"}
    assert all(row["ask"] - row["bid"] <= 0.02 for row in narrow)
    assert none == []
    assert rich
    assert all(row["volume"] >= 20_000 for row in rich)
    assert track_command(by_word) == "edgeworth data collect --market-ids " + ",".join(row["id"] for row in by_word)
    assert track_command([]) == ""
    with pytest.raises(UsageError):
        Wanted(sort="beauty")


def test_a_field_that_is_left_out_is_no_news():
    known = stored_market(1, description="Long.", tags=("a",), scheduled_end=5)
    less = msgspec.structs.replace(known, description="", tags=(), scheduled_end=None, tick_e4=10)
    assert completed(less, known) == msgspec.structs.replace(known, tick_e4=10)
    moved = msgspec.structs.replace(known, scheduled_end=7)
    assert completed(moved, known) == moved


def test_depth_is_the_money_within_five_cents_of_the_mid():
    bids, asks = ((4_800, 10_000_000), (4_500, 10_000_000), (4_499, 10_000_000)), ((5_200, 10_000_000), (5_600, 1))
    assert depth_e6(bids, asks) == (4_800 + 4_500 + 4_800) * 1_000
    assert depth_e6(bids, ()) == (4_800 + 4_500 + 4_499) * 1_000
    assert depth_e6((), ()) == 0


@pytest.mark.parametrize(
    ("question", "symbol"),
    [
        ("Will the price of Bitcoin be above $60,000 on December 3?", "BTCUSDT"),
        ("Ethereum Up or Down - December 2, 10AM ET", "ETHUSDT"),
        ("Will Solana reach $300 in December?", "SOLUSDT"),
        ("Will it rain in Paris?", "BTCUSDT"),
    ],
)
def test_the_spot_beside_a_market_is_that_of_its_coin(question, symbol):
    assert symbol_of(question) == symbol


def test_a_mixture_of_faults_costs_no_slot(home):
    faults = FaultPlan.mixed(3, 1_700_000_000_000_000, 0.1)

    async def work(venue):
        await venue.collector.run(2 * 3_600)
        return await venue.store.rows("collection_slots")

    rows = in_sandbox(home, work, plan_for(), faults)
    whole = [row for row in rows if not row["market_no"] and row["job"] == "track"]
    assert len(whole) == 8
    assert {row["state"] for row in whole} == {"met"}
    assert HOUR < DAY
