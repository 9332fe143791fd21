"""The image tool of Responses with the official Python SDK: `python python_responses.py BASE_URL KEY`. Prints JSON."""

import base64
import hashlib
import json
import sys

import openai

TOOL = {"type": "image_generation", "size": "1024x1024", "quality": "low", "partial_images": 1}
WISH = {"model": "gpt-5.5", "input": "An owl reading by lamplight", "tools": [TOOL]}


def images(response) -> list[str]:
    """The images' hashes."""
    drawn = [item.result for item in response.output if item.type == "image_generation_call"]
    return [hashlib.sha256(base64.b64decode(result)).hexdigest() for result in drawn]


def main() -> None:
    """Ask once whole and once as a stream."""
    with openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0) as client:
        raw = client.responses.with_raw_response.create(**WISH)
        whole = raw.parse()
        with client.responses.stream(**WISH) as stream:
            types = [event.type for event in stream]
            final = stream.get_final_response()
    found = {
        "whole": {"images": images(whole), "text": whole.output_text, "member": whole.model_extra["gateway"]},
        "contract": raw.headers["x-gateway-contract"],
        "stream": {"images": images(final), "text": final.output_text, "member": final.model_extra["gateway"]},
        "types": types,
    }
    sys.stdout.write(json.dumps(found))


main()
