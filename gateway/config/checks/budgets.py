"""Checks of budgets: whose they are must be known, and what they count must be in their currency."""

from collections.abc import Iterator

from gateway.config.checks.references import shown, text_at
from gateway.config.problem import Path, Problem
from gateway.config.source.node import Node, entries, find
from gateway.config.suggestion import suggestion
from gateway.core.budget import ANY, Scope


def check_budgets(root: Node) -> tuple[Problem, ...]:
    """Subjects that nobody has, and what an app or team can pay in a currency that none of its budgets counts."""
    return (*_unknown_subjects(root), *_currencies(root))


def _unknown_subjects(root: Node) -> Iterator[Problem]:
    teams = {team for name, _ in entries(root, "apps") if (team := text_at(root, ("apps", name, "team")))}
    known = {
        Scope.APP: {name for name, _ in entries(root, "apps")},
        Scope.TEAM: teams,
        Scope.CONTRACT: {name for name, _ in entries(root, "contracts")},
    }
    for key, scope, node in _subjects(root):
        name = node.text()
        if name is not None and name != ANY and name not in known[scope]:
            what = f"{shown(node)} is no {scope} of this configuration"
            yield node.at.problem(("budgets", key, scope.value), what, suggestion(name, known[scope], kind=f"{scope}s"))


def _currencies(root: Node) -> Iterator[Problem]:
    """An app or a team may reach any contract that it is not kept from; a contract's budget counts that one only.

    Nothing is converted: where contracts bill in several currencies, each needs a budget of its own.
    """
    subjects = list(_subjects(root))
    for key, scope, node in subjects:
        path: Path = ("budgets", key, "currency")
        at, subject = find(root, path), node.text() or ""
        if at is None:
            continue
        beside = {
            text_at(root, ("budgets", other, "currency"))
            for other, its_scope, it in subjects
            if its_scope is scope and it.text() in (subject, ANY)
        }
        for contract in sorted(_contracts(root, scope, subject)):
            billed = text_at(root, ("contracts", contract, "billing", "currency"))
            if billed is not None and billed not in beside:
                what = f"the budget counts {shown(at)}, but it pays for the contract '{contract}', which bills in {billed}"
                fix = (
                    f"Add a budget of the same {scope} in {billed}, or list only contracts of its currency in apps.ID.contracts."
                )
                yield at.at.problem(path, what, fix)
                break


def _contracts(root: Node, scope: Scope, subject: str) -> set[str]:
    every = {name for name, _ in entries(root, "contracts")}
    if scope is Scope.CONTRACT:
        return every if subject == ANY else every & {subject}
    found: set[str] = set()
    for name, member in entries(root, "apps"):
        owner = name if scope is Scope.APP else text_at(root, ("apps", name, "team"))
        if subject in (ANY, owner):
            allowed = member.node.member("contracts")
            found |= every if allowed is None else {text for it in allowed.items() if (text := it.text()) is not None}
    return found & every


def _subjects(root: Node) -> Iterator[tuple[str, Scope, Node]]:
    for key, member in entries(root, "budgets"):
        for scope in Scope:
            node = member.node.member(scope.value)
            if node is not None:
                yield key, scope, node
