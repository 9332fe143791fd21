"""Kinds of values in the configuration: what may be written, and the plain words for what may not."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

MISTAKE = "mistake"
AMOUNT_MAX = 1_000_000


def mistake(what: str, fix: str) -> PydanticCustomError:
    """A mistake in our own words. ``{value}`` stands for what was written, shown only where that may be shown."""
    return PydanticCustomError(MISTAKE, "{what}", {"what": what, "fix": fix})


def _matching(pattern: str, what: str, fix: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise mistake(what, fix)
        return value

    return AfterValidator(check)


Id = Annotated[
    str,
    Field(max_length=100),
    _matching(
        r"[a-z0-9][a-z0-9._-]*",
        "is not an id",
        "Use lower-case letters, digits, '-', '.' and '_', beginning with a letter or digit.",
    ),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$", "maxLength": 100}),
]
Name = Annotated[
    str,
    Field(max_length=200),
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9._:/@-]*",
        "is not a model's name",
        "Use letters, digits and . _ : / @ - as the provider writes it.",
    ),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", "maxLength": 200}),
]
Word = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        "is not a word of the Images API",
        "Use letters, digits and . _ - (at most 64), as the provider writes it.",
    ),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}),
]
# Limits keep headers and ledger rows small; terms may be a paragraph.
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    _matching(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*", "must be one line without control characters", "Remove them."),
]
Revision = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        "is not a revision",
        "Write a date such as 2026-10-01 or a word of letters, digits and . _ - (at most 64).",
    ),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}),
]
Currency = Annotated[
    str,
    _matching(r"[A-Z]{3}", "is not a currency", "Write three capital letters by ISO 4217, such as USD or EUR."),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"}),
]
EnvironmentName = Annotated[
    str,
    _matching(
        r"[A-Za-z_][A-Za-z0-9_]{0,199}",
        "is not the name of an environment variable",
        "Write only its name, such as OPENAI_API_KEY: without a dollar, and never the key itself.",
    ),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,199}$"}),
]
TagKey = Annotated[
    str,
    _matching(r"[a-z][a-z0-9_-]{0,31}", "is not a tag's key", "Use at most 32 lower-case letters, digits, '-' and '_'."),
    WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"}),
]
KEY_FIX = (
    "Write '- sha256: HASH'; 'gateway keys APP' makes a key and its hash, and 'printf %s KEY | sha256sum' hashes one you have."
)
Digest = Annotated[
    str,
    _matching(r"[0-9A-Fa-f]{64}", "is not a SHA-256 hash of 64 hexadecimal digits", KEY_FIX),
    AfterValidator(str.lower),
    WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}),
]
SIZE_PATTERN = r"[1-9][0-9]{0,4}x[1-9][0-9]{0,4}"
PixelSize = Annotated[
    str,
    _matching(SIZE_PATTERN, "is not a size in pixels", "Write WIDTHxHEIGHT, such as 1024x1024."),
    WithJsonSchema({"type": "string", "pattern": f"^{SIZE_PATTERN}$"}),
]
RateSize = Annotated[
    str,
    _matching(rf"\*|auto|{SIZE_PATTERN}", "is not a size", 'Write WIDTHxHEIGHT such as 1024x1024, or "*" for any.'),
    WithJsonSchema({"type": "string", "pattern": rf"^(\*|auto|{SIZE_PATTERN})$"}),
]
Quality = Annotated[
    str,
    _matching(r"\*|[a-z][a-z0-9_-]{0,31}", "is not a quality", 'Write the provider\'s word such as low or high, or "*" for any.'),
    WithJsonSchema({"type": "string", "pattern": r"^(\*|[a-z][a-z0-9_-]{0,31})$"}),
]


def _day(value: object) -> object:
    fix = "Write it as YEAR-MONTH-DAY, such as 2026-10-01."
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise mistake("is not a date", fix)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise mistake("is not a day of the calendar", fix) from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _amount(decimals: int) -> BeforeValidator:
    pattern = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")

    def read(value: object) -> object:
        text = f"{Decimal(value):f}" if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
        if isinstance(text, str) and text.startswith("-"):
            raise mistake("is negative", "Write an amount of 0 or more.")
        if not isinstance(text, str) or not pattern.fullmatch(text):
            raise mistake("is not an amount", "Write digits with an optional decimal point, such as 1.25, without a currency.")
        if len(text.partition(".")[2].rstrip("0")) > decimals:
            raise mistake(f"has more than {decimals} decimals", "Finer amounts cannot be booked exactly: round it.")
        if Decimal(text) > AMOUNT_MAX:
            raise mistake("is too large", f"Write at most {AMOUNT_MAX}.")
        # Without needless zeros, so that 5.00 and 5.0 are one value to the revision too.
        return Decimal(text.rstrip("0") if "." in text else text)

    return BeforeValidator(read)


_AMOUNT_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": AMOUNT_MAX},
            {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,15})?$"},
        ]
    }
)
# Whole nano-units: three decimals of a price per million are nine of a price per token.
PerMillion = Annotated[Decimal, _amount(3), _AMOUNT_SCHEMA]
Amount = Annotated[Decimal, _amount(9), _AMOUNT_SCHEMA]


def _seconds(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise mistake("is not a number of seconds", "Write a number such as 5 or 2.5, without quotes.")
    return float(value)


Seconds = Annotated[float, BeforeValidator(_seconds)]


def _base_url(value: str) -> str:
    fix = "Write it as https://HOST/v1: without user name, password, query or '#'."
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise mistake("is not a URL", fix) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not value.isascii():
        raise mistake("is not an http or https URL", fix)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise mistake("holds a user name or a password", "Put the secret under 'credential'.")
    if "?" in value or "#" in value:
        raise mistake("holds a query or a fragment", fix)
    if not re.fullmatch(r"(/[A-Za-z0-9._~:-]+)+/?", parts.path):
        raise mistake(
            "does not end with a path such as /v1", "Write the URL up to where the provider's 'images/generations' begins."
        )
    return value.rstrip("/")


BaseUrl = Annotated[
    str,
    Field(max_length=500),
    _matching(r"[!-~]*", "is not a URL", "Write it as https://HOST/v1, without spaces."),
    AfterValidator(_base_url),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^/?#@ ]+(/[A-Za-z0-9._~:-]+)+/?$", "maxLength": 500}),
]
