"""``gateway explain``: which route would serve a request, which would not and why, and what it can cost. Nothing is sent."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.app.configuration import load_config
from gateway.cli.configuration.plan_table import plan_tables
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption, Format, FormatOption
from gateway.cli.terminal.tables import show, show_json
from gateway.config.load import Loaded
from gateway.core.outcome import Refusal
from gateway.core.request.images import Operation, TextWish, parse
from gateway.core.routing.choice import draw_of
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.placement import responds
from gateway.core.snapshot import App
from gateway.engine.routes.overrides import Overrides
from gateway.reports.configuration.plan import plan_document, plan_report


def explain(  # noqa: PLR0917 -- typer calls it by name
    model: Annotated[str, typer.Option(help="The model that an app asks for.")],
    app: Annotated[str | None, typer.Option(help="The app's id; absent: an app without a policy of its own.")] = None,
    size: Annotated[str | None, typer.Option(help="Such as 1024x1024; absent is auto, here as in all that follows.")] = None,
    quality: Annotated[str | None, typer.Option(help="Such as high.")] = None,
    output_format: Annotated[str | None, typer.Option(help="Such as png.")] = None,
    background: Annotated[str | None, typer.Option(help="Such as transparent.")] = None,
    n: Annotated[int, typer.Option(help="How many images.")] = 1,
    partial_images: Annotated[int | None, typer.Option(help="How many partial images; it means a stream.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Whether it is a stream.")] = False,
    with_reference_images: Annotated[int, typer.Option(min=0, max=100, help="How many images come along; it means an edit.")] = 0,
    prompt_chars: Annotated[int, typer.Option(min=1, max=32_000, help="How long the prompt is: it counts for the cost.")] = 200,
    user: Annotated[str, typer.Option(help="The end user (safety_identifier), for whom a split always chooses the same.")] = "",
    require_contract: Annotated[str, typer.Option(help="What the caller sends as x-gateway-require-contract.")] = "",
    config: ConfigOption = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """Print the plan of a request: the routes that may serve it in order, and for every other one each reason why not.

    Exit code 1 where it would be refused. Operators' overrides are looked up; what breakers and providers' limits keep out for a
    moment is known to the running gateway only (gateway routes).
    """
    with failing_clearly():
        loaded = load_config(config)
        overrides = Overrides(loaded.settings.history.folder / "overrides.json", _now)
    fields: dict[str, object] = {"model": model, "prompt": "x" * prompt_chars, "n": n}
    asked = {"size": size, "quality": quality, "output_format": output_format, "background": background}
    fields |= {name: value for name, value in asked.items() if value is not None}
    if stream or partial_images is not None:
        fields["stream"] = True
    if partial_images is not None:
        fields["partial_images"] = partial_images
    references = with_reference_images
    operation = Operation.EDIT if references else Operation.GENERATION
    caller = _app(loaded, app)
    try:
        request = parse(operation, fields, references, frozenset(fields) | ({"image"} if references else set()))
        if responds(loaded.snapshot.models.get(model)):
            request = replace(request, operation=Operation.RESPONSE, text=TextWish())
        request = replace(request, contract=require_contract)
        conditions = Conditions(_now(), overrides.suspensions(), draw_of(caller.id, user))
        report = plan_report(request, caller, loaded.snapshot, conditions)
    except Refusal as refused:
        typer.echo(f"gateway: it would be refused: {refused.message}", err=True)
        raise typer.Exit(1) from refused
    if format is Format.JSON:
        show_json(plan_document(report))
    else:
        show(*plan_tables(report, drawn=not user))
    if report.refusal is not None:
        raise typer.Exit(1)


def _app(loaded: Loaded, id: str | None) -> App:
    if id is None:
        return App("(any)", "", "", (), None, frozenset(), tag_body=True)
    apps = {app.id: app for app in loaded.snapshot.apps.values()}
    if id not in apps:
        raise typer.BadParameter(f"The configuration's apps are {', '.join(sorted(apps))}.", param_hint="--app")
    return apps[id]


def _now() -> datetime:
    return datetime.now(UTC)
