"""Fixtures of the store tests."""

from pathlib import Path

import pytest
from tests.store_world import fill

from edgeworth.core.paths import Home


@pytest.fixture
def place(home: Path) -> Home:
    return Home(home)


@pytest.fixture
def filled(place: Home) -> Home:
    fill(place)
    return place
