"""Signs receipts for apps that want them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.core.ledger.receipt import KIND, receipt_claims
from gateway.core.money.amount import Cost
from gateway.core.money.pricing import Delivery
from gateway.core.snapshot import Route
from gateway.engine.call import Call

if TYPE_CHECKING:
    from gateway.signing import Signer


class Receipts:
    """``signer`` is ``None`` where no key is configured: then nobody gets any. ``clock`` is aware, in UTC."""

    def __init__(self, signer: "Signer | None", clock: Callable[[], datetime]) -> None:
        self._signer, self._clock = signer, clock

    def wanted(self, call: Call) -> bool:
        """Whether the call's delivery gets a receipt, for which its images must be hashed."""
        return call.app.receipts and self._signer is not None

    def of(self, call: Call, route: Route, delivery: Delivery, cost: Cost) -> str:
        """The receipt of a delivery that is booked at that cost; empty where none is wanted."""
        if self._signer is None or not call.app.receipts:
            return ""
        claims = receipt_claims(call.request_id, call.app.id, route, delivery=delivery, cost=cost, at=self._clock())
        return self._signer.sign(claims, KIND)


NO_RECEIPTS = Receipts(None, lambda: datetime.now(UTC))
