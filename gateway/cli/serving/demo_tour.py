"""What ``gateway demo`` shows: a gateway, an application's two images, their tags, and who is to be paid for them."""

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvloop
from aiohttp import ClientSession
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from gateway.app.configuration import DEFAULT_CONFIG, load_config
from gateway.app.planes import Addresses
from gateway.app.reading import books_of
from gateway.app.running import running
from gateway.app.verifying import check_unused
from gateway.cli.finance.spend_table import spend_table
from gateway.cli.serving.demo_app import DEMO_KEY, Picture, draw
from gateway.cli.serving.signals import stop_requested
from gateway.cli.terminal.failing import failing_clearly
from gateway.core.finance.spend import Dimension, SpendQuery
from gateway.ports import Books
from gateway.private import private_folder
from gateway.reports.finance.spend import spend_report
from gateway.telemetry.logs import logging_to
from gateway.telemetry.request_log import RequestLog

DEMO_FOLDER = Path("var/demo")
DEMO_LEDGER = DEMO_FOLDER / "ledger.sqlite"
_QUEUED_LOG_BYTES_MAX = 1024 * 1024
_SHOWN = (
    "x-gateway-contract",
    "x-gateway-provider",
    "x-gateway-billing-owner",
    "x-gateway-limits-owner",
    "x-gateway-support-owner",
    "x-gateway-request-id",
)


def tour(urls: dict[str, str], *, once: bool) -> None:
    """Everything but the simulated providers, which are found at ``urls``, by the variables the configuration reads."""
    with failing_clearly():
        _make_room()
        with (DEMO_FOLDER / "gateway.log").open("w") as log, logging_to(log, "info", _QUEUED_LOG_BYTES_MAX) as request_log:
            uvloop.run(_tour(urls, request_log, once=once))


def _make_room() -> None:
    """An earlier demo's folder is kept under another name; while its gateway still writes, there is no room."""
    if DEMO_FOLDER.exists():
        check_unused(DEMO_LEDGER)
        begun = datetime.fromtimestamp(DEMO_FOLDER.stat().st_mtime, UTC)
        DEMO_FOLDER.rename(DEMO_FOLDER.with_name(f"demo-{begun:%Y%m%dT%H%M%S%f}"))
    private_folder(DEMO_FOLDER)


async def _tour(urls: dict[str, str], request_log: RequestLog, *, once: bool) -> None:
    stopped, console = stop_requested(), Console()
    ports = {"GATEWAY_PORT": _free_port(8080), "GATEWAY_ADMIN_PORT": _free_port(9090)}
    load = partial(load_config, DEFAULT_CONFIG, os.environ | urls | ports | {"GATEWAY_LEDGER": str(DEMO_LEDGER)})
    loaded = load()
    async with running(loaded, request_log, load) as addresses:
        pictures = await draw(f"{addresses.data_plane}/v1", DEMO_FOLDER)
        await _keep_bills(urls)
        _show(console, addresses, pictures, books_of(loaded))
        if not once:
            console.print("Serving until Ctrl-C …", style="dim")
            await stopped


async def _keep_bills(urls: Mapping[str, str]) -> None:
    """Write down what each provider would bill by its own counters: what the ledger can be held against."""
    async with ClientSession() as session:
        for variable, url in urls.items():
            name = variable.removesuffix("_URL").lower().replace("_", "-")
            async with session.get(f"{url.removesuffix('/v1')}/_simulator/stats") as answer:
                (DEMO_FOLDER / f"{name}.bill.json").write_bytes(await answer.read())


def _show(console: Console, addresses: Addresses, pictures: Sequence[Picture], books: Books) -> None:
    for picture in pictures:
        console.print(f"\n[bold]{picture.model}[/bold] → {picture.path}")
        tag = Table(box=None, show_header=False, padding=(0, 1))
        for name in _SHOWN:
            tag.add_row(name, picture.headers[name])
        tag.add_row("cost, from the body", f"{picture.cost} {picture.headers['x-gateway-currency']}")
        console.print(tag)
    console.print()
    console.print(spend_table(spend_report(SpendQuery((Dimension.CONTRACT,)), books.spend)))
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
