"""Faults on demand: what goes wrong, how often, and for which of the next requests."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.simulator.rate import ImageRate
from gateway.simulator.refusal import Refusal

FAULTS_MAX = 100
LATENCY_MS_MAX = 3_600_000
_ROUNDING = 1e-9


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]


class _Fault(BaseModel):
    """``times``: for that many requests; ``share``: every 1/share-th request; neither: until deleted.

    ``at`` is the endpoint whose requests are struck and counted: those for images, or the list of models.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    times: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    at: Literal["images", "models"] = "images"


class ErrorBody(BaseModel):
    """The members of ``{"error": {…}}``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    message: str = "A fault was asked for."
    type: str | None = None
    param: str | None = None
    code: str | None = None


class StatusFault(_Fault):
    """An error answer; without ``error``, the body that OpenAI sends with that status."""

    kind: Literal["status"]
    status: Annotated[int, Field(ge=400, le=599)]
    error: ErrorBody | None = None
    headers: dict[HeaderName, HeaderValue] = {}


class HtmlFault(_Fault):
    """The HTML page of a CDN."""

    kind: Literal["html"]
    status: Annotated[int, Field(ge=200, le=599)] = 502


class LatencyFault(_Fault):
    """So many milliseconds more, for any answer."""

    kind: Literal["latency"]
    ms: Annotated[int, Field(ge=0, le=LATENCY_MS_MAX)]


class PlainFault(_Fault):
    """A fault without parameters."""

    kind: Literal["reset_before", "reset_mid_body", "truncate", "hang", "empty_data", "wrong_size"]


class FewerImagesFault(_Fault):
    """At most ``images`` images are made and billed."""

    kind: Literal["fewer_images"]
    images: Annotated[int, Field(ge=1, le=9)] = 1


class RateLimitFault(_Fault):
    """At most so many images (made and sent in) a minute."""

    kind: Literal["rate_limit"]
    per_minute: Annotated[int, Field(ge=0)]


Fault = StatusFault | HtmlFault | LatencyFault | PlainFault | FewerImagesFault | RateLimitFault
_FAULT: TypeAdapter[Fault] = TypeAdapter(Annotated[Fault, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Strike:
    """What one request meets: all latencies together, all limits, and the first other fault that is due."""

    latency_ms: int = 0
    limits: tuple[ImageRate, ...] = ()
    fault: StatusFault | HtmlFault | PlainFault | FewerImagesFault | None = None

    @property
    def kind(self) -> str:
        """The fault's kind, empty where there is none."""
        return "" if self.fault is None else self.fault.kind


class FaultBook:
    """The faults that are active, in the order they were asked for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._active: list[_Active] = []
        self._clock = clock

    def add(self, specification: bytes) -> None:
        """Activate the fault of this JSON object; raises ``Refusal`` that names the wrong field."""
        fault = parse_fault(specification)
        if len(self._active) >= FAULTS_MAX:
            raise _invalid("faults", f"at most {FAULTS_MAX} faults can be active: delete some")
        rate = ImageRate(fault.per_minute, self._clock) if isinstance(fault, RateLimitFault) else None
        self._active.append(_Active(fault, rate))

    def clear(self) -> None:
        """Deactivate all."""
        self._active.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Each active fault as it was asked for, and how many requests it has struck."""
        return [_listed(active.fault) | {"struck": active.struck} for active in self._active]

    def strike(self, at: Literal["images", "models"] = "images") -> Strike:
        """What the next request meets. A fault that another one outranks keeps its ``times``."""
        latency_ms, limits, struck = 0, [], None
        for active in self._active:
            fault = active.fault
            if fault.at != at:
                continue
            if isinstance(fault, LatencyFault):
                latency_ms += fault.ms if active.due() else 0
            elif isinstance(fault, RateLimitFault):
                limits += [active.rate] if active.rate is not None and active.due() else []
            elif struck is None and active.due():
                struck = fault
        self._active = [active for active in self._active if not active.spent]
        return Strike(latency_ms, tuple(limits), struck)


@dataclass(slots=True)
class _Active:
    fault: Fault
    rate: ImageRate | None = None
    seen: int = field(default=0)
    struck: int = field(default=0)

    def due(self) -> bool:
        """Count one more request; whether the fault strikes it."""
        self.seen += 1
        if self.fault.share is not None:
            share = self.fault.share
            if int(self.seen * share + _ROUNDING) == int((self.seen - 1) * share + _ROUNDING):
                return False
        self.struck += 1
        return True

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times


def _listed(fault: Fault) -> dict[str, Any]:
    return fault.model_dump(exclude_none=True, exclude={"at"} if fault.at == "images" else None)


def parse_fault(specification: bytes) -> Fault:
    """Raises ``Refusal`` that names the first wrong field."""
    try:
        return _FAULT.validate_json(specification)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        # The path begins with the kind, by which pydantic chose the fields.
        path = [str(step) for step in first["loc"][1:]]
        raise _invalid(".".join(path) or "kind", first["msg"]) from invalid


def _invalid(name: str, rule: str) -> Refusal:
    return Refusal(f"Invalid fault: '{name}': {rule}.", param=name, code="invalid_fault")
