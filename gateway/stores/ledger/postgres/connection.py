"""A connection to the ledger's database, and what to tell people when PostgreSQL says no."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from gateway.ports import LedgerUnavailable

# The tables that this gateway knows: the latest of ``migrations/versions``.
VERSION = "0006"
Connection = psycopg.Connection[DictRow]

# A peer that is gone is noticed after about ten seconds, on either side. What the URL says of these goes before.
_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "client_encoding": "UTF8",
    "application_name": "image-gateway",
}
_SETTINGS = """
SELECT set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
    set_config('tcp_keepalives_count', '3', false), set_config('lock_timeout', '5s', false), set_config('timezone', 'UTC', false)
"""
_VERSION = "SELECT version_num FROM ledger_version"
_MIGRATE = "Run `gateway ledger migrate` as the role that owns the tables"
# By the beginning of PostgreSQL's error code (https://www.postgresql.org/docs/current/errcodes-appendix.html): the next step.
_ADVICE = {
    "08": "Check that it runs, and the network between",
    "25006": "It is a standby or set to read-only: name the primary in ledger.url",
    "28": "Check the role and the password in ledger.url",
    "3D": "Create the database, then run `gateway ledger migrate`",
    "3F": "Give its role USAGE on the schema that holds the ledger",
    "42501": "Give its role SELECT and INSERT on the ledger's tables and USAGE on its sequences: docs/postgres.md",
    "42P01": _MIGRATE,
    "53100": "Its disk is full: free space on it",
    "53300": "It takes no more connections: raise max_connections, or run fewer gateways",
    "55P03": "Another session holds a lock on it: end that one",
    "57014": "It took too long: look for locks and load on the server",
    "57P": "It is starting or stopping: try again soon",
}


def connect(url: str, *, read_only: bool = False, primary: bool = False) -> Connection:
    """In autocommit mode, rows as dictionaries. Raises ``LedgerUnavailable``, whose text holds no password."""
    try:
        connection: Connection = psycopg.connect(**parameters_of(url, primary=primary), autocommit=True, row_factory=dict_row)
    except psycopg.Error as error:
        raise LedgerUnavailable(failure_text(url, "opened", error)) from error
    try:
        connection.execute(_SETTINGS)
        connection.read_only = read_only or None
    except psycopg.Error as error:
        connection.close()
        raise LedgerUnavailable(failure_text(url, "opened", error)) from error
    return connection


def parameters_of(url: str, *, primary: bool) -> dict[str, Any]:
    """Of a connection, for libpq; raises ``LedgerUnavailable``. ``primary``: of several hosts the one that takes writes."""
    return _DEFAULTS | ({"target_session_attrs": "read-write"} if primary else {}) | _parts(url)


def check_version(connection: Connection, url: str) -> None:
    """Raises ``LedgerUnavailable`` unless the database holds the tables that this gateway knows."""
    version = version_of(connection)
    if version == VERSION:
        return
    if not version:
        raise LedgerUnavailable(f"The {place_of(url)} holds no ledger yet. {_MIGRATE}: it makes them.")
    if version > VERSION:
        raise LedgerUnavailable(
            f"The {place_of(url)} was brought up to date by a newer gateway: its tables have version {version}, this gateway "
            f"knows {VERSION}. Run that newer gateway."
        )
    raise LedgerUnavailable(
        f"The {place_of(url)} has the tables of an older gateway: version {version}, and this gateway needs {VERSION}. "
        f"{_MIGRATE}: it upgrades them."
    )


def version_of(connection: Connection) -> str:
    """The version of the tables; empty where there are none."""
    found = connection.execute("SELECT to_regclass('ledger_version') AS there").fetchone()
    if found is None or found["there"] is None:
        return ""
    row = connection.execute(_VERSION).fetchone()
    return "" if row is None else str(row["version_num"])


def the_row(connection: Connection, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> DictRow:
    """Of a statement that always has one."""
    found = connection.execute(sql, parameters).fetchone()
    if found is None:
        raise psycopg.DataError("a row was expected")
    return found


def place_of(url: str) -> str:
    """Which database, for people, without its password."""
    parts = _parts(url)
    host, port, name = (str(parts.get(key) or "") for key in ("host", "port", "dbname"))
    at = f" at {host}{f':{port}' if port else ''}" if host else ""
    return f"PostgreSQL database '{name or parts.get('user') or 'default'}'{at}"


def failure_text(url: str, doing: str, error: psycopg.Error) -> str:
    """``doing`` completes "The ledger in … cannot be": opened, read, written."""
    code = error.sqlstate or "08"
    advice = next((text for begin, text in _ADVICE.items() if code.startswith(begin)), "Ask whoever runs the database")
    said = " ".join(str(error.diag.message_primary or error).split())
    return f"The ledger in {place_of(url)} cannot be {doing}: PostgreSQL says: {said}. {advice}."


def _parts(url: str) -> dict[str, Any]:
    """Raises ``LedgerUnavailable``; what libpq says of a text that is no URL may show its password, and is not passed on."""
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error:
        raise LedgerUnavailable(
            "ledger.url is not a URL that PostgreSQL's client understands. Write postgresql://USER:PASSWORD@HOST:5432/DATABASE, "
            "with characters such as @ and / in the password written as %40 and %2F."
        ) from None
