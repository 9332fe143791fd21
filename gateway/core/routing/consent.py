"""Whether a request may leave its preferred contract: the model's fallback policy and the app's consent (laws 5 and 16)."""

from gateway.core.contract.contract import Contract
from gateway.core.outcome import Owner
from gateway.core.snapshot import App, Model


def unmoved(model: Model, owner: Owner) -> str:
    """Why a failure, or a hold, of that owner moves no request of the model; empty where it may."""
    if model.fallback is None:
        return "the model has no fallback policy"
    return "" if owner in model.fallback.owners else f"a failure of owner '{owner}' causes no fallback"


def unreceivable(model: Model, app: App, preferred: Contract, other: Contract) -> str:
    """Why that contract may not receive the app's request in the place of its preferred one; empty where it may."""
    if model.fallback is not None and other.id != preferred.id and other.id not in model.fallback.contracts:
        return "no other contract may receive it"
    return (
        ""
        if app.biller_change or other.billing.owner == preferred.billing.owner
        else "the app has not consented to another biller"
    )


def reached(model: Model, app: App, preferred: Contract, other: Contract) -> str:
    """When a candidate behind the first is tried: after whose failures and for how long, or that it never is, and why."""
    policy = model.fallback
    why = "the model has no fallback policy" if policy is None else unreceivable(model, app, preferred, other)
    if policy is None or why:
        return f"never: {why}"
    causes = ", ".join(sorted(policy.owners))
    within = "" if policy.failed_within_s is None else f" within {policy.failed_within_s:g} s"
    return f"after a failure of {causes}{within}; {policy.attempts_max} attempts in all, none after {policy.deadline_s:g} s"
