"""A credential that cannot be printed by accident."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """Holds a credential's text; ``repr`` and ``str`` never show it."""

    text: str = field(repr=False)

    def reveal(self) -> str:
        """The text itself. Call it only where the credential goes on the wire."""
        return self.text

    def __str__(self) -> str:
        return "***"
