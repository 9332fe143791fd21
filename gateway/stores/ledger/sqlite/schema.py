"""The version of the ledger's tables, and how a file comes to have them."""

import sqlite3
from pathlib import Path

from gateway.ports import LedgerUnavailable
from gateway.stores.statements import statement

VERSION = 5
_SQLITE_OLDEST = (3, 37, 0)  # the first with STRICT tables
_TRANSACTION = "BEGIN IMMEDIATE;\n{change};\nPRAGMA user_version = {version};\nCOMMIT;"
_CREATE = _TRANSACTION.format(change=";\n".join(map(statement, ("schema", "rollup_schema", "upgrade_4_to_5"))), version=VERSION)
# By the version that it leads to.
_UPGRADES = {
    2: _TRANSACTION.format(change=statement("upgrade_1_to_2"), version=2),
    3: _TRANSACTION.format(change=";\n".join(map(statement, ("upgrade_2_to_3", "schema", "upgrade_2_to_3_copy"))), version=3),
    4: _TRANSACTION.format(change=statement("rollup_schema"), version=4),
    5: _TRANSACTION.format(change=statement("upgrade_4_to_5"), version=5),
}


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in an empty file, upgrade older ones; raises ``LedgerUnavailable`` where it holds anything else."""
    if sqlite3.sqlite_version_info < _SQLITE_OLDEST:
        raise LedgerUnavailable(
            f"The ledger needs SQLite {'.'.join(map(str, _SQLITE_OLDEST))} or newer, but this Python has "
            f"{sqlite3.sqlite_version}. Run the gateway with a Python that brings a newer SQLite."
        )
    if version_of(connection) == 0 and not _holds_tables(connection):
        connection.executescript(_CREATE)
    while 0 < (version := version_of(connection)) < VERSION:
        connection.executescript(_UPGRADES[version + 1])
    check_version(connection, path)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raises ``LedgerUnavailable`` unless the file holds the tables that this gateway knows."""
    version = version_of(connection)
    if version > VERSION:
        raise LedgerUnavailable(
            f"The ledger {path} was written by a newer gateway: its tables have version {version}, this gateway knows {VERSION}. "
            "Run that newer gateway, or set the ledger's path to another file."
        )
    if 0 < version < VERSION:
        raise LedgerUnavailable(
            f"The ledger {path} was written by an older gateway: its tables have version {version}, this one's {VERSION}. "
            "Start this gateway once (`gateway serve`): it upgrades the file."
        )
    if version < VERSION:
        raise LedgerUnavailable(f"The file {path} is a SQLite database but not a ledger. Set the ledger's path to another file.")


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables; 0 where there are none of ours."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _holds_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None
