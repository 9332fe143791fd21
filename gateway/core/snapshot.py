"""One validated, immutable, indexed revision of the configuration: all that a request needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gateway.core.budget import Budget
from gateway.core.contract.capability import Capabilities
from gateway.core.contract.contract import Contract, OnUnavailable
from gateway.core.contract.data_policy import DataPolicy
from gateway.core.contract.links import PASSED_ON, LinkRules
from gateway.core.contract.text_model import TextModel
from gateway.core.contract.wire import OPENAI, Wire
from gateway.core.idempotency.claims import Duplicates
from gateway.core.money.exchange import ExchangeRates
from gateway.core.money.pricing import PriceList
from gateway.core.outcome import Owner
from gateway.core.request.images import Operation
from gateway.core.secret import Secret

_EMPTY: Mapping[str, Any] = MappingProxyType({})


def _empty() -> Mapping[str, Any]:
    return _EMPTY


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
    """One upstream endpoint: which dialect it speaks, where, with which credential, which is empty where it wants none.

    ``base_url`` is empty where the bridge knows it; ``options`` are what else the bridge needs, such as a region.
    """

    id: str
    dialect: str
    base_url: str
    credential: Secret
    organization: str | None
    project: str | None
    timeouts: Timeouts
    wire: Wire = OPENAI
    options: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True)
class Retirement:
    """Since when a provider no longer serves an upstream model, what it names in its place (or nothing), and where it says so.

    ``announced_on`` is ``None`` where nobody has written that down.
    """

    on: date
    successor: str
    source: str
    announced_on: date | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Public model -> provider + upstream model + contract. ``operations`` are those that it serves.

    ``capabilities`` is ``None`` where nothing says what it supports: then every parameter is passed on. With
    ``require_ready`` it takes no request before its readiness is proven; a proof counts for ``ready_days_max``. ``retirement``
    is its upstream model's. ``links`` say what becomes of images that come as links. ``text_model`` stands before the image model
    where the route serves Responses, and only there.
    """

    id: str
    model: str
    provider: ProviderSettings
    upstream_model: str
    contract: Contract
    price_list: PriceList
    state: RouteState
    operations: frozenset[Operation] = frozenset({Operation.GENERATION, Operation.EDIT})
    capabilities: Capabilities | None = None
    require_ready: bool = False
    ready_days_max: int = 30
    retirement: Retirement | None = None
    links: LinkRules = PASSED_ON
    text_model: TextModel | None = None


@dataclass(frozen=True, slots=True)
class FallbackPolicy:
    """When a request may go to another route, which can mean another contract.

    ``owners`` may cause it; ``contracts`` (ids) may receive it, the first attempt's own always may. ``attempts_max`` counts
    all attempts of a request. No attempt begins ``deadline_s`` after the first did, and none follows one that took longer
    than ``failed_within_s`` to fail.
    """

    owners: frozenset[Owner]
    contracts: frozenset[str]
    attempts_max: int
    deadline_s: float
    failed_within_s: float | None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often the same route is tried again, where the failed attempt surely did not run.

    The wait is drawn between 0 and ``backoff_s`` x 2^n (full jitter), or is the provider's ``retry-after``; a longer one
    than ``wait_s_max`` is not waited for.
    """

    times_max: int
    backoff_s: float
    wait_s_max: float


@dataclass(frozen=True, slots=True)
class Model:
    """The name an app asks for, the other names it answers to, its routes in order of preference, and how one is chosen.

    ``tiers`` says which routes are tried only after others (absent: tier 1). Within a tier: by ``split``, the weights of
    those that share the requests, or ``cheapest_first``, or the order of ``routes``. ``eject_last``: whether the breaker may
    eject the only route that is left.
    """

    name: str
    aliases: tuple[str, ...]
    routes: tuple[Route, ...]
    tiers: Mapping[str, int] = field(default_factory=_empty)
    split: Mapping[str, int] = field(default_factory=_empty)
    cheapest_first: bool = False
    fallback: FallbackPolicy | None = None
    retries: RetryPolicy = RetryPolicy(times_max=0, backoff_s=0.5, wait_s_max=10.0)
    eject_last: bool = False


@dataclass(frozen=True, slots=True)
class AppLimits:
    """What an app may ask for; ``None`` where nothing limits it. ``jobs_max`` is how many requests at once."""

    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    jobs_max: int | None = None
    on_unavailable: OnUnavailable = OnUnavailable.FAIL_OPEN


@dataclass(frozen=True, slots=True)
class App:
    """The caller. ``models`` is ``None`` where every model is allowed; ``tags`` are the free tag keys it may send.

    ``on_disconnect``: what becomes of an attempt whose client has left. ``contracts`` are the ids of those under which it may
    be served, ``None`` for all; ``pins`` names the one route of a model that serves it. ``biller_change``: whether a fallback
    may change who bills. ``receipts``: its deliveries are signed for. ``duplicates``: which requests without a key count as
    repetitions; ``keeps_results``: whether its answers are kept for a while, to be given again. ``refuses_unknown_price``: it
    makes no request whose cost nobody can tell.
    """

    id: str
    team: str
    cost_centre: str
    key_hashes: tuple[str, ...]
    models: frozenset[str] | None
    tags: frozenset[str]
    tag_body: bool
    on_disconnect: OnDisconnect = OnDisconnect.FINISH
    contracts: frozenset[str] | None = None
    pins: Mapping[str, str] = field(default_factory=_empty)
    biller_change: bool = False
    limits: AppLimits = AppLimits()
    data_policy: DataPolicy = field(default_factory=DataPolicy)
    receipts: bool = False
    duplicates: Duplicates = Duplicates.RETRIES
    keeps_results: bool = True
    refuses_unknown_price: bool = False

    def may_use(self, model: str) -> bool:
        """Whether the app's policy allows that model."""
        return self.models is None or model in self.models


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``revision`` is a hash of what was written.

    ``models`` holds names and aliases, ``apps`` SHA-256 digests of keys (hex), ``retirements`` upstream models; ``catalogued``
    says on which day the catalogue's entry of an upstream model was read. ``price_lists`` has those that no route uses as well.
    """

    revision: str
    contracts: Mapping[str, Contract]
    providers: Mapping[str, ProviderSettings]
    routes: Mapping[str, Route]
    models: Mapping[str, Model]
    apps: Mapping[str, App]
    retirements: Mapping[str, Retirement] = field(default_factory=_empty)
    catalogued: Mapping[str, date] = field(default_factory=_empty)
    price_lists: Mapping[str, PriceList] = field(default_factory=_empty)
    budgets: tuple[Budget, ...] = ()
    exchange: Mapping[str, ExchangeRates] = field(default_factory=_empty)
