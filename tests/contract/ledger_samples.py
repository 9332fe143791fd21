"""Entries for tests of the ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.core.ledger.entry import Attribution, Entry, Kind
from gateway.core.money.amount import Basis, Cost, unknown
from gateway.core.money.tokens import Usage
from gateway.core.outcome import Outcome

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
OUTCOMES = {
    Kind.RESERVE: None,
    Kind.SETTLE: Outcome.COMPLETED,
    Kind.VOID: Outcome.REJECTED,
    Kind.EXPIRE: Outcome.AMBIGUOUS,
    Kind.ADJUST: None,
}
_ATTRIBUTION = Attribution(
    request_id="req_1",
    attempt=1,
    app="storefront",
    team="web",
    cost_centre="cc-100",
    model="gpt-image-2",
    route="openai-main",
    provider="openai",
    upstream_model="gpt-image-2-2026-04-21",
    contract="openai-direct",
    contract_revision="2026-10-01",
    billing_owner="OpenAI",
    invoice_issuer="OpenAI Ireland",
    price_list="openai-2026-10",
    config_revision="0123abcd",
    operation="generation",
    tags=(("campaign", "herbst – Überblick"), ("season", "2026")),
    begun_at=NOON,
)


def entry(kind: Kind, request_id: str = "req_1", amount: str | None = "0.21", *, at: datetime = NOON, **booked: Any) -> Entry:
    """One entry; ``amount`` None is an unknown cost, ``booked`` are members of the attribution or ``currency``/``images``."""
    currency, images = booked.pop("currency", "USD"), booked.pop("images", 1)
    reference = booked.pop("reference", "reprice" if kind is Kind.ADJUST else "")
    basis = Basis.COMPUTED if kind is Kind.SETTLE else Basis.ESTIMATED
    return Entry(
        kind=kind,
        attribution=replace(_ATTRIBUTION, request_id=request_id, **{"begun_at": at} | booked),
        occurred_at=at,
        cost=unknown(currency) if amount is None else Cost(Decimal(amount), currency, basis),
        images=images if kind in (Kind.RESERVE, Kind.SETTLE) else 0,
        size="1024x1024",
        quality="high",
        usage=Usage(text_in=12, image_out=1756) if kind is Kind.SETTLE else None,
        outcome=OUTCOMES[kind],
        owner="rate_limit" if kind is Kind.VOID else "",
        upstream_request_id="" if kind is Kind.RESERVE else "up_1",
        reference=reference,
        reason="The list was corrected." if reference else "",
    )


class Clock:
    """Moves on by a microsecond at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return NOON + timedelta(microseconds=self.looks)
