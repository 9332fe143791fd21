"""One line of a provider's bill, whatever file it came in, and which of the gateway's models it is about."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase

from gateway.core.money.amount import NANOS_PER_UNIT, from_nanos

DECIMALS_MAX = 9
_DATED = r"-[0-9]{4}-[0-9]{2}-[0-9]{2}"


@dataclass(frozen=True, slots=True)
class ProviderCharge:
    """``day`` is in UTC; ``amount`` has at most ``DECIMALS_MAX`` decimals, and ``None`` is no money: the line only counts.

    ``name`` is what the file calls the thing that was sold, empty where it does not say. ``accounts`` are all names of whose it
    is (organisation, project, subscription, resource), ``key`` the API key or resource that was called. ``credit`` says that it
    gives money back. ``decimals`` is how exact the file is, ``source`` the SHA-256 (hex) of the file's bytes.
    """

    day: date
    name: str
    currency: str
    amount: Decimal | None
    decimals: int
    source: str
    requests: int | None = None
    images: int | None = None
    request_id: str = ""
    key: str = ""
    accounts: tuple[str, ...] = ()
    credit: bool = False


def amount_of(text: str | Decimal) -> tuple[Decimal, int]:
    """The amount in whole nano-units, and how many decimals were written; ``ValueError`` for what is no amount."""
    found = (
        Decimal(text)
        if isinstance(text, Decimal)
        or re.fullmatch(r"[+-]?([0-9]{1,15}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?", text)
        else None
    )
    if found is None or not found.is_finite() or abs(found) >= 10**9:
        raise ValueError(f"'{str(text)[:40]}' is no amount: write a decimal number such as 0.21, without thousands separators.")
    decimals = len(f"{found:f}".partition(".")[2])
    return from_nanos(round(found * NANOS_PER_UNIT)), min(decimals, DECIMALS_MAX)


def model_named(name: str, models: Collection[str], patterns: Sequence[tuple[str, str]]) -> str:
    """The upstream model that a line is about; the name itself where it is none of ``models``.

    ``patterns`` (glob, model) come first. Else a name counts up to its first blank or comma, for OpenAI's line items are
    ``MODEL[ MODALITY], DIRECTION``; and a model stands for its dated version, and the other way round, where that is unique.
    """
    for pattern, model in patterns:
        if fnmatchcase(name.lower(), pattern.lower()):
            return model
    stem = re.split(r"[ ,]", name, maxsplit=1)[0]
    if stem in models:
        return stem
    dated = [it for it in models if re.fullmatch(re.escape(it) + _DATED, stem) or re.fullmatch(re.escape(stem) + _DATED, it)]
    return dated[0] if len(dated) == 1 else name
