"""A model as it is written: the name that an app asks for, its routes, and how one of them is chosen."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.config.schema.field import Id, Name, Seconds, mistake
from gateway.config.schema.written import Written

# Whose failures may send a request elsewhere. What the caller, a policy or the safety system owns goes nowhere else.
FallbackOwner = Literal["rate_limit", "provider", "account", "verification", "route"]


class Fallback(Written):
    """When a request may go to another route, and so under another contract."""

    on: Annotated[tuple[FallbackOwner, ...], Field(min_length=1, max_length=5)]
    """Whose failures and holds may cause it: 'provider' ejections too, 'rate_limit' used-up limits, 'route' orders of operators.
    The caller, an app's policy and the safety system never cause one."""
    to: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)]
    """Ids of the contracts that may receive the request; the first attempt's own always may, by another route."""
    attempts_max: Annotated[int, Field(ge=2, le=10)] = 2
    """How many attempts a request makes in all, retries on the same route included."""
    deadline_s: Annotated[Seconds, Field(gt=0, le=3600)] = 300.0
    """No attempt begins later than so many seconds after the request came in."""
    failed_within_s: Annotated[Seconds, Field(gt=0, le=3600)] | None = None
    """Only after a failure that took at most so many seconds; absent means after any."""


class Retries(Written):
    """When the same route is tried again: only where the failed attempt surely did not run."""

    times_max: Annotated[int, Field(ge=0, le=5)] = 0
    """How often; 0 leaves it to the app's SDK: OpenAI's tries twice more by itself."""
    backoff_s: Annotated[Seconds, Field(gt=0, le=60)] = 0.5
    """The first wait is drawn between 0 and this, in seconds, each further one up to twice as long; retry-after comes first."""
    wait_s_max: Annotated[Seconds, Field(gt=0, le=120)] = 10.0
    """A wait that would be longer, in seconds, is not begun: the request goes elsewhere, or fails."""


class Model(Written):
    """The name that an app asks for."""

    routes: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)]
    """Ids of its routes in order of preference."""
    aliases: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    """Other names it answers to, such as a retired or dated one that apps still send."""
    tiers: dict[Id, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    """Rank of a route, as ROUTE: TIER; absent means 1. A higher tier is asked only where no route of a lower one is left."""
    split: dict[Id, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(default_factory=dict)
    """Shares within a tier, as ROUTE: WEIGHT, such as 95 and 5; an end user keeps the route. Without weight: after the others."""
    cheapest_first: bool = False
    """Whether routes of a tier are tried in the order of the most that this request can cost there."""
    fallback: Fallback | None = None
    """When a request may go to another contract, because its preferred route failed or is held; absent means never."""
    retries: Retries = Retries()
    """When the same route is tried again."""
    eject_last: bool = False
    """Whether the breaker may eject the only route that is left; by default that one is tried all the same."""

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if self.split and self.cheapest_first:
            raise mistake("has both split and cheapest_first", "Keep one of the two.")
        return self
