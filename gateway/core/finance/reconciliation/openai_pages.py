"""OpenAI's organization costs and image usage, as their pages deliver them.

Source: openai-python 3.3.1 (2026-08-21), types of ``/v1/organization/costs`` and ``/v1/organization/usage/images``; line items
are ``MODEL[ MODALITY], DIRECTION``, such as ``gpt-image-2-2026-04-21 image, output`` (seen in public code, 2026-11-23).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from gateway.core.finance.reconciliation.charge import DECIMALS_MAX, ProviderCharge, amount_of

_COSTS, _IMAGES = "organization.costs.result", "organization.usage.images.result"
_DECODER = json.JSONDecoder(parse_float=Decimal)


def pages_of(text: str) -> Iterator[Mapping[str, Any]]:
    """The pages of a file, one or several one after the other; ``ValueError`` where it holds anything else."""
    rest = text.strip()
    while rest:
        found, end = _DECODER.raw_decode(rest)
        rest = rest[end:].lstrip()
        for page in found if isinstance(found, list) else [found]:
            if not isinstance(page, dict) or page.get("object") != "page" or not isinstance(page.get("data"), list):
                raise ValueError('it is no page of OpenAI: an object with "object": "page" and a list "data".')
            yield page


def charges_of_page(page: Mapping[str, Any], source: str) -> Iterator[date | ProviderCharge]:
    """Of each bucket its UTC day, then its lines; ``ValueError`` and ``KeyError`` where it is not shaped as documented."""
    for bucket in page["data"]:
        day = datetime.fromtimestamp(int(bucket["start_time"]), UTC).date()
        for it in bucket["results"]:
            if it["object"] == _COSTS:
                yield _cost(day, it, source)
            elif it["object"] == _IMAGES:
                yield _usage(day, it, source)
            else:
                raise ValueError(f"it holds '{it['object']}': give pages of costs and of image usage.")
        if not any(it["object"] == _IMAGES for it in bucket["results"]):
            yield day


def _cost(day: date, it: Mapping[str, Any], source: str) -> ProviderCharge:
    """Amounts are JSON numbers, so the digits written say nothing about how exact they are; some are written as text."""
    amount, _ = amount_of(it["amount"]["value"] if isinstance(it["amount"]["value"], Decimal) else str(it["amount"]["value"]))
    return ProviderCharge(
        day=day,
        name=it.get("line_item") or "",
        currency=it["amount"]["currency"].upper(),
        amount=amount,
        decimals=DECIMALS_MAX,
        source=source,
        key=it.get("api_key_id") or "",
        accounts=_accounts(it),
        credit=amount < 0,
    )


def _usage(day: date, it: Mapping[str, Any], source: str) -> ProviderCharge:
    return ProviderCharge(
        day=day,
        name=it.get("model") or "",
        currency="",
        amount=None,
        decimals=0,
        source=source,
        requests=int(it["num_model_requests"]),
        images=int(it["images"]),
        key=it.get("api_key_id") or "",
        accounts=_accounts(it),
    )


def _accounts(it: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(filter(None, (it.get("project_id"), it.get("organization_id"))))
