"""The gateway's own secrets, from environment variables or files: what signs, and what encrypts kept answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config.problem import Problem
from gateway.config.secrets.provider_keys import read_secret
from gateway.config.source.node import Node, find
from gateway.core.secret import Secret

RESULTS_KEY_CHARS_MIN = 32
_SIGNING, _RESULTS = ("signing", "key"), ("results", "key")


@dataclass(frozen=True, slots=True)
class OwnSecrets:
    """Each is ``None`` where none is configured, or it cannot be had: then there is a problem."""

    signing: Secret | None = None
    results: Secret | None = None


NO_SECRETS = OwnSecrets()


def read_own_secrets(root: Node, environment: Mapping[str, str]) -> tuple[OwnSecrets, tuple[Problem, ...]]:
    """Those that are configured and can be had, and a problem for each other."""
    signing, unusable = _signing_key(root, environment)
    results, unsafe = _results_key(root, environment)
    return OwnSecrets(signing, results), (*unusable, *unsafe)


def _signing_key(root: Node, environment: Mapping[str, str]) -> tuple[Secret | None, tuple[Problem, ...]]:
    node = find(root, _SIGNING)
    secret, problems = read_secret(node, _SIGNING, environment, "the private key that signs")
    if node is None or secret is None:
        return None, problems
    # Only where something is signed: the library takes 0.1 s to import.
    from gateway.signing import NoSigningKey, Signer  # noqa: PLC0415

    try:
        Signer(secret.reveal())
    except NoSigningKey as error:
        [(kind, member)] = node.members().items()
        return None, (member.node.at.problem((*_SIGNING, kind), str(error), "Make one with 'gateway ledger key'."),)
    return secret, ()


def _results_key(root: Node, environment: Mapping[str, str]) -> tuple[Secret | None, tuple[Problem, ...]]:
    node = find(root, _RESULTS)
    secret, problems = read_secret(node, _RESULTS, environment, "the secret that encrypts results")
    if node is None or secret is None or len(secret.reveal()) >= RESULTS_KEY_CHARS_MIN:
        return secret, problems
    fix = "Make one with 'openssl rand -hex 32'."
    return None, (node.at.problem(_RESULTS, f"the secret is shorter than {RESULTS_KEY_CHARS_MIN} characters", fix),)
