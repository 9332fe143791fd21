"""``gateway requests``: the latest requests that somebody looks for, or the story of one."""

from collections.abc import Callable
from typing import Annotated

import typer

from gateway.app.kept_evidence import evidence_of
from gateway.app.reading import books_of
from gateway.cli.operations.requests_query import OUTCOMES, request_query
from gateway.cli.operations.requests_table import entries_table, list_table
from gateway.cli.operations.story_table import story_table
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, Format, FormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.cli.terminal.to_read import config_to_read
from gateway.config.load import Loaded
from gateway.core.evidence.bundle import Evidence
from gateway.core.ledger.request_query import Member, RequestQuery
from gateway.ports import EvidenceUnavailable
from gateway.reports.operations.request_story import RequestStory, request_story, story_document
from gateway.reports.operations.requests import requests_document


def requests(  # noqa: PLR0917 -- typer calls it by name
    id: Annotated[
        str | None, typer.Argument(help="Tell one request: by x-gateway-request-id, a repeat's id, or a provider's own id.")
    ] = None,
    app: Annotated[str | None, typer.Option(help="List those of this app (id); several with commas, here and below.")] = None,
    team: Annotated[str | None, typer.Option(help="Those of this team.")] = None,
    contract: Annotated[str | None, typer.Option(help="Those under this contract (id).")] = None,
    provider: Annotated[str | None, typer.Option(help="Those at this provider (id).")] = None,
    model: Annotated[str | None, typer.Option(help="Those that asked for this model.")] = None,
    route: Annotated[str | None, typer.Option(help="Those by this route (id).")] = None,
    owner: Annotated[str | None, typer.Option(help="Those whose failure is this owner's, such as account.")] = None,
    outcome: Annotated[str | None, typer.Option(help=f"Those that became {', '.join(OUTCOMES)}.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Those with this free tag, as NAME=VALUE; repeat it.")] = None,
    discrepant: Annotated[
        bool, typer.Option("--discrepant", help="Those whose delivery differs from what was asked for.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="Those begun at or after: a date or time in UTC, or how long ago (7d, 24h, 30m).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Those begun before: the same forms.")] = None,
    entries: Annotated[bool, typer.Option("--entries", help="Of one request: its ledger entries as they are.")] = False,
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the latest attempts are listed.")] = 20,
    format: FormatOption = Format.TABLE,
) -> None:
    """List the latest requests, all or those that the options name, or tell the story of one."""
    only = {
        Member.APP: app,
        Member.TEAM: team,
        Member.CONTRACT: contract,
        Member.PROVIDER: provider,
        Member.MODEL: model,
        Member.ROUTE: route,
        Member.OWNER: owner,
        Member.OUTCOME: outcome,
    }
    query = request_query(only, tag or (), since, until, discrepant=discrepant)
    with failing_clearly():
        loaded = config_to_read(config, paths_only=True)
        if id is None:
            _list(loaded, limit, query, format)
        else:
            _tell(id, _story(id, loaded), format, entries=entries)


def _list(loaded: Loaded, limit: int, query: RequestQuery, format: Format) -> None:
    found = books_of(loaded).requests(limit, query)
    if format is Format.JSON:
        show_json(requests_document(found))
    else:
        show(list_table(found, all_asked=query == RequestQuery()))


def _story(id: str, loaded: Loaded) -> RequestStory:
    story = request_story(id, books_of(loaded), _evidence(loaded))
    if story is None:
        typer.echo(
            f"gateway: the ledger has no request '{id}', no provider named one so, and no evidence of it is kept. "
            "List the latest ones with `gateway requests`.",
            err=True,
        )
        raise typer.Exit(1)
    return story


def _evidence(loaded: Loaded) -> Callable[[str], Evidence | None]:
    """The story goes on without evidence that cannot be read."""

    def find(id: str) -> Evidence | None:
        try:
            return evidence_of(loaded).find(id)
        except EvidenceUnavailable as unavailable:
            typer.echo(f"gateway: {unavailable}", err=True)
            return None

    return find


def _tell(id: str, story: RequestStory, format: Format, *, entries: bool) -> None:
    if story.request_id != id:
        typer.echo(f"gateway: '{id}' is a provider's id; the request is {story.request_id}", err=True)
    if format is Format.JSON:
        show_json(story_document(story))
    else:
        show(entries_table(story.entries) if entries and story.entries else story_table(story_document(story)))
