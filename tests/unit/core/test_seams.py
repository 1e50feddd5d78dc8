"""Clock, random streams and paths."""

from pathlib import Path

import pytest

from edgeworth.core.clock import ManualClock, SystemClock
from edgeworth.core.paths import Home, default_home
from edgeworth.core.random import stream
from edgeworth.core.units import Micros


def test_the_manual_clock_moves_only_forward() -> None:
    clock = ManualClock(Micros(5))
    clock.advance(7)
    assert clock.now() == 12
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_the_system_clock_is_in_microseconds() -> None:
    assert 1_700_000_000_000_000 < SystemClock().now() < 4_102_444_800_000_000


def test_streams_are_named_and_repeatable() -> None:
    first = stream(7, "prices", 3).integers(0, 2**60, 4).tolist()
    assert stream(7, "prices", 3).integers(0, 2**60, 4).tolist() == first
    assert stream(8, "prices", 3).integers(0, 2**60, 4).tolist() != first
    assert stream(7, "prices", 4).integers(0, 2**60, 4).tolist() != first
    # the very numbers, so that worlds of today can be made again tomorrow
    assert first[0] == 758092819796276004


def test_the_home_follows_the_variable_then_the_platform() -> None:
    assert default_home({"EDGEWORTH_HOME": "/x"}) == Path("/x")
    assert default_home({"XDG_DATA_HOME": "/data"}).parts[-1] == "edgeworth"
    assert Home(Path("/x")).market_db == Path("/x/market.db")
