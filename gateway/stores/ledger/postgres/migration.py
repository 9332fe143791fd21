"""Bringing the ledger's tables in PostgreSQL up to date. It imports alembic, which a gateway that serves does not need."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from psycopg.rows import tuple_row
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.postgres.connection import VERSION, connect, failure_text, place_of, version_of

# An advisory lock: two who migrate at once come one after the other.
_LOCK = "SELECT pg_advisory_lock(hashtext('image-gateway migration'))"
MONTHS_AHEAD = 3


def migrate(url: str, told: Callable[[str], None], *, until: str = VERSION) -> None:
    """Bring the tables to version ``until``, and make the months ahead; raises ``LedgerUnavailable``.

    All of it is done, or nothing. ``told`` is called with a line for each thing that was done.
    """
    session = connect(url, primary=True)
    try:
        session.execute("SET lock_timeout = 0")
        session.execute(_LOCK)
        found = version_of(session)
        if found > VERSION:
            raise LedgerUnavailable(
                f"The {place_of(url)} has tables of version {found}, made by a newer gateway; this one knows {VERSION}. "
                "There is no way back: run that newer gateway."
            )
        done: list[str] = []
        _upgrade(url, until, done.append)
        months = session.execute("SELECT make_months(%s) AS name", (MONTHS_AHEAD,)).fetchall()
        for line in (*done, *(f"made {row['name']}" for row in months)):
            told(line)
        if not done:
            told(f"the tables have version {found} already")
    except DBAPIError as error:
        cause = error.orig if isinstance(error.orig, psycopg.Error) else psycopg.Error(str(error.orig))
        raise LedgerUnavailable(failure_text(url, "migrated", cause)) from error
    except psycopg.Error as error:
        raise LedgerUnavailable(failure_text(url, "migrated", error)) from error
    finally:
        session.close()


def run_script(connection: Connection, name: str) -> None:
    """Run ``migrations/<name>.sql`` within the connection's transaction."""
    script = files("gateway.stores.ledger.postgres").joinpath("migrations", f"{name}.sql").read_text(encoding="utf-8")
    driver: Any = connection.connection.driver_connection
    driver.execute(script)


def _upgrade(url: str, until: str, done: Callable[[str], None]) -> None:
    """Functions that run with their owner's rights look for tables in the session's schema and nowhere else."""

    def opened() -> Any:
        session: Any = connect(url, primary=True)
        session.autocommit, session.row_factory = False, tuple_row
        return session

    def applied(*, step: Any, **_: Any) -> None:
        done(f"version {step.up_revision_id}: {step.up_revision.doc}")

    config = Config(attributes={"applied": applied})
    config.set_main_option("script_location", "gateway.stores.ledger.postgres:migrations")
    engine = create_engine("postgresql+psycopg://", creator=opened, poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
        config.attributes["connection"] = connection
        command.upgrade(config, until)
        connection.commit()
