"""Where a secret is found, as it is written."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.config.schema.field import EnvironmentName, Line, Prose, Seconds, mistake
from gateway.config.schema.written import Written


class Credential(Written):
    """Where a secret is found: exactly one of the two. The secret itself never stands in the configuration."""

    env: EnvironmentName | None = None
    """Name of the environment variable that holds it."""
    file: Prose | None = None
    """File that holds it, relative to this file's folder."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise mistake("needs exactly one of env and file", "Write env: NAME or file: PATH.")
        return self


class Command(Written):
    """A program that prints the key, run when the gateway starts and again before the key ends."""

    run: Annotated[tuple[Line, ...], Field(min_length=1, max_length=64)]
    """The program and its arguments, as a list; no shell is involved, and secrets do not belong here."""
    member: Line | None = None
    """Of the JSON object that it prints, the member that holds the key; absent: all that it prints is the key."""
    ends: Line | None = None
    """The member that says when the key ends, in seconds since 1970; it is replaced five minutes before."""
    refresh_s: Annotated[Seconds, Field(ge=30, le=86_400)] = 1_800.0
    """It is run again after so long at the latest, in seconds."""
    timeout_s: Annotated[Seconds, Field(gt=0, le=120)] = 30.0
    """How long it may take, in seconds; then it is ended."""

    @model_validator(mode="after")
    def _ends_of_an_object(self) -> Self:
        if self.ends is not None and self.member is None:
            raise mistake("has ends and no member", "Write member: NAME too, or leave ends out.")
        return self


class ProviderCredential(Written):
    """Where the provider's key is found: exactly one of the three. The key itself never stands in the configuration."""

    env: EnvironmentName | None = None
    """Name of the environment variable that holds it."""
    file: Prose | None = None
    """File that holds it, relative to this file's folder."""
    command: Command | None = None
    """Program that prints it, for keys that end."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(it is not None for it in (self.env, self.file, self.command)) != 1:
            raise mistake("needs exactly one of env, file and command", "Write env: NAME, file: PATH or command: {run: [...]}.")
        return self
