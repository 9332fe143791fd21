"""Spares callers the wait for a server that has just failed."""

import time

PAUSE_S = 1.0


class Circuit:
    """Open for ``PAUSE_S`` after a failure: nobody may call then. Then one caller tries again, and the others wait for its end.

    Whoever ``begin`` lets through says how it went: ``succeeded``, ``failed`` or, where nobody knows, ``given_up``.
    """

    def __init__(self) -> None:
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether there was a failure, and no success since."""
        return self._open_until is not None

    def begin(self) -> bool:
        """Whether one may call now."""
        if self._open_until is None:
            return True
        if self._probing or time.monotonic() < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The server answers."""
        self._open_until = None
        self._probing = False

    def failed(self) -> None:
        """The server does not answer."""
        self._open_until = time.monotonic() + PAUSE_S
        self._probing = False

    def given_up(self) -> None:
        """The caller did not wait for an answer: the next one may try."""
        self._probing = False
