"""What a response says about the contract that served it: headers, and one additive member of the body."""

from dataclasses import dataclass
from typing import Any

from gateway.core.diagnosis import Diagnosis
from gateway.core.money import Cost, nothing
from gateway.core.snapshot import Route

NONE = "none"
_ROUTE_FACTS = ("contract", "route", "provider", "model", "billing-owner", "limits-owner", "support-owner")


@dataclass(frozen=True, slots=True)
class Tag:
    """``route`` is ``None`` where no contract was reached.

    ``cost`` is what is known at the time: the body's member, written last, may know more than the headers did.
    """

    request_id: str
    attempts: int = 0
    route: Route | None = None
    cost: Cost | None = None
    diagnosis: Diagnosis | None = None

    def headers(self) -> list[tuple[str, str]]:
        """Every header on every answer, ``none`` where no contract was reached. Names are final; values are plain ASCII."""
        cost = self.cost or nothing(NONE)
        found = [("x-gateway-request-id", self.request_id)]
        found += [(f"x-gateway-{name}", value) for name, value in _route_facts(self.route).items()]
        found.append(("x-gateway-attempts", str(self.attempts)))
        found.append(("x-gateway-cost", cost.text))
        found.append(("x-gateway-currency", cost.currency))
        found.append(("x-gateway-cost-basis", cost.basis))
        if self.diagnosis is not None:
            found.append(("x-gateway-owner", self.diagnosis.owner))
            found.append(("x-should-retry", "true" if self.diagnosis.retryable else "false"))
        return [(name, _header_text(value)) for name, value in found]

    def member(self, images: int | None = None, size: str = "") -> dict[str, Any]:
        """The ``gateway`` member: all that the headers say, the final cost, what was delivered, and an error's diagnosis."""
        cost = self.cost or nothing(NONE)
        found: dict[str, Any] = {"request_id": self.request_id, "attempts": self.attempts}
        found |= {name.replace("-", "_"): value for name, value in _route_facts(self.route).items()}
        found |= {"cost": None if cost.amount is None else cost.text, "currency": cost.currency, "cost_basis": cost.basis.value}
        if images is not None:
            found |= {"images": images, "size": size}
        if self.diagnosis is not None:
            found |= {
                "owner": self.diagnosis.owner.value,
                "rule": self.diagnosis.rule,
                "first_check": self.diagnosis.first_check,
                "stop_rule": self.diagnosis.stop_rule,
                "outcome": self.diagnosis.outcome.value,
            }
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


def _header_text(value: str) -> str:
    """Header values are ASCII on the wire; owners' names need not be."""
    return value.encode("ascii", "backslashreplace").decode().replace("\r", " ").replace("\n", " ")
