"""The demo's application: the official OpenAI SDK, unmodified, pointed at the gateway."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

# The key of the app `demo-storefront` in config/gateway.yaml, which knows its hash.
DEMO_KEY = "igw_demo_0000_not_a_secret"
_WISHES = (
    ("gpt-image-2", "A lighthouse above a calm sea at dawn"),
    ("gpt-image-2.5-flare", "A red fox asleep under autumn birches"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image as the app got it: where it was written, and the tag it came with."""

    model: str
    path: Path
    headers: dict[str, str]
    cost: str


async def draw(base_url: str, folder: Path) -> Sequence[Picture]:
    """Ask for two images of two models and write them into ``folder``."""
    async with AsyncOpenAI(base_url=base_url, api_key=DEMO_KEY) as client:
        return await asyncio.gather(*(_picture(client, model, prompt, folder) for model, prompt in _WISHES))


async def _picture(client: AsyncOpenAI, model: str, prompt: str, folder: Path) -> Picture:
    answer = await client.images.with_raw_response.generate(
        model=model, prompt=prompt, size="1024x1024", quality="low", extra_headers={"x-gateway-tag": "campaign=demo"}
    )
    images = answer.parse()
    path = folder / f"{model}.png"
    path.write_bytes(base64.b64decode((images.data or [])[0].b64_json or ""))
    member: Any = (images.model_extra or {})["gateway"]
    return Picture(model, path, dict(answer.headers), member["cost"])
