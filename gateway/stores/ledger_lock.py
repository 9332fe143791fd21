"""Only one gateway writes to a ledger file: an advisory lock beside it, which ends with the process that holds it."""

import fcntl
import os
from pathlib import Path

from gateway.ports import LedgerUnavailable


class LedgerLock:
    """Held from ``acquire`` to ``release``. The file ``<ledger>.lock`` stays: removing it would let two holders in."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._file = ledger.with_name(ledger.name + ".lock")
        self._descriptor: int | None = None

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
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
