"""How one simulated provider behaves."""

from dataclasses import dataclass

DEFAULT_NAME = "simulated-openai"
DEFAULT_ORGANIZATION = "org-simulated"


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """``key`` is the only accepted API key, ``None`` accepts any; ``latency_ms`` is how long one answer takes to make.

    ``transparent_preview``: whether the account has gpt-image-2's preview of transparent backgrounds.
    """

    name: str = DEFAULT_NAME
    organization: str = DEFAULT_ORGANIZATION
    project: str | None = None
    key: str | None = None
    latency_ms: int = 0
    transparent_preview: bool = False
