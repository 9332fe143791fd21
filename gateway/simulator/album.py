"""Pictures that are looked at by a link for a while: the newest few."""

import base64
import json
import secrets
from collections import OrderedDict

from starlette.requests import Request
from starlette.responses import Response

KEPT_MAX = 64


class Album:
    """Each picture has a path that nobody guesses."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def linked(self, answer: bytes, base_url: str) -> bytes:
        """The same answer with links in the place of images."""
        body = json.loads(answer)
        body["data"] = [{"url": f"{base_url}pictures/{self._kept(item['b64_json'])}"} for item in body["data"]]
        return json.dumps(body).encode()

    async def show(self, request: Request) -> Response:
        """The picture; 404 where it is not kept any more."""
        picture = self._pictures.get(request.path_params["name"])
        return Response(status_code=404) if picture is None else Response(picture, media_type="image/png")

    def _kept(self, picture: str) -> str:
        name = secrets.token_hex(16)
        self._pictures[name] = base64.b64decode(picture)
        while len(self._pictures) > KEPT_MAX:
            self._pictures.popitem(last=False)
        return name
