"""Imagen on Vertex AI: the request and the answer are litellm's, the token is the provider's credential.

litellm 1.110.2 would fetch tokens itself, through a package that keeps keys of service accounts and asks metadata servers. Here
the credential is an access token, which a command prints (``gcloud auth print-access-token``) and the gateway replaces.
"""

from typing import Any

from litellm.llms.custom_httpx.http_handler import HTTPHandler
from litellm.llms.vertex_ai.image_generation import get_vertex_ai_image_generation_config
from litellm.llms.vertex_ai.image_generation.image_generation_handler import VertexImageGeneration
from litellm.types.utils import ImageResponse

from gateway.core.snapshot import ProviderSettings
from gateway.providers.litellm_logging import Silent
from gateway.providers.litellm_parameters import Wish

VENDOR = "vertex_ai"


def vertex_made(provider: ProviderSettings, wish: Wish, client: HTTPHandler) -> Any:
    """See ``litellm_call.made``."""
    model = wish.model.partition("/")[2]
    words = get_vertex_ai_image_generation_config(model).map_openai_params(dict(wish.words), {}, model, drop_params=False)
    there: Any = {
        "api_base": provider.base_url or None,
        "vertex_project": provider.options.get("vertex_project"),
        "vertex_location": provider.options.get("vertex_location"),
        "vertex_credentials": None,
    }
    generation = _Generation(provider.credential.reveal())
    silent: Any = Silent()
    return generation.image_generation(
        wish.prompt,
        **there,
        model_response=ImageResponse(),
        logging_obj=silent,
        model=model,
        client=client,
        optional_params=words,
    )


class _Generation(VertexImageGeneration):
    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def _ensure_access_token(self, credentials: object, project_id: str | None, custom_llm_provider: object) -> tuple[str, str]:
        return self._token, project_id or ""
