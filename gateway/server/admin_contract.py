"""``GET /contracts/{id}`` of the admin plane: what is known of a contract, in its four layers, with what has been observed."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter

from gateway.core.readiness.contract_layers import Observed, layers
from gateway.core.routing.observed_limits import Reading
from gateway.core.snapshot import Route, Snapshot
from gateway.server.admin_order import Unacceptable

Readings = Callable[[Sequence[Route]], Sequence[Reading]]


def admin_contract_router(current: Callable[[], Snapshot], readings: Readings, clock: Callable[[], datetime]) -> APIRouter:
    """``current`` is the configuration in force, ``readings`` are the limits of these routes, ``clock`` is aware, in UTC."""
    router = APIRouter()

    @router.get("/contracts/{contract_id}")
    async def contract(contract_id: str) -> dict[str, Any]:
        snapshot = current()
        if contract_id not in snapshot.contracts:
            known = ", ".join(snapshot.contracts) or "none"
            raise Unacceptable(
                404, "There is no such contract.", field="contract_id", rule=f"one of {known}", fix="GET one of them."
            )
        found = readings(routes_of(contract_id, snapshot))
        observed = {(it.model, it.dimension): it.observed for it in found if it.observed is not None}
        return contract_report(contract_id, snapshot, observed, clock().date())

    return router


def contract_report(contract_id: str, snapshot: Snapshot, observed: Observed | None, today: date) -> dict[str, Any]:
    """Its reference, and the layers as JSON holds them."""
    contract = snapshot.contracts[contract_id]
    found = layers(contract, routes_of(contract_id, snapshot), observed, today)
    return {
        "contract": contract.reference,
        "config_revision": snapshot.revision,
        "layers": [asdict(layer) | {"facts": [_fact(asdict(fact)) for fact in layer.facts]} for layer in found],
    }


def routes_of(contract_id: str, snapshot: Snapshot) -> list[Route]:
    """The contract's, in the configuration's order."""
    return [route for route in snapshot.routes.values() if route.contract.id == contract_id]


def _fact(fact: dict[str, Any]) -> dict[str, Any]:
    return fact | {"on": None if fact["on"] is None else fact["on"].isoformat()}
