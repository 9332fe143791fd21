"""Failures of what operators have configured: a name or an address that the provider does not know."""

from gateway.core.diagnosis.rules.rule import OPENAI, THREADS, Rule
from gateway.core.outcome import Outcome, Owner, Stage

_MEND = "Do not retry: ops must mend the route."

ROUTE_MODEL = Rule(
    "route.model",
    Owner.ROUTE,
    "Does the provider know the route's upstream model under that name?",
    _MEND,
    f"{OPENAI}; errors of Azure OpenAI, Google and Volcengine {THREADS}",
    words=frozenset({"deploymentnotfound", "unknown_model", "invalid_model", "invalidendpoint.closedendpoint"}),
    texts=("' does not exist", "is not found for api version", "requested model, '", "for model  in group"),
)
ROUTE_MODEL_VALUE = Rule(
    ROUTE_MODEL.id,
    Owner.ROUTE,
    ROUTE_MODEL.first_check,
    _MEND,
    OPENAI,
    params=frozenset({"model"}),
    words=frozenset({"invalid_value", "model_not_supported"}),
)
ROUTE_PATH = Rule(
    "route.path",
    Owner.ROUTE,
    "Does the provider's base URL end where its Images API begins?",
    _MEND,
    f"HTTP (RFC 9110, 15.5.5 and 15.5.6); errors of Azure OpenAI {THREADS}",
    texts=("api version not supported", "openai-version header", "use the correct endpoint"),
    statuses=frozenset({404, 405}),
)
ROUTE_PAGE = Rule(
    "route.page",
    Owner.ROUTE,
    "Does the provider's base URL lead to its API, and not to a page for people?",
    _MEND,
    "a web page in the place of an answer",
    stages=frozenset({Stage.BODY}),
    texts=("<!doctype html", "<html"),
    outcome=Outcome.AMBIGUOUS,
)
