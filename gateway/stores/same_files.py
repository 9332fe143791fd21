"""Whether the files of a SQLite database are still those that were opened: SQLite goes on in files that have lost their name."""

import os
from pathlib import Path

# The database, its write-ahead log, and that log's index: none is replaced while a connection is open.
_ENDINGS = ("", "-wal", "-shm")
Inode = tuple[int, int] | None


def inode(path: str | Path | int) -> Inode:
    """Which file stands there, or is open under that descriptor; ``None`` where none can be reached."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def inodes(path: Path) -> tuple[Inode, ...]:
    """Of all files of the database at ``path``."""
    return tuple(inode(f"{path}{ending}") for ending in _ENDINGS)
