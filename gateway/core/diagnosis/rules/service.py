"""Failures of the service: throttling, overload, faults, and answers that never came."""

from gateway.core.diagnosis.rules.rule import OPENAI, THREADS, Rule
from gateway.core.outcome import MAY_BE_BILLED, Outcome, Owner, Stage

_AGAIN = "Wait for retry-after, then send it again."
_STATUS_PAGE = "Look at the provider's status page."

OUT_OF_DESCRIPTORS = Rule(
    "gateway.out_of_descriptors",
    Owner.GATEWAY,
    "Ops: raise the limit of open files of the gateway's process, or lower server.connections_max.",
    "Nothing was sent, nothing was billed: the request may be sent again.",
    "no file descriptor for a connection",
    stages=frozenset({Stage.ROOM}),
    outcome=Outcome.NOT_SENT,
    retryable=True,
)
CONNECT = Rule(
    "connect.failed",
    Owner.PROVIDER,
    "Is the provider's base URL right and reachable from the gateway's host?",
    "Nothing was sent, nothing was billed: the request may be sent again.",
    "no connection",
    stages=frozenset({Stage.CONNECT}),
    outcome=Outcome.NOT_SENT,
    retryable=True,
)
NO_ANSWER = Rule(
    "answer.missing",
    Owner.PROVIDER,
    "Look the request up at the provider by its time: it may have been made and billed.",
    MAY_BE_BILLED,
    "no answer",
    stages=frozenset({Stage.ANSWER}),
    outcome=Outcome.AMBIGUOUS,
)
BODY_UNUSABLE = Rule(
    "body.unusable",
    Owner.PROVIDER,
    "Compare the provider's answer with its usage page: was an image made and billed?",
    MAY_BE_BILLED,
    "a success without a usable image",
    stages=frozenset({Stage.BODY}),
    outcome=Outcome.AMBIGUOUS,
)

_THROTTLED_WORDS = frozenset({
    "rate_limit_exceeded", "rate_limit_error", "slow_down", "resource_exhausted", "throttlingexception", "throttling",
    "throttling.ratequota", "throttling.allocationquota", "too_many_requests", "1302",
})  # fmt: skip
THROTTLED = Rule(
    "rate_limit.throttled",
    Owner.RATE_LIMIT,
    "Compare the provider's rate-limit headers with the limits recorded in the contract.",
    "Wait for retry-after; reduce concurrency before asking for a higher limit.",
    f"{OPENAI}; errors of Google, Amazon Bedrock, Alibaba and Zhipu {THREADS}",
    words=_THROTTLED_WORDS,
    texts=("rate limit", "too many requests", "too many active tasks", "error code: 1015", "exhausted your capacity"),
    statuses=frozenset({429}),
    retryable=True,
)
THROTTLED_TOKENS = Rule(
    THROTTLED.id,
    Owner.RATE_LIMIT,
    THROTTLED.first_check,
    THROTTLED.stop_rule,
    f"errors of Alibaba, whose insufficient_quota means tokens a minute, {THREADS}",
    texts=("#token-limit",),
    retryable=True,
)
OVERLOADED = Rule(
    "provider.overloaded",
    Owner.PROVIDER,
    _STATUS_PAGE,
    _AGAIN,
    f"{OPENAI}; errors of Google and Azure OpenAI {THREADS}",
    within=frozenset({429, 503, 529}),
    words=frozenset(
        {"unavailable", "server_is_overloaded", "overloaded_error", "engine_overloaded", "serviceunavailableexception"}
    ),
    texts=("overloaded", "high demand", "at capacity"),
    retryable=True,
)
UNAVAILABLE = Rule(
    "provider.unavailable",
    Owner.PROVIDER,
    _STATUS_PAGE,
    _AGAIN,
    "HTTP (RFC 9110, 15.6.4), where the provider says so itself and not a proxy in front of it",
    within=frozenset({503}),
    words=frozenset({"service_unavailable_error", "service_unavailable", "server_error"}),
    texts=("temporarily unavailable",),
    retryable=True,
)
_NO_CAPACITY_TEXTS = (
    "no available channel", "无可用渠道", "no available compatible account", "no available account", "no available image quota",
    "no deployments available", "no available model provider",
)  # fmt: skip
MISCONFIGURED = Rule(
    "provider.misconfigured",
    Owner.PROVIDER,
    "Tell the reseller what its answer says: only its own operators can mend it.",
    "Do not retry before the reseller has mended it: nothing was made.",
    f"errors of new-api, OpenRouter and relay stations {THREADS}",
    texts=(
        "ratio or price not set",
        "no endpoints found for",
        "upstream access forbidden",
        "tool choice 'image_generation' not found",
    ),
)
NO_CAPACITY = Rule(
    "provider.no_capacity",
    Owner.PROVIDER,
    "Ask the reseller: none of its own accounts could take the request.",
    _AGAIN,
    f"errors of one-api, new-api, OpenRouter, fal, LiteLLM and relay stations {THREADS}",
    words=frozenset({"downstream_service_unavailable"}),
    texts=_NO_CAPACITY_TEXTS,
    retryable=True,
)
_UPSTREAM_WORDS = frozenset({
    "upstream_error", "do_request_failed", "bad_response_status_code", "bad_response_body", "downstream_service_error",
    "generation_failed",
})  # fmt: skip
UPSTREAM_FAILED = Rule(
    "provider.upstream_failed",
    Owner.PROVIDER,
    "Look the request up at the reseller by its request id: its own provider may have made and billed the image.",
    MAY_BE_BILLED,
    f"errors of new-api and relay stations {THREADS}",
    words=_UPSTREAM_WORDS,
    outcome=Outcome.AMBIGUOUS,
)
PROXY_FAILED = Rule(
    "provider.proxy_failed",
    Owner.PROVIDER,
    "Look the request up at the provider by its time: a proxy in front of it gave up, and the image may have been made.",
    MAY_BE_BILLED,
    "Cloudflare's errors 520 to 530",
    statuses=range(520, 531),
    outcome=Outcome.AMBIGUOUS,
)
PROVIDER_FAILED = Rule(
    "provider.failed",
    Owner.PROVIDER,
    "Look the request up at the provider by its request id: it may have been made and billed.",
    MAY_BE_BILLED,
    "HTTP: a server error, or no error status at all",
    statuses=frozenset({*range(400), 408, *range(500, 1000)}),
    outcome=Outcome.AMBIGUOUS,
)
UNKNOWN = Rule(
    "unknown",
    Owner.UNKNOWN,
    "Read the provider's answer: no rule knows it.",
    "Do not retry before the owner is known.",
    "none",
    outcome=Outcome.AMBIGUOUS,
)
