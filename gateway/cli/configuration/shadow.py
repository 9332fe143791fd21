"""``gateway config shadow``: what another configuration would have done with the latest requests."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.app.configuration import load_config
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import TextFormat, TextFormatOption
from gateway.cli.terminal.tables import show_json
from gateway.core.routing.shadow import Place, Shadow
from gateway.core.routing.shadow import shadow as replayed
from gateway.reports.configuration.shadow import shadow_document
from gateway.telemetry.decision_log import decisions


def shadow(
    new: Annotated[Path, typer.Argument(help="Main file of the configuration that would follow.")],
    last: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many of the latest recorded decisions are replayed.")
    ] = 1000,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Today's configuration; else $GATEWAY_CONFIG or config/gateway.yaml.")
    ] = None,
    format: TextFormatOption = TextFormat.TEXT,
) -> None:
    """Replay recorded decisions under NEW: how many requests would move where, cost how much more, or be refused.

    Nothing is sent. Both sides are planned as if every route were healthy, so only the files make the difference.
    """
    with failing_clearly():
        today, then = load_config(config), load_config(new)
    path = today.settings.decisions.path
    try:
        recorded = decisions(path, last)
    except OSError as error:
        typer.echo(f"gateway: the recorded decisions at {path} cannot be read: {error.strerror}.", err=True)
        raise typer.Exit(1) from error
    if not recorded:
        typer.echo(f"gateway: no decision is recorded at {path}: a running gateway records them (decisions.kept_max).", err=True)
        raise typer.Exit(1)
    found = replayed(recorded, today.snapshot, then.snapshot, datetime.now(UTC))
    if format is TextFormat.JSON:
        show_json(shadow_document(found))
        return
    for line in _lines(found, recorded[0].at, recorded[-1].at):
        typer.echo(line)


def _lines(found: Shadow, first: datetime, last: datetime) -> list[str]:
    lines = [f"{found.decisions} decisions, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC", f"{found.unmoved:>8} stay"]
    lines += [f"{count:>8} move from {_named(was)} to {_named(becomes)}" for (was, becomes), count in found.moved.most_common()]
    lines += [f"{count:>8} would be refused ({code}), now {_named(was)}" for (was, code), count in found.refused.most_common()]
    lines += [f"{count:>8} refused today would be served by {_named(place)}" for place, count in found.served.most_common()]
    if found.neither:
        lines.append(f"{found.neither:>8} are refused by both")
    for currency, total in sorted(found.totals.items()):
        lines.append(
            f"Worst-case cost of these requests: {total.old.amount} {currency} under today's configuration, "
            f"{total.new.amount} {currency} under the new one ({total.difference:+})"
        )
        if total.old.unknown or total.new.unknown:
            lines.append(f"{currency}: without a price {total.old.unknown} today, {total.new.unknown} then; not in these sums")
    return lines


def _named(place: Place) -> str:
    return f"{place.contract} ({place.route})"
