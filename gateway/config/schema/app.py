"""An app as it is written: who calls, what it may use, how much of it, and where its prompts and images may go."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.config.schema.field import KEY_FIX, Digest, Id, Line, TagKey, mistake
from gateway.config.schema.written import Written
from gateway.core.contract.contract import OnUnavailable
from gateway.core.idempotency.claims import Duplicates
from gateway.core.snapshot import OnDisconnect

Region = Line


class AppKey(Written):
    """A key by its hash: the configuration never holds the key."""

    sha256: Digest
    """SHA-256 of the key, 64 hexadecimal digits."""

    @model_validator(mode="before")
    @classmethod
    def _is_a_hash(cls, value: object) -> object:
        if not isinstance(value, dict) or "sha256" not in value:
            raise mistake("is not a hash", KEY_FIX)
        return value


class AppLimits(Written):
    """How much an app may ask for; beyond it: 429 with retry-after."""

    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Requests a minute; after a quiet minute, so many at once. Absent means no limit."""
    images_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Images a minute, as asked for by n; after a quiet minute, so many at once. Absent means no limit."""
    jobs_max: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Requests in flight at once, over all replicas that share a Redis. Absent means no limit."""
    on_unavailable: Annotated[OnUnavailable, Field(strict=False)] = OnUnavailable.FAIL_OPEN
    """Where Redis cannot be asked: 'fail_open' lets requests pass, 'fail_closed' refuses them with 503."""


class Demand(Written):
    """What an app demands of a contract for one kind of data; what its data.handling does not state satisfies nothing."""

    allowed: bool = True
    """false: no contract may receive them, so a request with them is refused."""
    training: bool | None = None
    """false: only under a contract that rules training out; true and absent demand nothing."""
    retention_days_max: Annotated[int, Field(ge=0, le=36_500)] | None = None
    """Only under a contract that promises deletion within so many days."""
    regions: Annotated[tuple[Region, ...], Field(min_length=1, max_length=100)] | None = None
    """Only under a contract that promises that they stay within these regions, such as eu."""


class DataPolicy(Written):
    """Where an app's prompts and images may go; absent demands nothing."""

    prompts: Demand = Demand()
    """Its prompts."""
    reference_images: Demand = Demand()
    """The images that it sends along."""
    outputs: Demand = Demand()
    """The images that are made for it."""


class App(Written):
    """A caller."""

    team: Line
    """The team that answers for it."""
    cost_centre: Line
    """Where its spend is booked."""
    keys: Annotated[tuple[AppKey, ...], Field(min_length=1, max_length=100)]
    """Its keys; keep two during a rotation."""
    models: tuple[Id, ...] | None = None
    """The models it may use; absent means all."""
    tags: Annotated[tuple[TagKey, ...], Field(max_length=100)] = ()
    """The keys it may send in x-gateway-tag."""
    tag_body: bool = True
    """Whether responses carry the member 'gateway' in their body."""
    on_disconnect: Annotated[OnDisconnect, Field(strict=False)] = OnDisconnect.FINISH
    """When its client leaves: 'finish' awaits and books the answer, for the provider bills anyway; 'cancel' breaks it off."""
    contracts: tuple[Id, ...] | None = None
    """Ids of the contracts under which it may be served, fallbacks included; absent means all."""
    pins: dict[Id, Id] = Field(default_factory=dict)
    """For a model the one route that serves this app, as MODEL: ROUTE; where that one cannot, the request is refused."""
    biller_change: bool = False
    """Its consent that a fallback may change who bills for its images; without it such a fallback does not happen."""
    limits: AppLimits = AppLimits()
    """How much it may ask for."""
    receipts: bool = False
    """Whether each delivery comes with a signed receipt, with the hashes of its images; it needs signing.key."""
    data_policy: DataPolicy = DataPolicy()
    """What it demands of a contract before its prompts and images go there."""
    unknown_price: Literal["allow", "refuse"] = "allow"
    """What becomes of a request whose cost the price list cannot tell: 'allow' books it as unknown, which no budget counts."""
    duplicates: Annotated[Duplicates, Field(strict=False)] = Duplicates.RETRIES
    """Which requests without an Idempotency-Key are not paid twice: 'retries' of SDKs, all 'identical' ones, or none: 'off'."""
    results: bool = True
    """Whether its answers are kept on disk for a while, to be given again; false: a repeated request is refused instead."""
