"""The command ``gateway``: one file a command family, each imported only when it is called, so that ``serve`` starts fast."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class _Group:
    help: str
    commands: Mapping[str, str]


_CONFIG = {
    "diff": "gateway.cli.configuration.config",
    "history": "gateway.cli.configuration.config",
    "rollback": "gateway.cli.configuration.config",
    "shadow": "gateway.cli.configuration.shadow",
}
_AUDIT = {
    "verify": "gateway.cli.configuration.audit",
    "list": "gateway.cli.configuration.audit:entries",
}
_RECEIPTS = {
    "verify": "gateway.cli.ledger.receipts",
}
_LEDGER = {
    "verify": "gateway.cli.ledger.verify",
    "key": "gateway.cli.ledger.verify",
    "migrate": "gateway.cli.ledger.migrate",
}
# Where each command's function is; it is called as the command, unless ':' names it. A group holds further commands.
_COMMANDS: Mapping[str, "str | _Group"] = {
    "demo": "gateway.cli.serving.demo",
    "serve": "gateway.cli.serving.serve",
    "check": "gateway.cli.configuration.check",
    "schema": "gateway.cli.configuration.check",
    "config": _Group("Compare configurations, try one on past requests, list earlier ones, go back to one.", _CONFIG),
    "audit": _Group("Verify and read the audit log.", _AUDIT),
    "routes": "gateway.cli.operations.routes",
    "explain": "gateway.cli.configuration.explain",
    "ready": "gateway.cli.operations.ready",
    "contract": "gateway.cli.operations.contract",
    "providers": "gateway.cli.configuration.providers",
    "diagnose": "gateway.cli.operations.diagnose",
    "spend": "gateway.cli.finance.spend",
    "budgets": "gateway.cli.finance.budgets",
    "export": "gateway.cli.finance.export.command",
    "reconcile": "gateway.cli.finance.reconcile.command",
    "reprice": "gateway.cli.finance.reprice",
    "requests": "gateway.cli.operations.requests",
    "evidence": "gateway.cli.operations.evidence",
    "masked": "gateway.cli.operations.masked",
    "ledger": _Group("Verify the ledger; make a key that signs it; make its tables in PostgreSQL.", _LEDGER),
    "receipts": _Group("Verify a signed receipt.", _RECEIPTS),
    "keys": "gateway.cli.configuration.keys",
    "simulate": "gateway.cli.serving.simulate",
}
_SIMULATOR_EXTRA = ("PIL", "python_multipart")


class _OnDemand(TyperGroup):
    """Imports each command when it is asked for. ``ctx`` is of a type that typer keeps to itself."""

    commands_there: Mapping[str, str | _Group] = _COMMANDS

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands_there)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = self.commands_there.get(cmd_name)
        if isinstance(found, _Group):
            inner = type("_Inner", (_OnDemand,), {"commands_there": found.commands})
            group = typer.Typer(cls=inner, name=cmd_name, help=found.help, add_completion=False, no_args_is_help=True)
            group.callback()(_nothing_more)
            return get_command(group)
        return None if found is None else _command(cmd_name, found)


def _command(name: str, place: str) -> Any:
    module, _, function = place.partition(":")
    try:
        command = getattr(import_module(module), function or name)
    except ModuleNotFoundError as missing:
        if missing.name not in _SIMULATOR_EXTRA:
            raise
        command = _without_simulator
    single = typer.Typer(add_completion=False)
    single.command(name)(command)
    return get_command(single)


def _nothing_more() -> None:
    """A group does nothing by itself."""


def _without_simulator() -> None:
    """Needs the extra 'simulator'."""
    typer.echo("gateway: this command draws pictures. Install what it needs: pip install 'image-gateway[simulator]'", err=True)
    raise typer.Exit(1)


def _hold_standard_streams() -> None:
    """A closed one would be the next file that is opened, and what is meant for it would be written there."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def main() -> None:
    """The entry point."""
    _hold_standard_streams()
    app = typer.Typer(cls=_OnDemand, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
    def gateway() -> None:
        """One OpenAI-compatible image endpoint over many providers; every response names the contract that served it."""

    app()
