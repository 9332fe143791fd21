"""Contracts that are used outside their dates: no mistake of the file, which was right on another day.

A check refuses them. A gateway that starts or reloads does not, as a day that passes must not keep it from starting again or
from taking another change into force: it warns, and a route under such a contract takes no request.
"""

from collections.abc import Iterator
from datetime import date

from gateway.config.checks.references import shown
from gateway.config.problem import Path, Problem
from gateway.config.schema.document import Configuration
from gateway.config.source.node import Node, find
from gateway.core.snapshot import RouteState


def expired(written: Configuration, root: Node, today: date) -> tuple[Problem, ...]:
    """Each active route that a model lists and whose contract is not in force on that UTC day, at its contract."""
    return tuple(sorted(_lapsed(written, root, today)))


def _lapsed(written: Configuration, root: Node, today: date) -> Iterator[Problem]:
    for key, route in written.routes.items():
        contract = written.contracts[route.contract]
        used = route.state is RouteState.ACTIVE and key in written.models[route.model].routes
        if not used or contract.in_force(today):
            continue
        path: Path = ("routes", key, "contract")
        node = find(root, path) or root
        when = f"begins on {contract.effective_from}" if today < contract.effective_from else f"ended on {contract.effective_to}"
        what = f"the contract {shown(node)} {when}: this route takes no request"
        fix = "Renew the contract, give the route one that is in force, or write state: disabled."
        yield node.at.problem(path, what, fix)
