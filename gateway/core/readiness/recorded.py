"""The steps to readiness that what is recorded answers: the catalogue, and the contract as people have written it down."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date

from gateway.core.contract.contract import VerificationState
from gateway.core.diagnosis.rules.account import FREE, VERIFICATION_RECORDED
from gateway.core.outcome import Owner
from gateway.core.readiness.path import Step, StepState, passed, warned
from gateway.core.readiness.staleness import NOTICE_DAYS, RECORD_DAYS_MAX, too_old
from gateway.core.snapshot import Route, Snapshot

UNKNOWN = "unknown"
_GPT_IMAGE = re.compile(r"(chat)?gpt-image", re.IGNORECASE)
_FREE = frozenset({"free", "tier free", "free tier", "0", "tier 0"})
_PROVES_NOTHING = "being listed proves neither access nor verification"


def current(route: Route, snapshot: Snapshot, today: date) -> Step:
    """The catalogue's entry of the upstream model, and its retirement; ``today`` is a UTC day."""
    model, retirement = route.upstream_model, snapshot.retirements.get(route.upstream_model)
    if retirement is not None and retirement.on <= today:
        named = f"; its provider recommends '{retirement.successor}'" if retirement.successor else ""
        return _stopped(
            "model",
            f"'{model}' was shut down on {retirement.on}{named}.",
            Owner.ROUTE,
            f"Read {retirement.source}: which model is served now?",
            f"Send nothing to a retired model: change routes.{route.id}.upstream_model first.",
        )
    if retirement is not None and (retirement.on - today).days <= NOTICE_DAYS:
        return warned("model", f"'{model}' retires on {retirement.on}, in {(retirement.on - today).days} days.")
    recorded_on = snapshot.catalogued.get(model)
    if recorded_on is None:
        return warned("model", f"The catalogue has no entry for '{model}': nothing dated says that it is current.")
    return passed("model", f"'{model}' is in the catalogue as read on {recorded_on}.")


def listed(route: Route, names: Collection[str]) -> Step:
    """What the provider's list of models says, which is not much either way."""
    if route.upstream_model in names:
        return passed("listed", f"GET /v1/models lists '{route.upstream_model}'; {_PROVES_NOTHING}.")
    return warned(
        "listed", f"GET /v1/models does not list '{route.upstream_model}' among {len(names)}; it may be served all the same."
    )


def unlisted(why: str) -> Step:
    """There is no list to look into."""
    return warned("listed", f"GET /v1/models gives no list: {why} Some providers have none; {_PROVES_NOTHING} anyway.")


def recorded(route: Route, today: date) -> tuple[Step, ...]:
    """All steps that the contract answers, up to the first that stops."""
    return tuple(_until_stopped(_recorded(route, today)))


def _recorded(route: Route, today: date) -> Iterator[Step]:
    yield _free(route)
    yield _limits(route, today)
    yield _verification(route, today)
    yield _mapping(route)
    yield _ownership(route, today)
    yield _data(route)
    yield _reproduction(route)


def _until_stopped(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.state is StepState.STOPPED:
            return


def _free(route: Route) -> Step:
    tier = route.contract.limits.usage_tier.strip()
    if _unknown(tier):
        return warned("free", "No usage tier is recorded, so Free is not ruled out.")
    if tier.lower() not in _FREE:
        return passed("free", f"The usage tier is recorded as '{tier}'.")
    if _GPT_IMAGE.match(route.upstream_model):
        detail = f"The contract records the usage tier '{tier}', on which '{route.upstream_model}' is not supported."
        return _stopped("free", detail, FREE.owner, FREE.first_check, FREE.stop_rule)
    return warned("free", f"The usage tier is recorded as '{tier}': read on the model's page whether it is served there.")


def _limits(route: Route, today: date) -> Step:
    limits, path = route.contract.limits, f"contracts.{route.contract.id}.limits"
    if _unknown(limits.usage_tier):
        return _unread("The account's usage tier is unknown.", f"{path}.usage_tier")
    mine = [it for it in limits.recorded if it.model == route.upstream_model]
    if not mine:
        return _unread(f"No limit is recorded for '{route.upstream_model}'.", f"{path}.recorded")
    oldest = min(it.recorded_on for it in mine)
    if too_old(oldest, today):
        return _unread(f"The limits were read on {oldest}, {(today - oldest).days} days ago.", f"{path}.recorded")
    return passed(
        "limits", f"Usage tier '{limits.usage_tier}'; {len(mine)} limits of '{route.upstream_model}', read on {oldest}."
    )


def _unread(detail: str, path: str) -> Step:
    return _stopped(
        "limits",
        detail,
        Owner.ACCOUNT,
        "Open the provider's limits page of the organization and project that own the key.",
        f"Plan no capacity before {path} says what the page says, with the day; it counts for {RECORD_DAYS_MAX} days.",
    )


def _verification(route: Route, today: date) -> Step:
    found, rule = route.contract.verification, VERIFICATION_RECORDED
    if found.state is VerificationState.UNVERIFIED:
        detail = f"The organization is recorded as unverified on {found.recorded_on}."
        return _stopped("verification", detail, rule.owner, rule.first_check, rule.stop_rule)
    if found.state is VerificationState.UNKNOWN:
        return warned("verification", "Whether the organization is verified is unknown: look it up in the provider's console.")
    if found.state is VerificationState.NOT_REQUIRED:
        return passed("verification", "This contract does not require organization verification.")
    if found.recorded_on is None or too_old(found.recorded_on, today):
        return warned("verification", f"It is recorded as verified on {found.recorded_on}: look again, and write down the day.")
    return passed("verification", f"Verified as read on {found.recorded_on}.")


def _mapping(route: Route) -> Step:
    found = route.contract.model_mapping
    if _unknown(found.statement):
        return _unanswered(route, "mapping", "Nothing says which model stands behind the name.", "model_mapping.statement")
    if not found.verifiable:
        return warned("mapping", f"It cannot be verified: {found.statement}")
    return passed("mapping", found.statement)


def _ownership(route: Route, today: date) -> Step:
    contract = route.contract
    if not contract.effective(today):
        return _unanswered(
            route, "ownership", "The contract is not in force today, so it binds nobody.", "effective_from, effective_to"
        )
    answers = {
        "billing.owner": contract.billing.owner,
        "failure.refunds": contract.failure.refunds,
        "limits.owner": contract.limits.owner,
        "failure.retries": contract.failure.retries,
        "support.owner": contract.support.owner,
    }
    if open_ := _open(answers):
        return _unanswered(route, "ownership", "It is not known who answers for everything.", open_)
    owners = f"{contract.billing.owner} bills, {contract.limits.owner} limits, {contract.support.owner} supports"
    return passed("ownership", f"{owners}; refunds and retries are agreed.")


def _data(route: Route) -> Step:
    terms = route.contract.data
    names = ("reference_images", "outputs", "training", "retention", "region")
    if open_ := _open({f"data.{name}": getattr(terms, name) for name in names}):
        return _unanswered(route, "data", "It is not known what happens to images.", open_)
    return passed("data", "What happens to reference images and outputs is recorded.")


def _reproduction(route: Route) -> Step:
    can = route.capabilities
    if can is None:
        detail = "Nothing declares what the route supports, so nothing can be compared with it."
        first_check = "Read in the provider's reference which sizes, qualities and formats it takes."
        fix = f"Declare it under catalogue.{route.upstream_model} or routes.{route.id}.capabilities before production."
        return _stopped("reproduction", detail, Owner.ROUTE, first_check, fix)
    if (can.sizes is None and can.size_rule is None) or can.qualities is None:
        return warned(
            "reproduction", "Sizes or qualities are not declared: what the provider answers cannot be compared with them."
        )
    return passed("reproduction", "Sizes and qualities are declared.")


def _open(answers: dict[str, str]) -> str:
    return ", ".join(name for name, text in answers.items() if _unknown(text))


def _unanswered(route: Route, id: str, detail: str, fields: str) -> Step:
    contract = route.contract
    return _stopped(
        id,
        f"{detail} Open in contracts.{contract.id}: {fields}.",
        Owner.ROUTE,
        f"Ask {contract.support.owner} ({contract.support.contact}).",
        "Do not go to production on this contract before the answer stands there.",
    )


def _stopped(id: str, detail: str, owner: Owner, first_check: str, stop_rule: str) -> Step:
    return Step(id, StepState.STOPPED, detail, owner, first_check, stop_rule)


def _unknown(text: str) -> bool:
    return text.strip().lower() in ("", UNKNOWN)
