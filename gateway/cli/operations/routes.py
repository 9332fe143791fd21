"""``gateway routes``: how the routes of a running gateway stand, and taking one out by hand for a while."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from gateway.app.configuration import load_config
from gateway.cli.operations.routes_table import moment, routes_table
from gateway.cli.terminal.addressee import Addressee, OtherGateway, to_ask, to_order
from gateway.cli.terminal.admin_client import Declined, NoAnswer, ask
from gateway.cli.terminal.duration import duration_of
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import AdminOption, ConfigOption, Format, FormatOption, WhoOption, who_of
from gateway.cli.terminal.tables import show, show_json
from gateway.engine.routes.overrides import OVERRIDE_S_MAX
from gateway.reports.operations.routes import RouteStatuses


class Action(StrEnum):
    """What is done with a route. ``enable`` lifts an override; what the file says of the route holds again."""

    DRAIN = "drain"
    DISABLE = "disable"
    ENABLE = "enable"


_STATES = {Action.DRAIN: "draining", Action.DISABLE: "disabled", Action.ENABLE: "enabled"}


def routes(  # noqa: PLR0917 -- typer calls it by name
    action: Annotated[Action | None, typer.Argument(help="Absent: list the routes. enable lifts a drain or disable.")] = None,
    route: Annotated[str | None, typer.Argument(help="The route's id.")] = None,
    for_: Annotated[str, typer.Option("--for", help="Until it ends by itself: 30m, 24h, at most 7d.")] = "30m",
    why: Annotated[str | None, typer.Option(help="Required with an action; it stands in the audit log.")] = None,
    who: WhoOption = None,
    admin: AdminOption = None,
    config: ConfigOption = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """List the routes of the running gateway, or take one out for a while: it gets no new requests, those in flight finish."""
    if action is None:
        if route is not None:
            raise typer.BadParameter(f"Write one of {', '.join(Action)} before the route.", param_hint="ACTION")
        _list(admin, config, format)
        return
    if route is None:
        raise typer.BadParameter(f"Name the route: gateway routes {action} ROUTE.", param_hint="ROUTE")
    if why is None or not why.strip():
        raise typer.BadParameter("Say why: whoever finds the route switched will ask.", param_hint="--why")
    try:
        length = duration_of(for_, timedelta(seconds=OVERRIDE_S_MAX))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error
    order: dict[str, object] = {"state": _STATES[action], "why": why.strip(), "who": who_of(who)}
    if action is not Action.ENABLE:
        order["for_s"] = length.total_seconds()
    _send(to_order(admin, config), route, order)


def _list(admin: str | None, config: Path | None, format: Format) -> None:
    try:
        answer = ask(f"{to_ask(admin, config)}/routes")
    except (NoAnswer, Declined) as error:
        if admin is not None:
            typer.echo(f"gateway: {error}", err=True)
            raise typer.Exit(1) from error
        typer.echo(f"gateway: {error} What follows is the file's word, without overrides and breakers.", err=True)
        with failing_clearly():
            snapshot = load_config(config).snapshot
        answer = RouteStatuses(snapshot, {}, {}, (), {}, today=datetime.now(UTC).date()).document()
    if format is Format.JSON:
        show_json(answer)
    else:
        show(routes_table(answer))


def _send(to: Addressee, route: str, order: Mapping[str, object]) -> None:
    try:
        to.greet()
        answer = ask(f"{to.url}/routes/{quote(route, safe='')}/override", "POST", order)
    except (NoAnswer, Declined, OtherGateway) as error:
        typer.echo(f"gateway: {error}", err=True)
        raise typer.Exit(1) from error
    if override := answer.get("override"):
        until = moment(override["until"])
        typer.echo(f"{route} is {override['state']} until {until}: no new requests, those in flight finish. {override['why']}")
        typer.echo(f"Lift it earlier: gateway routes enable {route} --why TEXT")
    else:
        typer.echo(f"{route}: {answer.get('note', '')}")
