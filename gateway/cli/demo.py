"""``gateway demo``: the whole product on one machine, with simulated providers, no key and no network."""

import asyncio
import base64
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from aiohttp import ClientSession
from openai import AsyncOpenAI
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from gateway.app import DEFAULT_CONFIG, Addresses, load_config, open_books, running
from gateway.cli.failing import failing_clearly
from gateway.cli.signals import stop_requested
from gateway.cli.spend_report import spend_report, spend_table
from gateway.core.spend import Dimension, SpendQuery
from gateway.telemetry.logs import configure_logs

# The key of the app `demo-storefront` in config/gateway.yaml, which knows its hash.
DEMO_KEY = "igw_demo_0000_not_a_secret"
DEMO_FOLDER = Path("var/demo")
_PROVIDERS = {"SIMULATED_OPENAI_URL": "simulated-openai", "SIMULATED_ATLAS_URL": "simulated-atlas"}
_WISHES = (
    ("gpt-image-2", "A lighthouse above a calm sea at dawn"),
    ("gpt-image-2.5-flare", "A red fox asleep under autumn birches"),
)
_SHOWN = (
    "x-gateway-contract",
    "x-gateway-provider",
    "x-gateway-billing-owner",
    "x-gateway-limits-owner",
    "x-gateway-support-owner",
    "x-gateway-request-id",
)
_START_S_MAX = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """One image as the app got it: where it was written, and the tag it came with."""

    model: str
    path: Path
    headers: dict[str, str]
    cost: str


def demo(once: Annotated[bool, typer.Option("--once", help="Stop after the summary instead of serving on.")] = False) -> None:
    """Start two simulated providers and the gateway, make two images through the official SDK, show who is to be paid."""
    shutil.rmtree(DEMO_FOLDER, ignore_errors=True)
    DEMO_FOLDER.mkdir(parents=True)
    with (DEMO_FOLDER / "gateway.log").open("w") as log, failing_clearly():
        configure_logs("info", log)
        uvloop.run(_demo(once=once))


async def _demo(*, once: bool) -> None:
    stopped, console = stop_requested(), Console()
    async with _simulators() as urls:
        ports = {"GATEWAY_PORT": _free_port(8080), "GATEWAY_ADMIN_PORT": _free_port(9090)}
        loaded = load_config(DEFAULT_CONFIG, os.environ | urls | ports)
        async with running(loaded) as addresses:
            pictures = await _draw(addresses)
            await _keep_bills(urls)
            _show(console, addresses, pictures)
            if not once:
                console.print("Serving until Ctrl-C …", style="dim")
                await stopped.wait()


@asynccontextmanager
async def _simulators() -> AsyncIterator[dict[str, str]]:
    """Run each simulated provider as a process of its own; yields the variables by which the configuration finds them."""
    command = (sys.executable, "-m", "gateway", "simulate", "--port", "0", "--name")
    processes = {
        variable: await asyncio.create_subprocess_exec(*command, name, stdout=asyncio.subprocess.PIPE)
        for variable, name in _PROVIDERS.items()
    }
    try:
        async with asyncio.timeout(_START_S_MAX):
            urls = {variable: await _address(process) for variable, process in processes.items()}
        yield urls
    finally:
        for process in processes.values():
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    """A simulator's base URL: the last word of the line it prints once it listens."""
    line = b"" if process.stdout is None else await process.stdout.readline()
    if not line:
        typer.echo("gateway: a simulated provider did not start", err=True)
        raise typer.Exit(1)
    return f"{line.decode().split()[-1]}/v1"


async def _draw(addresses: Addresses) -> Sequence[Picture]:
    """What an app does: the official SDK, unmodified, pointed at the gateway."""
    async with AsyncOpenAI(base_url=f"{addresses.data_plane}/v1", api_key=DEMO_KEY) as client:
        return await asyncio.gather(*(_picture(client, model, prompt) for model, prompt in _WISHES))


async def _picture(client: AsyncOpenAI, model: str, prompt: str) -> Picture:
    answer = await client.images.with_raw_response.generate(
        model=model, prompt=prompt, size="1024x1024", quality="low", extra_headers={"x-gateway-tag": "campaign=demo"}
    )
    images = answer.parse()
    path = DEMO_FOLDER / f"{model}.png"
    path.write_bytes(base64.b64decode((images.data or [])[0].b64_json or ""))
    member: Any = (images.model_extra or {})["gateway"]
    return Picture(model, path, dict(answer.headers), member["cost"])


async def _keep_bills(urls: Mapping[str, str]) -> None:
    """Write down what each provider would bill by its own counters: what the ledger can be held against."""
    async with ClientSession() as session:
        for variable, url in urls.items():
            async with session.get(f"{url.removesuffix('/v1')}/_simulator/stats") as answer:
                (DEMO_FOLDER / f"{_PROVIDERS[variable]}.bill.json").write_bytes(await answer.read())


def _show(console: Console, addresses: Addresses, pictures: Sequence[Picture]) -> None:
    for picture in pictures:
        console.print(f"\n[bold]{picture.model}[/bold] → {picture.path}")
        tag = Table(box=None, show_header=False, padding=(0, 1))
        for name in _SHOWN:
            tag.add_row(name, picture.headers[name])
        tag.add_row("cost, from the body", f"{picture.cost} {picture.headers['x-gateway-currency']}")
        console.print(tag)
    books, by_contract = open_books(DEFAULT_CONFIG), SpendQuery((Dimension.CONTRACT,))
    console.print()
    console.print(spend_table(spend_report(by_contract, books.spend(by_contract), books.spend(SpendQuery(())))))
    lines = (
        "An app needs two lines, and keeps its OpenAI SDK:\n",
        f"  export OPENAI_BASE_URL={addresses.data_plane}/v1",
        f"  export OPENAI_API_KEY={DEMO_KEY}\n",
        "Finance:  gateway spend --by contract --format json",
        f"Bills:    {DEMO_FOLDER}/*.bill.json, by the providers' own counters",
        f"Metrics:  {addresses.admin_plane}/metrics",
        f"Log:      {DEMO_FOLDER / 'gateway.log'}",
    )
    console.print(Panel("\n".join(lines), expand=False))


def _free_port(preferred: int) -> str:
    """The preferred port if nobody has it, otherwise any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
