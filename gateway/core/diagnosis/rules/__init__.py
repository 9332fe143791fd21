"""Whose a failure is: the first rule that matches. All rules, in one order, from the special to the general."""

from gateway.core.contract.contract import VerificationState
from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.rules.account import (
    ACCESS,
    BALANCE,
    BLOCKED,
    CREDENTIAL,
    FREE,
    QUOTA,
    REGION,
    VERIFICATION,
    VERIFICATION_RECORDED,
)
from gateway.core.diagnosis.rules.request import LINK, MODEL_PLACEMENT, MODERATION, MODERATION_OF_OUTPUT, SHAPE, TOO_LARGE
from gateway.core.diagnosis.rules.route import ROUTE_MODEL, ROUTE_MODEL_VALUE, ROUTE_PAGE, ROUTE_PATH
from gateway.core.diagnosis.rules.rule import Rule
from gateway.core.diagnosis.rules.service import (
    BODY_UNUSABLE,
    CONNECT,
    MISCONFIGURED,
    NO_ANSWER,
    NO_CAPACITY,
    OUT_OF_DESCRIPTORS,
    OVERLOADED,
    PROVIDER_FAILED,
    PROXY_FAILED,
    THROTTLED,
    THROTTLED_TOKENS,
    UNAVAILABLE,
    UNKNOWN,
    UPSTREAM_FAILED,
)
from gateway.core.outcome import Confidence, Diagnosis, Stage

RULES: tuple[Rule, ...] = (
    OUT_OF_DESCRIPTORS,
    CONNECT,
    NO_ANSWER,
    TOO_LARGE,
    LINK,
    VERIFICATION,
    BLOCKED,
    THROTTLED_TOKENS,
    BALANCE,
    QUOTA,
    REGION,
    MODERATION_OF_OUTPUT,
    MODERATION,
    ROUTE_MODEL,
    OVERLOADED,
    MISCONFIGURED,
    NO_CAPACITY,
    THROTTLED,
    CREDENTIAL,
    MODEL_PLACEMENT,
    ROUTE_MODEL_VALUE,
    ROUTE_PAGE,
    ROUTE_PATH,
    ACCESS,
    UNAVAILABLE,
    UPSTREAM_FAILED,
    BODY_UNUSABLE,
    SHAPE,
    PROXY_FAILED,
    PROVIDER_FAILED,
    UNKNOWN,
)


def diagnose(facts: Facts) -> Diagnosis:
    """Every failure gets an owner; what no rule knows is ``unknown``."""
    succeeded = facts.delivering or facts.stage is Stage.BODY
    status, message = facts.error.status or facts.status, facts.error.message.lower()
    for rule in RULES:
        if (confidence := rule.recognises(facts, status, message)) is not None:
            return _in_context(rule, facts).diagnosis(confidence, succeeded=succeeded)
    rule = next((rule for rule in RULES if rule.falls_back_on(facts, status)), UNKNOWN)
    confidence = Confidence.LOW if facts.stage is Stage.STATUS else Confidence.HIGH
    return _in_context(rule, facts).diagnosis(confidence, succeeded=succeeded)


def _in_context(rule: Rule, facts: Facts) -> Rule:
    """What the contract has recorded of its account can explain a refused access better than the answer does."""
    if rule is not ACCESS:
        return rule
    if facts.verification is VerificationState.UNVERIFIED:
        return VERIFICATION_RECORDED
    return FREE if facts.usage_tier.strip().lower() in ("free", "tier free", "0") else rule
