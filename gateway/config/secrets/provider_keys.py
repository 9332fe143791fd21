"""The providers' keys, from environment variables, files or commands. No problem ever shows one."""

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from shutil import which

from pydantic import ValidationError

from gateway.config.problem import Path, Position, Problem
from gateway.config.schema.credential import Command
from gateway.config.secrets.token_command import CommandFailed, TokenCommand, Tokens
from gateway.config.source.node import Node, entries
from gateway.core.secret import Secret

KEY_BYTES_MAX = 64 * 1024
_KEY = re.compile(r"[!-~]+")
_CONVENTIONAL = re.compile(r"[A-Z][A-Z0-9_]{0,60}")


class _Unusable(Exception):
    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def read_credentials(
    root: Node, environment: Mapping[str, str], tokens: Tokens | None = None
) -> tuple[dict[str, Secret], tuple[Problem, ...]]:
    """The key of each provider whose key can be had, and a problem for each other. Faulty forms are the schema's to report.

    Without ``tokens`` no command is run: who asks no provider needs no key.
    """
    found: dict[str, Secret] = {}
    problems: list[Problem] = []
    commands: set[TokenCommand] = set()
    for name, member in entries(root, "providers"):
        path: Path = ("providers", name, "credential")
        credential = member.node.member("credential")
        node = None if credential is None else credential.member("command")
        if node is None:
            secret, unusable = read_secret(credential, path, environment)
        else:
            command = _command(node)
            commands.update(() if command is None else (command,))
            secret, unusable = _from_command(command, node, (*path, "command"), tokens)
        problems += unusable
        if secret is not None:
            found[name] = secret if tokens is None else tokens.remembered(name, secret)
    if tokens is not None:
        tokens.keep(commands)
    return found, tuple(problems)


def _command(node: Node) -> TokenCommand | None:
    """``None`` where its form is faulty."""
    try:
        written = Command.model_validate(node.plain())
    except ValidationError:
        return None
    return TokenCommand(written.run, written.member or "", written.ends or "", written.refresh_s, written.timeout_s)


def _from_command(
    command: TokenCommand | None, node: Node, path: Path, tokens: Tokens | None
) -> tuple[Secret | None, tuple[Problem, ...]]:
    if command is None:
        return None, ()
    at = (node.member("run") or node).at
    if which(command.run[0]) is None:
        return None, (at.problem((*path, "run"), "there is no such program", "Install it, or write its whole path."),)
    try:
        return None if tokens is None else _secret(tokens.text(command), "what the command prints", "the provider's key"), ()
    except CommandFailed as failed:
        fix = "Run it by hand, as the gateway's user, to see why."
        return None, (at.problem((*path, "run"), f"the command gives no key: {failed}", fix),)
    except _Unusable as error:
        return None, (at.problem((*path, "run"), error.what, error.fix),)


def read_secret(
    credential: Node | None, path: Path, environment: Mapping[str, str], whose: str = "the provider's key"
) -> tuple[Secret | None, tuple[Problem, ...]]:
    """The secret that ``credential``, which stands at ``path``, leads to; or why none. ``whose`` is what people call it."""
    if credential is None or len(credential.members()) != 1:
        return None, ()
    [(kind, member)] = credential.members().items()
    written = member.node.text()
    if written is None or kind not in ("env", "file"):
        return None, ()
    try:
        found = (
            _from_environment(member.node, environment, whose) if kind == "env" else _from_file(written, member.node.at, whose)
        )
    except _Unusable as error:
        return None, (member.node.at.problem((*path, kind), error.what, error.fix),)
    return found, ()


def key_files(root: Node) -> tuple[FilePath, ...]:
    """The files that the providers' keys are read from, whether or not they can be."""
    owners = (member.node for _, member in entries(root, "providers"))
    nodes = (_file_node(owner.member("credential")) for owner in owners)
    return tuple(FilePath(node.at.file).parent / (node.text() or "") for node in nodes if node is not None and node.text())


def _file_node(credential: Node | None) -> Node | None:
    return None if credential is None else credential.member("file")


def _from_environment(node: Node, environment: Mapping[str, str], whose: str) -> Secret:
    name = node.text() or ""
    if name not in environment:
        # Some will have written the key itself here: only what surely is a name is repeated.
        shown = f"variable {name}" if _CONVENTIONAL.fullmatch(name) and not node.hidden else "variable of this name"
        raise _Unusable(f"the environment {shown} is not set", f"Set it to {whose} before the gateway starts.")
    return _secret(environment[name], "this environment variable", whose)


def _from_file(name: str, at: Position, whose: str) -> Secret:
    try:
        with (FilePath(at.file).parent / name).open("rb") as file:
            content = file.read(KEY_BYTES_MAX)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        fix = f"The path is relative to the folder of {at.file}; the gateway needs permission to read it."
        raise _Unusable(f"the key's file cannot be read: {reason}", fix) from error
    return _secret(content.decode("utf-8", "replace"), "the key's file", whose)


def _secret(text: str, place: str, whose: str) -> Secret:
    key = text.strip()
    if not key:
        raise _Unusable(f"{place} is empty", f"Put {whose} there.")
    if not _KEY.fullmatch(key):
        raise _Unusable(f"{place} holds more than one word of plain letters", f"Put only {whose} there, on one line.")
    return Secret(key)
