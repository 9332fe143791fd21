"""Only one gateway writes to a ledger file: an advisory lock beside it, which ends with the process that holds it."""

import fcntl
import os
from pathlib import Path

from gateway.ports import LedgerUnavailable
from gateway.stores.same_files import inode


class LedgerLock:
    """Held from ``acquire`` to ``release``. The file ``<ledger>.lock`` stays: removing it would let two holders in.

    Where somebody else has removed it, it is not ``held`` any more until it is acquired again.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._file = ledger.with_name(ledger.name + ".lock")
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether the file is still there, so that it keeps others out."""
        return self._descriptor is not None and inode(self._descriptor) == inode(self._file)

    def acquire(self) -> None:
        """Raises ``LedgerUnavailable`` where another process holds it, ``OSError`` where the file cannot be made."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            who = f" (process {holder})" if holder else ""
            raise LedgerUnavailable(
                f"The ledger cannot be opened: another gateway already writes to {self._ledger}{who}. "
                "Stop that one, or set this one's ledger path to another file."
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self.release()
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
