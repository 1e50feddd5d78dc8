"""Bring a database to the schema of this version, in one transaction: killed at any instant it is old or new."""

from typing import TYPE_CHECKING

from edgeworth.core.errors import DataError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEADS = {"market": "0002", "ledger": "0003"}
_VERSIONS = "alembic_version"


def current_revision(connection: "Connection") -> str | None:
    """Return the schema revision of a database, None when it has none."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table(_VERSIONS):
        return None
    row = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).first()  # noqa: S608  (a constant)
    return str(row[0]) if row else None


def upgrade(connection: "Connection", which: str, *, target: str = "head") -> None:
    """Migrate up to `target`; raises DataError store-newer when the database is ahead of this version.

    Alembic is imported only when there is something to do.
    """
    if target == "head" and current_revision(connection) == HEADS[which]:
        return
    refuse_newer(connection, which)
    from alembic import command

    command.upgrade(_config(connection, which), target)


def refuse_newer(connection: "Connection", which: str) -> None:
    """Raise DataError store-newer when the database is of a schema that this version does not know."""
    revision = current_revision(connection)
    if revision in {None, HEADS[which]} or revision in revisions(which):
        return
    raise DataError("store-newer", f"the {which} database has schema {revision}, newer than {HEADS[which]}")


def downgrade(connection: "Connection", which: str, target: str) -> None:
    """Migrate down to `target` ("base" empties the database)."""
    from alembic import command

    command.downgrade(_config(connection, which), target)


def revisions(which: str) -> list[str]:
    """Return the known revisions, newest first."""
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory.from_config(_config(None, which)).walk_revisions()]


def _config(connection: "Connection | None", which: str) -> "Config":
    from importlib.resources import files

    from alembic.config import Config

    root = files("edgeworth.store.migrations")
    config = Config()
    config.set_main_option("script_location", str(root))
    config.set_main_option("version_locations", str(root.joinpath(which)))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
