"""Programs that begin as forks of a process that has imported the gateway: its imports take a second, and there are hundreds.

Everything else is as if ``python -m gateway`` had been called: each has a process, a working folder, an environment and streams
of its own.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

from gateway.cli import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, "gateway.cli.serving.serve", "gateway.cli.serving.simulate", "gateway.simulator.app"])


class Forked:
    """As much of ``subprocess.Popen`` as tests use, with standard output to read and standard error in the file ``log``."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: dict[str, str], cwd: Path) -> None:
        reader, writer = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(
            target=_begin, args=(list(arguments), writer, log.absolute(), environment, cwd), daemon=True
        )
        self._process.start()
        writer.close()
        self.stdout: TextIO = os.fdopen(os.dup(reader.fileno()))
        reader.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative where a signal has ended it; raises ``subprocess.TimeoutExpired``."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("gateway", timeout or 0)
        return self.returncode


def _begin(arguments: list[str], output: Connection, log: Path, environment: dict[str, str], cwd: Path) -> None:
    """In the new process."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(output.fileno(), 1)
    output.close()
    errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(errors, 2)
    os.close(errors)
    sys.argv = ["gateway", *arguments]
    main()
