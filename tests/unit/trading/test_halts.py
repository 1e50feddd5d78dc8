"""Halts: who stopped trading, and who may resume it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.errors import RiskError
from edgeworth.core.units import Micros
from edgeworth.trading.halts import (
    Halt,
    HaltCause,
    Lift,
    Resume,
    TradingState,
    concerning,
    lift,
    overall,
    raise_halt,
    standing,
    state_of,
)


def _halt(at: int, state=TradingState.HALTED, resume=Resume.OPERATOR, scope="", cause=HaltCause.KILLED) -> Halt:
    return raise_halt(cause, state, resume, "a reason", Micros(at), scope)


def test_the_machine_lifts_only_what_it_may() -> None:
    with pytest.raises(RiskError, match="waits for an operator") as caught:
        lift(_halt(1), Resume.AUTOMATIC, "breaker", "over", Micros(2))
    assert caught.value.code == "halt-needs-operator"
    assert lift(_halt(1), Resume.OPERATOR, "me", "seen", Micros(2)).halt_id == "killed:all:1"
    assert (
        lift(_halt(1, resume=Resume.AUTOMATIC), Resume.AUTOMATIC, "breaker", "over", Micros(2)).by is Resume.AUTOMATIC
    )


def test_the_state_is_the_most_severe_halt_that_stands() -> None:
    pause = _halt(1, TradingState.REDUCING, cause=HaltCause.PAUSED)
    kill = _halt(2)
    assert overall(()) is TradingState.ACTIVE
    assert overall((pause,)) is TradingState.REDUCING
    assert overall((pause, kill)) is TradingState.HALTED
    rows = [pause, kill, lift(kill, Resume.OPERATOR, "me", "", Micros(3))]
    assert overall(standing(rows)) is TradingState.REDUCING


def test_a_halt_of_one_strategy_or_market_stops_nothing_else() -> None:
    one, other = _halt(1, scope="strategy:a"), _halt(2, TradingState.REDUCING, scope="market:7")
    assert state_of(concerning((one, other), "a", 1)) is TradingState.HALTED
    assert state_of(concerning((one, other), "b", 7)) is TradingState.REDUCING
    assert concerning((other, one), "a", 7) == (one, other)
    assert state_of(concerning((one, other), "b", 1)) is overall((one, other)) is TradingState.ACTIVE


def test_a_halt_must_stop_something() -> None:
    with pytest.raises(ValueError, match="reduces or halts"):
        _halt(1, TradingState.ACTIVE)


def test_rows_survive_writing_and_reading() -> None:
    halt = _halt(5, scope="market:3")
    end = lift(halt, Resume.OPERATOR, "me", "why", Micros(6))
    assert msgspec.json.decode(msgspec.json.encode(halt), type=Halt) == halt
    assert msgspec.json.decode(msgspec.json.encode(end), type=Lift) == end


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30))
def test_what_stands_is_what_was_raised_and_not_lifted_since(steps: list[tuple[int, bool]]) -> None:
    rows: list[Halt | Lift] = []
    expected: dict[int, bool] = {}
    for number, up in steps:
        halt = _halt(number)
        rows.append(halt if up else lift(halt, Resume.OPERATOR, "me", "", Micros(9)))
        expected[number] = up
    assert {halt.at for halt in standing(rows)} == {number for number, up in expected.items() if up}
