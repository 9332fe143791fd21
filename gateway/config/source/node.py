"""The configuration as it was written: values, each with its place in a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway.config.problem import Path, Position

Scalar = str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it begins. ``hidden``: it came from the environment and must not be shown.

    ``broken``: it could not be read, which has been reported already.
    """

    value: "Scalar | tuple[Node, ...] | Mapping[str, Member]"
    at: Position
    hidden: bool = False
    broken: bool = False

    def members(self) -> "Mapping[str, Member]":
        """The members of a mapping; none for anything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    def member(self, key: str) -> "Node | None":
        """The value under ``key``; ``None`` where there is none."""
        found = self.members().get(key)
        return None if found is None else found.node

    def items(self) -> "tuple[Node, ...]":
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    def text(self) -> str | None:
        """The value of a text; ``None`` for anything else."""
        return self.value if isinstance(self.value, str) and not self.broken else None

    def plain(self) -> object:
        """The value without places: dictionaries, tuples and scalars."""
        if isinstance(self.value, Mapping):
            return {key: member.node.plain() for key, member in self.value.items()}
        if isinstance(self.value, tuple):
            return tuple(item.plain() for item in self.value)
        return self.value


@dataclass(frozen=True, slots=True)
class Member:
    """One ``key: value`` of a mapping and where the key begins."""

    key_at: Position
    node: Node


def entries(root: Node, section: str) -> Iterator[tuple[str, Member]]:
    """The ids of a section and what is written under them."""
    node = root.member(section)
    if node is not None:
        yield from node.members().items()


def find(root: Node, path: Path) -> Node | None:
    """The value at ``path``; ``None`` where the path leaves what was written."""
    node: Node | None = root
    for part in path:
        if node is None:
            return None
        if isinstance(part, int):
            items = node.items()
            node = items[part] if part < len(items) else None
        else:
            node = node.member(part)
    return node


def key_position(root: Node, path: Path) -> Position:
    """Where the key of ``path`` is, or that of the nearest parent that was written; a list's item is where it begins."""
    while path:
        parent = find(root, path[:-1])
        last = path[-1]
        if parent is not None and isinstance(last, str) and last in parent.members():
            return parent.members()[last].key_at
        if parent is not None and isinstance(last, int) and last < len(parent.items()):
            return parent.items()[last].at
        path = path[:-1]
    return root.at
