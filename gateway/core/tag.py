"""What a response says about the contract that served it: headers, and one additive member of the body."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from gateway.core.evidence.bundle import evidence_path
from gateway.core.money.amount import Cost, nothing
from gateway.core.money.pricing import Delivery
from gateway.core.outcome import Diagnosis, Owner
from gateway.core.snapshot import Retirement, Route

NONE = "none"
REQUEST_ID_HEADER = b"x-gateway-request-id"
ORIGINAL_ID_HEADER = b"x-gateway-original-request-id"
ROUTES_KEPT_MAX = 1024
Header = tuple[bytes, bytes]
_ROUTE_FACTS = ("contract", "route", "provider", "model", "billing-owner", "limits-owner", "support-owner")


@dataclass(frozen=True, slots=True)
class Fallback:
    """The contract (id) under which the request would have been served, and who owns that it was not.

    ``held`` says what held its route, so that nothing was tried there: empty where an attempt failed.
    """

    contract: str
    owner: Owner
    held: str = ""

    def __str__(self) -> str:
        return f"from={self.contract}; owner={self.owner}" + (f"; held={self.held}" if self.held else "")

    def document(self) -> dict[str, str]:
        """As the body's member has it."""
        found = {"from": self.contract, "owner": self.owner.value}
        return found | {"held": self.held} if self.held else found


@dataclass(frozen=True, slots=True)
class Tag:
    """``route`` is ``None`` where no contract was reached. ``evidence``: there will be some, for the app to ask for.

    ``cost`` is what is known at the time: the body's member, written last, may know more than the headers did. ``original_id``
    is the earlier request that this one repeats.
    """

    request_id: str
    attempts: int = 0
    route: Route | None = None
    cost: Cost | None = None
    diagnosis: Diagnosis | None = None
    fallback: Fallback | None = None
    evidence: bool = False
    receipt: str = ""
    original_id: str = ""
    budget: str = ""

    def headers(self) -> list[Header]:
        """Every header on every answer, ``none`` where no contract was reached; only a fallback's is absent without one.

        Names are final; values are plain ASCII.
        """
        cost = self.cost or nothing(NONE)
        found = [
            (REQUEST_ID_HEADER, self.request_id.encode()),
            *_route_headers(self.route),
            (b"x-gateway-attempts", b"%d" % self.attempts),
            (b"x-gateway-cost", cost.text.encode()),
            (b"x-gateway-currency", _header_text(cost.currency)),
            (b"x-gateway-cost-basis", cost.basis.encode()),
        ]
        if self.fallback is not None:
            found.append((b"x-gateway-fallback", str(self.fallback).encode()))
        if self.receipt:
            found.append((b"x-gateway-receipt", self.receipt.encode()))
        if self.diagnosis is not None:
            found.append((b"x-gateway-owner", self.diagnosis.owner.encode()))
            found.append((b"x-should-retry", b"true" if self.diagnosis.retryable else b"false"))
        if self.budget:
            found.append((b"x-gateway-budget", _header_text(self.budget)))
        if self.original_id:
            found.append((ORIGINAL_ID_HEADER, self.original_id.encode()))
        return found

    def member(self, delivery: Delivery | None = None, discrepancies: Sequence[str] = ()) -> dict[str, Any]:
        """The ``gateway`` member: all that the headers say, the final cost, what was delivered, and an error's diagnosis.

        ``discrepancies``: where the delivery differs from the request, one sentence each.
        """
        cost = self.cost or nothing(NONE)
        found: dict[str, Any] = {"request_id": self.request_id, "attempts": self.attempts}
        found |= {name.replace("-", "_"): value for name, value in _route_facts(self.route).items()}
        found |= {"cost": None if cost.amount is None else cost.text, "currency": cost.currency, "cost_basis": cost.basis.value}
        if self.fallback is not None:
            found["fallback"] = self.fallback.document()
        if delivery is not None:
            found |= {"images": delivery.images, "size": delivery.size}
        if discrepancies:
            found["discrepancies"] = list(discrepancies)
        if self.diagnosis is not None:
            found |= {
                "owner": self.diagnosis.owner.value,
                "rule": self.diagnosis.rule,
                "first_check": self.diagnosis.first_check,
                "stop_rule": self.diagnosis.stop_rule,
                "outcome": self.diagnosis.outcome.value,
                "billed": self.diagnosis.billed.value,
                "confidence": self.diagnosis.confidence.value,
            }
        if self.original_id:
            found["original_request_id"] = self.original_id
        if self.evidence:
            found["evidence"] = evidence_path(self.request_id)
        if self.receipt:
            found["receipt"] = self.receipt
        return found


def _route_facts(route: Route | None) -> dict[str, str]:
    """What the route and its contract say, by the name it has in both places."""
    if route is None:
        return dict.fromkeys(_ROUTE_FACTS, NONE)
    contract = route.contract
    values = (
        contract.reference,
        route.id,
        route.provider.id,
        route.upstream_model,
        contract.billing.owner,
        contract.limits.owner,
        contract.support.owner,
    )
    return dict(zip(_ROUTE_FACTS, values, strict=True))


@lru_cache(maxsize=ROUTES_KEPT_MAX)
def _route_headers(route: Route | None) -> tuple[Header, ...]:
    """The same for every request of a route, so made once."""
    found = [(f"x-gateway-{name}".encode(), _header_text(value)) for name, value in _route_facts(route).items()]
    if route is not None and route.retirement is not None:
        found += _retirement_headers(route.retirement)
    return tuple(found)


def _retirement_headers(retirement: Retirement) -> Iterator[Header]:
    """Deprecation by RFC 9745, sunset by RFC 8594: of the upstream model that serves."""
    announced_on = retirement.announced_on
    if announced_on is not None:
        yield b"deprecation", b"@%d" % datetime.combine(announced_on, time(), UTC).timestamp()
    yield b"sunset", format_datetime(datetime.combine(retirement.on, time(), UTC), usegmt=True).encode()


def _header_text(value: str) -> bytes:
    """Header values are ASCII on the wire; owners' names need not be."""
    return value.encode("ascii", "backslashreplace").replace(b"\r", b" ").replace(b"\n", b" ")
