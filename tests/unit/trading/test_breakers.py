"""Circuit breakers: what trips them, what they do, and how they end."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.config import Settings
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.trading import breakers as br
from edgeworth.trading.halts import Halt, HaltCause, Lift, Resume, TradingState, raise_halt

LIMITS = br.BreakerLimits.of(Settings())
START = 10**15
USD = 10**6


def at(seconds: float) -> Micros:
    return Micros(START + round(seconds * SECOND))


def _calls(*seconds: float) -> list[br.Happened]:
    return [br.Called(at=at(s), ok=False) for s in seconds]


def _worth(equity: int, seconds: float = 0.0) -> br.Worth:
    return br.Worth(at=at(seconds), equity_e6=equity * USD, day_start_e6=1_000 * USD, peak_e6=1_200 * USD)


REDUCING, HALTED = TradingState.REDUCING, TradingState.HALTED
OPERATOR, AUTOMATIC = Resume.OPERATOR, Resume.AUTOMATIC
TABLE = [
    (HaltCause.ERROR_RATE, REDUCING, AUTOMATIC, _calls(0, 10, 20, 30, 59), _calls(0, 10, 20, 30, 60)),
    (
        HaltCause.REJECT_STREAK, HALTED, OPERATOR,
        [br.Answered(at=at(k), accepted=False, code="tick") for k in range(5)],
        [br.Answered(at=at(k), accepted=k == 3) for k in range(7)],
    ),
    (
        HaltCause.SLIPPAGE, REDUCING, OPERATOR,
        [br.Executed(at=at(k), shortfall_e4=50 + 100 * (k % 2)) for k in range(20)],
        [br.Executed(at=at(k), shortfall_e4=99) for k in range(40)],
    ),
    (
        HaltCause.LOSS_STREAK, REDUCING, OPERATOR,
        [br.Settled(at=at(k), profit_e6=-1) for k in range(5)],
        [br.Settled(at=at(k), profit_e6=-1 if k % 5 else 0) for k in range(20)],
    ),
    (
        HaltCause.MODEL_DRIFT, REDUCING, OPERATOR,
        [br.Decayed(at=at(0), strategy="a", level=100.0)],
        [br.Decayed(at=at(0), strategy="a", level=99.9), br.Decayed(at=at(1), strategy="b", level=50.0)],
    ),
    (
        HaltCause.HEARTBEAT, HALTED, AUTOMATIC,
        [br.Beaten(at=at(0)), br.Happened(at=at(8.1))],
        [br.Happened(at=at(0)), br.Beaten(at=at(20)), br.Happened(at=at(28))],
    ),
    (HaltCause.DISK, HALTED, AUTOMATIC, [br.DiskSeen(at=at(0), free=499_999_999)], [br.DiskSeen(at=at(0), free=500_000_000)]),
    (HaltCause.CLOCK_SKEW, HALTED, AUTOMATIC, [br.SkewSeen(at=at(0), skew=-10 * SECOND - 1)], [br.SkewSeen(at=at(0), skew=10 * SECOND)]),
    (HaltCause.DAILY_LOSS, REDUCING, OPERATOR, [_worth(950)], [_worth(951)]),
    (HaltCause.DRAWDOWN, REDUCING, OPERATOR, [br.Worth(at=at(0), equity_e6=900, day_start_e6=900, peak_e6=1_200)], [_worth(951)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "state", "resume", "trips", "holds"),
    TABLE,
    ids=lambda part: part.value if isinstance(part, HaltCause) else "",
)
def test_what_trips_and_what_does_not(cause, state, resume, trips, holds) -> None:
    board = br.Board(LIMITS)
    raised = [row for event in trips for row in board.feed(event)]
    assert len(raised) == 1
    halt = raised[0]
    assert isinstance(halt, Halt)
    assert (halt.cause, halt.state, halt.resume, halt.at) == (cause, state, resume, trips[-1].at)
    assert halt.reason
    quiet = br.Board(LIMITS)
    assert [row for event in holds for row in quiet.feed(event)] == []


def test_one_halt_per_episode_and_a_new_one_after_the_operator() -> None:
    board = br.Board(LIMITS)
    halts = [row for _ in range(9) for row in board.feed(br.Answered(at=at(0), accepted=False, code="x"))]
    assert len(halts) == 1
    assert not board.lifted("nobody's")
    assert board.lifted(halts[0].halt_id)
    again = [row for k in range(5) for row in board.feed(br.Answered(at=at(k), accepted=False, code="y"))]
    assert [type(row) for row in again] == [Halt]


def test_nothing_ends_by_itself_that_an_operator_must_see() -> None:
    board = br.Board(LIMITS)
    assert len(board.feed(_worth(900))) == 2  # the day's loss, and the drawdown from 1,200
    assert board.feed(_worth(1_200, 1)) == []
    assert {one.cause for one in board if one.halt} == {HaltCause.DAILY_LOSS, HaltCause.DRAWDOWN}


def test_failed_calls_are_forgiven_after_five_quiet_minutes() -> None:
    board = br.Board(LIMITS)
    rows = [row for event in _calls(0, 1, 2, 3, 4) for row in board.feed(event)]
    assert board.feed(br.Happened(at=at(303))) == []
    (end,) = board.feed(br.Happened(at=at(305)))
    assert isinstance(end, Lift)
    assert (end.halt_id, end.by) == (rows[0].halt_id, AUTOMATIC)


def test_a_heartbeat_reopens_only_after_an_answer_and_a_reconciliation() -> None:
    board = br.Board(LIMITS)
    board.feed(br.Beaten(at=at(0)))
    assert len(board.feed(br.Happened(at=at(9)))) == 1
    assert board.feed(br.Reconciled(at=at(9.5))) == []  # before the answer: worth nothing
    assert board.feed(br.Beaten(at=at(10))) == []
    assert [type(row) for row in board.feed(br.Reconciled(at=at(11)))] == [Lift]


def test_the_disk_and_the_clock_have_slack() -> None:
    board = br.Board(LIMITS)
    assert len(board.feed(br.DiskSeen(at=at(0), free=1))) == 1
    assert board.feed(br.DiskSeen(at=at(1), free=599_999_999)) == []
    assert len(board.feed(br.DiskSeen(at=at(2), free=600_000_000))) == 1
    assert len(board.feed(br.SkewSeen(at=at(3), skew=11 * SECOND))) == 1
    assert board.feed(br.SkewSeen(at=at(4), skew=5 * SECOND)) == []
    assert board.warning() == "the clock differs from the venue's by +5.0 s"
    assert len(board.feed(br.SkewSeen(at=at(5), skew=-2 * SECOND))) == 1
    assert board.warning() == ""


def test_drift_stops_one_strategy_alone() -> None:
    board = br.Board(LIMITS)
    (halt,) = board.feed(br.Decayed(at=at(0), strategy="a", level=200.0))
    assert halt.scope == "strategy:a"
    assert board.feed(br.Decayed(at=at(1), strategy="b", level=1.0)) == []
    assert len(board.feed(br.Decayed(at=at(2), strategy="b", level=200.0))) == 1


events = st.one_of(
    st.builds(br.Called, at=st.just(0), ok=st.booleans()),
    st.builds(br.Answered, at=st.just(0), accepted=st.booleans()),
    st.builds(br.Executed, at=st.just(0), shortfall_e4=st.integers(-100, 400)),
    st.builds(br.Settled, at=st.just(0), profit_e6=st.integers(-5, 2)),
    st.builds(br.Decayed, at=st.just(0), strategy=st.sampled_from("ab"), level=st.floats(0, 300)),
    st.builds(br.Beaten, at=st.just(0)),
    st.builds(br.Reconciled, at=st.just(0)),
    st.builds(br.DiskSeen, at=st.just(0), free=st.integers(0, 10**9)),
    st.builds(br.SkewSeen, at=st.just(0), skew=st.integers(-20 * SECOND, 20 * SECOND)),
    st.builds(
        br.Worth, at=st.just(0), equity_e6=st.integers(500, 1_000), day_start_e6=st.just(900), peak_e6=st.just(1_000)
    ),
)


@given(st.lists(st.tuples(events, st.integers(0, 2 * MINUTE)), max_size=60), st.integers(0, 60))
def test_a_restart_in_between_changes_nothing(steps, cut) -> None:
    """Same events, same rows; halts and lifts alternate per breaker; a board from dumped rows goes on as the other."""
    whole, first = br.Board(LIMITS), br.Board(LIMITS)
    now, rows, halves = START, [], []
    standing: dict[tuple[HaltCause, str], str] = {}
    for number, (event, pause) in enumerate(steps):
        now += pause
        if number == cut:
            first = br.Board(LIMITS, first.dump())
        moved = msgspec.structs.replace(event, at=now)
        found = whole.feed(moved)
        halves += first.feed(moved)
        rows += found
        for row in found:
            if isinstance(row, Halt):
                assert standing.setdefault((row.cause, row.scope), row.halt_id) == row.halt_id
            else:
                assert row.halt_id in standing.values()
                standing = {key: halt for key, halt in standing.items() if halt != row.halt_id}
    assert halves == rows
    assert whole.dump() == first.dump()


def test_a_halt_raised_elsewhere_is_not_raised_again_and_is_ended_by_its_breaker() -> None:
    board = br.Board(LIMITS)
    halt = raise_halt(HaltCause.DISK, HALTED, AUTOMATIC, "told by a denial", at(0))
    board.adopt(halt)
    assert board.feed(br.DiskSeen(at=at(1), free=1)) == []
    (end,) = board.feed(br.DiskSeen(at=at(2), free=10**12))
    assert isinstance(end, Lift)
    assert end.halt_id == halt.halt_id
    board.adopt(msgspec.structs.replace(halt, resume=OPERATOR))
    assert board.feed(br.DiskSeen(at=at(3), free=10**12)) == []


def test_what_is_told_late_does_not_make_old_failures_one_minute() -> None:
    board = br.Board(LIMITS)
    events = [br.Called(at=at(50 * k), ok=False) for k in range(6)]
    assert [row for event in events for row in board.feed(event)] == []
    assert board.feed(br.Reconciled(at=at(0))) == []
