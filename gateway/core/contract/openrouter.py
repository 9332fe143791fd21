"""The words of OpenRouter's image API, for whoever checks a configuration and for whoever translates requests.

Source: its OpenAPI description of ``POST /images`` as public copies have it, read 2026-11-24. The older of two copies lacks
``session_id``, ``trace`` and ``user``: to be compared with the provider's documentation.
"""

DIALECT = "openrouter"
# Members of a request that pass by the same name with the same meaning; its images go as ``input_references``. Not among them
# is ``provider``, by which a caller could choose who makes the image and under which terms.
WORDS = frozenset({
    "aspect_ratio", "background", "model", "n", "output_compression", "output_format", "prompt", "quality",
    "resolution", "seed", "session_id", "size", "stream", "trace", "user",
})  # fmt: skip
# Members of OpenAI's Images API for which it has no word: a route must say that it is without them.
LACKED = frozenset({"input_fidelity", "markup", "mask", "moderation", "partial_images", "safety_identifier", "style"})
# What its ``usage.cost`` is in.
CURRENCY = "USD"
