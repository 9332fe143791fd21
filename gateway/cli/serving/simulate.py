"""``gateway simulate``: a simulated provider, for demos, tests and drills."""

import sys
from typing import Annotated

import typer
import uvloop

from gateway.cli.serving.signals import stop_requested
from gateway.cli.terminal.failing import failing_clearly
from gateway.simulator import SimulatorSettings, running
from gateway.simulator.settings import DEFAULT_NAME, DEFAULT_ORGANIZATION


def simulate(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any that is free.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    name: Annotated[str, typer.Option(help="The provider's name, written on its pictures.")] = DEFAULT_NAME,
    organization: Annotated[str, typer.Option(help="Sent as openai-organization.")] = DEFAULT_ORGANIZATION,
    project: Annotated[str | None, typer.Option(help="Sent as openai-project.")] = None,
    key: Annotated[str | None, typer.Option(help="The only accepted API key. Default: any.")] = None,
    latency_ms: Annotated[int, typer.Option(min=0, help="How long an answer takes to make.")] = 0,
    transparent_preview: Annotated[bool, typer.Option(help="Let gpt-image-2 make transparent backgrounds.")] = False,
) -> None:
    """Run a simulated OpenAI-compatible provider until SIGTERM or Ctrl-C."""
    settings = SimulatorSettings(name, organization, project, key, latency_ms, transparent_preview)
    with failing_clearly():
        uvloop.run(_simulate(settings, host, port))


async def _simulate(settings: SimulatorSettings, host: str, port: int) -> None:
    stopped = stop_requested()
    async with running(settings, host, port) as url:
        sys.stdout.write(f"simulator {settings.name} listening on {url}\n")
        sys.stdout.flush()
        await stopped
