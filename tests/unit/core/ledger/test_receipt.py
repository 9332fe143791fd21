"""A receipt says what was delivered, under which contract, at which cost."""

from decimal import Decimal

from gateway.core.ledger.receipt import receipt_claims
from gateway.core.money.amount import Basis, Cost, unknown
from gateway.core.money.pricing import Delivery
from gateway.core.request.picture import Picture
from gateway.core.tag import Tag
from tests.unit.core.samples import NOW, ROUTE

DELIVERY = Delivery(1, "1024x1024", "low", None, (Picture("png", 1024, 1024, "ab" * 32),))
COST = Cost(Decimal("0.00595"), "USD", Basis.COMPUTED)


def test_it_names_contract_cost_and_images() -> None:
    """All that finance and the app can compare; an amount that nobody knows is not zero."""
    claims = receipt_claims("gw_1", "storefront", ROUTE, delivery=DELIVERY, cost=COST, at=NOW)
    assert claims == {
        "iat": 1795435200,
        "request_id": "gw_1",
        "app": "storefront",
        "contract": "openai-direct@2026-10-01",
        "billing_owner": "OpenAI",
        "model": "gpt-image-2",
        "cost": "0.00595",
        "currency": "USD",
        "cost_basis": "computed",
        "images": 1,
        "images_sha256": ["ab" * 32],
    }
    nobody_knows = receipt_claims("gw_1", "storefront", ROUTE, delivery=DELIVERY, cost=unknown("USD"), at=NOW)
    assert (nobody_knows["cost"], nobody_knows["cost_basis"]) == ("unknown", "unknown")


def test_the_tag_bears_it_where_there_is_one() -> None:
    """In the header and in the body's member."""
    tag = Tag("gw_1", 1, ROUTE, COST, receipt="a.b.c")
    assert dict(tag.headers())[b"x-gateway-receipt"] == b"a.b.c"
    assert tag.member()["receipt"] == "a.b.c"
    plain = Tag("gw_1", 1, ROUTE, COST)
    assert b"x-gateway-receipt" not in dict(plain.headers())
    assert "receipt" not in plain.member()
