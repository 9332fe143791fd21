"""Small valid values that core tests vary with ``dataclasses.replace``."""

from datetime import UTC, date, datetime
from decimal import Decimal

from gateway.core.contract.contract import (
    Billing,
    Contract,
    DataTerms,
    FailureTerms,
    Limits,
    ModelMapping,
    OnAmbiguous,
    Support,
    Verification,
    VerificationState,
)
from gateway.core.money.pricing import ImageRate, OutputTokens, Price, PriceList, TokenRates
from gateway.core.request.images import ImageRequest, Operation
from gateway.core.secret import Secret
from gateway.core.snapshot import App, Model, ProviderSettings, Route, RouteState, Snapshot, Timeouts

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOW.date()

CONTRACT = Contract(
    id="openai-direct",
    revision="2026-10-01",
    effective_from=date(2026, 10, 1),
    effective_to=None,
    billing=Billing("OpenAI", "acct", "OpenAI", "USD", "monthly"),
    limits=Limits("OpenAI", "tier 3", ()),
    verification=Verification(VerificationState.VERIFIED, date(2026, 10, 1)),
    support=Support("OpenAI", "help"),
    failure=FailureTerms("none", "none", OnAmbiguous.FAIL),
    data=DataTerms("kept 30 days", "kept 30 days", "no", "30 days", "US"),
    model_mapping=ModelMapping("same name", verifiable=True),
    price_list="openai",
)
TOKEN_PRICE = Price(
    tokens=TokenRates(Decimal(5), Decimal("1.25"), Decimal(8), Decimal(2), Decimal(30)),
    output_tokens=OutputTokens({"low": 16, "medium": 48, "high": 96}, "1254x1254", "high", 100, 1536),
)
IMAGE_PRICE = Price(images=(ImageRate("1024x1024", "high", Decimal("0.25")), ImageRate("*", "low", Decimal("0.01"))))
PRICES = PriceList(
    "openai", "USD", date(2026, 1, 1), None, "a page", date(2026, 11, 1), {"gpt-image-2": TOKEN_PRICE, "by-image": IMAGE_PRICE}
)
PROVIDER = ProviderSettings(
    "openai", "openai", "http://127.0.0.1:1/v1", Secret("sk-fake-not-a-secret"), None, None, Timeouts(5, 300)
)
ROUTE = Route("direct", "gpt-image-2", PROVIDER, "gpt-image-2", CONTRACT, PRICES, RouteState.ACTIVE)
MODEL = Model("gpt-image-2", ("dall-e-3",), (ROUTE,))
APP = App("storefront", "store", "CC-1", ("0" * 64,), None, frozenset({"campaign"}), tag_body=True)
REQUEST = ImageRequest(Operation.GENERATION, "gpt-image-2", 9, 1, "1024x1024", "high")


def snapshot(*models: Model) -> Snapshot:
    """A snapshot of these models, aliases included."""
    names = {name: model for model in models for name in (model.name, *model.aliases)}
    routes = {route.id: route for model in models for route in model.routes}
    return Snapshot("abc123", {CONTRACT.id: CONTRACT}, {PROVIDER.id: PROVIDER}, routes, names, {})
