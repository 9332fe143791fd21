"""A credential that cannot be printed by accident."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """Holds a credential's text; ``repr`` and ``str`` never show it. ``former`` are those it has replaced, the latest first."""

    text: str = field(repr=False)
    former: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def reveal(self) -> str:
        """The text itself. Call it only where the credential goes on the wire."""
        return self.text

    def __str__(self) -> str:
        return "***"
