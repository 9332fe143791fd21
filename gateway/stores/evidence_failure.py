"""What to tell people when the file of evidence cannot be used."""

import sqlite3
from pathlib import Path

_DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


def damaged(error: sqlite3.Error) -> bool:
    """Whether the file's content is at fault: waiting mends nothing."""
    return _code(error) in _DAMAGED


def failure_text(path: Path, doing: str, error: OSError | sqlite3.Error) -> str:
    """``doing`` completes "The evidence in … cannot be": read, written."""
    reason = error.strerror if isinstance(error, OSError) else f"SQLite says: {error}"
    advice = "Free space, or make the file and its folder accessible to the gateway's user"
    if isinstance(error, sqlite3.Error) and damaged(error):
        advice = "The file is damaged: a running gateway sets it aside and begins another one with the next failure"
    return f"The evidence in {path} cannot be {doing}: {reason}. {advice}; requests are served all the same."


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
