"""The files of a ledger that is open: they stay where they are, and no other gateway writes to them."""

import time
from pathlib import Path

import structlog

from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.sqlite.failure import folder_text, log_lost_text, moved_text
from gateway.stores.ledger.sqlite.lock import LedgerLock
from gateway.stores.same_files import Inode, inodes

# Looking costs five calls to the system, about 20 µs, and each may have to wait for Python's global lock: not for every commit.
LOOKED_EVERY_S = 0.1
_log = structlog.get_logger("gateway.ledger")


class LogLost(LedgerUnavailable):
    """The ledger stands where it was opened, its write-ahead log or that log's index does not."""


class LedgerFiles:
    """``claim`` before the files are opened, ``opened`` once they are; then ``check`` again and again, in one thread."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, LedgerLock(path)
        self._opened: tuple[Inode, ...] = ()
        self._found_at_s = 0.0

    def claim(self) -> None:
        """Keep other gateways out; raises ``LedgerUnavailable``, or ``OSError`` where the lock's file cannot be made."""
        self._lock.acquire()

    def opened(self) -> None:
        """Those that stand there now are the right ones."""
        self._opened, self._found_at_s = inodes(self._path), time.monotonic()

    def check(self) -> bool:
        """Whether the lock had to be taken anew: another gateway may have written in between.

        Raises ``LogLost`` where only the files beside the ledger are others than those that were opened, ``LedgerUnavailable``
        where the ledger is, or another gateway has the lock.
        """
        if time.monotonic() - self._found_at_s < LOOKED_EVERY_S:
            return False
        found = inodes(self._path)
        if found[0] != self._opened[0]:
            raise LedgerUnavailable(moved_text(self._path))
        if found != self._opened:
            raise LogLost(log_lost_text(self._path))
        claimed = not self._lock.held
        if claimed:
            self._claim_again()
        self._found_at_s = time.monotonic()
        return claimed

    def release(self) -> None:
        """Let the next gateway in."""
        self._lock.release()

    def _claim_again(self) -> None:
        try:
            self._lock.acquire()
        except OSError as error:
            raise LedgerUnavailable(folder_text(self._path, error)) from error
        _log.warning("ledger lock", problem=f"The file {self._path}.lock was removed while the gateway ran, and is made anew.")
