"""What a receipt says: that a request was delivered under a contract, at a cost, with these images."""

from collections.abc import Mapping
from datetime import datetime

from gateway.core.money.amount import Cost
from gateway.core.money.pricing import Delivery
from gateway.core.snapshot import Route

KIND = "image-receipt"


def receipt_claims(
    request_id: str, app: str, route: Route, *, delivery: Delivery, cost: Cost, at: datetime
) -> Mapping[str, str | int | list[str]]:
    """``iat`` is in seconds since 1970; an amount that nobody knows is ``unknown``; an image delivered by link has no hash."""
    return {
        "iat": int(at.timestamp()),
        "request_id": request_id,
        "app": app,
        "contract": route.contract.reference,
        "billing_owner": route.contract.billing.owner,
        "model": route.upstream_model,
        "cost": cost.text,
        "currency": cost.currency,
        "cost_basis": cost.basis.value,
        "images": delivery.images,
        "images_sha256": [picture.sha256 for picture in delivery.pictures],
    }
