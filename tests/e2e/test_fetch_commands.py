"""The commands that bring history home, against a sandbox server on a real socket."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeworth.store.lake import Lake


@pytest.fixture(scope="module")
def venue():
    """The address of a small sandbox."""
    words = [
        "-m",
        "edgeworth.cli",
        "serve",
        "--sandbox",
        "--scenario",
        "tiny",
        "--port",
        "0",
        "--world",
        "5",
        "--speed",
        "120",
    ]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            found = None
            while found is None:
                line = server.stdout.readline()
                assert line, "the server ended"
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
            yield found.group(0)
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEWORTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_resolved_markets_in_one_command_and_nothing_twice(edgeworth, venue, home):
    words = ("data", "fetch", "--resolved", "--since", "2020-01", "--no-trades", "--no-fine", "--endpoint", venue)
    first = edgeworth(*words, "--json")
    assert first.code == 0, first.err
    found = first.envelope["data"]
    assert found["sources"]["polymarket-3h"]["present"] > 50
    whole = found["usable"][-1]
    assert whole["range"] == "all"
    assert 0 < whole["events"] <= whole["usable"]
    assert 0 < whole["edge"] < 0.5
    again = edgeworth(*words)
    assert again.code == 0
    assert "listed before" in again.out
    assert "usable for training and backtests" in again.out
    assert edgeworth("data", "verify").code == 0


def test_candles_from_files_with_derived_hours(edgeworth, venue, home):
    done = edgeworth("data", "fetch", "--candles", "--symbols", "BTC", "--since", "10d", "--endpoint", venue, "--json")
    assert done.code == 0, done.err
    lines = {(line["pair"], line["interval"]): line for line in done.envelope["data"]["series"]}
    assert set(lines) == {(pair, every) for pair in ("BTCUSDT",) for every in ("15m", "1h")}
    assert all(line["differing"] == 0 and line["candles"] > 200 for line in lines.values())
    assert {part.symbol for part in Lake(home / "lake").manifest("candles").parts} == {"BTC"}


def test_gaps_seal_backup_and_requeue(edgeworth, venue, home, tmp_path):
    edgeworth("data", "fetch", "--resolved", "--since", "2020-01", "--no-trades", "--no-fine", "--endpoint", venue)
    gaps = edgeworth("data", "fetch", "--gaps", "--endpoint", venue, "--json")
    assert (gaps.code, gaps.envelope["data"]["missed"]) == (0, 0)
    assert edgeworth("data", "seal", "--json").envelope["data"]["rows"] == 0
    copied = edgeworth("data", "backup", "--output", str(tmp_path / "copy"), "--json")
    assert copied.code == 0, copied.err
    assert copied.envelope["data"]["parts"] == len(list((home / "lake" / "prices").glob("*.parquet")))
    assert edgeworth("data", "verify", "--home", str(tmp_path / "copy")).code == 0
    tried = edgeworth("data", "requeue", "--json").envelope["data"]["summary"]
    assert {row["reason"]: row["fate"] for row in tried} == {"scalar-market": "refused"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["data", "fetch"], "bad-option"),
        (["data", "fetch", "--resolved", "--gaps"], "bad-option"),
        (["data", "fetch", "--candles", "--every", "7m"], "bad-option"),
        (["data", "fetch", "--resolved", "--endpoint", "http://127.0.0.1:9"], "sandbox-not-running"),
        (["data", "backup"], "store-empty"),
        (["data", "seal", "--older-than", "soon"], "store-empty"),
    ],
)
def test_mistakes_are_explained(edgeworth, home, words, code):
    done = edgeworth(*words, "--json")
    assert done.code != 0
    assert json.loads(done.out)["error"]["code"] == code


def test_a_pair_in_another_quote_is_refused(edgeworth, venue, home):
    done = edgeworth("data", "fetch", "--candles", "--symbols", "BTCUSDC", "--endpoint", venue)
    assert done.code == 2
    assert "never mixed" in done.err


def test_the_lineage_is_listed(edgeworth, home: Path):
    rows = edgeworth("data", "fetch", "--lineage", "--json").envelope["data"]
    assert [row["asset"] for row in rows] == ["MATIC", "REN", "BAL", "EOS", "MKR"]
