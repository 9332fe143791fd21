"""What this provider has received, and what it would bill."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from gateway.simulator.submission import Submission
from gateway.simulator.usage import Tokens

# A data URL of an edit can have 20 MB; a prompt is kept whole.
TEXT_CHARS_KEPT_MAX = 40_000
REQUESTS_KEPT_MAX = 10_000


@dataclass(slots=True)
class _Count:
    requests: int = 0
    images: int = 0
    tokens: Tokens = field(default_factory=Tokens)

    def as_json(self) -> dict[str, Any]:
        return {"requests": self.requests, "images": self.images, "tokens": asdict(self.tokens)}


@dataclass(slots=True)
class Stats:
    """``requests`` are all that came to an image endpoint; those of a model are the billed ones."""

    _total: _Count = field(default_factory=_Count)
    _by_model: dict[str, _Count] = field(default_factory=dict)
    _by_request: dict[str, int] = field(default_factory=dict)
    _last_request: dict[str, Any] | None = None

    def arrive(self) -> None:
        """A request has come."""
        self._total.requests += 1

    def note(self, headers: Mapping[str, str], submission: Submission) -> None:
        """Keep the last request for inspection."""
        self._last_request = {
            "headers": dict(headers),
            "fields": {name: _shortened(value) for name, value in submission.members.items()},
            "files": [
                {
                    "name": upload.name,
                    "filename": upload.filename,
                    "content_type": upload.content_type,
                    "bytes": len(upload.data),
                    "sha256": sha256(upload.data).hexdigest(),
                }
                for upload in submission.files
            ],
        }

    def bill(self, model: str, images: int, tokens: Tokens, client_request_id: str) -> None:
        """Images were made: they cost, whether or not the answer arrives. The latest are also counted by what asked for them."""
        if client_request_id:
            self._by_request[client_request_id] = self._by_request.pop(client_request_id, 0) + images
            if len(self._by_request) > REQUESTS_KEPT_MAX:
                del self._by_request[next(iter(self._by_request))]
        self._total.images += images
        self._total.tokens += tokens
        count = self._by_model.setdefault(model, _Count())
        count.requests += 1
        count.images += images
        count.tokens += tokens

    def as_json(self) -> dict[str, Any]:
        """The answer of the control endpoint."""
        models = {model: count.as_json() for model, count in sorted(self._by_model.items())}
        found = self._total.as_json() | {"by_model": models, "last_request": self._last_request}
        return found | {"images_by_request": self._by_request}

    def reset(self) -> None:
        """Begin anew."""
        self._total, self._by_model, self._by_request, self._last_request = _Count(), {}, {}, None


def _shortened(value: object) -> object:
    match value:
        case str() if len(value) > TEXT_CHARS_KEPT_MAX:
            return f"{value[:64]}… ({len(value)} characters)"
        case list():
            return [_shortened(item) for item in value]
        case dict():
            return {name: _shortened(item) for name, item in value.items()}
        case _:
            return value
