"""Small files that are whole or not there, also if the machine stops in between."""

import os
from pathlib import Path

from gateway.private import private_folder


def replace_file(path: Path, content: bytes) -> None:
    """``path`` holds ``content`` on return, for the owner's eyes only; its folder is made. Raises ``OSError``.

    It waits for the disk, for some milliseconds: in an event loop, call it in a thread.
    """
    private_folder(path.parent)
    write_beside(path, content, mode=0o600).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_beside(path: Path, content: bytes, *, mode: int) -> Path:
    """Write ``content`` durably into a new file beside ``path``, which that file can then replace. Raises ``OSError``."""
    fresh = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return fresh
