"""The collector as a process against a sandbox as a process: stopping, refusing a second one, a newcomer's path."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "edgeworth.cli"]


def start(*words: str, home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "EDGEWORTH_HOME": str(home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def read_until(process: subprocess.Popen[str], *words: str) -> str:
    """Return what the process printed up to the line that holds all words."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if all(word in line for word in words):
            return "".join(seen)
    raise AssertionError(f"the process ended with {process.wait()}:\n{''.join(seen)}")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory) -> Iterator[str]:
    """The address of a small simulated venue whose minutes are seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("serve", "--sandbox", "--scenario", "live-small", "--speed", "60", "--port", str(port))
    process = start(*words, home=tmp_path_factory.mktemp("venue"))
    read_until(process, "SANDBOX")
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def collect(sandbox: str, home: Path, *words: str) -> subprocess.Popen[str]:
    return start("data", "collect", "--endpoint", sandbox, "--market-ids", "501200,501201", *words, home=home)


def table(home: Path, query: str) -> list[tuple]:
    connection = sqlite3.connect(home / "market.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully_within_five_seconds(sandbox, home, number):
    process = collect(sandbox, home)
    read_until(process, "slot-met", "job=track")
    begun = time.monotonic()
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert time.monotonic() - begun <= 5.0
    assert process.returncode == 0
    assert "stopping" in out
    assert "stopped" in out
    assert table(home, "SELECT count(*) FROM collection_runs WHERE status = 'running'") == [(0,)]
    assert table(home, "SELECT count(*) FROM market_snapshots")[0][0] >= 2
    lines = [json.loads(line) for line in (home / "log" / "collect.jsonl").read_text().splitlines()]
    assert lines[-1]["event"] == "stopped"
    assert lines[-1]["unwritten"] == 0


@pytest.mark.slow
def test_a_second_one_is_refused_with_the_pid_of_the_first(sandbox, home, monkeypatch, edgeworth):
    process = collect(sandbox, home)
    read_until(process, "slot-met", "job=track")
    monkeypatch.setenv("EDGEWORTH_HOME", str(home))
    edgeworth("data", "collect", "--once", "--endpoint", sandbox)  # modules are imported now
    begun = time.monotonic()
    refused = edgeworth("data", "collect", "--once", "--endpoint", sandbox)
    assert time.monotonic() - begun < 1.0
    status = edgeworth("data", "status", "--json").envelope["data"]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert refused.code == 9
    assert "another-instance" in refused.err
    assert f"PID {process.pid}" in refused.err
    assert status["pid"] == process.pid
    again = edgeworth("data", "collect", "--once", "--market-ids", "501200", "--endpoint", sandbox)
    assert again.code == 0  # the lock of a killed process is no obstacle
    assert table(home, "SELECT count(*) FROM collection_runs WHERE status = 'running'") == [(0,)]


@contextlib.contextmanager
def stuck(sandbox: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a collector and hold its database, so that it hangs in the middle of a write."""
    process = collect(sandbox, home, "--interval", "1m")  # a second here
    read_until(process, "slot-met", "job=track")
    holder = sqlite3.connect(home / "market.db", isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.5)  # the next slot has begun
        yield process
    finally:
        holder.execute("ROLLBACK")
        holder.close()
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(sandbox, home):
    with stuck(sandbox, home) as process:
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)  # it waits for the write under way
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert time.monotonic() - begun < 1.0
        assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.slow
def test_it_ends_in_time_even_when_a_write_hangs(sandbox, home):
    with stuck(sandbox, home) as process:
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert time.monotonic() - begun <= 5.0


@pytest.mark.slow
def test_a_newcomer_finds_collects_looks_and_exports(sandbox, home, monkeypatch, edgeworth, tmp_path):
    monkeypatch.setenv("EDGEWORTH_HOME", str(home))
    monkeypatch.setenv("EDGEWORTH_ENDPOINTS__SANDBOX", sandbox)
    found = edgeworth("data", "find", "--keywords", "bitcoin", "--limit", "3", "--json").envelope
    assert len(found["data"]) == 3
    [command] = found["next"]
    done = edgeworth(*command.split()[1:], "--once", "--json").envelope
    rounds = {row["job"]: row for row in done["data"]["rounds"]}
    assert (rounds["track"]["state"], rounds["track"]["met"]) == ("met", rounds["track"]["due"])
    status = edgeworth("data", "status", "--json").envelope["data"]
    assert status["venue"] == "sandbox"
    assert status["health"] == "stopped"
    assert {job["job"] for job in status["jobs"]} == {"track", "candles", "resolve", "upkeep"}
    assert status["quality"]["in_all"]["snapshots"] == 3
    assert status["budget_today"]["limit"] == 300
    assert edgeworth("data", "status").out.count("track") >= 3
    shown = edgeworth("data", "show", found["data"][0]["slug"], "--json")
    assert shown.envelope["data"]["market"]["question"] == found["data"][0]["question"]
    assert shown.envelope["data"]["snapshots"]["count"] == 1
    assert shown.envelope["data"]["snapshots"]["newest"][0]["quality"] > 0
    assert "1 snapshots" in edgeworth("data", "show", found["data"][0]["slug"]).out
    mixed = edgeworth("data", "collect", "--once", "--venue", "polymarket")
    assert mixed.code == 3
    assert "venue-mixed" in mixed.err
    path = tmp_path / "snapshots.csv"
    assert edgeworth("data", "export", "snapshots", "--output", path).code == 0
    assert len(path.read_text().splitlines()) == 4


def test_without_a_sandbox_it_says_how_to_start_one(home, monkeypatch, edgeworth):
    monkeypatch.setenv("EDGEWORTH_HOME", str(home))
    for words in (("collect", "--once"), ("find",)):
        refused = edgeworth("data", *words, "--endpoint", "http://127.0.0.1:9")
        assert refused.code == 5
        assert "sandbox-not-running" in refused.err
        assert "edgeworth serve --sandbox" in refused.err


def test_nothing_collected_is_said_plainly(home, monkeypatch, edgeworth):
    monkeypatch.setenv("EDGEWORTH_HOME", str(home))
    assert "store-empty" in edgeworth("data", "status").err
    assert "bad-option" in edgeworth("data", "collect", "--once", "--record").err
    assert "bad-query" in edgeworth("data", "collect", "--markets", "colour:red").err
    assert "bad-duration" in edgeworth("data", "collect", "--interval", "often").err


def test_the_service_unit_starts_this_collector(home, monkeypatch, edgeworth, tmp_path):
    monkeypatch.setenv("EDGEWORTH_HOME", str(home))
    path = tmp_path / "edgeworth.service"
    assert edgeworth("init", "service", "--output", path, "--mode", "aggressive").code == 0
    text = path.read_text()
    assert f"data collect --home {home} --mode aggressive" in text
    assert f"ReadWritePaths={home}" in text
    assert "RestartPreventExitStatus=2 3 4 9" in text
    assert edgeworth("init", "service", "--output", path).code == 2
    assert edgeworth("init", "service").out.startswith("[Unit]")
