from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.panels import day, make_panel
from tests.support.recorded import CALIBRATION

from edgeworth.core.errors import DataError, LeakError, UsageError
from edgeworth.core.panel import NEVER, Outcomes, Panel
from edgeworth.core.units import DAY, SECOND
from edgeworth.research.calibration import calibrate
from edgeworth.research.sampling import parse_sample


def one_category(panel: Panel) -> np.ndarray:
    return np.full(panel.market_count, "other", dtype=np.str_)


def small() -> tuple[Panel, Outcomes]:
    stamps = [day(number) + 5 * SECOND for number in range(21)]
    return make_panel(
        [
            {"prices": [(t, 0.2) for t in stamps], "payout": 0, "resolved_at": day(16), "end": day(15)},
            {"prices": [(t, 0.6) for t in stamps], "payout": 1, "resolved_at": day(20), "event": "e"},
            {"prices": [(t, 0.4) for t in stamps], "payout": 0.5, "resolved_at": day(20), "event": "e"},
            {"prices": [(t, 0.5) for t in stamps], "payout": 1, "resolved_at": day(20), "outcomes": ("Up", "Down")},
            {"prices": [(t, 0.5) for t in stamps], "payout": None},
        ]
    )


def run(sample: str, **options):
    panel, outcomes = small()
    return calibrate(panel, outcomes, sample, categories=one_category, **options)


def test_mondays_are_the_points_of_that_weekday_before_the_resolution() -> None:
    report = run("calendar:monday")
    assert (report.n, report.markets, report.events) == (6, 2, 2)  # days 0, 7, 14 of two markets
    assert report.base_rate == pytest.approx(0.5)
    assert report.brier == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert report.mean_price == pytest.approx(0.4)
    assert report.excluded == {"other outcome labels": 3, "half, void or unresolved": 6}
    assert not report.look_ahead


def test_all_outcomes_take_teams_too() -> None:
    assert run("calendar:monday", outcomes_filter="all").markets == 3


def test_daily_takes_one_point_a_day() -> None:
    assert run("calendar:daily").n == 16 + 20


def test_age_counts_from_the_first_point() -> None:
    report = run("age:7d")
    assert report.n == 2
    assert run("age:7d", outcomes_filter="all").n == 3
    with pytest.raises(DataError) as caught:
        run("age:90d")
    assert caught.value.code == "no-resolved"


def test_resolution_anchored_samples_are_refused_or_stamped() -> None:
    with pytest.raises(LeakError) as caught:
        run("resolution:7d")
    assert caught.value.code == "look-ahead"
    report = run("resolution:7d", allow_look_ahead=True)
    assert report.look_ahead
    assert report.n == 2
    assert report.to_dict()["look_ahead"] is True


def test_points_after_the_event_was_known_can_be_left_out() -> None:
    stamps = [day(number) for number in range(14)]
    panel, outcomes = make_panel(
        [{"prices": [(t, 0.5 if t < day(8) else 0.99) for t in stamps], "payout": 1, "resolved_at": day(13)}]
    )
    assert calibrate(panel, outcomes, "calendar:daily", categories=one_category).n == 13
    known = calibrate(panel, outcomes, "calendar:daily", until="event-known", categories=one_category)
    assert known.n == 8
    assert known.mean_price == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["", "monday", "calendar:", "calendar:someday", "age:", "age:x", "resolution", "x:7d"])
def test_unknown_samples_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sample(text)
    assert caught.value.code == "bad-sample"


@pytest.mark.parametrize("options", [{"until": "later"}, {"outcomes_filter": "some"}])
def test_unknown_choices_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        run("calendar:monday", **options)
    assert caught.value.code == "bad-option"


def test_flipped_labels_show() -> None:
    generator = np.random.Generator(np.random.PCG64(3))
    rows = []
    for _ in range(300):
        p = float(generator.uniform(0.05, 0.95))
        rows.append({"prices": [(day(0), p)], "payout": int(generator.uniform() < p), "resolved_at": day(3)})
    flipped = [{**row, "payout": 1 - row["payout"]} for row in rows]
    good = calibrate(*make_panel(rows), "calendar:monday", categories=one_category)
    bad = calibrate(*make_panel(flipped), "calendar:monday", categories=one_category)
    assert good.brier < 0.2
    assert bad.brier > 0.3
    assert good.recalibration["slope"] == pytest.approx(1.0, abs=0.3)
    assert bad.recalibration["slope"] == pytest.approx(-1.0, abs=0.3)
    assert sum(entry.n for entry in good.table) == 300


def test_a_calibrated_market_has_few_lenses_beyond_their_interval() -> None:
    generator = np.random.Generator(np.random.PCG64(9))
    beyond = lenses = 0
    for _ in range(20):
        rows = []
        for _ in range(250):
            p = float(generator.uniform(0.05, 0.95))
            rows.append(
                {
                    "prices": [(day(0), p)],
                    "payout": int(generator.uniform() < p),
                    "resolved_at": day(3),
                    "end": day(float(generator.uniform(1, 40))),
                    "neg_risk": bool(generator.integers(2)),
                }
            )
        report = calibrate(*make_panel(rows), "calendar:monday", categories=one_category)
        lenses += len(report.lenses)
        beyond += sum(lens.low * lens.high > 0 for lens in report.lenses)
    assert beyond / lenses < 0.1


def recorded_panel(root: Path) -> tuple[Panel, Outcomes]:
    """The daily series as the importer will store them: prices in 1e-4, leg 0, one event per market."""
    markets = pl.read_parquet(root / "polymarket/resolved_markets.parquet").sort("key")
    prices = pl.read_parquet(root / "polymarket/resolved_prices_1d.parquet").unique(["key", "t"], keep="first")
    prices = prices.sort("key", "t")
    markets = markets.filter(pl.col("key").is_in(prices["key"].unique().implode()))
    counts = prices.group_by("key").len().sort("key")
    assert counts["key"].to_list() == markets["key"].to_list()
    size = len(markets)
    resolved = markets["resolved_at"].to_numpy().astype(np.int64) * SECOND
    frame = pl.DataFrame(
        {
            "event_no": -np.arange(1, size + 1, dtype=np.int32),
            "outcome0": markets["outcome0"],
            "neg_risk": np.zeros(size, dtype=bool),
        }
    )
    panel = Panel(
        frame,
        np.concatenate([[0], np.cumsum(counts["len"].to_numpy())]).astype(np.int64),
        prices["t"].to_numpy().astype(np.int64) * SECOND,
        np.rint(prices["p0"].to_numpy().astype(np.float64) * 10_000).astype(np.int32),
        np.zeros(size + 1, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        "recorded",
        "",
    )
    payout = markets["y0"].cast(pl.Int32).to_numpy() * 10_000
    return panel, Outcomes(payout.astype(np.int32), resolved, resolved, np.full(size, NEVER))


@pytest.mark.recorded
@pytest.mark.parametrize(("sample", "n", "markets", "brier", "base", "price"), CALIBRATION)
def test_the_recorded_table_is_reproduced(
    recorded: Path, sample: str, n: int, markets: int, brier: float, base: float, price: float
) -> None:
    panel, outcomes = recorded_panel(recorded)
    report = calibrate(panel, outcomes, sample, allow_look_ahead=True, categories=one_category)
    assert (report.n, report.markets) == (n, markets)
    assert report.brier == pytest.approx(brier, abs=1e-4)
    assert report.base_rate == pytest.approx(base, abs=1e-4)
    assert report.mean_price == pytest.approx(price, abs=1e-4)
    assert report.look_ahead == sample.startswith("resolution")


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("hours", "n", "wins", "break_even"),
    [(48, 1_993, 0.9333, 0.9240), (24, 2_229, 0.9524, 0.9447), (12, 2_189, 0.9598, 0.9516)],
)
def test_the_recorded_weather_fade(recorded: Path, hours: int, n: int, wins: float, break_even: float) -> None:
    from edgeworth.core.config import CostSettings
    from edgeworth.engine.flat import flat_trades

    buckets = pl.read_parquet(recorded / "weather/buckets.parquet")
    prices = pl.read_parquet(recorded / "weather/prices_1h.parquet").join(buckets, on="key")
    gap = hours * 3600  # the published counts come out with both ends of the window included
    last = (
        prices.filter((pl.col("t") >= pl.col("end_t") - gap - 7200) & (pl.col("t") <= pl.col("end_t") - gap))
        .sort("key", "t")
        .group_by("key", maintain_order=True)
        .last()
        .filter(pl.col("p").cast(pl.Float64) < 0.30)
    )
    # the executable price is the next observation's; here it repeats the price of the decision, a microsecond later
    panel, outcomes = make_panel(
        [
            {
                "prices": [(row["t"] * SECOND, row["p"]), (row["t"] * SECOND + 1, row["p"])],
                "event": f"{row['city']} {row['date']}",
                "payout": row["y"],
                "resolved_at": row["end_t"] * SECOND + DAY,
                "tick_e4": 1,
            }
            for row in last.iter_rows(named=True)
        ]
    )
    rows = np.arange(0, panel.point_count, 2)
    trades = flat_trades(
        panel, outcomes, rows, np.full(len(rows), -1, dtype=np.int8), np.zeros(len(rows)), CostSettings(half_spread=0.0)
    )
    assert len(trades) == n
    assert (trades.payout_e6 / 1e6).mean() == pytest.approx(wins, abs=5e-5)
    assert (trades.cost_e6 / 1e6).mean() == pytest.approx(break_even, abs=1e-4)
