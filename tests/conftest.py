"""Shared fixtures: a private home per test, the recorded folder, Hypothesis profiles."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that nothing else uses."""
    root = tmp_path / "home"
    monkeypatch.setenv("EDGEWORTH_HOME", str(root))
    return root


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded data, or skip."""
    value = os.environ.get("EDGEWORTH_RECORDED")
    if not value or not Path(value).is_dir():
        pytest.skip("EDGEWORTH_RECORDED does not name a folder of recorded data")
    return Path(value)
