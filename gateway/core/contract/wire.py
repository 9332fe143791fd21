"""Where a provider's version of OpenAI's wire format differs from OpenAI's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import quote

Scalar = str | int | bool
NO_MEMBERS: Mapping[str, Scalar] = MappingProxyType({})


class Auth(StrEnum):
    """How the key is sent: as ``authorization: Bearer KEY``, as ``api-key: KEY``, or not at all."""

    BEARER = "bearer"
    API_KEY = "api_key"
    NONE = "none"


class ModelIn(StrEnum):
    """Where the upstream model's name stands: in the body, or in the path, as in ``deployments/NAME/images/generations``."""

    BODY = "body"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Wire:
    """``api_version`` is sent as the query ``api-version``, empty where there is none. ``headers`` go with every request.

    ``members`` are added to every body that has not got them: to a form as texts, ``true`` for a truth value.
    ``reports_cost`` is the currency of the ``usage.cost`` of its answers, empty where nothing is known of such a member.
    """

    auth: Auth = Auth.BEARER
    api_version: str = ""
    model_in: ModelIn = ModelIn.BODY
    members: Mapping[str, Scalar] = field(default_factory=lambda: NO_MEMBERS)
    headers: tuple[tuple[str, str], ...] = ()
    reports_cost: str = ""

    def path_of(self, endpoint: str, upstream_model: str) -> str:
        """Relative to the base URL, without the query."""
        return endpoint if self.model_in is ModelIn.BODY else f"deployments/{quote(upstream_model, safe='')}/{endpoint}"

    def body_model(self, upstream_model: str) -> str | None:
        """What the body calls the model; ``None`` where it must not name one."""
        return upstream_model if self.model_in is ModelIn.BODY else None


OPENAI = Wire()
