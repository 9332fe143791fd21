"""Which gateway a command speaks to: an order reaches the one that was meant, or nobody."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from gateway.app.configuration import admin_address
from gateway.cli.terminal.admin_client import admin_url, ask


class OtherGateway(Exception):
    """A gateway answers there, and runs another configuration than the one whose word the address is."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A gateway's admin plane. ``main`` is the configuration that says where it is; ``None`` where ``--admin`` does."""

    url: str
    main: Path | None

    def greet(self) -> None:
        """Tell the operator who answers; raises ``OtherGateway``, and ``NoAnswer`` and ``Declined`` as ``ask`` does."""
        said = ask(f"{self.url}/config")
        if self.main is not None and said.get("main") != str(self.main):
            raise OtherGateway(
                f"the gateway at {self.url} runs {said.get('main', 'an unknown file')}, and not {self.main}, "
                "so nothing was ordered. Name the gateway that is meant: --admin URL."
            )
        typer.echo(f"gateway: {_shown(self.url, said)}", err=True)


def to_order(admin: str | None, config: Path | None) -> Addressee:
    """The gateway that is named, or whose address the configuration says; where it does not, the command ends with 1."""
    if admin is not None:
        return Addressee(admin.rstrip("/"), None)
    found = admin_address(config)
    if found.doubt:
        typer.echo(f"{found.doubt}", err=True)
        why = f"{found.main} does not say where the gateway's admin plane is, so nothing was ordered"
        typer.echo(f"gateway: {why}. Mend it, or name the gateway: --admin URL.", err=True)
        raise typer.Exit(1)
    return Addressee(admin_url(found.host, found.port), found.main)


def to_ask(admin: str | None, config: Path | None) -> str:
    """The URL for a look, which may go to the default where nothing says better; then that is told."""
    if admin is not None:
        return admin.rstrip("/")
    found = admin_address(config)
    url = admin_url(found.host, found.port)
    if found.doubt:
        typer.echo(f"{found.doubt}", err=True)
        why = f"{found.main} does not say where the gateway's admin plane is: the default {url} is asked"
        typer.echo(f"gateway: {why}. Name another: --admin URL.", err=True)
    return url


def _shown(url: str, said: dict[str, Any]) -> str:
    return f"{url} answers: configuration {said.get('revision')} of {said.get('main')}, instance {said.get('instance')}"
