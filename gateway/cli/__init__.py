"""What can a person type? One file a command, imported only when it is called."""

import gc
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class _Command:
    """Where its function is, called as the command unless ':' names it, and the first paragraph of that one's docstring."""

    place: str
    help: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Further commands."""

    help: str
    commands: Mapping[str, _Command]


_CONFIG = {
    "diff": _Command(
        "gateway.cli.configuration.config",
        "Say in plain words what changes from OLD to NEW: money first, then data, routing, limits, access and settings.",
    ),
    "history": _Command(
        "gateway.cli.configuration.config",
        "List the configurations that were in force, newest first: when, who, why, and what changed.",
    ),
    "rollback": _Command(
        "gateway.cli.configuration.config",
        "Put the files of an earlier configuration back in place; a running gateway takes it into force by itself.",
    ),
    "shadow": _Command(
        "gateway.cli.configuration.shadow",
        "Replay recorded decisions under NEW: how many requests would move where, cost how much more, or be refused.",
    ),
}
_AUDIT = {
    "verify": _Command(
        "gateway.cli.configuration.audit",
        "Check the whole chain: exit 0 and its head where it is unbroken, exit 1 and the first fault where it is not.",
    ),
    "list": _Command(
        "gateway.cli.configuration.audit:entries",
        "List the latest entries, the newest last: who changed what, when and why. It does not verify them.",
    ),
}
_RECEIPTS = {
    "verify": _Command(
        "gateway.cli.ledger.receipts",
        "Print what a receipt says: exit 0 where its signature holds and the images are its own, 1 where one does not.",
    ),
}
_LEDGER = {
    "verify": _Command(
        "gateway.cli.ledger.verify",
        "Read the whole ledger: exit 0 where every row fits its chain and every root its signature, exit 1 with what does not.",
    ),
    "key": _Command(
        "gateway.cli.ledger.verify",
        "Make a signing key: the private one for a secret store, on standard output, and its public half on standard error.",
    ),
    "migrate": _Command(
        "gateway.cli.ledger.migrate",
        "Make the tables that ledger.url needs, or bring them up to date, and make the months ahead. Repeat it freely.",
    ),
}
COMMANDS: Mapping[str, _Command | _Group] = {
    "demo": _Command(
        "gateway.cli.serving.demo",
        "Start two simulated providers and the gateway, make two images through the official SDK, show who is to be paid.",
    ),
    "serve": _Command(
        "gateway.cli.serving.serve",
        "Run the gateway until SIGTERM or Ctrl-C; requests in flight finish first, unless the signal comes a second time.",
    ),
    "check": _Command(
        "gateway.cli.configuration.check",
        "Check a configuration without serving it: every mistake at once with its place (exit 1), or who serves what (exit 0).",
    ),
    "schema": _Command(
        "gateway.cli.configuration.check",
        "Print the configuration's JSON Schema, for editors that complete and check YAML.",
    ),
    "config": _Group("Compare configurations, try one on past requests, list earlier ones, go back to one.", _CONFIG),
    "audit": _Group("Verify and read the audit log.", _AUDIT),
    "routes": _Command(
        "gateway.cli.operations.routes",
        "List the routes of the running gateway, or take one out for a while: it gets no new requests, those in flight finish.",
    ),
    "explain": _Command(
        "gateway.cli.configuration.explain",
        "Print the plan of a request: the routes that may serve it in order, and for every other one each reason why not.",
    ),
    "ready": _Command(
        "gateway.cli.operations.ready",
        "Say whether routes are ready for production: exit code 0 if all are, 1 if one is not, 2 if the command is wrong.",
    ),
    "contract": _Command(
        "gateway.cli.operations.contract",
        "Print what is known of a contract in four separate blocks, each with sources, dates and what it does not prove.",
    ),
    "providers": _Command(
        "gateway.cli.configuration.providers",
        "List the configured providers with their dialects and routes, and the packages behind them. Nobody is asked anything.",
    ),
    "diagnose": _Command(
        "gateway.cli.operations.diagnose",
        "Say whose an error is: owner, rule, what to check first, when to stop, whether money may be gone. Nothing is sent.",
    ),
    "spend": _Command(
        "gateway.cli.finance.spend",
        "Show what was spent. cost is settled; exposure may still be billed: attempts that are open or of unknown outcome.",
    ),
    "budgets": _Command(
        "gateway.cli.finance.budgets",
        "Show each budget in its present period, by the ledger: attempts in flight and ambiguous ones count at their estimates.",
    ),
    "export": _Command(
        "gateway.cli.finance.export.command",
        "Write the ledger's attempts of a period for finance. Exit code 3: written, but attempts of unknown cost are not in it.",
    ),
    "reconcile": _Command(
        "gateway.cli.finance.reconcile.command",
        "Compare a provider's files with the ledger. Exit code 0: they agree; 1: they differ; 2: a file cannot be used.",
    ),
    "reprice": _Command(
        "gateway.cli.finance.reprice",
        "Show what a period would have cost by another price list, and book the difference once confirmed: as adjustments.",
    ),
    "requests": _Command(
        "gateway.cli.operations.requests",
        "List the latest requests, all or those that the options name, or tell the story of one.",
    ),
    "evidence": _Command(
        "gateway.cli.operations.evidence",
        "Print the evidence of a request: ids, statuses, errors, limits, timings, whose it is. No key, prompt or image is in it.",
    ),
    "masked": _Command(
        "gateway.cli.operations.masked",
        "Show whose failures another contract covered, since when, and what the cover cost beyond the failed contract's price.",
    ),
    "ledger": _Group("Verify the ledger; make a key that signs it; make its tables in PostgreSQL.", _LEDGER),
    "receipts": _Group("Verify a signed receipt.", _RECEIPTS),
    "keys": _Command(
        "gateway.cli.configuration.keys",
        "Make a new key for an app: shown once, with the line that the configuration needs.",
    ),
    "simulate": _Command(
        "gateway.cli.serving.simulate",
        "Run a simulated OpenAI-compatible provider until SIGTERM or Ctrl-C.",
    ),
}
_SIMULATOR_EXTRA = ("PIL", "python_multipart")


class _OnDemand(TyperGroup):
    """Imports a command when it is called: a list of commands needs no more than their names and what is said of them."""

    commands_there: Mapping[str, _Command | _Group] = COMMANDS

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {name: TyperCommand(name=name, help=it.help) for name, it in self.commands_there.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """``ctx`` is of a type that typer keeps to itself."""
        name, _, rest = super().resolve_command(ctx, args)
        command = None if name is None else _loaded(name, self.commands_there[name])
        gc.enable()
        return name, command, rest


def _loaded(name: str, found: _Command | _Group) -> Any:
    if isinstance(found, _Group):
        inner = type("_Inner", (_OnDemand,), {"commands_there": found.commands})
        group = typer.Typer(cls=inner, name=name, help=found.help, add_completion=False, no_args_is_help=True)
        group.callback()(_nothing_more)
        return get_command(group)
    module, _, function = found.place.partition(":")
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


def _print_version(asked: bool) -> None:
    if asked:
        metadata = import_module("importlib.metadata")  # it takes longer than all else here, and nobody else needs it
        typer.echo(f"image-gateway {metadata.version('image-gateway')}")
        raise typer.Exit


def main() -> None:
    """The entry point. Imports make no garbage, and looking for some takes a tenth of their time."""
    gc.disable()
    _hold_standard_streams()
    app = typer.Typer(cls=_OnDemand, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
    def gateway(
        version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version)] = False,
    ) -> None:
        """One OpenAI-compatible image endpoint over many providers; every response names the contract that served it."""

    app()
