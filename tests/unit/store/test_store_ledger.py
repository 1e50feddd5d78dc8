"""The ledger: runs, trials and uses of the hold-out are added up and survive."""

import pytest
from sqlalchemy import create_engine, text

from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import DataError
from edgeworth.store.ledger_db import Ledger, Run, Trial


def trial(**changes):
    return Trial(**({"run_id": "r1", "strategy": "fade", "family": "fade", "data": "d1", "params": {"a": 1}} | changes))


def test_trials_survive_and_repetitions_count(place):
    with Ledger.open(place) as ledger:
        ledger.record_trials([trial(), trial(params={"a": 2}, sharpe=0.1, events=30)])
    with Ledger.open(place) as ledger:
        ledger.record_trial(trial(run_id="r2", status="failed"))
        ledger.record_trials([])
        assert ledger.count_trials() == 3
        assert ledger.count_trials(distinct=True) == 2
        assert ledger.count_trials(family="fade", data="d1") == 3
        assert ledger.count_trials(strategy="other") == 0
        assert [(t.status, t.sharpe, dict(t.params)) for t in ledger.trials()] == [
            ("done", None, {"a": 1}),
            ("done", 0.1, {"a": 2}),
            ("failed", None, {"a": 1}),
        ]


def test_parameter_order_does_not_matter():
    assert trial(params={"a": 1, "b": 2}).params_hash == trial(params={"b": 2, "a": 1}).params_hash


def test_runs(place):
    clock = ManualClock(1_000)
    with Ledger.open(place, clock=clock) as ledger:
        ledger.start_run(Run("r1", "backtest", "d1", config={"seed": 7}))
        clock.advance(5)
        ledger.start_run(Run("r2", "backtest", "d1"))
        ledger.finish_run("r1", "done", {"roi": 0.1})
        latest, first = ledger.runs()
        assert (latest.run_id, latest.status) == ("r2", "running")
        assert (first.status, first.finished_at, first.summary, first.config) == (
            "done",
            1_005,
            {"roi": 0.1},
            {"seed": 7},
        )
        assert len(ledger.runs(limit=1)) == 1


def test_uses_of_the_holdout(place):
    with Ledger.open(place) as ledger:
        assert [ledger.use_holdout("r1", "fade", "d1"), ledger.use_holdout("r2", "fade", "d1")] == [1, 2]
        assert ledger.use_holdout("r3", "fade", "d2") == 1
        assert (ledger.holdout_uses(), ledger.holdout_uses("d1")) == (3, 2)


def test_only_the_owner_reads_it(place):
    Ledger.open(place).close()
    assert place.ledger_db.stat().st_mode & 0o777 == 0o600


def test_a_newer_ledger_is_refused(place):
    Ledger.open(place).close()
    engine = create_engine(f"sqlite:///{place.ledger_db}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(DataError) as failure:
        Ledger.open(place)
    assert failure.value.code == "store-newer"
