"""What a response says about the contract that served it: headers, and one additive member of the body."""

from dataclasses import dataclass
from typing import Any

from gateway.core.diagnosis import Diagnosis
from gateway.core.money import Cost
from gateway.core.snapshot import Route

NONE = "none"


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
        """The headers of design section 4, in their order. Names are final; values are plain ASCII."""
        found = [("x-gateway-request-id", self.request_id)]
        found += [("x-gateway-contract", NONE)] if self.route is None else _route_headers(self.route)
        found.append(("x-gateway-attempts", str(self.attempts)))
        if self.cost is not None:
            found.append(("x-gateway-cost", self.cost.text))
            found.append(("x-gateway-currency", self.cost.currency))
            found.append(("x-gateway-cost-basis", self.cost.basis))
        if self.diagnosis is not None:
            found.append(("x-gateway-owner", self.diagnosis.owner))
            found.append(("x-should-retry", "true" if self.diagnosis.retryable else "false"))
        return [(name, _header_text(value)) for name, value in found]

    def member(self, images: int | None = None, size: str = "") -> dict[str, Any]:
        """The ``gateway`` member: all that the headers say, the final cost, what was delivered, and an error's diagnosis."""
        found: dict[str, Any] = {"request_id": self.request_id, "contract": NONE, "attempts": self.attempts}
        if self.route is not None:
            contract = self.route.contract
            found |= {
                "contract": contract.reference,
                "route": self.route.id,
                "provider": self.route.provider.id,
                "model": self.route.upstream_model,
                "billing_owner": contract.billing.owner,
                "limits_owner": contract.limits.owner,
                "support_owner": contract.support.owner,
            }
        if self.cost is not None:
            amount = None if self.cost.amount is None else self.cost.text
            found |= {"cost": amount, "currency": self.cost.currency, "cost_basis": self.cost.basis.value}
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


def _route_headers(route: Route) -> list[tuple[str, str]]:
    return [
        ("x-gateway-contract", route.contract.reference),
        ("x-gateway-route", route.id),
        ("x-gateway-provider", route.provider.id),
        ("x-gateway-model", route.upstream_model),
        ("x-gateway-billing-owner", route.contract.billing.owner),
        ("x-gateway-limits-owner", route.contract.limits.owner),
        ("x-gateway-support-owner", route.contract.support.owner),
    ]


def _header_text(value: str) -> str:
    """Header values are ASCII on the wire; owners' names need not be."""
    return value.encode("ascii", "backslashreplace").decode().replace("\r", " ").replace("\n", " ")
