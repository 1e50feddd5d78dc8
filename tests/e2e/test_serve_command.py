"""`edgeworth serve --sandbox` as a person runs it: one line, a working venue, Ctrl-C, mistakes with a way out."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.e2e.conftest import Run

PATIENCE_S = 60


class Server:
    """A server in its own process."""

    def __init__(self, folder: Path, *args: str) -> None:
        environment = {**os.environ, "EDGEWORTH_HOME": str(folder / "home"), "NO_COLOR": "1"}
        command = [sys.executable, "-m", "edgeworth.cli", "serve", "--sandbox", "--port", "0", *args]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()

    def ask(self, path: str, body: Any = None) -> Any:
        url = re.search(r"http://[0-9.:]+", self.line)
        assert url is not None, self.process.communicate()
        data = None if body is None else json.dumps(body).encode()
        request = Request(url.group() + path, data=data, headers={"User-Agent": "test"})
        with urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def stop(self, number: int = signal.SIGINT) -> tuple[int, float, str]:
        begun = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, time.monotonic() - begun, errors


def test_one_line_a_venue_and_a_graceful_end(tmp_path: Path) -> None:
    server = Server(tmp_path, "--scenario", "live-small", "--step", "--scenario", "slow")
    try:
        assert "world live-small/7" in server.line
        assert "virtual time 2026-12-02T00:00:00Z, by steps" in server.line
        assert "faults: slow" in server.line
        assert server.ask("/control/faults", {"name": "slow", "on": True, "parameters": {"seconds": 0.0}})["on"] == [
            "slow"
        ]
        assert server.ask("/control/advance", {"seconds": 900})["iso"] == "2026-12-02T00:15:00Z"
        assert len(server.ask("/gamma/markets/keyset?limit=5")["markets"]) == 5
        assert server.ask("/clob/time") == 1796170500
    finally:
        code, seconds, errors = server.stop()
    assert code == 0
    assert seconds < 5
    assert "stopped" in errors
    assert "Traceback" not in errors


def test_json_says_where(tmp_path: Path) -> None:
    server = Server(tmp_path, "--scenario", "live-small", "--speed", "120", "--world", "3", "--json")
    try:
        data = json.loads(server.line)["data"]
        assert (data["scenario"], data["seed"], data["speed"]) == ("live-small", 3, 120.0)
        assert server.ask("/control/world")["seed"] == 3
    finally:
        code, seconds, errors = server.stop(signal.SIGTERM)
    assert code in {0, -signal.SIGTERM}
    assert seconds < 5
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("serve",), "bad-option", 2),
        (("serve", "--sandbox", "--host", "0.0.0.0"), "not-loopback", 2),
        (("serve", "--sandbox", "--scenario", "nowhere"), "unknown-scenario", 2),
        (("serve", "--sandbox", "--step", "--speed", "2"), "bad-option", 2),
        (("serve", "--sandbox", "--speed", "0"), "bad-option", 2),
    ],
)
def test_mistakes_have_a_code_and_a_fix(edgeworth: Run, arguments: tuple[str, ...], code: str, exit_code: int) -> None:
    result = edgeworth(*arguments, "--json")
    assert result.code == exit_code
    assert result.envelope["error"]["code"] == code
    assert result.envelope["error"]["hint"]
