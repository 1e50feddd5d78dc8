"""The tracker's exports: columns as promised, labels joined and hidden, one table from database and lake."""

import asyncio
import csv
import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from edgeworth.app.tracker import COLUMNS, Choice, snapshots, training_table
from edgeworth.cli.main import cli
from edgeworth.collect.sealing import Work, seal
from edgeworth.core.config import Config, load
from edgeworth.core.errors import UsageError
from edgeworth.core.paths import Home
from edgeworth.core.records import EventRecord, MarketRecord, ResolutionRecord
from edgeworth.core.types import FeeSchedule, Payout, ResolutionState
from edgeworth.core.units import HOUR, MINUTE
from edgeworth.features.tracker import FEATURES
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
QUARTER = 15 * MINUTE
SLOTS = 24
ENDS = (T0 + 30 * HOUR, T0 + 40 * HOUR)
RESOLVED = T0 + 20 * HOUR
NAMES = ("=HYPERLINK(1)", "Will it hail?", "Will it blow?", "Will it pour?", "Will it thaw?")
PAYOUTS = {1: Payout.YES, 2: Payout.NO, 3: Payout.HALF, 4: Payout.VOID}  # the fifth is open


def ids(number):
    return (("condition", f"0x{number:064x}"), ("slug", f"market-{number}"))


def market(number, known_at, end):
    return MarketRecord(
        source="gamma", venue="polymarket", ids=ids(number), question=NAMES[number - 1], known_at=known_at,
        created_at=T0 - HOUR, scheduled_end=end, fee=FeeSchedule(70_000, 1), event_native_id="e1" if number < 3 else "",
    )  # fmt: skip


def snapshot(slot, number):
    price = 5_000 + 40 * slot - 300 * number
    return SnapshotRow(
        T0 + slot * QUARTER, number, "track", T0 + slot * QUARTER - 5, T0 + slot * QUARTER + 1_000_000, price - 50,
        price + 50, price, (1_000 + slot) * 10**6, 10**6, 2_500 * 10**6, spot_e4=10**9, spot_change_24h_e6=12_500,
        depth_e6=10**9, book_age_us=100, quality_e4=9_000 if slot % 4 else 6_000,
    )  # fmt: skip


async def fill(home):
    async with await MarketStore.open(home) as store:
        await store.write([EventRecord(source="gamma", venue="polymarket", native_id="e1", title="Weather")])
        await store.write([market(number, T0 - HOUR, ENDS[0]) for number in range(1, 6)])
        await store.write([market(1, T0 + HOUR + 2_000_000, ENDS[1])])  # the end of market 1 moves after five slots
        await store.write_snapshots([snapshot(slot, number) for slot in range(SLOTS) for number in range(1, 6)])
        ends = [
            ResolutionRecord(
                source="gamma", ids=ids(number), payout=payout, resolved_at=RESOLVED, known_at=RESOLVED + HOUR
            )
            for number, payout in PAYOUTS.items()
        ]
        await store.write(ends)


@pytest.fixture
def config(home: Path) -> Config:
    asyncio.run(fill(Home(home)))
    return load(home=home)


def row(frame, number, slot):
    wanted = (pl.col("market_id") == f"0x{number:064x}") & (pl.col("timestamp").dt.epoch("us") == T0 + slot * QUARTER)
    return frame.row(by_predicate=wanted, named=True)


def test_the_columns_of_the_export_are_exactly_these(config):
    names = (
        "timestamp,market_id,question,yes_price,no_price,implied_probability,volume,liquidity,end_date,time_to_expiry_hours,"
        "btc_spot_price,btc_24h_change_pct,price_momentum_15m,price_momentum_1h,volume_spike,price_volatility,rsi_14,"
        "market_edge,resolved,outcome,profit_if_bought_yes,profit_if_bought_no,data_quality_score"
    )
    assert snapshots(config, Choice()).columns == list(COLUMNS) == names.split(",")


def test_values_and_profits_after_fees(config):
    frame = snapshots(config, Choice())
    assert frame.height == SLOTS * 5
    found = row(frame, 1, 20)
    price = 0.55  # 5000 + 800 - 300
    fee = 0.07 * price * (1 - price)
    assert (found["yes_price"], found["no_price"], found["implied_probability"]) == (price, 0.45, price)
    assert (found["volume"], found["liquidity"]) == (1_020.0, 2_500.0)
    assert (found["btc_spot_price"], found["btc_24h_change_pct"]) == (100_000.0, 1.25)
    assert found["price_momentum_15m"] == pytest.approx(0.004)
    assert found["price_momentum_1h"] == pytest.approx(0.016)
    assert (found["volume_spike"], found["rsi_14"]) == (0.0, 100.0)
    assert (found["resolved"], found["outcome"], found["data_quality_score"]) == (1, "YES", 0.6)
    assert found["profit_if_bought_yes"] == pytest.approx(1 - price - fee, abs=1e-8)
    assert found["profit_if_bought_no"] == pytest.approx(-0.45 - fee, abs=1e-8)
    lost = row(frame, 2, 20)
    assert lost["outcome"] == "NO"
    assert lost["profit_if_bought_no"] == pytest.approx(0.52 - 0.07 * 0.52 * 0.48, abs=1e-8)
    half, void, open_ = (row(frame, number, 20) for number in (3, 4, 5))
    assert half["outcome"] == "HALF"
    assert half["profit_if_bought_yes"] == pytest.approx(0.5 - 0.49 - 0.07 * 0.49 * 0.51, abs=1e-8)
    assert void["outcome"] == "VOID"
    assert void["profit_if_bought_yes"] == pytest.approx(-0.07 * 0.46 * 0.54, abs=1e-8)
    assert (open_["resolved"], open_["outcome"], open_["profit_if_bought_yes"]) == (0, None, None)


def test_the_end_is_the_version_known_at_the_row(config):
    frame = snapshots(config, Choice())
    assert row(frame, 1, 4)["time_to_expiry_hours"] == 29.0  # known one second before the new end was
    assert row(frame, 1, 5)["time_to_expiry_hours"] == 38.75
    assert row(frame, 2, 5)["time_to_expiry_hours"] == 28.75


def test_as_of_hides_later_outcomes_and_later_rows(config):
    blind = snapshots(config, Choice(as_of=RESOLVED))
    assert blind["resolved"].sum() == 0
    assert blind["outcome"].null_count() == blind["profit_if_bought_yes"].null_count() == blind.height
    early = snapshots(config, Choice(as_of=T0 + 10 * QUARTER))
    assert early["timestamp"].n_unique() == 10  # the eleventh was known a second later
    assert snapshots(config, Choice(as_of=RESOLVED + HOUR))["resolved"].sum() == 4 * SLOTS


def test_ranges_keep_what_the_first_row_looks_back_upon(config):
    whole = snapshots(config, Choice(market_nos=[1]))
    part = snapshots(config, Choice(market_nos=[1], start=T0 + 18 * QUARTER, end=T0 + 20 * QUARTER))
    assert part.equals(whole.slice(18, 2))
    assert part["rsi_14"].to_list() == [100.0, 100.0]


def test_sealed_snapshots_and_those_in_the_database_make_the_same_tables(config):
    before = snapshots(config, Choice()), training_table(config, Choice())

    async def work():
        async with await MarketStore.open(config.home) as store:
            return await seal(store, config.home, Work(T0 + 11 * QUARTER))

    assert asyncio.run(work()).rows == 55
    assert (snapshots(config, Choice()).equals(before[0]), training_table(config, Choice()).equals(before[1])) == (
        True,
        True,
    )


def test_the_training_table(config):
    table = training_table(config, Choice())
    assert table.columns == [
        "timestamp", "market_id", "market_no", "source", "group", "weight", *FEATURES, "data_quality_score",
        "label_yes", "resolved",
    ]  # fmt: skip
    assert len(FEATURES) == 12
    labels = dict(table.group_by("market_no").agg(pl.col("label_yes").unique().first()).iter_rows())
    assert labels == {1: 1, 2: 0}  # one half, void and open markets train nothing
    assert table["group"].unique().to_list() == ["polymarket:e1"]
    assert table.group_by("market_no").agg(pl.col("weight").sum())["weight"].to_list() == pytest.approx([1.0, 1.0])
    assert training_table(config, Choice(min_quality=0.7)).height == 2 * SLOTS * 3 // 4
    everything = training_table(config, Choice(unresolved=True))
    assert everything.filter(pl.col("market_no") == 5)["label_yes"].null_count() == SLOTS
    assert set(everything["market_no"]) == {1, 2, 5}


def test_rows_after_the_event_was_known_do_not_train(config):
    proposed = ResolutionRecord(
        source="data-api", ids=ids(1), payout=Payout.YES, state=ResolutionState.PROPOSED, proposed_at=T0 + 10 * QUARTER,
        known_at=T0 + 10 * QUARTER,
    )  # fmt: skip

    async def work():
        async with await MarketStore.open(config.home) as store:
            decided = snapshot(SLOTS, 2)._replace(bid_e4=9_800, ask_e4=9_900, last_e4=9_850)
            await store.write_snapshots([decided])
            await store.write([proposed])

    asyncio.run(work())
    counts = dict(training_table(config, Choice()).group_by("market_no").len().iter_rows())
    assert counts == {1: 10, 2: SLOTS}  # market 2 leaves [0.03, 0.97] at its last row and never returns


def run(home, *words):
    return CliRunner().invoke(cli, ["--home", str(home), *words])


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson", "parquet"])
def test_commands_write_every_format(config, tmp_path, kind):
    target = tmp_path / f"out.{kind}"
    done = run(
        config.home.root, "data", "export", "snapshots", "--output", str(target), "--market", "market-1", "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["data"]["rows"] == SLOTS
    readers = {"csv": pl.read_csv, "json": pl.read_json, "ndjson": pl.read_ndjson, "parquet": pl.read_parquet}
    assert readers[kind](target).columns == list(COLUMNS)
    again = run(
        config.home.root, "data", "export", "--ml", "--output", str(tmp_path / f"ml.{kind}"), "--min-quality", "0.7"
    )
    assert again.exit_code == 0, again.output
    assert readers[kind](tmp_path / f"ml.{kind}").height == 36


def test_the_csv_holds_no_formula(config, tmp_path):
    target = tmp_path / "out.csv"
    assert run(config.home.root, "data", "export", "snapshots", "--output", str(target)).exit_code == 0
    with target.open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    assert first["question"] == "'=HYPERLINK(1)"
    assert first["timestamp"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("words", [[], ["markets", "--ml"], ["prices", "--as-of", "2026-01-01"]])
def test_options_that_do_not_fit_are_refused(config, words):
    done = run(config.home.root, "data", "export", *words)
    assert isinstance(done.exception, UsageError)
