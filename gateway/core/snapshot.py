"""One validated, immutable, indexed revision of the configuration: all that a request needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.contract import Contract
from gateway.core.images import Operation
from gateway.core.pricing import PriceList
from gateway.core.secret import Secret


class RouteState(StrEnum):
    """``draining`` and ``disabled`` routes take no new request; a draining one finishes what it has."""

    ACTIVE = "active"
    DRAINING = "draining"
    DISABLED = "disabled"


class OnDisconnect(StrEnum):
    """``finish``: the provider bills anyway, so its answer is awaited and booked. ``cancel``: the call is broken off."""

    FINISH = "finish"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds of one upstream call, in seconds. ``total_s`` covers the whole call: image jobs take 5 to 300 s."""

    connect_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One upstream endpoint: which dialect it speaks, where, with which credential."""

    id: str
    dialect: str
    base_url: str
    credential: Secret
    organization: str | None
    project: str | None
    timeouts: Timeouts


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Public model -> provider + upstream model + contract. ``operations`` are those of the Images API that it serves."""

    id: str
    model: str
    provider: ProviderSettings
    upstream_model: str
    contract: Contract
    price_list: PriceList
    state: RouteState
    operations: frozenset[Operation] = frozenset({Operation.GENERATION, Operation.EDIT})


@dataclass(frozen=True, slots=True)
class Model:
    """The name an app asks for, the other names it answers to, and its routes in order of preference."""

    name: str
    aliases: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class App:
    """The caller. ``models`` is ``None`` where every model is allowed; ``tags`` are the free tag keys it may send.

    ``on_disconnect``: what becomes of an attempt whose client has left.
    """

    id: str
    team: str
    cost_centre: str
    key_hashes: tuple[str, ...]
    models: frozenset[str] | None
    tags: frozenset[str]
    tag_body: bool
    on_disconnect: OnDisconnect = OnDisconnect.FINISH

    def may_use(self, model: str) -> bool:
        """Whether the app's policy allows that model."""
        return self.models is None or model in self.models


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``revision`` is a hash of what was written. ``models`` holds names and aliases, ``apps`` SHA-256 digests of keys (hex)."""

    revision: str
    contracts: Mapping[str, Contract]
    providers: Mapping[str, ProviderSettings]
    routes: Mapping[str, Route]
    models: Mapping[str, Model]
    apps: Mapping[str, App]
