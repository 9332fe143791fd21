"""How servers that call themselves compatible differ from OpenAI: by the key's header, the model's place, what they return."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request

from gateway.simulator.auth import authorize
from gateway.simulator.refusal import Refusal
from gateway.simulator.submission import Submission


@dataclass(frozen=True, slots=True)
class Face:
    """``prefix`` stands before ``/images/…``, ``models`` is the list's path.

    The key is looked for in ``key_header``, else as a bearer's; ``open`` wants none. ``deployments``: the model is named in the
    path and nowhere else. ``links``: without ``response_format: b64_json`` it answers with links to its pictures.
    """

    prefix: str = "/v1"
    models: str = "/v1/models"
    key_header: str = ""
    open: bool = False
    deployments: bool = False
    links: bool = False

    def admit(self, request: Request, key: str | None) -> None:
        """Raises ``Refusal`` for a caller without the key, or without the version of the API where one is needed."""
        if self.deployments and not request.query_params.get("api-version"):
            raise Refusal("Resource not found", status=404, code="404")
        if self.open:
            return
        authorize(_as_bearer(request.headers, self.key_header), key)

    def read(self, request: Request, submission: Submission) -> Submission:
        """The submission as OpenAI would have got it; raises ``Refusal`` for what this server does not take."""
        members = dict(submission.members)
        if self.deployments:
            if "model" in members:
                raise Refusal("The model is named by the deployment: leave it out of the body.", param="model")
            members["model"] = request.path_params["deployment"]
        if self.links:
            members.pop("response_format", None)
        return replace(submission, members=members)

    def answers_with_links(self, submission: Submission) -> bool:
        """Whether the caller gets links for this."""
        return self.links and submission.members.get("response_format") != "b64_json"


def _as_bearer(headers: Mapping[str, str], key_header: str) -> Mapping[str, str]:
    key = headers.get(key_header, "") if key_header else ""
    return {"authorization": f"Bearer {key}"} if key else headers


OPENAI = Face()
# Azure's two: the one that is like OpenAI's, and deployments. Both know the key by its own header.
AZURE = Face("/openai/v1", "/openai/v1/models", key_header="api-key")
AZURE_DEPLOYMENTS = Face("/openai/deployments/{deployment}", "/openai/models", key_header="api-key", deployments=True)
# A server in one's own house, and one that returns links unless told otherwise.
OPEN = Face("/open/v1", "/open/v1/models", open=True)
LINKS = Face("/links/v1", "/links/v1/models", links=True)
FACES = (OPENAI, AZURE, AZURE_DEPLOYMENTS, OPEN, LINKS)
