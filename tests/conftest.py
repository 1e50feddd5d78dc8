"""Shared fixtures: a private home per test, the recorded folder, Hypothesis profiles."""

import os
import shutil
import tempfile
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one EDGEWORTH_TEST_PG names, else one started here, else skip."""
    from tests.support import postgres

    named = os.environ.get("EDGEWORTH_TEST_PG")
    if named:
        yield postgres.own_database(named, os.environ.get("PYTEST_XDIST_WORKER", "main"))
        return
    # not pytest's own folder: that is closed to the user who runs the server, and every session closes it again
    folder = Path(tempfile.mkdtemp(prefix="edgeworth-postgres-"))
    try:
        server = postgres.start(folder)
        yield server.url
        postgres.stop(folder)
    except postgres.Absent as reason:
        pytest.skip(f"no PostgreSQL server: {reason}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
