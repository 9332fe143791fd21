"""``/_simulator/faults`` and ``/_simulator/stats``: what a test or a drill asks of the simulator itself."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.simulator.faults import FaultBook
from gateway.simulator.refusal import Refusal
from gateway.simulator.stats import Stats


def control_routes(stats: Stats, faults: FaultBook) -> list[BaseRoute]:
    """No key is needed: the simulator holds nothing that is worth one."""

    async def add_fault(request: Request) -> Response:
        try:
            faults.add(await request.body())
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return JSONResponse({"faults": faults.listed()}, 201)

    async def list_faults(request: Request) -> Response:
        return JSONResponse({"faults": faults.listed()})

    async def clear_faults(request: Request) -> Response:
        faults.clear()
        return Response(status_code=204)

    async def show_stats(request: Request) -> Response:
        return JSONResponse(stats.as_json())

    async def reset_stats(request: Request) -> Response:
        stats.reset()
        return Response(status_code=204)

    return [
        Route("/_simulator/faults", add_fault, methods=["POST"]),
        Route("/_simulator/faults", list_faults, methods=["GET"]),
        Route("/_simulator/faults", clear_faults, methods=["DELETE"]),
        Route("/_simulator/stats", show_stats, methods=["GET"]),
        Route("/_simulator/stats", reset_stats, methods=["DELETE"]),
    ]
