"""``gateway evidence``: what is kept of a request, ready for a ticket."""

from enum import StrEnum
from typing import Annotated

import typer

from gateway.app.kept_evidence import evidence_of
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.cli.terminal.tables import show_json
from gateway.cli.terminal.to_read import config_to_read
from gateway.core.evidence.bundle import Audience, Evidence, called_contracts
from gateway.core.evidence.document import document_of
from gateway.core.evidence.markdown import markdown_of
from gateway.reports.operations.evidence import OtherContract, evidence_for


class Format(StrEnum):
    """How it is written."""

    MD = "md"
    JSON = "json"


def evidence(
    id: Annotated[str, typer.Argument(help="A request id, as x-gateway-request-id names it.")],
    for_: Annotated[
        Audience, typer.Option("--for", help="Who will read it: the provider's support, the gateway's operators, or the app.")
    ] = Audience.PROVIDER,
    contract: Annotated[
        str | None, typer.Option(help="For a provider: the contract (id) it is about; else the first that failed.")
    ] = None,
    format: Annotated[Format, typer.Option(help="Markdown for a ticket, or JSON.")] = Format.MD,
    config: ConfigOption = None,
) -> None:
    """Print the evidence of a request: ids, statuses, errors, limits, timings, whose it is. No key, prompt or image is in it."""
    with failing_clearly():
        found = evidence_of(config_to_read(config, paths_only=True)).find(id)
    if found is None:
        typer.echo(
            f"gateway: no evidence is kept of the request '{id}'. It is kept where something failed (evidence.keep), for "
            f"evidence.days_max days; `gateway requests {id}` shows what the ledger has.",
            err=True,
        )
        raise typer.Exit(1)
    shown = _shown(found, for_, contract)
    if format is Format.JSON:
        show_json(document_of(shown))
    else:
        typer.echo(markdown_of(shown), nl=False)


def _shown(found: Evidence, audience: Audience, contract: str | None) -> Evidence:
    if audience is not Audience.PROVIDER:
        if contract is not None:
            raise typer.BadParameter("It goes with --for provider only.", param_hint="--contract")
        return evidence_for(found, audience)
    called = called_contracts(found)
    if not called:
        typer.echo("gateway: nobody was called for this request, so no provider can help. Use --for ops.", err=True)
        raise typer.Exit(1)
    about = contract or called[0]
    try:
        shown = evidence_for(found, audience, about)
    except OtherContract as other:
        raise typer.BadParameter(str(other), param_hint="--contract") from other
    if others := [it for it in called if it != about]:
        typer.echo(f"gateway: this is about {about}; for the attempts under {', '.join(others)} use --contract.", err=True)
    return shown
