"""What to tell people when SQLite says no: what happened, where, and what to do."""

import os
import sqlite3
from pathlib import Path

# By SQLite's primary result code (https://sqlite.org/rescode.html): what it means here, and the next step.
_MEANINGS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Free space on its volume"),
    sqlite3.SQLITE_BUSY: ("another program holds it locked", "Close that program: only the gateway may write to its ledger"),
    sqlite3.SQLITE_READONLY: ("it is not writable", "Give the gateway's user write access to the file and its folder"),
    sqlite3.SQLITE_PERM: ("access is denied", "Give the gateway's user access to the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: (
        "the file cannot be opened or created",
        "Make sure that the path names a file and that the gateway's user may write to its folder",
    ),
    sqlite3.SQLITE_NOTADB: ("the file is not a SQLite database", "Set the ledger's path to another file, or restore a backup"),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "Keep a copy of it and restore a backup"),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "Check the disk and its free space"),
}


_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN})
_READER_ADVICE = (
    "A reader too must be able to write to its folder, where SQLite keeps files on who reads: "
    "run this as such a user, or on a copy in a folder of your own"
)


def failure_text(path: Path, doing: str, error: sqlite3.Error) -> str:
    """``doing`` completes "The ledger … cannot be": opened, read, written."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    meaning, advice = _MEANINGS.get(code, ("of an error of SQLite", "Keep a copy of the file and ask for support"))
    if doing == "read" and code in _READ_ONLY:
        advice = _READER_ADVICE
    return f"The ledger {path} cannot be {doing}: {meaning} (SQLite says: {error}). {advice}."


def moved_text(path: Path) -> str:
    """The database is not where it was opened."""
    return (
        f"The ledger {path} is gone: the file that this gateway opened was moved, removed or replaced while it ran, and nothing "
        "can be booked. Put that same file back, with the -wal and -shm beside it, and the gateway goes on by itself. If it was "
        f"deleted, process {os.getpid()} still holds it open: copy the files that `ls -l /proc/{os.getpid()}/fd` calls deleted "
        "before you end it, put them there and start the gateway again."
    )


def log_lost_text(path: Path) -> str:
    """The database is there, and what belongs to it is not."""
    return (
        f"{path.name}-wal or {path.name}-shm beside the ledger {path} was moved, removed or replaced while the gateway ran. What "
        "was in it goes into the ledger, and another one is begun. Leave these files alone while the gateway runs."
    )


def folder_text(path: Path, error: OSError) -> str:
    """The folder or the lock file cannot be made."""
    at = error.filename or path.parent
    return (
        f"The ledger {path} cannot be opened: {at}: {error.strerror}. "
        "Make its folder writable for the gateway's user, or set the ledger's path to another file."
    )
