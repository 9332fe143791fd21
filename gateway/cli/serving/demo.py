"""``gateway demo``: the whole product on one machine, with simulated providers, no key and no network."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated

import typer

# The variables by which config/gateway.yaml finds its providers, and the providers' names.
_PROVIDERS = {"SIMULATED_OPENAI_URL": "simulated-openai", "SIMULATED_ATLAS_URL": "simulated-atlas"}


def demo(once: Annotated[bool, typer.Option("--once", help="Stop after the summary instead of serving on.")] = False) -> None:
    """Start two simulated providers and the gateway, make two images through the official SDK, show who is to be paid."""
    with _simulators() as processes:
        # Importing the rest takes as long as the simulators take to start.
        tour = import_module("gateway.cli.serving.demo_tour")
        tour.tour({variable: _base_url(process) for variable, process in processes.items()}, once=once)


@contextmanager
def _simulators() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Each simulated provider as a process of its own."""
    command = (sys.executable, "-m", "gateway", "simulate", "--port", "0", "--name")
    processes = {
        variable: subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True)  # noqa: S603 -- our own program
        for variable, name in _PROVIDERS.items()
    }
    try:
        yield processes
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.communicate()


def _base_url(process: subprocess.Popen[str]) -> str:
    """The last word of the line that a simulator prints once it listens."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        typer.echo("gateway: a simulated provider did not start", err=True)
        raise typer.Exit(1)
    return f"{line.split()[-1]}/v1"
