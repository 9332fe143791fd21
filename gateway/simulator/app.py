"""A simulated provider: OpenAI's images and image tool as real HTTP, with pictures of its own, a bill, and faults on demand."""

from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.listener import listening
from gateway.simulator.album import Album
from gateway.simulator.connection import Connection
from gateway.simulator.control import control_routes
from gateway.simulator.face import AZURE, FACES, OPENAI
from gateway.simulator.faults import FaultBook
from gateway.simulator.images import ImageEndpoint
from gateway.simulator.models import ModelsEndpoint
from gateway.simulator.refusal import Refusal
from gateway.simulator.responses import ResponsesEndpoint
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.stats import Stats
from gateway.simulator.validation import Operation

SHUTDOWN_S_MAX = 10


def create_app(settings: SimulatorSettings) -> ASGIApp:
    """One provider with counters and faults of its own.

    The faults that tear connections down or hang need the simulator's own server (``running``); all others work on any.
    """
    stats, faults, album = Stats(), FaultBook(), Album()
    app = Starlette(
        routes=[
            *(
                Route(
                    f"{face.prefix}/images/{path}",
                    ImageEndpoint(operation, settings, stats, faults, face=face, album=album),
                    methods=["POST"],
                )
                for face in FACES
                for path, operation in (("generations", Operation.GENERATION), ("edits", Operation.EDIT))
            ),
            *(
                Route(f"{face.prefix}/responses", ResponsesEndpoint(settings, stats, faults, face), methods=["POST"])
                for face in (OPENAI, AZURE)
            ),
            *(
                Route(f"{face.models}{path}", ModelsEndpoint(settings, faults, face), methods=["GET"])
                for face in FACES
                for path in ("", "/{id:path}")
            ),
            Route("/pictures/{name}", album.show, methods=["GET"]),
            *control_routes(stats, faults),
        ],
        exception_handlers={404: _not_found, 405: _method_not_allowed},
    )
    app.router.redirect_slashes = False
    return app


def running(settings: SimulatorSettings, host: str = "127.0.0.1", port: int = 0) -> AbstractAsyncContextManager[str]:
    """Serve the provider while the block runs; yields its URL (``http://127.0.0.1:PORT``). Raises ``PortUnavailable``."""
    return listening(create_app(settings), host, port, grace_s=SHUTDOWN_S_MAX, protocol=Connection)


async def _not_found(request: Request, error: Exception) -> Response:
    """As OpenAI answers unknown paths, and the retired variations: no body (measured 2026-08-29)."""
    return Response(status_code=404, headers={"x-content-type-options": "nosniff"})


async def _method_not_allowed(request: Request, error: Exception) -> Response:
    refusal = Refusal(f"Invalid method for URL ({request.method} {request.url.path}).", status=405)
    allowed = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse(refusal.body, refusal.status, allowed)
