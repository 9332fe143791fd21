"""A plan as ``gateway explain`` shows it."""

import json
from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.core.outcome import Refusal
from gateway.core.routing.choice import Candidate
from gateway.core.routing.consent import reached
from gateway.core.routing.plan import Plan


def plan_json(plan: Plan, refusal: Refusal | None) -> str:
    """Everything of it, and the error that the caller would get."""
    return json.dumps(
        {
            "model": plan.model.name,
            "app": plan.app.id,
            "candidates": [_candidate(plan, candidate) for candidate in plan.candidates],
            "dropped": [
                {
                    "route": drop.route.id,
                    "contract": drop.route.contract.reference,
                    "reason": drop.reason.value,
                    "owner": drop.owner.value,
                    "param": drop.param,
                    "what": drop.what,
                    "remedy": drop.remedy,
                    "until": None if drop.until is None else drop.until.isoformat(),
                }
                for drop in plan.dropped
            ],
            "refusal": None if refusal is None else _refusal(refusal),
        },
        indent=2,
        ensure_ascii=False,
    )


def plan_tables(plan: Plan, refusal: Refusal | None, *, drawn: bool) -> Iterator[RenderableType]:
    """For people. ``drawn``: no end user was named, so a split's order is that of one caller among many."""
    if plan.candidates:
        yield _candidates(plan)
        if plan.model.split and drawn:
            yield "A split: the order is that of one caller. Another is served by weight; --user names one."
    if plan.dropped:
        yield _dropped(plan)
    if refusal is not None:
        yield f"[red]It would be refused[/red]: {refusal.status} {refusal.code}, owner {refusal.diagnosis.owner}"
        yield escape(refusal.message)


def _candidate(plan: Plan, candidate: Candidate) -> dict[str, object]:
    route, cost = candidate.route, candidate.estimate
    return {
        "route": route.id,
        "contract": route.contract.reference,
        "billing_owner": route.contract.billing.owner,
        "provider": route.provider.id,
        "upstream_model": route.upstream_model,
        "tier": plan.model.tiers.get(route.id, 1),
        "weight": plan.model.split.get(route.id),
        "estimate": None if cost.amount is None else cost.text,
        "currency": cost.currency,
        "tried": "first" if candidate is plan.candidates[0] else _reached(plan, candidate),
    }


def _reached(plan: Plan, candidate: Candidate) -> str:
    return reached(plan.model, plan.app, plan.preferred.contract, candidate.route.contract)


def _refusal(refusal: Refusal) -> dict[str, object]:
    return {
        "status": refusal.status,
        "code": refusal.code,
        "param": refusal.param,
        "owner": refusal.diagnosis.owner.value,
        "message": refusal.message,
    }


def _candidates(plan: Plan) -> Table:
    table = _table(f"'{plan.model.name}' for the app '{plan.app.id}': the routes that can take it, in this order")
    for heading in ("", "route", "contract", "billed by", "provider", "tier", "weight", "costs at most", "tried"):
        table.add_column(heading, overflow="fold")
    for rank, candidate in enumerate(plan.candidates, 1):
        found = _candidate(plan, candidate)
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
