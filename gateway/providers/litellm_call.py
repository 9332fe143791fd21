"""The calls of litellm. Importing this imports it, which takes seconds: only the bridge does, in a thread."""

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import httpx  # noqa: TID251 -- litellm's own client
from litellm import exceptions, image_edit, image_generation
from litellm.llms.custom_httpx.http_handler import HTTPHandler
from litellm.types.router import GenericLiteLLMParams
from litellm.types.utils import ImageResponse

from gateway.core.contract.bridged import vendor_of
from gateway.core.snapshot import ProviderSettings
from gateway.providers import litellm_flux, litellm_vertex
from gateway.providers.litellm_logging import Silent
from gateway.providers.litellm_parameters import Wish, WishRefused
from gateway.providers.litellm_transport import BoundedTransport

# Without the wrapper that logs, caches, calls back and tries again, and keeps answers for as long as it likes.
_generated: Callable[..., Any] = unwrap(image_generation)
_edited: Callable[..., Any] = unwrap(image_edit)


def build() -> None:
    """Make the types that calls use, which takes a part of a second."""
    for model in (GenericLiteLLMParams, ImageResponse):
        model.model_rebuild()


def made(provider: ProviderSettings, wish: Wish, http: httpx.Client, transport: BoundedTransport) -> Any:
    """What litellm answers; raises whatever litellm does, and ``WishRefused``. It takes as long as the provider does."""
    client = HTTPHandler(client=http)
    if vendor_of(wish.model) == litellm_flux.VENDOR:
        return litellm_flux.flux_made(provider, wish, client, transport)
    if vendor_of(wish.model) == litellm_vertex.VENDOR:
        return litellm_vertex.vertex_made(provider, wish, client)
    options: dict[str, Any] = dict(provider.options)
    options |= {"api_key": provider.credential.reveal()} | ({"api_base": url} if (url := provider.base_url) else {})
    options |= {"timeout": provider.timeouts.total_s, "num_retries": 0, "max_retries": 0, "drop_params": False, "client": client}
    options["litellm_logging_obj"] = Silent()
    try:
        if not wish.images:
            return _generated(prompt=wish.prompt, model=wish.model, **wish.words, **options)
        mask = {} if wish.mask is None else {"mask": wish.mask}
        return _edited(image=list(wish.images), prompt=wish.prompt, model=wish.model, **mask, **wish.words, **options)
    except exceptions.UnsupportedParamsError as error:
        named = next((it for it in (*wish.words, "mask") if it in str(error)), "model")
        raise WishRefused(f"Unknown parameter: '{named}'. The provider of this model has no word for it.", named) from error
