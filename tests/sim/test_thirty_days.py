"""Thirty days of collection against the sandbox with every fault of the read side mixed in; and long outages, honestly.

The real collector, store and venue adapters run in virtual time; only the network is missing. What is stored is compared
with what the simulated world was, row by row.
"""

import gc
from collections import Counter
from pathlib import Path

import pytest
from tests.support.simulated import Days, simulate
from tests.support.truth import Truth, rows, snapshots

from edgeworth.collect.daemon.plan import Mode, Plan, jobs_of
from edgeworth.collect.jobs.choice import parse_choice
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, MINUTE, ONE_PRICE
from edgeworth.sandbox.server.fault_plan import FaultPlan
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.venues.http.limits import DOCUMENTED

CHOICE = parse_choice([], ["category:crypto", "category:politics"], 20)
ROUTES = {  # what the sandbox counts, by the documented limit it falls under
    "gamma/markets": ("gamma", "markets"),
    "clob/books": ("clob", "books"),
    "gamma": ("gamma", None),
    "clob": ("clob", None),
    "data": ("data", None),
}


def plan(_sandbox: Sandbox) -> Plan:
    return Plan(every=jobs_of(Mode.SCHEDULED, CHOICE), choice=CHOICE, top=40, min_volume=0, symbols=("BTCUSDT",))


def resident_mb() -> float:
    """Return the memory of this process, MB."""
    gc.collect()
    words = Path("/proc/self/status").read_text("ascii", "replace").split()
    return int(words[words.index("VmRSS:") + 1]) / 1024


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """Thirty days with all faults mixed, none longer than five minutes; and the memory at the end of each day."""
    memory: dict[int, float] = {}
    root = tmp_path_factory.mktemp("month") / "home"
    days = simulate(
        root, 30, plan, faults=lambda start: FaultPlan.mixed(7, start, 30),
        each_day=lambda day: memory.__setitem__(day, resident_mb()),
    )  # fmt: skip
    return days, memory


def missed_rows(days: Days) -> Counter[tuple[str, str]]:
    """Return the observations missed by job and cause."""
    whole = rows(days.home, "SELECT * FROM collection_slots WHERE market_no = 0 AND cause <> ''")
    found: Counter[tuple[str, str]] = Counter()
    for row in whole:
        found[row["job"], row["cause"]] += row["due"] - row["met"]
    for row in rows(days.home, "SELECT * FROM collection_slots WHERE market_no > 0"):
        found[row["job"], row["cause"]] += 1
    return found


def sums(days: Days) -> dict[str, tuple[int, int, int]]:
    """Return slots, observations due and met per job."""
    query = "SELECT job, count(*) n, sum(due) due, sum(met) met FROM collection_slots WHERE market_no = 0 GROUP BY job"
    return {row["job"]: (row["n"], row["due"], row["met"]) for row in rows(days.home, query)}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_month_of_faults_loses_next_to_nothing(month):
    days, _ = month
    found = sums(days)
    expected = {"track": 96 * 30, "snapshot": 24 * 30, "scan": 4 * 30, "candles": 24 * 30, "resolve": 24 * 30}
    assert {job: n for job, (n, _, _) in found.items() if job in expected} == expected
    due, met = sum(d for _, d, _ in found.values()), sum(m for _, _, m in found.values())
    assert due > 80_000
    assert met >= 0.999 * due
    for job, (_, wanted, got) in found.items():
        assert got >= 0.999 * wanted, job
    assert sum(missed_rows(days).values()) == due - met  # every miss has its entry
    assert all(cause for _, cause in missed_rows(days))  # and every entry its cause
    assert not [line for line in days.notes.lines if line[1] == "crashed"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_row_is_what_the_world_was(month):
    days, _ = month
    truth, seen, graded = Truth(days.sandbox), set(), Counter[bool]()
    wrong = []
    for row in snapshots(days.home):
        key = (row["slot"], row["market_no"])
        assert key not in seen  # zero duplicates
        seen.add(key)
        graded[row["quality_e4"] >= 8_000] += 1
        assert row["slot"] <= row["known_at"] < row["slot"] + 60 * MINUTE
        wrong += [(row["slot"], row["gamma"], error) for error in truth.errors(row)]
    assert wrong == []
    stored = sum(row["met"] for row in rows(days.home, "SELECT met FROM collection_slots WHERE job = 'track'"))
    assert len(seen) >= stored > 40_000
    assert graded[True] >= 0.8 * sum(graded.values())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_venue_was_never_asked_too_fast(month):
    days, _ = month
    counters = days.sandbox.counters
    assert counters.over_limit() == 0
    for name, (service, route) in ROUTES.items():
        rate = DOCUMENTED[name]
        assert counters.peak(service, route, rate.seconds) <= 0.1 * rate.calls, name
    daily = rows(
        days.home,
        f"SELECT started_at / {DAY} AS day, sum(requests) AS calls FROM collection_runs "
        "WHERE kind IN ('scan', 'snapshot') GROUP BY 1",
    )
    assert max(row["calls"] for row in daily) <= 300
    kept = sum(row["calls"] for row in rows(days.home, "SELECT calls FROM api_usage"))
    assert kept == counters.total()  # every call is in the books


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_endings_are_final_only_when_they_are_and_right(month):
    days, _ = month
    live = days.sandbox.live
    final = list(
        rows(
            days.home,
            "SELECT r.*, a.value AS gamma FROM market_resolutions r JOIN market_aliases a ON a.market_no = r.market_no "
            "WHERE a.kind = 'gamma' AND r.state = 'final'",
        )
    )
    assert len(final) > 100
    for row in final:
        market = live.names.find_market(row["gamma"])
        assert row["payout_e4"] == live.world.final_e4[market]
        assert row["known_at"] >= live.resolved_at[market]
        assert abs(row["resolved_at"] - live.resolved_at[market]) < 1_000_000
    assert {row["payout_e4"] for row in final} >= {int(Payout.YES), int(Payout.NO)}
    assert all(0 <= row["payout_e4"] <= ONE_PRICE or row["payout_e4"] == int(Payout.VOID) for row in final)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_market_that_says_nothing_new_gets_no_version(month):
    days, _ = month
    [counts] = rows(days.home, "SELECT count(*) n, count(DISTINCT market_no) m FROM market_versions")
    assert counts["n"] < 2.2 * counts["m"]  # listed, its tick shrank; fields that are left out are no news


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_is_flat(month):
    _, memory = month
    assert set(memory) >= {10, 29}
    assert memory[29] - memory[10] < 25.0  # MB in 19 days, the simulated venue's own caches included


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_long_outages_are_listed_as_they_were(tmp_path):
    outages: list[FaultPlan] = []

    def long(start: int) -> FaultPlan:
        outages.append(FaultPlan.long_outages(11, start, 6, count=6))
        return outages[0]

    days = simulate(tmp_path / "home", 6, plan, faults=long)
    windows = [window for window in outages[0].windows if "clob" in dict(window.parameters)["services"]]
    assert windows
    found = sums(days)
    assert sum(missed_rows(days).values()) == sum(due - met for _, due, met in found.values()) > 0
    assert {cause.split("-")[0] for _, cause in missed_rows(days)} == {"venue"}
    grid = 15 * MINUTE
    for row in rows(days.home, "SELECT * FROM collection_slots WHERE job = 'track' AND market_no = 0"):
        begin, end = row["slot"], row["slot"] + grid
        whole = any(window.begin <= begin and window.end >= end for window in windows)
        touched = any(window.begin < end and window.end > begin for window in windows)
        if whole:
            assert (row["state"], row["met"]) == ("missed", 0)
        elif not touched:
            assert row["state"] == "met"
    truth = Truth(days.sandbox)
    for row in snapshots(days.home):
        assert not any(w.begin + MINUTE < row["known_at"] < w.end for w in windows)  # nobody could have seen that
        assert truth.errors(row) == []
