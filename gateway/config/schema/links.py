"""Images that come as links, as it is written."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.config.schema.field import Seconds, mistake
from gateway.config.schema.written import Written
from gateway.core.contract.links import Deliver

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise mistake(
            "is not the name of a host", "Write imgen.example.com, or *.example.com for all below; no scheme and no path."
        )
    return value


HostName = Annotated[str, AfterValidator(_host)]


class Links(Written):
    """What becomes of images that a provider returns as links."""

    deliver: Annotated[Deliver, Field(strict=False)] = Deliver.URL
    """'url' passes the link on as it came; 'b64' fetches the image and passes it on as b64_json."""
    hosts: Annotated[tuple[HostName, ...], Field(max_length=32)] = ()
    """With 'b64': from which hosts, such as imgen.x.ai, or *.example.com for all below; https on port 443 only."""
    image_bytes_max: Annotated[int, Field(ge=1024, le=1024**3)] = 50 * 1024 * 1024
    """How large one image may be."""
    image_s_max: Annotated[Seconds, Field(gt=0, le=600)] = 60.0
    """How long fetching one may take, in seconds."""
    loopback: bool = False
    """Only for drills and tests: links may lead to this machine, without TLS."""

    @model_validator(mode="after")
    def _from_somewhere(self) -> Self:
        if self.deliver is Deliver.B64 and not self.hosts and not self.loopback:
            raise mistake("fetches images and names no host", "List under hosts where the provider's links lead.")
        return self
