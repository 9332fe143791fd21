"""Failures of what was asked for: refused by a safety system, wrong in form, or sent to the wrong place."""

from gateway.core.diagnosis.rules.rule import OPENAI, THREADS, Rule
from gateway.core.outcome import Outcome, Owner

_SAFETY_CHECK = "Read the safety message; change the prompt or the reference image."

_MADE_WORDS = frozenset({
    "image_safety", "content moderated", "outputimagesensitivecontentdetected", "image_recitation", "content_filtered",
    "image_prohibited_content", "output",
})  # fmt: skip
MODERATION_OF_OUTPUT = Rule(
    "moderation.output",
    Owner.MODERATION,
    _SAFETY_CHECK,
    "Do not retry and do not try another provider with the same prompt; the image had been made and may be billed.",
    f"errors of Google, Replicate, Stability, Volcengine and Black Forest Labs {THREADS}",
    words=_MADE_WORDS,
    texts=("[image_safety]", "nsfw content detected", "generated image was blocked", "output image may contain"),
    outcome=Outcome.AMBIGUOUS,
)

_BLOCKED_WORDS = frozenset({
    "moderation_blocked", "content_policy_violation", "content_filter", "contentfilter", "responsibleaipolicyviolation",
    "content_moderation", "data_inspection_failed", "datainspectionfailed", "sensitivecontentdetected", "prohibited_content",
    "public_error_unsafe_generation", "request moderated", "inputtextsensitivecontentdetected", "inputimageriskdetection",
    "safety",
})  # fmt: skip
_BLOCKED_TEXTS = (
    "safety system", "content management policy", "content filters", "violates usage guidelines", "violated vertex ai's usage",
    "content checker", "inappropriate content", "content policy violation", "contentpolicyviolationerror", "content policies",
    "flagged by", "was flagged for", "sensitive information", "includes sensitive content",
)  # fmt: skip
MODERATION = Rule(
    "moderation.blocked",
    Owner.MODERATION,
    _SAFETY_CHECK,
    "Do not retry and do not try another provider with the same prompt.",
    f"{OPENAI}; errors of Azure OpenAI, Amazon Bedrock, fal, xAI, Alibaba, Volcengine, Venice and Google {THREADS}",
    words=_BLOCKED_WORDS,
    texts=_BLOCKED_TEXTS,
)

_ELSEWHERE_TEXTS = (
    "not supported with the responses api", "not supported with responses api", "not a chat model",
    "only supported in v1/responses", "operation does not work with the specified model",
)  # fmt: skip
MODEL_PLACEMENT = Rule(
    "model_placement.endpoint",
    Owner.MODEL_PLACEMENT,
    "Is this an image model on an endpoint for text, or the reverse?",
    "Put direct model calls in the Images API; in Responses use a text model with the image_generation tool.",
    OPENAI,
    words=frozenset({"operationnotsupported"}),
    texts=_ELSEWHERE_TEXTS,
)
SHAPE = Rule(
    "shape.refused",
    Owner.REQUEST_SHAPE,
    "Read the error's message and param, and compare the request with the Images API reference.",
    "Do not send it again unchanged: it will be refused again.",
    f"{OPENAI}; OpenRouter's errors {THREADS}",
    texts=("no endpoints found that support",),
    statuses=frozenset({400, 413, 415, 422}),
)
TOO_LARGE = Rule(
    "shape.too_large",
    Owner.REQUEST_SHAPE,
    "How large is the request? The provider, or a proxy on the way to it, refuses it for its size.",
    SHAPE.stop_rule,
    "HTTP (RFC 9110, 15.5.14)",
    within=frozenset({413}),
    texts=("",),
)
_LINK_TEXTS = (
    "failed to download", "error while downloading", "timeout while downloading", "unable to download", "could not download",
    "cannot download", "error downloading", "failed to fetch", "unable to fetch", "could not fetch", "cannot fetch",
    "error fetching", "failed to retrieve", "unable to retrieve", "failed to load image", "unable to load image",
    "could not load image",
)  # fmt: skip
LINK = Rule(
    "shape.link",
    Owner.REQUEST_SHAPE,
    "Can the provider reach the link in the request, and is it an image? Open it without any login.",
    "Do not send it again before the link works, or send the image itself.",
    f"{OPENAI}, and its errors for links {THREADS}; other words for the same",
    words=frozenset({"invalid_image_url"}),
    texts=_LINK_TEXTS,
    of_its_link=True,
)
