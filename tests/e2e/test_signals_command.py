"""`edgeworth signals` as a person and a program use it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from edgeworth.app import signalling
from edgeworth.research.batch_signals.compact import MOST_TOKENS, tokens
from tests.e2e.conftest import Run

THEN = ("--as-of", "2026-04-20")


def test_a_scan_of_the_past_lists_what_rules_say_and_why_nothing_is_bought(edgeworth: Run, world: Path) -> None:
    done = edgeworth("signals", *THEN)
    assert done.code == 0
    assert "(point in time)" in done.out
    assert "P>0" in done.out
    assert "Rules fire on" in done.out or "clear their costs" in done.out
    again = edgeworth("signals", *THEN)
    assert again.out == done.out, "a pass over everything forgets and repeats"


def test_today_the_demo_s_prices_are_stale_and_the_next_step_is_named(edgeworth: Run, world: Path) -> None:
    done = edgeworth("signals")
    assert done.code == 0
    assert "stale_data" in done.out
    assert "edgeworth signals --as-of 2026-" in done.err


def test_the_envelope_fits_the_schema_that_the_command_prints(edgeworth: Run, world: Path) -> None:
    schema = json.loads(edgeworth("signals", "--schema").out)
    assert schema == signalling.schema()
    envelope = edgeworth("signals", "--batch", *THEN, "--json").envelope
    assert (envelope["schema"], envelope["ok"]) == ("edgeworth.signals/1", True)
    jsonschema_rs.validator_for(schema).validate(envelope["data"])
    assert envelope["data"]["review_queue"]


def test_batches_resume_where_the_last_one_stopped(edgeworth: Run, world: Path) -> None:
    first = edgeworth("signals", "--batch", *THEN, "--json").envelope["data"]
    second = edgeworth("signals", "--batch", *THEN, "--json").envelope["data"]
    assert (first["number"], second["number"]) == (1, 1)
    assert second["dedupe_summary"]["input_items"] == 0
    assert second["dedupe_summary"]["unchanged"] == first["dedupe_summary"]["input_items"] > 0
    fresh = edgeworth("signals", "--batch", *THEN, "--fresh", "--json").envelope["data"]
    assert fresh["dedupe_summary"]["input_items"] == first["dedupe_summary"]["input_items"]
    stored = list((world / "demo" / "signals").glob("*/batch-*.json"))
    assert len(stored) == 1, "the same look at the same instant is stored once"


def test_compact_json_stays_within_its_tokens(edgeworth: Run, world: Path) -> None:
    done = edgeworth("signals", "--batch", *THEN, "--compact", "--json", "--min-edge", "0")
    assert tokens(done.out) <= MOST_TOKENS
    assert done.envelope["data"]["dedupe_summary"]["unique_items"] > 0


def test_watching_stops_at_the_number_asked_for(edgeworth: Run, world: Path) -> None:
    done = edgeworth("signals", "--watch", "--max-batches", "1", "--json")
    assert done.code == 0
    assert "stopped after 1 looks" in done.err
    assert done.envelope["data"]["stop_reason"] == "stale_data"


def test_a_halt_stands_until_it_is_taken_back(edgeworth: Run, world: Path) -> None:
    assert "halted: checking by hand" in edgeworth("signals", "--halt", "checking by hand").out
    done = edgeworth("signals", *THEN, "--json").envelope["data"]
    assert (done["stop_reason"], done["review_queue"]) == ("halted", [])
    assert "allowed again" in edgeworth("signals", "--resume").out
    assert "were not halted" in edgeworth("signals", "--resume").out
    assert edgeworth("signals", *THEN, "--json").envelope["data"]["stop_reason"] == "ok"


def test_filters_narrow_the_scan(edgeworth: Run, world: Path) -> None:
    whole = edgeworth("signals", *THEN, "--json").envelope["data"]
    some = edgeworth("signals", *THEN, "--json", "--category", "weather").envelope["data"]
    assert 0 < some["dedupe_summary"]["input_items"] < whole["dedupe_summary"]["input_items"]
    assert {cluster["event_type"].split("/")[0] for cluster in some["clusters"]} == {"weather"}
    number = whole["review_queue"][0]["market_no"]
    one = edgeworth("signals", *THEN, "--json", "--market", f"#{number}").envelope["data"]
    assert [entry["market_no"] for entry in one["review_queue"]] == [number]
    ruled = edgeworth("signals", *THEN, "--json", "--rules", "favorite-longshot").envelope["data"]
    assert [rule["rule"] for rule in ruled["rules"]] == ["favorite-longshot"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--watch", *THEN), "bad-option"),
        (("--max-batches", "2"), "bad-option"),
        (("--batch", "--aggressive", "--interval", "5m"), "bad-option"),
        (("--batch", "--interval", "soon"), "bad-duration"),
        (("--batch", "--interval", "1s"), "bad-duration"),
        (("--rules", "no-such-rule"), "unknown-strategy"),
        (("--as-of", "yesteryear"), "bad-date"),
        (("--halt", "x", "--resume"), "bad-option"),
    ],
)
def test_mistakes_are_named(edgeworth: Run, world: Path, arguments: tuple[str, ...], code: str) -> None:
    done = edgeworth("signals", *arguments)
    assert done.code == 2
    assert code in done.err


def test_an_empty_home_says_what_to_do(edgeworth: Run, home: Path) -> None:
    done = edgeworth("signals")
    assert done.code == 6
    assert "store-empty" in done.err
    assert "edgeworth demo" in done.err


def test_without_a_live_signal_there_is_no_score(edgeworth: Run, world: Path) -> None:
    edgeworth("signals", *THEN)
    assert edgeworth("signals", "--scores", "--json").envelope["data"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of the operating system")
def test_the_word_to_stop_ends_a_watch_in_time(world: Path) -> None:
    command = [sys.executable, "-m", "edgeworth.cli", "signals", "--watch", "--json", "--interval", "1h"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGTERM)
        _, told = watching.communicate(timeout=5)
    assert first["data"]["stop_reason"] == "stale_data"
    assert watching.returncode == 0
    assert "stopped after 1 looks" in told
