"""Instants and durations at the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core import instants, units
from edgeworth.core.errors import UsageError

NOW = instants.parse_instant("2026-03-10T12:00:00Z")


@given(st.integers(0, 4_102_444_800_000_000))
def test_iso_round_trip(instant: int) -> None:
    assert instants.parse_instant(instants.to_iso(units.Micros(instant))) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31 12:00:00+00",
        "2026-01-31T14:00:00+02:00",
        "2026-01-31T14:00:00+02",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00+0000",
        "2026-01-31T12:00:00.000000Z",
    ],
)
def test_spellings_of_one_instant(text: str) -> None:
    assert instants.parse_instant(text) == 1_769_860_800 * units.SECOND


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "1066-01-01T00:00:00Z", "9999-01-01T00:00:00Z"])
def test_parse_instant_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        instants.parse_instant(text)


@pytest.mark.parametrize("number", [1_769_860_800, 1_769_860_800_000, 1_769_860_800_000_000, 1_769_860_800 * 10**9])
def test_epochs_are_told_apart_by_magnitude(number: int) -> None:
    assert instants.from_epoch(number) == 1_769_860_800 * units.SECOND


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-01-31", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026Q1", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        ("2d", "2026-03-08T12:00:00Z", "2026-03-08T12:00:00Z"),
        ("2026-01-01T06:30:00", "2026-01-01T06:30:00Z", "2026-01-01T06:30:00Z"),
    ],
)
def test_bounds(text: str, start: str, end: str) -> None:
    assert instants.to_iso(instants.parse_bound(text, NOW)) == start
    assert instants.to_iso(instants.parse_bound(text, NOW, end=True)) == end


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-Q5", "31/01/2026", "-3d"])
def test_bad_bounds_have_a_code(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        instants.parse_bound(text, NOW)
    assert caught.value.code == "bad-date"


@pytest.mark.parametrize(("text", "micros"), [("15m", 900), ("6h", 21_600), ("1.5d", 129_600), ("2w", 1_209_600)])
def test_durations(text: str, micros: int) -> None:
    assert instants.parse_duration(text) == micros * units.SECOND


def test_bad_duration_has_a_code() -> None:
    with pytest.raises(UsageError) as caught:
        instants.parse_duration("a while")
    assert caught.value.code == "bad-duration"
