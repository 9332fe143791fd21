"""Where an export goes: a file that appears whole or not at all, or standard output."""

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO


class ExportFailed(Exception):
    """The export cannot be written. Its text says what to do."""


@contextmanager
def replaced(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Bytes that are at ``path`` once the block has ended well, durable; whatever was there stays there until then.

    They are written beside it, so the folder must be writable and have room for both; ``mode`` is as for ``os.open``. Raises
    ``ExportFailed``.
    """
    target = _target(path)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with ExitStack() as undo:
            stream = os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb")
            undo.callback(beside.unlink, missing_ok=True)
            with stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(target)
            undo.pop_all()
        _sync_folder(target.parent)
    except OSError as error:
        raise ExportFailed(
            f"{path} cannot be written: {error.strerror or error}. Nothing was changed there. Name a file in a folder that you "
            "may write to, on a disk with room."
        ) from error


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Standard output as bytes; raises ``ExportFailed``, and ``BrokenPipeError`` where its reader has had enough."""
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExportFailed(
            f"Standard output cannot be written: {error.strerror or error}. What was written is not whole."
        ) from error


def _target(path: Path) -> Path:
    """The file itself where ``path`` is a link to one. A device or a pipe must not be replaced by a file."""
    try:
        target = path.resolve()
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    except (OSError, RuntimeError) as error:
        raise ExportFailed(
            f"{path} cannot be written: {getattr(error, 'strerror', None) or error}. Name another file."
        ) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise ExportFailed(f"{path} is {kind}. Name a file, or write to standard output with --out -.")
    return target


def _sync_folder(folder: Path) -> None:
    """The new name is durable only with its folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
