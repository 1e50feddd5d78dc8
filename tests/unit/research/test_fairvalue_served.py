"""A model that reads fair values, from candles and rules in a home to its live word on open markets."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.homes import store_panel
from tests.support.panels import make_panel
from tests.support.replay import START, gbm, settle

from edgeworth.app import signalling, training
from edgeworth.app.columns import Shelf
from edgeworth.core.clock import ManualClock
from edgeworth.core.config import Config, Settings
from edgeworth.core.contract import ContractKind
from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, Micros
from edgeworth.features.fairvalue.terms import Listing, parse_terms
from edgeworth.features.fairvalue.value import fair_values
from edgeworth.models.registry import Registry
from edgeworth.research import training as learning
from edgeworth.research.fairvalue_columns import COLUMNS, FairValueColumns
from edgeworth.store.lake import Lake
from edgeworth.store.ledger_db import Ledger

DAYS = 200
NOW = START + 190 * DAY + 3 * HOUR
RULE = (
    'This market will resolve to "Yes" if the Binance 1 minute candle for BTC/USDT 12:00 in the ET timezone (noon) on '
    'the date specified in the title has a final "Close" price higher than the price specified in the title. '
    'Otherwise, this market will resolve to "No".'
)
HISTORIES = {name: gbm(seed, DAYS * 24, fine=1, name="served") for seed, name in enumerate(("BTC", "ETH"))}


def market(number: int) -> dict[str, object]:
    """A market on bitcoin's price at noon of a day, quoted every six hours, wide of its true value (sigma is .6)."""
    day = START + (45 + number) * DAY
    draw = stream(number, "served")
    history = HISTORIES["BTC"]
    level = round(float(history.close[(45 + number - 4) * 24]) * float(np.exp(draw.normal(0, 0.05))), -2)
    date = datetime.fromtimestamp(day / 1e6, UTC)
    question = f"Will the price of Bitcoin be above ${level:,.0f} on {date:%B} {date.day}?"
    listed = day - 4 * DAY
    terms = parse_terms(question, RULE, Listing(listed, day + 17 * HOUR))
    assert terms.kind is ContractKind.ABOVE_ON_DAY, terms.reason
    end = int(terms.window_end or 0)
    t = np.arange(listed, min(end, NOW), 6 * HOUR)
    p = np.clip(fair_values(terms, history, t, (0.6, 0.0)).p, 0.02, 0.98)
    quoted = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + draw.normal(0, 0.8, len(t)))))
    over = end <= NOW
    return {
        "question": question, "tags": ("Crypto",), "prices": list(zip(t.tolist(), quoted.tolist(), strict=True)),
        "end": end, "payout": int(settle(terms, history)) if over else None, "resolved_at": end + HOUR,
        "created_at": listed, "event": f"e{number}", "event_known_at": end,
    }  # fmt: skip


def write_candles(home: Home, hours: int) -> None:
    for name, history in HISTORIES.items():
        columns = {column: getattr(history, column)[:hours] for column in ("t", "open", "high", "low", "close")}
        frame = pl.DataFrame(columns | {"volume": np.ones(hours)})
        Lake(home.lake).append_candles("binance-spot", name, "1h", frame, key=f"{name}-{hours}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("fair"))
    panel, outcomes = make_panel([market(number) for number in range(149)])
    store_panel(home, panel, outcomes, rules=dict.fromkeys(panel.markets["market_id"].to_list(), RULE))
    write_candles(home, (NOW - START) // HOUR)
    return home


def config(place: Home) -> Config:
    return Config(home=place, settings=Settings(), origins={}, file=None)


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def test_from_candles_and_rules_to_a_forecast_of_open_markets(place: Home, tmp_path: Path) -> None:
    asked = training.DataRequest(
        time_points=(0.5, 1.0, 2.0, 3.0), columns=("fair-value",), features="logit,hours_to_end"
    )
    rows = training.make_dataset(config(place), asked, ManualClock(Micros(NOW)))
    assert rows.names[-len(COLUMNS) :] == COLUMNS
    assert rows.frame.filter(pl.col("t") > START + 95 * DAY)["fv_p"].is_not_null().mean() > 0.95
    options = learning.Options(models=("logistic", "fair-value"), cv="walk-forward-4", holdout=0.0)
    found = learning.train(rows, options, quiet)
    scores = [dataclasses.asdict(score) for score in found.scores]
    card = {**found.card, "scores": scores}
    assert {score["model"]: score["gain"] > 0 for score in scores}["fair-value"]
    Registry(place.root / "models").save("fair", found.model, card)

    request = signalling.Request(rules=("favorite-longshot",), size=None)
    batch = signalling.scanner(config(place), request, ManualClock(Micros(NOW))).next_batch()
    assert batch.model is not None
    assert (batch.model.speaks, batch.model.code) == (True, "")
    with Ledger.open(place, clock=ManualClock(Micros(NOW))) as ledger:
        said = {row.market_no: row for row in ledger.forecasts()}
    assert len(said) >= 3
    columns = Shelf(place).columns(("fair-value",)).parts[0]
    assert isinstance(columns, FairValueColumns)
    for number, row in said.items():
        fair = columns.at(number, np.array([row.t]))[0].p[0]
        price = row.price_e4 / 10_000
        assert (row.p - price) * (fair - price) > 0, "the forecast moves towards the fair value"
    empty = Home(tmp_path / "bare")
    (empty.root / "lake").mkdir(parents=True)
    for name in ("market.db", "lake/prices", "models"):
        (empty.root / name).symlink_to(place.root / name)
    named = dataclasses.replace(request, model="fair")
    with pytest.raises(DataError, match="model fair reads columns 'fair-value' cannot be made: no candles"):
        signalling.scanner(config(empty), named, ManualClock(Micros(NOW)))


def test_new_candles_are_read_and_the_past_s_regressions_kept(place: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "own")
    (home.root / "lake").mkdir(parents=True)
    (home.root / "market.db").symlink_to(place.root / "market.db")
    write_candles(home, 100 * 24)
    shelf = Shelf(home)
    early = shelf.columns(("fair-value",)).parts[0]
    assert isinstance(early, FairValueColumns)
    at = START + 95 * DAY
    value = early.at(60, np.array([at]))
    assert np.isfinite(value[1][0])
    kept = early.volatility.model(START + 90 * DAY, 3.0)
    assert shelf.columns(("fair-value",)).parts[0] is early
    write_candles(home, 190 * 24)
    late = shelf.columns(("fair-value",)).parts[0]
    assert isinstance(late, FairValueColumns)
    assert late is not early
    assert late.volatility.model(START + 90 * DAY, 3.0) is kept
    assert late.at(60, np.array([at]))[0].p[0] == value[0].p[0]
    fresh = Shelf(home).columns(("fair-value",)).parts[0]
    assert isinstance(fresh, FairValueColumns)
    assert fresh.at(60, np.array([at]))[0].p[0] == value[0].p[0]
    assert fresh.lacks(START + 95 * DAY) == ""
    assert fresh.lacks(START + 195 * DAY).startswith("the newest candle closed at")
    assert fresh.lacks(START - DAY) == "there are no candles by then"
