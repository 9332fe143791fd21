"""Price lists that follow each other: without overlaps, and where they leave days without a price."""

from collections.abc import Iterator
from datetime import date

from gateway.config.checks.references import shown, text_at
from gateway.config.checks.routing_warnings import ConfigWarning
from gateway.config.problem import Path, Problem
from gateway.config.schema.document import Configuration
from gateway.config.source.node import Node, entries, find


def check_series(root: Node) -> tuple[Problem, ...]:
    """Lists that contradict the ones they supersede. A list must begin later, so no circle of them passes."""
    return tuple(problem for name, _ in entries(root, "price_lists") for problem in _contradictions(root, name))


def series_warnings(written: Configuration, today: date) -> Iterator[ConfigWarning]:
    """Lists without prices for today, days between two lists, and contracts that stay with an outdated list."""
    lists = written.price_lists
    successors = {it.supersedes: key for key, it in lists.items() if it.supersedes is not None}
    for key, prices in lists.items():
        earlier = None if prices.supersedes is None else lists[prices.supersedes]
        if key not in successors and not _priced(key, written, today):
            field = "effective_from" if today < prices.effective_from else "effective_to"
            what = "the price list is not in force today: costs by it will be unknown, never 0"
            yield ("price_lists", key, field), what, "Enter the prices of today as a new list and name it in the contract."
        if earlier is not None and earlier.effective_to is not None and earlier.effective_to < prices.effective_from:
            what = (
                f"no list is in force from {earlier.effective_to} to {prices.effective_from}: "
                "costs of these days will be unknown, never 0"
            )
            yield ("price_lists", key, "effective_from"), what, f"Let '{prices.supersedes}' end when this one begins."
    for key, contract in written.contracts.items():
        successor = successors.get(contract.price_list)
        if successor is not None and lists[successor].effective_from <= today:
            what = f"'{contract.price_list}' is superseded by '{successor}' since {lists[successor].effective_from}"
            yield ("contracts", key, "price_list"), what, f"Write '{successor}': days before that stay with the older list."


def _priced(key: str | None, written: Configuration, on: date) -> bool:
    """Whether the list, or the one of its series that answers for that day, is in force then."""
    while key is not None:
        prices = written.price_lists[key]
        if prices.effective_from <= on:
            return prices.in_force(on)
        key = prices.supersedes
    return False


def _contradictions(root: Node, name: str) -> Iterator[Problem]:
    path: Path = ("price_lists", name, "supersedes")
    node, earlier = find(root, path), text_at(root, path)
    if node is None or earlier is None or find(root, ("price_lists", earlier)) is None:
        return
    begin, earlier_begin = (_day(root, it, "effective_from") for it in (name, earlier))
    earlier_end = _day(root, earlier, "effective_to")
    if begin is not None and earlier_begin is not None and begin <= earlier_begin:
        what = f"the list {shown(node)} does not begin before '{name}': the one on {earlier_begin}, the other on {begin}"
        yield node.at.problem(path, what, "A list supersedes one that began before it: correct a day, or remove this line.")
    if begin is not None and earlier_end is not None and begin < earlier_end:
        what = f"the lists {shown(node)} and '{name}' overlap: the one ends on {earlier_end}, the other begins on {begin}"
        yield node.at.problem(path, what, f"Remove the effective_to of {shown(node)}, or write {begin} there.")
    currencies = [text_at(root, ("price_lists", it, "currency")) for it in (name, earlier)]
    if None not in currencies and currencies[0] != currencies[1]:
        what = f"the list {shown(node)} is in another currency than '{name}'"
        yield node.at.problem(path, what, "A list supersedes one in its own currency: give each currency a list and a contract.")


def _day(root: Node, name: str, field: str) -> date | None:
    """What is no day is reported where it stands."""
    try:
        return date.fromisoformat(text_at(root, ("price_lists", name, field)) or "")
    except ValueError:
        return None
