"""How a command that serves is asked to stop, or to read its configuration anew."""

import asyncio
import signal


def stop_requested() -> asyncio.Event:
    """An event that SIGTERM or Ctrl-C sets. A second signal cancels the calling task, which then waits for nobody."""
    stopped, serving = asyncio.Event(), asyncio.current_task()

    def stop() -> None:
        if stopped.is_set() and serving is not None:
            serving.cancel()
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stopped


def reload_requested() -> asyncio.Event:
    """An event that SIGHUP sets, as often as it comes."""
    requested = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, requested.set)
    return requested
