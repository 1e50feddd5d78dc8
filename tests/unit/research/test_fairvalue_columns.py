"""Fair-value columns: as of then, monthly variance forecasts from the past alone, one row as a thousand, nulls not zeros."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from tests.support.panels import make_panel
from tests.support.replay import START, contract, gbm, settle, uniform_candles

from edgeworth.app.fairvalue import study
from edgeworth.core.config import Config, Settings
from edgeworth.core.contract import ContractKind, ContractTerms
from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.fairvalue.value import Options
from edgeworth.models.examples import expit
from edgeworth.models.learners import load, make
from edgeworth.research.dataset import Plan, build, feature_matrix
from edgeworth.research.fairvalue_columns import (
    COLUMNS,
    FairValueColumns,
    VolatilityForecasts,
    base_of,
    load_histories,
    venue_of,
)
from edgeworth.research.fairvalue_score import score
from edgeworth.store.lake import Lake

DAYS = 200


@pytest.fixture(scope="module")
def histories():
    return {name: gbm(seed, DAYS * 24, fine=1, name="columns") for seed, name in enumerate(("BTC", "ETH"))}


def forecasts(histories) -> VolatilityForecasts:
    return VolatilityForecasts(histories)


def market(number, terms, history, noise=0.0):
    """A market on a contract, quoted every six hours at its true value (sigma is .6), moved by noise in log-odds."""
    from edgeworth.features.fairvalue.value import fair_values

    first, end = int(terms.window_start), int(terms.window_end)
    t = np.arange(first + 6 * HOUR, end, 6 * HOUR)
    p = np.clip(fair_values(terms, history, t, (0.6, 0.0)).p, 0.01, 0.99)
    shift = stream(number, "quote").normal(0, noise, len(t))
    quoted = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + shift)))
    return {
        "question": f"Will Bitcoin reach ${terms.levels[0]:,.0f} on day {number}?", "tags": ("Crypto",),
        "prices": [(int(a), float(b)) for a, b in zip(t, np.clip(quoted, 0.002, 0.998), strict=True)],
        "end": end, "payout": int(settle(terms, history)), "resolved_at": end + HOUR, "created_at": first,
        "event_known_at": end, "event": f"e{number}",
    }  # fmt: skip


@pytest.fixture(scope="module")
def world(histories):
    rng = stream(5, "columns-world")
    history = histories["BTC"]
    terms, rows = {}, []
    for number in range(90):
        own = contract(ContractKind.TOUCH_UP, history, (100 + number) * 24, 5.0, rng)
        terms[number + 1] = own
        rows.append(market(number, own, history, 0.4))
    terms.pop(3)
    terms[4] = ContractTerms(ContractKind.NONE, reason="words")
    return make_panel(rows), terms


def test_columns_are_null_or_whole(histories, world):
    (panel, _), terms = world
    columns = FairValueColumns(terms, forecasts(histories))
    frame = columns(panel, np.arange(panel.point_count))
    assert frame.columns == list(COLUMNS)
    owner = panel.market_of_point()
    for unknown in (2, 3):
        assert (
            frame.filter(owner == unknown).null_count().sum_horizontal()[0] == len(COLUMNS) * (owner == unknown).sum()
        )
    known = frame.filter((owner != 2) & (owner != 3))
    assert known["fv_p"].null_count() == 0
    assert known["fv_sigma"].is_between(0.5, 0.7).mean() > 0.9  # the truth is .6
    assert (known["fv_low"] <= known["fv_p"] + 1e-12).all()
    assert (known["fv_p"] <= known["fv_high"] + 1e-12).all()


def test_one_row_is_as_a_thousand(histories, world):
    (panel, _), terms = world
    rows = np.arange(0, panel.point_count, 37)
    batch = FairValueColumns(terms, forecasts(histories))(panel, rows).to_numpy()
    for place in range(0, len(rows), 7):
        live = FairValueColumns(terms, forecasts(histories))(panel, rows[place : place + 1]).to_numpy()
        np.testing.assert_allclose(live[0], batch[place], rtol=0, atol=1e-12)


def test_candles_after_t_change_nothing(histories, world):
    (panel, _), terms = world
    cut = START + 150 * DAY
    rows = np.flatnonzero(panel.t <= cut)
    before = FairValueColumns(terms, forecasts(histories))(panel, rows).to_numpy()
    scrambled = {}
    for name, history in histories.items():
        later = history.known_at > cut
        noise = np.exp(stream(3, "scramble", name).normal(0, 0.3, int(later.sum())))
        changed = {}
        for column in ("open", "high", "low", "close"):
            values = getattr(history, column).copy()
            values[later] *= noise
            changed[column] = values
        scrambled[name] = dataclasses.replace(history, **changed)
    after = FairValueColumns(terms, forecasts(scrambled))(panel, rows).to_numpy()
    np.testing.assert_array_equal(before, after)


def test_volatility_is_unknown_until_enough_was_realised(histories):
    made = forecasts(histories)
    t = START + np.array([5, 33, 120]) * DAY
    sigma, spread = made.at("BTC", t, np.array([3.0, 3.0, 3.0]))
    assert np.isnan(sigma[:2]).all()
    assert sigma[2] == pytest.approx(0.6, abs=0.08)
    assert 0 < spread[2] < 0.3
    assert np.isnan(made.at("DOGE", t, np.array([3.0] * 3))[0]).all()
    between = [made.at("BTC", t[2:], np.array([days]))[0][0] for days in (3.0, 4.5, 7.0)]
    assert min(between[0], between[2]) <= between[1] <= max(between[0], between[2])
    start = START + 100 * DAY
    known = made.model(start, 7.0)
    shorter = {name: dataclasses.replace(h, **{k: getattr(h, k)[: 100 * 24] for k in ("t", "open", "high", "low", "close")})
               for name, h in histories.items()}  # fmt: skip
    assert forecasts(shorter).model(start, 7.0) == known


def test_a_dataset_takes_the_columns(histories, world):
    (panel, outcomes), terms = world
    columns = FairValueColumns(terms, forecasts(histories))
    plan = Plan(time_points=(1.0, 3.0), features=("logit", "hours_to_end"))
    dataset = build(panel, outcomes, plan, columns)
    assert dataset.names[-len(COLUMNS) :] == COLUMNS
    examples = dataset.examples()
    place = dataset.names.index("fv_p")
    assert np.isfinite(examples.x[:, place]).mean() > 0.9
    assert np.isnan(examples.x[:, place]).any()
    fitted = make("fair-value").fit(examples, 1)
    moved = expit(examples.offset + fitted.correct(examples.x))
    known = np.isfinite(examples.x[:, place])
    fair = np.clip(examples.x[:, place], 1e-3, 1 - 1e-3)
    assert moved[known] == pytest.approx(fair[known], abs=1e-5)
    assert moved[~known] == pytest.approx(np.clip(examples.price[~known], 1e-3, 1 - 1e-3))
    again = load("fair-value", fitted.save())
    assert np.array_equal(again.correct(examples.x), fitted.correct(examples.x))
    assert fitted.contributions(examples.x).sum(axis=1) == pytest.approx(fitted.correct(examples.x))
    assert fitted.importance().sum() == 1
    plain = build(panel, outcomes, plan)
    with pytest.raises(UsageError, match="unknown-feature"):
        make("fair-value").fit(plain.examples(), 1)
    assert plain.fingerprint != dataset.fingerprint
    assert dataset.fingerprint == build(panel, outcomes, plan, columns).fingerprint
    other = FairValueColumns(terms, forecasts(histories), Options(proxy=True))
    assert build(panel, outcomes, plan, other).fingerprint != dataset.fingerprint
    matrix = feature_matrix(panel, np.arange(3), plan.features, columns)
    assert matrix.columns[-1] == COLUMNS[-1]


def test_fair_values_beat_noisy_quotes_and_are_scored_by_event(histories, world):
    (panel, outcomes), terms = world
    found = score(panel, outcomes, FairValueColumns(terms, forecasts(histories)), (0.5, 1.0, 2.0, 3.0))
    assert found.valued < found.offered
    assert found.lines[0].kind == "all"
    assert found.lines[0].gain.events == 88
    assert found.lines[0].gain.value > 0
    assert found.lines[1].kind == "touch_up"
    assert found.to_dict()["lines"][0]["gain"]["events"] == 88
    with pytest.raises(DataError, match="too-few-rows"):
        score(panel, outcomes, FairValueColumns({}, forecasts(histories)), (1.0,))


def test_names_of_stored_series():
    assert [base_of(name) for name in ("BTC", "BTCUSDT", "ETHUSD", "USDT")] == ["BTC", "BTC", "ETH", "USDT"]
    assert [venue_of(name) for name in ("binance-spot", "klines", "ccxt-kraken", "coinbase-candles")] == [
        "binance", "binance", "kraken", "coinbase",
    ]  # fmt: skip


def stored(home, source, symbol, interval, history):
    frame = pl.DataFrame(
        {name: getattr(history, name) for name in ("t", "open", "high", "low", "close")}
        | {"volume": np.ones(len(history.t))}
    )
    Lake(home.lake).append_candles(source, symbol, interval, frame, key=f"{source}-{symbol}-{interval}")


def test_of_several_stored_series_the_finest_that_reaches_far_is_read(tmp_path):
    home = Home(tmp_path)
    stored(home, "binance-spot", "BTC", "1h", gbm(1, 2_400, fine=1))
    stored(home, "binance-spot", "BTC", "15m", gbm(2, 9_300, fine=1, step=HOUR // 4))
    stored(home, "binance-stream", "BTC", "1m", gbm(3, 500, fine=1, step=HOUR // 60))
    stored(home, "ccxt-kraken", "ETHUSD", "1h", gbm(4, 300, fine=1))
    found = load_histories(home)
    assert {name: (h.step, h.venue, len(h.t)) for name, h in found.items()} == {
        "BTC": (HOUR // 4, "binance", 9_300), "ETH": (HOUR, "kraken", 300),
    }  # fmt: skip
    assert list(load_histories(home, "1h", {"BTC"})) == ["BTC"]
    assert load_histories(home, "1h")["BTC"].step == HOUR
    assert load_histories(Home(tmp_path / "empty")) == {}


def test_invented_candles_never_reach_a_fit_and_walks_show_no_skill(tmp_path):
    invented, walking = Home(tmp_path / "invented"), Home(tmp_path / "walking")
    stored(invented, "files", "BTC", "1h", uniform_candles(1, 5_000, order=True))
    with pytest.raises(DataError, match="implausible-candles"):
        study(Config(Settings(), invented, {}, None), 3.0, 1.0)
    for number, name in enumerate(("BTC", "ETH", "SOL")):
        stored(walking, "files", name, "1h", gbm(number, 24 * 400, fine=1, name="walking"))
    stored(walking, "files", "XRP", "1h", uniform_candles(2, 5_000, order=True))
    found, refused = study(Config(Settings(), walking, {}, None), 3.0, 0.5)
    assert list(refused) == ["XRP"]
    assert abs(found.row("constant 60% volatility").excess.value) < 0.005  # the truth and its estimate are one
    with pytest.raises(DataError, match="too-few-rows"):
        study(Config(Settings(), Home(tmp_path / "none"), {}, None), 3.0, 1.0)
    with pytest.raises(UsageError, match="bad-option"):
        study(Config(Settings(), walking, {}, None), 0.0, 1.0)
