"""Flags and settings become a plan."""

import pytest

from edgeworth.app.collecting import Request, is_single, plan_of, round_summary, service_unit
from edgeworth.core.config import load
from edgeworth.core.errors import PartialError, UsageError
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.store.collecting import SlotResult


def config(tmp_path, **overrides):
    flags = {key.replace("__", "."): value for key, value in overrides.items()}
    return load(home=tmp_path, folder=tmp_path, overrides=flags, environ={})


def steps(plan):
    return {job: every // MINUTE for job, every in plan.every.items()}


def test_without_a_choice_the_whole_venue_is_watched_and_nothing_tracked(tmp_path):
    plan = plan_of(config(tmp_path), Request())
    assert steps(plan) == {"scan": 360, "snapshot": 60, "candles": 60, "resolve": 60, "upkeep": 720}
    assert steps(plan_of(config(tmp_path), Request(mode="aggressive")))["snapshot"] == 15
    assert steps(plan_of(config(tmp_path), Request(interval="30m")))["snapshot"] == 30


def test_markets_on_the_command_line_mean_these_and_no_others(tmp_path):
    plan = plan_of(config(tmp_path), Request(market_ids=("1,2", "3"), interval="5m"))
    assert steps(plan) == {"track": 5, "candles": 60, "resolve": 60, "upkeep": 720}
    assert plan.choice.names == ("1", "2", "3")
    whole = plan_of(config(tmp_path), Request(mode="scheduled", markets=("category:crypto",)))
    assert steps(whole) == {"track": 15, "scan": 360, "snapshot": 60, "candles": 60, "resolve": 60, "upkeep": 720}


def test_settings_hold_until_a_flag_says_otherwise(tmp_path):
    settings = config(
        tmp_path, collect__markets="category:crypto; volume>100k", collect__every="20m", collect__top=7,
        collect__keep_days=40, collect__mode="aggressive",
    )  # fmt: skip
    plan = plan_of(settings, Request())
    assert [query.text for query in plan.choice.queries] == ["category:crypto", "volume>100k"]
    assert (steps(plan)["track"], steps(plan)["scan"], plan.top, plan.keep) == (20, 60, 7, 40 * DAY)
    flagged = plan_of(settings, Request(mode="scheduled", market_ids=("9",), interval="1h"))
    assert (flagged.choice.names, flagged.choice.queries) == (("9",), ())
    assert flagged.every["track"] == HOUR


def test_a_single_round_by_flag_or_preset(tmp_path):
    plain = config(tmp_path)
    assert not is_single(plain, Request())
    assert is_single(plain, Request(once=True))
    assert is_single(plain, Request(mode="once"))
    assert is_single(config(tmp_path, collect__mode="once"), Request())


def test_a_round_that_got_not_everything_is_a_partial_success():
    good = SlotResult("scan", 0, 1, 1, requests=2)
    bad = SlotResult("track", 0, 3, 1, {5: "no-book", 6: "venue-timeout"})
    assert round_summary([good], 2)["rounds"][0]["state"] == "met"
    with pytest.raises(PartialError) as failure:
        round_summary([good, bad], 9)
    assert (failure.value.code, failure.value.exit_code) == ("collect-incomplete", 10)
    assert "track" in failure.value.message
    assert "no-book, venue-timeout" in failure.value.message


def test_recording_needs_markets(tmp_path):
    with pytest.raises(UsageError, match="nothing to record"):
        plan_of(config(tmp_path), Request(record=True))
    assert plan_of(config(tmp_path), Request(record=True, market_ids=("1",))).record


def test_a_unit_file_holds_no_path_it_cannot_hold(tmp_path):
    text = service_unit(config(tmp_path / "my home"), ("edgeworth",))
    assert f'--home "{tmp_path}/my home"' in text
    with pytest.raises(UsageError):
        service_unit(config(tmp_path / "100%"), ("edgeworth",))
