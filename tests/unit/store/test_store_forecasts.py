"""Stored forecasts: once each, chained, whoever writes at the same time; an older ledger gains the table."""

import dataclasses
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine

from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import DataError
from edgeworth.core.units import Micros
from edgeworth.store import engines
from edgeworth.store.forecasts import StoredForecast
from edgeworth.store.ledger_db import Ledger, Run
from edgeworth.store.migrate import upgrade

CLOCK = ManualClock(Micros(1_000))
ROW = StoredForecast("m", 1, "one", 0, 10, 20, None, 5_000, 1, 510_000, 0.6, 0.1 + 0.2, 0.7, "features")


def rows(model: str, count: int) -> list[StoredForecast]:
    return [dataclasses.replace(ROW, model_id=model, market_no=number, t=number) for number in range(count)]


def test_a_row_is_stored_once_and_reads_back_the_same(place):
    with Ledger.open(place, clock=CLOCK) as ledger:
        assert ledger.record_forecasts([ROW, ROW, dataclasses.replace(ROW, t=11)]) == 2
        assert ledger.record_forecasts([dataclasses.replace(ROW, recorded_at=99)]) == 0
        assert ledger.record_forecasts([]) == 0
        assert ledger.forecasts() == [ROW, dataclasses.replace(ROW, t=11)]


def test_writers_at_the_same_time_make_one_chain(place):
    Ledger.open(place, clock=CLOCK).close()

    def work(model: str) -> int:
        added = 0
        with Ledger.open(place, clock=CLOCK) as ledger:
            for begin in range(0, 900, 150):
                added += ledger.record_forecasts(rows(model, 900)[begin : begin + 150])
        return added

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(work, ["a", "b", "c", "a"]))
    assert sum(added) == 2_700
    assert added[1:3] == [900, 900]
    with Ledger.open(place, clock=CLOCK) as ledger:
        assert sorted((row.model_id, row.market_no) for row in ledger.forecasts()) == [
            (model, number) for model in "abc" for number in range(900)
        ]


@pytest.mark.parametrize("harm", ["UPDATE forecasts SET p = 0.61", "DELETE FROM forecasts"])
def test_what_was_changed_or_taken_out_is_noticed(place, harm):
    with Ledger.open(place, clock=CLOCK) as ledger:
        ledger.record_forecasts(rows("a", 3))
    with sqlite3.connect(place.ledger_db) as connection:
        connection.execute(f"{harm} WHERE forecast_no = 2")
    connection.close()
    with Ledger.open(place, clock=CLOCK) as ledger, pytest.raises(DataError, match="forecasts-altered"):
        ledger.forecasts()


def test_an_older_ledger_gains_the_table_and_keeps_its_rows(place):
    place.root.mkdir(exist_ok=True)
    engine = create_engine(f"sqlite:///{place.ledger_db}")
    engines.listen(engine, read_only=False)
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        upgrade(connection, "ledger", target="0001")
        connection.exec_driver_sql("INSERT INTO runs VALUES ('r', 'backtest', 5, NULL, 'done', 'd', '{}', '{}')")
    engine.dispose()
    with Ledger.open(place, clock=CLOCK) as ledger:
        assert ledger.runs() == [Run("r", "backtest", "d", 5, None, "done")]
        assert ledger.record_forecasts([ROW]) == 1
