"""A ledger with a month in it: every way an attempt can stand, two contracts, two currencies, texts that look like formulas."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.core.ledger.entry import Entry, Kind
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from tests.contract.ledger_samples import Clock, entry
from tests.integration.two_contracts import Configuration, changed

OCTOBER, NOVEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11))
FORMULA = "=HYPERLINK(1)"
_TOKENS = {"upstream_model": "gpt-image-2", "contract": "direct", "price_list": "tokens"}
_IMAGES = {
    "upstream_model": "gpt-image-2",
    "contract": "reseller",
    "price_list": "images",
    "provider": "atlas",
    "route": "second",
}
_ISSUER = {"billing_owner": "Atlas", "invoice_issuer": "Atlas Rechnungen GmbH", "currency": "EUR"}


def configured(found: Configuration) -> None:
    """One contract priced by tokens in USD, one by image in EUR."""
    usd = found["price_lists"].pop("usd")
    by_token = {"per_million_tokens": {"text_in": 5, "image_out": 30}}
    by_image = {"per_image": [{"size": "*", "quality": "*", "amount": 0.05}]}
    found["price_lists"]["tokens"] = usd | {"models": {"gpt-image-2": by_token}}
    found["price_lists"]["images"] = usd | {"currency": "EUR", "models": {"gpt-image-2": by_image}}
    found["contracts"]["direct"]["price_list"] = "tokens"
    found["contracts"]["reseller"]["price_list"] = "images"
    found["contracts"]["reseller"]["billing"]["currency"] = "EUR"


def written_month(folder: Path) -> dict[str, str]:
    """The ledger and a configuration in ``folder``; the environment with which a command finds them."""
    path, config = folder / "ledger.sqlite", folder / "gateway.yaml"
    config.write_text(json.dumps(changed(configured)))
    write(path, month())
    return {
        "GATEWAY_CONFIG": str(config),
        "GATEWAY_LEDGER": str(path),
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "SIMULATED_OPENAI_URL": "http://127.0.0.1:9/v1",
        "SIMULATED_ATLAS_URL": "http://127.0.0.1:9/v1",
    }


def write(path: Path, entries: Iterator[Entry]) -> None:
    """Append the entries to the ledger at ``path``."""
    ledger = SqliteLedger(path, "normal", Clock())
    ledger.open()

    async def append() -> None:
        await ledger.append(*entries)

    asyncio.run(append())
    ledger.close()


def month() -> Iterator[Entry]:
    """Attempts of October 2026, and one of November."""
    yield from _attempt("req_plain", OCTOBER, ("settle", "0.21"))
    yield from _attempt("req_images", _at(2), ("settle", "0.10"), images=2, **_IMAGES, **_ISSUER)
    yield from _attempt("req_void", _at(3), ("void", "0"))
    yield from _attempt("req_exposed", _at(4), ("expire", "0.3"))
    yield from _attempt("req_resolved", _at(5), ("expire", "0.3"), ("adjust", "0.18", _at(6)))
    yield from _attempt(
        "req_corrected",
        _at(7),
        ("settle", "0.52"),
        ("adjust", "-0.02", NOVEMBER + timedelta(days=1)),
        ("adjust", "0.010000001", NOVEMBER + timedelta(days=2)),
    )
    yield from _attempt("req_unknown", _at(8), ("settle", None))
    yield from _attempt("req_found", _at(9), ("settle", None), ("adjust", "0.07", _at(10)), **_IMAGES, **_ISSUER)
    yield from _attempt("req_open", _at(11))
    tags = (("campaign", "-2+3"), ("season", FORMULA))
    yield from _attempt("req_formula", _at(12), ("settle", "0.05"), app=FORMULA, team="@team", cost_centre="+49", tags=tags)
    yield from _attempt("req_refunded", _at(13), ("settle", "0.33"), ("adjust", "-0.33", _at(14)))
    yield from _attempt("req_whole", _at(15), ("settle", "2"))
    yield from _attempt("req_late", NOVEMBER - timedelta(microseconds=1), ("settle", "0.000000001"))
    yield from _attempt("req_november", NOVEMBER, ("settle", "9"))


def _at(day: int) -> datetime:
    return OCTOBER.replace(day=day, hour=12, minute=30, microsecond=250_000)


def _attempt(request_id: str, begun: datetime, *then: tuple[Any, ...], **booked: Any) -> Iterator[Entry]:
    booked = _TOKENS | {"billing_owner": "OpenAI", "invoice_issuer": "OpenAI Ireland"} | booked
    yield entry(Kind.RESERVE, request_id, "0.60", at=begun, **booked)
    for number, (kind, amount, *at) in enumerate(then):
        made = at[0] if at else begun + timedelta(seconds=8)
        more = {"reference": f"run-{number}"} if kind == "adjust" else {}
        yield entry(Kind(kind), request_id, amount, at=made, **(booked | {"begun_at": begun} | more))
