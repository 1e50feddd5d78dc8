"""Settings: precedence, origins, and errors that teach."""

from pathlib import Path

import pytest

from edgeworth.core import config
from edgeworth.core.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "edgeworth.toml"
    path.write_text(text)
    return path


def test_precedence_and_origins(tmp_path: Path) -> None:
    file = write(tmp_path, "mode = 'paper'\n[risk]\nbankroll = 10\nkelly = 0.1\nmax_order = 1\n")
    loaded = config.load(
        home=tmp_path, file=file, environ={"EDGEWORTH_RISK__KELLY": "0.2", "EDGEWORTH_RISK__MAX_ORDER": "2"},
        overrides={"risk.max_order": 3.0},
    )  # fmt: skip
    risk = loaded.settings.risk
    assert (risk.bankroll, risk.kelly, risk.max_order, risk.max_event) == (10, 0.2, 3, 0.1)
    assert loaded.origins["risk.bankroll"] == str(file)
    assert loaded.origins["risk.kelly"] == "environment"
    assert loaded.origins["risk.max_order"] == "flag"
    assert loaded.origins["risk.max_event"] == "default"


def test_the_file_in_the_folder_wins_over_the_home(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write(tmp_path / "a", "[risk]\nbankroll = 1\n")
    write(tmp_path / "b", "[risk]\nbankroll = 2\n")
    assert config.load(home=tmp_path / "b", folder=tmp_path / "a", environ={}).settings.risk.bankroll == 1
    assert config.load(home=tmp_path / "b", folder=tmp_path, environ={}).settings.risk.bankroll == 2


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[risk]\nkely = 1\n", "config-unknown-key", "did you mean 'risk.kelly'"),
        ("[risks]\nkelly = 1\n", "config-unknown-key", "risk"),
        ("[risk]\nkelly = 7\n", "config-bad-value", "risk.kelly"),
        ("[risk]\nkelly = 'much'\n", "config-bad-value", "risk.kelly"),
        ("mode = 'yolo'\n", "config-bad-value", "mode"),
        ("[risk\n", "config-unreadable", "edgeworth.toml"),
        ("[live]\nprivate_key = 'x'\n", "config-secret", "private_key"),
        ("risk = 1\n", "config-unknown-key", "risk"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, code: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(home=tmp_path, file=write(tmp_path, text), environ={})
    assert caught.value.code == code
    assert words in caught.value.message + caught.value.hint


def test_a_missing_explicit_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="config-unreadable"):
        config.load(home=tmp_path, file=tmp_path / "none.toml", environ={})


def test_unknown_environment_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="config-unknown-key"):
        config.load(home=tmp_path, folder=tmp_path, environ={"EDGEWORTH_RISK__KELLLY": "1"})


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, folder=tmp_path, environ={}).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.risk.kelly = 1.0  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    assert all(text.endswith(".") or text for text in config.dotted_keys().values())
