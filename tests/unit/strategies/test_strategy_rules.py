"""The shipped rules, condition by condition, and their reverse controls."""

import pytest

from edgeworth.core.errors import UsageError
from edgeworth.core.types import Side
from edgeworth.strategies.base import label, parameters, reverse
from edgeworth.strategies.evaluate import calls_of, decide, sides
from edgeworth.strategies.registry import all_strategies, find, with_params

EXHIBITS = {
    "musk-fade-extremes",
    "weather-fade-longshots",
    "altcoin-fade-high",
    "crypto-favorite-fade",
    "btc-time-bias",
}
MIDNIGHT = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z: New York is five hours behind


def test_seven_rules_ship_and_five_are_exhibits_with_a_page():
    rules = {rule.name: rule for rule in all_strategies()}
    assert set(rules) >= EXHIBITS | {"favorite-longshot", "follow-the-market"}
    for name in EXHIBITS:
        page = __import__(type(rules[name]).__module__, fromlist=["x"]).__doc__
        assert rules[name].exhibit
        assert "Claim:" in page
        assert "Error:" in page
    assert not rules["follow-the-market"].exhibit


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Will Elon Musk post 0-39 tweets this week?", Side.NO),
        ("Will Elon Musk post 39-79 tweets this week?", Side.NO),
        ("Will Elon Musk post 40-59 tweets this week?", None),
        ("Will Elon Musk post 150-200 tweets this week?", None),
        ("Will Elon Musk post 181-201 tweets this week?", Side.NO),
        ("Will Elon Musk post 500-519 Tweets this week?", Side.NO),
        ("Will Elon Musk post 40-59 times this week?", None),
        ("Will Elon Musk tweet about cars?", None),
    ],
)
def test_musk_fade_extremes(question, expected):
    assert sides(find("musk-fade-extremes"), [{"category": "tech/musk", "question": question}]) == [expected]
    assert sides(find("musk-fade-extremes"), [{"category": "tech/ai", "question": question}]) == [None]


@pytest.mark.parametrize(
    ("name", "category", "fires", "silent"),
    [
        ("weather-fade-longshots", "weather/temperature", [0.01, 0.2999], [0.30, 0.6, None]),
        ("altcoin-fade-high", "crypto/altcoins", [0.7001, 0.99], [0.70, 0.2, None]),
        ("crypto-favorite-fade", "crypto/btc-price", [0.7001, 0.99], [0.70, 0.2, None]),
    ],
)
def test_price_fades_at_their_exact_border(name, category, fires, silent):
    rule = find(name)
    assert sides(rule, [{"category": category, "price": price} for price in fires]) == [Side.NO] * len(fires)
    assert sides(rule, [{"category": category, "price": price} for price in silent]) == [None] * len(silent)
    assert sides(rule, [{"category": "sports/nba", "price": price} for price in fires]) == [None] * len(fires)


def hours(rule, values):
    return sides(rule, [{"category": "crypto/btc-updown", "question_hour": hour, "time": MIDNIGHT} for hour in values])


def test_btc_time_bias_by_the_hour_the_question_states():
    table = {0: Side.NO, 7: Side.YES, 10: Side.YES, 12: Side.NO, 21: Side.NO}
    assert hours(find("btc-time-bias"), range(24)) == [table.get(hour) for hour in range(24)]
    assert hours(find("btc-time-bias"), [None, 7]) == [None, Side.YES]
    assert sides(find("btc-time-bias"), [{"category": "crypto/btc-price", "question_hour": 7}]) == [None]


def test_btc_time_bias_in_another_zone_reads_the_clock_of_that_zone():
    import polars as pl

    rule = with_params(find("btc-time-bias"), {"tz": "UTC"})
    rows = [{"category": "crypto/btc-updown", "question_hour": hour, "time": MIDNIGHT} for hour in (2, 7, 19)]
    frame = pl.DataFrame(rows).with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))
    # In winter 2, 7 and 19 o'clock in New York are 7, 12 and 0 o'clock UTC.
    assert decide(rule, frame, calls_of(rule)).side.tolist() == [1, -1, -1]
    with pytest.raises(UsageError, match="Mars") as caught:
        with_params(find("btc-time-bias"), {"tz": "Mars/Olympus"})
    assert caught.value.code == "bad-parameter"


def test_favorite_longshot_is_symmetric_at_its_borders():
    prices = [0.01, 0.0099, 0.15, 0.1501, 0.5, 0.85, 0.8499, 0.99, 0.9901]
    rows = [{"price": round(p, 4), "no_price": round(1 - p, 4)} for p in prices]
    expected = [Side.NO, None, Side.NO, None, None, Side.YES, None, Side.YES, None]
    assert sides(find("favorite-longshot"), rows) == expected


def test_follow_the_market_states_the_price_and_no_error():
    import polars as pl

    rule = find("follow-the-market")
    said = decide(rule, pl.DataFrame({"price": [0.5, 0.2, 0.9], "no_price": [0.5, 0.8, 0.1]}), calls_of(rule))
    assert said.side.tolist() == [1, -1, 1]
    assert said.p.tolist() == [0.5, 0.8, 0.9]
    assert said.se.tolist() == [0.0, 0.0, 0.0]


def test_the_reverse_control_takes_the_other_side_at_one_minus_the_probability():
    import polars as pl

    rule = find("FOLLOW_THE_MARKET-reverse")
    said = decide(rule, pl.DataFrame({"price": [0.6], "no_price": [0.4]}), calls_of(rule))
    assert (rule.name, said.side.tolist(), said.p.tolist()) == ("follow-the-market-reverse", [-1], [0.4])
    fade = find("altcoin-fade-high-reverse")
    assert sides(fade, [{"category": "crypto/altcoins", "price": 0.8}]) == [Side.YES]
    assert fade.exhibit
    assert parameters(fade) == {"threshold": 0.7}
    assert label(with_params(fade, {"threshold": "0.9"})) == "altcoin-fade-high-reverse threshold=0.9"
    assert reverse(fade) == find("altcoin-fade-high")
