"""Columns from beyond the prices: built for a dataset and for live signals by the same code, refused where data lack."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.homes import still_open, store_panel, write_snapshots
from tests.support.panels import START
from tests.support.replay import gbm
from tests.support.worlds import efficient_world

from edgeworth.app import signalling, training
from edgeworth.app.columns import KEYS, Shelf, parse_keys
from edgeworth.app.model_backtest import beside, reading_models
from edgeworth.core.clock import ManualClock
from edgeworth.core.config import Config, Settings
from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, HOUR, MINUTE, Micros
from edgeworth.forecasting.speaking import Rows
from edgeworth.models.registry import Registry
from edgeworth.research import training as learning
from edgeworth.research.batch_signals.forecaster import find_voice
from edgeworth.research.batch_signals.types import Batch
from edgeworth.research.dataset import Plan, build, feature_matrix, live_inputs
from edgeworth.research.walk_forward import Course, train_in_turn
from edgeworth.store.asof import load_panel
from edgeworth.store.lake import Lake
from edgeworth.store.snapshots import SnapshotRow

NOW = START + 450 * DAY
WITH = ("spot", "similarity", "flow")
FEATURES = ("logit", "hours_to_end")


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def candles(home: Home, until: int, seed: int = 1) -> None:
    """Hourly candles of two coins from the world's beginning to an instant."""
    count = (until - START) // HOUR
    for place, coin in enumerate(("BTC", "ETH")):
        made = gbm(seed + place, count, fine=1, name="served")
        frame = pl.DataFrame(
            {name: getattr(made, name) for name in ("open", "high", "low", "close")}
            | {"t": START + np.arange(count) * HOUR, "volume": np.ones(count)}
        )
        Lake(home.lake).append_candles("binance-spot", coin, "1h", frame, key=f"{coin}-{count}")


def snapshots(numbers: list[int], begin: int, until: int) -> list[SnapshotRow]:
    """Six-hourly snapshots whose volume grows by a thousand dollars a day times the market's number modulo five."""
    return [
        SnapshotRow(
            t, number, "polymarket", t, t + MINUTE, volume_e6=(t - START) // DAY * (number % 5) * 10**9,
            liquidity_e6=number * 10**7, depth_e6=10**8,
        )
        for number in numbers for t in range(begin, until, 6 * HOUR)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Markets of which 60 are open at NOW, candles, snapshots of a third of them, and a model that reads all of it."""
    place = Home(tmp_path_factory.mktemp("served"))
    data = still_open(efficient_world(11, 300, planted=0.3), 60, NOW)
    numbers = store_panel(place, *data)
    candles(place, NOW)
    chosen = [number for number in numbers.values() if number % 3 == 0]
    write_snapshots(place, snapshots(chosen, START + 360 * DAY, NOW))
    panel, outcomes = load_panel(place)
    plan = Plan(time_points=(1.0, 3.0, 5.0), features=FEATURES, providers=WITH)
    rows = build(panel, outcomes, plan, Shelf(place).columns(WITH))
    found = learning.train(rows, learning.Options(models=("logistic",), cv="walk-forward-4", holdout=0.0), quiet)
    card = {**found.card, "scores": [dataclasses.asdict(score) for score in found.scores]}
    Registry(place.root / "models").save("reader", found.model, card)
    return place


@pytest.fixture
def place(world: Home, tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    (home.root / "lake").mkdir(parents=True)
    for name in ("market.db", "cache", "models", "lake/prices", "lake/candles"):
        (home.root / name).symlink_to(world.root / name)
    return home


def config(place: Home) -> Config:
    return Config(home=place, settings=Settings(), origins={}, file=None)


def scan(place: Home, **asked: object) -> Batch:
    request = signalling.Request(rules=("favorite-longshot",), size=None, **asked)  # type: ignore[arg-type]
    return signalling.scanner(config(place), request, ManualClock(Micros(NOW))).next_batch()


def test_the_card_names_the_columns_and_the_model_speaks(world: Home, place: Home) -> None:
    card = Registry(world.root / "models").card("reader")
    assert card["plan"]["providers"] == list(WITH)
    batch = scan(place)
    assert batch.model is not None
    assert (batch.model.speaks, batch.model.code) == (True, "")
    said = [entry for entry in batch.review_queue if entry.rule == "model:reader"]
    assert said
    drivers = {driver.feature.partition("_")[0] for entry in said for driver in entry.drivers}
    assert drivers & {"spot", "similar", "flow"}


def test_live_columns_are_those_a_dataset_would_have(world: Home) -> None:
    panel, _ = load_panel(world)
    rows = np.flatnonzero((panel.t > NOW - 30 * HOUR) & (panel.t <= NOW))
    assert len(rows) > 50
    live = live_inputs(panel, rows, FEATURES, Shelf(world).columns(WITH, NOW))
    batch = feature_matrix(panel, rows, FEATURES, Shelf(world).columns(WITH)).select(
        pl.exclude("market", "t", "price", "category")
    )
    assert np.array_equal(live, batch.to_numpy().astype(np.float32), equal_nan=True)
    known = np.isfinite(live).mean(axis=0)
    names = batch.columns
    for name in ("spot_btc_volatility_7d", "spot_eth_return_1h", "similar_mean_outcome", "flow_volume_1d"):
        assert known[names.index(name)] > 0.2, name


def test_without_candles_a_model_by_name_is_refused_and_a_champion_is_silent(place: Home) -> None:
    (place.root / "lake/candles").unlink()
    shelf = Shelf(place)
    with pytest.raises(DataError, match="model reader reads columns 'spot' cannot be made: no candles") as caught:
        find_voice(place, "reader", Settings(), shelf.columns, NOW)
    assert caught.value.code == "columns-missing"
    batch = scan(place)
    assert batch.model is not None
    assert (batch.model.speaks, batch.model.code) == (False, "columns-missing")
    assert batch.dedupe_summary.input_items > 0
    with pytest.raises(DataError, match="nobody brings"):
        find_voice(place, "reader", Settings())


def test_old_candles_silence_a_model_and_new_ones_let_it_speak(place: Home) -> None:
    (place.root / "lake/candles").unlink()
    candles(place, NOW - 2 * DAY)
    scanner = signalling.scanner(
        config(place), signalling.Request(rules=("favorite-longshot",), size=None), ManualClock(Micros(NOW))
    )
    silent = scanner.next_batch()
    assert silent.model is not None
    assert (silent.model.speaks, silent.model.code) == (False, "columns-missing")
    assert "the newest BTC candle closed at" in silent.model.why
    candles(place, NOW)  # the same walk, two days longer
    scanner.clock.advance(10 * MINUTE)  # type: ignore[attr-defined]
    again = scanner.next_batch()
    assert again.model is not None
    assert again.model.speaks


def test_a_look_reads_only_new_snapshots_and_sees_what_a_full_read_would(place: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "own")
    data = still_open(efficient_world(12, 40), 20, NOW)
    numbers = store_panel(home, *data)
    chosen = sorted(numbers.values())[-20:]
    write_snapshots(home, snapshots(chosen, NOW - 20 * DAY, NOW))
    panel, _ = load_panel(home)
    shelf = Shelf(home)
    rows = np.flatnonzero(panel.t <= NOW)[-20:]
    first = shelf.columns(("flow",), NOW)(panel, rows)
    assert first["flow_volume_7d"].is_not_null().any()
    assert shelf.columns(("flow",), NOW).lacks(NOW) == ""
    write_snapshots(home, snapshots(chosen, NOW, NOW + 20 * MINUTE))
    later = NOW + 20 * MINUTE
    grown = shelf.columns(("flow",), later)
    whole = Shelf(home).columns(("flow",))
    t = np.full(len(chosen), later)
    assert np.array_equal(
        grown.parts[0].at(np.array(chosen), t),
        whole.parts[0].at(np.array(chosen), t),
        equal_nan=True,  # type: ignore[attr-defined]
    )
    assert grown.parts[0].newest > NOW  # type: ignore[attr-defined]


def test_a_dataset_request_builds_caches_and_filters_by_volume_as_of_then(world: Home) -> None:
    clock = ManualClock(Micros(NOW))
    asked = training.DataRequest(time_points=(1.0, 3.0), columns=("spot,flow",), features="logit", min_volume=1_000.0)
    rows = training.make_dataset(config(world), asked, clock)
    assert rows.meta["plan"]["providers"] == ["spot", "flow"] or rows.meta["plan"]["providers"] == ("spot", "flow")
    assert rows.meta["volume_unknown"] > 0
    assert rows.meta["volume_below"] > 0
    panel, _ = load_panel(world)
    number = dict(panel.markets.select("market_id", "market_no").iter_rows())
    assert {number[name] % 3 for name in rows.frame["market_id"]} == {0}
    assert {number[name] % 5 == 0 for name in rows.frame["market_id"]} == {False}
    assert rows.frame["flow_volume_log"].min() >= np.float32(np.log1p(1_000.0))  # type: ignore[operator]
    again = training.make_dataset(config(world), asked, clock)
    assert again.frame.equals(rows.frame)
    assert len(list(world.cache.glob("dataset-*"))) == 1
    other = training.make_dataset(config(world), dataclasses.replace(asked, columns=("spot",)), clock)
    assert other.fingerprint != rows.fingerprint
    with pytest.raises(DataError, match="minimum volume needs snapshots"):
        build(*load_panel(world), Plan(min_volume=1.0))


def test_threads_change_no_byte(world: Home, tmp_path: Path) -> None:
    panel, outcomes = load_panel(world)
    plan = Plan(time_points=(1.0, 3.0, 5.0), providers=WITH)
    extra = Shelf(world).columns(WITH)
    folders = [
        build(panel, outcomes, plan, extra, threads=threads).write(tmp_path / str(threads)) for threads in (1, 2, 3)
    ]
    first, *others = [(folder / "rows.parquet").read_bytes() for folder in folders]
    assert all(other == first for other in others)


def test_models_that_follow_each_other_read_the_same_columns(world: Home) -> None:
    names, learners, plan = reading_models(world, ("model:reader",), ())
    assert (names, learners) == (("model-edge",), ("logistic",))
    assert plan is not None
    assert (plan.providers, plan.features, plan.time_points) == (WITH, FEATURES, (1.0, 3.0, 5.0))
    panel, outcomes = load_panel(world)
    found = train_in_turn(panel, outcomes, Course(learners, 60.0, plan), NOW, quiet, beside(world, None, plan))
    rows = np.arange(0, panel.point_count, 50)
    p, low, high = found.columns(panel, rows)
    said = np.isfinite(p)
    assert said.any()
    assert ((low <= p) & (p <= high))[said].all()
    assert found.epochs[-1].model.names[-1] == "flow_age_hours"


def test_keys_are_checked_and_ordered() -> None:
    assert parse_keys(("flow,spot", "similarity")) == ("spot", "similarity", "flow")
    assert parse_keys(("all",)) == KEYS
    assert parse_keys(()) == ()
    with pytest.raises(UsageError, match="no columns called 'moon'"):
        parse_keys(("moon",))


def test_rows_are_what_speakers_get(world: Home) -> None:
    panel, _ = load_panel(world)
    voice = find_voice(world, "reader", Settings(), Shelf(world).columns, NOW)
    assert voice is not None
    assert voice.speaker is not None
    assert voice.speaker.silent_because(UNKNOWN_TIME // 2)[0] == "model-looks-ahead"
    row = np.flatnonzero(panel.t <= NOW)[-3:].astype(np.int64)
    frame = feature_matrix(panel, row, FEATURES).with_columns(pl.col("category").alias("top_category"))
    rows = Rows(panel, row, frame, panel.price_e4[row].astype(np.int64))
    said = voice.speaker.speak(rows, NOW)
    assert said.stated is not None
    assert len(said.stated.p) == 3
