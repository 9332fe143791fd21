"""Which routes would serve a request, which would not and why, and what it can cost. Nothing is sent."""

from dataclasses import dataclass

from gateway.core.outcome import Refusal
from gateway.core.request.images import ImageRequest
from gateway.core.routing.choice import Candidate
from gateway.core.routing.consent import reached
from gateway.core.routing.eligibility import Conditions, Drop
from gateway.core.routing.no_route import no_route_refusal
from gateway.core.routing.plan import Plan, survey
from gateway.core.snapshot import App, Snapshot
from gateway.reports.document import Document, plain


@dataclass(frozen=True, slots=True)
class PlanReport:
    """The plan of a request, and the error that its caller would get; ``None`` where a route would serve it."""

    plan: Plan
    refusal: Refusal | None


def plan_report(request: ImageRequest, app: App, snapshot: Snapshot, conditions: Conditions) -> PlanReport:
    """Raises ``Refusal`` where the app cannot ask for that model or contract at all."""
    found = survey(request, app, snapshot, conditions)
    refusal = None if found.candidates else no_route_refusal(found.model, found.dropped, conditions.now)
    return PlanReport(found, refusal)


def plan_document(report: PlanReport) -> Document:
    """``{"model", "app", "candidates", "dropped", "refusal"}``."""
    plan, refusal = report.plan, report.refusal
    return {
        "model": plan.model.name,
        "app": plan.app.id,
        "candidates": [candidate_document(plan, candidate) for candidate in plan.candidates],
        "dropped": [_dropped(drop) for drop in plan.dropped],
        "refusal": None if refusal is None else _refusal(refusal),
    }


def candidate_document(plan: Plan, candidate: Candidate) -> Document:
    """One route that can take the request, and when it is tried; ``estimate`` is the most that it can cost."""
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


def _dropped(drop: Drop) -> Document:
    return {
        "route": drop.route.id,
        "contract": drop.route.contract.reference,
        "reason": drop.reason.value,
        "owner": drop.owner.value,
        "param": drop.param,
        "what": drop.what,
        "remedy": drop.remedy,
        "until": plain(drop.until),
    }


def _refusal(refusal: Refusal) -> Document:
    return {
        "status": refusal.status,
        "code": refusal.code,
        "param": refusal.param,
        "owner": refusal.diagnosis.owner.value,
        "message": refusal.message,
    }
