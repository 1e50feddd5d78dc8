"""The ledger database: what we did. Runs, every trial ever made (failed ones too), every look at the hold-out.

Rows are added, never taken away; a second run of the same variant is a second trial.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.paths import Home
from edgeworth.store.engines import Translated, listen, prepare_file
from edgeworth.store.rows import digest

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Table

    from edgeworth.store.forecasts import StoredForecast

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trial:
    """One variant of one strategy evaluated once on one data set.

    `family` groups the variants of one idea, `data` is the panel's fingerprint, `status` done or failed, `sharpe` per
    independent event (None when there is none), `events` how many of them.
    """

    run_id: str
    strategy: str
    family: str
    data: str
    params: Mapping[str, Any] = field(default_factory=dict)
    status: str = "done"
    sharpe: float | None = None
    events: int | None = None
    created_at: int = 0

    @property
    def params_hash(self) -> str:
        """Digest of the parameters, independent of their order."""
        return digest(_json(self.params))


@dataclass(frozen=True, slots=True)
class Run:
    """One command that evaluated strategies."""

    run_id: str
    kind: str
    data: str
    created_at: int = 0
    finished_at: int | None = None
    status: str = "running"
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


class Ledger:
    """Add and count; every call is one durable transaction."""

    def __init__(self, engine: "Engine", place: str, clock: Clock) -> None:
        self._engine = engine
        self._place = place
        self._clock = clock

    @classmethod
    def open(cls, home: Home, *, url: str | None = None, clock: Clock | None = None) -> "Ledger":
        """Open, creating `ledger.db` (mode 0600) and migrating where needed.

        Raises AccessError home-unwritable | disk-full, DataError store-locked | store-newer | store-corrupt.
        """
        from sqlalchemy import create_engine

        if url is None:
            prepare_file(home.ledger_db, 0o600)
        engine = create_engine(url or f"sqlite+pysqlite:///{home.ledger_db}")
        listen(engine, read_only=False)
        ledger = cls(engine, str(home.ledger_db) if url is None else url.split("@")[-1], clock or SystemClock())
        try:
            ledger._migrate()
        except BaseException:
            engine.dispose()
            raise
        return ledger

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start_run(self, run: Run) -> None:
        """Write down that a run began; its status is `running` until `finish_run`."""
        from sqlalchemy import insert

        from edgeworth.store.ledger_tables import runs

        row = {
            "run_id": run.run_id,
            "kind": run.kind,
            "data": run.data,
            "created_at": run.created_at or self._clock.now(),
            "finished_at": run.finished_at,
            "status": run.status,
            "config": _json(run.config),
            "summary": _json(run.summary),
        }
        self._write(lambda connection: connection.execute(insert(runs), row))

    def finish_run(self, run_id: str, status: str, summary: Mapping[str, Any]) -> None:
        """Write down how a run ended: done, failed or interrupted."""
        from sqlalchemy import update

        from edgeworth.store.ledger_tables import runs

        values = {"status": status, "summary": _json(summary), "finished_at": self._clock.now()}
        self._write(lambda connection: connection.execute(update(runs).where(runs.c.run_id == run_id).values(values)))

    def record_trial(self, trial: Trial) -> None:
        """Count one trial."""
        self.record_trials([trial])

    def record_trials(self, trials: Sequence[Trial]) -> None:
        """Count trials, in one transaction."""
        from sqlalchemy import insert

        from edgeworth.store.ledger_tables import trials as table

        now = self._clock.now()

        def work(connection: "Connection") -> None:
            first = _next(connection, table)
            rows = [_trial_row(trial, first + index, now) for index, trial in enumerate(trials)]
            connection.execute(insert(table), rows)

        if trials:
            self._write(work)

    def count_trials(
        self, *, strategy: str | None = None, family: str | None = None, data: str | None = None, distinct: bool = False
    ) -> int:
        """Count the trials made so far; `distinct` counts a repeated variant on the same data once."""
        from sqlalchemy import func, select

        from edgeworth.store.ledger_tables import trials as table

        conditions = _conditions(table, strategy=strategy, family=family, data=data)
        chosen = select(table.c.strategy, table.c.params_hash, table.c.data).where(*conditions)
        inner = (chosen.distinct() if distinct else chosen).subquery()
        return self._read(lambda c: int(c.execute(select(func.count()).select_from(inner)).scalar_one()))

    def trials(self, *, strategy: str | None = None, family: str | None = None, data: str | None = None) -> list[Trial]:
        """Return trials in the order they were made."""
        from sqlalchemy import select

        from edgeworth.store.ledger_tables import trials as table

        query = select(table).where(*_conditions(table, strategy=strategy, family=family, data=data))
        ordered = query.order_by(table.c.trial_no)
        return self._read(lambda c: [_trial(dict(row)) for row in c.execute(ordered).mappings()])

    def runs(self, limit: int | None = None) -> list[Run]:
        """Return runs, the latest first."""
        from sqlalchemy import select

        from edgeworth.store.ledger_tables import runs

        query = select(runs).order_by(runs.c.created_at.desc(), runs.c.run_id.desc()).limit(limit)
        return self._read(lambda c: [_run(dict(row)) for row in c.execute(query).mappings()])

    def use_holdout(self, run_id: str, strategy: str, data: str, note: str = "") -> int:
        """Write down a look at the locked hold-out; returns how often this data's was looked at, this time included."""
        from sqlalchemy import func, insert, select

        from edgeworth.store.ledger_tables import holdout_uses as table

        def work(connection: "Connection") -> int:
            row = {"use_no": _next(connection, table), "run_id": run_id, "strategy": strategy, "data": data}
            connection.execute(insert(table), {**row, "note": note, "created_at": self._clock.now()})
            query = select(func.count()).select_from(table).where(table.c.data == data)
            return int(connection.execute(query).scalar_one())

        return self._write(work)

    def holdout_uses(self, data: str | None = None) -> int:
        """Count the looks at the hold-out."""
        from sqlalchemy import func, select

        from edgeworth.store.ledger_tables import holdout_uses as table

        query = select(func.count()).select_from(table).where(*_conditions(table, data=data))
        return self._read(lambda connection: int(connection.execute(query).scalar_one()))

    def record_forecasts(self, rows: Sequence["StoredForecast"]) -> int:
        """Store forecasts that are not stored yet, in one transaction; returns how many were new."""
        from edgeworth.store.forecasts import add

        return self._write(lambda connection: add(connection, rows)) if rows else 0

    def forecasts(self) -> list["StoredForecast"]:
        """Return all stored forecasts, oldest first; raises DataError forecasts-altered when one was changed."""
        from edgeworth.store.forecasts import read

        return self._read(read)

    def _migrate(self) -> None:
        from edgeworth.store.migrate import HEADS, current_revision, upgrade

        if self._read(current_revision) != HEADS["ledger"]:
            self._write(lambda connection: upgrade(connection, "ledger"))

    def _read(self, work: "Callable[[Connection], T]") -> T:
        with Translated(self._place), self._engine.connect() as connection:
            return work(connection)

    def _write(self, work: "Callable[[Connection], T]") -> T:
        with (
            Translated(self._place),
            self._engine.connect().execution_options(write=True) as connection,
            connection.begin(),
        ):
            return work(connection)


def _next(connection: "Connection", table: "Table") -> int:
    from sqlalchemy import func, select

    key = next(iter(table.primary_key.columns))
    return int(connection.execute(select(func.coalesce(func.max(key), 0))).scalar_one()) + 1


def _conditions(table: "Table", **wanted: str | None) -> "list[ColumnElement[bool]]":
    return [table.c[name] == value for name, value in wanted.items() if value is not None]


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True, default=str)


def _trial_row(trial: Trial, number: int, now: int) -> dict[str, Any]:
    return {
        "trial_no": number,
        "run_id": trial.run_id,
        "strategy": trial.strategy,
        "family": trial.family,
        "params": _json(trial.params),
        "params_hash": trial.params_hash,
        "data": trial.data,
        "created_at": trial.created_at or now,
        "status": trial.status,
        "sharpe": trial.sharpe,
        "events": trial.events,
    }


def _trial(row: dict[str, Any]) -> Trial:
    facts = {name: row[name] for name in ("run_id", "strategy", "family", "data", "status", "sharpe", "events")}
    return Trial(params=json.loads(row["params"]), created_at=row["created_at"], **facts)


def _run(row: dict[str, Any]) -> Run:
    facts = {name: row[name] for name in ("run_id", "kind", "data", "created_at", "finished_at", "status")}
    return Run(config=json.loads(row["config"]), summary=json.loads(row["summary"]), **facts)
