"""Batches over a real home: what is open, what is found, what is remembered, and that nothing later is used."""

import asyncio
import dataclasses
import json
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest
from tests.support.homes import still_open, store_panel, write_snapshots
from tests.support.panels import START, day, hourly, make_panel
from tests.support.worlds import efficient_world

from edgeworth.app import signalling
from edgeworth.core.clock import ManualClock, VirtualClock
from edgeworth.core.config import Settings, SignalSettings
from edgeworth.core.errors import DataError, Retryable
from edgeworth.core.panel import NEVER, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.forecasting.odds import stated
from edgeworth.forecasting.speaking import Rows, Said
from edgeworth.research.batch_signals import journal
from edgeworth.research.batch_signals.compact import MOST_TOKENS, compact, tokens
from edgeworth.research.batch_signals.journal import Journal
from edgeworth.research.batch_signals.lookout import Lookout, Scope
from edgeworth.research.batch_signals.panels import known_outcomes
from edgeworth.research.batch_signals.scan import BACK_OFF, Plan, Scanner
from edgeworth.research.batch_signals.scoring import scores, stored_signals
from edgeworth.research.batch_signals.types import Batch, json_schema
from edgeworth.research.batch_signals.watch import PAUSE_SECONDS, watch
from edgeworth.store.snapshots import SnapshotRow
from edgeworth.strategies.base import Strategy
from edgeworth.strategies.registry import find

NOW = START + 450 * DAY
RULES = ("crypto-favorite-fade", "weather-fade-longshots", "favorite-longshot", "follow-the-market")


def rules(*names: str) -> list[Strategy]:
    return [find(name) for name in names or RULES]


def scanner(place: Home, clock: ManualClock | None = None, scope: Scope | None = None, **plan: object) -> Scanner:
    chosen = rules(*plan.pop("rules", ()))  # type: ignore[arg-type]
    settings = plan.pop("settings", Settings())
    look = Lookout(place, chosen, settings, scope)  # type: ignore[arg-type]
    return Scanner(
        place,
        look,
        settings,
        Plan(**plan),
        Journal(place, "test"),
        clock or ManualClock(Micros(NOW)),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, tuple[Panel, Outcomes]]:
    """A home with 900 resolved markets of a world with a planted bias, and 300 that are open at NOW."""
    place = Home(tmp_path_factory.mktemp("crowd"))
    data = still_open(efficient_world(11, 1_200, planted=0.3), 300, NOW)
    store_panel(place, *data)
    return place, data


@pytest.fixture
def place(crowd: tuple[Home, tuple[Panel, Outcomes]], tmp_path: Path) -> Home:
    """The same data with a memory of its own: nothing is remembered from another test."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    for name in ("market.db", "lake", "cache"):
        (home.root / name).symlink_to(crowd[0].root / name)
    return home


def test_a_batch_finds_the_planted_bias_and_says_what_it_is_worth(place: Home) -> None:
    batch = scanner(place, size=300).next_batch()
    assert batch.stop_reason == "ok"
    assert batch.dedupe_summary.input_items + batch.dedupe_summary.decided == 300
    top = batch.review_queue[0]
    assert (top.rule, top.side, top.band, top.action) == ("crypto-favorite-fade", "NO", "AUTO-TRADE", "BUY NO")
    assert top.edge == pytest.approx(top.fair - top.cost, abs=2e-5)
    assert top.fair_low < top.fair < top.fair_high
    assert top.evidence.events > 50
    assert 0 < top.size.stake <= Settings().risk.max_order
    assert top.size.shares * top.price <= top.size.stake + 1e-9
    priorities = [entry.priority for entry in batch.review_queue]
    assert priorities == sorted(priorities, reverse=True)
    assert len({entry.market_id for entry in batch.review_queue}) == len(batch.review_queue) <= 50


def test_an_efficient_world_has_no_signal(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store_panel(home, *still_open(efficient_world(12, 900), 150, NOW))
    batch = scanner(home, size=300).next_batch()
    assert not [entry for entry in batch.review_queue if entry.action != "PASS"]
    assert "none has the edge asked for" in batch.message


def test_thresholds_are_evaluated_per_market_on_its_newest_price(place: Home, crowd) -> None:
    panel = crowd[1][0]
    batch = scanner(place, size=300, rules=("crypto-favorite-fade",)).next_batch()
    expected = 0
    for index in range(900, 1_200):
        first, last = int(panel.offsets[index]), int(panel.offsets[index + 1])
        row = first + int(np.searchsorted(panel.t[first:last], NOW, side="right")) - 1
        inside = 300 <= panel.price_e4[row] <= 9_700
        expected += bool(index % 3 == 0 and panel.price_e4[row] > 7_000 and inside)
    assert batch.dedupe_summary.candidates == expected > 5


def test_what_became_known_later_changes_nothing(crowd, tmp_path: Path) -> None:
    """Permute every outcome and every price after the instant: the batch is the same to the byte."""
    panel, outcomes = crowd[1]
    as_of = START + 300 * DAY
    draw = stream(5, "later")
    later = outcomes.known_at > as_of
    permuted = dataclasses.replace(
        outcomes, payout_e4=np.where(later, draw.permutation(outcomes.payout_e4), outcomes.payout_e4).astype(np.int32)
    )
    permuted = dataclasses.replace(
        permuted, payout_e4=np.where(later & (permuted.payout_e4 == -1), 10_000, permuted.payout_e4).astype(np.int32),
        resolved_at=np.where(later, as_of + 1 + draw.integers(0, DAY, len(later)), outcomes.resolved_at),
        known_at=np.where(later, as_of + DAY + 1 + draw.integers(0, DAY, len(later)), outcomes.known_at),
    )  # fmt: skip
    noise = draw.integers(100, 9_900, panel.point_count)
    scrambled = dataclasses.replace(panel, price_e4=np.where(panel.t > as_of, noise, panel.price_e4).astype(np.int32))
    told = []
    for name, data in (("a", (panel, outcomes)), ("b", (scrambled, permuted))):
        home = Home(tmp_path / name)
        store_panel(home, *data)
        told.append(scanner(home, ManualClock(Micros(NOW)), size=300, as_of=as_of).next_batch().to_dict())
    assert told[0] == told[1]
    assert told[0]["review_queue"]
    assert told[0]["point_in_time"] is True


def test_outcomes_known_later_are_taken_out(crowd) -> None:
    outcomes = crowd[1][1]
    as_of = int(np.median(outcomes.known_at[:900]))
    masked = known_outcomes(outcomes, as_of)
    known = outcomes.known_at <= as_of
    assert (masked.payout_e4[known] == outcomes.payout_e4[known]).all()
    assert (masked.payout_e4[~known] == -1).all()
    assert (masked.known_at[~known] > as_of).all()


def test_only_unseen_markets_or_those_that_moved_are_looked_at_again(place: Home, crowd) -> None:
    clock = ManualClock(Micros(NOW))
    first = scanner(place, clock, size=100).next_batch()
    rest = [scanner(place, clock, size=100).next_batch() for _ in range(4)]  # a new process each time: it resumes
    looked = [first, *[batch for batch in rest if batch.dedupe_summary.input_items]]
    ids = [name for batch in looked for cluster in batch.clusters for name in cluster.supporting_ids]
    assert len(ids) == len(set(ids)) == 300 - first.dedupe_summary.decided
    assert first.next_batch_plan.recommended_batch_size == 200
    assert rest[-1].message.startswith("Nothing new")
    # the next prices arrive: those that moved are looked at again, the others not
    clock.advance(6 * HOUR)
    panel = crowd[1][0]
    again = scanner(place, clock, size=300).next_batch()
    assert 0 < again.dedupe_summary.input_items <= 300
    told = again.dedupe_summary
    assert told.input_items + told.unchanged + told.decided + again.next_batch_plan.remaining == 300
    assert again.number == len(looked) + 1
    assert panel.source


def test_every_batch_is_stored_before_it_is_shown_and_once(place: Home) -> None:
    as_of = NOW - 2 * HOUR
    one = scanner(place, size=None, as_of=as_of)
    first, second = one.next_batch(), one.next_batch()
    stored = list(Journal(place, "test").batches())
    assert [item["batch"] for item in stored] == [json.loads(json.dumps(first.to_dict()))]
    assert second.to_dict()["review_queue"] == first.to_dict()["review_queue"]
    assert set(stored[0]["seen"]["inputs"]) == {name for c in first.clusters for name in c.supporting_ids}


def test_a_process_that_dies_between_batch_and_state_looks_at_nothing_twice(place: Home) -> None:
    clock = ManualClock(Micros(NOW))
    scanner(place, clock, size=100).next_batch()
    (place.root / "signals" / "test" / "state.json").unlink()
    second = scanner(place, clock, size=100).next_batch()
    assert second.number == 2
    assert second.dedupe_summary.unchanged == 100


def test_fresh_forgets_what_was_looked_at_but_keeps_the_batches(place: Home) -> None:
    clock = ManualClock(Micros(NOW))
    first = scanner(place, clock, size=100).next_batch()
    Journal(place, "test").forget()
    clock.advance(SECOND)
    again = scanner(place, clock, size=100).next_batch()
    assert (first.number, again.number) == (1, 2)
    assert again.dedupe_summary.unchanged == 0


def test_stale_prices_give_no_signal(place: Home) -> None:
    late = scanner(place, ManualClock(Micros(NOW + 40 * DAY)), size=100).next_batch()
    assert late.stop_reason == "stale_data"
    assert not late.review_queue
    assert "the newest is of 2025-" in late.message
    strict = scanner(place, scope=Scope(max_age=10 * MINUTE), size=100).next_batch()
    assert strict.stop_reason == "stale_data"
    assert strict.dedupe_summary.stale > 150


def test_a_halt_survives_and_stops_signals_until_resumed(place: Home) -> None:
    journal.halt(place, "a person said so", NOW)
    batch = scanner(place, size=100).next_batch()
    assert (batch.stop_reason, batch.review_queue) == ("halted", ())
    assert "a person said so" in batch.message
    assert journal.resume(place)
    assert not journal.resume(place)
    after = scanner(place, ManualClock(Micros(NOW + SECOND)), size=100).next_batch()
    assert after.stop_reason == "ok"
    assert after.dedupe_summary.unchanged == 0, "what was not judged under the halt is looked at now"


def test_a_halt_that_cannot_be_read_is_a_halt(place: Home) -> None:
    journal.halt(place, "x", NOW)
    (place.root / "signals" / "halted.json").write_text("{")
    assert scanner(place, size=100).next_batch().stop_reason == "halted"


def test_more_candidates_than_the_queue_holds_stop_and_halve_the_next_batch(place: Home) -> None:
    batch = scanner(place, size=300, min_edge=0.0).next_batch()
    reviewable = sum(entry.priority >= 0.5 for entry in batch.review_queue)
    if reviewable < 50:
        assert batch.stop_reason == "ok"
    else:
        assert batch.stop_reason == "too_many_candidates"
        assert batch.next_batch_plan.recommended_batch_size == 150


# the collector's own observations


def test_snapshots_are_used_when_there_are_any(tmp_path: Path) -> None:
    home = Home(tmp_path)
    data = make_panel(
        [
            {"question": "Will Bitcoin reach $90,000 in May?", "end": day(40), "market_id": "0xa", "tick_e4": 10},
            {"question": "Will Bitcoin reach $80,000 in May?", "end": day(40), "market_id": "0xb", "tick_e4": 10},
            {"question": "Will Bitcoin reach $70,000 in May?", "end": day(40), "market_id": "0xc", "tick_e4": 10},
        ]
    )
    numbers = store_panel(home, *data, prices=False)
    rows = []
    for hour in range(5):
        at = day(10) + hour * HOUR
        rows.append(
            SnapshotRow(at, numbers["0xa"], "track", at, at + SECOND, 7_900, 8_100, 8_000, depth_e6=400_000_000)
        )
        rows.append(SnapshotRow(at, numbers["0xb"], "track", at, at + SECOND, 8_100, 7_900, None))
        rows.append(SnapshotRow(at, numbers["0xc"], "track", at, at + SECOND, None, None, None))
    write_snapshots(home, rows)
    now = day(10) + 4 * HOUR + MINUTE
    batch = scanner(home, ManualClock(Micros(now)), rules=("crypto-favorite-fade",)).next_batch()
    assert batch.source == "snapshots"
    assert (batch.dedupe_summary.input_items, batch.dedupe_summary.quarantined) == (1, 5)
    assert batch.dedupe_summary.without_price == 2
    entry = batch.review_queue[0]
    assert (entry.side, entry.mid, entry.price, entry.fidelity) == ("NO", 0.2, 0.21, "quoted")
    assert entry.age_seconds == 59
    assert entry.evidence.events == 0
    assert "no resolved event" in entry.reasoning
    assert entry.gate == "min-edge"


def test_snapshots_continue_the_recorded_history(place: Home, crowd, tmp_path: Path) -> None:
    home = Home(tmp_path / "own")
    data = crowd[1]
    numbers = store_panel(home, *data)
    name = data[0].markets["market_id"][1_197]  # a crypto market
    later = NOW + 30 * MINUTE
    rows = [
        SnapshotRow(at, numbers[name], "track", at, at, 9_100, 9_300) for at in (NOW - 30 * MINUTE, NOW, later - MINUTE)
    ]
    write_snapshots(home, rows)
    batch = scanner(home, ManualClock(Micros(later)), size=300, rules=("crypto-favorite-fade",)).next_batch()
    entry = next(entry for entry in batch.review_queue if entry.market_id == name)
    assert (entry.mid, entry.price, entry.fidelity, entry.age_seconds) == (0.08, 0.09, "quoted", 60)
    assert entry.evidence.events > 50


def test_late_news_of_the_past_never_passes_for_a_fresh_price(tmp_path: Path) -> None:
    """A back-filled observation, and an answer from a cache, are known now but tell of then."""
    home = Home(tmp_path)
    market = {"question": "Will Bitcoin reach $90,000 in May?", "market_id": "0xa", "end": day(40), "tick_e4": 10}
    other = {**market, "question": "Will Bitcoin reach $95,000 in May?", "market_id": "0xb"}
    numbers = store_panel(home, *make_panel([market, other]), prices=False)
    now = day(10) + 2 * HOUR
    rows = [
        SnapshotRow(at, numbers[name], "track", at, at, 7_900, 8_100)
        for name in ("0xa", "0xb")
        for at in (day(10), day(10) + HOUR, now - MINUTE)
    ]
    rows.append(SnapshotRow(now, numbers["0xa"], "track", day(9), now, 8_900, 9_100))
    rows.append(SnapshotRow(day(9), numbers["0xb"], "backfill:polymarket-history", now + 1, now, last_e4=9_000))
    write_snapshots(home, rows)
    batch = scanner(home, ManualClock(Micros(now)), rules=("crypto-favorite-fade",)).next_batch()
    assert [(entry.mid, entry.age_seconds) for entry in batch.review_queue] == [(0.2, 60), (0.2, 60)]


def test_a_collector_s_first_weeks_teach_the_rules_too(tmp_path: Path) -> None:
    """Snapshots alone, some of whose markets have resolved: the rule has a past before anything was sealed."""
    home = Home(tmp_path)
    markets = [
        {
            "question": f"Will Bitcoin reach ${60 + k},000 in week {k}?", "market_id": f"0x{k}", "end": day(2), "payout": 0,
            "resolved_at": day(3),
        }
        for k in range(12)
    ]  # fmt: skip
    last = {"question": "Will Bitcoin reach $99,000 in May?", "market_id": "0xopen", "end": day(40)}
    numbers = store_panel(home, *make_panel([*markets, last]), prices=False)
    times = [(f"0x{k}", day(1) + hour * HOUR) for k in range(12) for hour in range(3)]
    times += [("0xopen", day(4) + hour * HOUR) for hour in range(3)]
    write_snapshots(home, [SnapshotRow(at, numbers[name], "track", at, at, 7_900, 8_100) for name, at in times])
    early = scanner(home, rules=("crypto-favorite-fade",), as_of=day(1) + 3 * HOUR).next_batch()
    assert early.review_queue[0].evidence.events == 0, "nothing had resolved by then"
    entry = scanner(home, rules=("crypto-favorite-fade",), as_of=day(4) + 3 * HOUR).next_batch().review_queue[0]
    assert (entry.market_id, entry.evidence.events) == ("0xopen", 12)
    assert entry.evidence.win_rate > entry.evidence.price_paid


def test_a_market_resolved_or_proposed_meanwhile_is_not_open(tmp_path: Path) -> None:
    home = Home(tmp_path)
    market = {"prices": hourly([0.8] * 48, START), "end": day(30)}
    data = make_panel(
        [
            dict(market, question="Will Bitcoin reach $90,000?", market_id="0xa"),
            dict(market, question="Will Bitcoin reach $80,000?", market_id="0xb", payout=1, resolved_at=day(1.5)),
            dict(market, question="Will Bitcoin reach $70,000?", market_id="0xc", end=day(1.5)),
        ]
    )
    store_panel(home, *data)
    batch = scanner(home, ManualClock(Micros(day(1.9))), as_of=day(1.9)).next_batch()
    assert [cluster.supporting_ids for cluster in batch.clusters] == [("0xa",)]
    assert batch.dedupe_summary.ended == 1


def test_a_home_without_prices_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store_panel(home, *make_panel([{"question": "Will it rain?"}]), prices=False)
    with pytest.raises(DataError, match="no-prices"):
        scanner(home).next_batch()


# the budget of the collector


def note_calls(home: Home, calls: int, *, limited: bool = False) -> None:
    from edgeworth.store.collecting import CollectionLedger, SlotResult
    from edgeworth.store.market_db import MarketStore

    async def work() -> None:
        async with await MarketStore.open(home) as store:
            ledger = CollectionLedger(store)
            await ledger.add_usage({("gamma", "markets"): calls}, NOW)
            if limited:
                run = await ledger.begin("track", NOW - MINUTE, NOW)
                await ledger.finish(
                    run, SlotResult("track", NOW - MINUTE, 1, 0, {1: "venue-rate-limited"}, "venue-rate-limited"), NOW
                )

    asyncio.run(work())


@pytest.fixture
def busy(tmp_path: Path) -> Home:
    home = Home(tmp_path / "busy")
    store_panel(home, *still_open(efficient_world(13, 160), 120, NOW))
    return home


def test_the_day_s_calls_end_in_budget_used(busy: Home) -> None:
    note_calls(busy, 1_000)
    batch = scanner(busy, size=100, daily_calls=1_000).next_batch()
    assert batch.stop_reason == "budget_used"
    assert scanner(busy, ManualClock(Micros(NOW + 1)), size=100).next_batch().stop_reason == "ok"


def test_a_risk_of_being_limited_halves_the_batch_doubles_the_interval_and_passes(busy: Home) -> None:
    note_calls(busy, 10, limited=True)
    clock = ManualClock(Micros(NOW))
    first = scanner(busy, clock, size=150, interval=MINUTE).next_batch()
    assert first.stop_reason == "rate_limit_risk"
    assert first.next_batch_plan.wait_seconds == 120
    assert first.next_batch_plan.back_off_until is not None
    Journal(busy, "test").forget()
    clock.advance(3 * MINUTE)
    slow = scanner(busy, clock, size=150, interval=MINUTE).next_batch()
    assert slow.dedupe_summary.input_items == 75
    clock.advance(2 * BACK_OFF)
    Journal(busy, "test").forget()
    normal = scanner(busy, clock, size=150, interval=MINUTE).next_batch()
    assert normal.stop_reason == "ok"
    assert normal.next_batch_plan.wait_seconds == 60
    assert normal.next_batch_plan.back_off_until is None


# whoever else has opinions


@dataclasses.dataclass(frozen=True)
class Seer:
    """A stand-in for a model: it states a probability for every market, with an error."""

    name: str = "seer"
    needs: tuple[str, ...] = ("price", "no_price")

    def speak(self, rows: Rows, as_of: int) -> Said:
        count = len(rows.price_e4)
        assert rows.frame["price"].to_list() == [price / 1e4 for price in rows.price_e4]
        assert (rows.panel.t[rows.row] <= as_of).all()
        sure = np.full(count, 0.9)
        odds = stated(sure, np.full(count, 0.02), np.full(count, 40), sure)
        index = np.arange(count)
        return Said("seer", 1, False, index, np.ones(count, np.int8), ("foreseen",) * count, odds)


def test_a_forecast_joins_through_the_same_door_as_the_rules(place: Home) -> None:
    look = Lookout(place, rules("favorite-longshot"), Settings(), others=(Seer(),))
    scan = Scanner(place, look, Settings(), Plan(size=300), Journal(place, "test"), ManualClock(Micros(NOW)))
    batch = scan.next_batch()
    assert [rule.rule for rule in batch.rules] == ["favorite-longshot"]
    best = batch.review_queue[0]
    assert (best.rule, best.side, best.fair, best.fair_se) == ("seer", "YES", 0.9, 0.02)
    assert best.priority == 0.9999
    assert "favorite-longshot" in {
        name for e in batch.review_queue for name in (*e.evidence.agree, *e.evidence.disagree)
    }


# forms


def biggest(place: Home) -> Batch:
    """The largest batch there can be: 300 items, 40 clusters, 50 entries, everything as long as it may be."""
    Journal(place, "test").forget()
    batch = scanner(place, size=300, min_edge=0.0).next_batch()
    entry = batch.review_queue[0]
    queue = tuple(
        _replaced(
            entry, market_no=10_000_000 + k, priority=0.9999, question="Wird “Ärger” " * 30, cluster_id=f"event:{k}"
        )
        for k in range(50)
    )
    group = batch.clusters[0]
    clusters = tuple(
        _replaced(
            group, cluster_id=f"category:{k}", canonical_summary="Ünïcödé €" * 26, supporting_ids=("x" * 66,) * 300
        )
        for k in range(40)
    )
    return _replaced(batch, review_queue=queue, clusters=clusters)


def _replaced(value, **changes):
    import msgspec

    return msgspec.structs.replace(value, **changes)


def test_the_compact_form_stays_below_its_bound_at_the_largest_batch(place: Home) -> None:
    whole = biggest(place)
    brief = compact(whole)
    envelope = {
        "schema": "edgeworth.signals/1", "ok": True, "data": brief, "warnings": [],
        "next": ["edgeworth data show '#10000000'"], "meta": {"version": "10.10.10"},
    }  # fmt: skip
    text = json.dumps(envelope, ensure_ascii=False)
    assert tokens(text) <= MOST_TOKENS < 900
    assert len(text) < 4 * 900
    assert len(brief["review_queue"]) >= 3
    assert brief["omitted"]["review_queue"] == 50 - len(brief["review_queue"])
    plain = compact(scanner(place, ManualClock(Micros(NOW + 1)), size=None).next_batch())
    assert len(plain["review_queue"]) >= 5
    assert {"dedupe_summary", "clusters", "review_queue", "next_batch_plan", "stop_reason"} <= plain.keys()
    assert all(len(row) == len(plain["review_columns"]) for row in plain["review_queue"])


def test_the_token_estimate_is_never_below_a_quarter_of_the_letters() -> None:
    for text in ("a plain sentence of words", '{"a":[1,2,3],"b":"0xdeadbeef"}', "12345678901234567890", "ÄÖÜ€"):
        assert tokens(text) >= len(text.replace(" ", "")) / 4


def test_documents_fit_the_schema_that_ships(place: Home) -> None:
    shipped = signalling.schema()
    assert shipped == json.loads(json.dumps(json_schema())), "write batch.schema.json anew from types.json_schema()"
    check = jsonschema_rs.validator_for(shipped)
    for batch in (scanner(place, size=300).next_batch(), biggest(place)):
        document = json.loads(json.dumps(batch.to_dict(), allow_nan=False))
        check.validate(document)
        assert not check.is_valid({**document, "surprise": 1})
        assert not check.is_valid({key: value for key, value in document.items() if key != "clusters"})


def test_the_shape_of_a_batch_is_the_documented_one(place: Home) -> None:
    batch = scanner(place, size=300).next_batch().to_dict()
    assert {"dedupe_summary", "clusters", "review_queue", "next_batch_plan", "stop_reason"} <= batch.keys()
    assert {"input_items", "unique_items", "clusters", "quarantined", "without_price"} <= batch["dedupe_summary"].keys()
    cluster, entry = batch["clusters"][0], batch["review_queue"][0]
    assert list(cluster) == [
        "cluster_id", "event_type", "entities", "timestamp_utc", "canonical_summary", "supporting_ids", "confidence",
    ]  # fmt: skip
    assert {
        "pair_id", "market_id", "cluster_id", "priority", "analysis_question", "cache_key", "reasoning", "side", "price",
        "fair", "fair_se", "edge", "size", "evidence", "gate",
    } <= entry.keys()  # fmt: skip
    assert entry["pair_id"] == f"{entry['cluster_id']}|{entry['rule']}"
    assert entry["cache_key"].startswith(entry["pair_id"])
    assert entry["cache_key"].endswith("|v1")
    plan = batch["next_batch_plan"]
    assert plan["recommended_batch_size"] == min(2 * batch["dedupe_summary"]["unique_items"], 300)
    assert len(batch["clusters"]) <= 40
    assert all(len(c["canonical_summary"]) <= 240 and len(c["entities"]) <= 5 for c in batch["clusters"])


# what became of them


def test_live_signals_are_scored_once_their_markets_resolve(place: Home, crowd, tmp_path: Path) -> None:
    home = Home(tmp_path / "own")
    panel, outcomes = crowd[1]
    store_panel(home, panel, outcomes)
    scanner(home, size=300, as_of=NOW - 2 * HOUR).next_batch()
    assert stored_signals(home) == [], "a replay is no forward evidence"
    live = scanner(home, size=300).next_batch()
    allowed = [entry for entry in live.review_queue if entry.gate == "allowed"]
    assert {(s.rule, s.market_no) for s in stored_signals(home)} == {(e.rule, e.market_no) for e in allowed}
    before = scores(home, NOW)
    assert [(score.resolved, score.e_value) for score in before] == [(0, None)] * len(before)
    chosen = [
        index for index in range(900, 1_200) if panel.markets["market_id"][index] in {e.market_id for e in allowed}
    ]
    payout, known = outcomes.payout_e4.copy(), outcomes.known_at.copy()
    payout[chosen], known[chosen] = 0, NOW + DAY  # NO wins everywhere
    store_panel(home, panel, Outcomes(payout, np.where(payout == -1, NEVER, known), known, known), prices=False)
    assert [score.resolved for score in scores(home, NOW + HOUR)] == [0] * len(before), "not known yet"
    after = {score.rule: score for score in scores(home, NOW + 2 * DAY)}["crypto-favorite-fade"]
    mine = [entry for entry in allowed if entry.rule == "crypto-favorite-fade"]
    assert (after.signals, after.resolved) == (len(mine), len(mine))
    assert after.win_rate == 1.0
    assert after.break_even == pytest.approx(np.mean([entry.cost for entry in mine]))
    assert after.profit == pytest.approx(1 - after.break_even)
    assert after.e_value is not None
    assert after.e_value > 1.0
    late = [score.resolved for score in scores(home, NOW + 2 * DAY)]
    assert sum(late) == len(allowed)


# the loop


def test_the_loop_keeps_its_pace_stops_at_its_number_and_never_waits_in_real_time(place: Home) -> None:
    clock = VirtualClock(Micros(NOW))
    seen: list[Batch] = []
    scan = scanner(place, clock, size=100, interval=5 * MINUTE)
    report = run_virtual(clock, watch(scan.next_batch, clock, seen.append, asyncio.Event(), most=5))
    assert (report.looks, report.errors, len(seen)) == (5, 0, 5)
    assert clock.now() == NOW + 4 * 5 * MINUTE
    assert [batch.dedupe_summary.input_items > 0 for batch in seen] == [True, True, False, False, False]


def test_the_loop_ends_at_once_when_told_to(place: Home) -> None:
    clock = VirtualClock(Micros(NOW))

    async def main() -> int:
        stop = asyncio.Event()
        seen: list[Batch] = []
        work = asyncio.ensure_future(watch(scanner(place, clock, size=100).next_batch, clock, seen.append, stop))
        await clock.sleep(7)
        stop.set()
        return (await work).looks

    assert run_virtual(clock, main()) == 1
    assert clock.now() == NOW + 7 * SECOND


def test_the_loop_survives_what_passes_and_ends_with_what_does_not(place: Home) -> None:
    clock = VirtualClock(Micros(NOW))
    batch = scanner(place, size=100).next_batch()
    answers = [
        Retryable("venue-rate-limited", "slow down"), DataError("store-locked", "held"), batch,
        DataError("store-corrupt", "broken"),
    ]  # fmt: skip
    told: list[str] = []

    def scan() -> Batch:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(DataError, match="store-corrupt"):
        run_virtual(
            clock, watch(scan, clock, lambda _batch: None, asyncio.Event(), fail=lambda error: told.append(error.code))
        )
    assert told == ["venue-rate-limited", "store-locked"]
    assert clock.now() == NOW + round((2 * PAUSE_SECONDS + batch.next_batch_plan.wait_seconds) * 1e6)


def test_settings_have_the_documented_defaults() -> None:
    assert SignalSettings() == SignalSettings(min_edge=0.05, daily_calls=10_000)
