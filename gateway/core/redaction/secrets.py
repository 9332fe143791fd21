"""Take out of a text what must never leave the gateway: keys, account ids, internal addresses, image data."""

import re

MASK = "[redacted]"
_SECRETS = re.compile(
    r"""
      \b(?:sk|rk|pk|igw)[-_][A-Za-z0-9_\-*.…]{3,}                      # keys
    | \b(?:org|proj)[-_][A-Za-z0-9]{6,}                                # organizations, projects
    | (?i:\bbearer\s+)[^\s"',;]+                                       # an authorization header's value
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?      # a JSON web token
    | [A-Za-z0-9+/=_-]{256,}                                           # base64 data
    """,
    re.VERBOSE,
)
_PRIVATE_ADDRESSES = re.compile(r"""\bhttps?://(?!(?:[a-z]+\.)?openai\.com/)[^\s"'<>]+""")


def redact(text: str) -> str:
    """``text`` without secrets."""
    return _SECRETS.sub(MASK, text)


def redact_foreign(text: str) -> str:
    """A provider's text for a caller: without secrets, and without addresses other than OpenAI's public ones."""
    return redact(_PRIVATE_ADDRESSES.sub(MASK, text))
