"""Quarantined rows are tried again after a fix, and each gets a fate."""

import asyncio
import json

import pytest

from edgeworth.collect.requeue import Selection, requeue
from edgeworth.core.paths import Home
from edgeworth.core.records import MarketRecord, Rejected, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore
from edgeworth.store.rows import raw_text

GOOD = {
    "id": "7", "question": "Will it rain?", "conditionId": "0x" + "a" * 64, "slug": "rain", "outcomes": '["Yes","No"]',
    "clobTokenIds": json.dumps(["1" * 70, "2" * 70]), "updatedAt": "2026-01-01T00:00:00Z", "closed": True,
    "outcomePrices": '["1","0"]', "closedTime": "2026-01-02 00:00:00+00",
}  # fmt: skip
CANDLES = {"symbol": "BTC", "interval": "1h", "rows": [[1767225600000, "10", "12", "9", "11", "5"]]}


def row(kind, reason, raw, **more):
    text = raw if isinstance(raw, str) else json.dumps(raw)
    return Rejected(source="dump", kind=kind, reason=reason, raw=text, where="file:1", **more)


EVERYTHING = Selection()


def run(home, rows, chosen=EVERYTHING, before=()):
    async def work():
        async with await MarketStore.open(home) as store:
            await store.write([*before, *rows])
            report = await requeue(store, home, chosen)
            return report, await store.rows("quarantine"), await store.counts()

    return asyncio.run(work())


@pytest.fixture
def place(home):
    return Home(home)


def fates(report):
    return {(r["kind"], r["reason"]): r["fate"] for r in report.rows}


def test_a_payload_that_parses_today_is_stored_and_leaves_the_quarantine(place):
    report, left, counts = run(place, [row("market", "question-missing", GOOD)])
    assert fates(report) == {("market", "question-missing"): "stored"}
    assert left == []
    assert (counts["markets"], counts["market_resolutions"], counts["market_snapshots"]) == (1, 1, 1)


def test_what_was_stored_meanwhile_is_a_duplicate(place):
    run(place, [row("market", "question-missing", GOOD)])
    report, left, _ = run(place, [row("market", "question-missing", GOOD)])
    assert fates(report) == {("market", "question-missing"): "duplicate"}
    assert left == []


def test_what_is_still_wrong_stays_with_its_reason(place):
    bad = {**GOOD, "question": ""}
    unclear = {**GOOD, "outcomePrices": '["0.7","0.3"]'}
    report, left, counts = run(
        place, [row("market", "question-missing", bad), row("resolution", "resolution-unclear", unclear)]
    )
    assert set(fates(report).values()) == {"refused"}
    assert sorted(item["note"] for item in report.rows) == ["question-missing", "resolution-unclear"]
    assert len(left) == 2
    assert counts["market_resolutions"] == 0


def test_resolutions_of_the_data_api_are_read_by_their_own_parser(place):
    said = {"condition_id": "0x" + "b" * 64, "status": "resolved", "payouts": [0, 1_000_000], "price": "0",
            "resolved_at": "2026-01-02T00:00:00Z"}  # fmt: skip
    odd = Rejected(source="polymarket-data", kind="resolution", reason="status-unknown", raw=json.dumps(said))
    report, left, counts = run(place, [odd])
    assert fates(report) == {("resolution", "status-unknown"): "stored"}
    assert (left, counts["market_resolutions"]) == ([], 1)


def test_records_the_store_set_aside_are_offered_again(place):
    ids = (("slug", "rain"),)
    record = ResolutionRecord(source="dump", ids=ids, payout=Payout.YES, resolved_at=1_767_225_600_000_000)
    market = MarketRecord(source="dump", venue="polymarket", ids=ids, question="Will it rain?")
    report, left, counts = run(place, [row("resolution", "alias-conflict", raw_text(record))], before=[market])
    assert fates(report) == {("resolution", "alias-conflict"): "stored"}
    assert (left, counts["market_resolutions"]) == ([], 1)


def test_candles_go_to_the_lake_when_all_of_them_were_kept(place):
    more = row("candle", "high-below-low", {**CANDLES, "interval": "15m"}, rows=5_000)
    report, left, _ = run(place, [row("candle", "off-grid", CANDLES), more])
    assert fates(report) == {("candle", "off-grid"): "stored", ("candle", "high-below-low"): "incomplete"}
    assert Lake(place.lake).scan_candles(["BTC"]).collect()["close"].to_list() == [11.0]
    assert [item["reason"] for item in left] == ["high-below-low"]


def test_samples_and_strangers_are_named(place):
    rows = [
        row("price", "price-nan", [[1, None]]),
        row("market", "not-an-object", '{"id": "7", "quest'),
        row("omen", "unheard-of", "{}"),
    ]
    report, left, _ = run(place, rows)
    assert sorted(fates(report).values()) == ["incomplete", "incomplete", "no-parser"]
    assert len(left) == 3


def test_only_the_chosen_rows_are_tried(place):
    rows = [row("market", "question-missing", GOOD), row("candle", "off-grid", CANDLES)]
    report, left, _ = run(place, rows, Selection(reason="off-grid"))
    assert report.summary() == [{"kind": "candle", "reason": "off-grid", "fate": "stored", "rows": 1}]
    assert [item["reason"] for item in left] == ["question-missing"]
