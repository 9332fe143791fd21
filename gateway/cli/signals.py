"""How a command that serves is asked to stop."""

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
