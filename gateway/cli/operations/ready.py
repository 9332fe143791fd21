"""``gateway ready``: is a route ready for production? The path to it in its order, up to the first step that stops."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.app.configuration import load_config
from gateway.app.readiness_run import walking
from gateway.cli.operations.ready_table import all_ready, ready_table
from gateway.cli.terminal.addressee import OtherGateway, to_order
from gateway.cli.terminal.admin_client import Declined, NoAnswer, ask
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import AdminOption, ConfigOption, Format, FormatOption, WhoOption, who_of
from gateway.cli.terminal.tables import show, show_json
from gateway.config.load import Loaded
from gateway.config.secrets.token_command import Tokens
from gateway.core.readiness.live import budget_of
from gateway.engine.routes.readiness_results import walk_report

# A walk makes up to five images in a row, each of which may take as long as its provider's timeout allows.
WALK_S_MAX = 3600.0
_FINEST = Decimal("0.000000001")
_NOT_FOUND = 404
Walk = Callable[[str, Decimal | None], Mapping[str, Any]]


def ready(  # noqa: PLR0917 -- typer calls it by name
    route: Annotated[str | None, typer.Argument(help="The route's id. Absent: all that are not disabled.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Make real images, which cost money; without it nothing is spent.")
    ] = False,
    budget: Annotated[
        str, typer.Option(help="With --live: the most that all walks may spend together; several currencies count alike.")
    ] = "0.50",
    why: Annotated[str, typer.Option(help="It stands in the audit log.")] = "a readiness walk",
    who: WhoOption = None,
    admin: AdminOption = None,
    config: ConfigOption = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """Say whether routes are ready for production: exit code 0 if all are, 1 if one is not, 2 if the command is wrong.

    The running gateway walks them and keeps the result; where none runs, this command does.
    """
    try:
        allowed = budget_of(budget) if live else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--budget") from error
    to = to_order(admin, config)
    try:
        to.greet()
        known = _routes_of(ask(f"{to.url}/routes"))
    except OtherGateway as error:
        raise _ended(error) from error
    except (NoAnswer, Declined) as error:
        if admin is not None:
            raise _ended(error) from error
        typer.echo(f"gateway: {error} The walk is made here instead.", err=True)
        walks = _walked_here(config, route, allowed)
    else:
        order = {"who": who_of(who), "why": why}
        walks = _walked(_named(route, known), allowed, lambda name, left: _ordered(to.url, name, left, order))
    if format is Format.JSON:
        show_json({"ready": all_ready(walks), "routes": walks})
    else:
        show(*ready_table(walks))
    raise typer.Exit(0 if all_ready(walks) else 1)


def _walked(names: Sequence[str], allowed: Decimal | None, walk: Walk) -> list[Mapping[str, Any]]:
    """One after another; each may spend what those before it have left of the budget."""
    found: list[Mapping[str, Any]] = []
    spent = Decimal(0)
    for name in names:
        found.append(walk(name, None if allowed is None else max(allowed - spent, Decimal(0))))
        spent += Decimal(cost["amount"]) if (cost := found[-1]["spent"]) else Decimal(0)
    return found


def _ordered(url: str, route: str, left: Decimal | None, order: Mapping[str, str]) -> Mapping[str, Any]:
    body: dict[str, object] = {**order, "live": left is not None}
    if left is not None:
        body["budget"] = f"{left.quantize(_FINEST, ROUND_DOWN):f}"
    try:
        return ask(f"{url}/routes/{quote(route, safe='')}/ready", "POST", body, wait_s=WALK_S_MAX)
    except (NoAnswer, Declined) as error:
        raise _ended(error) from error


def _walked_here(config: Path | None, route: str | None, allowed: Decimal | None) -> list[Mapping[str, Any]]:
    with failing_clearly():
        loaded = load_config(config, tokens=Tokens())
        names = _named(route, {it.id: it.state.value for it in loaded.snapshot.routes.values()})
        with asyncio.Runner() as runner:
            return _walked(names, allowed, lambda name, left: runner.run(_one_here(loaded, name, left)))


async def _one_here(loaded: Loaded, route: str, left: Decimal | None) -> Mapping[str, Any]:
    async with walking(loaded, spending=left is not None) as readiness:
        return walk_report(await readiness.walk(loaded.snapshot.routes[route], loaded.snapshot, left))


def _routes_of(answer: Mapping[str, Any]) -> dict[str, str]:
    return {it["id"]: it["file_state"] for it in answer["routes"]}


def _named(route: str | None, known: Mapping[str, str]) -> list[str]:
    if route is None:
        return [name for name, state in known.items() if state != "disabled"]
    if route not in known:
        raise typer.BadParameter(f"'{route}' is none of the routes: {', '.join(known) or 'none'}.", param_hint="ROUTE")
    return [route]


def _ended(error: Exception) -> typer.Exit:
    typer.echo(f"gateway: {error}", err=True)
    return typer.Exit(2 if isinstance(error, Declined) and error.status == _NOT_FOUND else 1)
