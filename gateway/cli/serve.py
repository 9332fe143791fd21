"""``gateway serve``: run the gateway until SIGTERM or Ctrl-C."""

import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.app import load_config, running
from gateway.cli.failing import failing_clearly
from gateway.cli.signals import stop_requested
from gateway.config import Loaded
from gateway.telemetry.logs import configure_logs


def serve(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration file. Default: $GATEWAY_CONFIG, else config/gateway.yaml.")
    ] = None,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; requests in flight finish first, unless the signal comes a second time."""
    with failing_clearly():
        loaded = load_config(config)
        configure_logs(loaded.settings.logging.level, sys.stderr)
        uvloop.run(_serve(loaded))


async def _serve(loaded: Loaded) -> None:
    stopped = stop_requested()
    async with running(loaded) as addresses:
        sys.stdout.write(f"gateway listening on {addresses.data_plane} (admin on {addresses.admin_plane})\n")
        sys.stdout.flush()
        await stopped.wait()
