"""Protection from paying twice, as it is written: for how long requests are remembered, and where their answers are kept."""

from typing import Annotated

from pydantic import Field

from gateway.config.schema.credential import Credential
from gateway.config.schema.field import Prose
from gateway.config.schema.written import Written


class Idempotency(Written):
    """For how long requests are remembered, so that none is paid twice; 'duplicates' of an app says which are the same."""

    keys_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = 86_400
    """How long an Idempotency-Key counts after its request has ended, in seconds; then it may be used anew."""
    window_s: Annotated[int, Field(ge=10, le=86_400)] = 600
    """How long after its end a request without a key is found again by its body, in seconds."""
    names_max: Annotated[int, Field(ge=1_000, le=10_000_000)] = 200_000
    """How many keys and bodies this process remembers, where no Redis does; one takes about 1 kB, and the oldest go first."""


class Results(Written):
    """Answers, with their images, kept on disk for a while to be given again; 'results: false' of an app switches it off."""

    folder: Prose | None = None
    """Where, relative to the folder in which the gateway starts; absent means 'results' beside the ledger. Replicas may share."""
    ttl_s: Annotated[int, Field(ge=10, le=7 * 86_400)] = 900
    """For how long, in seconds."""
    bytes_max: Annotated[int, Field(ge=1024 * 1024, le=1024**5)] = 2 * 1024**3
    """How many bytes in all; beyond it, the oldest go first."""
    result_bytes_max: Annotated[int, Field(ge=1024, le=1024**4)] = 256 * 1024 * 1024
    """Largest answer that is kept, in bytes: ten images of 2160x3840 in base64 have about that."""
    key: Credential | None = None
    """A secret of 32 characters or more that encrypts them (AES-256-GCM); absent means that they lie there as they passed."""
