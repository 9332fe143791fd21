"""Who owns a failure. Found before anything is changed: each owner has a first check and a stop rule."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """The closed set of those who can own a blocked request; ``unknown`` is alarmed on."""

    CALLER = "caller"
    APP_POLICY = "app_policy"
    REQUEST_SHAPE = "request_shape"
    MODEL_PLACEMENT = "model_placement"
    ACCOUNT = "account"
    VERIFICATION = "verification"
    RATE_LIMIT = "rate_limit"
    MODERATION = "moderation"
    PROVIDER = "provider"
    ROUTE = "route"
    GATEWAY = "gateway"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What became of an attempt. ``ambiguous``: it may have been billed and we cannot know."""

    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    COMPLETED = "completed"
    AMBIGUOUS = "ambiguous"


class Stage(StrEnum):
    """How far an attempt came: no connection, no answer, an answer with an error status, a faulty success."""

    CONNECT = "connect"
    ANSWER = "answer"
    STATUS = "status"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a failed attempt. ``status`` is 0 without an answer; the texts are the provider's own, or empty.

    A 503 without the provider's own error may come from a proxy that had forwarded the request: it proves nothing.
    ``delivering``: image data had arrived before the error, so that something was made.
    """

    stage: Stage
    status: int = 0
    type: str = ""
    code: str = ""
    message: str = ""
    delivering: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Owner, the rule that found it, what to check first, when to stop, and what it means for money and retries."""

    owner: Owner
    rule: str
    first_check: str
    stop_rule: str
    outcome: Outcome
    retryable: bool


class Refusal(Exception):
    """The gateway's own error: nothing was sent to a provider. Carries the OpenAI error's members and the diagnosis.

    ``retry_after_s`` counts where it is ``retryable``.
    """

    def __init__(
        self,
        *,
        status: int,
        type: str,
        code: str,
        param: str | None,
        message: str,
        owner: Owner,
        rule: str,
        first_check: str,
        stop_rule: str,
        retryable: bool = False,
        retry_after_s: float = 1.0,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.status, self.type, self.code, self.param, self.message = status, type, code, param, message
        self.diagnosis = Diagnosis(owner, rule, first_check, stop_rule, Outcome.NOT_SENT, retryable)


def shape_refusal(code: str, message: str, *, param: str | None = None, status: int = 400) -> Refusal:
    """The refusal of a request whose form is wrong; ``message`` names the field, the rule and the fix."""
    return Refusal(
        status=status,
        type="invalid_request_error",
        code=code,
        param=param,
        message=message,
        owner=Owner.REQUEST_SHAPE,
        rule=f"shape.{code}",
        first_check="Compare the request with the Images API reference.",
        stop_rule="Do not send it again unchanged: it will be refused again.",
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    matches: Callable[[Facts], bool]
    owner: Owner
    first_check: str
    stop_rule: str
    outcome: Outcome = Outcome.REJECTED
    retryable: bool = False


def diagnose(facts: Facts) -> Diagnosis:
    """The first rule that matches; every input gets an owner."""
    rule = next(rule for rule in _RULES if rule.matches(facts))
    if facts.delivering:
        return Diagnosis(rule.owner, rule.id, rule.first_check, _MAY_BE_BILLED, Outcome.AMBIGUOUS, retryable=False)
    return Diagnosis(rule.owner, rule.id, rule.first_check, rule.stop_rule, rule.outcome, rule.retryable)


def client_left() -> Diagnosis:
    """The app's policy is to break a call off when its client leaves: the provider may have made and billed the image."""
    return Diagnosis(
        Owner.CALLER,
        "caller.left",
        "Did the client give up too early? Image jobs take up to 300 s.",
        _MAY_BE_BILLED,
        Outcome.AMBIGUOUS,
        retryable=False,
    )


def limit_used_up(*, ever: bool) -> Diagnosis:
    """A recorded limit of the contract has no room; ``ever``: whether a request of this size can fit into it at all."""
    return Diagnosis(
        Owner.RATE_LIMIT,
        "rate_limit.contract",
        "Compare the limits recorded in the contract with the provider's limits page.",
        "Wait for retry-after; reduce concurrency before asking for a higher limit." if ever else "Ask for fewer images at once.",
        Outcome.NOT_SENT,
        retryable=ever,
    )


def limits_unknown() -> Diagnosis:
    """The counters of the contract's limits cannot be asked, and the contract says that nothing is sent then."""
    return Diagnosis(
        Owner.GATEWAY,
        "gateway.limits_unavailable",
        "Ops: can the gateway reach the Redis at state.redis_url?",
        "Nothing was sent, nothing was billed: the request may be sent again.",
        Outcome.NOT_SENT,
        retryable=True,
    )


_MAY_BE_BILLED = "Do not send it again before the bill is known: a second image may be paid for."
_ACCOUNT_CODES = frozenset({
    "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded", "billing_hard_limit_reached",
})  # fmt: skip
_MODERATION_CODES = frozenset({"moderation_blocked", "content_policy_violation", "content_filter", "contentFilter"})

# Ordered from the special to the general. Codes and texts: OpenAI's error guide and recorded answers, compiled 2026-11-23.
_RULES = (
    _Rule(
        "connect.failed",
        lambda facts: facts.stage is Stage.CONNECT,
        Owner.PROVIDER,
        "Is the provider's base URL right and reachable from the gateway's host?",
        "Nothing was sent, nothing was billed: the request may be sent again.",
        Outcome.NOT_SENT,
        retryable=True,
    ),
    _Rule(
        "answer.missing",
        lambda facts: facts.stage is Stage.ANSWER,
        Owner.PROVIDER,
        "Look the request up at the provider by its time: it may have been made and billed.",
        _MAY_BE_BILLED,
        Outcome.AMBIGUOUS,
    ),
    _Rule(
        "body.unusable",
        lambda facts: facts.stage is Stage.BODY,
        Owner.PROVIDER,
        "Compare the provider's answer with its usage page: was an image made and billed?",
        _MAY_BE_BILLED,
        Outcome.AMBIGUOUS,
    ),
    _Rule(
        "account.credential",
        lambda facts: facts.status == 401,
        Owner.ACCOUNT,
        "Is the contract's credential at this provider valid and unexpired?",
        "Do not retry: ops must replace the credential.",
    ),
    _Rule(
        "account.balance",
        lambda facts: facts.code in _ACCOUNT_CODES or facts.type in _ACCOUNT_CODES or facts.status == 402,
        Owner.ACCOUNT,
        "Check balance and spend limits of the contract's account.",
        "Do not retry and do not lower the rate: only the account's owner can lift this.",
    ),
    _Rule(
        "verification.required",
        lambda facts: facts.status == 403 and "must be verified" in facts.message,
        Owner.VERIFICATION,
        "Check the organization's verification in the provider's console.",
        "Finish verification before rewriting code; it can take 15 minutes to propagate.",
    ),
    _Rule(
        "account.access",
        lambda facts: facts.status == 403 or (facts.status == 404 and facts.code == "model_not_found"),
        Owner.ACCOUNT,
        "Does this account and project have access to the model?",
        "Do not retry: access is granted in the provider's console.",
    ),
    _Rule(
        "moderation.blocked",
        lambda facts: facts.code in _MODERATION_CODES or "safety system" in facts.message,
        Owner.MODERATION,
        "Read the safety message; change the prompt or the reference image.",
        "Do not retry and do not try another provider with the same prompt.",
    ),
    _Rule(
        "rate_limit.throttled",
        lambda facts: facts.status == 429 or facts.code == "rate_limit_exceeded",
        Owner.RATE_LIMIT,
        "Compare the provider's rate-limit headers with the limits recorded in the contract.",
        "Wait for retry-after; reduce concurrency before asking for a higher limit.",
        retryable=True,
    ),
    _Rule(
        "route.model",
        lambda facts: facts.status in (400, 404) and "model" in facts.message and "does not exist" in facts.message,
        Owner.ROUTE,
        "Does the provider know the route's upstream model under that name?",
        "Do not retry: ops must mend the route.",
    ),
    _Rule(
        "route.path",
        lambda facts: facts.status in (404, 405),
        Owner.ROUTE,
        "Does the provider's base URL end where its Images API begins?",
        "Do not retry: ops must mend the route.",
    ),
    _Rule(
        "shape.refused",
        lambda facts: facts.status in (400, 413, 415, 422),
        Owner.REQUEST_SHAPE,
        "Read the error's message and param, and compare the request with the Images API reference.",
        "Do not send it again unchanged: it will be refused again.",
    ),
    _Rule(
        "provider.overloaded",
        lambda facts: facts.status == 503 and bool(facts.message),
        Owner.PROVIDER,
        "Look at the provider's status page.",
        "Wait for retry-after, then send it again.",
        retryable=True,
    ),
    _Rule(
        "provider.failed",
        lambda facts: facts.status >= 500 or facts.status < 400 or facts.status == 408,
        Owner.PROVIDER,
        "Look the request up at the provider by its request id: it may have been made and billed.",
        _MAY_BE_BILLED,
        Outcome.AMBIGUOUS,
    ),
    _Rule(
        "unknown",
        lambda facts: True,
        Owner.UNKNOWN,
        "Read the provider's answer: no rule knows it.",
        "Do not retry before the owner is known.",
        Outcome.AMBIGUOUS,
    ),
)
