"""The evidence bundle of one request: what a ticket needs, and for each audience only what it may see.

No key, prompt, image or internal address is in any of it, for nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from gateway.core.contract.contract import Contract, VerificationState
from gateway.core.money.amount import Cost
from gateway.core.outcome import Diagnosis, Outcome, Owner
from gateway.core.routing.eligibility import Reason
from gateway.core.snapshot import Route

# Of what a provider's headers say of limits, these concern one app; the others are of the contract's whole account.
_APPS_HEADERS = ("retry-after", "retry-after-ms", "openai-processing-ms", "openai-version")


class Audience(StrEnum):
    """Who reads it: the provider's support, the gateway's operators, or the app that made the request."""

    PROVIDER = "provider"
    OPS = "ops"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the attempt's contract (``id@revision``) had recorded then: who is asked, and what was known of the account."""

    contract: str
    billing_owner: str
    limits_owner: str
    support_owner: str
    support_contact: str = ""
    usage_tier: str = ""
    verification: VerificationState | None = None
    verification_recorded_on: date | None = None


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An OpenAI error's members, redacted."""

    message: str
    type: str = ""
    code: str = ""
    param: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """A cost as tags say it: ``amount`` is a decimal text or ``unknown``, ``basis`` how it is known."""

    amount: str
    currency: str
    basis: str


@dataclass(frozen=True, slots=True)
class AttemptEvidence:
    """One attempt. ``endpoint`` is relative to the provider's base URL; ``organization`` and ``project`` are as declared.

    ``called`` is false where a recorded limit had no room, so that nobody was asked. ``status`` is ``None`` where no answer
    came. ``request_ids`` are the provider's own, and ``headers`` what it said of limits and times, by header. ``outcome`` is
    ``None`` where the attempt never came to an end. ``upstream_ms`` is the wait for the answer's head.
    """

    number: int
    at: datetime
    route: str
    provider: str
    upstream_model: str
    endpoint: str
    terms: Terms
    called: bool
    outcome: Outcome | None
    organization: str = ""
    project: str = ""
    status: int | None = None
    error: ErrorText | None = None
    request_ids: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    upstream_ms: float = 0.0
    total_ms: float = 0.0
    diagnosis: Diagnosis | None = None
    cost: Amount | None = None


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A route that the plan had, under which contract (``id@revision``)."""

    route: str
    contract: str


@dataclass(frozen=True, slots=True)
class DropEvidence:
    """Why a route was left out of the plan; ``remedy`` is for whoever owns it."""

    route: str
    reason: str
    owner: Owner
    what: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the app asked for; ``model`` as it wrote it."""

    app: str
    model: str
    path: str
    operation: str
    size: str
    quality: str
    n: int
    stream: bool
    references: int


@dataclass(frozen=True, slots=True)
class Decided:
    """The plan: candidates in the order to try them, and every reason against each of the other routes."""

    candidates: tuple[Candidacy, ...]
    drops: tuple[DropEvidence, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """What the app was told. ``fallback_from`` is the contract (id) that was to serve it and failed."""

    status: int
    contract: str
    attempts: int
    images: int
    diagnosis: Diagnosis | None = None
    fallback_from: str = ""
    discrepancies: tuple[str, ...] = ()
    cost: Amount | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it. What is ``None`` or empty is not known, or not for this ``audience``. ``revision`` is the configuration's."""

    request_id: str
    at: datetime
    audience: Audience
    attempts: tuple[AttemptEvidence, ...]
    revision: str = ""
    asked: Asked | None = None
    decided: Decided | None = None
    ended: Ended | None = None


def evidence_path(request_id: str) -> str:
    """Where an app finds the evidence of its request."""
    return f"/v1/gateway/requests/{request_id}/evidence"


def terms_of(contract: Contract) -> Terms:
    """What of a contract belongs into evidence."""
    return Terms(
        contract=contract.reference,
        billing_owner=contract.billing.owner,
        limits_owner=contract.limits.owner,
        support_owner=contract.support.owner,
        support_contact=contract.support.contact,
        usage_tier=contract.limits.usage_tier,
        verification=contract.verification.state,
        verification_recorded_on=contract.verification.recorded_on,
    )


def amount_of(cost: Cost | None) -> Amount | None:
    """``None`` where there is none."""
    return None if cost is None else Amount(cost.text, cost.currency, cost.basis.value)


def candidacy_of(route: Route) -> Candidacy:
    """The route as one that the plan had."""
    return Candidacy(route.id, route.contract.reference)


def called_contracts(evidence: Evidence) -> tuple[str, ...]:
    """The ids of those whose providers were called; those that failed come first."""
    called = [it for it in evidence.attempts if it.called]
    ordered = sorted(called, key=lambda it: it.outcome is Outcome.COMPLETED and it.diagnosis is None)
    return tuple(dict.fromkeys(contract_id(it) for it in ordered))


def contract_id(attempt: AttemptEvidence) -> str:
    """Without the revision."""
    return attempt.terms.contract.partition("@")[0]


def for_audience(evidence: Evidence, audience: Audience, contract: str = "") -> Evidence:
    """What that audience may see of evidence that has all.

    The provider's is about one contract: ``contract`` (an id), else the first of ``called_contracts``; it has no attempts
    where its provider was not called.
    """
    if audience is Audience.OPS:
        return evidence
    if audience is Audience.APP:
        return _for_app(evidence)
    return _for_provider(evidence, contract or next(iter(called_contracts(evidence)), ""))


def _for_provider(evidence: Evidence, contract: str) -> Evidence:
    """Neither who asked, nor what else could have served it, nor that another contract did."""
    own = [it for it in evidence.attempts if it.called and contract_id(it) == contract]
    attempts = tuple(replace(it, number=number) for number, it in enumerate(own, 1))
    at = attempts[0].at if attempts else evidence.at
    asked = None if evidence.asked is None else replace(evidence.asked, app="", model="", path="")
    return Evidence(evidence.request_id, at, Audience.PROVIDER, attempts, asked=asked)


def _for_app(evidence: Evidence) -> Evidence:
    """Of the contracts what a tag says of them, and of the decision what its owner is told."""
    attempts = tuple(
        replace(
            it,
            organization="",
            project="",
            terms=Terms(it.terms.contract, it.terms.billing_owner, it.terms.limits_owner, it.terms.support_owner),
            headers={name: value for name, value in it.headers.items() if name in _APPS_HEADERS},
        )
        for it in evidence.attempts
    )
    decided = evidence.decided
    if decided is not None:
        # Of contracts that it may not use an app learns nothing.
        hidden = {it.route for it in decided.drops if it.reason == Reason.APP_POLICY}
        drops = tuple(replace(it, remedy="") for it in decided.drops if it.route not in hidden)
        decided = replace(decided, drops=drops)
    return replace(evidence, audience=Audience.APP, attempts=attempts, decided=decided)
