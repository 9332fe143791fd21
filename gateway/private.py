"""What the gateway keeps is for its own user's eyes: folders 0700, files 0600, whatever the umask."""

import os
import stat
from contextlib import suppress
from pathlib import Path


def private_folder(path: Path) -> None:
    """Make the folder, and those above it that are missing. One that is there stays as it is: it may be shared on purpose."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def private_file(path: Path) -> None:
    """Make the file where it is missing; take away what others may do with one that is there."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        _tighten(path)


def private_database(path: Path) -> None:
    """A SQLite file, before it is opened; what SQLite makes beside it gets the file's own mode."""
    private_file(path)
    for suffix in ("-wal", "-shm"):
        _tighten(path.with_name(path.name + suffix))


def _tighten(path: Path) -> None:
    """By name, never by opening it: to close a SQLite file ends the locks of the whole process. Another user's file is left."""
    with suppress(FileNotFoundError, PermissionError):
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            path.chmod(stat.S_IMODE(mode) & ~0o077)
