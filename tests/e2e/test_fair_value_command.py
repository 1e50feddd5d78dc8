"""`edgeworth report fair-value`: explains a market, scores all of them, studies candles, refuses what it cannot read."""

import pytest


def test_scores_and_study_on_a_simulated_world(edgeworth, world):
    scored = edgeworth("report", "fair-value", "--json")
    assert scored.code == 0, scored.err
    found = scored.envelope["data"]
    assert 0 < found["valued"] <= found["offered"]
    assert found["lines"][0]["gain"]["events"] > 3
    shown = edgeworth("report", "fair-value")
    assert "nats a row against the price" in shown.out
    study = edgeworth("report", "fair-value", "--study", "--days", "3", "--every", "0.5")
    assert study.code == 0, study.err
    assert "HAR + volatility mixture" in study.out


def test_explains_one_market(edgeworth, world, monkeypatch):
    rows = edgeworth("data", "sql", "--json", "select slug from markets where question like 'Will Bitcoin reach%'")
    assert rows.code == 0, rows.err
    slug = rows.envelope["data"][0]["slug"]
    found = edgeworth("report", "fair-value", "--market", slug, "--json")
    assert found.code == 0, found.err
    data = found.envelope["data"]
    assert data["terms"]["kind"] == "touch_up"
    assert data["terms"]["confidence"] == 1
    assert any("1 minute candle" in sentence for sentence in data["terms"]["evidence"])
    value = data["fair_value"]
    assert value["reason"] or 0 <= value["low"] <= value["p"] <= value["high"] <= 1
    text = edgeworth("report", "fair-value", "--market", slug)
    assert "Binance".lower() in text.out
    weather = edgeworth("data", "sql", "--json", "select slug from markets where question like '%temperature%'")
    refused = edgeworth("report", "fair-value", "--market", weather.envelope["data"][0]["slug"])
    assert refused.code == 0
    assert "no terms" in refused.out


@pytest.mark.parametrize("options", [("--market", "x", "--study"), ("--study", "--days", "0")])
def test_bad_options(edgeworth, world, options):
    assert edgeworth("report", "fair-value", *options).code == 2
