"""Keys that are no secrets: this repository publishes them, for demonstrations on one's own machine."""

from collections.abc import Iterator, Mapping

from gateway.config.checks.references import text_at
from gateway.config.problem import Path, Problem
from gateway.config.source.node import Node, entries, key_position
from gateway.core.contract.address import loopback
from gateway.core.secret import Secret

# By their hashes: igw_demo_…, igw_newsroom_… (config/gateway.yaml) and igw_bench_0000_not_a_secret (bench).
APP_KEYS_SHA256 = frozenset({
    "21869d5b5c219ac0818334d6583fcfa67621f9d9cc3256245bcf71d6eab34c68",
    "8309249bb8af518522dddf2172f1e433a8366d4ebc209e83162664f6602b072c",
    "651e2c93515e49dac258c4f271dab5580ff3bd968b546580f0e4cce5c0cc7a51",
})  # fmt: skip
PROVIDER_KEYS = frozenset({"sk-simulated-openai-not-a-secret", "sk-simulated-atlas-not-a-secret"})


def check_published(root: Node, credentials: Mapping[str, Secret]) -> tuple[Problem, ...]:
    """Published keys where other hosts reach the data plane: whoever knows this repository could call in an app's name."""
    host = text_at(root, ("server", "host"))
    return () if host is None or loopback(host) else (*_of_apps(root), *_of_providers(root, credentials))


def _of_apps(root: Node) -> Iterator[Problem]:
    for name, member in entries(root, "apps"):
        keys = member.node.member("keys")
        for index, key in enumerate(() if keys is None else keys.items()):
            node = key.member("sha256")
            if node is not None and (node.text() or "").lower() in APP_KEYS_SHA256:
                path: Path = ("apps", name, "keys", index, "sha256")
                what = "the key is published with the demo, and server.host lets other hosts call with it"
                fix = f"Make one of your own: gateway keys {name}. Or listen on 127.0.0.1."
                yield node.at.problem(path, what, fix)


def _of_providers(root: Node, credentials: Mapping[str, Secret]) -> Iterator[Problem]:
    for name, secret in credentials.items():
        if secret.reveal() in PROVIDER_KEYS:
            path: Path = ("providers", name, "credential")
            what = "the key is published with the demo, for providers that are simulated, and server.host lets other hosts call"
            yield key_position(root, path).problem(path, what, "Name a key of your own. Or listen on 127.0.0.1.")
