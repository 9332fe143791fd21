"""A plan as ``gateway explain`` shows it."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.core.routing.plan import Plan
from gateway.reports.configuration.plan import PlanReport, candidate_document


def plan_tables(report: PlanReport, *, drawn: bool) -> Iterator[RenderableType]:
    """For people. ``drawn``: no end user was named, so a split's order is that of one caller among many."""
    plan, refusal = report.plan, report.refusal
    if plan.candidates:
        yield _candidates(plan)
        if plan.model.split and drawn:
            yield "A split: the order is that of one caller. Another is served by weight; --user names one."
    if plan.dropped:
        yield _dropped(plan)
    if refusal is not None:
        yield f"[red]It would be refused[/red]: {refusal.status} {refusal.code}, owner {refusal.diagnosis.owner}"
        yield escape(refusal.message)


def _candidates(plan: Plan) -> Table:
    table = _table(f"'{plan.model.name}' for the app '{plan.app.id}': the routes that can take it, in this order")
    for heading in ("", "route", "contract", "billed by", "provider", "tier", "weight", "costs at most", "tried"):
        table.add_column(heading, overflow="fold")
    for rank, candidate in enumerate(plan.candidates, 1):
        found = candidate_document(plan, candidate)
        cost = "unknown: no price" if found["estimate"] is None else f"{found['estimate']} {found['currency']}"
        names = [escape(str(found[name])) for name in ("route", "contract", "billing_owner", "provider")]
        weight = "" if found["weight"] is None else str(found["weight"])
        table.add_row(str(rank), *names, str(found["tier"]), weight, cost, escape(str(found["tried"])))
    return table


def _dropped(plan: Plan) -> Table:
    table = _table("Not these")
    for heading in ("route", "contract", "why", "owner", "what would mend it"):
        table.add_column(heading, overflow="fold")
    for drop in plan.dropped:
        until = f" (until {drop.until:%Y-%m-%d %H:%M} UTC)" if drop.until else ""
        row = (drop.route.id, drop.route.contract.reference, f"{drop.what}{until}", drop.owner.value, drop.remedy)
        table.add_row(*map(escape, row))
    return table


def _table(title: str) -> Table:
    return Table(title=escape(title), title_justify="left", box=None, padding=(0, 2, 0, 0))
