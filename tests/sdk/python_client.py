"""An application with the official Python SDK, of whatever version runs this: `python python_client.py BASE_URL KEY`.

Prints as JSON what it got, for the test that started it.
"""

import asyncio
import base64
import hashlib
import json
import sys

import openai

WISH = {"model": "gpt-image-2", "prompt": "An owl reading by lamplight", "size": "1024x1024", "quality": "low"}


def described(answer) -> dict:
    """One parsed answer and its head."""
    parsed = answer.parse()
    return {
        "images": [hashlib.sha256(base64.b64decode(image.b64_json)).hexdigest() for image in parsed.data],
        "size": parsed.size,
        "usage_total": parsed.usage.total_tokens,
        "member": parsed.model_extra["gateway"],
        "headers": dict(answer.headers),
        "request_id": parsed._request_id,
    }


def error_of(client: openai.OpenAI, **changes) -> dict:
    """The exception that a changed wish raises."""
    try:
        client.images.generate(**(WISH | changes))
    except openai.APIStatusError as error:
        return {
            "class": type(error).__name__,
            "status": error.status_code,
            "code": error.code,
            "param": error.param,
            "message": error.message,
            "owner": error.response.headers["x-gateway-owner"],
        }
    return {}


async def asynchronous(options: dict) -> dict:
    """The asynchronous client."""
    async with openai.AsyncOpenAI(**options) as client:
        return described(await client.images.with_raw_response.generate(**WISH))


def main() -> None:
    """Every way an application may call."""
    options = {"base_url": sys.argv[1], "api_key": sys.argv[2], "max_retries": 0}
    found = {"version": openai.__version__, "async": asyncio.run(asynchronous(options))}
    with openai.OpenAI(**options) as client:
        found["sync"] = described(client.images.with_raw_response.generate(**WISH))
        found["several"] = described(client.images.with_raw_response.generate(**(WISH | {"n": 2, "output_format": "webp"})))
        found["models"] = [model.id for model in client.models.list()]
        found["model"] = client.models.retrieve("gpt-image-2").id
        found["bad_n"] = error_of(client, n=11)
        found["bad_size"] = error_of(client, size="100x100")
        found["bad_model"] = error_of(client, model="gpt-image-9")
        found["bad_key"] = error_of(client.with_options(api_key="igw_wrong_not_a_secret"))
    with openai.OpenAI(**options, _strict_response_validation=True) as client:
        found["strict"] = described(client.images.with_raw_response.generate(**WISH))
        found["strict_models"] = [model.id for model in client.models.list()]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
