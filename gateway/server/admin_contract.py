"""``GET /contracts/{id}`` of the admin plane: what is known of a contract, in its four layers, with what has been observed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from gateway.core.routing.observed_limits import Reading
from gateway.core.snapshot import Route, Snapshot
from gateway.reports.operations.contracts import contract_document, routes_of
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
        return contract_document(contract_id, snapshot, observed, clock().date())

    return router
