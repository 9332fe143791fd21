"""``gateway ledger``: is the ledger what was written, and a key to sign it with."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.app.adapters import published_keys
from gateway.app.configuration import load_config
from gateway.app.verifying import verify as verify_ledger_of
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.config.settings import SigningSettings
from gateway.signing import NoSigningKey, key_set, new_key, published

REPORT_EVERY_ROWS = 10_000


def verify(
    config: ConfigOption = None,
    jwks: Annotated[
        Path | None, typer.Option(help="Public keys (a JWK set) of the roots; else those of the configuration, where it has any.")
    ] = None,
) -> None:
    """Read the whole ledger: exit 0 where every row fits its chain and every root its signature, exit 1 with what does not."""
    with failing_clearly():
        loaded = load_config(config)
        keys = keys_of_file(jwks) if jwks is not None else keys_of(loaded.settings.signing)
        with _progress() as told:
            found = verify_ledger_of(loaded, keys, told)
    for fault in found.faults:
        place = f"row {fault.seq} ({fault.event})" if fault.event else "root"
        typer.echo(f"gateway: {place}: {fault.what}.", err=True)
    before = f", {found.unchained} of them written before there was a chain" if found.unchained else ""
    unsigned = "" if keys is not None else " The roots' signatures were not checked: no key is configured."
    typer.echo(f"{found.rows} rows read{before}: {'unbroken' if not found.faults else 'NOT what was written'}.{unsigned}")
    if found.faults:
        typer.echo("Keep the file as it is, and compare it with a backup.", err=True)
        raise typer.Exit(1)


def key() -> None:
    """Make a signing key: the private one for a secret store, on standard output, and its public half on standard error."""
    private = new_key()
    typer.echo(private)
    typer.echo(f"public: {json.dumps(published(private), sort_keys=True)}", err=True)
    typer.echo("Keep the first line where the gateway reads it (signing.key), and nowhere else.", err=True)


def keys_of(signing: SigningSettings) -> Mapping[str, Any] | None:
    """The public keys of a configuration; ``None`` where nothing was ever signed."""
    keys = published_keys(signing)
    return keys if keys["keys"] else None


def keys_of_file(path: Path) -> Mapping[str, Any]:
    """The public keys that a file holds."""
    try:
        found = json.loads(path.read_text())
        return key_set(published(json.dumps(it)) for it in found["keys"])
    except (OSError, ValueError, KeyError, TypeError, NoSigningKey) as error:
        raise typer.BadParameter(f"{path} holds no JWK set of Ed25519 keys: {error}", param_hint="--jwks") from error


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where that is a terminal."""
    with Progress(console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("rows", total=None)

        def told(done: int, total: int) -> None:
            if done % REPORT_EVERY_ROWS == 0:
                bar.update(task, completed=done, total=total)

        yield told
