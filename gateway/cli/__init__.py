"""The command ``gateway``: one file a command family, each imported only when it is called, so that ``serve`` starts fast."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

_COMMANDS = {
    "demo": "gateway.cli.demo",
    "serve": "gateway.cli.serve",
    "check": "gateway.cli.check",
    "schema": "gateway.cli.check",
    "spend": "gateway.cli.spend",
    "requests": "gateway.cli.requests",
    "keys": "gateway.cli.keys",
    "simulate": "gateway.cli.simulate",
}
_SIMULATOR_EXTRA = ("PIL", "python_multipart")


class _OnDemand(TyperGroup):
    """Finds each command as the function of its name in its module. ``ctx`` is of a type that typer keeps to itself."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        try:
            command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        except ModuleNotFoundError as missing:
            if missing.name not in _SIMULATOR_EXTRA:
                raise
            command = _without_simulator
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(command)
        return get_command(single)


def _without_simulator() -> None:
    """Needs the extra 'simulator'."""
    typer.echo("gateway: this command draws pictures. Install what it needs: pip install 'image-gateway[simulator]'", err=True)
    raise typer.Exit(1)


def main() -> None:
    """The entry point."""
    app = typer.Typer(cls=_OnDemand, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
    def gateway() -> None:
        """One OpenAI-compatible image endpoint over many providers; every response names the contract that served it."""

    app()
