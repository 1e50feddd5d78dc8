"""A user's mistake never shows a traceback: a code, a cause, a fix, and the documented exit code."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edgeworth.core.error_codes import CODES
from tests.e2e.conftest import Run

BROKEN_RULE = "def opinions(:\n"
RAISING_RULE = "raise RuntimeError('half written')\n"
NO_RULE = "x = 1\n"
PEEKING_RULE = '''
from dataclasses import dataclass
from edgeworth.strategies.base import no, strategy

@strategy
@dataclass(frozen=True)
class Peek:
    """Look at the next row."""

    name = "peek"
    version = 1
    needs = ("price",)

    def opinions(self, row):
        return no(when=row.price > row.price.mean(), reason="peek")
'''
UNKNOWN_NEED = PEEKING_RULE.replace('("price",)', '("prise",)')
UNDECLARED = PEEKING_RULE.replace("row.price.mean()", "row.age_hours")


def says(run: Run, args: tuple[str | Path, ...], code: str, exit_code: int, *words: str) -> None:
    """Check the text form and the JSON form of one mistake."""
    result = run(*args)
    text = result.out + result.err
    assert "Traceback" not in text, text
    assert f"error {code}" in result.err, text
    assert "cause  " in result.err
    assert "fix    " in result.err
    assert result.code == exit_code, text
    for word in words:
        assert word in result.err, text
    again = run(*args, "--json")
    assert again.envelope["ok"] is False
    assert again.envelope["error"]["code"] == code
    assert again.code == exit_code


# (arguments, code, exit code, words that must appear); needs no data
EMPTY_HOME = [
    (("dta",), "unknown-command", 2, "did you mean 'data'"),
    (("xyzzy",), "unknown-command", 2, "edgeworth --help"),
    (("data", "imprt"), "unknown-command", 2, "did you mean 'import'"),
    (("doctor", "confg"), "unknown-command", 2, "did you mean 'config'"),
    (("--frobnicate",), "bad-option", 2, "frobnicate"),
    (("data", "ls", "--limt", "3"), "bad-option", 2, "limit"),
    (("data", "ls", "--limit", "many"), "bad-option", 2, "many"),
    (("data", "import"), "bad-option", 2, "path"),
    (("data", "import", "no/such/file.json"), "file-not-found", 6, "no/such/file.json"),
    (("data", "show", "anything"), "store-empty", 6, "edgeworth demo"),
    (("data", "ls"), "store-empty", 6, "edgeworth demo"),
    (("data", "verify"), "store-empty", 6, "edgeworth demo"),
    (("data", "export", "markets"), "store-empty", 6, "edgeworth demo"),
    (("backtest", "all"), "store-empty", 6, "edgeworth demo"),
    (("backtest",), "bad-option", 2, "strategy"),
    (("backtest", "crypto-favourite-fade"), "unknown-strategy", 2, "crypto-favorite-fade"),
    (("backtest", "./no_such_rule.py"), "file-not-found", 6, "no_such_rule.py"),
    (("report", "calibration"), "store-empty", 6, "edgeworth demo"),
    (("report", "calibration", "--until", "tomorrow"), "bad-option", 2, "event-known"),
    (("report", "zzzz"), "unknown-run", 2, "no run"),
    (("doctor", "explain", "look-ahed"), "unknown-topic", 2, "look-ahead"),
    (("demo", "--scenario", "newcommer"), "unknown-scenario", 2, "newcomer"),
    (("demo", "--seed", "-3"), "bad-option", 2, "-3"),
    (("demo", "--seed", "lucky"), "bad-option", 2, "lucky"),
    (("init", "strategy", "Über Rule!"), "bad-name", 2, "letters"),
    (("doctor", "--config", "none.toml"), "config-unreadable", 3, "none.toml"),
    (("init",), "bad-option", 2, "--yes"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "code", "exit_code", "words"), [(a, c, e, w) for a, c, e, *w in EMPTY_HOME])
def test_mistakes_without_data(
    edgeworth: Run, home: Path, args: tuple[str, ...], code: str, exit_code: int, words: list[str]
) -> None:
    says(edgeworth, args, code, exit_code, *words)


WITH_DATA = [
    (("data", "show", "no such market at all"), "unknown-market", 2, "data ls"),
    (("data", "show", "will"), "ambiguous-market", 2, "matches"),
    (("data", "sql", "drop table markets"), "bad-query", 2, "select"),
    (("data", "sql", "select * from"), "bad-query", 2),
    (("data", "sql", "select nonsense from markets"), "bad-query", 2, "nonsense"),
    (("data", "sql", "select * from no_such_table"), "bad-query", 2, "no_such_table"),
    (("data", "export", "weather"), "bad-option", 2, "markets"),
    (("data", "export", "markets", "--format", "xlsx"), "bad-option", 2, "xlsx"),
    (("data", "export", "markets", "--output", "/dev/null/x.csv"), "output-unwritable", 4, "x.csv"),
    (("backtest", "crypto-favorite-fade", "--from", "someday"), "bad-date", 2, "someday"),
    (("backtest", "crypto-favorite-fade", "--from", "2026-02-30"), "bad-date", 2),
    (("backtest", "crypto-favorite-fade", "--from", "2026-01-01", "--to", "2025-01-01"), "bad-interval", 2),
    (("backtest", "crypto-favorite-fade", "--from", "2090-01-01"), "no-prices", 6),
    (("backtest", "crypto-favorite-fade", "--param", "treshold=0.8"), "unknown-parameter", 2, "threshold"),
    (("backtest", "crypto-favorite-fade", "--param", "threshold=high"), "bad-parameter", 2, "high"),
    (("backtest", "crypto-favorite-fade", "--param", "threshold"), "bad-option", 2, "threshold"),
    (("backtest", "crypto-favorite-fade", "--grid", "threshold"), "bad-grid", 2),
    (("backtest", "crypto-favorite-fade", "--grid", "threshold=0.9:0.5:0.1"), "bad-grid", 2),
    (("backtest", "crypto-favorite-fade", "--grid", "threshold=0.5:0.9:0"), "bad-grid", 2),
    (("backtest", "crypto-favorite-fade", "--grid", "treshold=0.5:0.9:0.1"), "unknown-parameter", 2, "threshold"),
    (("backtest", "crypto-favorite-fade", "--source", "moon"), "unknown-source", 2, "moon"),
    (("report", "calibration", "--sample", "weekly"), "bad-sample", 2, "calendar:monday"),
    (("report", "calibration", "--sample", "calendar:someday"), "bad-sample", 2),
    (("report", "calibration", "--sample", "age:-3d"), "bad-sample", 2),
    (("report", "calibration", "--sample", "resolution:2d", "--outcomes", "all"), "look-ahead", 6, "--allow-look-ahead"),
    (("report", "no-such-run"), "unknown-run", 2, "no-such-run"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "code", "exit_code", "words"), [(a, c, e, w) for a, c, e, *w in WITH_DATA])
def test_mistakes_with_data(
    edgeworth: Run, world: Path, args: tuple[str, ...], code: str, exit_code: int, words: list[str]
) -> None:
    says(edgeworth, args, code, exit_code, *words)


@pytest.mark.parametrize(
    ("text", "code", "exit_code"),
    [
        (BROKEN_RULE, "strategy-broken", 6),
        (RAISING_RULE, "strategy-broken", 6),
        (NO_RULE, "strategy-broken", 6),
        (PEEKING_RULE, "not-row-wise", 6),
        (UNKNOWN_NEED, "unknown-feature", 2),
        (UNDECLARED, "unknown-feature", 2),
    ],
)
def test_broken_strategy_files(
    edgeworth: Run, world: Path, tmp_path: Path, text: str, code: str, exit_code: int
) -> None:
    (tmp_path / "rule.py").write_text(text)
    says(edgeworth, ("backtest", "./rule.py"), code, exit_code)


FILES = [
    ("a.json", "not json at all", "format-unknown"),
    ("a.csv", "a,b\n1,2\n", "format-unknown"),
    ("a.parquet", "PAR1 but not really", "file-truncated"),
    ("a.zip", "PK but not really", "format-unknown"),
    ("a.json.gz", "not gzip", "format-unknown"),
    ("a.json", "", "format-unknown"),
]


@pytest.mark.parametrize(("name", "text", "code"), FILES)
def test_files_that_cannot_be_imported(
    edgeworth: Run, home: Path, tmp_path: Path, name: str, text: str, code: str
) -> None:
    (tmp_path / name).write_text(text)
    says(edgeworth, ("data", "import", name), code, 6, name)


MAPPINGS = [
    ("source = [broken", "mapping-unreadable", 2),
    ("source='x'\n[price]\nids=[{kind='key',column='k'}]\nt={column='when',unit='iso'}\nprce={column='p'}\n", "mapping-bad-field", 2),
    ("source='x'\n[price]\nids=[{kind='key',column='k'}]\nt={column='nope',unit='iso'}\nprice={column='p'}\n", "mapping-bad-column", 2),
    ("source='x'\n[price]\nids=[{kind='key',column='k'}]\nt={column='when',unit='fortnight'}\nprice={column='p'}\n", "mapping-bad-unit", 2),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "code", "exit_code"), MAPPINGS)
def test_wrong_mappings(edgeworth: Run, home: Path, tmp_path: Path, mapping: str, code: str, exit_code: int) -> None:
    (tmp_path / "d.csv").write_text("k,when,p\nm,2026-01-01,0.5\n")
    (tmp_path / "m.toml").write_text(mapping)
    says(edgeworth, ("data", "import", "d.csv", "--mapping", "m.toml"), code, exit_code)


def test_a_mapping_that_does_not_exist(edgeworth: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("k,when,p\nm,2026-01-01,0.5\n")
    says(edgeworth, ("data", "import", "d.csv", "--mapping", "m.toml"), "file-not-found", 6, "m.toml")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[risk]\nkely = 0.5\n", "config-unknown-key"),
        ("[risk]\nkelly = 5\n", "config-bad-value"),
        ("[risk\n", "config-unreadable"),
        ("[telegram]\napi_key = 'x'\n", "config-secret"),
    ],
)
def test_wrong_settings(edgeworth: Run, home: Path, tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "edgeworth.toml").write_text(text)
    says(edgeworth, ("doctor",), code, 3)


def test_a_home_that_cannot_be_made(edgeworth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "d.json").write_text("[]")
    monkeypatch.setenv("EDGEWORTH_HOME", str(tmp_path / "file" / "home"))
    says(edgeworth, ("data", "import", "d.json"), "home-unwritable", 4, "EDGEWORTH_HOME")
    says(edgeworth, ("demo", "--scenario", "tiny"), "home-unwritable", 4)


def test_doctor_fails_when_the_home_cannot_be_written(
    edgeworth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("EDGEWORTH_HOME", str(tmp_path / "file" / "home"))
    says(edgeworth, ("doctor",), "check-failed", 8)


def test_a_database_that_is_none(edgeworth: Run, world: Path) -> None:
    database = next(world.rglob("market.db"))
    for extra in database.parent.glob("market.db*"):
        extra.unlink()
    database.write_bytes(b"this is not a database" * 100)
    says(edgeworth, ("data", "ls"), "store-corrupt", 6)


def test_a_database_of_a_newer_version(edgeworth: Run, world: Path) -> None:
    connection = sqlite3.connect(next(world.rglob("market.db")))
    connection.execute("update alembic_version set version_num = '9999'")
    connection.commit()
    connection.close()
    says(edgeworth, ("data", "ls"), "store-newer", 6)


def test_a_damaged_lake_file_is_found(edgeworth: Run, world: Path) -> None:
    part = next(path for path in world.rglob("*.parquet") if "lake" in path.parts)
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 0xFF
    part.write_bytes(bytes(content))
    says(edgeworth, ("data", "verify"), "check-failed", 8)


def test_init_does_not_overwrite(edgeworth: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "edgeworth.toml").write_text("# mine\n")
    says(edgeworth, ("init", "--yes"), "file-exists", 2)
    assert (tmp_path / "edgeworth.toml").read_text() == "# mine\n"


def test_ctrl_c_is_calm_and_the_same_command_resumes(tmp_path: Path) -> None:
    environment = {**os.environ, "EDGEWORTH_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "edgeworth.cli", "demo", "--scenario", "newcomer"]
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()  # the first words: work has begun
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in out + err
    assert "interrupted" in err


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m edgeworth.cli doctor explain | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "Traceback" not in done.stderr


def test_there_are_at_least_forty_cases() -> None:
    assert len(EMPTY_HOME) + len(WITH_DATA) + len(FILES) + len(MAPPINGS) >= 40


def test_every_case_uses_a_registered_code() -> None:
    for _, code, *_ in EMPTY_HOME + WITH_DATA:
        assert code in CODES
