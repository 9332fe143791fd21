"""Checks of costs that providers report: they are booked as they come, so they must come in the currency that is billed.

Works on what was written; a part of the wrong form is the schema's to report and is passed over here.
"""

from collections.abc import Iterator

from gateway.config.checks.references import text_at
from gateway.config.problem import Path, Problem
from gateway.config.source.node import Node, entries, key_position
from gateway.core.contract.openrouter import CURRENCY, DIALECT


def check_reported(root: Node) -> tuple[Problem, ...]:
    """Routes whose provider reports its cost in another currency than their contract's price list has."""
    return tuple(problem for name, _ in entries(root, "routes") for problem in _of_route(root, name))


def _of_route(root: Node, name: str) -> Iterator[Problem]:
    path: Path = ("routes", name, "contract")
    provider, contract = text_at(root, ("routes", name, "provider")) or "", text_at(root, path) or ""
    dialect = text_at(root, ("providers", provider, "dialect"))
    reported = CURRENCY if dialect == DIALECT else text_at(root, ("providers", provider, "wire", "reports_cost"))
    price_list = text_at(root, ("contracts", contract, "price_list")) or ""
    priced = text_at(root, ("price_lists", price_list, "currency"))
    if reported is not None and priced is not None and reported != priced:
        what = f"its provider reports costs in {reported}, and the contract's price list is in {priced}"
        fix = "Nothing is converted: use a contract in the currency that the provider reports, or correct wire.reports_cost."
        yield key_position(root, path).problem(path, what, fix)
