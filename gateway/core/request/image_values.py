"""What of a body can be an image: one rule for every endpoint, so that no data policy is passed by under another name."""

import re
from collections.abc import Mapping
from typing import Any

# Members of the Images API that hold no image, whatever they say: source, OpenAI's API reference, read 2026-11-23.
PLAIN = frozenset({
    "model", "prompt", "n", "size", "quality", "style", "background", "moderation", "input_fidelity", "output_format",
    "output_compression", "response_format", "stream", "partial_images", "user", "safety_identifier", "service_tier",
})  # fmt: skip
# Under which names image APIs take images and files: image, images[], imageUrl, input_image, init-image, file_id.
_NAMED = re.compile(
    r"(?:.*[_-])?(?:images?|img|photos?|pictures?|masks?|markups?|references?|files?)(?:[_-]?(?:url|uri|b64|base64|data|id)s?)?",
    re.IGNORECASE,
)
_LINK = re.compile(r"\s*(?:data|https?|file):", re.IGNORECASE)


def images_in(fields: Mapping[str, Any], without: frozenset[str] = PLAIN) -> int:
    """How many values can be an image: what is named like one, and each link or data URL, at every depth.

    ``without`` are members that are not looked at. A body with more than a thousand values has been refused before.
    """
    waiting = [(name, value) for name, value in fields.items() if name not in without]
    found = 0
    while waiting:
        name, value = waiting.pop()
        named = _NAMED.fullmatch(name.partition("[")[0]) is not None
        if isinstance(value, str):
            found += bool(value.strip()) and (named or _LINK.match(value) is not None)
        elif isinstance(value, list):
            waiting += [(name, item) for item in value]
        elif isinstance(value, Mapping) and named and value:
            found += 1
        elif isinstance(value, Mapping):
            waiting += value.items()
    return found
