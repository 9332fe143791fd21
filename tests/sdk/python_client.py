"""An application with the official Python SDK, of whatever version runs this: `python python_client.py BASE_URL KEY MASK_FILE`.

Prints as JSON what it got, for the test that started it.
"""

import asyncio
import base64
import hashlib
import json
import pathlib
import sys

import openai

WISH = {"model": "gpt-image-2", "prompt": "An owl reading by lamplight", "size": "1024x1024", "quality": "low"}


def described(answer) -> dict:
    """One parsed answer and its head."""
    parsed = answer.parse()
    return {
        "images": [digest(image.b64_json) for image in parsed.data],
        "size": parsed.size,
        "usage_total": parsed.usage.total_tokens,
        "member": parsed.model_extra["gateway"],
        "headers": dict(answer.headers),
        "request_id": parsed._request_id,
    }


def streamed(answer) -> dict:
    """The events of a stream and its head."""
    events = list(answer.parse())
    final = events[-1]
    return {
        "types": [event.type for event in events],
        "image": digest(final.b64_json),
        "usage_total": sum(event.usage.total_tokens for event in events if event.type.endswith("completed")),
        "member": final.model_extra["gateway"],
        "headers": dict(answer.headers),
    }


def edits(client: openai.OpenAI) -> dict:
    """A made image, edited: alone with a mask, several at once, and streamed."""
    made = [base64.b64decode(image.b64_json) for image in client.images.generate(**(WISH | {"n": 2})).data]
    one = client.images.with_raw_response.edit(image=("owl.png", made[0]), mask=pathlib.Path(sys.argv[3]), **WISH)
    several = client.images.with_raw_response.edit(image=[("a.png", made[0]), ("b.png", made[1])], **WISH)
    stream = client.images.with_raw_response.edit(image=made[1], stream=True, partial_images=1, **WISH)
    return {
        "sent": [hashlib.sha256(image).hexdigest() for image in made],
        "one": described(one),
        "several": described(several),
        "stream": streamed(stream),
    }


def digest(b64_json: str) -> str:
    """Of the image's own bytes."""
    return hashlib.sha256(base64.b64decode(b64_json)).hexdigest()


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
        found["stream"] = streamed(client.images.with_raw_response.generate(**WISH, stream=True, partial_images=2))
        found["stream_of_two"] = streamed(client.images.with_raw_response.generate(**WISH, n=2, stream=True))
        found["edits"] = edits(client)
        found["models"] = [model.id for model in client.models.list()]
        found["model"] = client.models.retrieve("gpt-image-2").id
        found["bad_n"] = error_of(client, n=11)
        found["bad_stream"] = error_of(client, stream=True, size="100x100")
        found["bad_size"] = error_of(client, size="100x100")
        found["bad_model"] = error_of(client, model="gpt-image-9")
        found["bad_key"] = error_of(client.with_options(api_key="igw_wrong_not_a_secret"))
    with openai.OpenAI(**options, _strict_response_validation=True) as client:
        found["strict"] = described(client.images.with_raw_response.generate(**WISH))
        found["strict_models"] = [model.id for model in client.models.list()]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
