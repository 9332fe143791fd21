"""The providers' keys, from environment variables or files. No problem ever shows one."""

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.config.node import Node, entries
from gateway.config.problem import Position, Problem
from gateway.core.secret import Secret
from gateway.signing import NoSigningKey, Signer

KEY_BYTES_MAX = 64 * 1024
_KEY = re.compile(r"[!-~]+")
_CONVENTIONAL = re.compile(r"[A-Z][A-Z0-9_]{0,60}")


class _Unusable(Exception):
    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def read_credentials(root: Node, environment: Mapping[str, str]) -> tuple[dict[str, Secret], tuple[Problem, ...]]:
    """The key of each provider whose key can be had, and a problem for each other. Faulty forms are the schema's to report."""
    found: dict[str, Secret] = {}
    problems = []
    for name, member in entries(root, "providers"):
        credential = member.node.member("credential")
        if credential is None or len(credential.members()) != 1:
            continue
        for kind in credential.members():
            node = credential.member(kind)
            written = node.text() if node is not None else None
            if node is None or written is None or kind not in ("env", "file"):
                continue
            try:
                found[name] = _from_environment(node, environment) if kind == "env" else _from_file(written, node.at)
            except _Unusable as error:
                problems.append(node.at.problem(("providers", name, "credential", kind), error.what, error.fix))
    return found, tuple(problems)


def read_signing_key(root: Node, environment: Mapping[str, str]) -> tuple[Secret | None, tuple[Problem, ...]]:
    """The private key that signs, ``None`` where none is configured or it cannot be had: then there is a problem."""
    signing = root.member("signing")
    key = None if signing is None else signing.member("key")
    for kind in ("env", "file") if key is not None else ():
        node = key.member(kind) if key is not None else None
        if node is None or (written := node.text()) is None:
            continue
        path = ("signing", "key", kind)
        try:
            secret = _from_environment(node, environment) if kind == "env" else _from_file(written, node.at)
            Signer(secret.reveal())
        except _Unusable as error:
            return None, (node.at.problem(path, error.what, error.fix),)
        except NoSigningKey as error:
            return None, (node.at.problem(path, str(error), "Make one with 'gateway ledger key'."),)
        return secret, ()
    return None, ()


def key_files(root: Node) -> tuple[Path, ...]:
    """The files that the providers' keys are read from, whether or not they can be."""
    nodes = (_file_node(member.node) for _, member in entries(root, "providers"))
    return tuple(Path(node.at.file).parent / (node.text() or "") for node in nodes if node is not None and node.text())


def _file_node(provider: Node) -> Node | None:
    credential = provider.member("credential")
    return None if credential is None else credential.member("file")


def _from_environment(node: Node, environment: Mapping[str, str]) -> Secret:
    name = node.text() or ""
    if name not in environment:
        # Some will have written the key itself here: only what surely is a name is repeated.
        shown = f"variable {name}" if _CONVENTIONAL.fullmatch(name) and not node.hidden else "variable of this name"
        raise _Unusable(f"the environment {shown} is not set", "Set it to the provider's key before the gateway starts.")
    return _secret(environment[name], "this environment variable")


def _from_file(name: str, at: Position) -> Secret:
    try:
        with (Path(at.file).parent / name).open("rb") as file:
            content = file.read(KEY_BYTES_MAX)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        fix = f"The path is relative to the folder of {at.file}; the gateway needs permission to read it."
        raise _Unusable(f"the key's file cannot be read: {reason}", fix) from error
    return _secret(content.decode("utf-8", "replace"), "the key's file")


def _secret(text: str, place: str) -> Secret:
    key = text.strip()
    if not key:
        raise _Unusable(f"{place} is empty", "Put the provider's key there.")
    if not _KEY.fullmatch(key):
        raise _Unusable(f"{place} holds more than one word of plain letters", "Put only the provider's key there, on one line.")
    return Secret(key)
