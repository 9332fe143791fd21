"""``gateway serve``: run the gateway until SIGTERM or Ctrl-C."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.app.configuration import load_config
from gateway.app.running import running
from gateway.cli.serving.signals import reload_requested, stop_requested
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.words import say
from gateway.config.load import Loaded
from gateway.config.secrets.token_command import Tokens
from gateway.server.lame_duck import LameDuck
from gateway.telemetry.logs import logging_to
from gateway.telemetry.request_log import RequestLog

# Requests leave next to no cycles behind, and what was loaded before is left out: a full collection is rare and short.
GARBAGE_THRESHOLDS = (5_000, 10, 10)


def serve(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration file. Default: $GATEWAY_CONFIG, else config/gateway.yaml.")
    ] = None,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; requests in flight finish first, unless the signal comes a second time.

    After SIGTERM it still serves for server.lame_duck_s while /readyz is 503, so that balancers learn of it.

    An edited configuration takes effect by itself; SIGHUP has it read at once.
    """
    with failing_clearly():
        tokens = Tokens()
        load = partial(load_config, config, tokens=tokens)
        loaded = load()
        written = loaded.settings.logging
        with logging_to(sys.stderr, written.level, written.queued_bytes_max) as request_log:
            uvloop.run(_serve(loaded, request_log, load, tokens))


async def _serve(loaded: Loaded, request_log: RequestLog, load: Callable[[], Loaded], tokens: Tokens) -> None:
    server, lame_duck = loaded.settings.server, LameDuck()
    stopped, hung_up = stop_requested(server.lame_duck_s + server.shutdown_grace_s), reload_requested()
    _settle_garbage_collection()
    async with running(loaded, request_log, load, hung_up, tokens, lame_duck=lame_duck) as addresses:
        say(f"gateway listening on {addresses.data_plane} (admin on {addresses.admin_plane})", sys.stdout)
        if await stopped is signal.SIGTERM:
            lame_duck.begun = True
            await asyncio.sleep(server.lame_duck_s)


def _settle_garbage_collection() -> None:
    """What is loaded now stays: looking through it again and again for garbage would cost a quarter of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
