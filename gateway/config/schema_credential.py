"""Where a secret is found, as it is written."""

from typing import Self

from pydantic import model_validator

from gateway.config.field import EnvironmentName, Prose, mistake
from gateway.config.written import Written


class Credential(Written):
    """Where the provider's key is found: exactly one of the two. The key itself never stands in the configuration."""

    env: EnvironmentName | None = None
    """Name of the environment variable that holds it."""
    file: Prose | None = None
    """File that holds it, relative to this file's folder."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise mistake("needs exactly one of env and file", "Write env: NAME or file: PATH.")
        return self
