"""Both planes on their ports, within the file descriptors that the process may have."""

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.types import ASGIApp

from gateway.config.settings import Settings
from gateway.listener import Counts, Limits, listening
from gateway.telemetry.metrics import Metrics

ADMIN_CONNECTIONS_MAX = 64
# A request in flight is two connections, and perhaps a file: what is left is for the ledger, the admin plane and the like.
CLIENTS_SHARE_OF_DESCRIPTORS = 0.4
_DESCRIPTORS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running gateway listens, with the ports it really got."""

    data_plane: str
    admin_plane: str


@asynccontextmanager
async def planes(settings: Settings, data: ASGIApp, admin: ASGIApp, metrics: Metrics) -> AsyncIterator[Addresses]:
    """Serve both while the block runs. The admin plane first: it is the last to go, and tells of a data plane that cannot listen.

    Raises ``PortUnavailable``.
    """
    _allow_many_descriptors()
    server = settings.server
    counts = {"data": Counts(), "admin": Counts()}
    metrics.watch_connections(
        lambda: {plane: it.open for plane, it in counts.items()}, lambda: {plane: it.refused for plane, it in counts.items()}
    )
    limits = Limits(
        connections_max=server.connections_max or max(int(_descriptors_max() * CLIENTS_SHARE_OF_DESCRIPTORS), 1),
        head_wait_s_max=server.head_wait_s_max,
        idle_wait_s_max=server.idle_wait_s_max,
        stall_s_max=server.client_stall_s_max,
    )
    for_operators = Limits(ADMIN_CONNECTIONS_MAX, server.head_wait_s_max, server.idle_wait_s_max, server.client_stall_s_max)
    async with (
        listening(
            admin, settings.admin.host, settings.admin.port, grace_s=1, limits=for_operators, counts=counts["admin"]
        ) as admin_url,
        listening(
            data, server.host, server.port, grace_s=server.shutdown_grace_s, limits=limits, counts=counts["data"]
        ) as data_url,
    ):
        yield Addresses(data_url, admin_url)


def _allow_many_descriptors() -> None:
    """The usual soft limit is 1,024 open files; the hard one is the system's word."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _descriptors_max() -> int:
    """How many the process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _DESCRIPTORS_MAX if soft == resource.RLIM_INFINITY else soft
