"""What is known of a contract, in its four layers."""

from datetime import date

from gateway.core.readiness.contract_layers import Observed, layers
from gateway.core.snapshot import Route, Snapshot
from gateway.reports.document import Document, plain


def contract_document(contract_id: str, snapshot: Snapshot, observed: Observed | None, today: date) -> Document:
    """``{"contract", "config_revision", "layers"}``; ``observed`` is ``None`` where nobody has looked."""
    contract = snapshot.contracts[contract_id]
    found = layers(contract, routes_of(contract_id, snapshot), observed, today)
    return {"contract": contract.reference, "config_revision": snapshot.revision, "layers": plain(found)}


def routes_of(contract_id: str, snapshot: Snapshot) -> list[Route]:
    """The contract's, in the configuration's order."""
    return [route for route in snapshot.routes.values() if route.contract.id == contract_id]
