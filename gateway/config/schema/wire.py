"""Where a provider's version of OpenAI's wire format differs from OpenAI's own, as it is written."""

from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StringConstraints

from gateway.config.schema.field import Currency, Line, mistake
from gateway.config.schema.written import Written
from gateway.core.contract import openrouter
from gateway.core.contract.wire import Auth, ModelIn

# What the gateway writes itself, or what would change where the request ends.
_OWN_HEADERS = frozenset({
    "authorization", "api-key", "host", "content-type", "content-length", "transfer-encoding", "connection", "accept",
    "accept-encoding", "user-agent", "x-client-request-id", "openai-organization", "openai-project", "expect", "upgrade", "te",
    "trailer", "cookie",
})  # fmt: skip
# What callers ask for, and the capabilities of a route say.
_CALLERS = frozenset({"model", "prompt", "n", "size", "quality", "image", "images", "mask", "stream", "partial_images"})


def _foreign_header(name: str) -> str:
    if name in _OWN_HEADERS:
        raise mistake(f"'{name}' is written by the gateway itself", "Leave it out.")
    return name


def _extra_member(name: str) -> str:
    if name in _CALLERS:
        raise mistake(f"'{name}' is the caller's to say", "Leave it out, or narrow the route's capabilities.")
    return name


HeaderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$"), AfterValidator(_foreign_header)]
MemberName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$"), AfterValidator(_extra_member)]
MemberValue = StrictBool | StrictInt | Line


class Wire(Written):
    """Options of the dialect 'openai', and members and headers of 'openrouter'. Each is needed by some server."""

    auth: Annotated[Auth, Field(strict=False)] = Auth.BEARER
    """'bearer' sends 'authorization: Bearer KEY', 'api_key' sends 'api-key: KEY' (Azure), 'none' no key."""
    api_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    """Sent as the query 'api-version' (Azure)."""
    model_in: Annotated[ModelIn, Field(strict=False)] = ModelIn.BODY
    """'path' puts the upstream model into the path (deployments/NAME/images/…) instead of the body, as Azure's deployments do."""
    members: Annotated[dict[MemberName, MemberValue], Field(max_length=16)] = Field(default_factory=dict)
    """Added to each request that has not got them, such as response_format: b64_json where links would come otherwise."""
    headers: Annotated[dict[HeaderName, Line], Field(max_length=16)] = Field(default_factory=dict)
    """Sent with each request; lower case. No secret belongs here."""
    reports_cost: Currency | None = None
    """The currency of usage.cost in its answers, where that says what it bills: booked as reported, before the price list."""


def reported_currency(dialect: str, wire: Wire) -> str:
    """In which currency the answers of such a provider say what they cost; empty where they are not known to."""
    return openrouter.CURRENCY if dialect == openrouter.DIALECT else wire.reports_cost or ""
