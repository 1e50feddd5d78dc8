"""Resolved markets from the sandbox: everything it has, once, resumable at any instant, and honest about the gaps."""

import asyncio
import json

import numpy as np
import polars as pl
import pytest

from edgeworth.app.sandboxed import BASE, SandboxTransport
from edgeworth.collect.fetching.resolved import COARSE, TRADES, ResolvedFetch, ResolvedRequest, ResolvedTools
from edgeworth.collect.fetching.usable import usable_by_range
from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import Rejected, Retryable, UsageError
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, HOUR
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.features.taxonomy import classify
from edgeworth.sandbox.server.live import Phase
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.store.lake import Lake
from edgeworth.store.lake_trades import TradeLake
from edgeworth.store.market_db import MarketStore
from edgeworth.store.verify import verify
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.data_api import DataApi
from edgeworth.venues.polymarket.gamma import Gamma


@pytest.fixture(scope="module")
def world():
    return generate("tiny", 5)


@pytest.fixture(scope="module")
def clean(world, tmp_path_factory):
    """A home with everything fetched without a fault."""
    home = Home(tmp_path_factory.mktemp("clean") / "home")
    fetch(home, world, **QUICK)
    return home


@pytest.fixture
def place(home):
    return Home(home)


def label(question, title, tags):
    return classify(question, title, tags).label


def span(world):
    ends = world.arrays.t
    return int(ends.min()) - 400 * DAY, int(ends.max()) + 400 * DAY


async def plainly(work):
    return await work


def fetch(place, world, hook=lambda _step: None, faults=(), around=plainly, **wanted):
    """Fetch at the end of the world; returns the report and the sandbox."""
    since, until = span(world)
    now = int(world.arrays.t.max()) + DAY
    clock = VirtualClock(now)
    sandbox = Sandbox(world, clock, start=now - 30 * DAY)
    for name, parameters in faults:
        sandbox.faults.switch_on(name, **parameters)
    http = HttpClient(Endpoints.sandbox(BASE), clock, transport=SandboxTransport(sandbox))
    request = ResolvedRequest(**{"since": since, "until": until, **wanted})

    async def work():
        async with await MarketStore.open(place, clock=clock) as store:
            gamma, data = Gamma(http, backfill=True), DataApi(http, backfill=True)
            tools = ResolvedTools(store, place.lake, gamma, data, clock, label, hook=hook)
            return await ResolvedFetch(tools, request).run()

    return run_virtual(clock, around(work())), sandbox


QUICK = {"fine": False, "trades": False}


class Killed(BaseException):
    """The process ends here."""


def files(place):
    """Return every file of the lake but locks, by name."""
    return {path.name: path.read_bytes() for path in place.lake.rglob("*") if path.is_file() and path.suffix != ".lock"}


def calls(sandbox):
    counted = sandbox.counters.to_dict()["requests"]
    return {route: number for routes in counted.values() for route, number in routes.items()}


def rows(place, table):
    async def work():
        async with await MarketStore.open(place, read_only=True) as store:
            return await store.rows(table)

    return asyncio.run(work())


def coverage(place, source):
    return {row["market_no"]: row["status"] for row in rows(place, "coverage") if row["source"] == source}


def test_everything_resolved_comes_home_as_the_world_says(place, world):
    report, sandbox = fetch(place, world, since=0, until=None, **QUICK)
    arrays, live = world.arrays, sandbox.live
    now = sandbox.clock.now()
    ended = [int(i) for i in live.visible(now) if live.phase(int(i), now) is Phase.RESOLVED]
    counts = report.sources[COARSE.source]
    assert counts["present"] == len(ended) > 100
    assert (counts["missing"], counts["failed"]) == (2, 0)  # markets of 2020, before there were histories
    assert report.listed == report.chosen == len(ended) + 2
    assert report.quarantined == 1  # and a scalar one, which is no binary question
    assert verify(place).sound
    names = {row["value"]: row["market_no"] for row in rows(place, "market_aliases") if row["kind"] == "token"}
    points = Lake(place.lake).scan_prices([COARSE.source]).collect()
    payouts = {row["market_no"]: row["payout_e4"] for row in rows(place, "market_resolutions")}
    for i in ended:
        number = names[live.names.tokens(i)[0]]
        assert payouts[number] == world.final_e4[i]
        mine = points.filter(pl.col("market_no") == number).sort("event_time")
        first, stop = arrays.offsets[i], arrays.offsets[i + 1]
        place_of = np.searchsorted(arrays.t[first:stop], mine["event_time"].to_numpy(), side="right") - 1
        assert np.array_equal(mine["price_e4"].to_numpy(), arrays.price_e4[first + np.maximum(place_of, 0)])
        assert int(mine["event_time"].max()) < arrays.resolved_at[i]  # the settlement is no price
    lag = (points["known_at"] - points["event_time"]).unique().to_list()
    assert lag == [3 * HOUR]


def test_the_second_fetch_asks_for_nothing_and_changes_no_byte(place, world):
    fetch(place, world, **QUICK)
    before = files(place), rows(place, "coverage"), rows(place, "markets")
    report, sandbox = fetch(place, world, **QUICK)
    assert calls(sandbox) == {}
    assert report.resumed
    assert (files(place), rows(place, "coverage"), rows(place, "markets")) == before


def test_listed_again_nothing_is_stored_twice(place, world):
    fetch(place, world, **QUICK)
    before = files(place)
    report, sandbox = fetch(place, world, **QUICK, refresh=True)
    assert report.listed > 100
    assert "prices-history" not in calls(sandbox)
    assert files(place) == before


@pytest.mark.parametrize(
    "step", ["listed-facts", "listed-page", "part-written", "manifest-synced", "prices-stored", "prices-covered"]
)
def test_stopped_anywhere_and_run_again_it_is_complete_and_single(place, world, step):
    def hook(name):
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        fetch(place, world, hook=hook, **QUICK)
    report, _ = fetch(place, world, **QUICK)
    states = set(coverage(place, COARSE.source).values())
    assert states == {"present"}
    points = Lake(place.lake).scan_prices([COARSE.source]).collect()
    assert points.n_unique(["market_no", "event_time"]) == points.height
    assert points["market_no"].n_unique() == len(coverage(place, COARSE.source)) > 100
    assert report.partial == ""


def test_interrupted_while_asking_what_has_come_is_kept(place, world):
    async def interrupted(work):
        task = asyncio.ensure_future(work)
        await asyncio.sleep(3.0)  # virtual: some of the histories are there by then, others wait for their tokens
        task.cancel()
        return await task

    with pytest.raises(asyncio.CancelledError):
        fetch(place, world, around=interrupted, **QUICK)
    states = list(coverage(place, COARSE.source).values())
    assert states.count("present") > 0
    assert states.count("due") > 0
    fetch(place, world, **QUICK)
    assert set(coverage(place, COARSE.source).values()) == {"present"}
    points = Lake(place.lake).scan_prices([COARSE.source]).collect()
    assert points.n_unique(["market_no", "event_time"]) == points.height


def test_an_outage_stops_the_fetch_and_the_next_one_goes_on(place, world):
    with pytest.raises(Retryable):
        fetch(place, world, faults=[("outage", {"seconds": 100 * DAY})], **QUICK)
    report, _ = fetch(place, world, **QUICK)
    assert report.sources[COARSE.source]["present"] > 100


@pytest.mark.parametrize(
    "fault",
    ["rate-limited", "server-error", "dropped", "truncated-body", "html-for-json", "duplicate-rows", "cursor-expired"],
)
def test_faults_of_the_venue_change_nothing_but_the_time(place, world, clean, fault):
    for _attempt in range(6):  # whoever runs it again goes on
        try:
            fetch(place, world, faults=[(fault, {"seconds": 20})], **QUICK)
            break
        except (Retryable, Rejected):
            continue
    report, _ = fetch(place, world, **QUICK)
    assert report.partial == ""
    assert coverage(place, COARSE.source).keys() == coverage(clean, COARSE.source).keys()
    assert set(coverage(place, COARSE.source).values()) == {"present"}

    def points(home):
        names = {row["market_no"]: row["market_id"] for row in rows(home, "markets")}
        frame = Lake(home.lake).scan_prices([COARSE.source]).collect()
        return frame.with_columns(pl.col("market_no").replace_strict(names, return_dtype=pl.String)).sort(pl.all())

    assert points(place).equals(points(clean))


def test_finer_grains_and_trades_of_recent_markets(place, world):
    now = int(world.arrays.t.max()) + DAY
    report, _ = fetch(place, world, since=now - 5 * DAY)
    kept = {source: counts for source, counts in report.sources.items() if counts["present"]}
    assert set(kept) >= {COARSE.source, "polymarket-30m", "polymarket-5m", TRADES}
    assert sum(counts["failed"] for counts in report.sources.values()) == 0
    lake = Lake(place.lake)
    half_hours = lake.scan_prices(["polymarket-30m"]).collect()
    assert set((half_hours["event_time"] % (30 * 60_000_000)).to_list()) == {0}
    assert (half_hours["known_at"] - half_hours["event_time"]).unique().to_list() == [30 * 60_000_000]
    trades = TradeLake(place.lake).scan().collect()
    assert trades.height == report.sources[TRADES]["rows"] > 0
    assert trades.n_unique(["market_no", "trade"]) == trades.height
    assert trades["side"].unique().sort().to_list() == [-1, 1]
    ends = {row["market_no"]: row["resolved_at"] for row in rows(place, "market_resolutions")}
    late = trades.filter(pl.col("event_time") > pl.col("market_no").replace_strict(ends, return_dtype=pl.Int64))
    assert late.is_empty()


def test_a_category_limits_what_is_fetched_and_not_what_is_known(place, world):
    report, _ = fetch(place, world, category="sports", **QUICK)
    assert 0 < report.chosen < report.listed
    assert len(coverage(place, COARSE.source)) == report.chosen
    assert len(rows(place, "markets")) == report.listed


def test_markets_by_name(place, world, clean):
    names = [row["value"] for row in rows(clean, "market_aliases") if row["kind"] == "slug"][:2]
    report, _ = fetch(place, world, names=tuple(names), **QUICK)
    assert report.chosen == 2
    assert [row["slug"] for row in rows(place, "markets")] == names
    assert set(coverage(place, COARSE.source).values()) == {"present"}
    with pytest.raises(UsageError, match="no market"):
        fetch(place, world, names=("nothing-like-it",), **QUICK)


def test_usable_markets_and_independent_events_per_range(place, world):
    report, _ = fetch(place, world, **QUICK)
    since, until = span(world)
    table = usable_by_range(place, COARSE.source, since, until)
    whole = table.row(-1, named=True)
    assert whole["range"] == "all"
    assert whole["asked"] == report.chosen == table["asked"][:-1].sum()
    assert whole["yes"] + whole["no"] + whole["other"] == whole["asked"]
    assert whole["events"] <= whole["usable"] <= whole["yes"] + whole["no"]
    groups = {row["market_no"]: row["event_no"] for row in rows(place, "markets")}
    assert whole["events"] == len({event or -number for number, event in groups.items()})


def test_final_words_that_contradict_each_other_are_not_believed(place, world):
    since, until = span(world)
    clock = VirtualClock(int(world.arrays.t.max()) + DAY)
    sandbox = Sandbox(world, clock, start=clock.now() - 30 * DAY)
    inner = SandboxTransport(sandbox)

    class Lying(SandboxTransport):
        async def handle_async_request(self, request):
            answer = await inner.handle_async_request(request)
            if "/v2/resolutions" not in str(request.url):
                return answer
            import httpx2

            page = json.loads(answer.content)
            for row in page["data"][:1]:
                row["payouts"] = [1_000_000 - value for value in row["payouts"]]
                row["price"] = "1" if row.get("price") == "0" else "0"
            return httpx2.Response(200, json=page)

    http = HttpClient(Endpoints.sandbox(BASE), clock, transport=Lying(sandbox))

    async def work():
        async with await MarketStore.open(place, clock=clock) as store:
            gamma, data = Gamma(http, backfill=True), DataApi(http, backfill=True)
            tools = ResolvedTools(store, place.lake, gamma, data, clock, label)
            return await ResolvedFetch(tools, ResolvedRequest(since, until, **QUICK)).run()

    report = run_virtual(clock, work())
    assert report.disagreeing > 0
    assert report.chosen == report.listed - report.disagreeing
    reasons = [row["reason"] for row in rows(place, "quarantine")]
    assert reasons.count("sources-disagree") == report.disagreeing
