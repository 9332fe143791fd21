"""Failures that only the account's owner can mend: credential, money, verification, access."""

from gateway.core.diagnosis.rules.rule import OPENAI, THREADS, Rule
from gateway.core.outcome import Owner

VERIFICATION = Rule(
    "verification.required",
    Owner.VERIFICATION,
    "Check the organization's verification in the provider's console.",
    "Finish verification before rewriting code; it can take 15 minutes to propagate.",
    OPENAI,
    texts=("must be verified",),
)
VERIFICATION_RECORDED = Rule(
    "verification.recorded",
    Owner.VERIFICATION,
    "The contract records the organization as unverified: check its verification in the provider's console.",
    "Finish verification or open support evidence before rewriting code.",
    "the contract's verification",
)
FREE = Rule(
    "account.free_tier",
    Owner.ACCOUNT,
    "The contract records the Free usage tier: check the model's page and the account's limits page.",
    "Do not plan production on Free API access.",
    "the contract's usage tier; OpenAI's model page marks Free as not supported for GPT image models, 2026-05-16",
)

_CREDENTIAL_WORDS = frozenset({
    "invalid_api_key", "api_key_invalid", "authentication_error", "unauthorized", "unrecognizedclientexception",
    "expiredtokenexception", "invalidsignatureexception", "unauthenticated", "no_organization", "aigatewayerror",
})  # fmt: skip
_CREDENTIAL_TEXTS = (
    "api key not valid", "incorrect api key", "invalid api key", "invalid subscription key", "security token included",
    "no api key found", "无效的令牌", "该令牌状态不可用",
)  # fmt: skip
CREDENTIAL = Rule(
    "account.credential",
    Owner.ACCOUNT,
    "Is the contract's credential at this provider valid and unexpired?",
    "Do not retry: ops must replace the credential.",
    f"{OPENAI}; errors of Amazon Bedrock, Azure OpenAI, Google, Cloudflare, Kong and new-api {THREADS}",
    words=_CREDENTIAL_WORDS,
    texts=_CREDENTIAL_TEXTS,
    statuses=frozenset({401}),
)

_BALANCE_WORDS = frozenset({
    "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded", "billing_hard_limit_reached", "billing_limit_user_error", "insufficient_user_quota",
    "insufficient_balance", "insufficient_credits", "arrearage", "accountoverdueerror", "budget_exceeded", "billing_error",
    "payment_required", "credit_limit",
})  # fmt: skip
_BALANCE_TEXTS = (
    "insufficient credit", "insufficient balance", "insufficient account balance", "insufficient usd", "exhausted balance",
    "reason: top_up", "used all available credits", "have any credits", "quota is not enough", "额度不足", "billing hard limit",
    "budget has been exceeded", "exceededbudget", "crossed budget", "more credits", "overdue balance", "to purchase credit",
)  # fmt: skip
BALANCE = Rule(
    "account.balance",
    Owner.ACCOUNT,
    "Check balance and spend limits of the contract's account.",
    "Do not retry and do not lower the rate: only the account's owner can lift this.",
    f"{OPENAI}; errors of fal, xAI, OpenRouter, Alibaba, Volcengine, one-api, new-api and LiteLLM {THREADS}",
    words=_BALANCE_WORDS,
    texts=_BALANCE_TEXTS,
    statuses=frozenset({402}),
)
QUOTA = Rule(
    "account.no_allowance",
    Owner.ACCOUNT,
    "Does the account's tier have any allowance for this model? Its limit is 0, or its plan has none.",
    "Do not wait: no retry-after ends this. Raise the tier or the quota first.",
    f"errors of OpenAI and Amazon Bedrock {THREADS}",
    words=frozenset({"servicequotaexceededexception"}),
    texts=("limit: 0/", "limit 0,", "limit: 0,", "limit: 0 "),
)

_BLOCKED_TEXTS = (
    "resource has been temporarily blocked", "reason: admin lock", "account is not active", "has been deactivated",
    "has been disabled", "has been restricted", "is suspended",
)  # fmt: skip
BLOCKED = Rule(
    "account.blocked",
    Owner.ACCOUNT,
    "Has the provider locked the contract's account? Read its message and its mails.",
    "Do not retry and do not change prompts: only the provider's support can unlock the account.",
    f"errors of OpenAI, Azure OpenAI, Groq, Anthropic and fal {THREADS}",
    words=frozenset({"access_terminated", "organization_restricted", "account_deactivated"}),
    texts=_BLOCKED_TEXTS,
)
REGION = Rule(
    "account.region",
    Owner.ACCOUNT,
    "From which country does the gateway call, and is it one that the provider serves?",
    "Do not retry from here: use a route in a country that the provider serves.",
    f"{OPENAI}; Google's errors {THREADS}",
    words=frozenset({"unsupported_country_region_territory"}),
    texts=("user location is not supported", "country, region, or territory not supported"),
)

_ACCESS_WORDS = frozenset({
    "model_not_found", "modelnotopen", "permission_denied", "permissiondenied", "accessdeniedexception", "request_forbidden",
    "service_disabled",
})  # fmt: skip
_ACCESS_TEXTS = (
    "does not have access to", "don't have access to", "insufficient permission", "missing scopes", "permission denied",
    "only accessible to billed users", "model access is denied", "has not activated the model",
)  # fmt: skip
ACCESS = Rule(
    "account.access",
    Owner.ACCOUNT,
    "Does this account and project have access to the model?",
    "Do not retry: access is granted in the provider's console.",
    f"{OPENAI}; errors of Google, Amazon Bedrock and Volcengine {THREADS}",
    words=_ACCESS_WORDS,
    texts=_ACCESS_TEXTS,
    statuses=frozenset({403}),
)
