"""``gateway keys``: make a key for an app. The configuration holds only its hash."""

import hashlib
import secrets
import string
from typing import Annotated

import typer

_ALPHABET = string.ascii_letters + string.digits
_RANDOM_CHARS = 43  # 256 bits


def keys(app: Annotated[str, typer.Argument(help="The app's id in the configuration.")]) -> None:
    """Make a new key for an app: shown once, with the line that the configuration needs."""
    key = f"igw_{app}_{''.join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))}"
    typer.echo(f"key, for the app's OPENAI_API_KEY (not stored anywhere):\n  {key}\n")
    typer.echo(f"line for the configuration, under apps.{app}.keys:\n  - sha256: {hashlib.sha256(key.encode()).hexdigest()}")
