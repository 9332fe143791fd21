"""A public model at a provider, under a contract, as it is written."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.config.schema.catalogue import Capabilities
from gateway.config.schema.field import Id, Name, mistake
from gateway.config.schema.links import Links
from gateway.config.schema.text_model import TextModel
from gateway.config.schema.written import Written
from gateway.core.request.images import Operation
from gateway.core.snapshot import RouteState


class Route(Written):
    """A public model at a provider, under a contract."""

    model: Id
    """The model that apps ask for."""
    provider: Id
    """Id of the provider that makes the images."""
    upstream_model: Name
    """The model's name at the provider."""
    contract: Id
    """Id of the contract under which they are made."""
    state: Annotated[RouteState, Field(strict=False)] = RouteState.ACTIVE
    """Only an active route takes new requests; a draining one finishes what it has."""
    operations: Annotated[tuple[Annotated[Operation, Field(strict=False)], ...], Field(min_length=1, max_length=4)] = (
        Operation.GENERATION,
        Operation.EDIT,
    )
    """What the provider serves for this model; 'variation' only where it stands here (OpenAI retired it), 'response' alone."""
    capabilities: Capabilities | None = None
    """What this route supports, where that is less than the catalogue says of its upstream model: it narrows, never widens."""
    links: Links = Links()
    """What becomes of images that this route's provider returns as links."""
    text_model: TextModel | None = None
    """With operations: [response]: the model that apps ask at POST /v1/responses; upstream_model is its image tool's."""
    require_ready: bool = False
    """true: it takes no request before 'gateway ready ROUTE --live' has found it ready, and none once a walk found it not."""
    ready_days_max: Annotated[int, Field(ge=1, le=365)] = 30
    """For how many days such a proof counts."""

    @model_validator(mode="after")
    def _with_a_text_model(self) -> Self:
        responds = Operation.RESPONSE in self.operations
        if responds and len(self.operations) > 1:
            raise mistake(
                "serves Responses and the Images API, which ask for it by different models",
                "Write operations: [response] here, and a second route for the rest.",
            )
        if responds != (self.text_model is not None):
            what = "serves Responses without a text_model" if responds else "has a text_model and does not serve Responses"
            raise mistake(what, "Write operations: [response] and text_model: together, or neither.")
        return self
