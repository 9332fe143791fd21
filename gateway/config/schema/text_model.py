"""The text model of a route that serves Responses, as it is written."""

from typing import Annotated

from pydantic import Field

from gateway.config.schema.field import Name
from gateway.config.schema.written import Written


class TextModel(Written):
    """The model that is asked, and calls the image model as its tool."""

    name: Name
    """Its name at the provider, and in the price list."""
    output_tokens_max: Annotated[int, Field(ge=16, le=1_000_000)]
    """The most that it may write in one response, reasoning included; requests that want more go elsewhere."""
    image_tokens_max: Annotated[int, Field(ge=1, le=100_000)]
    """The most input tokens that one image takes of it, by the provider's documentation: it counts for what is reserved."""
