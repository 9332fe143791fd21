"""How a command that serves is asked to stop, or to read its configuration anew."""

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress

# What ends after its time is cut off and books what it has done, and its connections close; all of it takes less.
END_S_MAX = 30.0
# The exit code of a process that had to be ended in the middle of its end (sysexits.h: EX_SOFTWARE).
NOT_ENDED = 70
_NOT_ENDED = b"gateway: the process did not end by itself and is ended now; the ledger holds all that was booked\n"


def stop_requested(grace_s: float = 0.0) -> "asyncio.Future[signal.Signals]":
    """The signal that asks to stop: SIGTERM or Ctrl-C. A second one cancels the calling task, which then waits for nobody.

    Whatever it then waits for, the process ends ``grace_s`` and ``END_S_MAX`` seconds later.
    """
    loop, serving = asyncio.get_running_loop(), asyncio.current_task()
    stopped: asyncio.Future[signal.Signals] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        if not stopped.done():
            _end_within(grace_s + END_S_MAX)
            stopped.set_result(number)
        elif serving is not None:
            _end_within(END_S_MAX)
            serving.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return stopped


def reload_requested() -> asyncio.Event:
    """An event that SIGHUP sets, as often as it comes."""
    requested = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, requested.set)
    return requested


def _end_within(wait_s: float) -> None:
    """A thread that waits for something for ever must not keep the process, and what locks it holds."""

    def end() -> None:
        time.sleep(wait_s)
        # Nobody may be reading what is said.
        telling = threading.Thread(target=_tell, daemon=True)
        telling.start()
        telling.join(1)
        os._exit(NOT_ENDED)

    threading.Thread(target=end, name="end", daemon=True).start()


def _tell() -> None:
    with suppress(OSError):
        os.write(2, _NOT_ENDED)
