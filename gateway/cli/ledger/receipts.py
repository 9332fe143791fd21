"""``gateway receipts``: does a receipt hold, and is it about these images."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.app.configuration import load_config
from gateway.cli.ledger.verify import keys_of, keys_of_file
from gateway.cli.terminal.failing import failing_clearly
from gateway.cli.terminal.option import ConfigOption
from gateway.core.ledger.receipt import KIND
from gateway.signing import BadSignature, verified

PIECE_BYTES = 1024 * 1024
_RECEIPT = re.compile(r"[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def verify(
    receipt: Annotated[str, typer.Argument(help="The receipt, or a file that holds it.")],
    images: Annotated[
        list[Path] | None, typer.Option("--image", help="An image file that it should be about; repeat it.")
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="Public keys: a copy of /.well-known/jwks.json; else those of the configuration.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print what a receipt says: exit 0 where its signature holds and the images are its own, 1 where one does not."""
    try:
        claims = verified(_text(receipt), _keys(jwks, config), KIND)
    except BadSignature as error:
        typer.echo(f"gateway: the receipt is not valid: {error}.", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(claims, indent=2, ensure_ascii=False))
    known = claims.get("images_sha256", [])
    strangers = [path for path in images or () if _sha256(path) not in known]
    for path in strangers:
        typer.echo(f"gateway: {path} is none of its images.", err=True)
    if strangers:
        raise typer.Exit(1)


def _text(receipt: str) -> str:
    if _RECEIPT.fullmatch(receipt):
        return receipt
    try:
        return Path(receipt).read_text().strip()
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"It is no receipt, and no file that can be read: {error}", param_hint="RECEIPT") from error


def _keys(jwks: Path | None, config: Path | None) -> Mapping[str, Any]:
    if jwks is not None:
        return keys_of_file(jwks)
    with failing_clearly():
        keys = keys_of(load_config(config).settings.signing)
    if keys is None:
        raise typer.BadParameter("The configuration has no signing key. Name the public keys.", param_hint="--jwks")
    return keys


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}", param_hint="--image") from error
    return digest.hexdigest()
