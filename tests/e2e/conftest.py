"""A way to run the command line in process, and homes prepared once for many tests."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgeworth.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def children_hear_ctrl_c() -> Iterator[None]:
    """A job in the background ignores SIGINT, and its children would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def edgeworth(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `edgeworth ARGS…` in a private folder; returns exit code and both streams."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("EDGEWORTH_TRAIN__MLFLOW", "off")  # it costs seconds and has a test of its own

    def run(*args: str | Path) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        streams = capsys.readouterr()
        return Result(int(ended.value.code or 0), streams.out, streams.err)

    return run


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home holding the tiny simulated world and one run; copy it before changing anything."""
    home = tmp_path_factory.mktemp("prepared")
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--files", "--no-trade", "--scenario", "tiny", "--quiet", "--home", str(home)])
    assert not ended.value.code
    return home


@pytest.fixture
def world(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private copy of the prepared home, set as EDGEWORTH_HOME."""
    home = tmp_path / "world"
    shutil.copytree(prepared, home)
    monkeypatch.setenv("EDGEWORTH_HOME", str(home))
    return home
