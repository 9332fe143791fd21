"""Free tags: what a caller adds to a request so that finance can find it again."""

import re

from gateway.core.outcome import Owner, Refusal

HEADER = "x-gateway-tag"
TAGS_MAX = 8
VALUE_CHARS_MAX = 64
_VALUE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:/ -]{{0,{VALUE_CHARS_MAX - 1}}}")


def parse_tags(header: str, allowed: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Read ``campaign=autumn, season=2026``: sorted pairs, each key once; raises ``Refusal`` for what is not allowed."""
    if not header:
        return ()
    tags: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in header.split(","))):
        key, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator or not _VALUE.fullmatch(value):
            rule = f"a value of 1 to {VALUE_CHARS_MAX} letters, digits, spaces or . _ : / -"
            raise _refuse(f"'{part[:VALUE_CHARS_MAX]}' is not KEY=VALUE with {rule}.")
        if key not in allowed:
            raise _refuse(f"'{key[:VALUE_CHARS_MAX]}' is not a tag of this app. Allowed: {', '.join(sorted(allowed)) or 'none'}.")
        tags[key] = value
    if len(tags) > TAGS_MAX:
        raise _refuse(f"at most {TAGS_MAX} tags a request, but got {len(tags)}.")
    return tuple(sorted(tags.items()))


def _refuse(rule: str) -> Refusal:
    return Refusal(
        status=400,
        type="invalid_request_error",
        code="invalid_tag",
        param=HEADER,
        message=f"Invalid header '{HEADER}': {rule}",
        owner=Owner.APP_POLICY,
        rule="app_policy.tag",
        first_check="Compare the header with the tags that the gateway's configuration allows this app.",
        stop_rule="Do not send it again unchanged: it will be refused again.",
    )
