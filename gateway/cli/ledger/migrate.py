"""``gateway ledger migrate``: the ledger's tables in PostgreSQL, made or brought up to date."""

import typer

from gateway.app.configuration import ledger_url
from gateway.app.migrating import migrate as migrate_database
from gateway.app.migrating import place_of
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption


def migrate(config: ConfigOption = None) -> None:
    """Make the tables that ledger.url needs, or bring them up to date, and make the months ahead. Repeat it freely.

    Of the configuration it reads ledger.url and nothing else: no provider's key need be there.
    """
    with failing_clearly():
        url = ledger_url(config)
    if url is None:
        typer.echo(
            "gateway: the configuration has no ledger.url. A SQLite ledger needs no such step: the gateway itself upgrades it.",
            err=True,
        )
        raise typer.Exit(1)
    with failing_clearly():
        typer.echo(f"The ledger in {place_of(url)}:")
        migrate_database(url, lambda line: typer.echo(f"  {line}"))
